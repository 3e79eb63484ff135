"""How long work tells that it goes on."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[..., None]
"""Called with `(done, total, detail="")` as long work goes on."""
