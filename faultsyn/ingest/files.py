"""The files of a raw folder while they are being read: opened once, hashed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from faultsyn.errors import InputError
from faultsyn.ingest.readers import Source, is_mat73, open_source
from faultsyn.ingest.schema import Body

AHEAD = 2
"""Files that are hashed and unpacked in the background while one is written."""

_Hashed = tuple[str, bytes | None]


class Files:
    """Sources and hashes by relative path; use it in a `with` block.

    - `raw`: the raw folder.
    - `expected`: SHA-256 by relative path or by file name, as far as the card gives it.
    - `hashing`: False leaves all hashes empty, where nothing is going to be stored.
    """

    def __init__(self, raw: Path, expected: dict[str, str], *, hashing: bool = True) -> None:
        self._wanted = hashing
        self.raw = raw
        self._expected = expected
        self._hashes: dict[str, str] = {}
        self._contents: dict[str, bytes] = {}
        self._open: dict[str, Source] = {}
        self._hashing: dict[str, Future[_Hashed]] = {}
        self._opening: dict[str, Future[Source]] = {}
        self._pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="ahead")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ahead(self, relative: str, body: Body, parse: bool) -> None:
        """Start on a file in the background: it comes soon.

        - `parse`: also open it, if that means reading all of it; otherwise only hash it.
        """
        if relative in self._hashes or relative in self._hashing:
            return
        hashing = self._pool.submit(_hash, self.raw / relative)
        self._hashing[relative] = hashing
        if parse and relative.endswith(".mat"):
            self._opening[relative] = self._pool.submit(
                lambda: self._source(relative, body, hashing.result()[1])
            )

    def open(self, relative: str, body: Body) -> Source:
        """The file as a source; it stays open until `forget`."""
        if relative not in self._open:
            opening = self._opening.pop(relative, None)
            content = self._contents.pop(relative, None)
            source = opening.result() if opening else self._source(relative, body, content)
            self._open[relative] = source
        return self._open[relative]

    def _source(self, relative: str, body: Body, content: bytes | None) -> Source:
        return open_source(
            self.raw / relative,
            format=body.format,
            text=body.text,
            transpose=bool(body.transpose),
            content=content,
        )

    def forget(self, main: str) -> None:
        """Let go of what is open: the recordings of `main` are done."""
        self._open.clear()
        self._contents.clear()
        self._opening.pop(main, None)

    def sha256(self, relative: str) -> str:
        """Hash of one file's bytes.

        Raises `InputError` when the card expects another hash.
        """
        if not self._wanted:
            return ""
        if relative in self._hashes:
            return self._hashes[relative]
        path = self.raw / relative
        try:
            hashing = self._hashing.pop(relative, None)
            found, content = hashing.result() if hashing else _hash(path)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        wanted = self._expected.get(relative, self._expected.get(path.name))
        if wanted is not None and wanted.lower() != found:
            raise InputError(
                f"{path}: expected SHA-256 {wanted[:12]}.., got {found[:12]}..",
                "the file is not the published one; copy it again",
            )
        self._hashes[relative] = found
        if content is not None:
            self._contents[relative] = content
        return found

    def joint_sha256(self, relatives: Sequence[str]) -> str:
        """Hash of a recording's source: of its file, or of the hashes of its several files."""
        hashes = [self.sha256(name) for name in dict.fromkeys(relatives)]
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()


def _hash(path: Path) -> _Hashed:
    """A file's hash, and its bytes where the reader needs all of them anyway."""
    if path.suffix == ".mat" and not is_mat73(path):
        content = path.read_bytes()
        return hashlib.sha256(content).hexdigest(), content
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), None
