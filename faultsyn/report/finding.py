"""A finding, and how its words are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["plain", "good", "warn"]


@dataclass(frozen=True)
class Finding:
    """One finding: a sentence that can stand alone, and what supports it.

    - `title`: the finding. `points`: its support, one sentence or two each.
    - `tone`: "good" (a claim that holds), "plain", "warn" (read before you believe the rest).
    """

    title: str
    points: tuple[str, ...]
    tone: Tone = "plain"


def p_text(p: float | None) -> str:
    """A p-value as it is printed."""
    if p is None:
        return "no test possible"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
