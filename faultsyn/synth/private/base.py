"""What the differentially private generators share: a budget, public scales, no shot kept.

They learn all classes at once from the shots, which are protected, and take for public: how many
units there are of each class, and the healthy windows, by which channels are scaled. Networks are
perceptrons on whole windows (or feature rows), since noise grows with the number of weights.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from faultsyn.privacy.accountant import Ledger
from faultsyn.privacy.budget import Budget, Unit, units_of
from faultsyn.synth.base import Generator, Space
from faultsyn.synth.scaling import ChannelScaler
from faultsyn.synth.shots import FAULT, conditions
from faultsyn.windows import FloatArray, WindowSet

if TYPE_CHECKING:
    import torch

    from faultsyn.synth.private.lessons import Protected
    from faultsyn.synth.private.networks import Maker

PUBLIC = "the healthy windows; how many units there are of each class; the names of the classes"
"""What the claims take for known to everybody."""


@dataclass(kw_only=True, eq=False, repr=False)
class PrivateGenerator(Generator):
    """A network that makes windows of every class, trained within a budget.

    - `epsilon`, `delta`, `unit`, `secret`: the budget (`faultsyn.privacy.budget.Budget`); `epsilon`
      null: no noise, no claim.
    - `latent`, `width`: of the maker and of the networks beside it.
    - `steps`, `batch`, `learning_rate`: of Adam; what a batch counts, each says.
    - `space`: "signal" or "features".

    A subclass is a dataclass too: its fields are its settings. It says how it learns (`_learn`).
    Generated windows carry what all healthy windows have in common (speed, bearing), nothing of the
    shots. `pretrain` is needed: the scales are those of the healthy windows.
    """

    spaces: ClassVar[frozenset[str]] = frozenset({"signal", "features"})
    needs_normal: ClassVar[bool] = True

    epsilon: float | None = 8.0
    delta: float = 1e-5
    unit: Unit = "window"
    secret: bool = True
    latent: int = 16
    width: int = 64
    steps: int = 500
    batch: int = 32
    learning_rate: float = 3e-3
    space: Space = "signal"

    scaler_: ChannelScaler = field(init=False)
    table_: dict[str, Any] = field(init=False)
    units_: tuple[str, ...] = field(init=False)
    maker_: Maker = field(init=False)

    @classmethod
    def repeatable(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` with noise from the seed, unless it says whence."""
        return {"secret": False, **config}

    @property
    def budget(self) -> Budget:
        """What may be spent on the shots."""
        return Budget(self.epsilon, self.delta, self.unit, self.secret)

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self.budget.check(self.name)
        self._require_whole("latent", "width", "batch")
        self._require_whole("steps", least=0)
        self._require(self.learning_rate > 0, "learning_rate", "a number > 0")

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        self.scaler_ = ChannelScaler.fit(self._by_channel(normal.x))
        self.table_ = _common(normal)
        self._learn_public(normal, rng)

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        import torch

        from faultsyn.neural import seeded, torch_generator
        from faultsyn.synth.private.lessons import Protected

        self.units_ = shots.units
        labels = shots.labels.tolist()
        places = np.array([self.classes_.index(str(label)) for label in labels])
        protected = Protected(
            torch.from_numpy(self._rows(shots)),
            torch.from_numpy(places),
            torch.from_numpy(units_of(shots, self.unit, self.name)),
        )
        generator = torch_generator(self.budget.rng(rng))
        self.maker_ = seeded(self._maker, generator)
        ledger, told = self._learn(protected, generator)
        claim = self.budget.claim(ledger, protected.units, PUBLIC, **told)
        self.privacy_ = {**self.privacy_, "adapt": claim} if claim else {}

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        import torch

        from faultsyn.neural import torch_generator

        generator = torch_generator(rng)
        place = torch.full((n,), self.classes_.index(label))
        with torch.inference_mode():
            rows = self.maker_(torch.randn(n, self.latent, generator=generator), place).numpy()
        x = self._by_channel(np.asarray(rows, np.float32).reshape(n, *self.shape_))
        x = self.scaler_.undo(x).reshape(n, *self.shape_)
        table = {name: np.full(n, value) for name, value in self.table_.items()}
        table |= {"label": np.full(n, label), "source": np.full(n, -1)}
        return WindowSet(x, table, self.rate_, self.channels_, self.units_)

    def _rows(self, windows: WindowSet) -> FloatArray:
        """Scaled windows as rows `(n, d)`."""
        x = self.scaler_.apply(self._by_channel(windows.x))
        return np.ascontiguousarray(x.reshape(len(windows), -1), np.float32)

    def _by_channel(self, x: FloatArray) -> FloatArray:
        """Windows as they are; of feature rows every column is a channel of its own."""
        return x if self.space == "signal" else np.moveaxis(x, 1, 2)

    def _maker(self) -> Maker:
        from faultsyn.synth.private.networks import Maker

        size = self.shape_[0] * self.shape_[1]
        return Maker(self.latent, len(self.classes_), self.width, size)

    def _learn_public(self, normal: WindowSet, rng: np.random.Generator) -> None:
        """Learn from healthy windows, which are public and may lie on disk; most do not."""

    @abstractmethod
    def _learn(
        self, protected: Protected, generator: torch.Generator
    ) -> tuple[Ledger, dict[str, Any]]:
        """Train `maker_` on the protected rows; what was spent, and what else to state."""

    def _public_state(self) -> dict[str, NDArray[Any]]:
        """What `_learn_public` left, for `_put_public`."""
        return {}

    def _put_public(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Read back what `_public_state` gave."""

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        from faultsyn.neural import to_arrays

        arrays = self.scaler_.state() | self._public_state()
        if hasattr(self, "maker_"):
            arrays |= to_arrays("maker.", self.maker_.state_dict())
        units = list(getattr(self, "units_", ()))
        return arrays, {"table": self.table_, "units": units}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        from faultsyn.neural import from_arrays

        self.scaler_ = ChannelScaler.restore(arrays)
        self.table_ = dict(info["table"])
        self._put_public(arrays)
        if hasattr(self, "classes_"):
            self.units_ = tuple(info["units"])
            self.maker_ = self._maker()
            self.maker_.load_state_dict(from_arrays("maker.", arrays))
            self.maker_.eval()


def _common(normal: WindowSet) -> dict[str, Any]:
    """What all healthy windows have in common, and their mean speed, in plain JSON types."""
    found = {}
    for name, column in conditions(normal).items():
        if (name in FAULT and name != "bearing") or not len(column):
            continue
        if name == "rpm":
            found[name] = float(np.mean(column))
        elif (column == column[0]).all():
            found[name] = column[0].item() if hasattr(column[0], "item") else column[0]
    return found
