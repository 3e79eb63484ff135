"""Controls: does a measure rank real windows before what is certainly worse.

A measure may be reported only if, on the real windows at hand, it puts held-out real windows before
each control that is its business (`Metric.sees`), and surrogates no behind white noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Comparison, Metric
from faultsyn.evaluate.halves import split_halves
from faultsyn.evaluate.remember import remembering
from faultsyn.signal.surrogates import iaaft, phase_randomise
from faultsyn.windows import WindowSet

HELD_OUT = "held-out real"
SURROGATES = ("iaaft", "phase-randomised")
NOISE = "white noise"
CONTROLS = (
    "exact copies",
    "shifted copies",
    "one window",
    "phase-randomised",
    "iaaft",
    "white noise",
    "another fault",
    "another bearing",
)
MOST_WINDOWS = 200
"""Windows per arm at most: enough to rank, and quick."""
SHARE = 0.75
"""Share of the repeats in which real windows must come first."""


@dataclass(frozen=True)
class ControlResult:
    """How one measure ranked the controls.

    - `metric`: its name.
    - `values`: mean figure of each arm, held-out real first.
    - `failed`: controls that it must see and does not.
    - `unchecked`: controls that it must see, with the reason why they could not be made.
    - `reason`: why the measure could not be computed at all; empty otherwise.
    """

    metric: str
    values: Mapping[str, float]
    failed: tuple[str, ...]
    unchecked: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def passed(self) -> bool:
        """True when it was computed and failed none of the controls that could be made."""
        return not self.failed and not self.reason


def control_arms(
    held: WindowSet,
    shots: WindowSet,
    rng: np.random.Generator,
    others: Mapping[str, WindowSet] | None = None,
) -> dict[str, WindowSet]:
    """Every control that can be made, each as many windows as `held` (real, unseen).

    - `shots`: what a poor generator would repeat or shuffle.
    - `others`: real windows of "another fault" and of the same fault on "another bearing"; they
      are judged as if they were `held` (its label, speed and bearing).
    """
    n = len(held)
    drawn = shots.take(np.resize(rng.permutation(len(shots)), n))
    shift = rng.integers(1, max(2, held.n_samples), n)
    shifted = np.stack([np.roll(w, s, axis=-1) for w, s in zip(drawn.x, shift, strict=True)])
    spread = held.x.std(axis=(0, 2), keepdims=True)
    noise = rng.standard_normal(held.x.shape) * spread + held.x.mean(axis=(0, 2), keepdims=True)
    one = np.repeat(shots.x[[int(rng.integers(len(shots)))]], n, axis=0)
    made = {
        "exact copies": drawn.x,
        "shifted copies": shifted,
        "one window": one,
        "phase-randomised": phase_randomise(drawn.x, rng),
        "iaaft": iaaft(drawn.x, rng, iterations=30),
        "white noise": noise,
    }
    arms = {name: _as_generated(x, drawn) for name, x in made.items()}
    for name, windows in (others or {}).items():
        if name not in CONTROLS:
            raise InputError(f"controls: unknown '{name}'; expected one of {', '.join(CONTROLS)}")
        if len(windows) == 0:
            raise InputError(f"controls: no windows of {name}", "leave it out, or give some")
        picked = windows.take(np.resize(rng.permutation(len(windows)), n))
        arms[name] = _as_generated(picked.x, drawn)
    return arms


def run_controls(
    metrics: Sequence[Metric],
    real: WindowSet,
    rng: np.random.Generator,
    *,
    shots: WindowSet | None = None,
    normal: WindowSet | None = None,
    others: Mapping[str, WindowSet] | None = None,
    repeats: int = 4,
    every_arm: bool = False,
) -> dict[str, ControlResult]:
    """Rank the controls with each measure on real windows of one class, `repeats` times over.

    (Once for costly measures.) Each time the real windows are split into halves that share no
    recording (or time); one half is the reference, the other plays the synthetic set, then as many
    windows of each control do, drawn from twice as many made beforehand. Controls that are not a
    measure's business are skipped unless `every_arm`. Where no `shots` are given, a fifth of the
    windows (at most 20) play them, kept out of the rest.

    Raises `InputError` when the real windows cannot be halved.
    """
    found: dict[str, dict[str, list[Comparison]]] = {m.name: {} for m in metrics}
    reasons: dict[str, str] = {}
    unseen, seeds = (real, shots) if shots is not None else _own_shots(real, rng)
    pools = control_arms(_at_most(unseen, rng, 2 * MOST_WINDOWS), seeds, rng, others)
    with remembering():
        for repeat in range(repeats):
            reference, held = (_at_most(half, rng) for half in split_halves(unseen, rng))
            arms = {name: _at_most(pool, rng, len(held)) for name, pool in pools.items()}
            arms = {HELD_OUT: held, **arms}
            for metric in metrics if repeat == 0 else [m for m in metrics if not m.costly]:
                for name in arms:
                    if not (every_arm or name in (HELD_OUT, *metric.sees)):
                        continue
                    try:
                        one = metric.compare(reference, arms[name], rng, seeds, normal, unseen)
                    except InputError as error:
                        reasons.setdefault(metric.name, f"{name}: {error}")
                        continue
                    found[metric.name].setdefault(name, []).append(one)
    return {m.name: _verdict(m, found[m.name], reasons) for m in metrics}


def _verdict(
    metric: Metric, found: Mapping[str, list[Comparison]], reasons: Mapping[str, str]
) -> ControlResult:
    means = {name: float(np.mean([c.value for c in each])) for name, each in found.items()}
    badness = {name: [c.badness for c in each] for name, each in found.items()}
    if HELD_OUT not in badness:
        return ControlResult(metric.name, means, (), {}, reasons[metric.name])
    failed, unchecked = [], {}
    for name in metric.sees:
        if name in badness:
            if not _before(badness[HELD_OUT], badness[name]):
                failed.append(name)
        else:
            unchecked[name] = reasons.get(metric.name, "no such windows were given")
    for name in SURROGATES:
        seen = name in metric.sees and NOISE in metric.sees
        if seen and name in badness and NOISE in badness:
            order = _before(badness[name], badness[NOISE], tie=0.1)
            if not order:
                failed.append(f"{NOISE} before {name}")
    return ControlResult(metric.name, means, tuple(failed), unchecked)


def _before(better: Sequence[float], worse: Sequence[float], tie: float = 0.0) -> bool:
    """Whether the first is better on average and in most repeats; `tie` is a share let through."""
    a, b = np.asarray(better), np.asarray(worse)
    slack = tie * np.abs(b).mean()
    if tie:
        return bool(a.mean() <= b.mean() + slack)
    return bool(a.mean() < b.mean() and (a < b).mean() >= SHARE)


def _as_generated(x: NDArray[Any], like: WindowSet) -> WindowSet:
    """Windows with the conditions of the shots, as a generator leaves them."""
    table = {k: v for k, v in like.table.items() if k not in ("recording", "asset", "start")}
    made = WindowSet(x.astype(np.float32), table, like.rate, like.channels, like.units)
    return made.with_columns(synthetic=True)


def _own_shots(real: WindowSet, rng: np.random.Generator) -> tuple[WindowSet, WindowSet]:
    count = max(1, min(20, len(real) // 5))
    order = rng.permutation(len(real))
    return real.take(np.sort(order[count:])), real.take(order[:count])


def _at_most(windows: WindowSet, rng: np.random.Generator, most: int = MOST_WINDOWS) -> WindowSet:
    return windows.take(np.sort(rng.permutation(len(windows))[:most]))
