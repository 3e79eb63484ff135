"""From windows to the rows a classifier sees; whatever is learnt comes from training groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.signal.features import feature
from faultsyn.signal.whitening import Affine, residual, standardiser, whitener
from faultsyn.windows import WindowSet

ChannelScaling = Literal["none", "zscore", "whiten"]
RowScaling = Literal["none", "standardise", "residual"]

_BLOCK = 32 << 20
"""Bytes of windows that features are extracted from at once."""


@dataclass
class Representation:
    """Scales channels, extracts features, scales rows.

    - `features`: a name of `FEATURES`; `params` its parameters.
    - `channels`: "zscore" or "whiten" the channels by the normal windows' samples, or "none".
    - `rows`: "standardise" by the training rows, "residual": the principal components of the normal
      rows but the `drop` leading ones, each to unit normal variance, or "none".

    `fit(normal, train)` then `transform(windows)` is the whole path. The steps can be called apart,
    so that features are extracted once and the rows of many shot draws scaled cheaply:
    `fit_channels(normal)`, `extract(windows)`, `fit_rows(normal_rows, train_rows)`,
    `row_transform(rows)`; with `channels` = "none", `extract` needs no fit at all. Raises
    `InputError` on an unknown name or parameter, or on a step before its fit.
    """

    features: str
    params: Mapping[str, Any] = field(default_factory=dict)
    channels: ChannelScaling = "none"
    rows: RowScaling = "standardise"
    drop: int = 0

    channel_map_: Affine | None = field(default=None, init=False, repr=False)
    row_map_: Affine | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        feature(self.features).check(self.params)
        for key, value, known in (
            ("channels", self.channels, get_args(ChannelScaling)),
            ("rows", self.rows, get_args(RowScaling)),
        ):
            if value not in known:
                raise InputError(f"representation: {key} = '{value}', expected one of {known}")
        if self.drop and self.rows != "residual":
            raise InputError(f"representation: drop = {self.drop} needs rows = 'residual'")

    def config(self) -> dict[str, Any]:
        """The arguments that rebuild this representation (not fitted)."""
        return {
            "features": self.features,
            "params": dict(self.params),
            "channels": self.channels,
            "rows": self.rows,
            "drop": self.drop,
        }

    def fit(self, normal: WindowSet | None, train: WindowSet) -> Self:
        """Learn from training groups: `normal` windows (None where nothing needs them), `train`.

        `train` is what rows are standardised on: the real training windows, normals included,
        before any synthesis.
        """
        normal_rows = None
        if self.channels != "none":
            self.fit_channels(_some(normal, f"channels = '{self.channels}'"))
        if self.rows == "residual":
            normal_rows = self.extract(_some(normal, "rows = 'residual'"))
        return self.fit_rows(normal_rows, self.extract(train))

    def transform(self, windows: WindowSet) -> WindowSet:
        """Windows `(n, n_channels, n_samples)` -> scaled feature rows `(n, 1, n_features)`."""
        return self.row_transform(self.extract(windows))

    def fit_channels(self, normal: WindowSet) -> Self:
        """Learn the channel scaling from normal windows of the training groups."""
        if self.channels != "none":
            normal.require_finite("representation: normal windows")
            samples = np.moveaxis(normal.x, 1, -1).reshape(-1, len(normal.channels))
            learn = standardiser if self.channels == "zscore" else whitener
            self.channel_map_ = learn(samples)
        return self

    def window_transform(self, windows: WindowSet) -> WindowSet:
        """Windows with their channels scaled; the table stays."""
        if self.channels == "none":
            return windows
        if self.channel_map_ is None:
            raise InputError("representation: call fit or fit_channels before transforming windows")
        scaled = np.moveaxis(self.channel_map_(np.moveaxis(windows.x, 1, -1)), -1, 1)
        return windows.with_x(np.ascontiguousarray(scaled))

    def extract(self, windows: WindowSet) -> WindowSet:
        """Unscaled feature rows `(n, 1, n_features)` of windows with scaled channels.

        A bounded number of windows is worked on at a time, so that they may come from a memory map
        that is larger than memory.
        """
        step = max(1, _BLOCK // max(1, windows.x[:1].nbytes))
        parts = [
            feature(self.features)(
                self.window_transform(windows.take(slice(first, first + step))), **self.params
            )
            for first in range(0, max(len(windows), 1), step)
        ]
        return windows.as_features(parts[0] if len(parts) == 1 else np.concatenate(parts))

    def fit_rows(self, normal_rows: WindowSet | None, train_rows: WindowSet) -> Self:
        """Learn the row scaling from what `extract` made of training windows."""
        if self.rows == "standardise":
            self.row_map_ = standardiser(train_rows.rows)
        elif self.rows == "residual":
            self.row_map_ = residual(_some(normal_rows, "rows = 'residual'").rows, self.drop)
        return self

    def row_transform(self, rows: WindowSet) -> WindowSet:
        """Scaled feature rows `(n, 1, n_scaled)`; the table stays."""
        if self.rows == "none":
            return rows
        if self.row_map_ is None:
            raise InputError("representation: call fit or fit_rows before transforming rows")
        return rows.as_features(self.row_map_(rows.rows))

    def names(self, windows: WindowSet) -> tuple[str, ...]:
        """Names of the features before the row scaling (residual components have none)."""
        return feature(self.features).names(windows, **self.params)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays (for safetensors) and JSON-able info, to be put back by `restore`."""
        arrays = {}
        for step, learnt in (("channels", self.channel_map_), ("rows", self.row_map_)):
            if learnt is not None:
                arrays[f"representation.{step}.mean"] = learnt.mean
                arrays[f"representation.{step}.matrix"] = learnt.matrix
        return arrays, {"representation": self.config()}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> Self:
        """Rebuild what `state` took apart."""
        made = cls(**info["representation"])
        maps = {
            step: Affine(
                np.asarray(arrays[f"representation.{step}.mean"], np.float64),
                np.asarray(arrays[f"representation.{step}.matrix"], np.float64),
            )
            for step in ("channels", "rows")
            if f"representation.{step}.mean" in arrays
        }
        made.channel_map_, made.row_map_ = maps.get("channels"), maps.get("rows")
        return made


def _some(windows: WindowSet | None, what: str) -> WindowSet:
    if windows is None or len(windows) == 0:
        raise InputError(f"representation: {what} needs normal windows, got none")
    return windows
