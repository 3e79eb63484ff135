"""What a generator is in the comparison: nothing, a bar to clear, a reference, or a candidate.

Synthesis has won only where it beats the cheap ways of making more of a few windows, so those are
named here once; every other generator is a candidate that has to clear them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

NO_SYNTHESIS = "none"

REAL_WINDOWS = "real"
"""How the reference that gets as many real windows as the others make begins."""

BARS: dict[str, str] = {
    "oversampling": "oversample",
    "diff-aug": "diff-aug",
    "matched difference transfer": "matched-diff",
    "physics-safe augmentation": "physics-safe",
}
"""Each bar in words, and how the names of its methods begin."""

Role = Literal["nothing", "bar", "reference", "candidate"]

PLAIN: tuple[Role, ...] = ("nothing",)
CHEAP: tuple[Role, ...] = ("nothing", "bar")
METHODS: tuple[Role, ...] = ("nothing", "bar", "candidate")
"""What may be called the best method: the reference sees windows that no method has."""


def role_of(method: str) -> Role:
    """The role of a generator, from the name of its method."""
    if method == NO_SYNTHESIS:
        return "nothing"
    if any(method.startswith(prefix) for prefix in BARS.values()):
        return "bar"
    return "reference" if method.startswith(REAL_WINDOWS) else "candidate"


def missing_bars(methods: Iterable[str]) -> tuple[str, ...]:
    """The bars, in words, that none of the generators' methods is."""
    names = list(methods)
    return tuple(
        words
        for words, prefix in BARS.items()
        if not any(name.startswith(prefix) for name in names)
    )
