"""How each measure ranks the controls on real recordings: the tables of docs/measures.md.

Run: python benchmarks/measures_controls.py [--data DIR] [--measures NAME ...] [--case WORD].
Prints Markdown. The hydraulic cases read the store `data/zema.h5`, the others the public files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.signal import decimate

from faultsyn.evaluate.controls import CONTROLS, HELD_OUT, run_controls
from faultsyn.evaluate.registry import METRICS, build_metrics
from faultsyn.experiment import load_task
from faultsyn.experiment.cache import ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.windows import NORMAL, WindowSet

Case = tuple[WindowSet, WindowSet, WindowSet, dict[str, WindowSet]]
DRIVE_END = "cwru/12k_Drive_End_Bearing_Fault_Data"


def cwru(path: Path, label: str, length: int, channels: tuple[str, ...] = ("DE",)) -> WindowSet:
    """Disjoint windows of one 12 kHz recording (the healthy one is decimated from 48 kHz)."""
    loaded = loadmat(path)
    columns = []
    for channel in channels:
        name = next(key for key in loaded if key.endswith(f"{channel}_time"))
        samples = loaded[name][:, 0]
        columns.append(decimate(samples, 4, ftype="fir") if label == "normal" else samples)
    count = min(map(len, columns)) // length
    x = np.stack([c[: count * length].reshape(count, length) for c in columns], axis=1)
    table = {
        "label": np.full(count, label),
        "recording": np.full(count, path.stem),
        "start": np.arange(count) * length / 12000.0,
        "rpm": np.full(count, 1797.0),
        "bearing": np.full(count, "6205"),
    }
    return WindowSet(x.astype(np.float32), table, 12000.0, channels)


def bearing_case(data: Path, label: str, length: int, channels: tuple[str, ...] = ("DE",)) -> Case:
    """A 21 mil fault at the drive end, load 0; the other fault; the same fault at 14 or 7 mil."""
    files = {
        "inner": ("IR/021/209_0.mat", "OR/021/@6/234_0.mat", "IR/007/105_0.mat"),
        "outer": ("OR/021/@6/234_0.mat", "IR/021/209_0.mat", "OR/014/197@6_0.mat"),
    }[label]
    mine, other, elsewhere = (cwru(data / DRIVE_END / f, label, length, channels) for f in files)
    normal_channels = tuple(c for c in channels if c != "BA")
    normal = cwru(data / "cwru/Normal/97_Normal_0.mat", "normal", length, normal_channels)
    count = 20 if length == 1024 else 5
    shots, real = mine.take(slice(0, count)), mine.take(slice(count, None))
    return real, shots, normal, {"another fault": other, "another bearing": elsewhere}


def process_case(data: Path) -> Case:
    """Tennessee Eastman fault 1 (step), windows of 24; training run as shots, test run as real."""

    def windows(name: str, label: str, skip: int) -> WindowSet:
        samples = np.loadtxt(data / "tep" / name)
        samples = (samples.T if samples.shape[0] == 52 else samples)[skip:]
        count = len(samples) // 24
        x = samples[: count * 24].reshape(count, 24, 52).transpose(0, 2, 1)
        table = {
            "label": np.full(count, label),
            "recording": np.full(count, name),
            "start": np.arange(count) * 24 * 180.0,
        }
        names = tuple(f"v{i}" for i in range(52))
        return WindowSet(x.astype(np.float32), table, 1 / 180, names)

    real = windows("d01_te.dat", "fault01", 160)
    shots, normal = windows("d01.dat", "fault01", 0), windows("d00.dat", "normal", 0)
    return real, shots, normal, {"another fault": windows("d02_te.dat", "fault02", 160)}


def hydraulic_case(task: str, label: str, healthy_but: dict[str, str]) -> Case:
    """One fault of the hydraulic rig: 17 channels, cycles of 60 s at 10 Hz; 120 cycles, 20 shots.

    The other fault: cycles of the healthy class with the conditions `healthy_but`.
    """
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        windows = load_data(load_task(task), ArrayCache(Path(folder))).windows
        mine = windows.of(label)
        mine = mine.take(rng.permutation(len(mine))[:140])
        healthy = windows.of(NORMAL)
    other = np.all([healthy.column(name) == value for name, value in healthy_but.items()], axis=0)
    shots, real = mine.take(slice(0, 20)), mine.take(slice(20, None))
    return real, shots, healthy, {"another fault": healthy.take(other)}


def main() -> None:
    """Print one table per case."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FAULTSYN_DATA", "data")))
    parser.add_argument("--measures", nargs="+", help="only these; default all but the costly ones")
    parser.add_argument("--case", default="", help="only cases whose title contains this")
    arguments = parser.parse_args()
    data = arguments.data
    both = ("DE", "FE")
    cases: dict[str, Callable[[], Case]] = {
        "CWRU inner race 21 mil, windows of 1024": lambda: bearing_case(data, "inner", 1024),
        "CWRU outer race 21 mil, windows of 1024": lambda: bearing_case(data, "outer", 1024),
        "CWRU inner race 21 mil, windows of 4096": lambda: bearing_case(data, "inner", 4096),
        "CWRU outer race 21 mil, windows of 4096": lambda: bearing_case(data, "outer", 4096),
        "CWRU inner race 21 mil, two channels": lambda: bearing_case(data, "inner", 1024, both),
        "TEP fault 1, 52 channels, windows of 24": lambda: process_case(data),
        "ZeMA accumulator at 90 bar, 17 channels, cycles of 600": lambda: hydraulic_case(
            "zema-accumulator", "90", {"pump": "2"}
        ),
    }
    metrics = build_metrics(arguments.measures)
    heads = (HELD_OUT, *CONTROLS)
    for title, case in cases.items():
        if arguments.case not in title:
            continue
        real, shots, normal, others = case()
        results = run_controls(
            metrics,
            real,
            np.random.default_rng(0),
            shots=shots,
            normal=normal,
            others=others,
            every_arm=True,
        )
        print(f"\n**{title}** ({len(real)} real windows, {len(shots)} shots)\n")
        print(f"| measure | {' | '.join(heads)} | failed |")
        print("|---" * (len(heads) + 2) + "|")
        for name, result in results.items():
            if result.reason:
                continue
            cells = [_cell(result.values.get(h), h in METRICS[name].sees) for h in heads]
            failed = ", ".join(result.failed) or "none"
            print(f"| {name} | {' | '.join(cells)} | {failed} |", flush=True)


def _cell(value: float | None, must: bool) -> str:
    """Three digits; bold where the measure must rank it behind held-out real windows."""
    if value is None:
        return ""
    text = f"{value:.3g}" if abs(value) < 1e5 else "> 1e5"
    return f"**{text}**" if must else text


if __name__ == "__main__":
    main()
