"""What the network learns, and classifier-free guidance.

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), eq. 14, the squared
error of the noise e in x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) e; or that of the velocity
v = sqrt(abar_t) e - sqrt(1 - abar_t) x0 (Salimans & Ho, "Progressive Distillation", ICLR 2022). An
error of the noise is multiplied by 1 / sqrt(abar_t) on the way to the clean window, without bound
at the first steps, which decide what kind of window it becomes; an error of the velocity is not.

Ho & Salimans, "Classifier-Free Diffusion Guidance" (NeurIPS workshop 2021), algorithm 1 (the class
is dropped with a fixed chance) and eq. 6, which holds for the velocity as well, for given x_t a
linear function of the noise:

    e~(x_t, c) = (1 + w) e(x_t, c) - w e(x_t)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from faultsyn.synth.gaussian_diffusion.network import NO_CLASS, ClassUNet
from faultsyn.synth.gaussian_diffusion.sampling import Predict
from faultsyn.synth.gaussian_diffusion.schedule import Schedule

Target = Literal["noise", "velocity"]
"""What the network's output stands for."""

Output = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(noisy (n, C, T), step (n,), class (n,)) -> noise or velocity (n, C, T)`."""


def of_step(network: ClassUNet, schedule: Schedule) -> Output:
    """A network as a function of the step: it is told ln sqrt((1 - abar) / abar)."""
    log_sigma = 0.5 * ((1 - schedule.abar) / schedule.abar).log()

    def predict(noisy: Tensor, step: Tensor, place: Tensor) -> Tensor:
        made: Tensor = network(noisy, log_sigma[step].to(noisy), place)
        return made

    return predict


def simple_loss(
    predict: Output,
    schedule: Schedule,
    target: Target,
    clean: Tensor,
    place: Tensor,
    dropped: float,
    generator: torch.Generator,
) -> Tensor:
    """Scalar loss of windows `(n, C, T)` of the classes `place`, each dropped with a chance."""
    step = torch.randint(1, schedule.steps + 1, (len(clean),), generator=generator)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    hidden = torch.rand(len(clean), generator=generator) < dropped
    told = torch.where(hidden.to(place.device), NO_CLASS, place)
    made = predict(schedule.noised(clean, step, noise), step, told)
    wanted = noise if target == "noise" else schedule.velocity_of(clean, step, noise)
    return (made - wanted).square().mean()


def guided(
    predict: Output, schedule: Schedule, target: Target, place: int, weight: float, limit: Tensor
) -> Predict:
    """The clean windows of a class, for a sampler.

    - `weight`: w; 0: the conditional model, which alone is then called.
    - `limit`: largest absolute value of a clean window, `(C, 1)`.
    """

    def clean(noisy: Tensor, step: Tensor) -> Tensor:
        of_class = torch.full((len(noisy),), place, device=noisy.device)
        made = predict(noisy, step, of_class)
        if weight:
            anything = predict(noisy, step, torch.full_like(of_class, NO_CLASS))
            made = (1 + weight) * made - weight * anything
        to_clean = schedule.clean_of if target == "noise" else schedule.clean_of_velocity
        return to_clean(noisy, step, made).clamp(-limit, limit)

    return clean
