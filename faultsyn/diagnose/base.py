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

Consumes = Literal["features", "windows"]


class FewShotClassifier(ABC):
    """Optionally learns from a base set, is fitted on a support set, gives class probabilities.

    `meta_fit(base, rng)`, `fit(support, rng)`, `predict_proba(query)`. A subclass's `__init__` only
    stores its arguments under their own names; what is learned ends in `_`; the public methods
    here check, then call `_meta_fit`, `_fit`, `_predict_proba`.

    - `name`: the registered name.
    - `consumes`: feature rows (`WindowSet.rows` of `(n, 1, n_features)`) or raw windows.
    - `transductive`: True when the answer to one query depends on the other queries.
    """

    name: ClassVar[str]
    consumes: ClassVar[Consumes]
    transductive: ClassVar[bool] = False

    classes_: tuple[str, ...]
    shape_: tuple[int, int]

    def config(self) -> dict[str, Any]:
        """The arguments that rebuild this classifier (untrained)."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def meta_fit(self, base: WindowSet, rng: np.random.Generator) -> Self:
        """Learn from what the information budget allows besides the shots.

        `base` holds labelled training windows: the normals alone, or other faults and machines
        too. Methods that cannot use it do nothing. Raises `InputError` on NaN or infinity.
        """
        base.require_finite(f"{self.name}.meta_fit")
        self.shape_ = (base.x.shape[1], base.x.shape[2])
        self._meta_fit(base, rng)
        return self

    def fit(self, support: WindowSet, rng: np.random.Generator) -> Self:
        """Fit on the support windows (real and, where marked so, synthetic) and their labels.

        Raises `InputError` on fewer than two classes, NaN or infinity, or another shape than the
        base set's.
        """
        support.require_finite(f"{self.name}.fit")
        classes = tuple(sorted(set(support.labels.tolist())))
        if len(classes) < 2:
            raise InputError(f"{self.name}: needs at least two classes, got {list(classes)}")
        shape = (support.x.shape[1], support.x.shape[2])
        if hasattr(self, "shape_") and shape != self.shape_:
            raise InputError(f"{self.name}: expected windows of {self.shape_}, got {shape}")
        self.classes_, self.shape_ = classes, shape
        self._fit(support, rng)
        return self

    def predict_proba(self, query: WindowSet) -> NDArray[np.float64]:
        """Probabilities `(n_query, n_classes)`, columns in the order of `classes_`.

        Raises `InputError` before `fit`, on NaN or infinity, or on another shape.
        """
        if not hasattr(self, "classes_"):
            raise InputError(f"{self.name}: call fit(support) before predict_proba")
        query.require_finite(f"{self.name}.predict_proba")
        shape = (query.x.shape[1], query.x.shape[2])
        if shape != self.shape_:
            raise InputError(f"{self.name}: expected windows of {self.shape_}, got {shape}")
        if len(query) == 0:
            return np.zeros((0, len(self.classes_)))
        return self._predict_proba(query)

    def predict(self, query: WindowSet) -> NDArray[np.str_]:
        """The most probable class of each query window."""
        best = self.predict_proba(query).argmax(axis=1)
        return np.array([self.classes_[i] for i in best], dtype=str)

    def save(self, path: str | Path) -> Path:
        """Write config and state as safetensors + JSON (see `faultsyn.artifact`)."""
        arrays, info = self._state()
        info = {**info, "classes": list(self.classes_), "shape": list(self.shape_)}
        return save_artifact(path, Artifact("classifier", self.name, self.config(), info, arrays))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read back what `save` wrote; refuses an artefact of another classifier."""
        artifact = load_artifact(path, "classifier")
        if artifact.name != cls.name:
            raise InputError(f"{path}: expected classifier '{cls.name}', got '{artifact.name}'")
        made = cls(**artifact.config)
        made.classes_ = tuple(artifact.info["classes"])
        made.shape_ = (artifact.info["shape"][0], artifact.info["shape"][1])
        made._restore(artifact.arrays, artifact.info)
        return made

    def _meta_fit(self, base: WindowSet, rng: np.random.Generator) -> None:
        """Most simple classifiers learn nothing here."""

    @abstractmethod
    def _fit(self, support: WindowSet, rng: np.random.Generator) -> None: ...

    @abstractmethod
    def _predict_proba(self, query: WindowSet) -> NDArray[np.float64]: ...

    @abstractmethod
    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays (numeric) and JSON-able info that `_restore` needs."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None: ...
