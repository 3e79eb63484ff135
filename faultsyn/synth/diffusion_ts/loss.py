"""The denoising loss of Diffusion-TS: absolute errors in time and in frequency.

Yuan & Qiao, "Diffusion-TS" (ICLR 2024): the error of the predicted window and of its Fourier
transform, weighted by the noise level. The absolute errors and the separate real and imaginary
parts are what FaultDiffusion (arXiv 2511.15174) is reported to use. The transform is orthonormal
here, so that both terms are of the same size; the papers give no weight between them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def denoising_loss(made: Tensor, target: Tensor, weights: Tensor, fourier: float) -> Tensor:
    """Scalar loss of windows `made` `(n, C, T)` against `target`.

    - `weights`: of each window, `(n,)`.
    - `fourier`: weight of the error in frequency.
    """
    error = made - target
    loss = error.abs().mean(dim=(1, 2))
    if fourier:
        lines = torch.fft.rfft(error, dim=2, norm="ortho")
        loss = loss + fourier * (lines.real.abs() + lines.imag.abs()).mean(dim=(1, 2))
    return (weights.to(loss) * loss).mean()
