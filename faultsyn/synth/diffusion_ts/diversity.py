"""The diversity loss of FaultDiffusion, as it is printed and as it is meant.

Xu et al. (arXiv 2511.15174) add `lambda E ||s1 - s2||^2` over two predictions to the loss. Printed
so, with lambda > 0, a small loss means predictions that are alike: it shrinks the diversity that
the text wants to reward. Turned round it would be unbounded below. The bounded form is ours: it
asks the predictions to differ as much as the shots do, and no more.
"""

from __future__ import annotations

from torch import Tensor

_TINY = 1e-12


def printed(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared difference of two predictions at the same noise level, `(n, C, T)` each."""
    return (first - second).square().mean()


def bounded(first: Tensor, second: Tensor, shot: Tensor, other: Tensor) -> Tensor:
    """max(0, 1 - r): r the distance of two predictions over that of the shots they came from.

    Distances are root-mean-square over pairs, samples and channels; all tensors `(n, C, T)`. 0
    where the shots do not differ, as with a single one. At high noise the best single guess is the
    middle of all shots whatever the noise, and r falls far below 1 there: that is what it corrects.
    """
    real = (shot - other).square().mean()
    if float(real) == 0:
        return 0 * first.sum()
    ratio = ((first - second).square().mean() + _TINY).sqrt() / real.sqrt()
    return (1 - ratio).clamp(min=0)
