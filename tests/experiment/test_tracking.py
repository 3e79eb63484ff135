"""Event files say what the results say, and only when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment import run_study


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_every_score_is_a_point(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    track = tmp_path / "track"
    first = {**tiny_study, "seeds": [0]}
    run_study(first, tmp_path / "out", cache=tmp_path / "cache", track=track)
    results = run_study(tiny_study, tmp_path / "out", cache=tmp_path / "cache", track=track)
    assert {path.name for path in track.iterdir()} == {
        "study", "none + nearest-mean", "none + lda", "diff-aug + nearest-mean", "diff-aug + lda",
    }  # fmt: skip
    points = scalars(track / "diff-aug + lda")["balanced_accuracy/tiny K=4 asset"]
    assert [step for step, _ in points] == list(range(6))  # three folds, two seeds, resumed once
    rows = results.where(generator="diff-aug", classifier="lda", k="4")
    np.testing.assert_allclose(
        sorted(value for _, value in points), sorted(rows["balanced_accuracy"]), rtol=1e-6
    )
    quiet = run_study(tiny_study, tmp_path / "quiet", cache=tmp_path / "cache")
    assert len(quiet) == len(results)
    assert not list((tmp_path / "quiet").rglob("*tfevents*"))


def test_the_report_goes_to_tensorboard(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_study(tiny_study, tmp_path / "out", cache=tmp_path / "cache", track=tmp_path / "track")
    api.report(tmp_path / "out", track=tmp_path / "track")
    events = EventAccumulator(str(tmp_path / "track" / "study")).Reload()
    texts, pictures = events.Tags()["tensors"], events.Tags()["images"]
    assert {text.removesuffix("/text_summary") for text in texts} >= {
        "study.yaml", "environment.json", "summary.md",
    }  # fmt: skip
    assert set(pictures) == {p.stem for p in (tmp_path / "out" / "figures").glob("*.png")} != set()


def test_it_is_imported_only_when_asked_for(
    tiny_study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import faultsyn.experiment, sys; print('tensorboard' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match="needs the package 'tensorboard'"):
        run_study(tiny_study, tmp_path / "out", cache=tmp_path / "cache", track=tmp_path / "t")
