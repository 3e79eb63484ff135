"""The frozen encoder behind Context-FID: dilated convolutions, one channel at a time.

Architecture after TS2Vec (Yue et al., "TS2Vec: Towards Universal Representation of Time Series",
AAAI 2022, section 3.1): input projection, then residual blocks of dilated convolutions. A window is
the mean over time, not the largest value as there: on real bearings the largest value follows
single impacts, and halves of one recording then lie a third as far apart as a recording and its
surrogates; with the mean it is an eighth or less. Weights and their card ship with the package;
`train_encoder` rebuilds them.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from faultsyn.errors import InputError

WEIGHTS = Path(__file__).with_name("context_encoder.safetensors")
CARD = WEIGHTS.with_suffix(".json")
MINIMUM = 16
"""Fewest samples of a window that can be encoded."""
BATCH_SAMPLES = 1 << 14
"""Samples encoded at once: what lies between two layers then stays in the processor's cache, which
is a third faster than batches of 64 windows of 4096 samples."""


class Block(nn.Module):
    """Two dilated convolutions with a residual path, `(n, width, T)` -> the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Residual update of `(n, width, T)`."""
        update: Tensor = self.second(nn.functional.gelu(self.first(nn.functional.gelu(x))))
        return x + update


class ContextEncoder(nn.Module):
    """Windows of one channel `(n, 1, T)` -> representations in time `(n, out, T / 2)`.

    - `width`: channels inside.
    - `depth`: residual blocks, dilations 1, 2, 4, ...; 6 blocks see some 500 samples.
    - `out`: dimensions of a representation.
    """

    def __init__(self, width: int = 32, depth: int = 6, out: int = 32) -> None:
        super().__init__()
        self.project = nn.Conv1d(1, width, 7, stride=2, padding=3)
        self.blocks = nn.Sequential(*(Block(width, 2**i) for i in range(depth)))
        self.out = nn.Conv1d(width, out, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Representations; where `mask` `(n, 1, T / 2)` is 0 the projected input is hidden."""
        hidden = self.project(x)
        if mask is not None:
            hidden = hidden * mask
        encoded: Tensor = self.out(self.blocks(hidden))
        return encoded


def card() -> dict[str, Any]:
    """What the shipped weights are: version, architecture, data, steps, seed, commit, hash."""
    loaded: dict[str, Any] = json.loads(CARD.read_text())
    return loaded


@cache
def frozen_encoder() -> ContextEncoder:
    """The shipped encoder, ready to encode.

    Raises `InputError` when the weights are not those of the card.
    """
    about = card()
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    if digest != about["weights_sha256"]:
        raise InputError(f"{WEIGHTS.name}: hash differs from {CARD.name}", "reinstall faultsyn")
    encoder = ContextEncoder(**about["architecture"])
    encoder.load_state_dict(load_file(WEIGHTS))
    return encoder.eval().requires_grad_(False)


def encode(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Representation of each single-channel window `(n, T)` -> `(n, out)`: mean over time.

    Raises `InputError` when windows are shorter than 16 samples.
    """
    if rows.shape[1] < MINIMUM:
        raise InputError(f"the encoder needs at least {MINIMUM} samples, got {rows.shape[1]}")
    encoder = frozen_encoder()
    x = torch.from_numpy(np.ascontiguousarray(rows, np.float32))[:, None]
    with torch.inference_mode():
        batches = torch.split(x, max(1, BATCH_SAMPLES // rows.shape[1]))
        parts = [encoder(part).mean(dim=2) for part in batches]
    encoded: NDArray[np.float32] = torch.cat(parts).numpy()
    return encoded
