"""Windows for the tests of measures: a simulated bearing, and real recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.signal import decimate

from faultsyn.signal.impulse import impulse_train, resonance
from faultsyn.windows import WindowSet

RATE = 12000.0
Bearing = Callable[..., WindowSet]
Recorded = Callable[..., WindowSet]


def _table(n: int, length: int, label: str, recording: str) -> dict[str, np.ndarray]:
    return {
        "label": np.full(n, label),
        "recording": np.full(n, recording),
        "start": np.arange(n) * length / RATE,
        "rpm": np.full(n, 1797.0),
        "bearing": np.full(n, "6205"),
    }


@pytest.fixture(scope="session")
def bearing() -> Bearing:
    """Simulated inner-race windows (seed, n, length, channels, label, depth of the fault)."""

    def make(
        seed: int = 0,
        n: int = 40,
        length: int = 1024,
        channels: int = 1,
        label: str = "inner",
        gain: float = 6.0,
    ) -> WindowSet:
        rng = np.random.default_rng(seed)
        ring = resonance(128, RATE, [[2800.0]], [[0.05]])[0]
        train = impulse_train(length, RATE, np.full(n, 5.4152 * 29.95), rng)
        struck = np.stack([np.convolve(row, ring)[:length] for row in train])
        noise = rng.standard_normal((n, channels, length)) * 0.3
        x = noise + gain * struck[:, None] * np.linspace(1.0, 0.5, channels)[:, None]
        names = tuple(f"ch{i}" for i in range(channels))
        return WindowSet(x.astype(np.float32), _table(n, length, label, f"r{seed}"), RATE, names)

    return make


@pytest.fixture(scope="session")
def recorded(recordings: Path) -> Recorded:
    """Windows of one CWRU file at load 0 (path, label, length, channels), normals decimated."""
    root = recordings / "cwru"

    def make(
        file: str, label: str, length: int = 1024, channels: tuple[str, ...] = ("DE",)
    ) -> WindowSet:
        loaded = loadmat(root / file)
        columns = []
        for channel in channels:
            key = next(k for k in loaded if k.endswith(f"{channel}_time"))
            samples = loaded[key][:, 0]
            columns.append(decimate(samples, 4, ftype="fir") if label == "normal" else samples)
        n = len(columns[0]) // length
        x = np.stack([c[: n * length].reshape(n, length) for c in columns], axis=1)
        table = _table(n, length, label, Path(file).stem)
        return WindowSet(x.astype(np.float32), table, RATE, channels)

    return make


DRIVE_END = "12k_Drive_End_Bearing_Fault_Data"
FILES = {"inner": f"{DRIVE_END}/IR/021/209_0.mat", "outer": f"{DRIVE_END}/OR/021/@6/234_0.mat"}


@pytest.fixture(scope="session")
def faults(recorded: Recorded) -> dict[str, WindowSet]:
    """21 mil inner and outer race faults at the drive end, windows of 1024."""
    return {label: recorded(file, label) for label, file in FILES.items()}


@pytest.fixture(scope="session")
def healthy(recorded: Recorded) -> WindowSet:
    """The healthy recording, windows of 1024 at 12 kHz."""
    return recorded("Normal/97_Normal_0.mat", "normal")
