"""What FaultDiffusion's vibration adapters stand on: four trunks beside each other.

Run: python benchmarks/faultdiffusion_trunks.py [--data DIR] [--seeds N] [--steps N]

The trunk of the package (simulated machines); one pretrained here on simulated machines and one
on the healthy record of the same rig, both for equally many steps; and no frozen trunk: the whole
network trained on the shots. Cases, measures and table as in `faultdiffusion_quality.py`, K = 5.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
from faultdiffusion_quality import MADE, VIBRATION, Figures, faulty, figures, head, rig, table
from measures_controls import cwru

from faultsyn.signal.bearing import orders
from faultsyn.synth import build_generator
from faultsyn.synth.base import Generator
from faultsyn.windows import NORMAL, WindowSet

K = 5
ARMS = ("shipped", "simulator", "healthy-record", "shots-alone")
Maker = Callable[[WindowSet, np.random.Generator], WindowSet]
"""Windows from shots."""


def adapted(trunk: Generator) -> Maker:
    """Adapters on a frozen trunk."""
    return lambda shots, rng: deepcopy(trunk).adapt(shots, rng).sample(MADE, rng)


def pretrained(source: str, normal: WindowSet, steps: int) -> Maker:
    """Adapters on a trunk that is pretrained here."""
    trunk = build_generator(VIBRATION, pretrain_on=source, pretrain_steps=steps)
    return adapted(trunk.pretrain(normal, np.random.default_rng(0)))


def from_shots(steps: int) -> Maker:
    """A network that learns from the shots alone, all its weights.

    The shots pass as the windows to pretrain on, which must be called normal; the network is told
    where they strike all the same.
    """

    def make(shots: WindowSet, rng: np.random.Generator) -> WindowSet:
        label = str(shots.labels[0])
        named, order = shots.with_columns(label=NORMAL), orders("6205").of(label)
        generator = build_generator(
            VIBRATION,
            pretrain_on="normal",
            pretrain_steps=steps,
            steps=0,
            orders={NORMAL: order},
        )
        made = generator.pretrain(named, rng).adapt(named, rng).sample(MADE, rng)
        return made.with_columns(label=label)

    return make


def one(windows: WindowSet, seed: int, make: Maker) -> tuple[Figures, float]:
    """Measures of windows made from K shots of the first half, against the other half."""
    half, rng = len(windows) // 2, np.random.default_rng(seed)
    shots = windows.take(np.sort(rng.permutation(half)[:K]))
    return figures(windows.take(slice(half, None)), make(shots, rng), shots), float("nan")


def main() -> None:
    """Print one table per case."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of pretraining")
    parser.add_argument("--shot-steps", type=int, default=150, help="of training on shots alone")
    parser.add_argument("--arms", nargs="+", default=ARMS, help=f"some of {ARMS}")
    arguments = parser.parse_args()

    @cache
    def maker(arm: str, place: str) -> Maker:
        if arm == "shipped":
            return adapted(build_generator(VIBRATION))
        if arm == "shots-alone":
            return from_shots(arguments.shot_steps)
        if arm == "simulator":
            return pretrained("simulator", rig(NORMAL), arguments.steps)
        record = arguments.data / "cwru/Normal/97_Normal_0.mat"
        healthy = rig(NORMAL) if place == "rig" else cwru(record, NORMAL, 1024)
        return pretrained("normal", healthy, arguments.steps)

    for case in ("inner", "outer", "rig"):
        windows = faulty(arguments.data, case, 1024)
        head(f"{case}, K = {K}")
        for arm in arguments.arms:
            place = ("rig" if case == "rig" else "CWRU") if arm == "healthy-record" else ""
            make = maker(arm, place)
            table(arm, lambda seed, w=windows, m=make: one(w, seed, m), arguments.seeds)


if __name__ == "__main__":
    main()
