"""What a learner is meta-trained on in a fold: training side only, the same for every k and seed.

The task's own base set is the classes that it holds out from its episodes or, where it has none,
the fold's training normals (capped and drawn as for seed 0, like those that a costly generator is
pretrained on; overlapping ones where the task cuts them). Windows of other machines and made-up
windows of the base set's faults may be added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faultsyn.artifact import config_hash
from faultsyn.experiment.arms import BaseSpec, GeneratorArm, OtherMachines
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import OtherWindows, TaskData, load_other
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.seen import Seen, refuse_seen
from faultsyn.experiment.shots import draw_normals
from faultsyn.experiment.split import Fold
from faultsyn.experiment.synthesis import amount_per_class, space_of
from faultsyn.experiment.task import Task
from faultsyn.synth import build_generator
from faultsyn.windows import NORMAL, WindowSet, concat


@dataclass(frozen=True, eq=False)
class BaseSet:
    """Which windows a learner is meta-trained on.

    - `own`, `overlapping`: positions in the task's windows, and in its overlapping normals.
    - `other`: windows of other machines, or None.
    - `made`: the generator that makes more of the fault classes, or None.
    """

    data: TaskData
    own: NDArray[np.intp]
    overlapping: NDArray[np.intp]
    other: OtherWindows | None
    made: GeneratorArm | None

    def __len__(self) -> int:
        return len(self.own) + len(self.overlapping) + len(self.other.windows if self.other else ())

    @property
    def key(self) -> str:
        """Hash of what decides the windows."""
        keys = self.data.keys
        return config_hash(
            {
                "own": [keys["windows"], self.own.tolist()],
                "overlapping": [keys.get("overlapping"), self.overlapping.tolist()],
                "labels": config_hash({"of": self.data.windows.labels[self.own].tolist()}),
                "other": None if self.other is None else self.other.key,
                "other labels": None if self.other is None else self.other.windows.labels.tolist(),
                "made": None if self.made is None else self.made.numerics,
            }
        )


def base_set(data: TaskData, fold: Fold, spec: BaseSpec | None, cache: ArrayCache) -> BaseSet:
    """The base set of a fold; it may be empty. Raises what `load_other` raises."""
    spec = spec or BaseSpec()
    none = np.zeros(0, np.intp)
    own, more = none, none
    if spec.own and fold.base is not None:
        own = fold.base
    elif spec.own:
        more = data.base_of(fold)
        task = data.task
        if len(more) == 0:
            own = draw_normals(data.windows.labels, fold, 0, task.normals, task.name)
    other = None if spec.other is None else _other(data.task, spec.other, cache.folder)
    return BaseSet(data, own, more, other, spec.made)


def made_for(arm: GeneratorArm, base: WindowSet, consumes: str, key: str) -> WindowSet:
    """Made-up windows of the fault classes of a base set, in a generator's own space.

    - `base`: rows or windows, as the space wants.
    - `consumes`: what the learner takes; `key`: decides the random numbers.

    A class's made windows are one recording: an episode shows them or asks for them, as it does
    with a real one. Raises `InputError` when the generator cannot work here.
    """
    config = dict(arm.config)
    generator = build_generator(arm.method, **config)
    space = space_of(arm, consumes)
    if generator.space != space:
        generator = build_generator(arm.method, **{**config, "space": space})
    healthy, faults = base.of(NORMAL), base.take(base.labels != NORMAL)
    if len(healthy):
        generator.pretrain(healthy, rng_for("base pretrain", key))
    generator.adapt(faults, rng_for("base adapt", key))
    classes = tuple(dict.fromkeys(base.labels.tolist()))
    parts = []
    for label, n in amount_per_class(arm.n_synthetic, base, classes).items():
        if n:
            made = generator.sample(n, rng_for("base sample", key, label), label=label)
            parts.append(made.with_columns(recording=f"made {label}"))
    return concat(parts)


def refuse_tested(name: str, base: BaseSet) -> None:
    """Raise `LeakError` when other machines of a base set are tested on after all.

    - `name`: of the arm.

    Two stores of the same files are compared by recording and by the task's groups; stores that
    share no file cannot share a group, whatever their columns say.
    """
    data, other = base.data, base.other
    if other is None or not other.sources & data.sources:
        return
    split = data.task.split
    seen = {"meta-train": Seen.of(other.windows, split)}
    for fold in data.folds:
        what = f"the base set of '{name}'"
        refuse_seen(seen, fold, data.windows.table, split, what, data.task.name)


def _other(task: Task, other: OtherMachines, folder: Path) -> OtherWindows:
    return _read(task.model_dump_json(), other.model_dump_json(), str(folder))


@lru_cache(maxsize=4)
def _read(task: str, other: str, folder: str) -> OtherWindows:
    cache = ArrayCache(Path(folder))
    return load_other(
        Task.model_validate_json(task), OtherMachines.model_validate_json(other), cache
    )
