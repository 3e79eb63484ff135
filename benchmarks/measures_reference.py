"""Lines and copies of simple generators on two CWRU faults: reference figures of docs/measures.md.

Drive end, 21 mil, load 0, windows of 1024 samples. K shots are drawn from one half of the record;
each generator makes as many windows as the other half holds, and both are read alike. *Line*: the
measure `line` of the set. *Copy*: largest circular cross-correlation of each window to any shot,
mean over windows. Three seeds, both ways round: mean, and smallest to largest of the six.

Run: python benchmarks/measures_reference.py [--data DIR] [--seeds N]. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measures_controls import DRIVE_END, cwru

from faultsyn.evaluate.line import set_line
from faultsyn.evaluate.memorisation import similarity
from faultsyn.synth import build_generator
from faultsyn.windows import WindowSet

FAULTS = {"inner": "IR/021/209_0.mat", "outer": "OR/021/@6/234_0.mat"}
GENERATORS = {
    "cycle bootstrap": ("cycle-bootstrap", {}),
    "IAAFT": ("surrogate", {"method": "iaaft"}),
    "phase-randomised": ("surrogate", {"method": "phase"}),
    "exact copies": ("oversample", {}),
}
REAL = "real, other half"
SHOTS = (5, 20)

Figures = dict[str, tuple[float, float]]
"""Line and copy score by arm."""


def fault(data: Path, label: str) -> WindowSet:
    """The record of one fault in disjoint windows of 1024 samples."""
    return cwru(data / DRIVE_END / FAULTS[label], label, 1024)


def figures(shots: WindowSet, unseen: WindowSet, rng: np.random.Generator) -> Figures:
    """Line and copy score of the unseen half, and of as many windows of each generator."""
    arms = {REAL: unseen}
    for name, (method, config) in GENERATORS.items():
        generator = build_generator(method, **config).adapt(shots, rng)
        arms[name] = generator.sample(len(unseen), rng, label=str(shots.labels[0]))
    return {
        name: (set_line(made), float(similarity(made, shots, shots).best.mean()))
        for name, made in arms.items()
    }


def repeats(record: WindowSet, k: int, seeds: int) -> Iterator[Figures]:
    """`figures` for each seed, with the shots from the first half and from the second."""
    middle = len(record) // 2
    halves = record.take(slice(0, middle)), record.take(slice(middle, None))
    for seed in range(seeds):
        for way, (mine, other) in enumerate((halves, halves[::-1])):
            rng = np.random.default_rng([seed, way, k])
            shots = mine.take(np.sort(rng.permutation(len(mine))[:k]))
            yield figures(shots, other, rng)


def main() -> None:
    """Print one table: arms down, faults and numbers of shots across."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    found = {
        (label, k): list(repeats(fault(arguments.data, label), k, arguments.seeds))
        for label in FAULTS
        for k in SHOTS
    }
    for at, what in enumerate(("line", "copy")):
        print(f"\n| {what} | {' | '.join(f'{label}, {k} shots' for label, k in found)} |")
        print("|---" * (len(found) + 1) + "|")
        for arm in (REAL, *GENERATORS):
            cells = [_cell([one[arm][at] for one in runs]) for runs in found.values()]
            print(f"| {arm} | {' | '.join(cells)} |", flush=True)


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
