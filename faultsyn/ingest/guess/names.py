"""What the paths of a folder have in common: fixed parts, and parts that vary and mean things."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from faultsyn.ingest.guess import words
from faultsyn.ingest.patterns import bare_stem

_DATE = r"\d{4}-\d\d-\d\d(?:[T_ -]\d\d[-:h.]?\d\d(?:[-:.]?\d\d)?)?|\d{8}[T_-]\d{4,6}"
_NUMBER = r"\d+(?:[.,]\d+)?(?=[A-Za-z]*(?:[^A-Za-z\d]|\d|$))"
_PART = re.compile(rf"{_DATE}|{_NUMBER}|[^\W\d_]+\d*|\d+|[\W_]")
_SPEEDS = ("rpm", "upm", "umin")
_LOADS = ("hp", "nm", "kn", "n", "kw", "load", "last")


def parts_of(path: str) -> tuple[str, ...]:
    """A path without its suffix, cut into words, numbers, dates and separators."""
    pure = PurePosixPath(path)
    stem = bare_stem(pure.name)
    whole = stem if str(pure.parent) == "." else f"{pure.parent}/{stem}"
    return tuple(_PART.findall(whole))


def structure(parts: Sequence[str]) -> tuple[str, ...]:
    """What two paths must share to be of one kind: separators in place, numbers where numbers."""
    return tuple(
        p if re.fullmatch(r"[\W_]", p) else "#" if p[0].isdigit() else "word" for p in parts
    )


@dataclass(frozen=True)
class Family:
    """Files whose paths have one structure.

    - `parts`: of each file, in the order of `files`.
    - `names`: of the places that vary, by place.
    """

    files: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    names: dict[int, str]

    def values(self, place: int) -> list[str]:
        """The different parts at a place, in order of appearance."""
        return list(dict.fromkeys(parts[place] for parts in self.parts))

    def pattern(self, suffix: str, fixed: dict[int, str] | None = None) -> str:
        """The `files` pattern; `fixed` places are literal."""
        text = []
        for place, part in enumerate(self.parts[0]):
            if fixed and place in fixed:
                text.append(fixed[place])
            else:
                text.append(f"{{{self.names[place]}}}" if place in self.names else part)
        return "/" + "".join(text) + suffix

    def group(self, name: str) -> int | None:
        """The place of a name."""
        return next((place for place, known in self.names.items() if known == name), None)


def families(files: Iterable[str]) -> list[Family]:
    """Files by the structure of their paths, the largest family first."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        kinds.setdefault(structure(parts_of(file)), []).append(file)
    found = []
    for members in kinds.values():
        parts = tuple(parts_of(file) for file in members)
        found.append(Family(tuple(members), parts, _named(parts)))
    return sorted(found, key=lambda family: -len(family.files))


def _named(parts: Sequence[tuple[str, ...]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for place in range(len(parts[0])):
        values = {p[place] for p in parts}
        if len(values) > 1:
            after = parts[0][place + 1].lower() if place + 1 < len(parts[0]) else ""
            base = _name(values, after)
            count = sum(re.sub(r"\d+$", "", name) == base for name in names.values())
            names[place] = base if not count else f"{base}{count + 1}"
    return names


def _name(values: set[str], after: str) -> str:
    if all(re.fullmatch(_DATE, value) for value in values):
        return "date"
    if all(value[0].isdigit() for value in values):
        if after in _SPEEDS:
            return "rpm"
        return "load" if after in _LOADS else "hz" if after == "hz" else "n"
    if all(words.MACHINE.match(value) for value in values):
        return "machine"
    if any(words.state(value) for value in values):
        return "state"
    if all(words.is_sensor(value) for value in values):
        return "sensor"
    return "part"
