"""Encoders: networks that turn a window into a vector. Normalisation never looks across windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from faultsyn.diagnose.layer_norm import LayerNorm
from faultsyn.diagnose.row_encoders import Gain, RowsDirection, RowsMLP, RowsResidual, ZeroLinear
from faultsyn.errors import InputError
from faultsyn.registry import nearest

MIN_LENGTH = 16
"""Shortest window, in samples, that every encoder takes."""

_BINS = 4  # parts of the window that keep their own average, so that phase in a cycle is not lost
_WIDEST = 65  # first kernel at most, in samples (Zhang 2017: 64)
_GROUP = 8  # channels that share a normalisation
_TOKENS = 32  # patches of the transformer at most
_HEADS = 4

M = TypeVar("M", bound=nn.Module)


class _Stem(nn.Module):
    """First layer: a kernel of a sixteenth of the window (7 to 65 samples), stride an eighth of it.

    It has no normalisation: what follows it would otherwise not see how strong the signal is.
    """

    def __init__(self, channels: int, length: int, width: int) -> None:
        super().__init__()
        kernel = min(max(length // 16, 7), _WIDEST) | 1
        self.conv = nn.Conv1d(
            channels, width, kernel, stride=max(kernel // 8, 1), padding=kernel // 2
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv(x))


class _Readout(nn.Module):
    """Averages in `_BINS` parts of the window and maxima of all of it, of stem and last layer."""

    def __init__(self, stem: int, last: int, dim: int) -> None:
        super().__init__()
        self.average = nn.AdaptiveAvgPool1d(_BINS)
        self.linear = nn.Linear((stem + last) * (_BINS + 1), dim)

    def forward(self, stem: Tensor, last: Tensor) -> Tensor:
        parts = [part for y in (stem, last) for part in (self.average(y).flatten(1), y.amax(dim=2))]
        made: Tensor = self.linear(torch.cat(parts, dim=1))
        return made


class WideKernelCNN(nn.Module):
    """1-D CNN with a wide first kernel (WDCNN; Zhang et al., Sensors 17(2):425, 2017).

    After the paper: one wide strided convolution that acts as a filter bank, then small kernels
    with pooling. Unlike the paper: group normalisation instead of batch normalisation, and the
    read-out also sees the first layer, which keeps the amplitude.

    `(n, channels, length)` -> `(n, dim)`.
    """

    def __init__(self, channels: int, length: int, width: int, dim: int) -> None:
        super().__init__()
        self.stem = _Stem(channels, length, width)
        self.stages = nn.Sequential(
            _stage(width, 2 * width), _stage(2 * width, 2 * width), _stage(2 * width, 2 * width)
        )
        self.readout = _Readout(width, 2 * width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, dim)` of windows `(n, channels, length)`."""
        stem = self.stem(x)
        made: Tensor = self.readout(stem, self.stages(stem))
        return made


class ResidualCNN1d(nn.Module):
    """Residual 1-D CNN with pre-activation blocks (He et al., ECCV 2016) behind a wide stem.

    `(n, channels, length)` -> `(n, dim)`.
    """

    def __init__(self, channels: int, length: int, width: int, dim: int) -> None:
        super().__init__()
        self.stem = _Stem(channels, length, width)
        self.blocks = nn.Sequential(
            _Block(width, width), _Block(width, 2 * width), _Block(2 * width, 2 * width)
        )
        self.readout = _Readout(width, 2 * width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, dim)` of windows `(n, channels, length)`."""
        stem = self.stem(x)
        made: Tensor = self.readout(stem, self.blocks(stem))
        return made


class _Block(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))), then halved in length."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _norm(inside),
            nn.ReLU(),
            nn.Conv1d(inside, outside, 3, padding=1),
            _norm(outside),
            nn.ReLU(),
            nn.Conv1d(outside, outside, 3, padding=1),
        )
        self.skip = nn.Identity() if inside == outside else nn.Conv1d(inside, outside, 1)
        self.pool = nn.AvgPool1d(2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.pool(self.skip(x) + self.residual(x))
        return made


def _stage(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inside, outside, 3, padding=1),
        _norm(outside),
        nn.ReLU(),
        nn.MaxPool1d(2, ceil_mode=True),
    )


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(width // _GROUP, 1), width)


class Transformer1d(nn.Module):
    """Small pre-norm transformer over patches (Vaswani et al. 2017; Nie et al. 2023).

    The window is cut into at most 32 patches, each a token with a learnt position; two blocks of
    four heads; the read-out sees the mean and the maximum over tokens.

    `(n, channels, length)` -> `(n, dim)`.
    """

    def __init__(self, channels: int, length: int, width: int, dim: int) -> None:
        super().__init__()
        patch = max(-(-length // _TOKENS), 1)
        self.patches = nn.Conv1d(channels, width, patch, stride=patch)
        self.position = nn.Embedding(length // patch, width)
        self.blocks = nn.Sequential(_Attention(width), _Attention(width))
        self.linear = nn.Linear(2 * width, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Vectors `(n, dim)` of windows `(n, channels, length)`."""
        tokens = self.patches(x).transpose(1, 2) + self.position.weight
        tokens = self.blocks(tokens)
        made: Tensor = self.linear(torch.cat([tokens.mean(dim=1), tokens.amax(dim=1)], dim=1))
        return made


class _Attention(nn.Module):
    """x + attention(norm(x)), then x + perceptron(norm(x)); tokens `(n, n_tokens, width)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([LayerNorm(width), LayerNorm(width)])
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        parts = self.into(self.norms[0](x)).reshape(n, tokens, 3, _HEADS, width // _HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        # Written out: the fused attention has no second derivative, which MAML needs.
        weights = torch.softmax(query @ key.transpose(2, 3) / (width // _HEADS) ** 0.5, dim=-1)
        x = x + self.out((weights @ value).transpose(1, 2).reshape(n, tokens, width))
        made: Tensor = x + self.perceptron(self.norms[1](x))
        return made


FEATURES = ("features", "rows", "directions")
"""The encoders that take feature rows instead of windows."""

SAME_SHAPE = ("rows", "directions")
"""Those whose vectors are as long as the rows."""

ENCODERS: dict[str, type[nn.Module]] = {
    "wide": WideKernelCNN,
    "residual": ResidualCNN1d,
    "transformer": Transformer1d,
    "features": RowsMLP,
    "rows": RowsResidual,
    "directions": RowsDirection,
}
"""Every encoder by the name that a preset gives."""


def build_encoder(name: str, channels: int, length: int, width: int, dim: int) -> nn.Module:
    """An encoder for windows `(n, channels, length)` that gives vectors `(n, dim)`.

    - `width`: channels of the first layer, a multiple of 8.

    Raises `InputError` on an unknown name or a window shorter than `MIN_LENGTH`.
    """
    if name not in ENCODERS:
        raise InputError(f"unknown encoder '{name}'", nearest(name, ENCODERS))
    if length < MIN_LENGTH and name not in FEATURES:
        raise InputError(
            f"encoder '{name}': needs windows of at least {MIN_LENGTH} samples, got {length}",
            "cut longer windows",
        )
    return ENCODERS[name](channels, length, width, dim)


def initialised(build: Callable[[], M], generator: torch.Generator) -> M:
    """The module that `build` makes, its weights drawn from `generator` and no global state.

    Convolutions and linear layers after He et al. (2015), biases 0, normalisations the identity.
    """
    module = _empty(build)
    for part in module.modules():
        if isinstance(part, ZeroLinear):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Conv1d | nn.Linear):
            gain: Literal["relu", "linear"] = "relu" if isinstance(part, nn.Conv1d) else "linear"
            nn.init.kaiming_normal_(part.weight, nonlinearity=gain, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, Gain):
            nn.init.ones_(part.weight)
        elif isinstance(part, nn.GroupNorm | nn.LayerNorm):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=0.02, generator=generator)
        elif isinstance(part, nn.LSTM | nn.LSTMCell):
            for weight in part.parameters():
                bound = part.hidden_size**-0.5
                nn.init.uniform_(weight, -bound, bound, generator=generator)
    return module


def restored(build: Callable[[], M], weights: Mapping[str, Tensor]) -> M:
    """The module that `build` makes, with a copy of `weights`.

    Raises `InputError` when the weights have other shapes, before memory is taken for the module.
    """
    with torch.device("meta"):
        wanted = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    if wanted != given:
        wrong = next(name for name in {**wanted, **given} if wanted.get(name) != given.get(name))
        raise InputError(
            f"network weights: '{wrong}' should have shape {wanted.get(wrong)}, has "
            f"{given.get(wrong)}",
            "the artefact was changed, or made by another version",
        )
    module = _empty(build)
    module.load_state_dict(dict(weights))
    return module


def _empty(build: Callable[[], M]) -> M:
    """The module without values: torch would draw them from its global generator."""
    with torch.device("meta"):
        module = build()
    return module.to_empty(device="cpu")
