"""What `synthesize` has made, for its page and its caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultsyn.windows import WindowSet


@dataclass(frozen=True)
class ClassMade:
    """What came of one class.

    - `drawn`, `accepted`: windows; `rejected`: those left out, by reason.
    - `shots`: the real windows that the generator was adapted to; `windows`: those accepted.
    - `limits`: of the gate, empty without one.
    """

    label: str
    drawn: int
    accepted: int
    rejected: Mapping[str, int]
    shots: WindowSet
    windows: WindowSet
    limits: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Made:
    """A store of synthetic windows and how it came about.

    - `classes`: by label; `messages`: what to know first.
    - `normals`: healthy windows, thinned; may be None.
    - `facts`: what every passport says; `config`: of the generator; `provenance`: what it was
      trained on, by step.
    """

    path: Path
    classes: Mapping[str, ClassMade]
    normals: WindowSet | None
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    messages: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Windows in the store by class."""
        return {label: made.accepted for label, made in self.classes.items() if made.accepted}
