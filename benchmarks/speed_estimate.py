"""Shaft speed from vibration alone, on recordings whose speed is known.

    python benchmarks/speed_estimate.py data/cwru.h5 [--every 2] [--offset 0] [--seconds 10]

For each prior range: the share of recordings within 1 % of the speed that the data set states, the
median error, how often the stated uncertainty holds (68 % and 95 % expected), and the confidence of
estimates that are right and wrong.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.signal import decimate

from faultsyn.signal.speed_estimate import estimate_speed
from faultsyn.store import Store

PRIORS = ((1000.0, 3000.0), (1600.0, 2000.0))


def main() -> None:
    """Print one line for each prior range."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    found: dict[tuple[float, float], list[tuple[float, ...]]] = {prior: [] for prior in PRIORS}
    with Store(options.store) as store:
        for row in range(options.offset, len(store), options.every):
            recording = store.recording(row)
            stream = recording.streams[0]
            x = stream.samples[:, stream.channels.index("DE")].astype(float)
            rate = stream.rate
            if rate > 12_000:
                x, rate = decimate(x, round(rate / 12_000), ftype="fir"), 12_000
            x = x[: round(options.seconds * rate)]
            for prior in PRIORS:
                one = estimate_speed(x, rate, *prior)
                rpm = float(recording.columns["rpm"])
                found[prior].append((rpm, one.rpm, one.std, one.confidence))
    for prior, rows in found.items():
        rpm, estimate, std, confidence = np.array(rows).T
        right = np.abs(estimate / rpm - 1) < 0.01
        z = np.abs(estimate - rpm) / std
        sure = confidence > 0.9
        print(
            f"{prior[0]:g} to {prior[1]:g} 1/min, {len(rpm)} recordings: within 1 %: "
            f"{right.mean():.1%}; median error {np.median(np.abs(estimate / rpm - 1)):.3%}; median "
            f"std {np.median(std):.2f} 1/min; of all within 1 std {np.mean(z < 1):.0%}, 2 std "
            f"{np.mean(z < 2):.0%}; of the right ones {np.mean(z[right] < 1):.0%}, "
            f"{np.mean(z[right] < 2):.0%}; confident (> 0.9) {sure.mean():.0%}, of these within "
            f"1 %: {right[sure].mean():.1%}"
        )


if __name__ == "__main__":
    main()
