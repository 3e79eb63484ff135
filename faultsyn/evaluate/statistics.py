"""What a table of scores allows one to say: paired comparisons, corrections, intervals.

A score belongs to a (group, seed): the group (asset, machine, condition) that was held out and the
seed that drew the shots. The seeds of one group share their test windows, so their scores are not
independent, and two questions must be told apart:

- *on these groups*: would the difference stand if the shots were drawn again? The Wilcoxon
  signed-rank test over all (group, seed) pairs answers this, and no more: it says nothing about
  other machines, however many seeds there are.
- *on new groups*: would it stand on another machine of the kind? Only the groups are independent
  evidence for that (and in cross-validation even they share training data). The exact sign-flip
  test on the groups' mean differences answers this. With G groups its p-value cannot fall below
  2 / 2^G: 0.0625 for five, 0.031 for six, so few groups cannot support a claim about new ones.

Intervals resample groups, then seeds within a group; never windows or episodes of one test set.
Where groups overlap (the folds of a k-fold split drawn anew several times test the same windows
again), `unit` says which of them count as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range, wilcoxon

from faultsyn.errors import InputError

Floats = NDArray[np.float64]
Scores = Mapping[tuple[str, int], float]
"""One arm's scores: (held-out group, seed) -> score."""

Unit = Callable[[str], str]
"""The independent unit that a group belongs to; usually the group itself."""

MIN_GROUPS = 5
"""With fewer groups the test over (group, seed) is the main one."""

_EXACT_GROUPS = 16  # 2^16 sign patterns are enumerated; beyond that they are drawn
_DRAWN_FLIPS = 99_999
_TIE = 1e-12


@dataclass(frozen=True)
class Summary:
    """One arm: a seed's figure is the mean over its folds; then mean and deviation over seeds.

    - `mean`, `sd`: over seeds; `sd` (n - 1) is None with a single seed.
    - `low`, `high`: interval of the mean by bootstrap over groups, then seeds.
    - `groups`: each held-out group's mean over seeds; `worst` is the name of the lowest.
    """

    mean: float
    sd: float | None
    low: float
    high: float
    n_seeds: int
    groups: dict[str, float]
    worst: str


@dataclass(frozen=True)
class Comparison:
    """Paired difference a - b of two arms over the (group, seed) pairs that both have.

    - `difference`: mean over groups of their mean difference; `low`, `high`: its interval.
    - `p_groups`: exact two-sided sign-flip test on the groups' mean differences; None with fewer
      than two groups. `p_groups_floor`: the smallest value that it could have taken.
    - `p_pairs`: two-sided Wilcoxon signed-rank test over the (group, seed) pairs; None with one.
    - `groups_better`: groups whose mean difference is above zero.
    - `n_unpaired`: scores of either arm left out because the other has none.
    """

    difference: float
    low: float
    high: float
    p_groups: float | None
    p_groups_floor: float | None
    p_pairs: float | None
    groups_better: int
    n_groups: int
    n_pairs: int
    n_unpaired: int

    @property
    def p_main(self) -> float | None:
        """The group-level test with at least five groups, else the test over pairs."""
        return self.p_groups if self.n_groups >= MIN_GROUPS else self.p_pairs


@dataclass(frozen=True)
class Friedman:
    """Friedman test over methods and the Nemenyi critical difference of their mean ranks.

    - `ranks`: mean rank of each method, 1 the best.
    - `critical_difference`: methods whose mean ranks differ by less cannot be told apart
      (Demsar 2006, Statistical comparisons of classifiers over multiple data sets, eq. in 3.2.2).
    """

    methods: tuple[str, ...]
    ranks: Floats
    statistic: float
    p: float
    critical_difference: float
    n_blocks: int


def summarise(
    scores: Scores, rng: np.random.Generator, *, level: float = 0.95, unit: Unit = str
) -> Summary:
    """Mean, deviation, interval and worst group of one arm. Raises `InputError` on no scores or
    NaN."""
    if not scores:
        raise InputError("statistics: an arm without scores cannot be summarised")
    by_seed: dict[int, list[float]] = {}
    for (_, seed), value in scores.items():
        by_seed.setdefault(seed, []).append(value)
    seeds = np.array([np.mean(values) for values in by_seed.values()])
    means = {group: float(values.mean()) for group, values in _by_unit(scores, str).items()}
    low, high = cluster_interval(list(_by_unit(scores, unit).values()), rng, level=level)
    return Summary(
        mean=float(seeds.mean()),
        sd=float(seeds.std(ddof=1)) if len(seeds) > 1 else None,
        low=low,
        high=high,
        n_seeds=len(seeds),
        groups=means,
        worst=min(means, key=lambda group: means[group]),
    )


def compare(
    a: Scores, b: Scores, rng: np.random.Generator, *, level: float = 0.95, unit: Unit = str
) -> Comparison:
    """Compare two arms over the (group, seed) pairs that both have; groups are taken by `unit`.

    Raises `InputError` when they share none, or on NaN.
    """
    shared = sorted(a.keys() & b.keys())
    if not shared:
        raise InputError(
            "statistics: the two arms share no (group, seed) pair",
            "compare arms that were run on the same task, split, K and seeds",
        )
    difference = {key: a[key] - b[key] for key in shared}
    groups = list(_by_unit(difference, unit).values())
    means = np.array([values.mean() for values in groups])
    low, high = cluster_interval(groups, rng, level=level)
    return Comparison(
        difference=float(means.mean()),
        low=low,
        high=high,
        p_groups=sign_flip(means, rng) if len(means) > 1 else None,
        p_groups_floor=2.0 ** (1 - len(means)) if len(means) > 1 else None,
        p_pairs=_signed_rank(np.array(list(difference.values()))),
        groups_better=int((means > _TIE).sum()),
        n_groups=len(means),
        n_pairs=len(shared),
        n_unpaired=len(a) + len(b) - 2 * len(shared),
    )


def sign_flip(differences: Floats, rng: np.random.Generator) -> float:
    """Two-sided sign-flip permutation test that the mean of independent differences is zero.

    - `differences`: `(n,)`, one for each independent unit (a group, not a window or a seed).

    Exact up to 16 units (every sign pattern); beyond, 99,999 patterns from `rng` and the observed
    one (Phipson & Smyth 2010, so that p is never 0).
    """
    values = np.asarray(differences, np.float64)
    n = len(values)
    if n == 0:
        raise InputError("statistics: no differences to test")
    observed = abs(values.sum()) - _TIE * max(1.0, float(np.abs(values).sum()))
    if n <= _EXACT_GROUPS:
        patterns = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float((np.abs((2 * patterns - 1) @ values) >= observed).mean())
    signs = rng.choice(np.array([-1.0, 1.0]), size=(_DRAWN_FLIPS, n))
    extreme = int((np.abs(signs @ values) >= observed).sum())
    return (extreme + 1) / (_DRAWN_FLIPS + 1)


def holm(p_values: Sequence[float]) -> Floats:
    """Holm's step-down correction of one family of p-values (Holm 1979), in the given order."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def cluster_interval(
    groups: Sequence[Floats],
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
) -> tuple[float, float]:
    """Percentile interval of the mean of group means: groups are drawn, then seeds within each.

    - `groups`: one array of scores (one for each seed) for each held-out group.

    With one group only its seeds are drawn, and the interval then speaks of the draw of the shots
    alone. Under about ten groups a bootstrap interval is too narrow for new groups.
    """
    if not groups or any(len(values) == 0 for values in groups):
        raise InputError("statistics: an interval needs groups that each have a score")
    sizes = np.array([len(values) for values in groups])
    padded = np.zeros((len(groups), sizes.max()))
    for row, values in zip(padded, groups, strict=True):
        row[: len(values)] = values
    drawn = rng.integers(len(groups), size=(n_resamples, len(groups)))
    counts = sizes[drawn][..., None]
    shape = (*drawn.shape, padded.shape[1])
    seeds = (rng.random(shape) * counts).astype(int)
    kept = np.arange(shape[2]) < counts
    means = (padded[drawn[..., None], seeds] * kept).sum(axis=2) / counts[..., 0]
    tail = (1 - level) / 2
    low, high = np.quantile(means.mean(axis=1), [tail, 1 - tail])
    return float(low), float(high)


def friedman(methods: Iterable[str], scores: Floats, *, alpha: float = 0.05) -> Friedman:
    """Friedman test with Nemenyi's critical difference.

    - `methods`: names, one for each column.
    - `scores`: `(n_blocks, n_methods)`, higher is better; a block is an independent unit (a task or
      a held-out group, averaged over seeds).

    Raises `InputError` with fewer than three methods or two blocks, or NaN.
    """
    names = tuple(methods)
    n, k = scores.shape
    if len(names) != k or k < 3 or n < 2:
        raise InputError(
            f"Friedman test: needs at least 3 methods and 2 blocks, got {len(names)} names for "
            f"scores of shape {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise InputError("Friedman test: every method needs a score in every block")
    ranks: Floats = rankdata(-scores, axis=1).mean(axis=0)
    if np.all(scores == scores[:, :1]):
        statistic, p = 0.0, 1.0  # all tied in every block: the statistic is 0 / 0
    else:
        result = friedmanchisquare(*scores.T)
        statistic, p = float(result.statistic), float(result.pvalue)
    quantile = studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2)
    distance = float(quantile * np.sqrt(k * (k + 1) / (6 * n)))
    return Friedman(names, ranks, statistic, p, distance, n)


def _by_unit(scores: Scores, unit: Unit) -> dict[str, Floats]:
    lists: dict[str, list[float]] = {}
    for (group, seed), value in sorted(scores.items()):
        if not np.isfinite(value):
            raise InputError(f"statistics: group '{group}', seed {seed}: the score is {value}")
        lists.setdefault(unit(group), []).append(value)
    return {group: np.asarray(values, np.float64) for group, values in lists.items()}


def _signed_rank(differences: Floats) -> float | None:
    """Wilcoxon signed-rank with zeros by Pratt's rule; 1 when there is no difference at all."""
    if len(differences) < 2:
        return None
    if np.all(np.abs(differences) <= _TIE):
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)
