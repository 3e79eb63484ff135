"""ONNX files against their diagnosers on real windows; what the runtime refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edge_sets import CLASSES, SAMPLES, cwru, machines, made_diagnoser
from test_edge_graph import LEARNER, QUICK, WITHOUT_GRAPH

from faultsyn import api
from faultsyn.diagnose import CLASSIFIERS
from faultsyn.edge.export import TOLERANCE, export_onnx
from faultsyn.edge.runtime import KEY, EdgeModel
from faultsyn.errors import InputError
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.limits import Limits
from faultsyn.plant.verdict import Verdict, decide
from faultsyn.store import Store
from faultsyn.windows import WindowSet


@pytest.fixture(scope="module")
def real(recordings: Path) -> WindowSet:
    return cwru(recordings)


@pytest.fixture(scope="module")
def diagnoser(real: WindowSet) -> Diagnoser:
    made = made_diagnoser(real.take(slice(0, None, 2)), "nearest-mean", "orders")
    sets = {"level": "group", "coverage": 0.9, "known": 0.95}
    limits = {"limits": Limits(1.5, 2.0, np.inf, np.inf, 0)}
    thresholds = {"of_recordings": np.array([0.7, 0.8, np.inf]), "of_windows": np.full(3, 0.6)}
    made.confidence = replace(made.confidence, **sets, **limits, **thresholds)
    return made


@pytest.fixture(scope="module")
def file(diagnoser: Diagnoser, real: WindowSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("edge") / "pump.onnx"
    told = export_onnx(diagnoser, path, real)
    assert told["difference"] <= TOLERANCE
    assert told["checked"] == len(real)
    assert [p.name for p in path.parent.iterdir()] == ["pump.onnx"]
    return path


def signal(real: WindowSet, label: str) -> np.ndarray:
    """Windows of a class joined as one recording `(channels, n)`, with a rest at the end."""
    x = real.of(label).x[:5, 0].ravel()
    return np.append(x, x[:100])[None]


def asked(**changed: Any) -> dict[str, Any]:
    given = {"rate": 12000.0, "channels": ["DE"], "units": ["g"], "rpm": 1797.0, "bearing": "6205"}
    return {**given, **changed}


def test_verdicts_are_the_plants(diagnoser: Diagnoser, real: WindowSet, file: Path) -> None:
    model = EdgeModel.open(file)
    seen = set()
    for label in CLASSES:
        for n in (1, 5):
            windows = real.of(label).take(slice(0, n))
            rows = diagnoser.fitted.rows(windows)
            proba = diagnoser.proba(windows, rows)
            strange = diagnoser.strange(windows, rows)
            expected = decide(Verdict("r", "f"), diagnoser.confidence, proba, strange)
            got = model.diagnose(signal(real, label)[:, : n * SAMPLES + 50], **asked())
            for key, value in got.items():
                want = getattr(expected, key)
                if isinstance(value, float):
                    assert value == pytest.approx(want, abs=1e-4), key
                elif key == "probabilities":
                    assert value == pytest.approx(want, abs=1e-4)
                else:
                    assert value == want, key
            seen.add(got["verdict"])
            answer = model.judge(windows.x, rpm=1797.0, bearing="6205")
            np.testing.assert_allclose(answer.probability, proba, atol=1e-4)
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rate": 48000.0}, "48000 Hz, the model takes 12000 Hz"),
        ({"rate": float("nan")}, "nan Hz"),
        ({"channels": ["FE"]}, "channels"),
        ({"units": ["m/s²"]}, "units.*'g'"),
        ({"rpm": None}, "needs rpm and bearing"),
        ({"rpm": 9000.0}, "up to 2695"),
        ({"rpm": 0.0}, "above 0"),
        ({"bearing": "6316"}, "'6316' is not in the model"),
    ],
)
def test_a_signal_of_another_kind_is_refused(
    file: Path, real: WindowSet, changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        EdgeModel.open(file).diagnose(signal(real, "inner"), **asked(**changed))


def test_samples_that_cannot_be_judged_are_refused(file: Path, real: WindowSet) -> None:
    model = EdgeModel.open(file)
    broken = signal(real, "inner")
    broken[0, 7] = np.nan
    for x, says in (
        (broken, "NaN"),
        (signal(real, "inner")[:, :2000], "2000 samples, a window has 2048"),
        (signal(real, "inner")[0], "expected samples"),
    ):
        with pytest.raises(InputError, match=says):
            model.diagnose(x, **asked())
    with pytest.raises(InputError, match=r"expected windows \(n, 1 channels, 2048 samples\)"):
        model.judge(np.zeros((0, 1, SAMPLES)), rpm=1797.0, bearing="6205")


def test_a_file_that_is_no_diagnoser_is_refused(file: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.onnx"
    foreign.write_bytes(b"\x00" * 64)
    with pytest.raises(InputError, match="not an ONNX file"):
        EdgeModel.open(foreign)
    model = onnx.load(file)
    for value, says in (
        (None, "no diagnoser"),
        ("[]", "no diagnoser"),
        ('{"format": 99}', "edge format 99"),
        (json.dumps({**EdgeModel.open(file).about, "rate": -1}), "does not hold together"),
        (json.dumps({**EdgeModel.open(file).about, "units": []}), "does not hold together"),
    ):
        del model.metadata_props[:]
        if value is not None:
            onnx.helper.set_model_props(model, {KEY: value})
        onnx.save(model, foreign)
        with pytest.raises(InputError, match=says):
            EdgeModel.open(foreign)


def test_the_runtime_needs_neither_torch_nor_scipy() -> None:
    code = (
        "import sys, faultsyn.edge.runtime; "
        "heavy = {'torch', 'scipy', 'h5py', 'sklearn', 'onnx', 'pydantic'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_that_answers_otherwise_is_not_kept(
    diagnoser: Diagnoser, real: WindowSet, file: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    other = made_diagnoser(real.take(slice(1, None, 3)), "nearest-mean", "orders")

    def written(graph: Any, inputs: Any, path: str, about: Any) -> None:
        Path(path).write_bytes(file.read_bytes())

    monkeypatch.setattr("faultsyn.edge.export._write", written)
    with pytest.raises(InputError, match="differ by"):
        export_onnx(other, tmp_path / "other.onnx", real)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS) - WITHOUT_GRAPH))
def test_every_classifier_as_a_file(name: str, real: WindowSet, tmp_path: Path) -> None:
    codes = np.unique(real.labels, return_inverse=True)[1].astype(float)
    windows = real.with_columns(severity=codes)
    made = made_diagnoser(windows.take(slice(0, None, 2)), name, **QUICK.get(name, {}))
    assert export_onnx(made, tmp_path / "x.onnx", windows)["difference"] <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("features", ["raw", "spectrum", "envelope", "log-spectrum", "process"])
def test_every_extraction_as_a_file(features: str, real: WindowSet, tmp_path: Path) -> None:
    made = made_diagnoser(real.take(slice(0, None, 2)), "lda", features)
    assert export_onnx(made, tmp_path / "x.onnx", real)["difference"] <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("front", ["log-spectrum", "envelope", "order-spectrum"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_front_end_as_a_file(front: str, channels: int, tmp_path: Path) -> None:
    windows = machines(24, SAMPLES, channels)
    made = made_diagnoser(windows, "prototypical", front=front, kind="combined", **LEARNER)
    assert export_onnx(made, tmp_path / "x.onnx", windows)["difference"] <= TOLERANCE


@pytest.mark.slow
def test_train_export_and_judge_a_store(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    api.simulate("data/rig.h5", assets=3, seconds=2)
    task = Path(__file__).parents[2] / "experiments" / "tasks" / "rig-bearing.yaml"
    api.train("data/rig.h5", task=task, classifier="nearest-mean", out="models/rig")
    told = api.export("models/rig", out="rig.onnx")
    assert told["difference"] <= TOLERANCE
    assert told["units"] == ["g"]
    model = EdgeModel.open("rig.onnx")
    verdicts = {made["recording"]: made for made in api.diagnose("models/rig", ["data/rig.h5"])[
        "verdicts"
    ]}  # fmt: skip
    with Store("data/rig.h5") as store:
        for row in range(0, len(store), 5):
            stream = store.recording(row).streams[0]
            at = [stream.channels.index(name) for name in told["channels"]]
            x = stream.samples.T[at] * (stream.scale or 1)
            got = model.diagnose(
                x, rate=told["rate"], channels=told["channels"], units=told["units"],
                rpm=float(store.recordings["rpm"][row]),
                bearing=str(store.recordings["bearing"][row]),
            )  # fmt: skip
            want = verdicts[str(store.recordings["id"][row])]
            assert got["verdict"] == want["verdict"]
            assert got["probability"] == pytest.approx(want["probability"], abs=1e-4)
