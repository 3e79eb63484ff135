"""The generator's part of a cell: pretrain, adapt, sample; in signal or in feature space."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faultsyn.artifact import config_hash, read_head
from faultsyn.errors import InputError
from faultsyn.experiment.arms import GeneratorArm
from faultsyn.experiment.cache import ArrayCache, key_of
from faultsyn.experiment.data import TaskData, mapped
from faultsyn.experiment.memory import PeakMemory
from faultsyn.experiment.presets import Amount
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shots import Support, draw_normals
from faultsyn.experiment.split import Fold
from faultsyn.experiment.views import FeatureView, View
from faultsyn.synth import GENERATORS, Generator, build_generator, load_generator
from faultsyn.windows import NORMAL, WindowSet, concat

PRETRAINED = "pretrained"
"""Folder of the cache for generators that cells share."""


def space_of(arm: GeneratorArm, consumes: str) -> str:
    """The space a generator works in, for a classifier that consumes "features" or "windows".

    A generator that is at home in both and whose configuration does not choose follows the
    classifier. Raises `InputError` when the two cannot meet.
    """
    made = build_generator(arm.method, **arm.config)
    wanted = "features" if consumes == "features" else "signal"
    space = wanted if "space" not in arm.config and wanted in made.spaces else made.space
    if space == "features" and wanted == "signal":
        raise InputError(
            f"generator '{arm.name}' makes feature rows, the classifier takes windows",
            "use it in signal space: `config: {space: signal}`",
        )
    return space


def is_costly(arm: GeneratorArm) -> bool:
    """Whether the generator's pretraining is worth sharing between cells."""
    kind = GENERATORS.get(arm.method)
    return kind is not None and kind.costly


def amount_per_class(
    amount: Amount, support: WindowSet, classes: tuple[str, ...]
) -> dict[str, int]:
    """Synthetic windows for each fault class (see `faultsyn.experiment.presets.Amount`)."""
    counts = {label: int((support.labels == label).sum()) for label in classes}
    faults = [label for label in classes if label != NORMAL]
    if amount == "normals":
        n = counts.get(NORMAL) or max(counts.values())
        return dict.fromkeys(faults, n)
    if amount == "balance":
        most = max(counts.values())
        return {label: most - counts[label] for label in faults}
    return dict.fromkeys(faults, int(amount))


@dataclass(frozen=True)
class Cost:
    """What making windows took: seconds to fit and to sample, and memory at its worst [MB]."""

    fit_seconds: float = float("nan")
    sample_seconds: float = float("nan")
    memory_mb: float = float("nan")


class Synthesis:
    """What one generator makes from one support; asked once for each view.

    - `cost`: of the last synthetic windows.
    - `raw`: the last synthetic windows in the generator's own space, before a view saw them.
    """

    def __init__(
        self,
        arm: GeneratorArm,
        data: TaskData,
        fold: Fold,
        support: Support,
        k: int | str,
        seed: int,
        cache: Path,
    ) -> None:
        self._arm, self._data, self._fold, self._support = arm, data, fold, support
        self._parts = (data.task.name, data.task.split.level, fold.name, k, seed, arm.name)
        self._cache = cache
        self._signal: tuple[WindowSet, Cost] | None = None
        self.cost = Cost()
        self.raw: WindowSet | None = None

    def windows(self, view: View, consumes: str) -> WindowSet | None:
        """Synthetic windows as `view` sees them; None when the arm makes none.

        Raises `InputError` when the generator cannot work here.
        """
        amounts = amount_per_class(
            self._arm.n_synthetic, view.support, self._fold.classes or self._data.classes
        )
        if not any(amounts.values()):
            return None
        if space_of(self._arm, consumes) == "features":
            if not isinstance(view, FeatureView):
                raise InputError("a feature-space generator needs feature rows")
            self.raw, self.cost = self._in_features(view, amounts)
            return self.raw
        if self._signal is None:
            self._signal = self._in_signal(amounts)
        self.raw, self.cost = self._signal
        return view.see(self.raw)

    @property
    def signal(self) -> WindowSet | None:
        """What was made in signal space, None when nothing was."""
        return None if self._signal is None else self._signal[0]

    def _build(self, space: str) -> Generator:
        config = dict(self._arm.config)
        made = build_generator(self._arm.method, **config)
        if made.space != space:
            made = build_generator(self._arm.method, **{**config, "space": space})
        return made

    def _in_features(self, view: FeatureView, amounts: dict[str, int]) -> tuple[WindowSet, Cost]:
        healthy = view.support.of(NORMAL)
        if self._data.healthy is not None:
            healthy = view.healthy()
        shots = view.support.take(view.support.labels != NORMAL)
        return self._run(self._build("features"), healthy, shots, amounts, None)

    def _in_signal(self, amounts: dict[str, int]) -> tuple[WindowSet, Cost]:
        data = self._data
        shots = data.windows.take(self._support.shots)
        if self._arm.artifact is not None:
            path = Path(self._arm.artifact)
            return self._run(trained(self._arm), None, shots, amounts, path)
        generator = self._build("signal")
        if is_costly(self._arm):
            path = pretrain_shared(self._arm, data, self._fold, self._cache)
            generator = type(generator).load(path)
            return self._run(generator, None, shots, amounts, path)
        healthy = data.healthy
        if healthy is None:
            own = self._support.normals
            healthy = mapped(data.windows, own, ArrayCache(self._cache), data.keys["windows"])
        return self._run(generator, healthy, shots, amounts, None)

    def _run(
        self,
        generator: Generator,
        healthy: WindowSet | None,
        shots: WindowSet,
        amounts: dict[str, int],
        pretrained: Path | None,
    ) -> tuple[WindowSet, Cost]:
        shared = float(generator.provenance_.get("pretrain", {}).get("seconds", 0.0))
        with PeakMemory() as peak:
            started = time.perf_counter()
            if pretrained is None and healthy is not None and len(healthy):
                generator.pretrain(healthy, rng_for("pretrain", *self._parts))
            generator.adapt(shots, rng_for("adapt", *self._parts))
            fitted = time.perf_counter()
            made = concat(
                generator.sample(n, rng_for("sample", *self._parts, label), label=label)
                for label, n in amounts.items()
                if n
            )
            done = time.perf_counter()
        return made, Cost(shared + fitted - started, done - fitted, peak.mb)


def trained(arm: GeneratorArm) -> Generator:
    """The pretrained generator that an arm names; raises `InputError` when it was changed."""
    assert arm.artifact is not None
    if read_head(arm.artifact, "generator")["weights_sha256"] != arm.weights:
        raise InputError(f"{arm.artifact}: changed since the study was planned", "run it again")
    return load_generator(arm.artifact)


def pretrain_shared(arm: GeneratorArm, data: TaskData, fold: Fold, cache: Path) -> Path:
    """The folder of a generator pretrained on this fold's normals, trained if it is not there.

    The normals are those of seed 0 and the same for every seed and k, so that a costly fit is made
    once a fold; it sees as many normals as any other arm, and training groups only.
    """
    task = data.task
    parts = {
        "arm": config_hash(arm.numerics),
        "windows": data.keys,
        "normals": task.normals,
        "task": [task.name, task.split.level],
        "fold": config_hash({"name": fold.name, "train": fold.train.tolist()}),
    }
    path = cache / PRETRAINED / key_of(parts)
    if (path / "artifact.json").is_file():
        return path
    healthy = data.healthy
    if healthy is None:
        drawn = draw_normals(data.windows.labels, fold, 0, task.normals, task.name)
        healthy = mapped(data.windows, drawn, ArrayCache(cache), data.keys["windows"])
    generator = build_generator(arm.method, **arm.config)
    started = time.perf_counter()
    generator.pretrain(healthy, rng_for("pretrain", path.name))
    generator.provenance_ = {"pretrain": {"seconds": time.perf_counter() - started}}
    generator.save(path)
    return path


def n_made(windows: WindowSet | None) -> int:
    """How many synthetic windows there are."""
    return 0 if windows is None else int(np.count_nonzero(windows.synthetic))
