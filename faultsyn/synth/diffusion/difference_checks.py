"""What must hold before a part of the difference generator is used; every check sees shots only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.normal_blocks import block_components, block_ratios
from faultsyn.synth.diffusion.difference_denoiser import NormalDenoiser
from faultsyn.synth.matched_difference import nearest_rows
from faultsyn.windows import WindowSet

LOWEST, HIGHEST = 0.5, 2.0
"""Bounds of the variance ratios of a block of normal components."""


def variance_fault(normal: NDArray[Any], matched: NDArray[Any], made: NDArray[Any]) -> str | None:
    """What is wrong with the variance of made windows `(n, C, T)`; None: nothing.

    In each block of the normals' principal components it must reach half the normals' own, and
    stay below twice the larger of theirs and that of matched difference transfer.
    """
    scale, components = block_components(normal)
    scores = [(x / scale).reshape(len(x), -1) @ components.T for x in (normal, matched, made)]
    to_normal, to_matched = block_ratios(scores[0], scores[2]), block_ratios(scores[1], scores[2])
    for block, ratio in to_normal.items():
        if ratio < LOWEST:
            return f"components {block} have {ratio:.2g} times the normals' variance"
        if min(ratio, to_matched[block]) > HIGHEST:
            return f"components {block} have {to_matched[block]:.2g} times its variance"
    return None


def left_out_surprise(
    denoiser: NormalDenoiser,
    rows: NDArray[Any],
    differences: NDArray[Any],
    labels: NDArray[np.str_],
) -> NDArray[np.float64]:
    """How badly differences predict left-out shots: ln of squared errors, one for each that can be.

    - `rows`: shots `(k, p)`; `differences`: theirs, `(k, p)`.

    A left-out shot should be a normal plus the mean difference of its class's others; the error is
    its Mahalanobis distance from there, in the normals' covariance. Empty with one shot a class.
    """
    centred = rows - denoiser.mean
    errors = []
    for row in range(len(rows)):
        others = (labels == labels[row]) & (np.arange(len(rows)) != row)
        if others.any():
            errors.append(centred[row] - differences[others].mean(axis=0))
    if not errors:
        return np.zeros(0)
    return np.asarray(np.log(np.maximum(denoiser.surprises(np.array(errors)), 1e-30)))


def neighbours_explain(rows: NDArray[np.float32], neighbours: int) -> float:
    """The share of the normals' variance that the mean of a normal's nearest others explains.

    - `rows`: `(n, p)`. 1 minus the squared error of left-out rows over that of the mean of all
      others, columns in units of their deviation; below 0 where neighbours mean nothing.
    """
    count = min(neighbours, len(rows) - 1)
    nearest = nearest_rows(rows, rows, count + 1)
    itself = nearest == np.arange(len(rows))[:, None]
    itself[~itself.any(axis=1), -1] = True  # a copy of the row stands in its place
    others = nearest[~itself].reshape(len(rows), count)
    mean, std = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    scaled = (rows - mean) / np.where(std > 1e-9 * np.abs(mean), std, np.inf)
    error = ((scaled - scaled[others].mean(axis=1)) ** 2).mean()
    alone = (scaled**2).mean() * (len(rows) / (len(rows) - 1)) ** 2  # mean of the others
    return 1.0 - float(error / alone) if alone > 0 else 0.0


def grades(normal: WindowSet, shots: WindowSet, severity: str) -> NDArray[np.float64] | None:
    """How far each shot's severity is from healthy, `(k,)`; None where classes are no grades.

    - `severity`: a column, or "auto": the column `severity` if the classes' names are its values.

    Raises `InputError` when a named column does not hold one number a class, apart from healthy.
    """
    column = "severity" if severity == "auto" else severity
    reason = _no_grades(normal, shots, column, named=severity != "auto")
    if reason is None:
        values = shots.column(column).astype(np.float64)
        return np.asarray(np.abs(values - normal.column(column).astype(np.float64).mean()))
    if severity == "auto":
        return None
    raise InputError(f"faultdiffusion-difference: column '{column}' {reason}")


def _no_grades(normal: WindowSet, shots: WindowSet, column: str, *, named: bool) -> str | None:
    if column not in shots.table or column not in normal.table:
        return "is missing in the shots or the normals"
    try:
        values, healthy = (s.table[column].astype(np.float64) for s in (shots, normal))
    except ValueError:
        return "holds text"
    if not np.isfinite(values).all() or np.unique(healthy).size != 1:
        return "must hold a number in each shot and one healthy value"
    away = np.abs(values - healthy[0])
    classes = np.unique(shots.labels)
    per_class = [np.unique(away[shots.labels == label]) for label in classes]
    if any(len(levels) != 1 or levels[0] == 0 for levels in per_class):
        return "must differ from healthy by one number for each class"
    if not named and not all(
        _is_number(str(label), values[shots.labels == label][0]) for label in classes
    ):
        return "is not what the classes are named after"
    return None


def _is_number(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except ValueError:
        return False


def grades_agree(
    differences: NDArray[Any], labels: NDArray[Any], distance: NDArray[np.float64]
) -> bool:
    """Whether left-out shots are predicted better with the scaled differences of worse classes.

    - `differences`: `(k, p)`, columns in comparable units; `distance`: severity from healthy.

    A left-out shot is compared with the median of the class's other shots, and with the median of
    these and of the worse classes' scaled ones; the mean logarithm of the ratio of squared errors
    decides. Medians, because a single shot of a rare operating state would decide a mean. True
    where no class has two shots: nothing speaks against the grades then.
    """
    ratios = []
    for row in range(len(labels)):
        mine = labels == labels[row]
        others = mine & (np.arange(len(labels)) != row)
        pool = others | (~mine & (distance > distance[row]))
        if not others.any() or pool.sum() == others.sum():
            continue
        scaled = differences[pool] * (distance[row] / distance[pool])[:, None]
        own = ((differences[row] - np.median(differences[others], axis=0)) ** 2).sum()
        lent = ((differences[row] - np.median(scaled, axis=0)) ** 2).sum()
        ratios.append(np.log(max(lent, 1e-30)) - np.log(max(own, 1e-30)))
    return bool(np.mean(ratios) <= 0) if ratios else len(np.unique(distance)) > 1
