"""Arrays behind the figures of a quality report; drawing them is the report's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.features import feature_views
from faultsyn.evaluate.kurtosis import window_kurtosis
from faultsyn.evaluate.line import scaled_bands
from faultsyn.evaluate.memorisation import copy_limit, same_windows, similarity
from faultsyn.evaluate.needs import fault_frequency
from faultsyn.signal.envelope import bandpass, squared_envelope_spectrum
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import WindowSet

MOST_SUSPECTS = 8
MOST_WINDOWS = 500
"""Windows per set that are drawn."""


@dataclass(frozen=True)
class Curves:
    """A mean spectrum of each set.

    - `freqs`: [Hz], `(n_freqs,)`.
    - `real`, `synthetic`: `(n_channels, n_freqs)`.
    """

    freqs: NDArray[np.float64]
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]


@dataclass(frozen=True)
class Suspects:
    """Synthetic windows nearest to a shot, the nearest first; shots rotated to match.

    - `index`: which synthetic windows, `(n,)`.
    - `score`: largest circular cross-correlation to a shot, `(n,)`.
    - `shot`, `shift`: which shot, and by how many samples it was rotated, `(n,)`.
    - `synthetic`, `nearest`: samples of the window and of its rotated shot, `(n, C, T)`.
    - `limit`: score from which a window counts as a copy.
    - `copied`: how many windows of the whole set do.
    """

    index: NDArray[np.intp]
    score: NDArray[np.float64]
    shot: NDArray[np.intp]
    shift: NDArray[np.intp]
    synthetic: NDArray[np.float32]
    nearest: NDArray[np.float32]
    limit: float
    copied: int


@dataclass(frozen=True)
class Views:
    """What a report draws of one class.

    - `spectrum`: power density [unit^2/Hz], mean over windows; None for feature rows.
    - `envelope`: squared-envelope spectrum (broadest demodulation band); None for feature rows or
      windows too short to filter.
    - `fault_hz`: the fault's frequency (median of the real windows) [Hz], or None.
    - `features`: name -> (real, synthetic) values, one per window.
    - `suspects`: None without shots.
    - `embedding`: set name -> `(n, 2)` coordinates on two principal components of the real
      windows' features; sets "real", "synthetic" and, if given, "shots" and "normal".
    """

    spectrum: Curves | None
    envelope: Curves | None
    fault_hz: float | None
    features: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    suspects: Suspects | None
    embedding: dict[str, NDArray[np.float64]]


def make_views(
    real: WindowSet,
    synthetic: WindowSet,
    rng: np.random.Generator,
    shots: WindowSet | None = None,
    normal: WindowSet | None = None,
) -> Views:
    """All arrays for the figures, of at most 500 windows a set (suspects: of all)."""
    few_real, few_made = (_at_most(windows, rng) for windows in (real, synthetic))
    sets = {"real": few_real, "synthetic": few_made}
    if shots is not None and len(shots):
        sets["shots"] = shots
    if normal is not None and len(normal):
        sets["normal"] = _at_most(normal, rng)
    return Views(
        _spectra(few_real, few_made),
        _envelopes(few_real, few_made),
        _fault_hz(few_real),
        _distributions(few_real, few_made),
        None if "shots" not in sets else suspects(real, synthetic, sets["shots"]),
        _embedding(sets),
    )


def suspects(real: WindowSet, synthetic: WindowSet, shots: WindowSet) -> Suspects:
    """The synthetic windows nearest to a shot, beside it.

    Without a real window that is no shot, the limit is that of an exact copy (0.999).
    """
    unseen = real.take(~same_windows(real, shots))
    limit = copy_limit(similarity(unseen, shots, real).best) if len(unseen) else 0.999
    found = similarity(synthetic, shots, real)
    first = np.argsort(-found.best, kind="stable")[:MOST_SUSPECTS]
    nearest = [np.roll(shots.x[found.shot[i]], found.shift[i], axis=-1) for i in first]
    return Suspects(
        first,
        found.best[first],
        found.shot[first],
        found.shift[first],
        synthetic.x[first],
        np.stack(nearest) if nearest else synthetic.x[:0],
        limit,
        int((found.best > limit).sum()),
    )


def _spectra(real: WindowSet, synthetic: WindowSet) -> Curves | None:
    if not np.isfinite(real.rate):
        return None
    freqs, mine = welch_psd(real.x, real.rate, 1024)
    _, theirs = welch_psd(synthetic.x, real.rate, 1024)
    return Curves(freqs, mine.mean(axis=0), theirs.mean(axis=0))


def _envelopes(real: WindowSet, synthetic: WindowSet) -> Curves | None:
    if not np.isfinite(real.rate):
        return None
    band = scaled_bands(real.rate)[-1]

    def mean_spectrum(windows: WindowSet) -> tuple[NDArray[Any], NDArray[Any]]:
        freqs, spectrum = squared_envelope_spectrum(
            bandpass(windows.x, real.rate, *band), real.rate
        )
        low = freqs <= real.rate / 16
        return freqs[low], spectrum[..., low].mean(axis=0)

    try:
        freqs, mine = mean_spectrum(real)
    except InputError:  # too short to be filtered
        return None
    return Curves(freqs, mine, mean_spectrum(synthetic)[1])


def _fault_hz(real: WindowSet) -> float | None:
    try:
        return float(np.median(fault_frequency(real)))
    except InputError:  # no such column, class or bearing: nothing to mark
        return None


def _distributions(
    real: WindowSet, synthetic: WindowSet
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Root mean square and kurtosis of each window, mean over channels (rows: their norm)."""

    def rms(windows: WindowSet) -> NDArray[np.float64]:
        means: NDArray[np.float64] = np.sqrt((windows.x.astype(np.float64) ** 2).mean(axis=2)).mean(
            axis=1
        )
        return means

    found = {"rms": (rms(real), rms(synthetic))}
    if np.isfinite(real.rate):
        both = (np.nan_to_num(window_kurtosis(s), nan=1.0).mean(axis=1) for s in (real, synthetic))
        found["kurtosis"] = (next(both), next(both))
    return found


def _embedding(sets: dict[str, WindowSet]) -> dict[str, NDArray[np.float64]]:
    base, _ = feature_views(sets["real"], sets["real"])
    rows = base.rows.astype(np.float64)
    _, _, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    axes = axes[:2]
    out = {}
    for name, windows in sets.items():
        _, view = feature_views(sets["real"], windows)
        flat = (view.rows - rows.mean(axis=0)) @ axes.T
        out[name] = np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))
    return out


def _at_most(windows: WindowSet, rng: np.random.Generator) -> WindowSet:
    return windows.take(np.sort(rng.permutation(len(windows))[:MOST_WINDOWS]))
