"""The one training loop: AdamW, warm-up and cosine decay, gradient clipping, bounded steps."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faultsyn.errors import InputError

logger = logging.getLogger(__name__)

_WARM_UP = 0.1  # share of the steps
_CHECK = 20  # steps between looks at the held-out loss


@dataclass(frozen=True)
class Recipe:
    """How long and how hard to train.

    - `steps`: gradient steps at most; training time is bounded by them.
    - `learning_rate`: peak rate of AdamW (Loshchilov and Hutter 2019).
    - `weight_decay`: AdamW's decay.
    - `clip`: largest norm of a gradient.
    - `patience`: with a held-out loss, checks (every 20 steps) without improvement before stopping.
    """

    steps: int
    learning_rate: float
    weight_decay: float = 1e-2
    clip: float = 1.0
    patience: int = 5


def torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A torch generator seeded by the next draw of `rng`."""
    return torch.Generator().manual_seed(int(rng.integers(2**63)))


def train(
    module: nn.Module,
    loss: Callable[[], Tensor],
    recipe: Recipe,
    what: str,
    held_out: Callable[[], float] | None = None,
) -> list[float]:
    """Train the parameters of `module` that require a gradient, in place; return the losses.

    - `loss`: draws a batch or an episode and returns its scalar loss.
    - `what`: who trains, for the error.
    - `held_out`: loss on windows that `loss` never draws; given, the weights with the lowest one
      are kept and training stops early.

    Raises `InputError` when the loss is not finite.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    losses: list[float] = []
    best, kept, since = math.inf, None, 0
    module.train()
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step / recipe.steps)
        value = loss()
        losses.append(float(value.detach()))
        if not math.isfinite(losses[-1]):
            raise InputError(
                f"{what}: training loss is {losses[-1]} at step {step}",
                f"lower learning_rate (now {recipe.learning_rate}) or look for outliers",
            )
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimiser.step()
        if held_out is not None and (step + 1) % _CHECK == 0:
            score = held_out()
            if score < best:
                best, since = score, 0
                kept = {name: value.clone() for name, value in module.state_dict().items()}
            else:
                since += 1
            if since >= recipe.patience:
                logger.info("%s: stopped at step %d, held-out loss %.4f", what, step + 1, best)
                break
    if kept is not None:
        module.load_state_dict(kept)
    module.eval()
    return losses


def _rate(progress: float) -> float:
    """Share of the peak learning rate: linear up, then half a cosine down to zero."""
    if progress < _WARM_UP:
        return 0.1 + 0.9 * progress / _WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP)))


def draw_weights(codes: NDArray[np.intp], *, balanced: bool) -> Tensor:
    """Chance of each window to be drawn into a batch; balanced: every class equally often."""
    counts = np.bincount(codes)
    chances = 1.0 / counts[codes] if balanced else np.ones(len(codes))
    return torch.from_numpy(chances / chances.sum())


def draw_batch(weights: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Positions of `size` windows, drawn with replacement."""
    return torch.multinomial(weights, size, replacement=True, generator=generator)
