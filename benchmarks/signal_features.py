"""Time of each vibration feature on 10,000 windows of 1024 samples, one thread.

Run: OMP_NUM_THREADS=1 python benchmarks/signal_features.py [n_windows]
The promise kept here: log-spectrum under 10 s.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from faultsyn.signal import FEATURES
from faultsyn.windows import WindowSet

LIMIT_SECONDS = 10.0
NAMES = ("log-spectrum", "envelope", "spectrum", "orders", "statistics", "wavelet")


def windows(n: int, n_samples: int = 1024) -> WindowSet:
    """Noise at 12 kHz, every window with its own shaft speed."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 1, n_samples), np.float32)
    table = {
        "label": np.full(n, "normal"),
        "rpm": rng.uniform(1700, 1800, n),
        "bearing": np.full(n, "6205"),
    }
    return WindowSet(x, table, 12000.0, ("DE",))


def main(n: int) -> int:
    """Print seconds and windows per second; 1 when the log-spectrum misses its limit."""
    ws = windows(n)
    seconds = {}
    for name in NAMES:
        start, cpu = time.perf_counter(), time.process_time()
        FEATURES[name](ws)
        seconds[name] = time.process_time() - cpu
        wall = time.perf_counter() - start
        print(
            f"{name:12s} {seconds[name]:7.2f} s of CPU ({wall:.2f} s), {n / seconds[name]:9.0f}/s"
        )
    return int(seconds["log-spectrum"] > LIMIT_SECONDS * n / 10_000)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
