"""Drawing windows of a class until enough are accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.experiment.gate import Gate
from faultsyn.experiment.made import ClassMade
from faultsyn.synth import Generator
from faultsyn.windows import WindowSet, concat

MOST_DRAWS = 10
"""So many times the windows asked for are drawn at most, to replace those that are rejected."""
HOPELESS_DRAWS = 3
"""So many times the windows asked for are drawn without one accepted before giving up."""
FEW = 0.2
"""Share of accepted windows below which the generator is said not to fit."""


def draw_accepted(
    generator: Generator,
    label: str,
    n: int,
    rng: np.random.Generator,
    gate: Gate | None,
    shots: WindowSet,
) -> tuple[ClassMade, dict[str, Any]]:
    """Draw until `n` windows are accepted or the bound is reached; also the gate's figures.

    Raises `InputError` when the generator makes nothing, NaN or infinity.
    """
    kept: list[WindowSet] = []
    figures: list[dict[str, Any]] = []
    rejected: Counter[str] = Counter()
    drawn = accepted = 0
    while accepted < n and drawn < MOST_DRAWS * n:
        if not accepted and drawn >= HOPELESS_DRAWS * n:
            break
        # Enough to fill the gap at the rate of acceptance so far.
        wanted = n if not accepted else -(-(n - accepted) * drawn // accepted)
        made = generator.sample(min(wanted, n, MOST_DRAWS * n - drawn), rng, label=label)
        if len(made) == 0:
            raise InputError(f"generator '{generator.name}' makes no windows", "choose another")
        drawn += len(made)
        if gate is None:
            kept.append(made)
            accepted += len(made)
            break
        made.require_finite(f"{generator.name}.sample")
        verdict = gate.judge(made)
        rejected.update(str(reason) for reason in verdict.reason if reason)
        good = np.flatnonzero(verdict.accepted)[: n - accepted]
        drawn -= int(verdict.accepted.sum()) - len(good)  # more than were asked for: not needed
        kept.append(made.take(good))
        figures.append({name: column[good] for name, column in verdict.figures.items()})
        accepted += len(good)
    windows = concat(kept)
    columns = {
        name: np.concatenate([part[name] for part in figures]) for name in (figures or [{}])[0]
    }
    limits = {} if gate is None else gate.limits
    counted = dict(rejected.most_common())
    return ClassMade(label, drawn, accepted, counted, shots, windows, limits), columns


def messages(classes: Mapping[str, ClassMade], n: int) -> Iterator[str]:
    """A line for each class with fewer windows than asked for, or hardly any accepted."""
    for label, made in classes.items():
        share = made.accepted / max(made.drawn, 1)
        if made.accepted < n or share < FEW:
            yield (
                f"{label}: {made.accepted} of {n} windows after {made.drawn} draws; "
                f"rejected: {reasons([made])}"
            )


def reasons(classes: Iterable[ClassMade]) -> str:
    """Why windows were rejected, most frequent first."""
    total: Counter[str] = Counter()
    for made in classes:
        total.update(made.rejected)
    return ", ".join(f"{reason} {count}" for reason, count in total.most_common()) or "none"
