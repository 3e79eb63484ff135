"""What the generators that train one network on all classes share: scaling, classes, tables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.synth.convolutional.collapse import Finding, Yardstick
from faultsyn.synth.scaling import BEND, ChannelScaler, Scaler, SpectrumScaler, WhiteningScaler
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import Column, FloatArray, WindowSet, concat

Scaling = Literal["normal", "whiten", "class", "spectrum"]
"""What the channels are standardised on; see `ConditionalGenerator`."""

_MOST_NORMALS = 4096  # so many are drawn from more, which may not fit into memory
_KEPT = 256
"""Normal windows that are kept for adaptation, evenly spread."""
_JUDGED = 24
"""Windows of each mode that are looked at for collapse and copies."""


@dataclass(kw_only=True, eq=False, repr=False)
class ConditionalGenerator(ShotGenerator):
    """A network trained on the shots of all classes at once, told the class of each.

    Where shots of a class stem from different bearings, whose fault frequencies differ, the network
    is told the bearing too: `modes_` are the pairs of class and bearing ("" where there is none).

    - `scaling`: "normal": channels standardised on the normal windows, large excursions
      compressed, so that a class is a change from normal (process and hydraulic signals);
      "whiten": on the shots of each mode, after the covariance of normal channels was taken out
      (process signals, of which few say what the level of a class is); "class":
      on the shots of each mode, not compressed, so that what the network learns is waveforms
      (vibration); "spectrum": whitened by the mean spectrum of the shots of each mode, for
      stationary signals whose resonances a fixed filter can give back.
    - `batch`: windows in a gradient step; `learning_rate`: of Adam.

    A subclass, a dataclass too, says how it learns (`_learn`, and `_learn_normal` where it
    pretrains) and generates (`_generate`) scaled windows, and how its weights are kept (`_weights`,
    `_put`). Whatever it generates belongs to a mode, not to an operating state. With scaling
    "normal" `adapt` raises `InputError` where `pretrain` was not called.
    """

    scaling: Scaling = "normal"
    batch: int = 16
    learning_rate: float = 1e-3

    normal_scaler_: Scaler = field(init=False)
    scalers_: tuple[Scaler, ...] = field(init=False)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        known = get_args(Scaling)
        self._require(self.scaling in known, "scaling", " or ".join(known))
        self._require_whole("batch")
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")

    def _require_samples(self, windows: WindowSet, least: int) -> None:
        if windows.n_samples < least:
            raise InputError(
                f"{self.name}: needs windows of at least {least} samples, got "
                f"{windows.n_samples} samples"
            )

    @property
    def _bend(self) -> float | None:
        return BEND if self.scaling == "normal" else None

    def _fitted(self, x: FloatArray) -> Scaler:
        if self.scaling == "spectrum":
            return SpectrumScaler.fit(x)
        if self.scaling == "whiten":
            return WhiteningScaler.fit(x)
        return ChannelScaler.fit(x, self._bend)

    def _scaled_to(self, x: FloatArray) -> Scaler:
        """The normals' scaler, moved to windows of a mode where that is wanted."""
        normal = self.normal_scaler_
        return normal.of_class(x) if isinstance(normal, WhiteningScaler) else normal

    def _restored(self, arrays: Mapping[str, NDArray[Any]], prefix: str) -> Scaler:
        if self.scaling == "spectrum":
            return SpectrumScaler.restore(arrays, prefix)
        if self.scaling == "whiten":
            return WhiteningScaler.restore(arrays, prefix)
        return ChannelScaler.restore(arrays, prefix, self._bend)

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        self.normal_scaler_ = self._fitted(normal.x)
        rows = np.arange(len(normal))
        if len(rows) > _MOST_NORMALS:
            rows = np.sort(rng.choice(rows, _MOST_NORMALS, replace=False))
        self._learn_normal(normal.take(rows), rng)

    @property
    def modes_(self) -> tuple[tuple[str, str], ...]:
        """The pairs of class and bearing among the shots, in order of appearance."""
        return tuple(dict.fromkeys(self._mode_of_shots()))

    def _mode_of_shots(self) -> list[tuple[str, str]]:
        labels = self.shots_.labels.tolist()
        bearings = self.shots_.table.get("bearing", np.full(len(labels), "")).tolist()
        return [(str(label), str(bearing)) for label, bearing in zip(labels, bearings, strict=True)]

    def _places(self) -> NDArray[np.intp]:
        """Place in `modes_` of each shot."""
        modes = self.modes_
        return np.array([modes.index(mode) for mode in self._mode_of_shots()])

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        super()._adapt(shots, rng)
        places = self._places()
        modes = range(len(self.modes_))
        if self.scaling in ("class", "spectrum"):
            self.scalers_ = tuple(self._fitted(shots.x[places == place]) for place in modes)
        elif hasattr(self, "normal_scaler_"):
            of_mode = (shots.x[places == place] for place in modes)
            self.scalers_ = tuple(self._scaled_to(x) for x in of_mode)
        else:
            raise InputError(
                f"{self.name}: call pretrain(normal windows) before adapt",
                "or set scaling: class, which standardises on the shots",
            )
        scaled = np.empty_like(shots.x)
        for place, scaler in enumerate(self.scalers_):
            scaled[places == place] = scaler.apply(shots.x[places == place])
        self._learn(scaled, places, rng)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        places = self._places()
        # As many of each bearing as there are among the shots.
        drawn = places[self._draw(max(n, 1), rng, label)]
        made = []
        for place in np.unique(drawn).tolist():
            rows = np.flatnonzero(places == place)
            count = min(n, int((drawn == place).sum()))
            x = np.empty((0, *self.shape_), np.float32)
            columns: dict[str, Column] = {}
            if count:
                scaled, columns = self._generated(count, place, rows, rng)
                x = self.scalers_[place].undo(scaled)
            made.append(self._made_alike(x, rows).with_columns(**columns))
        return concat(made)

    def _generated(
        self, n: int, place: int, rows: NDArray[np.intp], rng: np.random.Generator
    ) -> tuple[FloatArray, dict[str, Column]]:
        """`n` > 0 scaled windows of a mode, and columns that the network was told.

        - `rows`: shots of the mode.
        """
        return self._generate(n, place, rng), {}

    def _scaled(self, place: int) -> FloatArray:
        """The shots of the mode at `place`, scaled."""
        return self.scalers_[place].apply(self.shots_.x[self._places() == place])

    def _keep_normals(self, normal: WindowSet) -> None:
        """Normal windows become the network's first class, before the modes."""
        kept = np.linspace(0, len(normal) - 1, min(len(normal), _KEPT)).round().astype(int)
        self.normal_ = normal.take(kept)

    @property
    def _first_fault(self) -> int:
        """Place of the first mode among the network's classes."""
        return int(hasattr(self, "normal_"))

    def _with_normals(
        self, x: FloatArray, places: NDArray[np.intp]
    ) -> tuple[FloatArray, NDArray[np.intp]]:
        """Scaled shots and their modes, after the normals that were kept; as network classes."""
        if not self._first_fault:
            return x, places
        normal = self.normal_scaler_.apply(self.normal_.x)
        return (
            np.concatenate([normal, x]),
            np.concatenate([np.zeros(len(normal), np.intp), places + 1]),
        )

    def _judge(self) -> None:
        """Say in `warnings_` which modes collapsed or are copied from their shots."""
        rng = np.random.default_rng(0)
        kept = self.normal_scaler_.apply(self.normal_.x) if self._first_fault else None
        self.warnings_ = self._troubles(
            Yardstick(self._scaled(place), kept).judge(self._generate(_JUDGED, place, rng))
            for place in range(len(self.modes_))
        )

    def _troubles(self, found: Iterable[Finding]) -> tuple[str, ...]:
        """What is wrong with each mode, in a sentence."""
        return tuple(
            f"{label}{f' ({bearing})' if bearing else ''}: {finding.trouble()}"
            for (label, bearing), finding in zip(self.modes_, found, strict=True)
            if finding.trouble()
        )

    def _learn_normal(self, normal: WindowSet, rng: np.random.Generator) -> None:
        """Learn from normal windows in their own units, at most 4096; most do not."""

    @abstractmethod
    def _learn(self, x: FloatArray, places: NDArray[np.intp], rng: np.random.Generator) -> None:
        """Train on scaled shots `(n, C, T)` of the modes at `places` `(n,)`."""

    @abstractmethod
    def _generate(self, n: int, place: int, rng: np.random.Generator) -> FloatArray:
        """`n` > 0 scaled windows of a mode."""

    @abstractmethod
    def _weights(self) -> dict[str, NDArray[Any]]:
        """What the network has learnt, for `_put`."""

    @abstractmethod
    def _put(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Rebuild the network from what `_weights` gave."""

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = super()._state()
        if hasattr(self, "normal_scaler_"):
            arrays |= self.normal_scaler_.state("scaler.normal.")
        for place, scaler in enumerate(getattr(self, "scalers_", ())):
            arrays |= scaler.state(f"scaler.{place}.")
        return arrays | self._weights(), info

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        super()._restore(arrays, info)
        if "scaler.normal.mean" in arrays:
            self.normal_scaler_ = self._restored(arrays, "scaler.normal.")
        if hasattr(self, "classes_"):
            self.scalers_ = tuple(
                self._restored(arrays, f"scaler.{place}.") for place in range(len(self.modes_))
            )
        self._put(arrays)
