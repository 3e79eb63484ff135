"""The seasonal part of a decoder block: its strongest frequencies.

Yuan & Qiao, "Diffusion-TS" (ICLR 2024), section 3.2: of the Fourier transform F of the hidden
states over time, the K lines of largest amplitude are kept and turned back into waves,

    S = sum_k A_k [cos(2 pi f_k T c + phi_k) + conjugate],   K lines of largest A = |F|
"""

from __future__ import annotations

import torch
from torch import Tensor


def seasonal(hidden: Tensor, lines: int) -> Tensor:
    """The `lines` strongest frequencies of each feature over time, `(n, T, width)` -> the same.

    The line at zero is left to the trend. Half precision is widened: few lengths have a transform
    there.
    """
    if hidden.dtype in (torch.float16, torch.bfloat16):
        hidden = hidden.float()
    spectrum = torch.fft.rfft(hidden, dim=1)[:, 1:]
    kept = spectrum.abs().topk(lines, dim=1).indices
    strongest = torch.zeros_like(spectrum).scatter(1, kept, spectrum.gather(1, kept))
    with_zero = torch.cat([torch.zeros_like(spectrum[:, :1]), strongest], dim=1)
    waves: Tensor = torch.fft.irfft(with_zero, n=hidden.shape[1], dim=1)
    return waves
