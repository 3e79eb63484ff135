"""The contract of every generator."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import Artifact, load_artifact, save_artifact
from faultsyn.errors import InputError
from faultsyn.windows import NORMAL, WindowSet

Space = Literal["signal", "features"]

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and how it goes."""


class Generator(ABC):
    """Learns what healthy looks like, learns from K shots how faults differ, makes new windows.

    `pretrain(normal)`, `adapt(shots)`, `sample(n, rng, label=...)`. A subclass's `__init__` only
    stores its arguments under their own names; what is learned ends in `_`; the public methods
    here check, then call `_pretrain`, `_adapt`, `_sample`. One with many settings, or with settings
    that its own subclasses share, is a `dataclass(kw_only=True, eq=False, repr=False)`, whose
    fields are the settings and, with `field(init=False)`, what is learned.

    - `name`: the registered name.
    - `spaces`: where it can work: windows in signal space, feature rows, or both. An instance
      works in `self.space`.
    - `needs`: columns that the shots must carry ("rpm", "bearing", ...).
    - `needs_normal`: whether `adapt` requires a `pretrain` on normal windows before.
    - `costly`: whether `pretrain` is worth sharing: a study then does it once a fold, for all K and
      seeds, and saves it.

    Arguments are checked by `check_config`, which `pretrain` and `adapt` call first.

    Set by the caller on an instance, never part of its configuration, and free to be ignored:

    - `progress`: a generator that trains calls it now and then.
    - `checkpoint`: a folder for the state of a training run. A generator that trains keeps the
      run of each step in a folder of its own below it (`checkpoint / "pretrain"`, `checkpoint /
      "adapt"`) and goes on from there. Whoever set it removes it when the step is done.

    Kept by `save` and `load` beside what is learned, in plain JSON types:

    - `curves_`: by step ("pretrain", "adapt"), the training curve (`History.as_json()` of
      `faultsyn.neural`), or one for each class or part by name; a generator that trains adds its
      own.
    - `warnings_`: what whoever uses the windows must know, in a sentence each.
    - `provenance_`: by step, what it was trained on and how; whoever calls the step sets it.
    - `privacy_`: by step, what is claimed of differential privacy (`faultsyn.privacy.budget`);
      empty where nothing is.
    """

    name: ClassVar[str]
    spaces: ClassVar[frozenset[str]] = frozenset({"signal"})
    needs: ClassVar[frozenset[str]] = frozenset()
    needs_normal: ClassVar[bool] = False
    costly: ClassVar[bool] = False
    space: Space = "signal"
    progress: Progress | None = None
    checkpoint: Path | None = None

    curves_: Mapping[str, Any] = MappingProxyType({})
    warnings_: tuple[str, ...] = ()
    provenance_: Mapping[str, Any] = MappingProxyType({})
    privacy_: Mapping[str, Any] = MappingProxyType({})
    shape_: tuple[int, int]
    channels_: tuple[str, ...]
    rate_: float
    classes_: tuple[str, ...]

    def config(self) -> dict[str, Any]:
        """The arguments that rebuild this generator (untrained), in plain JSON types."""
        names = inspect.signature(type(self)).parameters
        return {name: _plain(getattr(self, name)) for name in names}

    @classmethod
    def repeatable(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` for what releases nothing and must be repeatable: a study, an audit.

        Most return it as it is; private generators, whose noise else comes from the operating
        system, take it from the seed unless `config` says whence.
        """
        return dict(config)

    def check_config(self) -> None:
        """Raise `InputError` when an argument makes no sense.

        A subclass with arguments of its own extends it.
        """
        if self.space not in self.spaces:
            raise InputError(
                f"{self.name}: expected space in {sorted(self.spaces)}, got '{self.space}'"
            )

    def pretrain(self, normal: WindowSet, rng: np.random.Generator) -> Self:
        """Learn from normal windows; generators that need none only remember their shape.

        Raises `InputError` on no windows, on NaN or infinity, or on labels other than normal.
        """
        self.check_config()
        if len(normal) == 0:
            raise InputError(f"{self.name}: pretrain needs normal windows, got none")
        others = sorted(set(normal.labels.tolist()) - {NORMAL})
        if others:
            raise InputError(f"{self.name}: pretrain takes normal windows only, got {others}")
        self._check(normal, "pretrain", first=True)
        self._pretrain(normal, rng)
        return self

    def adapt(self, shots: WindowSet, rng: np.random.Generator) -> Self:
        """Learn the fault classes in `shots` (column `label`), K windows each.

        Raises `InputError` on no shots, synthetic shots, NaN or infinity, a shape, rate or channel
        list that differs from pretraining, a missing column, or a missing `pretrain`.
        """
        self.check_config()
        if self.needs_normal and not hasattr(self, "shape_"):
            raise InputError(f"{self.name}: call pretrain(normal windows) before adapt")
        if len(shots) == 0:
            raise InputError(f"{self.name}: adapt needs at least one shot, got none")
        if shots.synthetic.any():
            raise InputError(f"{self.name}: adapt takes real shots, got synthetic ones")
        missing = sorted(self.needs - set(shots.table))
        if missing:
            raise InputError(f"{self.name}: shots lack the columns {missing}")
        self._check(shots, "adapt", first=not hasattr(self, "shape_"))
        self.classes_ = tuple(dict.fromkeys(str(label) for label in shots.labels))
        self._adapt(shots, rng)
        return self

    def sample(self, n: int, rng: np.random.Generator, *, label: str | None = None) -> WindowSet:
        """`n` new windows of class `label` (may be left out when there is one class).

        Equal `rng` states give equal windows. The table holds `label`, `synthetic` = True and
        whatever of the source's conditions (rpm, load, ...) still holds; `source` is the row of
        the shot it was made from (-1: none); `recording` and `asset` are empty. Raises
        `InputError` before `adapt` or on an unknown label.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self.name}: call adapt(shots) before sample")
        if n < 0:
            raise InputError(f"{self.name}: cannot sample {n} windows")
        if label is None:
            if len(self.classes_) != 1:
                raise InputError(f"{self.name}: say which class; adapted to {self.classes_}")
            label = self.classes_[0]
        if label not in self.classes_:
            raise InputError(f"{self.name}: unknown class '{label}'; adapted to {self.classes_}")
        made = self._sample(n, rng, label)
        table = {k: v for k, v in made.table.items() if k not in ("recording", "asset", "session")}
        made = WindowSet(made.x, table, made.rate, made.channels, made.units)
        return made.with_columns(label=label, synthetic=True, recording="", asset="")

    def save(self, path: str | Path) -> Path:
        """Write config and state as safetensors + JSON (see `faultsyn.artifact`).

        Raises `InputError` before `adapt` (or `pretrain`, for generators that learn there).
        """
        if not hasattr(self, "shape_"):
            raise InputError(f"{self.name}: nothing learnt yet; call adapt(shots) before save")
        arrays, info = self._state()
        info = {
            **info,
            "classes": list(getattr(self, "classes_", ())),
            "shape": list(self.shape_),
            "channels": list(self.channels_),
            "rate": None if np.isnan(self.rate_) else self.rate_,
            "curves": dict(self.curves_),
            "warnings": list(self.warnings_),
            "provenance": dict(self.provenance_),
            "privacy": dict(self.privacy_),
        }
        return save_artifact(path, Artifact("generator", self.name, self.config(), info, arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read back what `save` wrote; refuses an artefact of another generator."""
        artifact = load_artifact(path, "generator")
        if artifact.name != cls.name:
            raise InputError(f"{path}: expected generator '{cls.name}', got '{artifact.name}'")
        made = cls(**artifact.config)
        made.shape_ = (artifact.info["shape"][0], artifact.info["shape"][1])
        made.channels_ = tuple(artifact.info["channels"])
        rate = artifact.info["rate"]
        made.rate_ = float("nan") if rate is None else float(rate)
        if artifact.info["classes"]:
            made.classes_ = tuple(artifact.info["classes"])
        made.curves_ = artifact.info.get("curves", {})
        made.warnings_ = tuple(artifact.info.get("warnings", ()))
        made.provenance_ = artifact.info.get("provenance", {})
        made.privacy_ = artifact.info.get("privacy", {})
        made._restore(artifact.arrays, artifact.info)
        return made

    def _require(self, good: bool, setting: str, expected: str) -> None:
        """Raise `InputError` that quotes a setting which is not `good`."""
        if not good:
            got = getattr(self, setting)
            raise InputError(f"{self.name}: expected {setting} {expected}, got {got!r}")

    def _require_whole(self, *settings: str, least: int = 1) -> None:
        for setting in settings:
            self._require(getattr(self, setting) >= least, setting, f"an integer >= {least}")

    def _folder(self, run: str) -> Path | None:
        """Where the checkpoint of a training run goes, None for nowhere."""
        return None if self.checkpoint is None else self.checkpoint / run

    def _check(self, windows: WindowSet, step: str, *, first: bool) -> None:
        windows.require_finite(f"{self.name}.{step}")
        if np.isnan(windows.rate) != (self.space == "features"):
            got = "feature rows" if np.isnan(windows.rate) else f"windows at {windows.rate} Hz"
            raise InputError(
                f"{self.name}.{step}: works in the {self.space} space, got {got}",
                f"this generator knows the spaces {sorted(self.spaces)}",
            )
        shape = (windows.x.shape[1], windows.x.shape[2])
        if first:
            self.shape_, self.channels_, self.rate_ = shape, windows.channels, windows.rate
            return
        windows.require_like(f"{self.name}.{step}", self.shape_, self.channels_, self.rate_)

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        """Most simple generators learn nothing here."""

    @abstractmethod
    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet: ...

    @abstractmethod
    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays (numeric) and JSON-able info that `_restore` needs."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None: ...


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (tuple, list)) else value
