"""What a sequence of noisy looks at the data spends: a ledger of Rényi differential privacy.

Mironov, "Rényi differential privacy" (CSF 2017): mechanisms compose by adding their curves
epsilon(alpha). Poisson-subsampled Gaussian noise, which DP-SGD adds: Mironov, Talwar and Zhang,
"Rényi differential privacy of the sampled Gaussian mechanism" (2019), section 3.3,

    epsilon(alpha) = log E_{z ~ N(0, sigma^2)} [((1 - q) + q e^{(2 z - 1) / (2 sigma^2)})^alpha]
                     / (alpha - 1)

computed by quadrature. From the curve to (epsilon, delta): Canonne, Kamath and Steinke, "The
discrete Gaussian for differential privacy" (NeurIPS 2020), proposition 12. Neighbours differ by one
unit that is there or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from faultsyn.errors import InputError

Floats = NDArray[np.float64]

ORDERS: Floats = np.concatenate(
    [
        [1.01, 1.02, 1.04, 1.07],
        1 + np.arange(1, 40) / 10.0,
        np.arange(5, 33),
        np.arange(34, 65, 3),
        [80.0, 128, 256, 512, 1024],
    ]
)
"""Orders alpha that the curve is kept at."""

_REACH = 10.0
_LEAST_NOISE, _LARGEST_NOISE = 0.1, 1e6


@dataclass(frozen=True)
class Ledger:
    """What has been spent so far, as epsilon at every order of `ORDERS`; starts at nothing."""

    curve: Floats = field(default_factory=lambda: np.zeros(len(ORDERS)))

    def gaussian(self, noise: float, times: int = 1) -> Self:
        """With `times` releases of sensitivity 1 under Gaussian noise of deviation `noise`."""
        _positive("noise", noise)
        return type(self)(self.curve + times * ORDERS / (2 * noise**2))

    def subsampled(self, noise: float, rate: float, steps: int) -> Self:
        """With `steps` sums over units drawn each with probability `rate`, clipped to 1."""
        _positive("noise", noise)
        if not 0 <= rate <= 1:
            raise InputError(f"ledger: expected a sampling rate from 0 to 1, got {rate}")
        if rate == 1:
            return self.gaussian(noise, steps)
        return type(self)(self.curve + steps * _sampled_gaussian(noise, rate))

    def epsilon(self, delta: float) -> float:
        """The smallest epsilon that the curve gives at `delta`."""
        if not 0 < delta < 1:
            raise InputError(f"ledger: expected delta between 0 and 1, got {delta}")
        if not self.curve.any():
            return 0.0
        over = ORDERS - 1
        found = self.curve + np.log1p(-1 / ORDERS) - (math.log(delta) + np.log(ORDERS)) / over
        return max(0.0, float(found.min()))


def noise_for(
    epsilon: float, delta: float, spend: Callable[[float], Ledger], what: str = "ledger"
) -> float:
    """The least noise with which `spend(noise)` stays within `(epsilon, delta)`, to a thousandth.

    Raises `InputError` when no noise up to a million does.
    """
    low, high = _LEAST_NOISE, 1.0
    while spend(high).epsilon(delta) > epsilon:
        low, high = high, 2 * high
        if high > _LARGEST_NOISE:
            raise InputError(f"{what}: no noise keeps epsilon = {epsilon} at delta = {delta}")
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        if spend(middle).epsilon(delta) > epsilon:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def _sampled_gaussian(noise: float, rate: float) -> Floats:
    """The curve of one step; kept, since the search for the noise asks again and again."""
    curve = np.empty(len(ORDERS))
    step = min(noise / 4, noise**2 / 2)
    for i, alpha in enumerate(ORDERS):
        # Bells between 0 and alpha: for such the rule is exact to rounding.
        z = np.arange(-_REACH * noise, alpha + _REACH * noise, step)
        ratio = np.logaddexp(np.log1p(-rate), np.log(rate) + (2 * z - 1) / (2 * noise**2))
        density = -(z**2) / (2 * noise**2) - math.log(noise * math.sqrt(2 * math.pi))
        moment = logsumexp(alpha * ratio + density) + math.log(step)
        curve[i] = max(0.0, moment) / (alpha - 1)
    curve.flags.writeable = False
    return curve


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"ledger: expected {name} > 0, got {value}")
