"""Membership by density ratio: does the generator put more weight here than the world does?

van Breugel, Sun, Qian and van der Schaar, "Membership inference attacks against synthetic data
through overfitting detection" (DOMIAS, AISTATS 2023), eq. 2:

    A(x) = f( p_G(x) / p_R(x) )

p_G: density of what was released, p_R: of reference windows that the adversary has from elsewhere.
Both are kernel estimates of one bandwidth (Scott's rule for the reference) over the leading
principal components of the reference, each scaled to unit variance; the paper also uses flows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

Floats = NDArray[np.float64]

COMPONENTS = 8
"""Directions at most; kernel estimates in more mean little with some hundred windows."""


def domias_scores(rows: Floats, released: Floats, reference: Floats) -> Floats:
    """log p_G(x) - log p_R(x) of each of `rows`, `(n,)`.

    - `rows`, `released`, `reference`: `(n, d)`, `(s, d)`, `(r, d)`; r of at least two.
    """
    mean, basis = _whitening(reference)
    x, made, real = ((part - mean) @ basis for part in (rows, released, reference))
    width = len(real) ** (-1.0 / (real.shape[1] + 4))
    scores: Floats = log_density(x, made, width) - log_density(x, real, width)
    return scores


def log_density(x: Floats, of: Floats, width: float) -> Floats:
    """Log of the Gaussian kernel density at `x` `(n, d)` of the points `of` `(m, d)`, `(n,)`."""
    exponent = -cdist(x, of, "sqeuclidean") / (2 * width**2)
    constant = np.log(len(of)) + 0.5 * x.shape[1] * np.log(2 * np.pi * width**2)
    density: Floats = logsumexp(exponent, axis=1) - constant
    return density


def _whitening(reference: Floats) -> tuple[Floats, Floats]:
    """Mean `(d,)` and the leading components over their standard deviations, `(d, c)`."""
    mean = reference.mean(axis=0)
    _, spread, directions = np.linalg.svd(reference - mean, full_matrices=False)
    spread = spread / np.sqrt(max(1, len(reference) - 1))
    count = min(COMPONENTS, int((spread > 1e-8 * max(spread[0], 1e-300)).sum()))
    return mean, directions[:count].T / spread[:count]
