"""How fast randomised machines are made: 1,000 windows of 4096 samples on one core.

OMP_NUM_THREADS=1 python benchmarks/simulate_bearing.py [--windows 1000] [--samples 4096]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from faultsyn.ingest.simulate import MACHINE_LABELS, MachinePark, machine_windows


def main() -> None:
    """Print processor seconds of three goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--windows", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=4096)
    options = parser.parse_args()
    labels = np.resize(np.array(MACHINE_LABELS), options.windows)
    for seed in range(3):
        start = time.process_time()
        x, _ = machine_windows(labels, options.samples, MachinePark(), np.random.default_rng(seed))
        print(f"{x.shape}: {time.process_time() - start:.2f} s of processor time")


if __name__ == "__main__":
    main()
