"""Which quality measures go with a gain in accuracy: rank correlations over the cells of a study.

A measure is worth looking at when, among generators on the same shots, it places those higher whose
windows help more. So generators are ranked within a block (task, K, held-out group, seed) by the
measure and by the gain, and the ranks of all blocks are correlated (Spearman's rho within strata);
differences between tasks, which no measure is asked to explain, cannot make or hide a correlation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from faultsyn.experiment.results import Results

Floats = NDArray[np.float64]
Block = tuple[str, ...]
"""Task, split, K, group and seed."""

FEWEST_GENERATORS = 4
"""A block with fewer has hardly any order."""
FEWEST_CLUSTERS = 5
"""Held-out groups below which their resampling says nothing about others."""
EVERY = "all classifiers"


@dataclass(frozen=True)
class Association:
    """How one measure goes with the gain of one classifier.

    - `rho`: of ranks within blocks, -1 to 1; positive: a better figure goes with a higher gain.
    - `low`, `high`: 95 % interval, held-out groups resampled; None with fewer than five.
    - `p`: of as large a correlation, either sign, when gains are permuted within blocks.
    - `pooled`: Spearman's rho over all cells, whatever their block.
    - `cells`, `blocks`, `clusters`: numbers of cells, blocks and held-out groups.
    """

    measure: str
    classifier: str
    rho: float
    low: float | None
    high: float | None
    p: float
    pooled: float
    cells: int
    blocks: int
    clusters: int


def goodness(figure: Mapping[str, Any]) -> float | None:
    """How good a figure is, larger is better, comparable within one measure; None without one.

    Of a measure that should be near its floor: minus the absolute logarithm of their ratio, or
    minus their distance where one of them is not positive. Of others: by how much it is better than
    the floor.
    """
    value, floor = figure["value"], figure["floor"]
    if value is None or floor is None or not (isfinite(value) and isfinite(floor)):
        return None
    if figure["direction"] == "lower":
        return float(floor - value)
    if figure["direction"] == "higher":
        return float(value - floor)
    if value > 0 and floor > 0:
        return -abs(log(value / floor))
    return -abs(float(value) - float(floor))


def associations(
    results: Results,
    figures: Iterable[Mapping[str, Any]],
    rng: np.random.Generator,
    *,
    reference: str = "none",
    draws: int = 2000,
) -> list[Association]:
    """Every measure with the gain over `reference` of every classifier, and of all together.

    - `figures`: of `faultsyn.experiment.measuring.read_figures`; classes of a cell are averaged.
    - `reference`: the generator that gains are counted from, at the same shots and classifier.

    Cells without a figure, a score or a reference are left out. Sorted by measure, in the order of
    their correlation over all classifiers, best first.
    """
    gains = _gains(results, reference)
    by_measure = _figures(figures)
    classifiers = list(dict.fromkeys(name for of in gains.values() for name in of if name != EVERY))
    found = []
    for measure, good in by_measure.items():
        for classifier in (EVERY, *classifiers):
            told = _association(measure, classifier, good, gains, rng, draws)
            if told is not None:
                found.append(told)
    best = {a.measure: a.rho for a in found if a.classifier == EVERY}
    return sorted(found, key=lambda a: -best[a.measure])


def _figures(figures: Iterable[Mapping[str, Any]]) -> dict[str, dict[tuple[Block, str], float]]:
    """By measure, then by block and generator: mean goodness over classes."""
    every: dict[str, dict[tuple[Block, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for figure in figures:
        good = goodness(figure)
        if good is not None:
            every[figure["measure"]][_block(figure), figure["generator"]].append(good)
    return {
        measure: {cell: float(np.mean(values)) for cell, values in cells.items()}
        for measure, cells in every.items()
    }


def _gains(results: Results, reference: str) -> dict[tuple[Block, str], dict[str, float]]:
    """By block and generator: gain of each classifier in balanced accuracy, and their mean."""
    scores: dict[tuple[Block, str], dict[str, float]] = defaultdict(dict)
    for row in results.ok().rows():
        scores[_block(row), row["generator"]][row["classifier"]] = row["balanced_accuracy"]
    gains = {}
    for (block, generator), of in scores.items():
        plain = scores.get((block, reference), {})
        own = {name: score - plain[name] for name, score in of.items() if name in plain}
        if generator != reference and own:
            gains[block, generator] = {**own, EVERY: float(np.mean(list(own.values())))}
    return gains


def _block(of: Mapping[str, Any]) -> Block:
    return tuple(str(of[name]) for name in ("task", "split", "k", "group", "seed"))


def _association(
    measure: str,
    classifier: str,
    good: Mapping[tuple[Block, str], float],
    gains: Mapping[tuple[Block, str], Mapping[str, float]],
    rng: np.random.Generator,
    draws: int,
) -> Association | None:
    pairs: dict[Block, list[tuple[float, float]]] = defaultdict(list)
    for cell, value in good.items():
        gain = gains.get(cell, {}).get(classifier)
        if gain is not None:
            pairs[cell[0]].append((value, gain))
    blocks = {
        block: np.array(own)
        for block, own in pairs.items()
        if len(own) >= FEWEST_GENERATORS and np.ptp([g for _, g in own]) > 0
    }
    if not blocks:
        return None
    ranks = [_centred_ranks(pair) for pair in blocks.values()]
    sums = np.array([_sums(pair) for pair in ranks])
    if not sums[:, 1].sum() > 0:
        return None
    rho = _rho(sums)
    names = [(block[0], block[3]) for block in blocks]
    clusters = list(dict.fromkeys(names))
    low = high = None
    if len(clusters) >= FEWEST_CLUSTERS:
        of = [[i for i, name in enumerate(names) if name == cluster] for cluster in clusters]
        drawn = []
        for _ in range(draws):
            chosen = rng.integers(len(clusters), size=len(clusters))
            drawn.append(_rho(sums[[i for c in chosen for i in of[c]]]))
        low, high = (float(q) for q in np.nanquantile(drawn, [0.025, 0.975]))
    everything = np.concatenate(list(blocks.values()))
    return Association(
        measure,
        classifier,
        rho,
        low,
        high,
        _permuted(ranks, rho, rng, draws),
        float(spearmanr(everything[:, 0], everything[:, 1]).statistic),
        len(everything),
        len(blocks),
        len(clusters),
    )


def _centred_ranks(pairs: Floats) -> Floats:
    ranks = rankdata(pairs, axis=0)
    centred: Floats = ranks - ranks.mean(axis=0)
    return centred


def _sums(ranks: Floats) -> tuple[float, float, float]:
    """Sums of products and of squares."""
    a, b = ranks.T
    return float(a @ b), float(a @ a), float(b @ b)


def _rho(sums: Floats) -> float:
    both, first, second = sums.sum(axis=0)
    return float(both / np.sqrt(first * second)) if first * second > 0 else float("nan")


def _permuted(ranks: list[Floats], rho: float, rng: np.random.Generator, draws: int) -> float:
    first = sum(float(pair[:, 0] @ pair[:, 0]) for pair in ranks)
    second = sum(float(pair[:, 1] @ pair[:, 1]) for pair in ranks)
    beyond = 0
    for _ in range(draws):
        both = sum(float(pair[:, 0] @ rng.permutation(pair[:, 1])) for pair in ranks)
        beyond += abs(both) / np.sqrt(first * second) >= abs(rho) - 1e-12
    return (beyond + 1) / (draws + 1)
