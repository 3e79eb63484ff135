"""Synthetic windows as a store of their own, each with a passport."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.artifact import config_hash, read_head
from faultsyn.errors import InputError
from faultsyn.experiment.accept import draw_accepted, messages, reasons
from faultsyn.experiment.environment import code_version
from faultsyn.experiment.gate import MOST_NORMALS, Gate
from faultsyn.experiment.made import ClassMade, Made
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import Task, load_task
from faultsyn.experiment.training import (
    ARRAYS,
    Place,
    adapted,
    fault_classes,
    places,
    pretrained,
    signal_generator,
)
from faultsyn.store import Recording, Store, StoreWriter, StreamData
from faultsyn.synth import Generator, load_generator
from faultsyn.windows import WindowSet

STREAM = "synthetic"
_NOT_KEPT = frozenset(
    ("label", "recording", "asset", "session", "synthetic", "start", "end", "start_sample", "flags")
)
"""Columns that say where a real window came from, or that a recording has anyway."""

Progress = Callable[[int, int, str], None]
"""Called with steps or classes done, how many in all, and what has just been done."""


@dataclass(frozen=True)
class _Order:
    """What is wanted."""

    out: Path
    n: int
    seed: int
    labels: Sequence[str]
    gate: bool

    def __post_init__(self) -> None:
        if self.n < 1:
            raise InputError(f"synthesize: expected n of at least 1, got n = {self.n}")
        # Recordings cannot be made again: never write generated windows over a store that has any.
        if not self.out.exists():
            return
        with Store(self.out) as store:
            if not store.synthetic.all():
                raise InputError(
                    f"{self.out}: holds real recordings", "choose another path for --out"
                )


def synthesize_windows(
    task: Task,
    generator: str | Path,
    out: str | Path,
    *,
    k: int = 5,
    n: int = 100,
    seed: int = 0,
    labels: Sequence[str] = (),
    gate: bool = True,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Made:
    """Pretrain a preset, adapt it to K shots of each fault class, and write `n` windows of each.

    - `task`: says which windows, classes and channels; its split plays no part, the shots come
      from all its windows (judge the result on the rest, or on another machine).
    - `generator`: name of a preset, or path to one; it must work on signals.
    - `labels`: fault classes; all of the task's when empty.
    - `gate`: replace windows that are copies of a shot or out of the real range (see
      `faultsyn.experiment.gate`).

    Every window is a recording with a passport in `/synthetic`: generator, its configuration's
    hash, the shots it was adapted to (`[recording, start, end]` [s], as JSON), seed, task, data
    hash, code version, and what the gate found. The store's history holds the task and what the
    generator has seen, so that `evaluate_store` knows what to compare with. Equal arguments write
    equal windows, and those that pretrain, adapt and `synthesize_artifact` write one by one; not so
    where private noise is secret.

    Raises `InputError` on an unknown preset or class, a preset in feature space, too few windows
    for K shots, an `out` that holds real recordings, a generator that cannot work on this task, or
    when no window is accepted.
    """
    order = _Order(Path(out), n, seed, (), gate)
    built = signal_generator(generator)
    place = Place.of(task, None, seed, cache)
    fault_classes(place.data, labels)
    built.progress = progress
    normals = place.normals()
    if len(normals):
        pretrained(built, place, normals)
    built, shots = adapted(built, place, k, labels)
    built.progress = None
    return _write(order, built, place, shots, normals, "", progress)


def synthesize_artifact(
    artifact: str | Path,
    out: str | Path,
    *,
    store: str | Path | None = None,
    n: int = 100,
    seed: int = 0,
    labels: Sequence[str] = (),
    gate: bool = True,
    cache: str | Path = ARRAYS,
    progress: Progress | None = None,
) -> Made:
    """Write `n` windows of each class that an adapted artefact knows; else as above.

    - `store`: where the real recordings are now, if not where they were at adaptation; shots and
      healthy windows are read from there, for the gate and the page.

    Raises `InputError` also when the artefact is not adapted, or the store has changed since.
    """
    order = _Order(Path(out), n, seed, labels, gate)
    generator = load_generator(artifact)
    told = generator.provenance_.get("adapt")
    if told is None:
        raise InputError(
            f"{artifact}: not adapted to any shots", "`faultsyn adapt` makes an artefact that is"
        )
    task = load_task(told["posed"], **({} if store is None else {"store": str(store)}))
    place = Place.of(task, told["fold"], told["seed"], cache)
    if place.data.data_hash != told["data_hash"]:
        raise InputError(
            f"{task.store}: not the recordings that {artifact} was adapted on (hash "
            f"{place.data.data_hash}, expected {told['data_hash']})",
            "name the right store with --store, or adapt again",
        )
    shots = place.shots(told["k"], told["labels"])
    weights = read_head(artifact, "generator")["weights_sha256"][:16]
    return _write(order, generator, place, shots, place.normals(), weights, progress)


def _write(
    order: _Order,
    generator: Generator,
    place: Place,
    shots: WindowSet,
    normals: WindowSet,
    weights: str,
    progress: Progress | None,
) -> Made:
    wanted = _wanted(generator, order.labels)
    task, told = place.data.task, generator.provenance_
    facts = {
        "generator": generator.name,
        "config_hash": config_hash(generator.config()),
        "weights_hash": weights,
        "task": task.name,
        "data_hash": place.data.data_hash,
        "seed": order.seed,
        "code": code_version(),
    }
    info = {
        "synthesized": generator.name,
        "config": generator.config(),
        "task": task.model_dump(mode="json"),
        "labels": list(wanted),
        "k": told["adapt"]["k"],
        "n": order.n,
        "gate": order.gate,
        "seen": {step: step_told["seen"]["recordings"] for step, step_told in told.items()},
        **{key: facts[key] for key in ("data_hash", "weights_hash", "seed", "code")},
    }
    healthy = _thinned(normals)
    order.out.parent.mkdir(parents=True, exist_ok=True)
    classes: dict[str, ClassMade] = {}
    with StoreWriter(order.out, info=info) as writer:
        for done, label in enumerate(wanted, 1):
            mine = shots.of(label)
            rng = rng_for("synthesize", task.name, order.seed, label)
            judge = Gate(mine, healthy) if order.gate else None
            made, figures = draw_accepted(generator, label, order.n, rng, judge, mine)
            classes[label] = made
            counts = {
                "drawn": made.drawn,
                "accepted": made.accepted,
                "rejected": json.dumps(dict(made.rejected)),
            }
            own = {**facts, "shots": json.dumps(places(mine)), **counts}
            for i, recording in enumerate(_recordings(made.windows, label, own)):
                extra = {name: float(column[i]) for name, column in figures.items()}
                writer.add(recording, {**own, **extra})
            if progress is not None:
                progress(done, len(wanted), label)
        if not any(made.accepted for made in classes.values()):
            raise InputError(
                f"no window of {generator.name} was accepted: {reasons(classes.values())}",
                "choose another generator or more shots, or switch the gate off with --no-gate",
            )
    said = (*generator.warnings_, *messages(classes, order.n))
    return Made(order.out, classes, healthy, facts, generator.config(), told, said)


def _wanted(generator: Generator, labels: Sequence[str]) -> tuple[str, ...]:
    """The classes to make, of those that the generator is adapted to."""
    unknown = sorted(set(labels) - set(generator.classes_))
    if unknown:
        raise InputError(
            f"{generator.name}: not adapted to {', '.join(unknown)}; there are "
            f"{', '.join(generator.classes_)}"
        )
    return tuple(label for label in generator.classes_ if label in labels or not labels)


def _thinned(normals: WindowSet) -> WindowSet | None:
    if len(normals) == 0:
        return None
    count = min(len(normals), MOST_NORMALS)
    return normals.take(np.linspace(0, len(normals) - 1, count).round().astype(int))


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
