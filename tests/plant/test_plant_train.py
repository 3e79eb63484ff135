"""Training and diagnosing: the artefact comes back whole, recordings are read as a store's are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plant_rig import rig_task

from faultsyn.errors import InputError
from faultsyn.experiment import Task
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose, diagnose_all
from faultsyn.plant.posed import Posed
from faultsyn.plant.recorded import measured
from faultsyn.plant.training import train_diagnoser
from faultsyn.store import Recording, Store, StreamData
from faultsyn.windows import WindowSet


def test_a_diagnoser_comes_back_with_equal_verdicts(
    diagnoser: Diagnoser, artefact: Path, rig: Path
) -> None:
    again = Diagnoser.load(artefact)
    assert again.classes == ("ball", "inner", "normal", "outer")
    first = [made.as_json() for made in diagnose(diagnoser, [rig])]
    assert first == [made.as_json() for made in diagnose(again, [rig])]
    assert len(first) == 4 * 2 * 4
    for made in first:
        assert made["windows"] == 11
        assert sum(made["probabilities"].values()) == pytest.approx(1)
        assert made["probability"] == max(made["probabilities"].values())
        assert made["label"] in made["prediction_set"]
        assert made["said"] == made["recording"].split("-")[0]


def test_synthetic_windows_are_marked_and_never_calibrate(diagnoser: Diagnoser) -> None:
    support = diagnoser.fitted.support
    assert int(support.synthetic.sum()) == 3 * 4
    told = diagnoser.provenance["train"]
    assert sum(told["windows"].values()) == int((~support.synthetic).sum())
    assert diagnoser.confidence.measured["held_out_windows"] == sum(told["windows"].values())


def test_a_fold_is_never_seen(task: Task, tmp_path: Path) -> None:
    made = train_diagnoser(task, "none", "nearest-mean", fold=1, cache=tmp_path / "arrays")
    told = made.provenance["train"]
    assert told["fold"].startswith("fold 1")
    seen = set(told["seen"]["columns"]["asset"])
    held = {"ball-00", "ball-01", "inner-00", "inner-01", "outer-00", "outer-01"} - seen
    assert held
    assert all(name in told["fold"] for name in held)


@pytest.mark.parametrize("samples", [1024, 1000])
def test_windows_are_those_of_a_store(rig: Path, samples: int) -> None:
    task = rig_task(rig, window={"samples": samples, "rate": 6000, "channels": ["DE", "FE"]})
    with Store(rig) as store:
        spec_rows = store.windows(_posed(task).spec, np.array([3]))
        theirs = spec_rows.read()
        ours = measured(store.recording(3), _posed(task)).windows
    assert ours is not None
    np.testing.assert_array_equal(ours.x, theirs.x)
    for name in ("start", "start_sample", "rpm", "bearing", "recording"):
        np.testing.assert_array_equal(ours.table[name], theirs.table[name])


def _posed(task: Task) -> Posed:
    channels = len(task.window.channels)
    return Posed(task, ("g",) * channels, ((12000.0,),) * channels, {})


def _recording(rate: float = 12000.0, unit: str = "g", channel: str = "DE", n: int = 4096):
    x = np.sin(np.arange(n) * 0.3).astype(np.float32)[:, None]
    stream = StreamData("v", x, rate, (channel,), ("acceleration",), (unit,))
    return Recording("r", "", (stream,), "r.csv", "0" * 64, {"rpm": 1797.0, "bearing": "6205"})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rate": 6000.0}, "recorded at 6000 Hz, the diagnoser needs 12000 Hz"),
        ({"unit": "m/s2"}, "is in m/s2, the diagnoser was trained on g"),
        ({"channel": "XX"}, "no channel 'DE'; it has XX"),
        ({"n": 512}, "s long, a window is"),
    ],
)
def test_what_does_not_match_is_refused(task: Task, given: dict[str, object], says: str) -> None:
    found = measured(_recording(**given), _posed(task))  # type: ignore[arg-type]
    assert found.windows is None
    assert says in found.problem


def test_a_rate_of_a_rounded_time_column_counts_as_the_training_rate(task: Task) -> None:
    found = measured(_recording(rate=11999.6), _posed(task))
    assert found.windows is not None
    assert len(found.windows) == 4


def test_nan_costs_its_windows_only(task: Task) -> None:
    recording = _recording()
    recording.streams[0].samples[1500, 0] = np.nan  # type: ignore[index]
    found = measured(recording, _posed(task))
    assert isinstance(found.windows, WindowSet)
    assert found.windows.table["start_sample"].tolist() == [0, 2048, 3072]
    assert found.notes == ["1 of 4 windows left out: NaN or infinity"]


def test_files_get_the_verdicts_of_their_recordings(
    artefact: Path, rig: Path, files: tuple[Path, Path]
) -> None:
    folder, card = files
    diagnoser = Diagnoser.load(artefact)
    of_store = {made.recording: made for made in diagnose(diagnoser, [rig])}
    found = list(diagnose(diagnoser, [folder], card=card))
    assert len(found) == 4
    with Store(rig) as store:
        for made in found:
            id = str(store.recordings["id"][int(made.recording.split("-")[-1])])
            assert made.status == "ok"
            assert made.label == of_store[id].label
            assert made.probability == pytest.approx(of_store[id].probability, abs=0.02)
            assert len(made.sha256) == 64


def test_one_file_far_below_the_folder_that_its_card_speaks_of(
    artefact: Path, files: tuple[Path, Path]
) -> None:
    folder, card = files
    one = sorted(folder.glob("*.npy"))[0]
    (made,) = diagnose(Diagnoser.load(artefact), [one], card=card)
    assert made.recording == one.stem


def test_a_corrupt_file_is_reported_and_the_rest_goes_on(
    artefact: Path, files: tuple[Path, Path]
) -> None:
    folder, card = files
    broken = folder / "inner-1797-900.npy"
    broken.write_bytes(b"\x93NUMPY\x01\x00garbage")
    (folder / "readme.txt").write_text("not a recording")
    found = diagnose_all(Diagnoser.load(artefact), [folder], card=card)
    status = {made["recording"]: made["status"] for made in found["verdicts"]}
    assert len(status) == 5
    assert [name for name, said in status.items() if said == "refused"] == [broken.stem]
    assert found["unmatched"] == ["readme.txt"]
    (refused,) = [made for made in found["verdicts"] if made["status"] == "refused"]
    assert str(broken) in refused["reason"]


@pytest.mark.parametrize(
    ("paths", "card", "says"),
    [
        (["nowhere"], None, "no such file"),
        ([], None, "nothing to diagnose"),
        (["."], None, "give --card"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_read(
    diagnoser: Diagnoser, paths: list[str], card: str | None, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        list(diagnose(diagnoser, paths, card=card))


def test_one_window_of_each_fault_states_no_confidence(
    task: Task, rig: Path, tmp_path: Path
) -> None:
    made = train_diagnoser(task, "none", "nearest-mean", k=1, cache=tmp_path / "arrays")
    assert made.confidence.level == "none"
    again = Diagnoser.load(made.save(tmp_path / "one"))
    found = diagnose_all(again, [rig])["verdicts"]
    assert all(one["prediction_set"] is None for one in found)
    assert all(one["verdict"] == one["label"] for one in found)
    assert all(one["unknown_limit"] is None for one in found)


@pytest.mark.slow
def test_a_network_on_windows_with_synthetic_ones(rig: Path, tmp_path: Path) -> None:
    preset = tmp_path / "small-cnn.yaml"
    preset.write_text(
        "kind: classifier\nmethod: cnn\n"
        "config: {width: 8, dim: 8, steps: 3, batch: 8}\nabout: small\n"
    )
    task = rig_task(rig, cap={"columns": ["recording"], "n": 2})
    made = train_diagnoser(
        task, "cycle-bootstrap", preset, n_synthetic=2, cache=tmp_path / "arrays"
    )
    assert made.fitted.learnt.n_samples == 1024
    assert int(made.fitted.support.synthetic.sum()) == 3 * 2
    again = Diagnoser.load(made.save(tmp_path / "net"))
    first = [one.as_json() for one in diagnose(made, [rig])]
    second = [one.as_json() for one in diagnose(again, [rig])]
    assert [one["probability"] for one in first] == pytest.approx(
        [one["probability"] for one in second]
    )
    assert {one["status"] for one in first} == {"ok"}
