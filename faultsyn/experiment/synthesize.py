"""Synthetic windows of a task as a store of their own, each with a passport."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.runner import CACHE
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shots import draw_support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import Task
from faultsyn.store import Recording, StoreWriter, StreamData
from faultsyn.synth import Generator, build_generator
from faultsyn.windows import NORMAL, WindowSet

STREAM = "synthetic"


def synthesize_windows(
    task: Task,
    generator: str,
    out: str | Path,
    *,
    k: int = 5,
    n: int = 100,
    seed: int = 0,
    labels: tuple[str, ...] = (),
    cache: str | Path = CACHE / "arrays",
) -> dict[str, int]:
    """Adapt a generator to K shots of each fault class and write `n` windows of each to a store.

    - `task`: says which windows, classes and channels; its split plays no part, the shots come
      from all its windows (judge the result on the rest, or on another recording).
    - `generator`: name of a preset, or path to one.
    - `labels`: fault classes; all of the task's when empty.

    Every window is a recording with a passport in `/synthetic`: generator, its configuration's
    hash, the shots it was adapted to, seed, task, code version. The store's history holds the
    task, so that `faultsyn evaluate` knows what to compare with. Returns windows made by class.
    Raises `InputError` when the generator cannot work on this task.
    """
    data = load_data(task, ArrayCache(Path(cache)))
    made = _adapted(data, generator, k, seed, labels)
    preset = load_preset(generator, "generator")
    wanted = labels or made.classes_
    info = {
        "synthesized": preset.method,
        "config": made.config(),
        "task": task.model_dump(mode="json"),
        "k": k,
        "seed": seed,
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    counts = {}
    with StoreWriter(out, info=info) as writer:
        for label in wanted:
            windows = made.sample(n, rng_for("synthesize", task.name, seed, label), label=label)
            shots = _shots(data, k, seed, label)
            passport = {
                "generator": preset.method,
                "config_hash": config_hash(made.config()),
                "task": task.name,
                "data_hash": data.data_hash,
                "shots": json.dumps(shots),
                "seed": seed,
                "code": code_version(),
            }
            for recording in _recordings(windows, label, passport):
                writer.add(recording, passport)
            counts[label] = len(windows)
    return counts


def _adapted(
    data: TaskData, generator: str, k: int, seed: int, labels: tuple[str, ...]
) -> Generator:
    preset = load_preset(generator, "generator")
    made = build_generator(preset.method, **preset.config)
    if made.space != "signal":
        raise InputError(
            f"generator '{generator}' makes feature rows, a store holds signals",
            "choose a preset with `space: signal`",
        )
    unknown = sorted(set(labels) - (set(data.classes) - {NORMAL}))
    if unknown:
        raise InputError(
            f"{data.task.name} has no fault class {unknown}; it has {list(data.classes)}"
        )
    support = _support(data, k, seed)
    healthy = data.healthy if data.healthy is not None else data.windows.take(support.normals)
    if len(healthy):
        made.pretrain(healthy, rng_for("pretrain", data.task.name, seed))
    shots = data.windows.take(support.shots)
    if labels:
        shots = shots.take(np.isin(shots.labels, labels))
    return made.adapt(shots, rng_for("adapt", data.task.name, seed))


def _support(data: TaskData, k: int, seed: int) -> Any:
    everything = np.arange(len(data.windows))
    whole = Fold("all windows", everything, everything[:0])
    task = data.task
    labels = data.windows.labels
    return draw_support(
        data.windows.table, labels, data.classes, whole, task.shots, k, seed, task.normals,
        task.name,
    )  # fmt: skip


def _shots(data: TaskData, k: int, seed: int, label: str) -> list[list[Any]]:
    """`[recording, start_sample]` of the shots of one class."""
    table = data.windows.table
    return [
        [str(table["recording"][i]), int(table["start_sample"][i])]
        for i in _support(data, k, seed).shots
        if data.windows.labels[i] == label
    ]


def _recordings(windows: WindowSet, label: str, passport: Mapping[str, Any]) -> Iterator[Recording]:
    nothing = ("",) * len(windows.channels)
    kept = {
        name: column
        for name, column in windows.table.items()
        if name not in ("label", "recording", "asset", "session", "synthetic", "start", "end",
                        "start_sample", "id", "source_file", "source_sha256", "flags")
    }  # fmt: skip
    for i in range(len(windows)):
        samples = np.ascontiguousarray(windows.x[i].T)
        digest = hashlib.sha256(samples.tobytes()).hexdigest()
        yield Recording(
            id=f"{label}-{i:05d}",
            label=label,
            streams=(
                StreamData(
                    STREAM, samples, windows.rate, windows.channels, nothing,
                    windows.units or nothing, None,
                ),
            ),
            source_file=f"generated by {passport['generator']}",
            source_sha256=digest,
            columns={name: column[i].item() for name, column in kept.items()},
        )  # fmt: skip
