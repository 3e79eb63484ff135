"""One sample rate per stream: what the card, the file and the time column state must agree."""

from __future__ import annotations

from dataclasses import dataclass, field

from faultsyn.errors import InputError
from faultsyn.ingest.card import Effective
from faultsyn.ingest.clock import Clock, agree
from faultsyn.ingest.context import Context
from faultsyn.ingest.patterns import select
from faultsyn.ingest.readers import Source
from faultsyn.ingest.schema import Card, Stream, Value
from faultsyn.ingest.streams import TimeColumn
from faultsyn.ingest.values import NoValue, as_number, evaluate

_CLEAN = 2e-6
_HEADER = "header"


@dataclass
class Rates:
    """The rate of every stream so far [Hz]: a stream has one rate in the whole store."""

    known: dict[str, float] = field(default_factory=dict)

    def settle(self, stream: str, rate: float, measured: bool, tolerance: float, who: str) -> float:
        """The rate that a recording's share of a stream gets.

        - `measured`: it comes from a time column only, so it takes on the stream's exact rate.

        Raises `InputError` when the stream runs at another rate.
        """
        known = self.known.setdefault(stream, rate)
        if rate == known or (measured and abs(rate / known - 1) <= tolerance):
            return known
        raise InputError(
            f"{who}: stream '{stream}' runs at {known:g} Hz in earlier recordings, here at "
            f"{rate:g} Hz",
            "give it a stream of its own, e.g. with a template as name: 'vibration_{rate}'",
        )


def stream_rate(
    card: Card, rule: Effective, spec: Stream, source: Source, variable: str, names: Context
) -> tuple[float, bool, TimeColumn | None]:
    """The rate that all statements agree on [Hz], whether it is measured only, the time column.

    - `variable`: of the stream's first channel, whose rate the file's header may state.

    Raises `InputError` when nothing states a rate or two statements differ.
    """
    where = str(source.path)
    stated: dict[str, float] = {}
    for source_name, value, inverse in (
        ("the card's 'rate'", spec.rate, False),
        ("'file_rate'", spec.file_rate, False),
        ("'interval'", spec.interval, True),
    ):
        if value is not None and value.value == _HEADER:
            continue
        number = _number(card, value, names, f"{where}: {source_name}")
        if number is not None:
            stated[source_name] = 1 / number if inverse and number else number
    if variable in source.rates:
        stated["the file's header"] = source.rates[variable]
    measured = not stated
    time = None
    if spec.time is not None:
        time, rate = _time_column(spec, rule, source, names, card.quality.backwards)
        stated["the time column"] = rate
    if not stated:
        raise InputError(f"{where}: no sample rate: neither the card nor the file has a value")
    return agree(stated, rule.tolerance, where), measured, time


def _number(card: Card, value: Value | None, names: Context, where: str) -> float | None:
    if value is None:
        return None
    try:
        found = evaluate(value, names, card.lookups, where)
    except NoValue:
        return None
    number = as_number(found)
    if number is None:
        raise InputError(f"{where}: expected a number, got '{found}'")
    return number


def _time_column(
    spec: Stream, rule: Effective, source: Source, names: Context, backwards: str
) -> tuple[TimeColumn, float]:
    assert spec.time is not None
    name = _column(source, spec.time.source, rule, names)
    second = _column(source, spec.time.second, rule, names) if spec.time.second else None
    textual = source.is_text(name) or second is not None
    clock = Clock(spec.time, textual, f"{source.path}: time column '{name}'", backwards)
    column = TimeColumn(name, second, textual, clock, rule.tolerance)
    wanted = column.wanted
    head = next(iter(source.blocks(wanted, wanted if textual else [])))
    rate = clock.rate(column.cells(head))
    rounded = float(f"{rate:.5g}")
    clean = rounded if abs(rate / rounded - 1) < _CLEAN else rate
    return column, clean


def _column(source: Source, wanted: list[str | int], rule: Effective, names: Context) -> str:
    found = select(source.names, wanted, names, rule.where)
    if len(found) != 1:
        text = " or ".join(f"'{entry}'" for entry in wanted)
        known = ", ".join(list(source.names)[:12])
        raise InputError(f"{source.path}: expected time column {text}, the file has {known}")
    return found[0]
