"""Small sets of each kind of signal that the generators are tried on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from faultsyn.signal.bearing import orders
from faultsyn.signal.impulse import impulse_train, resonance, ring
from faultsyn.windows import NORMAL, WindowSet, concat

RATE = 12000.0
RPM = 1797.0


class Sets(NamedTuple):
    """Normal windows and shots of two fault classes."""

    normal: WindowSet
    shots: WindowSet


def vibration(n: int, label: str, seed: int, samples: int = 512) -> WindowSet:
    """Two channels of a drive-end 6205 at 1797 rpm: noise, and a fault unless normal."""
    rng = np.random.default_rng(seed)
    x = 0.1 * rng.standard_normal((n, 2, samples))
    if label != NORMAL:
        hz = orders("6205").of(label) * RPM / 60
        train = impulse_train(samples, RATE, np.full(n, hz), rng, slip=0.002)
        fault = ring(train, resonance(200, RATE, 3000.0, 0.05))
        x += np.stack([fault, 0.5 * fault], axis=1)
    return _labelled(x, label, RATE, ("DE", "FE"), rpm=RPM, bearing="6205", load=0.0)


def process(n: int, label: str, seed: int) -> WindowSet:
    """Three slow channels of very different scale; the faults move the level of two."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3, 24)).cumsum(axis=-1)
    x[:, 0] += {NORMAL: 0.0, "inner": 8.0, "outer": -8.0}[label]
    x *= np.array([1e-3, 1.0, 1e6])[:, None]
    return _labelled(x, label, 1 / 180, ("flow", "level", "pressure"))


def features(n: int, label: str, seed: int) -> WindowSet:
    """Feature rows."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 12)) + {NORMAL: 0.0, "inner": 2.0, "outer": -2.0}[label]
    return _labelled(rows[:, None], label, np.nan, ("features",))


def _labelled(
    x: np.ndarray, label: str, rate: float, channels: tuple[str, ...], **columns: str | float
) -> WindowSet:
    made = WindowSet(x.astype(np.float32), {"label": np.full(len(x), label)}, rate, channels)
    return made.with_columns(
        recording=np.array([f"{label}-{i}" for i in range(len(x))]),
        asset=f"asset-{label}",
        severity=0.0 if label == NORMAL else 7.0,
        start=np.arange(len(x), dtype=float),
        **columns,
    )


MAKERS = {"vibration": vibration, "process": process, "features": features}


def make(kind: str, k: int = 4) -> Sets:
    """Normals and `k` shots of "inner" and "outer"."""
    maker = MAKERS[kind]
    shots = concat([maker(k, "inner", 1), maker(k, "outer", 2)])
    return Sets(maker(24, NORMAL, 0), shots)
