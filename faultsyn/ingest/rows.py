"""Files in which every row is a recording of its own."""

from __future__ import annotations

from faultsyn.ingest.channels import Finder, Located
from faultsyn.ingest.quality import Flagged, Gate
from faultsyn.ingest.readers.base import Array
from faultsyn.ingest.schema import Scalar
from faultsyn.ingest.streams import check_lengths, stack, stream_data
from faultsyn.store import StreamData


class Rows:
    """The matrices of a rule with `rows`, read when first needed."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._channels: dict[str, list[Located]] | None = None
        self._matrices: dict[tuple[str, str], Array] = {}

    @property
    def channels(self) -> dict[str, list[Located]]:
        """Channels by stream."""
        if self._channels is None:
            self._channels = self._finder.locate()
            for stream, channels in self._channels.items():
                for located in channels:
                    source = self._finder.files.open(located.file, self._finder.rule.body)
                    key = (located.file, located.variable)
                    if key not in self._matrices:
                        self._matrices[key] = source.matrix(located.variable)
                shapes = {c.file: self._matrices[c.file, c.variable].shape for c in channels}
                check_lengths(stream, {f: s[1] for f, s in shapes.items()}, "samples a row")
            rows = {file: len(matrix) for (file, _), matrix in self._matrices.items()}
            check_lengths(next(iter(self._channels)), rows, "rows")
        return self._channels

    def count(self) -> int:
        """Rows that every matrix has."""
        first = next(iter(self.channels.values()))[0]
        return len(self._matrices[first.file, first.variable])

    def row(
        self, row: int, rates: dict[str, float], id: str, columns: dict[str, Scalar], gate: Gate
    ) -> tuple[tuple[StreamData, ...], list[Flagged]]:
        """One recording's streams and what is suspect in them; `row` counts from 1.

        - `rates`: by stream name [Hz], in the order of the streams.
        - `id`, `columns`: of the recording.
        """
        streams: list[StreamData] = []
        flagged: list[Flagged] = []
        for (name, rate), channels in zip(rates.items(), self.channels.values(), strict=True):
            rows = [self._matrices[c.file, c.variable][row - 1] for c in channels]
            samples = stack(rows, channels)
            watch = gate.watch(id, columns, name, rate, [(c.name, c.quantity) for c in channels])
            watch.add(samples, samples)
            flagged += watch.flagged()
            streams.append(stream_data(name, samples, rate, channels))
        return tuple(streams), flagged
