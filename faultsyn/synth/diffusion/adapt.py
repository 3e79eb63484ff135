"""Training the adapter bank on shots, the trunk frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from faultsyn.neural import Checkpoint, History, Progress, Recipe, seeded, train
from faultsyn.synth.diffusion.adapter import AdapterBank
from faultsyn.synth.diffusion.edm import P_STD, denoising_loss, precondition
from faultsyn.synth.diffusion.unet import UNet

P_MEAN_ADAPT = 0.2
"""Mean of ln(sigma): higher than in pretraining, for it is at high noise that a window's course of
impacts is decided; what happens at low noise the trunk knows already."""


CROP = 1024
"""Longest piece of a window that a step trains on [samples]. What adapters learn lies within a few
strikes, and shots of 4096 samples hold four pieces each: a quarter of the time, nothing lost."""


@dataclass(frozen=True)
class Rows:
    """Windows of one channel, and all that is known about each.

    - `x`: `(n, 1, T)`; `guides`: `(n, 3, T)`; `told`: `(n, N_TOLD)`.
    - `condition`: the adapters', `(n, n_condition)`.
    - `chance`: how often each is drawn, `(n,)`.
    """

    x: Tensor
    guides: Tensor
    told: Tensor
    condition: Tensor
    chance: Tensor

    def take(self, rows: Tensor) -> Rows:
        """Some of the windows."""
        parts = (self.x, self.guides, self.told, self.condition, self.chance)
        return Rows(*(part[rows] for part in parts))


def train_bank(
    trunk: UNet,
    rows: Rows,
    held: Rows | None,
    bottleneck: int,
    batch: int,
    recipe: Recipe,
    generator: torch.Generator,
    what: str,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[AdapterBank, History]:
    """A bank trained by the denoising error of `rows`, at random places (see `pieces`).

    - `held`: rows whose loss decides when to stop; None: all steps are made.
    """
    n_condition = rows.condition.shape[1]
    bank = seeded(lambda: AdapterBank(trunk.hook_widths, bottleneck, n_condition), generator)

    def loss(draw: torch.Generator) -> Tensor:
        picked = rows.take(torch.multinomial(rows.chance, batch, True, generator=draw))
        x, guides = pieces(picked, trunk.multiple, draw)
        sigma = spread_sigma(batch, draw)
        noise = torch.randn(x.shape, generator=draw)
        hook = bank.hook(picked.condition)
        denoise = precondition(lambda y, c: trunk(y, c, guides, picked.told, hook))
        return denoising_loss(denoise, x, noise, sigma).mean()

    check = None if held is None else _held_out(trunk, bank, held)
    history = train(
        bank,
        loss,
        generator,
        recipe,
        what,
        held_out=check,
        progress=progress,
        checkpoint=checkpoint,
    )
    return bank.requires_grad_(False), history


def pieces(rows: Rows, multiple: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows and guides from one random place each on, of at most about `CROP` samples.

    A window has no privileged start. Longer windows are cut; others rotated, wrapped on to a
    `multiple` of samples.
    """
    n, _, length = rows.x.shape
    kept = padded(min(length, CROP), multiple)
    starts = length - kept + 1 if kept < length else length
    start = torch.randint(starts, (n, 1, 1), generator=draw)
    at = (torch.arange(kept) + start) % length
    return (
        torch.gather(rows.x, 2, at),
        torch.gather(rows.guides, 2, at.expand(-1, rows.guides.shape[1], -1)),
    )


def padded(length: int, multiple: int) -> int:
    """The least multiple that is not below `length`."""
    return -(-length // multiple) * multiple


def spread_sigma(n: int, draw: torch.Generator) -> Tensor:
    """Noise levels for a small batch, one from each of `n` equally likely ranges, in any order."""
    share = (torch.arange(n) + torch.rand(n, generator=draw).clamp(1e-4, 1 - 1e-4)) / n
    levels: Tensor = (P_MEAN_ADAPT + P_STD * torch.special.ndtri(share.double())).exp().float()
    return levels[torch.randperm(n, generator=draw)]


def _held_out(trunk: UNet, bank: AdapterBank, held: Rows) -> Callable[[], float]:
    repeats = max(1, 32 // len(held.x))
    rows = held.take(torch.arange(len(held.x)).repeat(repeats))
    draw = torch.Generator().manual_seed(0)
    x, guides = pieces(rows, trunk.multiple, draw)
    sigma = spread_sigma(len(x), draw)
    noise = torch.randn(x.shape, generator=draw)

    def score() -> float:
        hook = bank.hook(rows.condition)
        denoise = precondition(lambda y, c: trunk(y, c, guides, rows.told, hook))
        with torch.inference_mode():
            return float(denoising_loss(denoise, x, noise, sigma).mean())

    return score
