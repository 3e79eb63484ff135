"""Results with known content, so that a report's words can be checked against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.experiment.results import CONTROL, SCHEMA, confusion_text

Row = dict[str, Any]


def result_row(**values: Any) -> Row:
    """One row of results.csv with sensible values where none are given."""
    row: Row = {
        "task": "rig", "split": "asset", "budget": "normal and K shots", "k": "5", "seed": 0,
        "group": "bearing-1", "generator": "none", "n_synthetic": 0, "classifier": "ncm",
        "macro_f1": 0.5, "balanced_accuracy": 0.5, "macro_auroc": 0.7, "ece": 0.1,
        "false_alarm_rate": 0.02, "false_alarm_at_95": 0.2, "fit_seconds": 0.3,
        "predict_seconds": 0.01, "generator_fit_seconds": float("nan"),
        "generator_sample_seconds": float("nan"), "generator_memory_mb": float("nan"),
        "n_train_windows": 120, "n_train_recordings": 12,
        "n_train_assets": 4, "n_shot_recordings": 3, "n_shot_assets": 2, "n_test_windows": 60,
        "confusion": "20 0 0;5 10 5;0 6 14", "classes": "normal|inner|outer", "commit": "abc1234",
        "config_hash": "c0ffee", "data_hash": "d00d", "status": "ok", "key": "k",
    }  # fmt: skip
    assert set(row) == set(SCHEMA)
    return row | values


def study_rows(
    *,
    gain: float = 0.0,
    generators: tuple[str, ...] = ("none", "oversample", "diff-aug", "wavelet"),
    classifiers: tuple[str, ...] = ("ncm", "random-forest", "lda"),
    groups: int = 6,
    seeds: int = 6,
    ks: tuple[str, ...] = ("1", "5", "all"),
    task: str = "rig",
    leak: bool = True,
    controls: bool = True,
) -> list[Row]:
    """A whole study; `gain` is what the candidate `wavelet` adds to everything cheap."""
    rng = np.random.default_rng(7)
    level = {"none": 0.0, "oversample": 0.02, "diff-aug": 0.05, "wavelet": 0.05 + gain}
    hard = rng.normal(0, 0.08, groups)
    rows = []

    def add(score: float, **values: Any) -> None:
        score = float(np.clip(score, 0, 1))
        hit = round(20 * score)
        counts = np.full((3, 3), (20 - hit) // 2)
        np.fill_diagonal(counts, hit)
        rows.append(
            result_row(
                task=task,
                balanced_accuracy=score,
                macro_f1=max(score - 0.01, 0),
                confusion=confusion_text(counts),
                key=f"{task}{len(rows)}",
                **values,
            )
        )

    for i, k in enumerate(ks):
        for seed in range(seeds):
            for group in range(groups):
                place = {"k": k, "seed": seed, "group": f"bearing-{group + 1}"}
                for generator in generators:
                    for j, classifier in enumerate(classifiers):
                        mean = 0.5 + 0.1 * i + 0.03 * j + level.get(generator, 0.05) + hard[group]
                        add(
                            mean + rng.normal(0, 0.02),
                            generator=generator,
                            classifier=classifier,
                            n_synthetic=0 if generator == "none" else 100,
                            **place,
                        )
                if controls:
                    for name in ("shuffled labels", "metadata only"):
                        score = 1 / 3 + rng.normal(0, 0.02)
                        add(score, classifier=CONTROL + name, **place)
    if leak:
        for classifier in classifiers:
            for seed in range(seeds):
                score = 0.985 + rng.normal(0, 0.004)
                add(score, split="window", k=ks[-1], seed=seed, group="windows 1",
                    classifier=classifier)  # fmt: skip
    return rows


def write_example(folder: Path, *, rate: float | None, shape: tuple[int, int], **meta: Any) -> None:
    """One examples file with noise in it."""
    rng = np.random.default_rng(1)
    info = {
        "task": "rig", "generator": "wavelet", "label": "outer", "rate": rate,
        "channels": [f"c{i}" for i in range(shape[0])], "units": ["g"] * shape[0],
        "rpm": None, "bearing": None,
    } | meta  # fmt: skip
    (folder / "examples").mkdir(exist_ok=True)
    real, synthetic = (rng.normal(size=(4, *shape)).astype(np.float32) for _ in range(2))
    np.savez(
        folder / "examples" / f"{info['task']}__{info['generator']}__{info['label']}.npz",
        real=real,
        synthetic=synthetic,
        meta=np.array([json.dumps(info)]),
    )
