"""Sample rates: what the card says, what the file says, what the time column shows."""

from __future__ import annotations

import re
import warnings
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array
from faultsyn.ingest.schema import Time

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_GAP = 1.5


class Clock:
    """A stream's time column, read block by block.

    - `time`: how the card describes it.
    - `textual`: its cells are dates, not numbers.
    - `where`: file and column, for errors.
    - `backwards`: "stop" when time runs backwards, or "flag" it.

    `start` is the first time as ISO 8601 text (dates only).
    """

    def __init__(self, time: Time, textual: bool, where: str, backwards: str = "stop") -> None:
        self._time = time
        self._backwards = backwards
        self._textual = textual
        self._where = where
        self._last: float | None = None
        self._sum = 0.0
        self._steps = 0
        self.start = ""
        self._gaps = self._jumps = 0
        self._longest = 0.0

    def found(self) -> dict[str, str]:
        """Flags with what was seen: `gap`, `backwards`."""
        found = {}
        if self._gaps:
            found["gap"] = f"{self._gaps} gaps in time, the longest of {self._longest:.6g} s"
        if self._jumps:
            found["backwards"] = f"time runs backwards {self._jumps} times"
        return found

    def rate(self, cells: Array) -> float:
        """Samples per second over the steps of ordinary length in `cells` [Hz].

        Raises `InputError` when time stands still or runs backwards.
        """
        seconds = self._seconds(cells)
        if len(seconds) < 2:
            raise InputError(f"{self._where}: one time only, so it gives no sample rate")
        steps = np.diff(seconds)
        self._forward(steps)
        typical = float(np.median(steps))
        if typical <= 0:  # stamps coarser than the sample interval
            typical = float(seconds[-1] - seconds[0]) / len(steps)
        usual = steps[(steps <= _GAP * typical) & (steps >= 0)] if np.median(steps) > 0 else steps
        total = float(usual.sum())
        if total <= 0:
            raise InputError(f"{self._where}: time stands still")
        return float(f"{len(usual) / total:.9g}")

    def add(self, cells: Array, rate: float) -> None:
        """Take in more times and note gaps. Raises `InputError` when time runs backwards."""
        seconds = self._seconds(cells)
        if not len(seconds):
            return
        if self._textual and not self.start:
            self.start = str(np.datetime64(round(seconds[0] * 1e6), "us"))
        if self._last is not None:
            seconds = np.concatenate(([self._last], seconds))
        steps = np.diff(seconds)
        self._forward(steps)
        usual = steps <= max(_GAP / rate, _GAP * float(np.median(steps)) if len(steps) else 0.0)
        if not usual.all():
            self._gaps += int((~usual).sum())
            self._longest = max(self._longest, float(steps.max()))
        self._jumps += int((steps < 0).sum())
        usual &= steps >= 0
        self._sum += float(steps[usual].sum())
        self._steps += int(usual.sum())
        self._last = float(seconds[-1])

    def check(self, rate: float, tolerance: float) -> None:
        """Raise `InputError` when the times taken in do not run at `rate` [Hz]."""
        if self._steps < 2 or self._sum <= 0:
            return
        found = self._steps / self._sum
        if abs(found / rate - 1) > tolerance:
            raise InputError(
                f"{self._where}: expected {rate:g} Hz, got {found:g} Hz from the times",
                "correct 'rate' in the card, or the unit of its 'time'",
            )

    def _forward(self, steps: NDArray[np.float64]) -> None:
        if self._backwards == "stop" and len(steps) and steps.min() < 0:
            raise InputError(
                f"{self._where}: time runs backwards at sample {int(np.argmin(steps)) + 1}"
            )

    def _seconds(self, cells: Array) -> NDArray[np.float64]:
        if not self._textual:
            seconds = np.asarray(cells, np.float64) * _SECONDS[self._time.unit]
            if np.isnan(seconds).any():
                raise InputError(f"{self._where}: a time is missing")
            return seconds
        dates = self._dates(cells)
        if np.isnat(dates).any():
            raise InputError(f"{self._where}: a time is missing")
        return np.asarray(dates.astype(np.int64) * 1e-6, np.float64)

    def _dates(self, cells: Array) -> Array:
        if cells.dtype.kind == "M":
            return cells.astype("datetime64[us]")
        texts = as_texts(cells)
        if self._time.format is None:
            return self._iso(texts)
        dates = fixed_width(texts, self._time.format)
        if dates is not None:
            return dates
        try:
            stamps = [datetime.strptime(text, self._time.format) for text in texts]
        except ValueError as error:
            raise InputError(f"{self._where}: {error}") from None
        return np.array(stamps, "datetime64[us]")

    def _iso(self, texts: Array) -> Array:
        plain = np.char.replace(np.char.replace(texts, "/", "-"), "Z", "")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy warns of time zones; differences stay right
            try:
                return plain.astype("datetime64[us]")
            except ValueError:
                raise InputError(
                    f"{self._where}: '{texts[0]}' is no ISO 8601 time",
                    "say its strptime 'format' under 'time'",
                ) from None


def as_texts(cells: Array) -> Array:
    """Cells of a text column as `U` strings; digits are all that matters, so any bytes do."""
    return np.char.decode(cells, "latin-1") if cells.dtype.kind == "S" else cells.astype(str)


_WIDTHS = {"d": 2, "m": 2, "Y": 4, "H": 2, "M": 2, "S": 2}


def fixed_width(texts: Array, format: str) -> Array | None:
    """Dates that all spell a strptime format with all its zeros, at a fiftieth of the time.

    None when the texts or the format are of another kind.
    """
    width = texts.dtype.itemsize // 4
    if not len(texts) or not (np.char.str_len(texts) == width).all():
        return None
    codes = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), width)
    fields, at = {}, 0
    for letter, literal in re.findall(r"%(.)|(.)", format):
        if letter and letter not in "dmYHMSf":
            return None
        size = 1 if literal else _WIDTHS.get(letter, min(6, width - at))
        part = codes[:, at : at + size]
        if part.shape[1] != size or size == 0:
            return None
        digits = bool(((part >= ord("0")) & (part <= ord("9"))).all())
        if (literal and (part != ord(literal)).any()) or (letter and not digits):
            return None
        if letter:
            fields[letter] = part
        at += size
    if at != width or not {"d", "m", "Y"} <= fields.keys():
        return None
    text = np.full((len(texts), 26), ord("0"), np.uint32)
    text[:, [4, 7, 10, 13, 16, 19]] = [ord(c) for c in "--T::."]
    for letter, place in zip("YmdHMSf", (0, 5, 8, 11, 14, 17, 20), strict=True):
        if letter in fields:
            text[:, place : place + fields[letter].shape[1]] = fields[letter]
    try:
        return text.view("U26").reshape(-1).astype("datetime64[us]")
    except ValueError:
        return None


def agree(stated: dict[str, float], tolerance: float, where: str) -> float:
    """The one rate that all statements mean [Hz]; the first one counts.

    - `stated`: by source ("the card", "the file", ...), in order of trust.

    Raises `InputError` when one is not a positive number or two differ by more than `tolerance`.
    """
    first, *others = stated.items()
    for source, rate in stated.items():
        if not (np.isfinite(rate) and rate > 0):
            raise InputError(f"{where}: {source} gives a sample rate of {rate} Hz")
    for source, rate in others:
        if abs(rate / first[1] - 1) > tolerance:
            raise InputError(
                f"{where}: expected {first[1]:g} Hz ({first[0]}), got {rate:g} Hz ({source})",
                "correct 'rate' in the card, or leave it out to take the file's",
            )
    return first[1]
