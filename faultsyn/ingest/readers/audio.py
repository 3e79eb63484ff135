"""Sound files: .wav and .flac, as counts with their scale where they hold integers."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import BLOCK_ROWS, Array, Source, library, reading

_SMALL = ("PCM_S8", "PCM_U8", "PCM_16")
_LARGE = ("PCM_24", "PCM_32")
_UNKNOWN_SIZE = (0, 0xFFFFFFFF)  # what a recorder writes that does not know the length yet


class AudioSource(Source):
    """Channels `1`, `2`, ...; `@rate`, `@subtype`, and the tags of the file as attributes.

    Integer samples come as counts of 1 / 2**15 or 1 / 2**31 of full scale (24 bits stand in the
    upper bits of 32), so nothing is rounded; a channel's `scale` in the card is then what full
    scale means.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._soundfile = library("soundfile", path)
        _check_length(path)
        with reading(path, "sound"), self._open() as file:
            self._frames = int(file.frames)
            self.names = tuple(str(k + 1) for k in range(file.channels))
            self.attributes = {"@rate": int(file.samplerate), "@subtype": str(file.subtype)}
            self.attributes |= {f"@{k}": str(v) for k, v in file.copy_metadata().items()}
            rate, subtype = float(file.samplerate), str(file.subtype)
        self.rates = dict.fromkeys(self.names, rate)
        self._dtype = {**dict.fromkeys(_SMALL, "int16"), **dict.fromkeys(_LARGE, "int32")}.get(
            subtype, "float64" if subtype == "DOUBLE" else "float32"
        )
        if self._dtype.startswith("int"):
            self.counts = dict.fromkeys(self.names, 2.0 ** -(15 if self._dtype == "int16" else 31))

    def _open(self) -> Any:
        return self._soundfile.SoundFile(self.path)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named channels, `BLOCK_ROWS` samples at a time."""
        columns = {name: int(name) - 1 for name in names}
        done = 0
        with reading(self.path, "sound"), self._open() as file:
            while len(block := file.read(BLOCK_ROWS, dtype=self._dtype, always_2d=True)):
                done += len(block)
                yield {name: block[:, k] for name, k in columns.items()}
        if done != self._frames or not done:
            raise InputError(
                f"{self.path}: truncated: expected {self._frames} samples a channel, got {done}",
                "copy it again from its source",
            )

    def matrix(self, name: str) -> Array:
        """Sound is one recording a channel, so there are no rows."""
        raise InputError(f"{self.path}: a sound file has no rows to make recordings of")

    def is_text(self, name: str) -> bool:
        """Never."""
        return False


def _check_length(path: Path) -> None:
    """Raise `InputError` when a RIFF file is shorter than its data chunk says.

    libsndfile reads what is there of such a file and says nothing.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return
        file.seek(12)
        while True:
            head = file.read(8)
            if len(head) < 8:
                raise InputError(f"{path}: truncated before its samples", "copy it again")
            name, length = struct.unpack("<4sI", head)
            if name == b"data":
                break
            file.seek(length + length % 2, 1)
        left = size - file.tell()
    if length not in _UNKNOWN_SIZE and length > left:
        raise InputError(
            f"{path}: truncated: expected {length} bytes of samples, got {left}",
            "copy it again from its source",
        )
