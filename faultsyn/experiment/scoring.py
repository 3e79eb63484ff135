"""Running one cell: from a task's windows to one scored row for each classifier.

Order of operations, so that nothing of the test side reaches training: split; training normals and
K shots; representation and scalers fitted on these alone; generator pretrained on the normals and
adapted to the shots; support = normals + shots + synthetic; classifier meta-fitted on the base set
(where that is costly, once for all cells that share it, and rows are scaled by it alone), fitted
on the support; all test windows predicted once.
"""

from __future__ import annotations

import logging
import time

import numpy as np

from faultsyn.diagnose import FewShotClassifier, build_classifier
from faultsyn.errors import FaultsynError, InputError
from faultsyn.evaluate.diagnosis import aligned, diagnosis_metrics
from faultsyn.experiment.arms import ClassifierArm
from faultsyn.experiment.cells import Cell, Workspace, blank_rows
from faultsyn.experiment.controls import permute_names, rename, shuffle_labels
from faultsyn.experiment.examples import save_examples
from faultsyn.experiment.measuring import measure_cell
from faultsyn.experiment.meta_training import draw_of, is_shared, meta_trained
from faultsyn.experiment.results import Row, confusion_text
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shared import (
    META_TRAINED,
    fold_features,
    like_fold,
    shared_base,
    task_data,
)
from faultsyn.experiment.shots import draw_support, kept_shots
from faultsyn.experiment.synthesis import Cost, Synthesis, n_made
from faultsyn.experiment.views import (
    BaseView,
    FeatureView,
    MetadataView,
    View,
    WindowView,
)
from faultsyn.windows import WindowSet, concat

log = logging.getLogger(__name__)


def run_cell(cell: Cell, workspace: Workspace) -> list[Row]:
    """One row for each classifier; what cannot run has its reason as status, never a gap."""
    rows = blank_rows(cell, workspace, "")
    try:
        work = _CellWork(cell, workspace)
    except FaultsynError as error:
        return blank_rows(cell, workspace, str(error))
    for row, arm in zip(rows, cell.classifiers, strict=True):
        row.update(work.counts())
        try:
            row.update(work.score(arm))
            row["status"] = "ok"
        except FaultsynError as error:
            row["status"] = str(error)
        except Exception as error:
            # A method's own bug must not end a study of hours; the row says so and is tried again.
            log.warning("%s, %s, %s: %r", cell.task.name, cell.generator.name, arm.name, error)
            log.debug("in full:", exc_info=True)
            row["status"] = f"failed: {type(error).__name__}: {error}"
    work.measure()
    return rows


class _CellWork:
    """The state that a cell's classifiers share: support, synthesis, views."""

    def __init__(self, cell: Cell, workspace: Workspace) -> None:
        self._cell, self._workspace = cell, workspace
        self._task_json = cell.task.model_dump_json()
        data = task_data(self._task_json, str(workspace.cache))
        if data.data_hash != cell.data_hash:
            raise InputError(
                f"{cell.task.store}: the store changed while the study ran", "run it again"
            )
        self._data, self._fold = data, data.folds[cell.fold]
        self._classes = self._fold.classes or data.classes
        self._normal = data.normal if data.normal in self._classes else None
        self._support = draw_support(
            data.windows.table,
            data.windows.labels,
            self._classes,
            self._fold,
            cell.task.shots,
            cell.k,
            cell.seed,
            cell.task.normals,
            cell.task.name,
        )
        self._synthesis = Synthesis(
            cell.generator, data, self._fold, self._support, cell.k, cell.seed, workspace.cache
        )
        self._kept = kept_shots(
            self._support, data.windows.labels, cell.generator.real_shots,
            cell.task.name, cell.group, cell.k, cell.seed,
        )  # fmt: skip
        self._views: dict[str, tuple[View, WindowSet | None, float, Cost]] = {}

    def counts(self) -> Row:
        """How many real windows the arm learns from, and what they come from."""
        table, support = self._data.windows.table, self._support
        return {
            "n_train_windows": int(self._kept.sum()),
            "n_train_recordings": len(np.unique(table["recording"][support.all])),
            "n_train_assets": len(np.unique(table["asset"][support.all])),
            "n_shot_recordings": len(np.unique(table["recording"][support.shots])),
            "n_shot_assets": len(np.unique(table["asset"][support.shots])),
            "n_test_windows": len(self._fold.test),
            "classes": "|".join(self._classes),
        }

    def score(self, arm: ClassifierArm) -> Row:
        """Fit one classifier and score it on the fold's test windows."""
        classifier = build_classifier(arm.method, **arm.config)
        base = self._base(arm, classifier)
        if base is not None:
            folder = self._workspace.cache / META_TRAINED
            classifier = meta_trained(arm, base, draw_of(arm, self._cell.seed), folder)
        view, synthetic, making, cost = self._view(arm, classifier, base)
        support = view.support.take(self._kept)
        if synthetic is not None:
            support = concat([support, synthetic])
        truth = view.test.labels
        parts = (self._cell.task.name, self._cell.group, self._cell.k, self._cell.seed, arm.name)
        renamed = {name: name for name in self._classes}
        if arm.control == "shuffled labels":
            support = shuffle_labels(support, rng_for("shuffle", *parts))
        elif arm.control == "permuted names":
            renamed = permute_names(self._classes, rng_for("rename", *parts))
            support = rename(support, renamed)
        started = time.perf_counter()
        if base is None and len(view.base):
            classifier.meta_fit(view.base, rng_for("meta_fit", *parts))
        classifier.fit(support, rng_for("fit", *parts))
        fitted = time.perf_counter()
        proba = classifier.predict_proba(view.test)
        predicted = time.perf_counter()
        columns = [renamed[name] for name in self._classes]
        score = diagnosis_metrics(
            truth,
            aligned(proba, classifier.classes_, columns),
            self._classes,
            self._normal,
        )
        return {
            "n_synthetic": n_made(synthetic),
            "macro_f1": score.macro_f1,
            "balanced_accuracy": score.balanced_accuracy,
            "macro_auroc": score.macro_auroc,
            "ece": score.ece,
            "false_alarm_rate": score.false_alarm_rate,
            "false_alarm_at_95": score.false_alarm_at_95,
            "confusion": confusion_text(score.confusion),
            "fit_seconds": round(making + fitted - started, 4),
            "predict_seconds": round(predicted - fitted, 4),
            "generator_fit_seconds": round(cost.fit_seconds, 4),
            "generator_sample_seconds": round(cost.sample_seconds, 4),
            "generator_memory_mb": round(cost.memory_mb, 1),
        }

    def measure(self) -> None:
        """Keep the quality figures of what was made, where they are wanted and can be had."""
        made = self._synthesis.signal
        if not self._cell.measures or made is None or not len(made):
            return
        try:
            measure_cell(
                self._cell, self._data, self._fold, self._support, made, self._workspace.out
            )
        except Exception as error:
            # As above: figures beside the scores are not worth the scores.
            log.warning("%s, %s: %r", self._cell.task.name, self._cell.generator.name, error)

    def _base(self, arm: ClassifierArm, classifier: FewShotClassifier) -> BaseView | None:
        """What a learner whose meta-training is shared learns from; None for any other."""
        if not is_shared(arm):
            return None
        spec = arm.representation_of(self._cell.task).model_dump_json()
        return shared_base(
            self._task_json,
            str(self._workspace.cache),
            like_fold(self._data, self._cell.fold),
            spec if classifier.consumes == "features" else "",
            "" if arm.base is None else arm.base.model_dump_json(),
        )

    def _view(
        self, arm: ClassifierArm, classifier: FewShotClassifier, base: BaseView | None
    ) -> tuple[View, WindowSet | None, float, Cost]:
        """What the classifier sees, its synthetic windows, the seconds these took, their cost."""
        spec = arm.representation_of(self._cell.task)
        if arm.control == "metadata only":
            return MetadataView(self._data, self._fold, self._support), None, 0.0, Cost()
        sees = spec.model_dump_json() if classifier.consumes == "features" else "windows"
        name = sees if base is None else f"{sees} {base.key}"
        if name in self._views:
            return self._views[name]
        view: View
        if sees == "windows":
            view = WindowView(self._data, self._fold, self._support, base)
        else:
            cache = str(self._workspace.cache)
            features = fold_features(self._task_json, cache, self._cell.fold, sees)
            view = FeatureView(features, self._support, base)
        started = time.perf_counter()
        synthetic = self._synthesis.windows(view, classifier.consumes)
        making = time.perf_counter() - started
        cost = Cost() if synthetic is None else self._synthesis.cost
        self._views[name] = (view, synthetic, making, cost)
        self._keep_examples(view)
        return self._views[name]

    def _keep_examples(self, view: View) -> None:
        made = self._synthesis.raw
        if not self._cell.examples or made is None:
            return
        real = view.support
        if not np.isnan(made.rate):
            n, train = self._cell.examples, self._fold.train
            labels = self._data.windows.labels[train]
            chosen = [train[labels == label][:n] for label in self._classes]
            real = self._data.windows.take(np.concatenate(chosen))
        save_examples(
            self._workspace.out,
            self._cell.task.name,
            self._cell.generator.name,
            self._cell.examples,
            real,
            made,
        )
