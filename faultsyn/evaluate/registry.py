"""The measures by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.context_fid import ContextFID
from faultsyn.evaluate.correlation import CorrelationError
from faultsyn.evaluate.discriminative import DiscriminativeScore
from faultsyn.evaluate.diversity import Diversity
from faultsyn.evaluate.kurtosis import Kurtosis
from faultsyn.evaluate.line import EnvelopeLine, Line
from faultsyn.evaluate.memorisation import Memorisation
from faultsyn.evaluate.mmd import MMD
from faultsyn.evaluate.normal_components import NormalComponents
from faultsyn.evaluate.predictive import PredictiveScore
from faultsyn.evaluate.psd_distance import PSDDistance
from faultsyn.evaluate.two_sample import TwoSampleCoarse, TwoSampleFine

METRICS: dict[str, type[Metric]] = {
    metric.name: metric
    for metric in (
        Line,
        EnvelopeLine,
        MMD,
        PSDDistance,
        Kurtosis,
        CorrelationError,
        Memorisation,
        Diversity,
        NormalComponents,
        TwoSampleFine,
        TwoSampleCoarse,
        ContextFID,
        DiscriminativeScore,
        PredictiveScore,
    )
}
"""Every measure, in the order of a report's rows."""


def build_metrics(names: Sequence[str] | None = None) -> list[Metric]:
    """The measures of these names; all but the costly ones when None.

    Raises `InputError` with the nearest name when one is unknown.
    """
    if names is None:
        return [metric() for metric in METRICS.values() if not metric.costly]
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            raise InputError(f"no measure '{name}'; there are {', '.join(METRICS)}", hint)
    return [METRICS[name]() for name in names]
