"""File formats: one reader a file, one contract (`Source`)."""

from __future__ import annotations

from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.readers.array import open_array
from faultsyn.ingest.readers.base import Source
from faultsyn.ingest.readers.mat import open_mat
from faultsyn.ingest.readers.text import TextSource
from faultsyn.ingest.schema import Text

__all__ = ["SUFFIXES", "Source", "open_source"]

SUFFIXES = {
    ".mat": "mat",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".dat": "text",
    ".npy": "array",
    ".npz": "array",
}
"""Format by file suffix; text may be gzipped (`.csv.gz`)."""


def open_source(
    path: Path,
    *,
    format: str | None = None,
    text: Text | None = None,
    transpose: bool = False,
    content: bytes | None = None,
) -> Source:
    """Open a data file.

    - `format`: mat, text or array; by default the suffix tells.
    - `text`: layout of a text file as far as it is known.
    - `transpose`: swap the last two axes of what is read.
    - `content`: the file's bytes where they are at hand (used for .mat only).

    Raises `InputError` when the file is missing, damaged, or of no known format.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    kind = format or SUFFIXES.get(suffix)
    if kind is None:
        raise InputError(
            f"{path}: unknown format '{suffix}'; known: {', '.join(SUFFIXES)}",
            "say 'format: text' in the card if it is text",
        )
    if kind == "mat":
        return open_mat(path, transpose, content)
    if kind == "array":
        return open_array(path, transpose)
    return TextSource(path, text or Text(), transpose)
