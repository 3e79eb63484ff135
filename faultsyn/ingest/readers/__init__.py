"""File formats: one reader a file, one contract (`Source`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.readers.array import open_array
from faultsyn.ingest.readers.audio import AudioSource
from faultsyn.ingest.readers.base import Source
from faultsyn.ingest.readers.guarded import GuardedSource
from faultsyn.ingest.readers.mat import is_mat73, open_mat
from faultsyn.ingest.readers.parquet import ParquetSource
from faultsyn.ingest.readers.tdms import TdmsSource
from faultsyn.ingest.readers.text import TextSource
from faultsyn.ingest.readers.universal import UniversalSource
from faultsyn.ingest.schema import Text

__all__ = ["SUFFIXES", "Source", "is_mat73", "open_source", "suffix_of"]

SUFFIXES = {
    ".mat": "mat",
    ".csv": "text",
    ".tsv": "text",
    ".txt": "text",
    ".dat": "text",
    ".npy": "array",
    ".npz": "array",
    ".wav": "sound",
    ".flac": "sound",
    ".parquet": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".tdms": "tdms",
    ".uff": "universal",
    ".unv": "universal",
}
"""Format by file suffix; text may be gzipped (`.csv.gz`)."""

_PLAIN: dict[str, Callable[[Path], Source]] = {
    "sound": AudioSource,
    "parquet": ParquetSource,
    "tdms": TdmsSource,
    "universal": UniversalSource,
}


def suffix_of(name: str) -> str:
    """The suffix that tells a file's format, in lower case and without .gz."""
    return Path(name.removesuffix(".gz")).suffix.lower()


def open_source(
    path: Path,
    *,
    format: str | None = None,
    text: Text | None = None,
    transpose: bool = False,
    content: bytes | None = None,
) -> Source:
    """Open a data file.

    - `format`: a value of `SUFFIXES`; by default the suffix tells.
    - `text`: layout of a text file as far as it is known.
    - `transpose`: swap the last two axes of what is read.
    - `content`: the file's bytes where they are at hand (used for .mat only).

    Raises `InputError` when the file is missing, damaged, or of no known format.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    suffix = suffix_of(path.name)
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
    if kind == "hdf5":
        return GuardedSource(path, "hdf5", transpose)
    if kind in _PLAIN:
        if transpose:
            raise InputError(f"{path}: 'transpose' means nothing for {kind} files")
        return _PLAIN[kind](path)
    return TextSource(path, text or Text(), transpose)
