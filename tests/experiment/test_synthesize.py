"""Stores of synthetic windows: what they hold, their passports, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rig_stores import SAMPLES, make_rig, rig_task

from faultsyn import api
from faultsyn.errors import InputError
from faultsyn.experiment.synthesize import synthesize_artifact, synthesize_windows
from faultsyn.experiment.training import adapt_generator, pretrain_generator
from faultsyn.store import Store, WindowSpec, validate
from faultsyn.synth.physics_safe import PhysicsSafe
from faultsyn.windows import WindowSet

FAULTS = ["inner", "outer", "ball"]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_rig(tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="module")
def made(rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    done = synthesize_windows(
        rig_task(rig), "oversample", folder / "y.h5", k=3, n=7, gate=False, cache=folder
    )
    assert done.counts == dict.fromkeys(FAULTS, 7)
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


def samples(path: Path) -> bytes:
    with Store(path) as store:
        return store.windows(WindowSpec(SAMPLES, 12000.0, ("DE",))).read().x.tobytes()


def test_three_steps_write_what_one_go_writes(rig: Path, tmp_path: Path) -> None:
    task, cache = rig_task(rig), tmp_path / "cache"
    pretrain_generator(task, "cycle-bootstrap", tmp_path / "x", seed=3, cache=cache)
    adapt_generator(tmp_path / "x", task, tmp_path / "y", k=2, seed=3, cache=cache)
    steps = synthesize_artifact(tmp_path / "y", tmp_path / "y.h5", n=4, seed=3, cache=cache)
    whole = synthesize_windows(
        task, "cycle-bootstrap", tmp_path / "z.h5", k=2, n=4, seed=3, cache=cache
    )
    assert steps.counts == whole.counts
    assert samples(tmp_path / "y.h5") == samples(tmp_path / "z.h5")
    with Store(tmp_path / "y.h5") as store:
        (weights,) = set(store.passports["weights_hash"].tolist())
        assert len(weights) == 16
        seen = json.loads(store.history[-1])["seen"]
    with Store(rig) as real:
        healthy = real.recordings["id"][real.recordings["label"] == "normal"].tolist()
    assert sorted(seen["pretrain"]) == sorted(healthy)
    assert len(seen["adapt"]) == len({p[0] for m in steps.classes.values() for p in _shots(m)})


def _shots(made: Any) -> list[tuple[str, float]]:
    table = made.shots.table
    return list(zip(table["recording"].tolist(), table["start"].tolist(), strict=True))


def test_an_artefact_makes_the_classes_that_it_knows_from_the_store_that_it_knows(
    rig: Path, tmp_path: Path
) -> None:
    task, cache = rig_task(rig), tmp_path / "cache"
    pretrain_generator(task, "physics-safe", tmp_path / "x", cache=cache)
    with pytest.raises(InputError, match="not adapted to any shots"):
        synthesize_artifact(tmp_path / "x", tmp_path / "y.h5", n=2, cache=cache)
    adapt_generator(tmp_path / "x", task, tmp_path / "y", k=1, labels=("ball",), cache=cache)
    with pytest.raises(InputError, match="not adapted to outer; there are ball"):
        synthesize_artifact(tmp_path / "y", tmp_path / "y.h5", n=2, labels=("outer",), cache=cache)
    made = synthesize_artifact(tmp_path / "y", tmp_path / "y.h5", n=2, cache=cache)
    assert made.counts == {"ball": 2}
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "rig.h5"
    api.simulate(other, assets=2, seconds=1.0, seed=1)
    with pytest.raises(InputError, match="not the recordings that"):
        synthesize_artifact(tmp_path / "y", tmp_path / "y.h5", store=other, n=2, cache=cache)


def test_the_gate_refuses_copies_and_counts_them(rig: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no window of oversample was accepted: copy of a shot 27"):
        synthesize_windows(rig_task(rig), "oversample", tmp_path / "y.h5", n=3, cache=tmp_path)
    assert not (tmp_path / "y.h5").exists()


def test_rejected_windows_are_drawn_again_and_the_passport_says_so(
    rig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = PhysicsSafe._sample

    def half_broken(self: PhysicsSafe, n: int, rng: Any, label: str) -> WindowSet:
        made = usual(self, n, rng, label)
        made.x[::2] *= 50
        return made

    monkeypatch.setattr(PhysicsSafe, "_sample", half_broken)
    made = synthesize_windows(
        rig_task(rig), "physics-safe", tmp_path / "y.h5", n=6, labels=("inner",), cache=tmp_path
    )
    inner = made.classes["inner"]
    assert inner.accepted == 6
    assert inner.drawn == 6 + sum(inner.rejected.values())
    assert inner.rejected["level"] >= 5
    with Store(tmp_path / "y.h5") as store:
        passports = store.passports
        assert set(passports["accepted"].tolist()) == {6}
        assert json.loads(str(passports["rejected"][0])) == dict(inner.rejected)
        assert np.all(passports["similarity"] < 1)
        assert len(set(passports["psd_distance"].tolist())) == 6
        peak = np.abs(store.windows(WindowSpec(SAMPLES, 12000.0, ("DE",))).read().x).max()
    assert peak < 10 * np.abs(inner.shots.x).max()
