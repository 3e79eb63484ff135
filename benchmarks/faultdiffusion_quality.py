"""FaultDiffusion's vibration windows beside the simple generators and real windows.

Run: python benchmarks/faultdiffusion_quality.py [--data DIR] [--seeds N] [--shots K ...]
[--samples T] [--arms WORD ...]. CWRU, drive end, 21 mil, inner and outer race, windows of 1024:
shots from the first half of the record, judged on the other half; and a simulated rig. Prints
Markdown: mean over seeds and half the width of the 95 % interval of Student's t; CPU seconds of
adaptation.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measures_controls import DRIVE_END, cwru
from scipy.stats import t as student

from faultsyn.evaluate.registry import build_metrics
from faultsyn.signal.bearing import orders
from faultsyn.signal.impulse import impulse_train, resonance, ring
from faultsyn.synth import build_generator
from faultsyn.windows import NORMAL, WindowSet

MADE = 60
MEASURES = (
    "line",
    "kurtosis",
    "psd-distance",
    "memorisation",
    "two-sample-coarse",
    "diversity",
)
VIBRATION = "faultdiffusion-vibration"
ARMS: dict[str, tuple[str, dict[str, object]]] = {
    "cycle bootstrap": ("cycle-bootstrap", {}),
    "cycle bootstrap, runs of 5": ("cycle-bootstrap", {"run": 5.0}),
    "domain-randomised": ("domain-randomised", {}),
    "FaultDiffusion": (VIBRATION, {}),
    "no adapter": (VIBRATION, {"steps": 0}),
    "from noise": (VIBRATION, {"start": "noise"}),
    "from cycle bootstrap": (VIBRATION, {"start": "cycle-bootstrap", "start_sigma": 0.6}),
    "no guidance": (VIBRATION, {"guidance": 1.0}),
    "not equalised": (VIBRATION, {"equalise": False}),
    "no skeleton": (VIBRATION, {}),
}
"""The first four belong to the main table, the others to the ablation. Without a speed there is no
skeleton, and no template to start from either: compare "no skeleton" with "from noise"."""
FILES = {"inner": "IR/021/209_0.mat", "outer": "OR/021/@6/234_0.mat"}
Figures = dict[str, tuple[float, float]]
"""Value and real floor of each measure."""


def faulty(data: Path, case: str, samples: int) -> WindowSet:
    """Windows of a case: "inner" and "outer" of CWRU, "rig"."""
    if case == "rig":
        return rig("inner", samples=samples)
    return cwru(data / DRIVE_END / FILES[case], case, samples)


def rig(label: str, n: int = 120, samples: int = 1024) -> WindowSet:
    """Consecutive windows of one simulated recording: a 6205 at 1797 rpm, 12 kHz."""
    rng = np.random.default_rng({"inner": 1, "outer": 2, NORMAL: 3}[label])
    length, rate = n * samples, 12000.0
    fault = 0.0 if label == NORMAL else strikes(label, length, rate, rng)
    x = fault + 0.6 * rng.standard_normal(length)
    table = {
        "label": np.full(n, label),
        "recording": np.full(n, f"rig-{label}"),
        "start": np.arange(n) * samples / rate,
        "rpm": np.full(n, 1797.0),
        "bearing": np.full(n, "6205"),
    }
    return WindowSet(x.reshape(n, 1, samples).astype(np.float32), table, rate, ("DE",))


def strikes(label: str, length: int, rate: float, rng: np.random.Generator) -> np.ndarray:
    """The fault's part of a recording, of unit RMS."""
    hz = orders("6205").of(label) * 1797 / 60
    train = impulse_train(
        length,
        rate,
        hz,
        rng,
        slip=0.003,
        amplitude_spread=0.2,
        modulation_frequency=1797 / 60,
        modulation_depth=0.8 if label == "inner" else 0.1,
    )
    body = resonance(600, rate, [[2900.0, 3700.0]], [[0.03, 0.05]], [[1.0, 0.5]])
    fault = ring(train, body)[0]
    made: np.ndarray = fault / fault.std()
    return made


def figures(real: WindowSet, made: WindowSet, shots: WindowSet) -> Figures:
    """Value and real floor of each measure."""
    found = {}
    for metric in build_metrics(list(MEASURES)):
        result = metric(real, made, np.random.default_rng(0), shots=shots)
        found[metric.name] = (result.value or np.nan, result.floor or np.nan)
    return found


def one(windows: WindowSet, k: int, seed: int, arm: str) -> tuple[Figures, float]:
    """Measures of an arm with K shots from the first half, and its seconds of adaptation."""
    half = len(windows) // 2
    rng = np.random.default_rng(seed)
    rows = rng.permutation(half)
    shots, real = windows.take(np.sort(rows[:k])), windows.take(slice(half, None))
    if arm == "real, first half":
        return figures(real, windows.take(np.sort(rows[k:])), shots), 0.0
    name, config = ARMS[arm]
    known = shots if arm != "no skeleton" else shots.with_columns(rpm=np.nan)
    begun = time.process_time()
    generator = build_generator(name, **config).adapt(known, rng)
    seconds = time.process_time() - begun
    made = generator.sample(MADE, rng).with_columns(rpm=shots.column("rpm")[0])
    return figures(real, made, shots), seconds


def main() -> None:
    """Print one table per case."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--samples", type=int, default=1024, help="of a window")
    parser.add_argument("--cases", nargs="+", default=["inner", "outer", "rig"])
    parser.add_argument("--arms", nargs="+", help="words of the arms; default the main ones")
    arguments = parser.parse_args()
    arms = [a for a in ARMS if not arguments.arms or any(w in a for w in arguments.arms)]
    arms = arms if arguments.arms else arms[:4]
    for case in arguments.cases:
        windows = faulty(arguments.data, case, arguments.samples)
        for k in arguments.shots:
            head(f"{case}, K = {k}")
            for arm in ("real, first half", *arms):
                table(arm, lambda s, a=arm, w=windows, n=k: one(w, n, s, a), arguments.seeds)


def head(title: str) -> None:
    """Title and first lines of a table."""
    print(f"\n**{title}**\n")
    print(f"| arm | {' | '.join(MEASURES)} | adapt [s] |")
    print("|---" * (len(MEASURES) + 2) + "|")


def table(
    arm: str,
    run: Callable[[int], tuple[Figures, float]],
    seeds: int,
) -> None:
    """One row; the floor of the last seed stands behind the first arm's values."""
    runs = [run(seed) for seed in range(seeds)]
    cells = []
    for name in MEASURES:
        values = np.array([found[name][0] for found, _ in runs])
        cell = f"{values.mean():.2f}"
        if seeds > 1:
            cell += f" ± {student.ppf(0.975, seeds - 1) * values.std(ddof=1) / seeds**0.5:.2f}"
        if arm == "real, first half":
            cell += f" (floor {runs[-1][0][name][1]:.2f})"
        cells.append(cell)
    seconds = np.mean([s for _, s in runs])
    print(f"| {arm} | {' | '.join(cells)} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
