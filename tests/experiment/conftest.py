"""A tiny store and a study on it: three classes, six assets each, seconds to run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.store import Recording, StoreWriter, StreamData

CLASSES = ("normal", "inner", "outer")


def tiny_recordings(assets: int = 6, n: int = 128) -> list[Recording]:
    """Sines in noise whose level is the class and, a little, the asset."""
    rng = np.random.default_rng(3)
    recordings = []
    for number, label in enumerate(CLASSES):
        for unit in range(assets):
            t = np.arange(n)
            wave = np.sin(2 * np.pi * t * 0.06) * (1 + number + 0.05 * unit)
            x = np.stack([wave, 0.5 * wave], axis=1) + 0.3 * rng.standard_normal((n, 2))
            name = f"{label}-{unit}"
            recordings.append(
                Recording(
                    id=name,
                    label=label,
                    streams=(
                        StreamData(
                            "s", x.astype(np.float32), 16.0, ("A", "B"), ("x", "x"), ("g", "g")
                        ),
                    ),
                    source_file=f"{name}.csv",
                    source_sha256=hashlib.sha256(name.encode()).hexdigest(),
                    columns={
                        "asset": name,
                        "session": f"s{unit % 3}",
                        "load": float(unit % 3),
                        "severity": 0.0 if label == "normal" else float(unit),
                    },
                )
            )
    return recordings


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "tiny.h5"
    with StoreWriter(path) as writer:
        for recording in tiny_recordings():
            writer.add(recording)
    return path


@pytest.fixture
def tiny_task(tiny_store: Path) -> dict[str, Any]:
    return {
        "name": "tiny",
        "store": str(tiny_store),
        "window": {"samples": 16, "rate": 16, "channels": ["A", "B"]},
        "label": {"column": "label", "classes": list(CLASSES), "normal": "normal"},
        "split": {"scheme": "kfold", "level": "asset", "groups": "asset", "folds": 3},
        "k": [2, 4],
        "budget": {"text": "all normals, K shots"},
        "representation": {"features": "statistics"},
    }


@pytest.fixture
def tiny_study(tiny_task: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "tiny-study",
        "tasks": [tiny_task],
        "seeds": 2,
        "generators": ["none", {"preset": "diff-aug", "n_synthetic": 6}],
        "classifiers": [{"method": "nearest-mean"}, {"method": "lda"}],
    }
