"""From a study to its cells, in the order in which they are run and reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from faultsyn.artifact import config_hash, read_head
from faultsyn.diagnose import CLASSIFIERS, build_classifier
from faultsyn.errors import InputError
from faultsyn.experiment.arms import ClassifierArm, GeneratorArm
from faultsyn.experiment.base_sets import base_set, refuse_tested
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.cells import Cell, Keys
from faultsyn.experiment.controls import control_arms
from faultsyn.experiment.data import TaskData
from faultsyn.experiment.meta_training import draw_of, is_shared
from faultsyn.experiment.needs import Needs
from faultsyn.experiment.seen import refuse_seen, seen_by
from faultsyn.experiment.shared import like_fold, task_data
from faultsyn.experiment.study import Study
from faultsyn.experiment.synthesis import is_costly, space_of
from faultsyn.experiment.task import RepresentationSpec, Split, Task
from faultsyn.registry import nearest
from faultsyn.synth import build_generator

_NOTHING = GeneratorArm(name="none", method="none", n_synthetic=0)
_WINDOW_FOLDS = 5


@dataclass(frozen=True)
class Prepare:
    """Feature rows that cells will need: of one task, representation and fold."""

    task: Task
    representation: dict[str, Any]
    fold: int
    needs: Needs | None = None


@dataclass(frozen=True)
class Pretrain:
    """A costly generator to be pretrained once for all cells of a fold."""

    task: Task
    generator: GeneratorArm
    fold: int
    needs: Needs | None = None


@dataclass(frozen=True)
class MetaTrain:
    """A learner to be meta-trained once for all cells that share its base set."""

    task: Task
    classifier: ClassifierArm
    fold: int
    draw: int
    needs: Needs | None = None


@dataclass(frozen=True)
class _Variant:
    """A task as it is split, with the arms that take part."""

    task: Task
    generators: tuple[GeneratorArm, ...]
    classifiers: tuple[ClassifierArm, ...]
    ks: tuple[int | str, ...]


def plan(study: Study, cache: Path) -> list[Cell]:
    """All cells of a study; reads the stores' tables and caches the tasks' windows.

    Raises `InputError` on a method that cannot be built or a store that is missing, `LeakError`
    on a split that leaks or an artefact that has seen what a fold tests on, before anything is run.
    """
    _check_methods(study)
    cells = []
    for task in study.tasks:
        kept: set[str] = set()
        for variant in _variants(study, task):
            data = task_data(variant.task.model_dump_json(), str(cache))
            for cell in _cells(study, variant, data, cache):
                if study.wants("measures", task):
                    cell = replace(cell, measures=True)
                if study.examples and cell.generator.name not in kept and cell.k == task.k[-1]:
                    kept.add(cell.generator.name)
                    cell = replace(cell, examples=study.examples)
                cells.append(cell)
    return cells


def preparations(cells: list[Cell]) -> list[Prepare]:
    """The feature extractions that these cells need, each once."""
    found: dict[str, Prepare] = {}
    specs: dict[tuple[str, str], RepresentationSpec] = {}
    for cell in cells:
        for arm in cell.classifiers:
            consumes = build_classifier(arm.method, **arm.config).consumes
            if consumes != "features" or arm.control == "metadata only":
                continue
            if (cell.task.name, arm.name) not in specs:
                specs[cell.task.name, arm.name] = arm.representation_of(cell.task)
            spec = specs[cell.task.name, arm.name]
            # Rows that no fold's normals scale are the same in every fold.
            fold = 0 if spec.channels == "none" else cell.fold
            extracted = spec.model_dump_json(exclude={"rows", "drop"})
            name = f"{cell.task.name} {cell.task.split.level} {extracted} {fold}"
            needs = cell.needs and cell.needs.model_copy(update={"gpu": 0.0})
            found.setdefault(name, Prepare(cell.task, spec.model_dump(), fold, needs))
    return list(found.values())


def pretrainings(cells: list[Cell]) -> list[Pretrain]:
    """The costly generators that these cells share, each once a fold."""
    found: dict[tuple[str, str, int, str], Pretrain] = {}
    for cell in cells:
        arm = cell.generator
        if (
            arm.artifact is not None
            or not is_costly(arm)
            or build_generator(arm.method, **arm.config).space != "signal"
        ):
            continue
        key = (cell.task.name, cell.task.split.level, cell.fold, arm.name)
        found.setdefault(key, Pretrain(cell.task, arm, cell.fold, cell.needs))
    return list(found.values())


def meta_trainings(cells: list[Cell], cache: Path) -> list[MetaTrain]:
    """The learners whose meta-training these cells share, each once a base set and draw."""
    found: dict[tuple[str, str, int, str, int], MetaTrain] = {}
    for cell in cells:
        shared = [arm for arm in cell.classifiers if is_shared(arm)]
        if not shared:
            continue
        fold = like_fold(task_data(cell.task.model_dump_json(), str(cache)), cell.fold)
        for arm in shared:
            draw = draw_of(arm, cell.seed)
            key = (cell.task.name, cell.task.split.level, fold, arm.name, draw)
            found.setdefault(key, MetaTrain(cell.task, arm, fold, draw, cell.needs))
    return list(found.values())


def _check_methods(study: Study) -> None:
    for generator in study.generators:
        build_generator(generator.method, **generator.config)
    for classifier in study.classifiers:
        if classifier.method not in CLASSIFIERS:
            hint = nearest(classifier.method, CLASSIFIERS)
            raise InputError(f"unknown classifier '{classifier.method}'", hint)
        made = build_classifier(classifier.method, **classifier.config)
        if classifier.base is not None and not made.costly:
            raise InputError(
                f"classifier '{classifier.name}': '{classifier.method}' is not meta-trained",
                "leave `base` out",
            )
        if classifier.base is not None and classifier.base.made is not None:
            generator = classifier.base.made
            build_generator(generator.method, **generator.config)
            space_of(generator, made.consumes)


def _variants(study: Study, task: Task) -> Iterator[_Variant]:
    """The task itself, and what the leak gap and the controls add."""
    last = task.k[-1:]
    yield _Variant(task, study.generators, study.classifiers, task.k)
    if study.wants("controls", task):
        yield _Variant(task, (_NOTHING,), control_arms(study), last)
    if study.wants("leak_gap", task):
        split = Split(
            scheme="window", level="window", folds=_WINDOW_FOLDS, pinned=task.split.pinned
        )
        leaky = task.model_copy(update={"split": split})
        yield _Variant(leaky, (_NOTHING,), study.classifiers, last)


def _refuse_leaks(variant: _Variant, data: TaskData) -> None:
    """Raise `LeakError` when a trained artefact has seen what a fold tests on."""
    task = variant.task
    for arm in variant.generators:
        if arm.artifact is None or (arm.tasks is not None and task.name not in arm.tasks):
            continue
        seen = seen_by(read_head(arm.artifact, "generator")["info"]["provenance"], arm.artifact)
        for fold in data.folds:
            refuse_seen(seen, fold, data.windows.table, task.split, arm.artifact, task.name)


def _told(arm: ClassifierArm, data: TaskData, cache: Path) -> dict[str, Any]:
    """What decides an arm's rows, the windows of other machines included.

    Raises `LeakError` when those are tested on.
    """
    if not is_shared(arm):
        return arm.numerics
    told = {**arm.numerics, "meta-training": "shared"}
    if arm.base is not None and arm.base.other is not None:
        base = base_set(data, data.folds[0], arm.base, ArrayCache(cache))
        refuse_tested(arm.name, base)
        told["other"] = base.other and base.other.key
    return told


def _cells(study: Study, variant: _Variant, data: TaskData, cache: Path) -> Iterator[Cell]:
    task, seeds = variant.task, study.seeds
    keys = Keys.of(task, data.data_hash)
    _refuse_leaks(variant, data)
    made_by = {arm.name: config_hash(arm.numerics) for arm in variant.generators}
    told_by = {
        arm.name: config_hash(_told(arm, data, cache))
        for arm in variant.classifiers
        if arm.tasks is None or task.name in arm.tasks
    }
    for fold, held_out in enumerate(data.folds):
        for k, seed, generator in product(variant.ks, seeds, variant.generators):
            arms = tuple(
                arm
                for arm in variant.classifiers
                if arm.allow(task.name, k, seed, seeds)
                and (arm.generators is None or generator.name in arm.generators)
            )
            if not arms or not generator.allow(task.name, k, seed, seeds):
                continue
            yield Cell(
                task=task,
                fold=fold,
                group=held_out.name,
                k=k,
                seed=seed,
                generator=generator,
                classifiers=arms,
                keys=tuple(
                    keys.row(held_out.name, k, seed, made_by[generator.name], told_by[arm.name])
                    for arm in arms
                ),
                data_hash=data.data_hash,
                needs=Needs.most([study.needs, generator.needs, *(arm.needs for arm in arms)]),
            )
