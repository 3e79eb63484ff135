"""The contract of every classifier."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import Artifact, load_artifact, save_artifact
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

_LEAST_PROBABILITY = 1e-12
Consumes = Literal["features", "windows"]


class FewShotClassifier(ABC):
    """Optionally learns from a base set, is fitted on a support set, gives class probabilities.

    `meta_fit(base, rng)`, `fit(support, rng)`, `predict_proba(query)`. A subclass's `__init__` only
    stores its arguments under their own names; what is learned ends in `_`; the public methods
    here check, then call `_meta_fit`, `_fit`, `_predict_proba`. Arguments are checked by
    `check_config`, which `meta_fit` and `fit` call first.

    - `name`: the registered name.
    - `consumes`: feature rows (`WindowSet.rows` of `(n, 1, n_features)`) or raw windows; a network
      takes either, as its encoder does, so only an instance can say.
    - `transductive`: True when the answer to one query depends on the other queries.
    - `costly`: True when `meta_fit` is worth sharing: what it learns does not know the support, can
      be saved before `fit`, and be fitted to any number of supports.
    """

    name: ClassVar[str]
    transductive: ClassVar[bool] = False
    costly: ClassVar[bool] = False

    classes_: tuple[str, ...]
    shape_: tuple[int, int]
    channels_: tuple[str, ...]
    rate_: float

    @property
    @abstractmethod
    def consumes(self) -> Consumes:
        """What `meta_fit`, `fit` and `predict_proba` are to be given."""

    @property
    def meta_fitted(self) -> bool:
        """Whether there is something of `meta_fit` that `save` can keep without a `fit`."""
        return False

    def config(self) -> dict[str, Any]:
        """The arguments that rebuild this classifier (untrained)."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def check_config(self) -> None:
        """Raise `InputError` when an argument makes no sense.

        A subclass with arguments of its own extends it.
        """

    def meta_fit(self, base: WindowSet, rng: np.random.Generator) -> Self:
        """Learn from what the information budget allows besides the shots.

        `base` holds labelled training windows: the normals alone, or other faults and machines
        too. Methods that cannot use it do nothing. Raises `InputError` on no windows, on NaN or
        infinity, or on another shape, rate or channel list than seen before.
        """
        self.check_config()
        if len(base) == 0:
            raise InputError(
                f"{self.name}: meta_fit got a base set without windows", "leave the call out"
            )
        self._check(base, "meta_fit")
        self._meta_fit(base, rng)
        return self

    def fit(self, support: WindowSet, rng: np.random.Generator) -> Self:
        """Fit on the support windows (real and, where marked so, synthetic) and their labels.

        Fitting again forgets the earlier support, not the base set. Raises `InputError` on fewer
        than two classes, NaN or infinity, or another shape, rate or channel list than the base
        set's.
        """
        self._take_classes(support, "fit")
        self._fit(support, rng)
        return self

    def extend(self, support: WindowSet, rng: np.random.Generator) -> Self:
        """Fit on a support that has further classes, with learnt encoders left as they are.

        As `fit` for methods without an encoder and for those that adapt a meta-learnt one in a few
        steps. Raises as `fit`.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self.name}: call fit(support) before extend")
        self._take_classes(support, "extend")
        self._extend(support, rng)
        return self

    def predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        """Probabilities `(n_query, n_classes)`, columns in the order of `classes_`.

        Raises `InputError` before `fit`, on NaN or infinity, or on another shape, rate or channel
        list.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self.name}: call fit(support) before predict_proba")
        self._check(query, "predict_proba")
        if len(query) == 0:
            return np.zeros((0, len(self.classes_)))
        return self._predict_proba(query)

    def logits(self, query: WindowSet) -> NDArray[np.float64]:
        """Class scores `(n_query, n_classes)` whose softmax `predict_proba` gives.

        Their size says how near a window is to anything known, where a method has such scores; of
        the others (forests, say) the logarithm of the probabilities. Raises as `predict_proba`.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self.name}: call fit(support) before logits")
        self._check(query, "logits")
        if len(query) == 0:
            return np.zeros((0, len(self.classes_)))
        return self._logits(query)

    def predict(self, query: WindowSet) -> NDArray[np.str_]:
        """The most probable class of each query window."""
        best = self.predict_proba(query).argmax(axis=1)
        return np.array([self.classes_[i] for i in best], dtype=str)

    def save(self, path: str | Path) -> Path:
        """Write config and state as safetensors + JSON (see `faultsyn.artifact`).

        A `costly` classifier may be saved between `meta_fit` and `fit`; it is fitted when loaded.
        """
        return save_artifact(path, self.to_artifact())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read back what `save` wrote; refuses an artefact of another classifier."""
        return cls.from_artifact(load_artifact(path, "classifier"), str(path))

    def to_artifact(self) -> Artifact:
        """Config and state, as `save` writes them; raises `InputError` before `fit`.

        Of a `costly` classifier also between `meta_fit` and `fit`.
        """
        fitted = hasattr(self, "classes_")
        if not fitted and not self.meta_fitted:
            raise InputError(f"{self.name}: call fit(support) before save")
        arrays, info = self._state()
        info = {
            **info,
            "classes": list(self.classes_) if fitted else None,
            "shape": list(self.shape_),
            "channels": list(self.channels_),
            "rate": None if np.isnan(self.rate_) else self.rate_,
        }
        return Artifact("classifier", self.name, self.config(), info, arrays)

    @classmethod
    def from_artifact(cls, artifact: Artifact, where: str) -> Self:
        """Rebuild what `to_artifact` took apart; `where` names it in errors."""
        if artifact.name != cls.name:
            raise InputError(f"{where}: expected classifier '{cls.name}', got '{artifact.name}'")
        made = cls(**artifact.config)
        if artifact.info["classes"] is not None:
            made.classes_ = tuple(artifact.info["classes"])
        made.shape_ = (artifact.info["shape"][0], artifact.info["shape"][1])
        made.channels_ = tuple(artifact.info["channels"])
        rate = artifact.info["rate"]
        made.rate_ = float("nan") if rate is None else float(rate)
        made._restore(artifact.arrays, artifact.info)
        return made

    def _take_classes(self, support: WindowSet, step: str) -> None:
        """Check a support and learn its classes."""
        self.check_config()
        self._check(support, step)
        classes = tuple(sorted(set(support.labels.tolist())))
        if len(classes) < 2:
            raise InputError(f"{self.name}: needs at least two classes, got {list(classes)}")
        self.classes_ = classes

    def _require(self, good: bool, setting: str, expected: str) -> None:
        """Raise `InputError` naming the setting and its value unless `good`."""
        if not good:
            raise InputError(
                f"{self.name}: expected {setting} to be {expected}, got {getattr(self, setting)!r}"
            )

    def _codes(self, windows: WindowSet) -> NDArray[np.intp]:
        """Each window's class as its position in `classes_`, `(n_windows,)`."""
        position = {name: code for code, name in enumerate(self.classes_)}
        return np.array([position[label] for label in windows.labels.tolist()], dtype=np.intp)

    def _check(self, windows: WindowSet, step: str) -> None:
        """The first set seen fixes shape, channels and rate; every later one must have them."""
        windows.require_finite(f"{self.name}.{step}")
        shape = (windows.x.shape[1], windows.x.shape[2])
        if not hasattr(self, "shape_"):
            self.shape_, self.channels_, self.rate_ = shape, windows.channels, windows.rate
            return
        windows.require_like(f"{self.name}.{step}", self.shape_, self.channels_, self.rate_)

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        """Most simple classifiers learn nothing here."""

    def _extend(self, support: WindowSet, rng: np.random.Generator) -> None:
        self._fit(support, rng)

    @abstractmethod
    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]: ...

    def _logits(self, query: WindowSet) -> NDArray[np.float64]:
        return np.asarray(np.log(np.maximum(self._predict_proba(query), _LEAST_PROBABILITY)))

    @abstractmethod
    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays (numeric) and JSON-able info that `_restore` needs.

        Of a costly classifier also before `fit`; `classes_` then tells the two apart.
        """

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None: ...
