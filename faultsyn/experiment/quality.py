"""Judging a store of synthetic windows by the real windows that its generator never saw."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.evaluate.quality import QualityReport, evaluate_quality
from faultsyn.evaluate.registry import build_metrics
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import Task, load_task
from faultsyn.store import Store, WindowSpec
from faultsyn.windows import NORMAL, WindowSet

MOST_REAL = 120
"""Real windows of a class that are compared with, spread evenly over its recordings.

The controls read them some twenty times over: 120 windows of 4096 samples take the better part of
a minute of one core, and halves of 60 are enough to rank the controls."""
MOST_SYNTHETIC = 400
"""Synthetic windows of a class that are searched for copies and drawn; each measure takes as many
of them as half the real windows are."""
MOST_NORMAL = 320
"""Healthy windows: enough for the 300 principal components that are looked at."""
MOST_OTHERS = 120
"""Real windows of the other classes, for the control "another fault"."""

Progress = Callable[[int, int, str], None]
"""Called with classes done, classes in all, and the class that has just been done."""


@dataclass(frozen=True)
class StoreQuality:
    """What was found about a store of synthetic windows.

    - `reports`: by class.
    - `task`: the task by whose windows it was judged.
    - `generators`: names in the passports.
    - `rate`, `channels`, `units`: of the windows.
    """

    reports: dict[str, QualityReport]
    task: str
    generators: tuple[str, ...]
    rate: float
    channels: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class _Synthetic:
    """What a store of synthetic windows holds.

    - `shots`: `(recording, start, end)` [s]; `pretrained`: recordings that were pretrained on.
    """

    windows: WindowSet
    shots: frozenset[tuple[str, float, float]]
    pretrained: frozenset[str]
    generators: tuple[str, ...]
    task: Task | None


def evaluate_store(
    real: str | Path,
    synthetic: str | Path,
    *,
    task: Task | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    cache: str | Path = CACHE / "arrays",
    progress: Progress | None = None,
) -> StoreQuality:
    """The quality of each class of synthetic windows, beside its real-vs-real floor.

    - `real`: store of the real recordings.
    - `synthetic`: store that `synthesize_windows` wrote, or any store with passports.
    - `task`: says what a real window is; what the synthetic store was made for when None.
    - `metrics`: names of measures; all but the costly ones when None.

    Windows that overlap a shot named in a passport are taken out of the real ones and serve as the
    reference for copies; windows of recordings that the generator was pretrained on are taken out.
    Large sets are thinned (the constants above), so that a class takes well under a minute. Raises
    `InputError` when a store has no synthetic windows, no task is known, the windows of the two
    cannot be compared, or a measure is unknown.
    """
    build_metrics(metrics)  # an unknown name should not cost the reading of a store
    made = _read_synthetic(Path(synthetic))
    chosen = task or made.task
    if chosen is None:
        raise InputError(f"{synthetic}: does not say what task it was made for", "give --task")
    data = load_data(chosen.model_copy(update={"store": str(real)}), ArrayCache(Path(cache)))
    rng = rng_for("evaluate", chosen.name, seed)
    is_shot = _overlapping(data.windows, made.shots)
    seen = is_shot | np.isin(data.windows.column("recording").astype(str), list(made.pretrained))
    labels = list(dict.fromkeys(made.windows.labels.tolist()))
    reports = {}
    for done, label in enumerate(labels, 1):
        reports[label] = _judge(label, data, is_shot, seen, made.windows.of(label), metrics, rng)
        if progress is not None:
            progress(done, len(labels), label)
    windows = made.windows
    return StoreQuality(
        reports, chosen.name, made.generators, windows.rate, windows.channels, windows.units
    )


def _judge(
    label: str,
    data: TaskData,
    is_shot: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    synthetic: WindowSet,
    metrics: Sequence[str] | None,
    rng: np.random.Generator,
) -> QualityReport:
    mine = data.windows.labels == label
    if not mine.any():
        raise InputError(
            f"{data.task.name}: no real windows of class '{label}' to judge its synthetic ones by; "
            f"the classes are {', '.join(data.classes)}",
            "give the task that they were made for",
        )
    unseen = np.flatnonzero(mine & ~seen)
    if len(unseen) == 0:
        raise InputError(
            f"{data.task.name}: the generator has seen every real window of class '{label}'",
            "make the windows from fewer shots, or judge by recordings of another machine",
        )
    shots = data.windows.take(np.flatnonzero(mine & is_shot))
    others = _spread(np.flatnonzero(~mine & ~seen), MOST_OTHERS)
    normal = _normal(data)
    return evaluate_quality(
        data.windows.take(_spread(unseen, MOST_REAL)),
        synthetic.take(_spread(np.arange(len(synthetic)), MOST_SYNTHETIC)),
        shots if len(shots) else None,
        normal,
        rng,
        metrics=metrics,
        others={"another fault": data.windows.take(others)} if len(others) else None,
    )


def _read_synthetic(path: Path) -> _Synthetic:
    with Store(path) as store:
        if not store.synthetic.any():
            raise InputError(
                f"{path}: holds no synthetic windows", "`faultsyn synthesize` makes some"
            )
        rows = np.flatnonzero(store.synthetic)
        names = [name for name, file in store.stream_files.items() if file.present[rows].any()]
        lengths = sorted(
            {int(n) for name in names for n in np.diff(store.stream_files[name].offsets)[rows]}
        )
        if len(names) != 1 or len(lengths) != 1:
            raise InputError(
                f"{path}: expected synthetic windows of one stream and length, got streams "
                f"{', '.join(names)} and lengths of {', '.join(map(str, lengths))} samples"
            )
        stream = store.streams[names[0]]
        spec = WindowSpec(lengths[0], stream.rate, stream.channels)
        windows = store.windows(spec, rows).read()
        passports, history = store.passports, [json.loads(text) for text in store.history]
    pretrained = [name for entry in history for name in entry.get("seen", {}).get("pretrain", ())]
    tasks = [entry["task"] for entry in history if "task" in entry]
    return _Synthetic(
        windows,
        _shots(path, passports.get("shots", np.zeros(0, str))),
        frozenset(pretrained),
        tuple(dict.fromkeys(passports.get("generator", np.zeros(0, str)).tolist())),
        load_task(tasks[-1]) if tasks else None,
    )


def _shots(path: Path, texts: NDArray[np.str_]) -> frozenset[tuple[str, float, float]]:
    try:
        return frozenset(
            (str(recording), float(start), float(end))
            for text in dict.fromkeys(texts.tolist())
            if text
            for recording, start, end in json.loads(text)
        )
    except (ValueError, TypeError):
        raise InputError(
            f"{path}: the shots in a passport should be [recording, start, end] as JSON"
        ) from None


def _overlapping(
    windows: WindowSet, shots: frozenset[tuple[str, float, float]]
) -> NDArray[np.bool_]:
    """Windows that share time with a shot; half a sample is rounding."""
    slack = 0.5 / windows.rate
    recording, start, end = (windows.column(name) for name in ("recording", "start", "end"))
    found = np.zeros(len(windows), bool)
    for of, first, last in shots:
        found |= (recording == of) & (start < last - slack) & (end > first + slack)
    return found


def _normal(data: TaskData) -> WindowSet | None:
    healthy = data.windows.of(NORMAL) if data.healthy is None else data.healthy
    return healthy.take(_spread(np.arange(len(healthy)), MOST_NORMAL)) if len(healthy) else None


def _spread(index: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of `index`, evenly spread: windows stand in the order of recordings."""
    if len(index) <= most:
        return index
    kept: NDArray[np.intp] = index[np.linspace(0, len(index) - 1, most).round().astype(int)]
    return kept
