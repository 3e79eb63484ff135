"""Membership by distance: is a released window nearer than it should be?

Chen, Yu, Zhang and Fritz, "GAN-Leaks: a taxonomy of membership inference attacks against generative
models" (CCS 2020), the full black-box attack: the distance to the closest released window, set
against what is usual for windows from elsewhere (their calibration, here by the median of reference
windows in place of a reference model).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]

_TINY = 1e-9


def nearest(rows: Floats, released: Floats) -> Floats:
    """Euclidean distance of each of `rows` `(n, d)` to the closest of `released`, `(n,)`."""
    distance: Floats = cdist(rows, released).min(axis=1)
    return distance


def distance_scores(rows: Floats, released: Floats, reference: Floats) -> Floats:
    """Log of the usual distance over that of each of `rows`, `(n,)`; arrays `(·, d)`."""
    return calibrated(nearest(rows, released), nearest(reference, released))


def calibrated(errors: Floats, usual: Floats) -> Floats:
    """Scores from errors `(n,)`, the smaller the likelier a member, and errors of others `(r,)`."""
    floor = _TINY * max(float(np.median(usual)), 1e-300)
    scores: Floats = np.log(np.median(usual) + floor) - np.log(errors + floor)
    return scores
