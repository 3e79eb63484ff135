"""What a watcher has done, one line after another, so that a kill at any time loses nothing.

A line is a CRC-32 and JSON; it counts when it is whole, and it is on the disk before `append`
returns. A kill leaves at most one torn line at the end, which is cut off when it is opened again.
"""

from __future__ import annotations

import json
import math
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError

if sys.platform != "win32":
    import fcntl

Entry = dict[str, Any]

FORMAT = 1
_HEAD: Entry = {"kind": "journal", "format": FORMAT}


class Journal:
    """An append-only file of JSON entries, locked against a second writer.

    Raises `InputError` when another process writes it, it is no journal of this format, or a line
    before the last is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            self._take()
            self._cut()
            if os.fstat(self._file).st_size == 0:
                self.append(_HEAD)
                _sync_folder(self.path.parent)
            first = next(read_journal(self.path))
            if first.get("format") != FORMAT:
                raise InputError(f"{self.path}: no watch journal of format {FORMAT}")
        except BaseException:
            os.close(self._file)
            raise

    def append(self, entry: Entry) -> None:
        """Add an entry; it is on the disk when this returns."""
        line = _line(entry)
        written = 0
        while written < len(line):
            written += os.write(self._file, line[written:])
        os.fsync(self._file)

    def close(self) -> None:
        """Let another process write it."""
        os.close(self._file)

    def _take(self) -> None:
        if sys.platform == "win32":  # no advisory locks there
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{self.path}: another process watches with it") from None

    def _cut(self) -> None:
        """Take a torn last line off."""
        good = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if _entry(line) is None:
                    if file.read(1):
                        raise InputError(
                            f"{self.path} line {number}: damaged, or no watch journal",
                            "restore it from a copy, or move it away and start afresh",
                        )
                    if good == 0 and not _line(_HEAD).startswith(line):
                        raise InputError(f"{self.path}: no watch journal")
                    break
                good += len(line)
        os.ftruncate(self._file, good)
        os.fsync(self._file)


def read_journal(path: str | Path) -> Iterator[Entry]:
    """The entries of a journal, which another process may be writing, one at a time."""
    with Path(path).open("rb") as file:
        for line in file:
            entry = _entry(line)
            if entry is not None:
                yield entry


def _line(entry: Entry) -> bytes:
    text = json.dumps(_plain(entry), separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _plain(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _entry(line: bytes) -> Entry | None:
    """What a line says; None when it is not whole."""
    if len(line) < 10 or not line.endswith(b"\n"):
        return None
    try:
        whole = int(line[:8], 16) == zlib.crc32(line[9:-1])
        entry = json.loads(line[9:-1]) if whole else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _sync_folder(folder: Path) -> None:
    """Make a new or replaced name durable."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
