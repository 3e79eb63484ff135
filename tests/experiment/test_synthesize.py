"""Stores of synthetic windows: what they hold, their passports, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rig_stores import SAMPLES, make_rig, rig_task

from faultsyn.errors import InputError
from faultsyn.experiment.synthesize import synthesize_windows
from faultsyn.store import Store, WindowSpec, validate

FAULTS = ["inner", "outer", "ball"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rig(tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="module")
def made(rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    counts = synthesize_windows(
        rig_task(rig), "oversample", folder / "y.h5", k=3, n=7, cache=folder
    )
    assert counts == dict.fromkeys(FAULTS, 7)
    return folder / "y.h5"


def test_the_store_is_sound_and_every_window_has_a_passport(made: Path) -> None:
    assert validate(made) == []
    with Store(made) as store:
        assert store.synthetic.all()
        assert [name for name in FAULTS for _ in range(7)] == store.recordings["label"].tolist()
        assert {"rpm", "bearing", "load"} <= set(store.recordings)
        assert set(store.passports["generator"].tolist()) == {"oversample"}
        assert {"config_hash", "data_hash", "code", "seed", "task"} <= set(store.passports)
        assert json.loads(store.history[-1])["task"]["name"] == "rig-bearing"


def test_the_passport_names_the_shots_and_these_alone_were_used(rig: Path, made: Path) -> None:
    with Store(made) as store, Store(rig) as real:
        labels, passports = store.recordings["label"], store.passports
        spec = WindowSpec(SAMPLES, 12000.0, ("DE",))
        for label in FAULTS:
            rows = np.flatnonzero(labels == label)
            (text,) = set(passports["shots"][np.isin(passports["recording"],
                                                     store.recordings["id"][rows])])  # fmt: skip
            shots = json.loads(text)
            assert len(shots) == 3
            windows = real.windows(spec)
            wanted = [
                (windows.table["recording"] == name) & (windows.table["start"] == start)
                for name, start, _ in shots
            ]
            picked = windows.take(np.any(wanted, axis=0)).read()
            assert set(picked.labels.tolist()) == {label}
            assert all(end - start == pytest.approx(SAMPLES / 12000) for _, start, end in shots)
            # Oversampling repeats its shots, so that every window must be one of them.
            known = {x.tobytes() for x in picked.x}
            assert {x.tobytes() for x in store.windows(spec, rows).read().x} <= known


def test_equal_seeds_write_equal_windows_and_others_do_not(rig: Path, tmp_path: Path) -> None:
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / f"{name}.h5"
        synthesize_windows(
            rig_task(rig),
            "physics-safe",
            out,
            k=2,
            n=3,
            seed=seed,
            labels=("ball",),
            cache=tmp_path,
        )
        with Store(out) as store:
            assert set(store.recordings["label"].tolist()) == {"ball"}
            hashes.append(store.data_hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("generator", "over", "says"),
    [
        ("oversampel", {}, "did you mean 'oversample'"),
        ("lda", {}, "expected a generator"),
        ("diff-aug", {}, "makes feature rows"),
        ("none", {}, "makes no windows"),
        ("oversample", {"labels": ("gear",)}, "no fault class gear; there are inner, outer, ball"),
        ("oversample", {"labels": ("normal",)}, "no fault class normal"),
        ("oversample", {"k": 17}, "has 16 training windows, k = 17"),
        ("oversample", {"n": 0}, "n = 0"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    rig: Path, tmp_path: Path, generator: str, over: dict[str, Any], says: str
) -> None:
    out = tmp_path / "out" / "y.h5"
    with pytest.raises(InputError, match=says):
        synthesize_windows(rig_task(rig), generator, out, cache=tmp_path, **{"n": 2, **over})
    assert not list(tmp_path.glob("out/*"))


def test_real_recordings_are_never_written_over(rig: Path, tmp_path: Path) -> None:
    before = rig.read_bytes()
    with pytest.raises(InputError, match="holds real recordings"):
        synthesize_windows(rig_task(rig), "oversample", rig, n=2, cache=tmp_path)
    assert rig.read_bytes() == before
