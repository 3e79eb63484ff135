"""Sequences of real recordings (CWRU): healthy ones stay silent, a drifting sensor is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.signal import resample_poly

from faultsyn import api
from faultsyn.experiment import load_task
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose
from faultsyn.plant.training import train_diagnoser
from faultsyn.plant.verdict import UNCLEAR, UNJUDGED, UNKNOWN, Verdict
from faultsyn.store import Recording, StoreWriter, StreamData

pytestmark = pytest.mark.data

RATE, PIECE = 12000.0, 3000
GAINS = np.geomspace(1.0, 1.6, 8)
_FAULT = "12k_Drive_End_Bearing_Fault_Data/IR/007"
DRIFTED, ELSEWHERE = "most likely healthy, but", "outside what was trained on: load"


def _signal(root: Path, name: str) -> np.ndarray:
    """The drive-end channel at 12 kHz; healthy runs come at 48 kHz."""
    file = loadmat(root / "cwru" / name)
    signal = file[next(key for key in file if key.endswith("DE_time"))].ravel()
    return resample_poly(signal, 1, 4) if name.startswith("Normal") else signal


def _write(
    path: Path, pieces: list[np.ndarray], label: str, load: int, writer: StoreWriter
) -> None:
    for number, piece in enumerate(pieces):
        stream = StreamData(
            "vibration", piece[:, None].astype(np.float32), RATE, ("DE",), ("acceleration",), ("g",)
        )
        columns = {
            "load": load, "rpm": (1797, 1772, 1750, 1730)[load], "bearing": "6205",
            "asset": f"{label}-{load}-{number}",
        }  # fmt: skip
        name = f"{label}-{load}-{number}"
        writer.add(Recording(name, label, (stream,), path.name, "0" * 64, columns))


def _pieces(signal: np.ndarray, first: int, count: int) -> list[np.ndarray]:
    return [signal[PIECE * i : PIECE * (i + 1)] for i in range(first, first + count)]


def _sequence(path: Path, pieces: list[np.ndarray], label: str = "normal", load: int = 0) -> Path:
    with StoreWriter(path) as writer:
        _write(path, pieces, label, load, writer)
    return path


@pytest.fixture(scope="module")
def healthy(recordings: Path) -> np.ndarray:
    return _signal(recordings, "Normal/97_Normal_0.mat")


@pytest.fixture(scope="module")
def model(recordings: Path, healthy: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the first half of the healthy run at load 0 and on an inner-race fault there."""
    folder = tmp_path_factory.mktemp("drift")
    path = folder / "cwru.h5"
    with StoreWriter(path) as writer:
        _write(path, _pieces(healthy, 0, 10), "normal", 0, writer)
        _write(path, _pieces(_signal(recordings, f"{_FAULT}/105_0.mat"), 0, 10), "inner", 0, writer)
    task = load_task(
        "rig-bearing", store=str(path), window={"samples": 1000},
        label={"classes": ["normal", "inner"]},
    )  # fmt: skip
    made = train_diagnoser(task, "none", "nearest-mean", cache=folder / "arrays")
    return made.save(folder / "model")


def _verdicts(model: Path, store: Path) -> list[Verdict]:
    return list(diagnose(Diagnoser.load(model), [store]))


def _warned(verdicts: list[Verdict], what: str) -> list[bool]:
    return [any(what in warning for warning in made.warnings) for made in verdicts]


def test_the_healthy_run_goes_on_in_silence(
    model: Path, healthy: np.ndarray, tmp_path: Path
) -> None:
    made = _verdicts(model, _sequence(tmp_path / "rest.h5", _pieces(healthy, 10, 10)))
    assert [one.label for one in made] == ["normal"] * 10
    assert not any(one.warnings for one in made)


def test_a_drifting_gain_is_noticed_and_a_new_baseline_ends_it(
    model: Path, healthy: np.ndarray, tmp_path: Path
) -> None:
    """Features have no amplitude, so the verdict stays while the level leaves the baseline."""
    pieces = [gain * x for gain, x in zip(GAINS, _pieces(healthy, 10, 8), strict=True)]
    sequence = _sequence(tmp_path / "drift.h5", pieces)
    made = _verdicts(model, sequence)
    assert [one.label for one in made] == ["normal"] * len(GAINS)
    warned = _warned(made, DRIFTED)
    first = warned.index(True)
    assert 1 <= first <= 5
    assert all(warned[first:])
    assert "DE rms" in made[-1].warnings[-1]
    after = [GAINS[-1] * x for x in _pieces(healthy, 0, 10)]
    api.rebaseline(model, _sequence(tmp_path / "after.h5", after))
    rest = [GAINS[-1] * x for x in _pieces(healthy, 18, 2)]
    assert not any(_warned(_verdicts(model, _sequence(tmp_path / "later.h5", rest)), DRIFTED))
    api.undo(model)
    assert _warned(_verdicts(model, sequence), DRIFTED) == warned


def test_a_fault_at_other_loads_is_named_by_its_state(
    model: Path, recordings: Path, tmp_path: Path
) -> None:
    """Real files of one bearing at loads 0 to 3: only load 0 was trained on."""
    for load, number in enumerate((105, 106, 107, 108)):
        signal = _signal(recordings, f"{_FAULT}/{number}_{load}.mat")
        store = _sequence(tmp_path / f"{load}.h5", _pieces(signal, 10, 3), "inner", load)
        made = _verdicts(model, store)
        assert all(_warned(made, ELSEWHERE)) == any(_warned(made, ELSEWHERE)) == (load > 0)
        assert [one.label for one in made] == ["inner"] * 3


def test_a_new_fault_is_unknown_where_the_state_is_known(
    model: Path, recordings: Path, tmp_path: Path
) -> None:
    """An outer-race fault that was never trained on: at the other load that is left open."""
    outer = "12k_Drive_End_Bearing_Fault_Data/OR/007/@6"
    for load, name, said in ((0, "130@6_0", UNKNOWN), (3, "133@6_3", UNCLEAR)):
        signal = _signal(recordings, f"{outer}/{name}.mat")
        store = _sequence(tmp_path / f"{load}.h5", _pieces(signal, 10, 3), "outer", load)
        made = _verdicts(model, store)
        assert [one.verdict for one in made] == [said] * 3
        assert all(_warned(made, UNJUDGED)) == any(_warned(made, UNJUDGED)) == (load == 3)


def test_three_loads_in_training_judge_a_fourth(recordings: Path, tmp_path: Path) -> None:
    """Load after load is held out, so that a limit for new loads is learnt."""
    path = tmp_path / "loads.h5"
    with StoreWriter(path) as writer:
        for folder, first, label in (("IR/007", 105, "inner"), ("B/007", 118, "ball")):
            for load in (0, 1, 2):
                name = f"12k_Drive_End_Bearing_Fault_Data/{folder}/{first + load}_{load}.mat"
                _write(path, _pieces(_signal(recordings, name), 0, 8), label, load, writer)
    task = load_task(
        "rig-bearing", store=str(path), window={"samples": 1000}, normals=None,
        label={"classes": ["inner", "ball"], "normal": None},
        split={"level": "condition", "groups": "load", "folds": 3},
    )  # fmt: skip
    made = train_diagnoser(task, "none", "nearest-mean", cache=tmp_path / "arrays")
    limits = made.confidence.limits
    assert made.confidence.level == "group"
    assert limits.states == 3
    assert limits.window < limits.new_window < np.inf
    signal = _signal(recordings, f"{_FAULT}/108_3.mat")
    known = _sequence(tmp_path / "known.h5", _pieces(signal, 0, 6), "inner", 3)
    verdicts = list(diagnose(made, [known]))
    assert all(_warned(verdicts, ELSEWHERE))
    assert UNKNOWN not in [one.verdict for one in verdicts]
