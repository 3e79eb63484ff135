"""MiniRocket and a ridge classifier (Dempster, Schmidt, Webb, KDD 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from faultsyn.diagnose.base import Consumes, FewShotClassifier
from faultsyn.diagnose.linear import ClassWeight, RidgeHead
from faultsyn.diagnose.scaling import ChannelScaler
from faultsyn.errors import InputError
from faultsyn.windows import FloatArray, WindowSet

_SHORTEST = 9  # samples; the length of every kernel
_ALPHAS = np.logspace(-3, 3, 10)
_PARAMETERS = ("n_channels_per_combination", "channel_indices", "dilations", "n_features", "biases")


class MiniRocket(FewShotClassifier):
    """Shares of positive values after thousands of fixed convolutions, then ridge.

    aeon computes the transform (extra `rocket`). Channels are scaled first, so that none drowns
    the others where kernels sum over several. Each feature is divided by its deviation over the
    support, as aeon's own classifier does.

    - `n_kernels`: features made, rounded down to a multiple of 84.
    - `class_weight`: "balanced" weighs every class the same in total, None every window.

    Raises `InputError` on windows shorter than 9 samples, or when aeon is not installed.
    """

    name: ClassVar[str] = "minirocket"
    consumes: ClassVar[Consumes] = "windows"

    base_scaler_: ChannelScaler | None = None

    def __init__(self, n_kernels: int = 10_000, class_weight: ClassWeight = None) -> None:
        self.n_kernels = n_kernels
        self.class_weight = class_weight

    def check_config(self) -> None:
        """Raise `InputError` on a number of kernels or a weighting that makes no sense."""
        self._require(self.n_kernels >= 84, "n_kernels", "an integer >= 84")
        self._require(self.class_weight in (None, "balanced"), "class_weight", "'balanced' or null")

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        self.base_scaler_ = ChannelScaler.fit(base)

    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None:
        if support.n_samples < _SHORTEST:
            raise InputError(
                f"{self.name}: needs windows of at least {_SHORTEST} samples, "
                f"got {support.n_samples}"
            )
        self.scaler_ = self.base_scaler_ or ChannelScaler.fit(support)
        self.rocket_ = _rocket(self.n_kernels, int(rng.integers(2**31)))
        scaled = self.scaler_.apply(support.x)
        with _global_state_kept():
            self.rocket_.fit(scaled)
        made = self._features(scaled)
        deviation = made.std(axis=0)
        self.deviation_ = np.where(deviation > 0, deviation, 1.0)
        self.head_ = RidgeHead.fit(
            made / self.deviation_, self._codes(support), _ALPHAS, self.class_weight
        )

    def _features(self, scaled: FloatArray) -> FloatArray:
        with _global_state_kept():
            return np.asarray(self.rocket_.transform(scaled), np.float32)

    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        made = self._features(self.scaler_.apply(query.x))
        return self.head_.proba(made / self.deviation_)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        parameters = zip(_PARAMETERS, self.rocket_.parameters, strict=True)
        arrays = {f"rocket.{name}": np.asarray(value) for name, value in parameters}
        arrays |= {"deviation": self.deviation_, **self.scaler_.state(), **self.head_.state()}
        return arrays, {"scaled_by_base": self.base_scaler_ is not None}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.scaler_ = ChannelScaler.restore(arrays)
        self.base_scaler_ = self.scaler_ if info["scaled_by_base"] else None
        self.deviation_, self.head_ = arrays["deviation"], RidgeHead.restore(arrays)
        self.rocket_ = _rocket(self.n_kernels, seed=0)
        self.rocket_.parameters = tuple(arrays[f"rocket.{name}"] for name in _PARAMETERS)
        self.rocket_.is_fitted = True
        self.rocket_._n_jobs = 1


@contextmanager
def _global_state_kept() -> Iterator[None]:
    """aeon seeds numpy's global generator, and its compiled code resets torch's thread count."""
    state, threads = np.random.get_state(), torch.get_num_threads()  # noqa: NPY002  aeon seeds it
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002  aeon seeds it
        torch.set_num_threads(threads)


def _rocket(n_kernels: int, seed: int) -> Any:
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket as Transform
    except ImportError:
        raise InputError(
            "minirocket: needs the package aeon", "pip install 'faultsyn[rocket]'"
        ) from None
    return Transform(n_kernels, random_state=seed, n_jobs=1)
