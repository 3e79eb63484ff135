"""The evidence lower bound of a variational autoencoder, window by window.

Kingma & Welling, "Auto-Encoding Variational Bayes" (ICLR 2014), eq. 3, 10 and appendix B, for a
Gaussian posterior q(z|x) = N(m, diag exp v), a standard normal prior and a Gaussian decoder:

    log p(x) >= E_q log N(x; made(z), s^2) - KL(q(z|x) || N(0, 1))
    KL = 1/2 sum_j (exp v_j + m_j^2 - 1 - v_j)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SMALLEST = 1e-4  # variance of a channel that is made perfectly, in squared units of its deviation


def drawn(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """z = m + exp(v / 2) e, e ~ N(0, 1)."""
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of N(m, diag exp v) from N(0, 1), `(n, latent)` twice -> `(n,)`, in nats."""
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1)


def channel_variance(x: Tensor, made: Tensor) -> Tensor:
    """The likeliest s^2 of each channel for a batch, `(C,)`: its mean squared error.

    Rybkin, Daniilidis & Levine, "Simple and Effective VAE Training with Calibrated Decoders" (ICML
    2021), eq. 8. A fixed s would set by hand how much of a window is noise.
    """
    return (x - made).square().mean(dim=(0, 2)) + _SMALLEST


def surprise(x: Tensor, made: Tensor, variance: Tensor) -> Tensor:
    """-log N(x; made, s^2) of windows `(n, C, T)`, `(n,)`, in nats; `variance` `(C,)`."""
    scaled = (x - made).square() / variance[:, None]
    return 0.5 * (scaled + variance[:, None].log() + math.log(2 * math.pi)).sum(dim=(1, 2))
