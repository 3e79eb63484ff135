"""Finding a recording's channels: which file, which variable, in what unit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faultsyn.errors import InputError
from faultsyn.ingest.card import Effective
from faultsyn.ingest.context import Context
from faultsyn.ingest.files import Files
from faultsyn.ingest.patterns import companion, select
from faultsyn.ingest.readers import Source
from faultsyn.ingest.schema import Channel, Stream
from faultsyn.ingest.values import NoValue, fill

_RANGE = re.compile(r"\d+\.\.\d*")


@dataclass(frozen=True)
class Located:
    """A channel and where its samples are.

    - `name`, `quantity`, `unit`: of the channel.
    - `file`: relative path; `variable`: name in it, or a range of columns in a table of rows.
    - `count`: what one stored count stands for, before `scale`; None when it holds no counts.
    """

    name: str
    quantity: str
    unit: str
    file: str
    variable: str
    channel: Channel
    count: float | None = None


@dataclass(frozen=True)
class Finder:
    """Finds the channels of one recording.

    - `listing`: every file of the raw folder; `main`: the recording's own one.
    - `names`: what templates may use.
    """

    rule: Effective
    files: Files
    listing: Sequence[str]
    main: str
    names: Context

    def sources(self) -> list[str]:
        """The files that hold the recording's channels, without opening any."""
        taken: set[str] = set()
        found = [self.main]
        for _, name, _, file in self._placed(taken):
            taken.add(name)
            found.append(file)
        return list(dict.fromkeys(found))

    def locate(self) -> dict[str, list[Located]]:
        """The channels by stream; a channel belongs to the first stream in which it is found.

        Raises `InputError` naming file, channel, expected and what the file has instead.
        """
        taken: set[str] = set()
        found: dict[str, list[Located]] = {}
        for stream, name, channel, file in self._placed(taken):
            located = self._channel(stream, name, channel, file)
            if located:
                taken.update((name, *(c.name for c in located)))
                found.setdefault(stream, []).extend(located)
        if not found:
            raise InputError(f"{self.files.raw / self.main}: has none of the card's channels")
        return found

    def _placed(self, taken: set[str]) -> Iterator[tuple[str, str, Channel, str]]:
        """Stream, name, channel and file of what is not yet `taken` (the caller adds to it)."""
        for stream, spec in self.rule.body.streams.items():
            for name, channel in spec.channels.items():
                if name in taken:
                    continue
                where = f"{self.rule.where}: stream '{stream}', channel '{name}'"
                file = self._file(channel, where)
                if file is not None:
                    yield stream, name, channel, file

    def _file(self, channel: Channel, where: str) -> str | None:
        if not channel.file:
            return self.main
        found = companion(self.listing, channel.file, self.names, self.main, where)
        if found is None and not channel.optional:
            raise InputError(
                f"{where}: {self.main}: no file fits {' or '.join(channel.file)}",
                "copy it below the raw folder, or mark the channel 'optional'",
            )
        return found

    def _channel(self, stream: str, name: str, channel: Channel, file: str) -> list[Located]:
        source = self.files.open(file, self.rule.body)
        where = f"{source.path}: channel '{name}'"
        variables = self._variables(source, name, channel, where)
        several = "{" in name
        if len(variables) > 1 and not several:
            raise InputError(
                f"{where}: fits both '{variables[0]}' and '{variables[1]}'",
                "make its 'from' say which",
            )
        if not variables and not channel.optional:
            known = ", ".join(list(source.names)[:12])
            wanted = " or ".join(f"'{entry}'" for entry in channel.source) or f"'{name}'"
            raise InputError(f"{where}: expected {wanted}, the file has {known}")
        spec = self.rule.body.streams[stream]
        return [
            Located(
                _expanded(name, variable, channel, where) if several else name,
                channel.quantity or spec.quantity or "",
                _unit(spec, channel, source, variable, where),
                file,
                variable,
                channel,
                source.counts.get(variable),
            )
            for variable in variables
        ]

    def _variables(self, source: Source, name: str, channel: Channel, where: str) -> list[str]:
        if self.rule.body.rows and source.tabular:
            given = [str(entry) for entry in channel.source] or ["1.."]
            if not _RANGE.fullmatch(given[0]):
                raise InputError(
                    f"{where}: expected a range of columns like '2..61', got '{given[0]}'"
                )
            return given[:1]
        if channel.source:
            return select(source.names, channel.source, self.names, where)
        if name in source.names:
            return [name]
        whole = [n for n in source.names if n.rpartition(".")[0] not in source.names]
        return whole if len(whole) == 1 else []


def _expanded(name: str, variable: str, channel: Channel, where: str) -> str:
    for entry in channel.source:
        hit = re.fullmatch(str(entry), variable)
        if hit:
            try:
                return str(fill(name, hit.groupdict()))
            except NoValue as missing:
                raise InputError(f"{where}: no group '{missing}' in '{entry}'") from None
    return variable


def _unit(spec: Stream, channel: Channel, source: Source, variable: str, where: str) -> str:
    said = channel.unit if channel.unit is not None else spec.unit
    stated = source.units.get(variable)
    if said is None:
        if stated is None:
            raise InputError(f"{where}: no unit, neither in the card nor in the file")
        return stated
    converted = channel.scale != 1.0 or channel.offset != 0.0
    if stated is not None and not converted and _plain(stated) != _plain(said):
        raise InputError(
            f"{where}: expected unit '{said}', the file says '{stated}'",
            "correct 'unit', or leave it out to take the file's, or convert with 'scale'",
        )
    return said


def _plain(unit: str) -> str:
    """A unit's spelling without what only looks different (m/s^2, m/s², m/s2)."""
    return re.sub(r"[\s^*·]", "", unit.translate({0xB2: "2", 0xB3: "3"})).lower()
