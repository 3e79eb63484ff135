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
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import StoreError
from faultsyn.store.recording import Recording, StreamData

if sys.platform != "win32":
    import fcntl

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
        self._size = self._end = 0  # good bytes of samples.bin and journal.jsonl
        self._handles: list[int] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lines = self._open("journal.jsonl")
            self._lock(store)
            self._samples = self._open("samples.bin")
            self._resume()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise StoreError(f"{self.folder}: cannot be written ({error.strerror})") from None
            raise

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        handle = os.open(self.folder / name, flags, 0o644)
        self._handles.append(handle)
        return handle

    def _lock(self, store: Path) -> None:
        if sys.platform == "win32":  # no advisory locks there
            return
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{store}: another process is writing this store") from None

    def _resume(self) -> None:
        lines, ends = _good_lines(_read(self._lines, os.fstat(self._lines).st_size, 0))
        if not lines or lines[0] != self._head:
            if lines:
                _log.warning("%s: left by another ingest, starting afresh", self.folder)
            self._cut()
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
        self._cut()
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

    def append(
        self,
        recording: Recording,
        passport: Mapping[str, Any] | None,
        accept: Callable[[Entry], None],
    ) -> Entry:
        """Add a recording and return its entry; a failure leaves the journal as it was.

        - `passport`: of a generated recording, else None.
        - `accept`: sees the entry before it counts, and raises to refuse it.

        Raises `StoreError` when the disk is full or the samples are malformed.
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
            accept(entry)
            self._write_line(entry)
        except BaseException as error:
            self._size = size
            self._cut()
            if isinstance(error, OSError):
                raise StoreError(
                    f"{self.folder}: recording '{recording.id}' cannot be written "
                    f"({error.strerror}); {len(self.entries)} recordings are safe there",
                    "free some space and run the same command again to go on",
                ) from None
            raise
        self.entries.append(entry)
        return entry

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
            self._size = _write(self._samples, columns.ravel().view(np.uint8).data, self._size)
            share["blocks"].append(len(block))
        if not share["blocks"]:
            raise StoreError(f"recording '{owner}', stream '{stream.stream}': no block of samples")
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
            data = _read(self._samples, wanted, at + channel * wanted)
            yield np.frombuffer(data, dtype, len(data) // dtype.itemsize)
            at += wanted * len(share["channels"])

    def _cut(self) -> None:
        """Drop what was written after the last good recording."""
        os.ftruncate(self._samples, self._size)
        os.ftruncate(self._lines, self._end)

    def close(self) -> None:
        """Let go of the files; the recordings stay for a later run."""
        while self._handles:
            os.close(self._handles.pop())

    def discard(self) -> None:
        """Remove the journal: its recordings are in the store."""
        self.close()
        shutil.rmtree(self.folder)


def _end_of(share: Mapping[str, Any]) -> int:
    row = np.dtype(share["dtype"]).itemsize * len(share["channels"])
    return int(share["at"] + sum(share["blocks"]) * row)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v.item() if isinstance(v, np.generic) else v for name, v in values.items()}


def _read(handle: int, count: int, at: int) -> bytes:
    """`count` bytes from byte `at` on, or fewer where the file ends."""
    os.lseek(handle, at, os.SEEK_SET)
    parts = []
    while count and (part := os.read(handle, count)):
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
    os.lseek(handle, at, os.SEEK_SET)
    while data:
        written = os.write(handle, data)
        data, at = data[written:], at + written
    return at
