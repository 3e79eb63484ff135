"""FaultDiffusion as published beside ours on the Tennessee Eastman process: quality of the windows.

Windows of 24 samples, 52 channels; ten faults, 5 shots of each training run; what is made is judged
by the test runs, each figure beside its floor (real test windows against others of them). The
faithful variant trains for fewer steps than its preset, as the arguments say. Prints a Markdown
table.

    python benchmarks/faultdiffusion_tep.py [--pretrain-steps 1500] [--adapt-steps 150] [--seeds 2]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from faultsyn.evaluate.registry import build_metrics
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.task import load_task
from faultsyn.synth import build_generator
from faultsyn.windows import NORMAL, WindowSet, concat

FAULTS = tuple(f"fault{n:02d}" for n in (1, 2, 4, 5, 6, 7, 8, 10, 11, 12))
MEASURES = ("context-fid", "correlation-error", "two-sample-coarse", "two-sample-fine", "diversity")
ARMS = (
    "faultdiffusion-paper",
    "faultdiffusion-difference-signal",
    "matched-difference-signal",
    "shrunken-gaussian-signal",
)
SHOTS, MADE = 5, 33


def main() -> None:
    """Print one row for each generator."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pretrain-steps", type=int, default=1500)
    parser.add_argument("--adapt-steps", type=int, default=150)
    parser.add_argument("--sample-steps", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    short = {
        "pretrain_steps": given.pretrain_steps,
        "adapt_steps": given.adapt_steps,
        "sample_steps": given.sample_steps,
    }
    if not Path("data/tep.h5").is_file():
        print("left out: no data/tep.h5; `faultsyn ingest tep --raw FOLDER --out data/tep.h5`")
        return
    data = load_data(load_task("tep"), ArrayCache(CACHE / "arrays"))
    fold = data.folds[0]
    train, test = data.windows.take(fold.train), data.windows.take(fold.test)
    normal = train.of(NORMAL)
    found: dict[str, list[dict[str, tuple[float, float]]]] = {arm: [] for arm in ARMS}
    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        shots = concat(
            of.take(np.sort(rng.permutation(len(of))[:SHOTS]))
            for of in (train.of(label) for label in FAULTS)
        )
        for arm in ARMS:
            started = time.process_time()
            made = make(arm, normal, shots, seed, short if arm == "faultdiffusion-paper" else {})
            seconds[arm].append(time.process_time() - started)
            found[arm].append(judge(made, test, shots, normal))
    print(f"{given.seeds} draws of shots; faultdiffusion-paper with {short}\n")
    print("| generator | CPU s | " + " | ".join(MEASURES) + " |")
    print("|---|---|" + "---|" * len(MEASURES))
    for arm in ARMS:
        cells = []
        for name in MEASURES:
            values = [row[name] for row in found[arm] if name in row]
            if not values:
                cells.append("-")
                continue
            value, floor = np.mean(values, axis=0)
            cells.append(f"{value:.3g} ({floor:.3g})")
        print(f"| {arm} | {np.mean(seconds[arm]):.3g} | " + " | ".join(cells) + " |")


def make(
    arm: str, normal: WindowSet, shots: WindowSet, seed: int, over: dict[str, int]
) -> WindowSet:
    """Windows of every fault by one preset, `over` replacing settings."""
    preset = load_preset(arm, "generator")
    generator = build_generator(preset.method, **{**preset.config, **over})
    rng = np.random.default_rng(1000 + seed)
    generator.pretrain(normal, rng).adapt(shots, rng)
    return concat(generator.sample(MADE, rng, label=label) for label in generator.classes_)


def judge(
    made: WindowSet, test: WindowSet, shots: WindowSet, normal: WindowSet
) -> dict[str, tuple[float, float]]:
    """Mean value and floor over the faults, of every measure that can be computed."""
    rows = {}
    for measure in build_metrics(MEASURES):
        pairs = []
        for label in FAULTS:
            got = measure(
                test.of(label), made.of(label), np.random.default_rng(0), shots.of(label), normal
            )
            if got.value is not None and got.floor is not None:
                pairs.append((got.value, got.floor))
        if pairs:
            value, floor = np.mean(pairs, axis=0)
            rows[measure.name] = (float(value), float(floor))
    return rows


if __name__ == "__main__":
    main()
