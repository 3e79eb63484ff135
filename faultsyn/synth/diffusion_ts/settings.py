"""What shapes the model, and how it is trained and sampled; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Target = Literal["window", "noise"]
"""What the network's output stands for: the clean window or the noise."""

Diversity = Literal["bounded", "printed"]
"""Form of the diversity loss (`diversity.py`)."""


@dataclass(frozen=True)
class Layout:
    """Sizes of trunk and adapters.

    - `channels`, `length`: of a window; `width`: of the hidden states, a multiple of `heads` and 2.
    - `encoder`, `decoder`: numbers of blocks.
    - `degree`: of the trends; `lines`: frequencies of the seasonal parts.
    - `window`: neighbours an adapter attends to, odd; `alpha`: weight of the local states;
      `everywhere`: adapters beside the encoder's blocks as well.
    - `adapted`: whether there are adapters at all; otherwise each class has a trunk of its own.
    """

    channels: int
    length: int
    width: int
    heads: int
    encoder: int
    decoder: int
    degree: int
    lines: int
    window: int
    alpha: float
    everywhere: bool
    adapted: bool = True


@dataclass(frozen=True)
class Training:
    """How trunk and adapters are trained.

    - `noise_steps`: T of the schedule; `target`, `fourier`: see `denoising.py`.
    - `pretrain_steps`, `batch`; `adapt_steps`, `adapt_batch`: gradient steps, windows in each.
    - `learning_rate`: peak rate of Adam; `ema`: decay of the averaged weights.
    - `diversity`, `diversity_weight`: form and weight of the diversity loss; 0: off.
    """

    noise_steps: int
    target: Target
    fourier: float
    pretrain_steps: int
    batch: int
    adapt_steps: int
    adapt_batch: int
    learning_rate: float
    ema: float
    diversity: Diversity
    diversity_weight: float
