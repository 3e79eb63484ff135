"""A trained diagnoser and its artefact: one folder, safetensors and JSON."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import Artifact, load_artifact, save_artifact
from faultsyn.diagnose import restore_classifier
from faultsyn.errors import InputError
from faultsyn.evaluate.diagnosis import aligned
from faultsyn.evaluate.novelty import Metric
from faultsyn.plant.baseline import Baseline
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.crossfit import strangeness
from faultsyn.plant.fitting import Fitted
from faultsyn.plant.posed import Posed
from faultsyn.plant.states import States
from faultsyn.plant.unknown import COMBINED, combined
from faultsyn.signal.representation import Representation
from faultsyn.windows import WindowSet, pack, unpack

KIND = "diagnoser"
_LEAD = "classifier."

Floats = NDArray[np.float64]


@dataclass(eq=False)
class Diagnoser:
    """Everything that a verdict needs; no store and no file of training is opened again.

    - `posed`: the question; `fitted`: representation, classifier, support.
    - `confidence`: calibration, prediction sets, unknown limits.
    - `baseline`: what healthy looks like; None where no healthy window was there.
    - `whiten`: the map of `metric`, in which unknown scores and neighbours are measured; learnt
      from the support where it is not given.
    - `provenance`: by step, what it was made from (see `docs/plant.md`).
    """

    posed: Posed
    fitted: Fitted
    confidence: Confidence
    provenance: dict[str, Any] = field(default_factory=dict)
    baseline: Baseline | None = None
    whiten: InitVar[Floats | None] = None

    def __post_init__(self, whiten: Floats | None) -> None:
        full = self.confidence.kind == "mahalanobis"
        self.metric: Metric = self.fitted.metric(None if full else 1.0, whiten)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that it knows, in the order of all its arrays."""
        return self.confidence.classes

    @cached_property
    def states(self) -> States:
        """Operating states of the windows that it learnt from."""
        return States.of(self.posed.task, self.fitted.support)

    def proba(self, windows: WindowSet, rows: WindowSet) -> Floats:
        """Raw class probabilities `(n, C)` of windows and their feature rows."""
        raw = self.fitted.proba(windows, rows)
        return aligned(raw, self.fitted.classifier.classes_, self.classes)

    def strange(self, windows: WindowSet, rows: WindowSet) -> Floats:
        """The unknown score in use, `(n,)`."""
        confidence = self.confidence
        if confidence.kind != "combined":
            return strangeness(confidence.kind, self.fitted, windows, rows, self.metric)
        parts = {
            part: strangeness(part, self.fitted, windows, rows, self.metric) for part in COMBINED
        }
        return combined(parts, confidence.scales)

    def support_distances(self, rows: WindowSet) -> Floats:
        """Squared distances of rows to every support row, `(n, n_support)`."""
        return self.metric.squared_between(rows.rows, self.fitted.support.rows)

    def summary(self) -> dict[str, Any]:
        """What it is, as plain values."""
        spec = self.posed.spec
        return {
            "classes": list(self.classes),
            "severities": {name: list(of) for name, of in self.posed.severities.items()},
            "window": {"samples": spec.samples, "rate": spec.rate, "channels": list(spec.channels)},
            "held_out": self.confidence.level,
            "coverage": self.confidence.coverage,
            "measured": self.confidence.measured,
            "provenance": self.provenance,
        }

    def save(self, path: str | Path, *, keep_old: bool = False) -> Path:
        """Write the artefact; a folder that is there is replaced in one step.

        - `keep_old`: what is replaced can be put back (`faultsyn.artifact.undo_save`).
        """
        classifier = self.fitted.classifier.to_artifact()
        arrays = {f"{_LEAD}{name}": array for name, array in classifier.arrays.items()}
        more, representation = self.fitted.representation.state()
        arrays |= more
        arrays["metric.whiten"] = self.metric.whiten
        more, support = pack(self.fitted.support, "support")
        arrays |= more
        learnt = None
        if self.fitted.classifier.consumes == "windows":
            more, learnt = pack(self.fitted.learnt, "learnt")
            arrays |= more
        more, confidence = self.confidence.state()
        arrays |= more
        baseline = None
        if self.baseline is not None:
            more, baseline = self.baseline.state()
            arrays |= more
        info = {
            "posed": self.posed.as_json(),
            "classifier": {"name": classifier.name, "info": classifier.info},
            "support": support,
            "learnt": learnt,
            "confidence": confidence,
            "baseline": baseline,
            "provenance": self.provenance,
            **representation,
        }
        made = Artifact(KIND, classifier.name, classifier.config, info, arrays)
        return save_artifact(path, made, keep_old=keep_old)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read back what `save` wrote.

        Raises `InputError` when the folder is no diagnoser, was changed, or does not hold together.
        """
        artifact = load_artifact(path, KIND)
        try:
            return cls._restored(artifact, str(path))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: not a whole diagnoser ({type(error).__name__}: {error})",
                "it was changed, or made by another version; train it again",
            ) from None

    @classmethod
    def _restored(cls, artifact: Artifact, where: str) -> Self:
        info, arrays = artifact.info, artifact.arrays
        own = {
            name.removeprefix(_LEAD): array
            for name, array in arrays.items()
            if name.startswith(_LEAD)
        }
        head = info["classifier"]
        classifier = restore_classifier(
            Artifact("classifier", head["name"], artifact.config, head["info"], own), where
        )
        representation = Representation.restore(arrays, info)
        support = unpack(arrays, info["support"], "support")
        learnt = support
        if info["learnt"] is not None:
            learnt = unpack(arrays, info["learnt"], "learnt")
        confidence = Confidence.restore(arrays, info["confidence"])
        _check(classifier.classes_, confidence, support, where)
        fitted = Fitted(representation, classifier, support, learnt)
        _probe(fitted, where)
        baseline = None
        if info["baseline"] is not None:
            baseline = Baseline.restore(arrays, info["baseline"])
        posed = Posed.from_json(info["posed"])
        provenance, whiten = dict(info["provenance"]), arrays["metric.whiten"]
        return cls(posed, fitted, confidence, provenance, baseline, whiten)


def _probe(fitted: Fitted, where: str) -> None:
    """Ask for one window's probabilities: weights that do not fit show here, not in use."""
    found = fitted.classifier.predict_proba(fitted.learnt.take([0]))
    if found.shape != (1, len(fitted.classifier.classes_)) or not np.isfinite(found).all():
        raise InputError(f"{where}: the classifier's weights do not fit its classes")


def _check(
    classes: tuple[str, ...], confidence: Confidence, support: WindowSet, where: str
) -> None:
    """Raise `InputError` when the parts are not of one diagnoser."""
    n = len(confidence.classes)
    lengths = (len(confidence.of_recordings), len(confidence.of_windows))
    if set(classes) != set(confidence.classes) or set(support.labels) != set(classes):
        raise InputError(f"{where}: classifier, support and calibration speak of different classes")
    if lengths != (n, n):
        raise InputError(f"{where}: {n} classes, thresholds for {lengths[0]} and {lengths[1]}")
