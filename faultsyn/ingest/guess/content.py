"""What one data file holds: channels with units, a time column or a rate, a label column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.clock import Clock, as_texts
from faultsyn.ingest.guess import words
from faultsyn.ingest.readers import SUFFIXES, Source, open_source, suffix_of
from faultsyn.ingest.schema import Time

FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S,%f",
    "%d.%m.%Y %H:%M",
    "%d.%m.%y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S.%f",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y%m%d %H%M%S",
    "%Y-%m-%d %H:%M:%S,%f",
    "%H:%M:%S",
    "%H:%M:%S,%f",
)
_UNITS = {"ns": "ns", "us": "us", "µs": "us", "ms": "ms", "s": "s", "sec": "s", "min": "min"}
_RATE_LINE = r"(?i)(?:sampl|abtast|rate|freq|fs)[^\n\d]*([\d.,]+)\s*{}hz"
_RATE_NAME = re.compile(
    r"(?i)(?:^|[./@_])(fs|sr|srate|sample_?rate|sampling_?(?:rate|freq\w*)|rate)$"
)
_SPEED_NAME = re.compile(r"(?i)(?:^|[./@_])(\w*rpm|speed|drehzahl)$")
_SHORT = 16


@dataclass(frozen=True)
class Column:
    """A channel: its name in the card, where it is, what it measures."""

    name: str
    source: str | int
    unit: str
    quantity: str
    unit_in_file: bool


@dataclass
class Content:
    """A first look at a file.

    - `channels`; `time`: the keys of the card's `time`.
    - `rate`: samples per second as far as seen; `rate_line`: the card's line that states it.
    - `values`: the card's `values`; `label`: a column of labels, and its values.
    """

    kind: str
    channels: list[Column] = field(default_factory=list)
    time: dict[str, Any] | None = None
    rate: float | None = None
    rate_line: str | None = None
    values: dict[str, str] = field(default_factory=dict)
    label: tuple[str, list[str]] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def signature(self) -> tuple[object, ...]:
        """What tells the files of two sensors apart."""
        return (self.kind, tuple((c.source, c.unit) for c in self.channels))


def look(path: Path) -> Content:
    """What a data file holds. Raises `InputError` when it cannot be read."""
    source = open_source(path)
    found = Content(SUFFIXES[suffix_of(path.name)])
    names = _leaves(source)
    text = [name for name in names if source.is_text(name)]
    if source.tabular or found.kind == "parquet":
        names = _time(source, names, text, found)
        _label(source, [n for n in names if n in text], found)
        _rate_in_words(source, found)
    else:
        names = _longest(source, [n for n in names if n not in text], found)
    units = {name: source.units.get(name, "") for name in names}
    for place, name in enumerate(names, 1):
        if name in text or name.strip().lower() in words.COUNTERS:
            continue
        plain, bracket = words.split_unit(name.rpartition("/")[2])
        unit = bracket or units[name]
        label = re.sub(r"\s+", "_", plain.strip()) or f"channel{place}"
        if label.isdigit():
            label = f"ch{label}"
        quantity = words.quantity(unit, name)
        found.channels.append(Column(label, name, unit, quantity, name in source.units))
    _tell_apart(found)
    _header_rate(source, names, found)
    if not found.channels:
        raise InputError(f"{path}: no column of numbers in it")
    return found


def _leaves(source: Source) -> list[str]:
    """The variables that are no matrix whose columns stand beside it."""
    known = set(source.names)
    return [n for n in source.names if f"{n}.1" not in known]


def _time(source: Source, names: list[str], text: list[str], found: Content) -> list[str]:
    """Find the time column; the names that are left."""
    for name in names:
        if words.split_unit(name)[0].strip().lower() not in words.TIMES and name not in text:
            continue
        others = [n for n in names if n != name and n.strip().lower() in words.CLOCKS]
        for second in (None, *others):
            made = _clock(source, name, second, name in text)
            if made is not None:
                found.time, found.rate = made
                return [n for n in names if n not in (name, second)]
    return names


def _clock(
    source: Source, name: str, second: str | None, textual: bool
) -> tuple[dict[str, Any], float] | None:
    """The keys of `time` under which a column runs forward, and its rate."""
    wanted = [name] if second is None else [name, second]
    textual = textual or second is not None
    block = next(iter(source.blocks(wanted, wanted if textual else [])))
    cells = block[name][:4096]
    if second is not None:
        clock = as_texts(block[second][:4096])
        cells = np.char.add(np.char.add(as_texts(cells), " "), clock)
    stated = source.units.get(name) or words.split_unit(name)[1]
    unit = cast(Literal["ns", "us", "ms", "s", "min", "h"], _UNITS.get(stated.lower(), "s"))
    for format in (None, *FORMATS) if textual else (None,):
        spec = Time.model_validate({"from": name, "unit": unit, "format": format})
        try:
            rate = Clock(spec, textual, name).rate(cells)
        except InputError:
            continue
        keys: dict[str, Any] = {"from": name}
        keys |= {"and": second} if second is not None else {}
        keys |= {"unit": unit} if unit != "s" and not textual else {}
        keys |= {"format": format} if format else {}
        return keys, rate
    return None


def _label(source: Source, text: list[str], found: Content) -> None:
    for name in text:
        if name.strip().lower() in words.LABELS:
            blocks = (block[name] for block in source.blocks([name], [name]))
            cells = {c.decode("latin-1") if isinstance(c, bytes) else str(c)
                     for block in islice(blocks, 8) for c in np.unique(block)}  # fmt: skip
            found.label = (name, sorted(cells))


def _rate_in_words(source: Source, found: Content) -> None:
    """A rate in the lines above the data."""
    if found.time is not None:
        return
    for prefix, times in (("", 1), ("k", 1000)):
        pattern = _RATE_LINE.format(prefix)
        hit = re.search(pattern, source.preamble)
        if hit:
            found.values["fs"] = f"{{preamble: '{pattern}'}}"
            factor = "" if times == 1 else f", times: {times}"
            found.rate_line = f'file_rate: {{value: "{{fs}}"{factor}}}'
            return


def _longest(source: Source, names: list[str], found: Content) -> list[str]:
    """The variables of the longest length; single values that look like rate or speed."""
    lengths: dict[str, int] = {}
    for name in names:
        try:
            lengths[name] = sum(len(block[name]) for block in source.blocks([name]))
        except InputError:  # a cube, or columns of something else
            continue
    for name in [*(n for n, length in lengths.items() if length == 1), *source.attributes]:
        key = "fs" if _RATE_NAME.search(name) else "speed" if _SPEED_NAME.search(name) else ""
        if key and key not in found.values and name not in ("@rate",):
            found.values[key] = f"'{name}'"
            if key == "fs":
                found.rate_line = 'file_rate: "{fs}"'
    longest = max(lengths.values(), default=0)
    shorter = [n for n, length in lengths.items() if _SHORT <= length < longest]
    if shorter:
        found.notes.append(f"not taken, of another length: {', '.join(shorter[:6])}")
    return [n for n, length in lengths.items() if length == longest]


def _header_rate(source: Source, names: list[str], found: Content) -> None:
    rates = {source.rates[name] for name in names if name in source.rates}
    if len(rates) == 1 and found.time is None:
        found.rate = rates.pop()
        found.rate_line = "file_rate: header"
    if found.kind == "sound":
        found.channels = [
            Column(c.name, c.source, "FS", "sound pressure", False) for c in found.channels
        ]
        found.notes.append("FS: share of full scale; for physical units give 'scale' and 'unit'")


def _tell_apart(found: Content) -> None:
    """Names that come twice get their place."""
    names = [c.name for c in found.channels]
    found.channels = [
        c if names.count(c.name) == 1 else Column(f"{c.name}_{k}", c.source, c.unit, c.quantity,
                                                  c.unit_in_file)
        for k, c in enumerate(found.channels, 1)
    ]  # fmt: skip
