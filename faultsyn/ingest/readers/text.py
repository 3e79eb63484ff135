"""Delimited text: .csv, .tsv, .txt, .dat and the same with .gz, read in blocks."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array, Source
from faultsyn.ingest.readers.cells import Block, cut, numbers, texts
from faultsyn.ingest.readers.layout import Layout, find_layout
from faultsyn.ingest.schema import Text

BLOCK_BYTES = 1 << 22
_HEAD_BYTES = 1 << 16
_HEAD_LINES = 40
_CACHE_BYTES = 1 << 24
_WIDE_UNICODE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class TextSource(Source):
    """A text file as columns; only the cells that are asked for are turned into numbers.

    - `options`: layout as far as the card says it.
    - `transpose`: lines are channels, not samples (read as a whole, not in blocks). A first cell
      that is no number then names its line.
    """

    tabular = True

    def __init__(self, path: Path, options: Text, transpose: bool) -> None:
        super().__init__(path)
        lines = list(islice(self._head(), 1 << 12))
        text = [_decode(line, options.encoding) for line in lines]
        self.layout: Layout = find_layout(text, options, str(path))
        self.preamble = self.layout.preamble
        self._cache: dict[tuple[object, ...], list[dict[str, Array]]] = {}
        self._turned: dict[str, Array] | None = None
        if transpose:
            self._turned = self._turn()
            self.names = tuple(self._turned)
        else:
            self.names = self.layout.names
            self.units = dict(zip(self.names, self.layout.units, strict=False))

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named columns, some megabytes of text at a time."""
        if self._turned is not None:
            yield {name: self._turned[name] for name in names}
            return
        key = (tuple(names), tuple(sorted(text)))
        if key in self._cache:
            yield from self._cache[key]
            return
        kept: list[dict[str, Array]] = []
        size = 0
        for block in self._cut():
            found = self._columns(block, names, text)
            size += sum(array.nbytes for array in found.values())
            if size < _CACHE_BYTES:
                kept.append(found)
            yield found
        if size < _CACHE_BYTES:
            self._cache = {key: kept}

    def _columns(
        self, block: Block, names: Sequence[str], text: Collection[str]
    ) -> dict[str, Array]:
        at = {name: self.layout.names.index(name) for name in names}
        numeric = [name for name in names if name not in text]
        found: dict[str, Array] = {name: texts(block, at[name]) for name in names if name in text}
        if numeric:
            table = numbers(block, [at[n] for n in numeric], self.layout, str(self.path))
            found.update({name: table[:, k] for k, name in enumerate(numeric)})
        return found

    def matrix(self, name: str) -> Array:
        """Columns `first..last` (counted from 1) as float32 `(rows, columns)`."""
        first, _, last = name.partition("..")
        if self._turned is not None:
            return np.stack(list(self._turned.values()), axis=1, dtype=np.float32)
        n = len(self.layout.names)
        columns = range(int(first) - 1, int(last or n))
        if not (0 <= columns.start < columns.stop <= n):
            raise InputError(f"{self.path}: expected columns {name}, the file has 1..{n}")
        text = sorted(self.layout.textual.intersection(columns))
        if text:
            raise InputError(
                f"{self.path}: column '{self.names[text[0]]}' in the range {name} is no number"
            )
        parts = [
            numbers(block, columns, self.layout, str(self.path)).astype(np.float32)
            for block in self._cut()
        ]
        return np.concatenate(parts)

    def is_text(self, name: str) -> bool:
        """True when most of the column's first cells are no numbers."""
        return self._turned is None and self.layout.names.index(name) in self.layout.textual

    def _turn(self) -> dict[str, Array]:
        layout, where = self.layout, str(self.path)
        columns = [k for k in range(len(layout.names)) if k not in layout.textual]
        blocks = list(self._cut())
        table = np.concatenate([numbers(block, columns, layout, where) for block in blocks])
        labels = [str(k + 1) for k in range(len(table))]
        if 0 in layout.textual:
            labels = [cell.decode() for block in blocks for cell in texts(block, 0)]
        return dict(zip(labels, table, strict=True))

    def _cut(self) -> Iterator[Block]:
        """The data lines as blocks of about `BLOCK_BYTES`."""
        line = 0
        for text in self._whole_lines():
            n = text.count(b"\n")
            drop = min(max(self.layout.first - line, 0), n)
            if drop < n:
                at = 0
                for _ in range(drop):
                    at = text.index(b"\n", at) + 1
                yield cut(text[at:], self.layout, line + drop, str(self.path))
            line += n

    def _whole_lines(self) -> Iterator[bytes]:
        rest: list[bytes] = []
        for chunk in self._chunks(BLOCK_BYTES):
            end = chunk.rfind(b"\n") + 1
            if end:
                yield b"".join((*rest, chunk[:end]))
                rest = [chunk[end:]]
            else:
                rest.append(chunk)
        last = b"".join(rest)
        if last:
            yield last + b"\n"

    def _head(self) -> Iterator[bytes]:
        """The first lines: some 64 KiB, more when the lines are long."""
        rest = b""
        n_bytes = n_lines = 0
        for chunk in self._chunks(_HEAD_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            n_bytes, n_lines = n_bytes + len(chunk), n_lines + len(lines)
            if n_bytes >= _HEAD_BYTES and n_lines >= _HEAD_LINES:
                return
        if rest:
            yield rest

    def _chunks(self, size: int) -> Iterator[bytes]:
        """The file's bytes as UTF-8 (or a superset of ASCII) with "\\n" line ends."""
        try:
            with self._open() as file:
                first = file.read(size)
                wide = _WIDE_UNICODE.get(first[:2])
                decoder = codecs.getincrementaldecoder(wide)() if wide else None
                old_mac = b"\r" in first and b"\n" not in first
                chunk = first.removeprefix(codecs.BOM_UTF8)
                while chunk:
                    if decoder is not None:
                        chunk = decoder.decode(chunk).encode()
                    if b"\r" in chunk:
                        chunk = chunk.replace(b"\r", b"\n" if old_mac else b"")
                    yield chunk
                    chunk = file.read(size)
        except (OSError, EOFError, UnicodeError, zlib.error) as error:
            raise InputError(f"{self.path}: cannot be read ({error})") from None

    def _open(self) -> BinaryIO:
        if self.path.suffix == ".gz":
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        return self.path.open("rb")


def _decode(line: bytes, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
