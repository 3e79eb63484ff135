"""What a matched file becomes: one recording, its segments, or one recording a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.card import Effective
from faultsyn.ingest.channels import Finder
from faultsyn.ingest.context import Context, built_in
from faultsyn.ingest.files import Files
from faultsyn.ingest.patterns import Match, companion, select
from faultsyn.ingest.quality import Flagged, Gate
from faultsyn.ingest.rates import Rates, stream_rate
from faultsyn.ingest.readers import Source
from faultsyn.ingest.rows import Rows
from faultsyn.ingest.schema import Body, Card, Scalar, Segment
from faultsyn.ingest.streams import Share
from faultsyn.ingest.tables import Row, read_rows
from faultsyn.ingest.values import as_text
from faultsyn.store import Recording

Blocks = dict[tuple[str, str], tuple[str, int]]
"""Running numbers so far: by rule and column, the last text and its number."""

_SECONDS = re.compile(r"\s*([0-9.]+)\s*s\s*")


@dataclass(frozen=True)
class Pending:
    """A recording that is known but not read.

    - `id`, `sha256`: what the store recognises it by.
    - `file`: where it comes from, relative; `build` reads it.
    """

    id: str
    sha256: str
    file: str
    build: Callable[[], Recording]


@dataclass
class Planner:
    """Turns matched files into recordings, in the order of the scan.

    - `files`: sources and hashes; `listing`: every file below the raw folder.
    - `rates`: rate of every stream so far; `gate`: judges the samples.
    - `flagged`: what was suspect in the recordings that were read.
    """

    card: Card
    files: Files
    listing: Sequence[str]
    rates: Rates = field(default_factory=Rates)
    gate: Gate = field(default_factory=Gate)
    flagged: list[Flagged] = field(default_factory=list)
    _tables: dict[tuple[str, str], dict[str, Row]] = field(default_factory=dict)
    blocks: Blocks = field(default_factory=dict)

    def plan(self, match: Match) -> Iterator[Pending]:
        """The recordings of one file. Raises `InputError` when the card does not fit it."""
        if match.rule.body.rows:
            yield from self._rows(match)
        elif match.rule.body.segments:
            yield from self._segments(match)
        elif match.rule.body.segment_by is not None:
            yield from self._segments_by(match)
        else:
            yield self._one(match, match.rule, {}, "{stem}", None)

    def _context(self, match: Match, rule: Effective, more: dict[str, Scalar]) -> Context:
        given: dict[str, Scalar] = {**built_in(match.relative), **match.groups, **more}
        return Context(
            self.card,
            rule.body,
            given,
            lambda: self.files.open(match.relative, rule.body),
            lambda name: self._table(name, match, given),
            lambda column, text: self._block((rule.where, column), text),
            str(match.path),
        )

    def _table(self, name: str, match: Match, given: dict[str, Scalar]) -> dict[str, Row]:
        known = self._tables.get((name, match.relative))
        if known is not None:
            return known
        table = self.card.tables[name]
        where = f"card '{self.card.name}', table '{name}'"
        file = companion(self.listing, table.file, given, match.relative, where)
        if file is None:
            raise InputError(f"{where}: no file fits {' or '.join(table.file)}")
        if (name, file) not in self._tables:
            self._tables[name, file] = read_rows(self.files.raw / file, table)
        self._tables[name, match.relative] = self._tables[name, file]
        return self._tables[name, file]

    def _block(self, key: tuple[str, str], text: str) -> int:
        last, number = self.blocks.get(key, ("", 0))
        if number == 0 or text != last:
            number += 1
        self.blocks[key] = (text, number)
        return number

    def _one(
        self,
        match: Match,
        rule: Effective,
        more: dict[str, Scalar],
        id: str,
        segment: Segment | None,
    ) -> Pending:
        names = self._context(match, rule, more)
        finder = Finder(rule, self.files, self.listing, match.relative, names)
        sha256 = self.files.joint_sha256(finder.sources())
        _count_blocks(rule.body, names)
        name = names.text((segment and segment.id) or rule.body.id or id, "id")

        def build() -> Recording:
            columns = {**names.columns(), "flags": ""}
            shares = list(self._shares(rule, finder, names, segment, name, columns))
            return self._recording(name, match, sha256, columns, shares)

        return Pending(name, sha256, match.relative, build)

    def _recording(
        self,
        id: str,
        match: Match,
        sha256: str,
        columns: dict[str, Scalar],
        shares: Sequence[Share],
    ) -> Recording:
        flagged: list[Flagged] = []
        starts = [s.time.clock for s in shares if s.time is not None]

        # The writer takes the columns after the samples, so what only the samples show can
        # still be filled in while a file too large for memory streams through.
        def report(found: list[Flagged]) -> None:
            self.gate.refuse(found)
            flagged.extend(found)
            self.flagged.extend(found)
            columns["flags"] = ";".join(f.text for f in flagged)
            if starts and starts[0].start:
                columns.setdefault("start_time", starts[0].start)

        label = as_text(columns.pop("label"))
        streams = tuple(share.data(report) for share in shares)
        return Recording(id, label, streams, match.relative, sha256, columns)

    def _shares(
        self,
        rule: Effective,
        finder: Finder,
        names: Context,
        segment: Segment | None,
        id: str,
        columns: dict[str, Scalar],
    ) -> Iterator[Share]:
        for stream, channels in finder.locate().items():
            spec = rule.body.streams[stream]
            source = self.files.open(channels[0].file, rule.body)
            first = channels[0].variable
            rate, measured, time = stream_rate(self.card, rule, spec, source, first, names)
            name = names.text(stream, "stream")
            rate = self.rates.settle(name, rate, measured, rule.tolerance, str(source.path))
            span = (0, None) if segment is None else _span(segment, rate, rule)
            meanings = [(c.name, c.quantity) for c in channels]
            watch = self.gate.watch(id, columns, name, rate, meanings)

            def open(file: str) -> Source:
                return self.files.open(file, rule.body)

            yield Share(name, channels, rate, watch, open, time, span)

    def _segments(self, match: Match) -> Iterator[Pending]:
        for k, segment in enumerate(match.rule.body.segments):
            columns = {**match.rule.body.columns, **segment.columns}
            body = match.rule.body.model_copy(update={"columns": columns})
            rule = Effective(match.rule.where, match.rule.rule, body)
            yield self._one(match, rule, {"segment": k + 1}, "{stem}-{segment}", segment)

    def _segments_by(self, match: Match) -> Iterator[Pending]:
        """Cut where the value of a column changes."""
        rule = match.rule
        assert rule.body.segment_by is not None
        source = self.files.open(match.relative, rule.body)
        found = select(source.names, [rule.body.segment_by], match.groups, rule.where)
        if len(found) != 1:
            known = ", ".join(list(source.names)[:12])
            raise InputError(
                f"{source.path}: expected column '{rule.body.segment_by}', the file has {known}"
            )
        text = found if source.is_text(found[0]) else ()
        cells = np.concatenate([b[found[0]] for b in source.blocks(found, text)])
        if cells.dtype.kind == "f" and np.isnan(cells).any():
            at = int(np.flatnonzero(np.isnan(cells))[0])
            raise InputError(f"{source.path}: column '{found[0]}': no value in sample {at}")
        edges = [0, *(np.flatnonzero(cells[1:] != cells[:-1]) + 1).tolist(), len(cells)]
        for k, (start, stop) in enumerate(pairwise(edges)):
            value = cells[start].item()
            shown = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            more: dict[str, Scalar] = {"segment": k + 1, "segment_value": shown}
            segment = Segment(start=start, stop=stop)
            yield self._one(match, rule, more, "{stem}-{segment}", segment)

    def _rows(self, match: Match) -> Iterator[Pending]:
        """One recording a row of every file."""
        rule = match.rule
        first = self._context(match, rule, {"row": 1})
        finder = Finder(rule, self.files, self.listing, match.relative, first)
        sha256 = self.files.joint_sha256(finder.sources())
        table = Rows(finder)
        by_row = [name for name in rule.body.join if self.card.tables[name].key is None]
        counts = [len(self._table(name, match, {})) for name in by_row]
        rates: dict[str, float] = {}
        for row in range(1, (counts[0] if counts else table.count()) + 1):
            names = self._context(match, rule, {"row": row})
            _count_blocks(rule.body, names)
            id = names.text(rule.body.id or "{stem}-{row}", "id")

            def build(row: int = row, names: Context = names, id: str = id) -> Recording:
                if counts and table.count() != counts[0]:
                    raise InputError(
                        f"{match.path}: {counts[0]} rows in table '{by_row[0]}', "
                        f"{table.count()} in the channels' files"
                    )
                if not rates:
                    rates.update(self._row_rates(table, rule, first))
                columns = names.columns()
                label = as_text(columns.pop("label"))
                streams, flagged = table.row(row, rates, id, columns, self.gate)
                self.gate.refuse(flagged)
                self.flagged.extend(flagged)
                columns["flags"] = ";".join(f.text for f in flagged)
                return Recording(id, label, streams, match.relative, sha256, columns)

            yield Pending(id, sha256, match.relative, build)

    def _row_rates(self, table: Rows, rule: Effective, names: Context) -> dict[str, float]:
        """Rate of each stream: the rows of a file share it."""
        found = {}
        for stream, channels in table.channels.items():
            source = self.files.open(channels[0].file, rule.body)
            spec = rule.body.streams[stream]
            first = channels[0].variable
            rate, measured, _ = stream_rate(self.card, rule, spec, source, first, names)
            name = names.text(stream, "stream")
            found[name] = self.rates.settle(name, rate, measured, rule.tolerance, str(source.path))
        return found


def _count_blocks(body: Body, names: Context) -> None:
    """Work out running numbers now: they depend on the order of all recordings, read or not."""
    for name, value in body.columns.items():
        if value.block_of is not None:
            names.column(name)


def _span(segment: Segment, rate: float, rule: Effective) -> tuple[int, int | None]:
    start = _sample(segment.start, rate, rule)
    stop = _sample(segment.stop, rate, rule)
    return start or 0, stop


def _sample(at: int | str | None, rate: float, rule: Effective) -> int | None:
    if isinstance(at, str):
        seconds = _SECONDS.fullmatch(at)
        if seconds is None:
            raise InputError(
                f"{rule.where}: expected a sample number or seconds ('8 s'), got '{at}'"
            )
        return round(float(seconds[1]) * rate)
    if at is not None and len(rule.body.streams) > 1:
        raise InputError(
            f"{rule.where}: a segment of several streams is cut at seconds ('8 s'), got {at}"
        )
    return at
