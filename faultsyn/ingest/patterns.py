"""Path patterns of a card, and which file of a raw folder belongs to what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faultsyn.errors import InputError
from faultsyn.ingest.card import Effective, compile_regex, rules
from faultsyn.ingest.schema import Body, Card
from faultsyn.ingest.values import Names, NoValue, as_text, fill, fill_pattern, placeholders

_TOKEN = re.compile(r"\{(\w+)\}|\*\*/|\*\*|\*|\?|[^{*?]+|\{")
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Match:
    """A file that a rule makes a recording of.

    - `path`: where it is; `relative`: below the raw folder, with "/".
    - `groups`: the named groups of the rule's pattern that took part.
    """

    rule: Effective
    path: Path
    relative: str
    groups: dict[str, str]


@dataclass(frozen=True)
class Scan:
    """What a raw folder holds, seen through a card.

    - `files`: every file, relative, in natural order (2.csv before 10.csv).
    - `matches`: rule by rule, in natural order.
    - `unmatched`: files that no rule, table or `ignore` pattern knows.
    """

    raw: Path
    files: tuple[str, ...]
    matches: tuple[Match, ...]
    unmatched: tuple[str, ...]


def glob_regex(pattern: str, names: Names | None = None) -> str:
    """A path pattern as a regular expression (not yet anchored).

    `{name}` becomes its value where `names` has one, else a named group; a leading "/" pins the
    pattern to the raw folder.
    """
    parts = []
    for token in _TOKEN.finditer(pattern.lstrip("/")):
        text, name = token[0], token[1]
        if name and names is not None and name in names:
            parts.append(re.escape(as_text(names[name])))
        elif name:
            parts.append(f"(?P<{name}>[^/]+?)" if names is None else "[^/]+?")
        else:
            wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
            parts.append(wild.get(text, re.escape(text)))
    head = "" if pattern.startswith("/") else "(?:.*/)?"
    return head + "".join(parts)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which numbers inside names count as numbers."""
    return [
        (0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
        for part in _NUMBER.split(text)
    ]


def bare_stem(name: str) -> str:
    """File name without its suffix and without .gz."""
    return PurePosixPath(name.removesuffix(".gz")).stem


def scan(card: Card, raw: Path) -> Scan:
    """Match every file below `raw` against the card.

    Raises `InputError` when the folder is not there or no file matches any rule.
    """
    if not raw.is_dir():
        raise InputError(f"{raw}: no such folder", "--raw names the folder that holds the files")
    files = walk(raw)
    matches = matched(card, raw, files)
    taken = {match.relative for match in matches}
    if not matches:
        seen = ", ".join(files[:3]) or "no file at all"
        raise InputError(f"{raw}: no file matches card '{card.name}'; it holds {seen}")
    known = [compile_regex(text, f"card '{card.name}'") for text in _other_patterns(card)]
    rest = [n for n in files if n not in taken and not any(p.fullmatch(n) for p in known)]
    return Scan(raw, files, tuple(matches), tuple(rest))


def matched(card: Card, raw: Path, files: Sequence[str]) -> list[Match]:
    """Which of `files` (relative to `raw`) are recordings, rule by rule, each taken once."""
    matches: list[Match] = []
    taken: set[str] = set()
    for rule in rules(card):
        patterns = [compile_regex(text, rule.where) for text in _rule_patterns(rule)]
        for name in files:
            hit = next((m for p in patterns if (m := p.fullmatch(name))), None)
            if hit is not None and name not in taken:
                taken.add(name)
                groups = {key: text for key, text in hit.groupdict().items() if text is not None}
                matches.append(Match(rule, raw / name, name, groups))
    return matches


def walk(raw: Path) -> tuple[str, ...]:
    """Every file below `raw` but hidden ones, relative, in natural order (2.csv before 10.csv)."""
    return tuple(sorted(_walk(raw), key=natural_key))


def _walk(raw: Path) -> Iterator[str]:
    """Every file below `raw`, relative, except hidden ones and what hidden folders hold."""
    for folder, folders, names in os.walk(raw):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(folder).relative_to(raw).as_posix()
        head = "" if below == "." else f"{below}/"
        yield from (head + name for name in names if not name.startswith("."))


def companion(
    files: Sequence[str], patterns: Iterable[str], names: Names, beside: str, where: str
) -> str | None:
    """The file that the first fitting pattern means, or None.

    - `beside`: a file whose folder is preferred when several fit.

    Raises `InputError` when one pattern fits several files equally well.
    """
    folder = PurePosixPath(beside).parent
    for pattern in patterns:
        for name in placeholders(pattern):
            if name not in names:
                raise InputError(f"{where}: '{pattern}' uses '{name}', which has no value here")
        compiled = re.compile(glob_regex(pattern, names))
        fits = [name for name in files if compiled.fullmatch(name)]
        near = [name for name in fits if PurePosixPath(name).parent == folder]
        chosen = near or fits
        if len(chosen) > 1:
            raise InputError(f"{where}: '{pattern}' fits both {chosen[0]} and {chosen[1]}")
        if chosen:
            return chosen[0]
    return None


def select(
    available: Sequence[str], source: Sequence[str | int], names: Names, where: str
) -> list[str]:
    """The variables that a selector means: the first entry of `source` that fits anything.

    An integer is a position counted from 1; text is a literal name, else a regular expression;
    `{name}` is filled in first. May return several (a regular expression) or none.
    """
    for entry in source:
        if isinstance(entry, int):
            if 1 <= entry <= len(available):
                return [available[entry - 1]]
            continue
        try:
            literal = as_text(fill(entry, names))
            pattern = fill_pattern(entry, names)
        except NoValue as missing:
            raise InputError(f"{where}: '{entry}' uses '{missing}', which has no value") from None
        if literal in available:
            return [literal]
        compiled = compile_regex(pattern, where)
        fits = [name for name in available if compiled.fullmatch(name)]
        if fits:
            return fits
    return []


def _rule_patterns(rule: Effective) -> list[str]:
    if rule.rule.regex is not None:
        return [f"(?:.*/)?(?:{rule.rule.regex})"]
    return [glob_regex(pattern) for pattern in rule.rule.files]


def _other_patterns(card: Card) -> list[str]:
    bodies: list[Body] = [rule.body for rule in rules(card)]
    channels = [c for b in bodies for s in b.streams.values() for c in s.channels.values()]
    companions = [pattern for channel in channels for pattern in channel.file]
    tables = [pattern for table in card.tables.values() for pattern in table.file]
    return [glob_regex(p, {}) for p in [*card.ignore, *companions, *tables]]
