"""What most simple generators share: they keep their shots, and make new windows from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.synth.base import Generator
from faultsyn.windows import Column, FloatArray, WindowSet, pack, unpack

MEASUREMENT = frozenset(
    {"id", "recording", "asset", "session", "start", "start_sample", "start_time", "flags"}
    | {"source_file", "source_sha256"}
)
"""Columns that name one measurement: a generated window is none, and does not carry them."""

FAULT = frozenset({"label", "severity", "location", "position", "bearing"})
"""Standard columns that describe the fault, wherever it is put."""

OPERATING = frozenset({"rpm", "load"})
"""Standard columns that describe the operating state of the healthy signal."""


class ShotGenerator(Generator):
    """A generator whose state is its shots and, where `keeps_normal`, its normal windows."""

    keeps_normal: ClassVar[bool] = False

    shots_: WindowSet
    normal_: WindowSet

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        if self.keeps_normal:
            self.normal_ = normal

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        self.shots_ = shots

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays: dict[str, NDArray[Any]] = {}
        info: dict[str, Any] = {}
        for name in ("shots", "normal"):
            if hasattr(self, f"{name}_"):
                packed, info[name] = pack(getattr(self, f"{name}_"), name)
                arrays.update(packed)
        return arrays, info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        for name in ("shots", "normal"):
            if name in info:
                setattr(self, f"{name}_", unpack(arrays, info[name], name))

    def _rows(self, label: str) -> NDArray[np.intp]:
        """Rows of the shots of a class."""
        return np.flatnonzero(self.shots_.labels == label)

    def _draw(self, n: int, rng: np.random.Generator, label: str) -> NDArray[np.intp]:
        """Rows `(n,)` of shots of a class, each used equally often (to within one)."""
        rows = self._rows(label)
        rounds = -(-n // len(rows))
        order = rng.permuted(np.tile(rows, (rounds, 1)), axis=1)
        return np.asarray(order.ravel()[:n])

    def _made(
        self, x: NDArray[Any], source: NDArray[np.intp], hosts: WindowSet | None = None
    ) -> WindowSet:
        """Windows `x` made from the shots at rows `source`, put onto `hosts` if given."""
        table = conditions(self.shots_.take(source), hosts)
        table["source"] = source
        made: FloatArray = np.ascontiguousarray(x, np.float32)
        shots = self.shots_
        return WindowSet(made, table, shots.rate, shots.channels, shots.units)

    def _made_alike(self, x: NDArray[Any], rows: NDArray[np.intp]) -> WindowSet:
        """Windows `x` that a model of the shots at `rows` made, from no shot in particular.

        It generates what these have in common, not an operating state: a condition is carried over
        only where all of them agree, except the speed, of which their mean is.
        """
        table = {
            name: np.repeat(column[:1], len(x))
            for name, column in conditions(self.shots_.take(rows)).items()
            if (column == column[0]).all()
        }
        if "rpm" in self.shots_.table:
            table["rpm"] = np.full(len(x), self.shots_.column("rpm")[rows].mean())
        table["source"] = np.full(len(x), -1)
        made: FloatArray = np.ascontiguousarray(x, np.float32)
        shots = self.shots_
        return WindowSet(made, table, shots.rate, shots.channels, shots.units)


def conditions(shots: WindowSet, hosts: WindowSet | None = None) -> dict[str, Column]:
    """The columns of `shots` that still hold for windows made from them.

    Without hosts: all but those that name a measurement. When the fault was moved onto normal
    windows (`hosts`, one for each shot): the fault's columns from the shot, the operating state
    from the host, any other where both agree (elsewhere '' or NaN).
    """
    table = {k: v for k, v in shots.table.items() if k not in MEASUREMENT and k != "synthetic"}
    if hosts is None:
        return table
    for name, column in table.items():
        if name in FAULT or name not in hosts.table:
            continue
        host = hosts.table[name]
        if name in OPERATING:
            table[name] = host
        elif column.dtype.kind in "biuf":
            table[name] = np.where(column == host, column.astype(float), np.nan)
        else:
            table[name] = np.where(column.astype(str) == host.astype(str), column, "")
    return table
