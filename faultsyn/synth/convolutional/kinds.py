"""What an adversarial network may see of a window; free of torch."""

from __future__ import annotations

from typing import Literal

Kind = Literal["time", "frequency", "image"]
"""Its samples, the real and imaginary parts of its spectrum, or a grey image of it."""

Norm = Literal["none", "batch"]
"""Norm over the batch in what makes windows."""
