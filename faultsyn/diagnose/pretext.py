"""A pretext task for windows of one class: tell which transformation was applied."""

from __future__ import annotations

import torch
from torch import Tensor

N_KINDS = 5
"""As it is, reversed in time, negated, quarters in another order, with noise."""

_ORDERS = ((1, 3, 0, 2), (2, 0, 3, 1), (3, 1, 2, 0), (0, 2, 1, 3), (3, 2, 1, 0))


def transformed(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One of five transformations of each scaled window, and which it was (Saeed et al. 2019).

    To tell them apart an encoder must know what direction, sign, order and roughness a healthy
    signal has, without any fault label.

    - `x`: `(n, channels, length)` in deviations.

    Returns the transformed windows and their kinds `(n,)`, 0 to 4.
    """
    kinds = torch.randint(N_KINDS, (len(x),), generator=generator)
    out = x.clone()
    out[kinds == 1] = out[kinds == 1].flip(2)
    out[kinds == 2] *= -1
    quarters = out[kinds == 3].tensor_split(4, dim=2)
    order = _ORDERS[int(torch.randint(len(_ORDERS), (1,), generator=generator))]
    out[kinds == 3] = torch.cat([quarters[i] for i in order], dim=2)
    noisy = out[kinds == 4]
    out[kinds == 4] = noisy + torch.randn(noisy.shape, generator=generator)
    return out, kinds
