"""Time of the measures for 1,000 synthetic against 1,000 real windows of 1024 samples.

Run: python benchmarks/measures_speed.py [--windows N] [--all]. Without --all, those that every
evaluation must print. Each figure includes its floor; the real set is twice as large, so that each
half of it still has as many windows as the synthetic set.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from faultsyn.evaluate.registry import METRICS, build_metrics
from faultsyn.signal.impulse import impulse_train, resonance
from faultsyn.windows import WindowSet

RATE = 12000.0


def rig(n: int, seed: int, label: str = "inner") -> WindowSet:
    """Windows of 1024 samples and two channels of a simulated inner-race fault."""
    rng = np.random.default_rng(seed)
    ring = resonance(128, RATE, [[2800.0]], [[0.05]])[0]
    train = impulse_train(1024, RATE, np.full(n, 5.4152 * 29.95), rng)
    struck = np.stack([np.convolve(row, ring)[:1024] for row in train])
    x = rng.standard_normal((n, 2, 1024)) * 0.3 + 4.0 * struck[:, None] * (label != "normal")
    table = {
        "label": np.full(n, label),
        "recording": np.array([f"run{seed}-{i % 8}" for i in range(n)]),
        "start": np.arange(n) * 1024 / RATE,
        "rpm": np.full(n, 1797.0),
        "bearing": np.full(n, "6205"),
    }
    return WindowSet(x.astype(np.float32), table, RATE, ("drive end", "fan end"))


def main() -> None:
    """Print seconds by measure, wall and processor."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--windows", type=int, default=1000, help="windows a side")
    parser.add_argument("--all", action="store_true", help="also two-sample tests, Context-FID")
    arguments = parser.parse_args()
    n = arguments.windows
    real, made = rig(2 * n, 0), rig(n, 1).with_columns(synthetic=True)
    shots, normal = rig(20, 2), rig(n, 3, "normal")
    required = 0.0
    names = [m for m in METRICS if METRICS[m].required or arguments.all]
    for metric in build_metrics([m for m in names if not METRICS[m].costly]):
        wall, cpu = time.perf_counter(), time.process_time()
        found = metric(real, made, np.random.default_rng(0), shots, normal)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        required += wall if metric.required else 0.0
        kind = "required" if metric.required else ""
        note = f"n {found.n}" if found.value is not None else found.reason
        print(f"{metric.name:20s} {wall:7.2f} s wall {cpu:7.2f} s processor  {kind:9s} {note}")
    print(f"{'all required':20s} {required:7.2f} s wall, two channels, {n} against {n}")


if __name__ == "__main__":
    main()
