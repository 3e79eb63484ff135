"""Arrays behind the figures of a quality report; drawing them is the report's business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.features import feature_views
from faultsyn.evaluate.kurtosis import window_kurtosis
from faultsyn.evaluate.line import scaled_bands
from faultsyn.evaluate.memorisation import copy_limit, same_windows, similarity
from faultsyn.evaluate.needs import fault_frequency
from faultsyn.signal.envelope import bandpass, squared_envelope_spectrum
from faultsyn.signal.mesh import Mesh, mesh_of_all
from faultsyn.signal.spectrum import welch_psd
from faultsyn.windows import WindowSet

MOST_SUSPECTS = 8
MOST_WINDOWS = 500
"""Windows per set that are drawn."""
SAME_SPEED = 0.02
"""Relative difference of speeds within which mesh lines of windows fall on each other."""
MOST_MULTIPLES, MULTIPLES_STEP = 4.2, 0.01
"""Envelope spectra are drawn up to this multiple of the fault's frequency, in these steps."""


@dataclass(frozen=True)
class Curves:
    """A mean spectrum of each set.

    - `freqs`: [Hz], or multiples of each window's own fault frequency, `(n_freqs,)`.
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
    - `envelope`: amplitudes of the squared envelope's spectrum over its mean (broadest demodulation
      band); None for feature rows or windows too short to filter. Where the fault's frequency is
      known, over multiples of it, so that the lines of machines and speeds fall on each other.
    - `fault_hz`: the fault's lowest and highest frequency among the real windows [Hz], or None.
    - `features`: name -> (real, synthetic) values, one per window.
    - `suspects`: None without shots.
    - `embedding`: set name -> `(n, 2)` coordinates on two principal components of the real
      windows' features; sets "real", "synthetic" and, if given, "shots" and "normal".
    - `meshes`, `shaft_hz`: gears and speed of the shaft [Hz] where all real windows have the same.
    """

    spectrum: Curves | None
    envelope: Curves | None
    fault_hz: tuple[float, float] | None
    features: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    suspects: Suspects | None
    embedding: dict[str, NDArray[np.float64]]
    meshes: tuple[Mesh, ...] = ()
    shaft_hz: float | None = None


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
    real_hz, made_hz = _fault_hz(few_real), _fault_hz(few_made)
    if made_hz is None:
        real_hz = None
    return Views(
        _spectra(few_real, few_made),
        _envelopes(few_real, few_made, real_hz, made_hz),
        None if real_hz is None else (float(real_hz.min()), float(real_hz.max())),
        _distributions(few_real, few_made),
        None if "shots" not in sets else suspects(real, synthetic, sets["shots"]),
        _embedding(sets),
        mesh_of_all(few_real.table),
        _shaft_hz(few_real),
    )


def _shaft_hz(windows: WindowSet) -> float | None:
    """The speed of windows that all ran at about the same one; else None."""
    rpm = np.asarray(windows.table.get("rpm", np.zeros(0)), np.float64)
    if len(rpm) == 0 or not (np.isfinite(rpm) & (rpm > 0)).all():
        return None
    middle = float(np.median(rpm))
    return middle / 60 if np.abs(rpm - middle).max() <= SAME_SPEED * middle else None


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


def _envelopes(
    real: WindowSet,
    synthetic: WindowSet,
    real_hz: NDArray[np.float64] | None,
    made_hz: NDArray[np.float64] | None,
) -> Curves | None:
    """Over multiples of the fault's frequency, or over Hz where `real_hz` is None."""
    if not np.isfinite(real.rate):
        return None
    try:
        at, mine = _envelope(real, real_hz)
        _, theirs = _envelope(synthetic, None if real_hz is None else made_hz)
    except InputError:  # too short to be filtered
        return None
    return Curves(at, mine, theirs)


def _envelope(
    windows: WindowSet, fault_hz: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean amplitude spectrum `(n_channels, n_freqs)` of squared envelopes, and where it is read.

    Up to a sixteenth of the sample rate, or to `MOST_MULTIPLES` times the fault's frequency.
    """
    rate, n_samples = windows.rate, windows.n_samples
    filtered = bandpass(windows.x, rate, *scaled_bands(rate)[-1])
    freqs, spectrum = squared_envelope_spectrum(filtered, rate)
    spectrum = spectrum * (4.0 / n_samples)  # the mean Hann weight is 1/2, and so is half a line
    if fault_hz is None:
        low = freqs <= rate / 16
        return freqs[low], spectrum[..., low].mean(axis=0)
    at = np.arange(0.0, MOST_MULTIPLES, MULTIPLES_STEP)
    total = np.zeros((len(windows.channels), len(at)))
    for lines, one in zip(spectrum, fault_hz, strict=True):
        total += np.stack([np.interp(at * one, freqs, line) for line in lines])
    mean: NDArray[np.float64] = total / len(windows)
    return np.asarray(at, np.float64), mean


def _fault_hz(windows: WindowSet) -> NDArray[np.float64] | None:
    try:
        return fault_frequency(windows)
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
