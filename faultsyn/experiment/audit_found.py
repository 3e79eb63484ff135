"""What an audit found, judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.privacy.anonymity import Anonymity
from faultsyn.privacy.attribute import AttributeLeak
from faultsyn.privacy.canary import CanaryBound
from faultsyn.privacy.copies import CopyCheck
from faultsyn.privacy.intervals import Interval
from faultsyn.privacy.linkability import Linkability
from faultsyn.privacy.roc import Rate

Floats = NDArray[np.float64]

SAME, OTHER = "same groups", "other groups"
"""Whom members are told from."""


@dataclass(frozen=True)
class MembershipRow:
    """One attack on membership.

    - `attack`, `view`: which, and what it looks at; `against`: `SAME` or `OTHER`.
    - `auc`: area with its 95 % interval; `strict`: with the interval that holds for all attacks of
      the audit together.
    - `rates`: true positives at 1 % and 0.1 % false ones.
    - `n_members`, `n_others`: scores, over all repetitions.
    - `curve`: false- and true-positive rates.
    """

    attack: str
    view: str
    against: str
    auc: Interval
    strict: Interval
    rates: tuple[Rate, ...]
    n_members: int
    n_others: int
    curve: tuple[Floats, Floats]


@dataclass(frozen=True)
class AttributeRow:
    """An attribute and how well it is told."""

    name: str
    leak: AttributeLeak


@dataclass(frozen=True)
class LinkRow:
    """Linkability of assets in one view, and the same with the real members released."""

    view: str
    released: Linkability
    real: Linkability


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    - `facts`: task, generator, fold, K, seed, how many windows of each kind.
    - `claim`: what the generator states about differential privacy, empty when nothing.
    - `left_out`: what could not be done, with the reason.
    """

    facts: dict[str, Any]
    claim: dict[str, Any]
    membership: tuple[MembershipRow, ...]
    attributes: tuple[AttributeRow, ...]
    links: tuple[LinkRow, ...]
    copies: dict[str, CopyCheck]
    anonymity: Anonymity | None
    canary: CanaryBound | None
    left_out: dict[str, str]

    @property
    def leaks(self) -> tuple[MembershipRow, ...]:
        """Attacks that tell members from windows of the same groups better than chance."""
        return tuple(r for r in self.membership if r.against == SAME and r.strict.low > 0.5)

    @property
    def told(self) -> tuple[str, ...]:
        """Attributes that released windows tell, at 5 % for all of them together (Bonferroni)."""
        most = 0.05 / max(1, len(self.attributes))
        return tuple(row.name for row in self.attributes if row.leak.p <= most)

    def as_json(self) -> dict[str, Any]:
        """Everything but the curves, in plain JSON types."""
        rows = [asdict(row) for row in self.membership]
        for row in rows:
            del row["curve"]
        return {
            "facts": self.facts,
            "claim": self.claim,
            "leaks": [[row.attack, row.view] for row in self.leaks],
            "membership": rows,
            "told": list(self.told),
            "attributes": {row.name: asdict(row.leak) for row in self.attributes},
            "linkability": {row.view: asdict(row) for row in self.links},
            "copies": {view: asdict(check) for view, check in self.copies.items()},
            "anonymity": None if self.anonymity is None else asdict(self.anonymity),
            "canary": None if self.canary is None else asdict(self.canary),
            "left_out": self.left_out,
        }
