"""What an attack looks at: the waveform as it is, or its spectrum, where a shift hides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.privacy.membership import Rows
from faultsyn.signal.spectrum import log_spectrum
from faultsyn.signal.whitening import Affine, standardiser
from faultsyn.windows import WindowSet

ViewName = Literal["waveform", "spectrum", "features"]
"""Samples in spreads of their channel; mean, spread and log-spectrum of each channel; rows of a
generator that makes features."""

_MOST_BANDS = 64


@dataclass
class AttackView:
    """Windows as rows `(n, d)` of unit spread, by what is known of reference windows."""

    name: ViewName

    scale_: Affine | None = None

    def fit(self, reference: WindowSet) -> Self:
        """Learn the spreads; raises `InputError` on an unknown view or no windows."""
        if self.name not in get_args(ViewName):
            raise InputError(f"unknown view '{self.name}', expected one of {get_args(ViewName)}")
        if len(reference) < 2:
            raise InputError(f"view '{self.name}': expected at least two reference windows")
        if self.name == "waveform":
            self.scale_ = standardiser(
                np.moveaxis(reference.x, 1, -1).reshape(-1, reference.x.shape[1])
            )
        else:
            self.scale_ = standardiser(self._raw(reference))
        return self

    def __call__(self, windows: WindowSet) -> Rows:
        """The windows as an attack sees them."""
        if self.scale_ is None:
            raise InputError(f"view '{self.name}': call fit before looking at windows")
        if self.name == "waveform":
            scaled = self.scale_(np.moveaxis(windows.x, 1, -1)).reshape(len(windows), -1)
            # Distances in spreads, whatever the number of samples.
            x = np.asarray(scaled, np.float64) / np.sqrt(scaled.shape[1])
        else:
            x = np.asarray(self.scale_(self._raw(windows)), np.float64)
        return Rows(x, windows.labels.astype(str))

    def _raw(self, windows: WindowSet) -> NDArray[np.float64]:
        if self.name == "features":
            return windows.rows.astype(np.float64)
        bands = max(1, min(_MOST_BANDS, windows.n_samples // 2))
        lines = log_spectrum(windows.x, bands).reshape(len(windows), -1)
        mean, spread = windows.x.mean(axis=-1), np.log(windows.x.std(axis=-1) + 1e-12)
        raw: NDArray[np.float64] = np.concatenate([mean, spread, lines], axis=1).astype(np.float64)
        return raw
