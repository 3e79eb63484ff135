"""How much memory a piece of work took at its worst."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_KB_PER_MB = 1024.0


class PeakMemory:
    """For a `with` block: `mb`, the highest resident memory above that at its start.

    NaN where the system does not say (Linux does). Blocks must not overlap: each sets the kernel's
    high-water mark of the process back.
    """

    def __init__(self) -> None:
        self.mb = float("nan")
        self._before = float("nan")

    def __enter__(self) -> Self:
        with suppress(OSError):
            _RESET.write_text("5")  # proc(5): resets VmHWM
        self._before = _resident("VmHWM")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.mb = max(0.0, _resident("VmHWM") - self._before)


def _resident(name: str) -> float:
    """A line of the process's status, in MB."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return float("nan")
    found = [line for line in lines if line.startswith(f"{name}:")]
    return float(found[0].split()[1]) / _KB_PER_MB if found else float("nan")
