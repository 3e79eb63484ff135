"""Loading a dataset card: by name or path, checked as a whole before a file is touched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from faultsyn.errors import InputError
from faultsyn.ingest.schema import REQUIRED_COLUMNS, Body, Card, Rule, Value
from faultsyn.ingest.strict_yaml import read_yaml
from faultsyn.resources import find

DEFAULT_TOLERANCE = 0.005


@dataclass(frozen=True)
class Effective:
    """A rule with the card's defaults filled in.

    - `where`: how errors name it.
    """

    where: str
    rule: Rule
    body: Body

    @property
    def tolerance(self) -> float:
        """Relative difference that two statements of one rate may have."""
        return self.body.rate_tolerance or DEFAULT_TOLERANCE


def load_card(name_or_path: str | Path) -> Card:
    """The card of that name (`data/<name>.yaml`) or at that path.

    Raises `InputError` in one line: file, place in it, what is wrong, the nearest valid key.
    """
    path = find(name_or_path, "data")
    return parse_card(read_yaml(path), str(path))


def parse_card(content: Any, where: str) -> Card:
    """Check what a card's YAML holds; `where` names it in errors."""
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = _place(first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {place}{message[:1].lower()}{message[1:]}") from None
    for rule in rules(card):
        _check(rule, card, where)
    return card


def card_hash(card: Card) -> str:
    """A short hash of everything in a card that decides what comes out of it."""
    prose = {"title", "publisher", "address", "licence", "citation", "about"}
    content = card.model_dump(mode="json", exclude=prose)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def rules(card: Card) -> list[Effective]:
    """The card's rules with its defaults filled in.

    `values`, `join` and `columns` are merged by key; what else a rule gives replaces the default.
    """
    return [
        Effective(f"card '{card.name}', recordings[{i}]", rule, _merge(card.defaults, rule))
        for i, rule in enumerate(card.recordings)
    ]


def _merge(defaults: Body, rule: Rule) -> Body:
    given: dict[str, Any] = {}
    for key in Body.model_fields:
        own, common = getattr(rule, key), getattr(defaults, key)
        if key in ("values", "join", "columns"):
            given[key] = {**common, **own}
        else:
            given[key] = own if own not in (None, [], {}) else common
    return Body.model_construct(**given)


def _place(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{text}: " if text else ""


def _check(rule: Effective, card: Card, where: str) -> None:
    body = rule.body
    place = f"{where}: {rule.where.split(', ')[1]}"
    if not body.streams:
        raise InputError(f"{place}: no 'streams', neither here nor in 'defaults'")
    sets = [segment.columns for segment in body.segments] or [{}]
    for columns in sets:
        for name in REQUIRED_COLUMNS:
            if name not in columns and name not in body.columns:
                raise InputError(f"{place}: no column '{name}'", _WHY[name])
    for columns in [body.columns, *sets]:
        for name, value in columns.items():
            _check_maps(value, card, f"{place}.columns.{name}")
    for table in body.join:
        if table not in card.tables:
            known = ", ".join(card.tables) or "none"
            raise InputError(f"{place}.join: no table '{table}'; tables: {known}")


_WHY = {
    "label": "the fault mode, 'normal' for healthy",
    "asset": "the physical bearing, pump, valve or run: what a fair split keeps together",
}


def _check_maps(value: Value, card: Card, place: str) -> None:
    if isinstance(value.map, str):
        lookup(card.lookups, value.map, place)
    if value.default is not None:
        _check_maps(value.default, card, place)


def lookup(lookups: dict[str, dict[str, Any]], name: str, where: str) -> dict[str, Any]:
    """The lookup that a dotted name means.

    `table.column` on a table of rows `{key: {column: value}}` gives `{key: value}`.
    Raises `InputError` when there is none of that name.
    """
    if name in lookups:
        return lookups[name]
    table, _, column = name.rpartition(".")
    rows = lookups.get(table)
    if rows is not None:
        found = {
            key: row[column]
            for key, row in rows.items()
            if isinstance(row, dict) and row.get(column) is not None
        }
        if found:
            return found
    known = ", ".join(lookups) or "none"
    raise InputError(f"{where}: no lookup '{name}'; lookups: {known}")
