"""What a card's schema cannot see: names, lookups, tables and patterns must fit together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest.schema import REQUIRED_COLUMNS, Body, Card, Rule, Value

BUILT_IN = ("stem", "name", "path", "folder", "row", "segment", "segment_value")
"""Names that every template may use."""

_NAME = re.compile(r"\{([A-Za-z_]\w*)(?::[^{}]*)?\}")
_WHY = {
    "label": "the fault mode, 'normal' for healthy",
    "asset": "the physical bearing, pump, valve or run: what a fair split keeps together",
}


def lookup(lookups: dict[str, dict[str, Any]], name: str, where: str) -> dict[str, Any]:
    """The lookup that a dotted name means.

    `table.column` on a table of rows `{key: {column: value}}` gives `{key: value}`.
    Raises `InputError` when there is none of that name.
    """
    if name in lookups:
        return lookups[name]
    table, _, column = name.rpartition(".")
    rows = lookups.get(table, {})
    found = {
        key: row[column]
        for key, row in rows.items()
        if isinstance(row, dict) and row.get(column) is not None
    }
    if found:
        return found
    raise InputError(f"{where}: no lookup '{name}'", _nearest(name, list(lookups)))


def check_rule(card: Card, rule: Rule, body: Body, place: str) -> None:
    """Raise `InputError` for a rule that cannot work, whatever the files are.

    - `body`: the rule with the card's defaults filled in.
    - `place`: card file and place in it.
    """
    if not body.streams:
        raise InputError(f"{place}: no 'streams', neither here nor in 'defaults'")
    sets = [segment.columns for segment in body.segments] or [{}]
    for columns in sets:
        for name in REQUIRED_COLUMNS:
            if name not in columns and name not in body.columns:
                raise InputError(f"{place}: no column '{name}'", _WHY[name])
    for table in body.join:
        if table not in card.tables:
            hint = _nearest(table, list(card.tables))
            raise InputError(f"{place}.join: no table '{table}'", hint)
    if body.rows and any(stream.time for stream in body.streams.values()):
        raise InputError(f"{place}: a rule with 'rows' cannot have a 'time' column")
    known = _names(card, body)
    for spot, template in _templates(rule, body):
        for name in _NAME.findall(template):
            if known is not None and name not in known:
                hint = _nearest(name, sorted(known))
                raise InputError(f"{place}.{spot}: '{template}': no name '{name}'", hint)
    for columns in [body.columns, *sets]:
        for name, value in columns.items():
            _check_maps(value, card, f"{place}.columns.{name}")


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"


def _check_maps(value: Value, card: Card, place: str) -> None:
    if isinstance(value.map, str):
        lookup(card.lookups, value.map, place)
    if value.default is not None:
        _check_maps(value.default, card, place)


def _names(card: Card, body: Body) -> set[str] | None:
    """Names that templates may use; None when a table's columns are known only from its file."""
    known = {*BUILT_IN, *body.columns, *body.values}
    for rule in card.recordings:
        if rule.regex is not None:
            known.update(re.compile(rule.regex).groupindex)
        for pattern in rule.files:
            known.update(_NAME.findall(pattern))
        for segment in rule.segments:
            known.update(segment.columns)
    for table in body.join:
        if not card.tables[table].columns:
            return None
        known.update(card.tables[table].columns)
    return known


def _templates(rule: Rule, body: Body) -> Iterator[tuple[str, str]]:
    """Every template of a rule and where it stands."""
    if body.id is not None:
        yield "id", body.id
    for table, key in body.join.items():
        yield f"join.{table}", key
    for name, value in body.columns.items():
        yield from _of_value(value, f"columns.{name}")
    for k, segment in enumerate(body.segments):
        if segment.id is not None:
            yield f"segments[{k}].id", segment.id
        for name, value in segment.columns.items():
            yield from _of_value(value, f"segments[{k}].columns.{name}")
    for name, stream in body.streams.items():
        yield f"streams.{name}", name
        for key in ("rate", "file_rate", "interval"):
            stated: Value | None = getattr(stream, key)
            if stated is not None:
                yield from _of_value(stated, f"streams.{name}.{key}")
        for channel, spec in stream.channels.items():
            for pattern in spec.file:
                yield f"streams.{name}.channels.{channel}.file", pattern


def _of_value(value: Value, spot: str) -> Iterator[tuple[str, str]]:
    for template in (value.value, value.block_of, value.condition):
        if isinstance(template, str):
            yield spot, template
    if value.default is not None:
        yield from _of_value(value.default, spot)
