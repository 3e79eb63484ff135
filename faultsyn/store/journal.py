"""The resumable part of an unfinished store: an append-only journal beside the target.

HDF5 files can be corrupted by a kill in the middle of a flush, so recordings first go to
`<store>.part/`: raw samples are appended to `samples.bin`, then one checksummed line to
`journal.jsonl`. A recording counts only when its line is whole and its bytes match the line's
CRC-32; what follows the last such line is cut off when the ingest is taken up again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError
from faultsyn.store.recording import Recording, StreamData

try:
    import fcntl
except ImportError:  # pragma: no cover - not a POSIX system
    fcntl = None  # type: ignore[assignment]

Entry = dict[str, Any]

FORMAT = 1
_log = logging.getLogger(__name__)


class Journal:
    """Recordings that are safely on disk but not yet in the store.

    - `store`: path of the store; the journal's folder stands beside it.
    - `info`: what makes the recordings. A journal of another `info` is not continued.

    `entries` holds one JSON-like dict a recording, in the order they were added. Raises
    `StoreError` when another process is writing the same store.
    """

    def __init__(self, store: Path, info: Mapping[str, Any]) -> None:
        self.folder = store.with_name(store.name + ".part")
        self.entries: list[Entry] = []
        self._head = json.loads(json.dumps({"format": FORMAT, "info": dict(info)}, default=str))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT
            self._lines = os.open(self.folder / "journal.jsonl", flags, 0o644)
            self._samples = os.open(self.folder / "samples.bin", flags, 0o644)
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be written ({error.strerror})") from None
        try:
            self._lock(store)
            self._resume()
        except BaseException:
            self.close()
            raise

    def _lock(self, store: Path) -> None:
        if fcntl is None:  # pragma: no cover
            return
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{store}: another process is writing this store") from None

    def _resume(self) -> None:
        lines, ends = _good_lines(_read_all(self._lines))
        if not lines or lines[0] != self._head:
            if lines:
                _log.warning("%s: left by another ingest, starting afresh", self.folder)
            self._truncate(0, 0)
            self._size = self._end = 0
            self._write_line(self._head)
            return
        good, size = 1, 0
        for entry in lines[1:]:
            if not self._intact(entry):
                _log.warning("%s: damaged from '%s' on", self.folder, entry["id"])
                break
            good += 1
            size = max(size, *(_end_of(share) for share in entry["streams"]))
        self.entries = lines[1:good]
        self._size, self._end = size, ends[good - 1]
        self._truncate(self._size, self._end)
        if self.entries:
            _log.info("%s: %d recordings taken over", self.folder, len(self.entries))

    def _intact(self, entry: Entry) -> bool:
        for share in entry["streams"]:
            for channel, expected in enumerate(share["crc"]):
                crc = 0
                for block in self.column(share, channel):
                    crc = zlib.crc32(block.data, crc)
                if crc != expected:
                    return False
        return True

    def append(self, recording: Recording, passport: Mapping[str, Any] | None) -> None:
        """Add a recording; when it fails, the journal is as it was before.

        Raises `StoreError` when the disk is full or the recording is malformed.
        """
        size = self._size
        try:
            shares = [self._write_stream(stream, recording.id) for stream in recording.streams]
            entry = {
                "id": recording.id,
                "label": recording.label,
                "source_file": recording.source_file,
                "source_sha256": recording.source_sha256,
                "columns": _plain(recording.columns),
                "streams": shares,
                "passport": None if passport is None else _plain(passport),
            }
            self._write_line(entry)
        except BaseException as error:
            self._size = size
            self._truncate(self._size, self._end)
            if isinstance(error, OSError):
                raise StoreError(
                    f"{self.folder}: recording '{recording.id}' cannot be written "
                    f"({error.strerror}); {len(self.entries)} recordings are safe there",
                    "free some space and run the same command again to go on",
                ) from None
            raise
        self.entries.append(entry)

    def _write_stream(self, stream: StreamData, owner: str) -> dict[str, Any]:
        share: dict[str, Any] = {
            "stream": stream.stream,
            "rate": float(stream.rate),
            "channels": list(stream.channels),
            "quantities": list(stream.quantities),
            "units": list(stream.units),
            "scale": None if stream.scale is None else float(stream.scale),
            "dtype": "<f4",
            "at": self._size,
            "blocks": [],
        }
        crc = [0] * len(stream.channels)
        for block in stream.blocks(owner):
            dtype = block.dtype.newbyteorder("<").str
            if share["blocks"] and dtype != share["dtype"]:
                raise StoreError(
                    f"recording '{owner}', stream '{stream.stream}': blocks of {share['dtype']} "
                    f"and of {dtype}"
                )
            share["dtype"] = dtype
            # Channel after channel: what a chunk of the store holds lies together.
            columns = np.ascontiguousarray(block.T, dtype=dtype)
            crc = [zlib.crc32(column.data, c) for column, c in zip(columns, crc, strict=True)]
            self._size = _write(self._samples, memoryview(columns).cast("B"), self._size)
            share["blocks"].append(len(block))
        share["crc"] = crc
        return share

    def _write_line(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, separators=(",", ":")).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        self._end = _write(self._lines, memoryview(line), self._end)

    def column(self, share: Mapping[str, Any], channel: int) -> Iterator[NDArray[Any]]:
        """Samples of one channel of a recording's stream, block by block."""
        dtype = np.dtype(share["dtype"])
        at = share["at"]
        for rows in share["blocks"]:
            wanted = rows * dtype.itemsize
            data = os.pread(self._samples, wanted, at + channel * wanted)
            yield np.frombuffer(data[: len(data) - len(data) % dtype.itemsize], dtype)
            at += wanted * len(share["channels"])

    def _truncate(self, size: int, end: int) -> None:
        os.ftruncate(self._samples, size)
        os.ftruncate(self._lines, end)

    def close(self) -> None:
        """Let go of the files; the recordings stay for a later run."""
        for handle in (self._samples, self._lines):
            os.close(handle)

    def discard(self) -> None:
        """Remove the journal: its recordings are in the store."""
        self.close()
        shutil.rmtree(self.folder)


def _end_of(share: Mapping[str, Any]) -> int:
    row = np.dtype(share["dtype"]).itemsize * len(share["channels"])
    return int(share["at"] + sum(share["blocks"]) * row)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v.item() if isinstance(v, np.generic) else v for name, v in values.items()}


def _read_all(handle: int) -> bytes:
    return os.pread(handle, os.fstat(handle).st_size, 0)


def _good_lines(content: bytes) -> tuple[list[dict[str, Any]], list[int]]:
    """The whole, unharmed lines from the start, and the byte at which each ends."""
    lines: list[dict[str, Any]] = []
    ends: list[int] = []
    end = 0
    for line in content.split(b"\n")[:-1]:
        end += len(line) + 1
        crc, _, text = line.partition(b" ")
        if crc != b"%08x" % zlib.crc32(text):
            break
        lines.append(json.loads(text))
        ends.append(end)
    return lines, ends


def _write(handle: int, data: memoryview, at: int) -> int:
    """Write everything at byte `at`; the byte after the last one written."""
    while data:
        written = os.pwrite(handle, data, at)
        data, at = data[written:], at + written
    return at
