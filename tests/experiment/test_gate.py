"""The acceptance gate: real windows pass, copies and broken windows do not, from one shot on."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.experiment.gate import COPY, FEWEST_COPY, UNKNOWN_COPY, Gate
from faultsyn.windows import WindowSet

SAMPLES = 512


def vibration(n: int, seed: int, *, bursts: float = 5.0) -> WindowSet:
    """Coloured noise with a burst every 64 samples, as from a damaged machine; 0: a sound one."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 1, SAMPLES + 4))
    x = x[..., 4:] + 0.9 * x[..., 3:-1] + 0.5 * x[..., :-4]
    for window in x[:, 0]:
        window[rng.integers(64) :: 64] += bursts * rng.uniform(0.8, 1.2)
    return WindowSet(x.astype(np.float32), {"label": np.full(n, "inner")}, 12e3, ("DE",), ("g",))


def process(n: int, seed: int, *, fault: bool) -> WindowSet:
    """Four slow channels with two common causes; the fault moves one of them."""
    rng = np.random.default_rng(seed)
    causes = rng.standard_normal((n, 2, 1)) + 0.1 * rng.standard_normal((n, 2, 24)).cumsum(axis=-1)
    mix = np.array([[1, 0], [0.5, 0.5], [0, 1], [1, -1]])
    x = np.einsum("cm,nmt->nct", mix, causes) + 0.05 * rng.standard_normal((n, 4, 24))
    if fault:
        x[:, 1] += 1.5
    names = ("a", "b", "c", "d")
    return WindowSet(x.astype(np.float32), {"label": np.full(n, "leak")}, 1 / 180, names)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_other_real_windows_pass_and_broken_ones_do_not(k: int) -> None:
    shots, normals, others = vibration(k, 1), vibration(60, 2, bursts=0), vibration(50, 3)
    gate = Gate(shots, normals)
    assert gate.judge(others).accepted.mean() > 0.95
    x = others.x
    tone = np.sin(2 * np.pi * 0.4 * np.arange(SAMPLES)) * x.std() * np.sqrt(2)
    broken = {
        "level": x * 30,
        "level ": np.zeros_like(x),
        "kurtosis": np.where(np.arange(SAMPLES) == 9, 40 * x.std(), 0.7 * x).astype(np.float32),
        "spectrum": np.broadcast_to(tone, x.shape).astype(np.float32),
    }
    for reason, windows in broken.items():
        verdict = gate.judge(others.with_x(windows))
        assert not verdict.accepted.any(), reason
        if reason != "spectrum":  # a tone has a kurtosis of its own, too
            assert set(verdict.reason.tolist()) == {reason.strip()}


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("slow", [False, True])
def test_copies_shifted_scaled_or_noisy_are_refused(k: int, slow: bool) -> None:
    shots = process(k, 1, fault=True) if slow else vibration(k, 1)
    normals = process(60, 2, fault=False) if slow else vibration(60, 2, bursts=0)
    gate = Gate(shots, normals)
    rng = np.random.default_rng(4)
    tiny = 1e-3 * shots.x.std() * rng.standard_normal(shots.x.shape).astype(np.float32)
    for made in (shots.x, np.roll(shots.x, 7, axis=-1), 1.2 * shots.x, shots.x + tiny):
        assert set(gate.judge(shots.with_x(made)).reason.tolist()) == {COPY}


def test_process_windows_are_judged_in_normal_components() -> None:
    shots, normals = process(5, 1, fault=True), process(100, 2, fault=False)
    gate = Gate(shots, normals)
    assert {name for name in gate.limits if name.startswith("components")}
    assert "kurtosis" not in gate.limits
    others = process(80, 3, fault=True)
    assert gate.judge(others).accepted.mean() > 0.95
    # Each channel from another window: right by itself, but no longer moving together.
    rng = np.random.default_rng(0)
    torn = np.stack([others.x[rng.permutation(80), c] for c in range(4)], axis=1)
    torn[:, 3] *= 3
    verdict = gate.judge(others.with_x(torn))
    assert (verdict.reason == "normal components").mean() > 0.2


def test_the_limit_of_likeness_comes_from_real_windows() -> None:
    assert Gate(vibration(1, 1), None).limits["copy"][1] == UNKNOWN_COPY
    assert Gate(vibration(4, 1), None).limits["copy"][1] == FEWEST_COPY
    # Slow signals are alike by nature: the limit must stand above what real ones reach.
    ramp = np.linspace(0, 1, 24) + 0.01 * np.random.default_rng(0).standard_normal((40, 1, 24))
    alike = WindowSet(ramp.astype(np.float32), {"label": np.full(40, "leak")}, 0.01, ("a",))
    gate = Gate(alike.take(slice(0, 5)), alike.take(slice(5, 30)))
    assert gate.limits["copy"][1] > 0.99
    assert gate.judge(alike.take(slice(30, 40))).accepted.all()


def test_nothing_to_judge_is_judged() -> None:
    verdict = Gate(vibration(2, 1), None).judge(vibration(0, 2))
    assert len(verdict.reason) == len(verdict.accepted) == 0
