"""Looks and levels of new windows, between and around those of the shots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.diffusion.reading import Reading
from faultsyn.windows import WindowSet

Floats = NDArray[np.float64]

BLEND = 0.5
"""h below: how far a window may lie from its shot."""


@dataclass(frozen=True)
class Look:
    """What new windows are to look like: as in `Reading`, all `(n, C, ...)`."""

    figures: Floats
    rms: Floats
    mean: Floats


def blended(
    reading: Reading, rows: NDArray[np.intp], source: NDArray[np.intp], rng: np.random.Generator
) -> Look:
    """Looks of windows made from the shots at `source`, which are among those at `rows`.

    s' = m + sqrt(1 - h^2) (s_i - m) + h (s_j - s_k) / sqrt(2) with shots i, j, k and their mean m:
    a smoothed bootstrap (Silverman & Young, Biometrika 74, 1987) that keeps mean and covariance;
    all figures, levels and channels together.
    """
    j, k = rng.choice(rows, (2, len(source)))

    def blend(values: Floats) -> Floats:
        middle = values[rows].mean(axis=0)
        kept = np.sqrt(1 - BLEND**2) * (values[source] - middle)
        return np.asarray(middle + kept + BLEND * (values[j] - values[k]) / np.sqrt(2))

    def blend_level(values: Floats) -> Floats:
        silent = values == 0
        logs = np.log(np.where(silent, 1.0, values))
        # A silent shot stays silent, and does not draw the others down.
        loud = logs[rows].sum(axis=0) / np.maximum((~silent)[rows].sum(axis=0), 1)
        return np.where(silent[source], 0.0, np.exp(blend(np.where(silent, loud, logs))))

    return Look(
        blend(reading.figures),
        blend_level(reading.rms),
        blend(reading.mean),
    )


def mixing(x: Floats) -> Floats:
    """Square root of the channels' correlation at lag zero in windows `(K, C, T)`, `(C, C)`."""
    correlation = np.einsum("kct,kdt->cd", x, x) / max(x.shape[0] * x.shape[2], 1)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(root / np.linalg.norm(root, axis=1, keepdims=True))


def standardised(x: Floats) -> Floats:
    """Windows of zero mean and unit RMS, as all that were learnt from are; flat ones are zero."""
    centred = x - x.mean(axis=-1, keepdims=True)
    rms = centred.std(axis=-1, keepdims=True)
    return np.asarray(centred / np.where(rms > 0, rms, 1.0))


def operating(
    shots: WindowSet, classes: Floats, source: NDArray[np.intp], log_shaft: Floats, of: Floats
) -> NDArray[np.float32]:
    """What adapters are told of windows and channels, `(n, C, .)`.

    - `classes`: one-hot, `(n, n_classes)`; `source`: the shot each is made from.
    - `log_shaft`: log of the shaft period `(n,)`, on the scale of that `of` the shots.

    Channel and class one-hot, then speed and load, standardised by the shots.
    """
    n, channels = len(source), shots.x.shape[1]
    load = shots.table.get("load", np.full(len(shots), np.nan))
    load = load.astype(np.float64) if load.dtype.kind in "biuf" else np.full(len(load), np.nan)
    state = np.stack([standard(log_shaft, of), standard(load[source], load)], axis=1)
    parts = [
        np.broadcast_to(np.eye(channels), (n, channels, channels)),
        *(np.repeat(p[:, None], channels, axis=1) for p in (classes, state)),
    ]
    return np.asarray(np.concatenate(parts, axis=2), np.float32)


def standard(values: Floats, of: Floats) -> Floats:
    """Values against mean and deviation of others; 0 where unknown or all are equal."""
    known = of[np.isfinite(of)]
    if len(known) == 0 or known.std() <= 1e-6 * max(np.abs(known).max(), 1e-12):
        return np.zeros_like(values)
    return np.asarray(np.nan_to_num((values - known.mean()) / known.std()))
