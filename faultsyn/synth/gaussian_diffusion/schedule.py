"""The noise that a window is given, step by step.

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), eq. 4, 6 and 7, with
the cosine schedule of Nichol & Dhariwal (ICML 2021), eq. 17:

    abar_t = f(t) / f(0),  f(t) = cos^2((t / T + s) / (1 + s) * pi / 2),  s = 0.008
    beta_t = min(1 - abar_t / abar_{t-1}, 0.999)

Index 0 is the clean window (abar = 1), index t = 1 ... T the papers' step t. float64 throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_OFFSET = 0.008
_LARGEST = 0.999


@dataclass(frozen=True)
class Schedule:
    """`betas`, `abar`: float64 `(T + 1,)`; betas[0] = 0, abar[0] = 1."""

    betas: Tensor
    abar: Tensor

    @property
    def steps(self) -> int:
        """T."""
        return len(self.betas) - 1

    def noised(self, clean: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e (Ho eq. 4), `(n, C, T)`, `step` `(n,)`."""
        signal, rest = self.abar[step].sqrt(), (1 - self.abar[step]).sqrt()
        return wide(signal, clean) * clean + wide(rest, clean) * noise

    def noise_of(self, noisy: Tensor, step: Tensor, clean: Tensor) -> Tensor:
        """The noise e that leads from `clean` to `noisy`."""
        signal, rest = self.abar[step].sqrt(), (1 - self.abar[step]).sqrt()
        return (noisy - wide(signal, noisy) * clean) / wide(rest, noisy)

    def clean_of(self, noisy: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """The window x_0 that `noise` leads from to `noisy` (Ho eq. 15)."""
        signal, rest = self.abar[step].sqrt(), (1 - self.abar[step]).sqrt()
        return (noisy - wide(rest, noisy) * noise) / wide(signal, noisy)

    def velocity_of(self, clean: Tensor, step: Tensor, noise: Tensor) -> Tensor:
        """v = sqrt(abar_t) e - sqrt(1 - abar_t) x_0 (Salimans & Ho, ICLR 2022, appendix D)."""
        signal, rest = self.abar[step].sqrt(), (1 - self.abar[step]).sqrt()
        return wide(signal, clean) * noise - wide(rest, clean) * clean

    def clean_of_velocity(self, noisy: Tensor, step: Tensor, velocity: Tensor) -> Tensor:
        """x_0 = sqrt(abar_t) x_t - sqrt(1 - abar_t) v."""
        signal, rest = self.abar[step].sqrt(), (1 - self.abar[step]).sqrt()
        return wide(signal, noisy) * noisy - wide(rest, noisy) * velocity

    def posterior(self, noisy: Tensor, step: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `(n, C, T)` and variance `(n,)` of q(x_{t-1} | x_t, x_0) (Ho eq. 6 and 7)."""
        beta, now, before = self.betas[step], self.abar[step], self.abar[step - 1]
        of_clean = before.sqrt() * beta / (1 - now)
        of_noisy = (1 - beta).sqrt() * (1 - before) / (1 - now)
        mean = wide(of_clean, noisy) * clean + wide(of_noisy, noisy) * noisy
        return mean, (1 - before) / (1 - now) * beta

    def level_weights(self) -> Tensor:
        """Weight of each step's loss, `(T + 1,)`, 1 on average over t = 1 ... T.

        Diffusion-TS weighs a squared error by w_t = lambda alpha_t (1 - abar_t) / beta_t^2
        (Yuan & Qiao 2024). For an absolute error it is the square root of that, so that it still
        scales the error; the constant is ours.
        """
        weights = torch.zeros_like(self.betas)
        weights[1:] = ((1 - self.betas) * (1 - self.abar)).sqrt()[1:] / self.betas[1:]
        return weights / weights[1:].mean()


def cosine_schedule(steps: int) -> Schedule:
    """The cosine schedule of `steps` steps."""
    time = torch.arange(steps + 1, dtype=torch.float64) / steps
    wave = ((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2).cos() ** 2
    betas = (1 - wave[1:] / wave[:-1]).clamp(max=_LARGEST)
    betas = torch.cat([torch.zeros(1, dtype=torch.float64), betas])
    return Schedule(betas, (1 - betas).cumprod(dim=0))


def wide(values: Tensor, x: Tensor) -> Tensor:
    """One value a window, `(n,)`, in the type and on the device of `x` and as many dimensions."""
    return values.to(x).view(-1, *[1] * (x.ndim - 1))
