"""Membership by reconstruction: can a window be put together from what was released?

Hilprecht, Härterich and Bernau, "Monte Carlo and reconstruction membership inference attacks
against generative models" (PETS 2019): what a model rebuilds well it has probably seen. They ask
the model itself; here only released windows are at hand, and a window is rebuilt as the best affine
combination of its closest ones, so that interpolating generators (SMOTE, mixup, averages) are met
as well as copying ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from faultsyn.privacy.distance import calibrated

Floats = NDArray[np.float64]

NEIGHBOURS = 5
"""Released windows that a window is rebuilt from."""


def reconstruction_errors(rows: Floats, released: Floats, neighbours: int = NEIGHBOURS) -> Floats:
    """Distance of each of `rows` `(n, d)` to the plane through its closest `released`, `(n,)`.

    At most half as many as there are dimensions, or everything could be rebuilt.
    """
    distinct = np.unique(released, axis=0)
    count = min(neighbours, len(distinct), max(1, rows.shape[1] // 2))
    closest = np.argsort(cdist(rows, distinct), axis=1, kind="stable")[:, :count]
    errors = np.empty(len(rows))
    for i, chosen in enumerate(closest):
        base = distinct[chosen[0]]
        sides = (distinct[chosen[1:]] - base).T
        rest = rows[i] - base
        if sides.size:
            rest = rest - sides @ np.linalg.lstsq(sides, rest, rcond=None)[0]
        errors[i] = np.linalg.norm(rest)
    return errors


def reconstruction_scores(rows: Floats, released: Floats, reference: Floats) -> Floats:
    """Log of the usual error over that of each of `rows`, `(n,)`; arrays `(·, d)`."""
    usual = reconstruction_errors(reference, released)
    return calibrated(reconstruction_errors(rows, released), usual)
