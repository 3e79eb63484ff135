"""A study that measures keeps the quality figures of the windows its classifiers saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faultsyn.evaluate.diversity import Diversity
from faultsyn.experiment import measuring
from faultsyn.experiment.measuring import pack_figures, read_figures
from faultsyn.experiment.runner import run_study
from faultsyn.experiment.synthesis import Synthesis
from faultsyn.windows import WindowSet


def test_figures_are_those_of_the_cells_own_windows(
    tiny_study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[WindowSet] = []
    inner = Synthesis._in_signal

    def remembered(self: Synthesis, amounts: dict[str, int]) -> Any:
        both = inner(self, amounts)
        made.append(both[0])
        return both

    monkeypatch.setattr(Synthesis, "_in_signal", remembered)
    monkeypatch.setattr(measuring, "MOST_CLASSES", 1)
    study = {
        **tiny_study,
        "seeds": 1,
        "measures": True,
        "generators": ["none", {"preset": "diff-aug-signal", "n_synthetic": 6}],
    }
    study["tasks"] = [{**tiny_study["tasks"][0], "k": [2]}]
    out = tmp_path / "out"
    run_study(study, out, cache=tmp_path / "cache")
    figures = list(read_figures(out))
    assert len(list((out / "quality").iterdir())) == 3 == len(made)  # one for each fold
    assert {f["generator"] for f in figures} == {"diff-aug-signal"}
    assert {f["label"] for f in figures} == {"inner"}
    assert {f["k"] for f in figures} == {"2"}
    seen = {f["measure"] for f in figures if f["value"] is not None}
    assert {"diversity", "memorisation", "mmd", "psd-distance"} <= seen
    # Made of shots and normals of the training side: among the nearest windows there are.
    alike = [f["value"] for f in figures if f["measure"] == "memorisation"]
    assert all(0.3 < value <= 1.0 for value in alike)
    assert Diversity.name in seen
    published = tmp_path / "published"
    published.mkdir()
    pack_figures(out, published)
    assert list(read_figures(published)) == figures


def test_measuring_can_be_asked_for_by_task(tiny_study: dict[str, Any], tmp_path: Path) -> None:
    study = {**tiny_study, "seeds": 1, "measures": False}
    run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert not (tmp_path / "out" / "quality").exists()
    assert list(read_figures(tmp_path / "out")) == []
