"""The noise-prediction loss and classifier-free guidance.

Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), eq. 14:

    L = E |e - e(sqrt(abar_t) x0 + sqrt(1 - abar_t) e, t, c)|^2

Ho & Salimans, "Classifier-Free Diffusion Guidance" (NeurIPS workshop 2021), algorithm 1 (the class
is dropped with a fixed chance) and eq. 6:

    e~(z, c) = (1 + w) e(z, c) - w e(z)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from faultsyn.synth.gaussian_diffusion.network import NO_CLASS, ClassUNet
from faultsyn.synth.gaussian_diffusion.sampling import Predict
from faultsyn.synth.gaussian_diffusion.schedule import Schedule

Noise = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(noisy (n, C, T), step (n,), class (n,)) -> noise (n, C, T)`."""


def noise_predictor(network: ClassUNet, schedule: Schedule) -> Noise:
    """A network as a function of the step: it is told ln sqrt((1 - abar) / abar)."""
    log_sigma = 0.5 * ((1 - schedule.abar) / schedule.abar).log()

    def predict(noisy: Tensor, step: Tensor, place: Tensor) -> Tensor:
        made: Tensor = network(noisy, log_sigma[step].to(noisy), place)
        return made

    return predict


def simple_loss(
    predict: Noise,
    schedule: Schedule,
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
    noisy = schedule.noised(clean, step, noise)
    return (predict(noisy, step, told) - noise).square().mean()


def guided(predict: Noise, schedule: Schedule, place: int, weight: float, limit: Tensor) -> Predict:
    """The clean windows of a class, for a sampler.

    - `weight`: w; 0: the conditional model, which alone is then called.
    - `limit`: largest absolute value of a clean window, `(C, 1)`.
    """

    def clean(noisy: Tensor, step: Tensor) -> Tensor:
        of_class = torch.full((len(noisy),), place, device=noisy.device)
        noise = predict(noisy, step, of_class)
        if weight:
            anything = predict(noisy, step, torch.full_like(of_class, NO_CLASS))
            noise = (1 + weight) * noise - weight * anything
        return schedule.clean_of(noisy, step, noise).clamp(-limit, limit)

    return clean
