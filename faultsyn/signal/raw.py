"""Windows as they are, for methods that learn their own features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def flatten(x: NDArray[Any]) -> NDArray[np.float32]:
    """Windows `(n, n_channels, n_samples)` as rows `(n, n_channels * n_samples)`."""
    return np.asarray(x, np.float32).reshape(len(x), x.shape[1] * x.shape[2])


def flat_names(channels: Sequence[str], n_samples: int) -> tuple[str, ...]:
    """Names of `flatten`'s columns."""
    return tuple(f"{channel}[{i}]" for channel in channels for i in range(n_samples))
