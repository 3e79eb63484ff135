"""Windows and diagnosers that the edge tests share: simulated machines, CWRU recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from faultsyn.diagnose import build_classifier
from faultsyn.evaluate.calibration import Calibration
from faultsyn.evaluate.novelty import Scale
from faultsyn.experiment import load_task
from faultsyn.ingest.simulate.machines import MachinePark, machine_windows
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.fitting import Fitted
from faultsyn.plant.posed import Posed
from faultsyn.signal.representation import Representation
from faultsyn.windows import WindowSet

RATE = 12000.0
SAMPLES = 2048
CLASSES = ("ball", "inner", "outer")
_REAL = {
    "12k_Drive_End_Bearing_Fault_Data/IR/007/105_0.mat": "inner",
    "12k_Drive_End_Bearing_Fault_Data/B/007/118_0.mat": "ball",
    "12k_Drive_End_Bearing_Fault_Data/OR/007/@6/130@6_0.mat": "outer",
    "12k_Drive_End_Bearing_Fault_Data/IR/021/209_0.mat": "inner",
}


def machines(n: int = 36, samples: int = SAMPLES, channels: int = 1) -> WindowSet:
    """Windows of simulated machines, every one of another geometry and speed."""
    labels = np.array([CLASSES[i % 3] for i in range(n)])
    park = MachinePark(rpm=(1200, 1800))
    x, table = machine_windows(labels, samples, park, np.random.default_rng(3))
    several = np.stack([(1 + c) * np.roll(x, 7 * c, axis=1) for c in range(channels)], axis=1)
    names = tuple(f"C{c}" for c in range(channels))
    columns = {"label": labels, "rpm": table["rpm"], "bearing": table["bearing"]}
    return WindowSet(several.astype(np.float32), columns, RATE, names, ("g",) * channels)


def cwru(root: Path, each: int = 12) -> WindowSet:
    """Real windows: drive end, three faults, 1797 rpm."""
    x, labels = [], []
    for name, label in _REAL.items():
        file = loadmat(root / "cwru" / name)
        key = next(k for k in file if k.endswith("DE_time"))
        signal = file[key].ravel()[: each * SAMPLES].astype(np.float32)
        x.append(signal.reshape(each, 1, SAMPLES))
        labels += [label] * each
    table = {
        "label": np.array(labels),
        "rpm": np.full(len(labels), 1797.0),
        "bearing": np.full(len(labels), "6205"),
    }
    return WindowSet(np.concatenate(x), table, RATE, ("DE",), ("g",))


def posed(windows: WindowSet) -> Posed:
    """The question that such windows answer."""
    window = {"samples": windows.n_samples, "rate": windows.rate, "channels": windows.channels}
    task = load_task(
        {
            "name": "edge",
            "store": "nowhere.h5",
            "window": window,
            "label": {"column": "label", "classes": CLASSES},
            "split": {"scheme": "kfold", "level": "asset", "groups": "asset"},
            "k": [1],
            "budget": {"text": "all"},
            "representation": {"features": "orders"},
        }
    )
    return Posed(task, windows.units, ((RATE,),) * len(windows.channels), {})


def made_diagnoser(
    train: WindowSet,
    classifier: str,
    features: str = "statistics",
    kind: str = "diagonal",
    calibration: Calibration | None = None,
    representation: dict[str, Any] | None = None,
    **config: Any,
) -> Diagnoser:
    """A diagnoser fitted on these windows, without the held-out parts of a training."""
    seen = Representation(features, **(representation or {})).fit(train, train)
    rows = seen.transform(train)
    made = build_classifier(classifier, **config)
    learnt = rows if made.consumes == "features" else train
    made.fit(learnt, np.random.default_rng(0))
    chosen = calibration or Calibration(1e-3, 1.7, "logits", 0.5, None, 0.01)
    confidence = replace(
        Confidence.none(made.classes_),
        kind=kind,
        scales={"outlier": Scale(0.3, 0.5), "energy": Scale(-2.0, 1.5)},
        calibration=chosen,
    )
    return Diagnoser(posed(train), Fitted(seen, made, rows, learnt), confidence)
