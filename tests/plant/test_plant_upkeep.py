"""One fault more, a new baseline, and both taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from plant_rig import rig_task

from faultsyn import api
from faultsyn.diagnose import build_classifier
from faultsyn.errors import InputError
from faultsyn.plant.baseline import ALL, Baseline, level_statistics
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose
from faultsyn.plant.states import States
from faultsyn.plant.training import train_diagnoser
from faultsyn.store import Recording, Store, StoreWriter
from faultsyn.windows import WindowSet


def _part(rig: Path, out: Path, label: str, **columns: float) -> Path:
    """The rig's recordings of one label, as a store."""
    with Store(rig) as store, StoreWriter(out) as writer:
        for row in np.flatnonzero(store.recordings["label"] == label):
            one = store.recording(int(row))
            writer.add(
                Recording(
                    one.id, "", one.streams, one.source_file, one.source_sha256,
                    {**one.columns, **columns},
                )
            )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def three(rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diagnoser that never saw a ball fault."""
    folder = tmp_path_factory.mktemp("three")
    task = rig_task(rig, label={"classes": ["normal", "inner", "outer"]})
    made = train_diagnoser(task, "none", "nearest-mean", cache=folder / "arrays")
    return made.save(folder / "model")


@pytest.fixture
def copied(three: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three, tmp_path / "model"))


def test_a_fault_is_added_shown_kept_and_taken_back(
    rig: Path, copied: Path, tmp_path: Path
) -> None:
    before = (copied / "weights.safetensors").read_bytes()
    balls = _part(rig, tmp_path / "balls.h5", "ball")
    seen = []
    refused = api.add_fault(
        copied, label="ball", windows=balls, confirm=lambda effect: bool(seen.append(effect))
    )
    assert refused["kept"] is False
    assert (copied / "weights.safetensors").read_bytes() == before
    kept = api.add_fault(copied, label="ball", windows=balls)
    assert kept["classes"] == seen[0]["classes"]
    assert set(kept["classes"]) == {"normal", "inner", "outer", "ball"}
    assert kept["classes"]["ball"]["before"] is None
    assert 0 <= kept["false_alarms"]["after"] <= 1
    grown = Diagnoser.load(copied)
    assert grown.classes == ("ball", "inner", "normal", "outer")
    assert grown.provenance["added"][0]["label"] == "ball"
    called = [made.label for made in diagnose(grown, [balls])]
    assert called.count("ball") > len(called) / 2
    told = api.undo(copied)
    assert told["classes"] == ["inner", "normal", "outer"]
    assert (copied / "weights.safetensors").read_bytes() == before
    with pytest.raises(InputError, match="nothing to undo"):
        api.undo(copied)


def test_two_changes_are_taken_back_one_by_one(rig: Path, copied: Path, tmp_path: Path) -> None:
    balls = _part(rig, tmp_path / "balls.h5", "ball")
    healthy = _part(rig, tmp_path / "healthy.h5", "normal")
    api.add_fault(copied, label="ball", windows=balls)
    api.rebaseline(copied, healthy)
    assert "rebaselined" in Diagnoser.load(copied).provenance
    api.undo(copied)
    assert "rebaselined" not in Diagnoser.load(copied).provenance
    assert "ball" in Diagnoser.load(copied).classes
    api.undo(copied)
    assert "ball" not in Diagnoser.load(copied).classes


@pytest.mark.parametrize("label", ["normal", " "])
def test_healthy_is_no_fault(copied: Path, rig: Path, label: str) -> None:
    with pytest.raises(InputError, match="is no fault"):
        api.add_fault(copied, label=label, windows=rig)


@pytest.mark.parametrize("name", ["prototypical", "cnn", "baseline-plus"])
def test_a_network_learns_a_class_with_its_encoder_untouched(name: str) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(64)
    x = [np.sin(t * f) + 0.1 * rng.standard_normal(64) for f in (0.3, 0.9, 1.8) for _ in range(8)]
    windows = WindowSet(
        np.array(x, np.float32)[:, None], {"label": np.repeat(["a", "b", "c"], 8)}, 100.0, ("c",)
    )
    more = {"base_steps": 20} if name == "baseline-plus" else {}
    made = build_classifier(name, width=8, dim=16, steps=30, **more)
    made.fit(windows.take(slice(0, 16)), rng)
    encoder = {
        key: value.clone()
        for key, value in made.network_.state_dict().items()  # type: ignore[attr-defined]
        if not key.startswith("1.")
    }
    made.extend(windows, rng)
    assert made.classes_ == ("a", "b", "c")
    for key, value in encoder.items():
        assert (made.network_.state_dict()[key] == value).all()  # type: ignore[attr-defined]
    assert (made.predict(windows) == windows.labels).mean() > 0.8


def test_rebaseline_silences_the_warning_of_a_replaced_sensor(
    rig: Path, copied: Path, tmp_path: Path
) -> None:
    """A sensor of three times the sensitivity: amplitude-free features, so the verdict stays."""
    path = tmp_path / "louder.h5"
    with Store(rig) as store, StoreWriter(path) as writer:
        for row in np.flatnonzero(store.recordings["label"] == "normal"):
            one = store.recording(int(row))
            stream = one.streams[0]
            louder = type(stream)(
                stream.stream, 3 * np.asarray(stream.samples), stream.rate, stream.channels,
                stream.quantities, stream.units,
            )  # fmt: skip
            writer.add(Recording(one.id, "", (louder,), "f", one.source_sha256, one.columns))
    before = list(diagnose(Diagnoser.load(copied), [path]))
    drifted = [
        made for made in before if any("most likely healthy, but" in w for w in made.warnings)
    ]
    healthy = [made for made in before if made.label == "normal"]
    assert healthy
    assert len(drifted) == len(healthy)
    assert "DE rms" in drifted[0].warnings[-1] or "deviations" in drifted[0].warnings[-1]
    effect = api.rebaseline(copied, path)
    moved = {row["statistic"]: row for row in effect["states"][ALL]}
    assert moved["rms"]["after"] / moved["rms"]["before"] == pytest.approx(3, rel=0.05)
    after = list(diagnose(Diagnoser.load(copied), [path]))
    assert [made.verdict for made in after] == [made.verdict for made in before]
    assert not any("most likely healthy, but" in w for made in after for w in made.warnings)


def test_a_state_that_was_never_trained_on_is_said(rig: Path, copied: Path, tmp_path: Path) -> None:
    fast = _part(rig, tmp_path / "fast.h5", "normal", load=9.0)
    for made in diagnose(Diagnoser.load(copied), [fast]):
        assert any("outside what was trained on: load 9" in w for w in made.warnings)


def test_states_have_names_by_value_or_range() -> None:
    table = {"load": np.array([0.0, 1.0] * 10), "rpm": np.linspace(1000, 1950, 20)}
    states = States.learn(table, ["load", "rpm", "absent"])
    assert states.name({"load": 1.0, "rpm": 1000.0}).startswith("load 1, rpm 1000 to 12")
    assert states.name({"load": 1.0}) == ALL
    assert states.name({"load": 1.0, "rpm": float("nan")}) == ALL
    assert states.outside({"load": 5.0, "rpm": 1500.0}) == ["load 5 (trained on 0, 1)"]
    assert states.outside({"load": 0.5}) == ["load 0.5 (trained on 0, 1)"]  # between is new too
    assert states.outside({"load": 1.05, "rpm": 2000.0}) == []  # within the margin
    assert states.outside({"rpm": 2500.0}) == ["rpm 2500 (trained on 1000 to 1950)"]
    assert states.outside({"rpm": 1500.0}) == []
    assert States.from_json(states.as_json()) == states


def test_the_baseline_is_the_median_of_its_state() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 2, 256)).astype(np.float32)
    x[20:] *= 5
    table = {"label": np.full(40, "normal"), "load": np.repeat([0.0, 1.0], 20)}
    healthy = WindowSet(x, table, 100.0, ("a", "b"))
    made = Baseline.learn(healthy, States.learn(table, ["load"]))
    assert made.names == (ALL, "load 0", "load 1")
    assert made.counts == (40, 20, 20)
    rms = np.sqrt((x.astype(float) ** 2).mean(axis=2))
    np.testing.assert_allclose(made.centre[1, :, 1], np.median(rms[:20], axis=0), rtol=1e-5)
    levels = level_statistics(x[20:25])
    inside, state = made.deviations(levels, {"load": 1.0})
    assert made.names[state] == "load 1"
    outside, _ = made.deviations(levels, {"load": 0.0})
    assert np.abs(inside).max() < made.limit < np.abs(outside).max()
    again = Baseline.restore(*made.state())
    np.testing.assert_array_equal(again.centre, made.centre)


def test_a_sensor_that_is_mostly_still_does_not_widen_the_limit_of_all() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(10, 0.1, (200, 2, 64)).astype(np.float32)
    x[:, 1] = 0
    x[:30, 1] = rng.normal(10, 0.1, (30, 64))  # moves in 15 % of the healthy windows
    table = {"label": np.full(200, "normal")}
    made = Baseline.learn(WindowSet(x, table, 1.0, ("a", "b")), States.learn({}, []))
    assert made.limit < 10
    drifted = x[:5].copy()
    drifted[:, 0] += 1
    for windows, far in ((x[:5], False), (x[100:105], False), (drifted, True)):
        found, _ = made.deviations(level_statistics(windows), {})
        assert (np.abs(found).max() > made.limit) == far
    # 15 % at 10 and the rest at 0: the quartiles say 0, the outer quantiles 10 / 5.152.
    assert made.spread[0, 1, 0] == pytest.approx(10 / 5.152, rel=0.02)


def test_the_verbs_show_ask_and_keep(rig: Path, copied: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from faultsyn.cli.app import app

    run = CliRunner()
    balls = _part(rig, tmp_path / "balls.h5", "ball")
    added = ["add-fault", str(copied), "--label", "ball", "--windows", str(balls)]
    refused = run.invoke(app, added, input="n\n")
    assert refused.exit_code == 0
    assert "keep it?" in refused.stdout
    assert "false alarms" in refused.stdout
    assert "not kept" in refused.stdout
    assert '"kept": false' in run.invoke(app, [*added, "--json"]).stdout
    kept = run.invoke(app, [*added, "--yes"])
    assert f"kept: {copied}" in kept.stdout.replace("\n", "")
    asked = run.invoke(app, ["diagnose", str(copied), str(balls)])
    assert "ball" in asked.stdout
    back = run.invoke(app, ["undo", str(copied)])
    assert "classes inner, normal, outer" in back.stdout
    healthy = _part(rig, tmp_path / "healthy.h5", "normal")
    moved = run.invoke(app, ["rebaseline", str(copied), str(healthy), "--yes"])
    assert "healthy levels" in moved.stdout
    assert "verdicts on these recordings" in moved.stdout
