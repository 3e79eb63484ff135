"""Synthetic windows of a task as a store of their own, each with a passport."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import config_hash
from faultsyn.errors import InputError
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.shots import Support, draw_support
from faultsyn.experiment.split import Fold
from faultsyn.experiment.task import Task
from faultsyn.store import Recording, Store, StoreWriter, StreamData
from faultsyn.synth import Generator, build_generator
from faultsyn.windows import NORMAL, WindowSet

STREAM = "synthetic"

_NOT_KEPT = frozenset(
    ("label", "recording", "asset", "session", "synthetic", "start", "end", "start_sample", "flags")
)
"""Columns that say where a real window came from, or that a recording has anyway."""

Progress = Callable[[int, int, str], None]
"""Called with classes done, classes in all, and the class that has just been done."""


def synthesize_windows(
    task: Task,
    generator: str | Path,
    out: str | Path,
    *,
    k: int = 5,
    n: int = 100,
    seed: int = 0,
    labels: tuple[str, ...] = (),
    cache: str | Path = CACHE / "arrays",
    progress: Progress | None = None,
) -> dict[str, int]:
    """Adapt a generator to K shots of each fault class and write `n` windows of each to a store.

    - `task`: says which windows, classes and channels; its split plays no part, the shots come
      from all its windows (judge the result on the rest, or on another machine).
    - `generator`: name of a preset, or path to one; it must work on signals.
    - `labels`: fault classes; all of the task's when empty.

    Every window is a recording with a passport in `/synthetic`: generator, its configuration's
    hash, the shots it was adapted to (`[recording, start, end]` [s], as JSON), seed, task, data
    hash, code version. The store's history holds the task, so that `evaluate_store` knows what to
    compare with. Equal arguments write equal windows. Returns windows made by class.

    Raises `InputError` on an unknown preset or class, a preset in feature space, too few windows
    for K shots, an `out` that holds real recordings, or a generator that cannot work on this task.
    """
    if k < 1 or n < 1:
        raise InputError(f"synthesize: expected k and n of at least 1, got k = {k}, n = {n}")
    _require_replaceable(Path(out))
    built = _signal_generator(generator)
    data = load_data(task, ArrayCache(Path(cache)))
    wanted = _wanted(data, labels)
    support = _support(data, k, seed)
    shots = data.windows.take(support.shots)
    shots = shots.take(np.isin(shots.labels, wanted))
    healthy = data.windows.take(support.normals) if data.healthy is None else data.healthy
    if len(healthy):
        built.pretrain(healthy, rng_for("pretrain", task.name, seed))
    built.adapt(shots, rng_for("adapt", task.name, seed))
    passport = {
        "generator": built.name,
        "config_hash": config_hash(built.config()),
        "task": task.name,
        "data_hash": data.data_hash,
        "seed": seed,
        "code": code_version(),
    }
    info = {
        "synthesized": built.name,
        "config": built.config(),
        "task": task.model_dump(mode="json"),
        "labels": list(wanted),
        "k": k,
        "n": n,
        **{key: passport[key] for key in ("data_hash", "seed", "code")},
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    counts = {}
    with StoreWriter(out, info=info) as writer:
        for done, label in enumerate(wanted, 1):
            made = built.sample(n, rng_for("synthesize", task.name, seed, label), label=label)
            if len(made) == 0:
                raise InputError(f"generator '{generator}' makes no windows", "choose another")
            own = {**passport, "shots": json.dumps(_places(shots.of(label)))}
            for recording in _recordings(made, label, own):
                writer.add(recording, own)
            counts[label] = len(made)
            if progress is not None:
                progress(done, len(wanted), label)
    return counts


def _require_replaceable(out: Path) -> None:
    """Recordings cannot be made again: never write generated windows over a store that has any."""
    if not out.exists():
        return
    with Store(out) as store:
        if not store.synthetic.all():
            raise InputError(f"{out}: holds real recordings", "choose another path for --out")


def _signal_generator(name: str | Path) -> Generator:
    preset = load_preset(name, "generator")
    built = build_generator(preset.method, **preset.config)
    if built.space != "signal":
        raise InputError(
            f"generator '{name}' makes feature rows, a store holds signals",
            "choose a preset that works on signals (`space: signal`)",
        )
    return built


def _wanted(data: TaskData, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The fault classes to make, in the task's order."""
    faults = tuple(label for label in data.classes if label != NORMAL)
    unknown = sorted(set(labels) - set(faults))
    if unknown:
        raise InputError(
            f"{data.task.name}: no fault class {', '.join(unknown)}; there are {', '.join(faults)}"
        )
    return tuple(label for label in faults if label in labels or not labels)


def _support(data: TaskData, k: int, seed: int) -> Support:
    task, windows = data.task, data.windows
    everything = np.arange(len(windows))
    whole = Fold("all windows", everything, everything[:0])
    return draw_support(
        windows.table, windows.labels, data.classes, whole, task.shots, k, seed, task.normals,
        task.name,
    )  # fmt: skip


def _places(shots: WindowSet) -> list[list[Any]]:
    """`[recording, start, end]` of each window, times in seconds."""
    names = ("recording", "start", "end")
    columns = [shots.column(name).tolist() for name in names]
    return [list(place) for place in zip(*columns, strict=True)]


def _recordings(windows: WindowSet, label: str, passport: Mapping[str, Any]) -> Iterator[Recording]:
    nothing = ("",) * len(windows.channels)
    kept = {name: column for name, column in windows.table.items() if name not in _NOT_KEPT}
    for i in range(len(windows)):
        samples = np.ascontiguousarray(windows.x[i].T)
        place = f"{passport['config_hash']} {passport['seed']} {label} {i}".encode()
        stream = StreamData(
            STREAM, samples, windows.rate, windows.channels, nothing, windows.units or nothing, None
        )
        yield Recording(
            id=f"{label}-{i:05d}",
            label=label,
            streams=(stream,),
            source_file=f"generated by {passport['generator']}",
            source_sha256=hashlib.sha256(place + samples.tobytes()).hexdigest(),
            columns={name: column[i].item() for name, column in kept.items()},
        )
