"""Does the generator repeat its shots: largest circular cross-correlation to any of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.needs import Given, Need
from faultsyn.signal.likeness import circular_likeness, unit_windows
from faultsyn.windows import WindowSet


class Memorisation(Metric):
    """Mean over synthetic windows of the largest circular cross-correlation to any shot.

    1 for a copy, shifted or not, whatever its gain; read against real windows that are no shots.
    Far above the floor the generator copies; far below it, it has lost the likeness of successive
    cycles. Detail `copied`: share of windows nearer to a shot than half-way between the nearest
    real window and a copy. Of feature rows the plain correlation is taken, since they have no time.
    """

    name = "memorisation"
    direction = "closer-to-floor"
    needs = frozenset({Need.SHOTS})
    sees = ("exact copies", "shifted copies", "one window", "white noise", "phase-randomised")
    blind = "it looks at copying, not at quality: IAAFT windows may correlate like real ones"

    def _views(
        self, real: WindowSet, judged: WindowSet, given: Given
    ) -> tuple[WindowSet, WindowSet]:
        shots = _shots(given)
        unseen = real.take(~same_windows(real, shots))
        if len(unseen) == 0:
            raise InputError(
                "every real window is one of the shots: nothing to read copies against",
                "give held-out real windows",
            )
        mine, theirs = (similarity(part, shots, real).best[:, None] for part in (unseen, judged))
        return unseen.as_features(mine), judged.as_features(theirs)

    def _measure(
        self, reference: WindowSet, judged: WindowSet, given: Given, rng: np.random.Generator
    ) -> tuple[float, dict[str, float]]:
        limit = copy_limit(reference.rows[:, 0])
        copied = float((judged.rows[:, 0] > limit).mean())
        return float(judged.rows[:, 0].mean()), {"copied": copied}


@dataclass(frozen=True)
class Similarity:
    """Nearest shot of each window.

    - `best`: largest circular cross-correlation to any shot, `(n_windows,)`, at most 1.
    - `shot`: which shot, `(n_windows,)`.
    - `shift`: samples by which that shot is rotated to match, `(n_windows,)`.
    """

    best: NDArray[np.float64]
    shot: NDArray[np.intp]
    shift: NDArray[np.intp]


def similarity(windows: WindowSet, shots: WindowSet, scale: WindowSet) -> Similarity:
    """Largest circular cross-correlation of each window to the shots, all channels shifted alike.

    Channels are divided by their deviation over the set `scale`, windows centred and brought to
    unit norm. A constant window is like a constant shot (1) and unlike any other (0).
    """
    spread = scale.x.std(axis=(0, 2), dtype=np.float64)
    gain = 1.0 / np.where(spread > 0, spread, 1.0)[:, None]
    mine, theirs = unit_windows(windows.x * gain), unit_windows(shots.x * gain)
    if not np.isfinite(windows.rate):
        table = np.einsum("nct,kct->nk", mine, theirs)
        shifts = np.zeros(table.shape, np.intp)
    else:
        table, shifts = circular_likeness(mine, theirs)
    shot = table.argmax(axis=1)
    rows = np.arange(len(windows))
    best, shift = table[rows, shot], shifts[rows, shot]
    flat = ~mine.any(axis=(1, 2))
    if flat.any() and not theirs.any(axis=(1, 2)).all():
        best = np.where(flat, 1.0, best)
    return Similarity(best, shot, shift)


def copy_limit(real: NDArray[np.floating]) -> float:
    """Similarity above which a window is called a copy, from those of unseen real windows."""
    return float(0.5 * (1.0 + real.max()))


def same_windows(windows: WindowSet, shots: WindowSet) -> NDArray[np.bool_]:
    """Windows that are, or overlap with, one of the shots, `(n_windows,)`.

    By recording and start where both tables have them, and by equal samples.
    """
    seen = {row.tobytes() for row in shots.x}
    same = np.array([row.tobytes() in seen for row in windows.x], bool)
    if not all(c in w.table for c in ("recording", "start") for w in (windows, shots)):
        return same
    length = windows.n_samples / windows.rate if np.isfinite(windows.rate) else 0.0
    for recording, start in zip(shots.column("recording"), shots.column("start"), strict=True):
        near = np.abs(windows.column("start") - start) < 0.999 * length
        same |= (windows.column("recording") == recording) & near
    return same


def _shots(given: Given) -> WindowSet:
    if given.shots is None:
        raise InputError(f"needs {Need.SHOTS}")
    return given.shots
