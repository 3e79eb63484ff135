"""The files of a raw folder while they are being read: opened once, hashed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.readers import Source, open_source
from faultsyn.ingest.schema import Body


class Files:
    """Sources and hashes by relative path.

    - `raw`: the raw folder.
    - `expected`: SHA-256 by relative path or by file name, as far as the card gives it.
    """

    def __init__(self, raw: Path, expected: dict[str, str]) -> None:
        self.raw = raw
        self._expected = expected
        self._hashes: dict[str, str] = {}
        self._open: dict[str, Source] = {}
        self._contents: dict[str, bytes] = {}

    def open(self, relative: str, body: Body) -> Source:
        """The file as a source; it stays open until `forget`."""
        if relative not in self._open:
            self._open[relative] = open_source(
                self.raw / relative,
                format=body.format,
                text=body.text,
                transpose=bool(body.transpose),
                content=self._contents.pop(relative, None),
            )
        return self._open[relative]

    def forget(self) -> None:
        """Let go of what is open: the next recordings come from other files."""
        self._open.clear()
        self._contents.clear()

    def sha256(self, relative: str) -> str:
        """Hash of one file's bytes.

        Raises `InputError` when the card expects another hash.
        """
        if relative not in self._hashes:
            path = self.raw / relative
            try:
                found = self._hash(relative, path)
            except OSError as error:
                raise InputError(f"{path}: cannot be read ({error.strerror})") from None
            wanted = self._expected.get(relative, self._expected.get(path.name))
            if wanted is not None and wanted.lower() != found:
                raise InputError(
                    f"{path}: expected SHA-256 {wanted[:12]}.., got {found[:12]}..",
                    "the file is not the published one; copy it again",
                )
            self._hashes[relative] = found
        return self._hashes[relative]

    def _hash(self, relative: str, path: Path) -> str:
        if path.suffix == ".mat":  # always read as a whole, so once is enough
            content = path.read_bytes()
            self._contents[relative] = content
            return hashlib.sha256(content).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def joint_sha256(self, relatives: Sequence[str]) -> str:
        """Hash of a recording's source: of its file, or of the hashes of its several files."""
        hashes = [self.sha256(name) for name in dict.fromkeys(relatives)]
        if len(hashes) == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
