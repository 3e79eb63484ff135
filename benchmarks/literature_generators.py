"""Is each generator of the literature implemented right? All data of one fault, not K shots.

CWRU, inner race, 21 mil, drive end, windows of 1024: generators learn from the whole first half of
the record and are judged by the other half. With so much data an implementation that is right makes
the fault's envelope line: at least 0.7 times the real one where the method can at all. Prints
Markdown, CPU seconds of training and of sampling beside the measures.

    python benchmarks/literature_generators.py [--data DIR] [--arms PRESET ...] [--seed N]
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path

import numpy as np
from measures_controls import DRIVE_END, cwru

from faultsyn.evaluate.registry import build_metrics
from faultsyn.experiment.presets import load_preset
from faultsyn.synth import build_generator
from faultsyn.windows import WindowSet

MEASURES = ("line", "kurtosis", "psd-distance", "memorisation", "two-sample-coarse", "diversity")
ARMS = (
    "cycle-bootstrap",
    "cwgan-vibration",
    "wdcgan-vibration",
    "wdcgan-frequency",
    "wdcgan-image",
    "ddpm-vibration",
    "vae-vibration",
    "adversarial-autoencoder-vibration",
)


def figures(real: WindowSet, made: WindowSet, shots: WindowSet) -> list[str]:
    """One cell for each measure, value and real floor."""
    cells = []
    for metric in build_metrics(MEASURES):
        got = metric(real, made, np.random.default_rng(0), shots=shots)
        cells.append("-" if got.value is None else f"{got.value:.2f} ({got.floor:.2f})")
    return cells


def row(arm: str, shots: WindowSet, real: WindowSet, seed: int) -> str:
    """Train, sample as many windows as there are real ones, judge."""
    preset, rng = load_preset(arm, "generator"), np.random.default_rng(seed)
    generator = build_generator(preset.method, **preset.config)
    times = [time.process_time()]
    generator.adapt(shots, rng)
    times.append(time.process_time())
    made = generator.sample(len(real), rng)
    times.append(time.process_time())
    spent = [f"{b - a:.1f}" for a, b in itertools.pairwise(times)]
    said = "; ".join(generator.warnings_) or "-"
    return " | ".join([arm, *figures(real, made, shots), *spent, said])


def main() -> None:
    """Print one row for each generator."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    windows = cwru(given.data / DRIVE_END / "IR/021/209_0.mat", "inner", 1024)
    half = len(windows) // 2
    shots, real = windows.take(slice(0, half)), windows.take(slice(half, None))
    heads = ("generator", *MEASURES, "train [s]", "sample [s]", "guard")
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    print(
        f"| real, first half | {' | '.join(figures(real, shots, shots))} | - | - | - |", flush=True
    )
    for arm in given.arms:
        print(f"| {row(arm, shots, real, given.seed)} |", flush=True)


if __name__ == "__main__":
    main()
