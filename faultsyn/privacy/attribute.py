"""Attribute inference: does what was released tell the load, the site, the severity?

Stadler, Oprisanu and Troncoso (USENIX Security 2022) and Ganju et al., "Property inference attacks"
(CCS 2018), in the form that plants ask about: an adversary with reference windows of known load
learns to read it off a window, and reads it off the released ones. A classifier that can do it on
real windows and not on released ones has lost what it looks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import recall_score

from faultsyn.errors import InputError
from faultsyn.privacy.membership import Rows

Floats = NDArray[np.float64]
Values = NDArray[np.str_]

_COMPONENTS = 12
_PERMUTATIONS = 199  # so that p can hold for up to ten attributes together


@dataclass(frozen=True)
class AttributeLeak:
    """How well an attribute is told.

    - `accuracy`: balanced accuracy on released windows; `chance`: one over the number of values.
    - `control`: 95 % quantile of the same attack with the adversary's values shuffled within their
      class; `p`: share of shuffles that do as well.
    - `real`: on real windows that nobody learned from; what could be told at most.
    - `n`: released windows; `values`: of the attribute.
    """

    accuracy: float
    chance: float
    control: float
    p: float
    real: float
    n: int
    values: tuple[str, ...]


def attribute_leak(
    reference: tuple[Rows, Values],
    held_out: tuple[Rows, Values],
    released: tuple[Rows, Values],
    rng: np.random.Generator,
) -> AttributeLeak:
    """Attack one attribute; each argument is windows and the value of each, `(n,)` texts.

    - `reference`: what the adversary learns from; `held_out`: real windows to compare with;
      `released`: synthetic ones with the value of the data they come from.

    Shrinkage LDA on principal components of rows from which the class mean is taken, so that the
    fault itself tells nothing. Raises `InputError` when the reference holds fewer than two values.
    """
    known = sorted(set(reference[1].tolist()))
    if len(known) < 2:
        raise InputError(f"attribute attack: expected at least two values, got {known}")
    x, read, judged = (_centred(part[0], reference[0]) for part in (reference, held_out, released))
    count = min(_COMPONENTS, x.shape[1], max(1, len(x) // 4))
    project = PCA(count, svd_solver="full").fit(x)
    x, read, judged = project.transform(x), project.transform(read), project.transform(judged)

    def told(values: Values, on: Floats, truth: Values) -> float:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, values)
        return _balanced(truth, model.predict(on))

    accuracy = told(reference[1], judged, released[1])
    shuffled = np.array(
        [
            told(_shuffled(reference[1], reference[0].labels, rng), judged, released[1])
            for _ in range(_PERMUTATIONS)
        ]
    )
    return AttributeLeak(
        accuracy=accuracy,
        chance=1 / len(set(released[1].tolist())),
        control=float(np.quantile(shuffled, 0.95)),
        p=float((1 + (shuffled >= accuracy).sum()) / (1 + _PERMUTATIONS)),
        real=told(reference[1], read, held_out[1]),
        n=len(judged),
        values=tuple(sorted(set(released[1].tolist()))),
    )


def _balanced(truth: Values, told: Values) -> float:
    """Mean recall over the values that occur."""
    labels = sorted(set(truth.tolist()))
    return float(recall_score(truth, told, labels=labels, average="macro", zero_division=0))


def _centred(rows: Rows, reference: Rows) -> Floats:
    x = rows.x.copy()
    for label in np.unique(rows.labels):
        mine = reference.labels == label
        if not mine.any():
            raise InputError(f"attribute attack: no reference windows of class '{label}'")
        x[rows.labels == label] -= reference.x[mine].mean(axis=0)
    return x


def _shuffled(values: Values, labels: Values, rng: np.random.Generator) -> Values:
    mixed = values.copy()
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        mixed[mine] = values[rng.permutation(mine)]
    return mixed
