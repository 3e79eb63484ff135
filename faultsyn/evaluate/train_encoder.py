"""Rebuild the frozen encoder of Context-FID: `python -m faultsyn.evaluate.train_encoder`.

Trained on self-made signals only (bearings with repeating impulses, shafts, coloured noise, process
loops, hydraulic cycles), each with a phase-randomised twin in the batch, so that the encoder learns
more than a spectrum. Hierarchical contrast of two overlapping, masked crops (Yue et al., AAAI 2022,
eq. 1-3). A new training is a new version: figures of two versions must not be compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import log_softmax, max_pool1d

from faultsyn.evaluate.encoder import CARD, WEIGHTS, ContextEncoder
from faultsyn.neural import built_with
from faultsyn.signal.impulse import impulse_train, resonance
from faultsyn.signal.surrogates import phase_randomise

LENGTH = 512
CROPS = (24, 64, 128, 256)
"""Lengths of the overlap of two crops [samples], drawn anew at each step."""
BATCH = 16
RATE = 12000.0
DATA = (
    "simulated: bearing impulses through random resonances, shaft harmonics, coloured noise, "
    "first-order process loops with steps and oscillations, hydraulic cycles; half of each batch "
    "are phase-randomised twins"
)
log = logging.getLogger(__name__)


def signals(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """`n` standardised signals `(n, 512)`, of random kinds, gains and offsets."""
    kinds = (_bearing, _shaft, _coloured, _process, _cycle)
    x = np.stack([kinds[int(k)](rng) for k in rng.integers(len(kinds), size=n)])
    x = (x - x.mean(axis=1, keepdims=True)) / np.maximum(x.std(axis=1, keepdims=True), 1e-9)
    gain, offset = np.exp(0.3 * rng.standard_normal((n, 1))), 0.5 * rng.standard_normal((n, 1))
    made: NDArray[np.float32] = (gain * x + offset).astype(np.float32)
    return made


def batch(rng: np.random.Generator) -> NDArray[np.float32]:
    """Signals and their phase-randomised twins, `(16, 512)`."""
    x = signals(BATCH // 2, rng)
    return np.concatenate([x, phase_randomise(x[:, None], rng)[:, 0]])


def hierarchical_loss(a: Tensor, b: Tensor) -> Tensor:
    """Instance-wise and temporal contrast of two views `(n, D, T)`, averaged over time scales."""
    total, levels = a.new_zeros(()), 0
    while True:
        total = total + 0.5 * _contrast(a.permute(2, 0, 1), b.permute(2, 0, 1))
        if a.shape[2] > 1:
            total = total + 0.5 * _contrast(a.permute(0, 2, 1), b.permute(0, 2, 1))
        levels += 1
        if a.shape[2] == 1:
            return total / levels
        a, b = max_pool1d(a, 2), max_pool1d(b, 2)


def train(steps: int, seed: int) -> tuple[ContextEncoder, list[float]]:
    """Train from scratch; returns the encoder and the loss at each step."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    encoder = built_with(seed, ContextEncoder)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    losses = []
    for step in range(steps):
        x = torch.from_numpy(batch(rng))[:, None]
        overlap = int(rng.choice(CROPS))
        left, right = 2 * int(rng.integers(0, overlap // 4)), 2 * int(rng.integers(0, overlap // 4))
        start = 2 * int(rng.integers(left // 2, (LENGTH - overlap - right) // 2 + 1))
        views = []
        for lead, tail in ((left, 0), (0, right)):
            crop = x[..., start - lead : start + overlap + tail]
            mask = torch.rand((len(x), 1, crop.shape[-1] // 2), generator=torch_rng) < 0.5
            views.append(encoder(crop, mask.float())[..., lead // 2 : lead // 2 + overlap // 2])
        loss = hierarchical_loss(*views)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 50 == 0:
            log.info("step %d of %d: loss %.3f", step, steps, np.mean(losses[-50:]))
    return encoder, losses


def main() -> None:
    """Train and write weights and card beside this module (or to `--out`)."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--version", type=int, default=1, help="number of this encoder")
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    begun = time.perf_counter()
    encoder, losses = train(arguments.steps, arguments.seed)
    weights = arguments.out / WEIGHTS.name
    save_file(encoder.state_dict(), weights)
    weights.chmod(0o644)  # safetensors writes files that only their owner may read
    about = {
        "name": "faultsyn context encoder",
        "version": arguments.version,
        "architecture": {"width": 32, "depth": 6, "out": 32},
        "parameters": sum(p.numel() for p in encoder.parameters()),
        "data": DATA,
        "steps": arguments.steps,
        "batch": BATCH,
        "seed": arguments.seed,
        "commit": _commit(),
        "torch": torch.__version__,
        "seconds": round(time.perf_counter() - begun),
        "loss": {
            "first_50": round(float(np.mean(losses[:50])), 4),
            "last_50": round(float(np.mean(losses[-50:])), 4),
        },
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    (arguments.out / CARD.name).write_text(json.dumps(about, indent=1) + "\n")
    log.info("wrote %s (%d parameters)", weights, about["parameters"])


def _contrast(a: Tensor, b: Tensor) -> Tensor:
    """Contrast along dimension 1 of `(groups, m, D)`: entry i of `a` and of `b` belong together."""
    m = a.shape[1]
    both = torch.cat([a, b], dim=1)
    scores = both @ both.transpose(1, 2)
    scores = scores.masked_fill(torch.eye(2 * m, dtype=torch.bool), float("-inf"))
    logs = log_softmax(scores, dim=-1)
    i = torch.arange(m)
    return -(logs[:, i, m + i] + logs[:, m + i, i]).mean() / 2


def _noise(rng: np.random.Generator, slope: float) -> NDArray[np.float64]:
    shape = np.arange(1, LENGTH // 2 + 2) ** (-0.5 * slope)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(LENGTH)) * shape, LENGTH)


def _bearing(rng: np.random.Generator) -> NDArray[np.float64]:
    fault_hz = float(rng.uniform(60, 400))
    train_ = impulse_train(
        LENGTH,
        RATE,
        fault_hz,
        rng,
        slip=float(rng.uniform(0.003, 0.02)),
        amplitude_spread=float(rng.uniform(0, 0.4)),
        modulation_frequency=float(rng.uniform(10, 60)),
        modulation_depth=float(rng.uniform(0, 1)),
    )[0]
    modes, damping = rng.uniform(600, 5400, (1, 2)), rng.uniform(0.01, 0.08, (1, 2))
    ring = resonance(LENGTH, RATE, modes, damping)[0]
    x = np.convolve(train_, ring)[:LENGTH]
    noise = _noise(rng, float(rng.uniform(0, 1)))
    gain = 10 ** float(rng.uniform(-0.5, 0.6)) * noise.std() / max(x.std(), 1e-9)
    mixed: NDArray[np.float64] = noise + gain * x
    return mixed


def _shaft(rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(LENGTH)
    base = rng.uniform(0.002, 0.05)
    x = sum(
        rng.exponential(1.0) * np.sin(2 * np.pi * (k * base * t + rng.random()))
        for k in range(1, int(rng.integers(2, 7)))
    )
    noisy: NDArray[np.float64] = rng.uniform(0.05, 1.0) * rng.standard_normal(LENGTH) + x
    return noisy


def _coloured(rng: np.random.Generator) -> NDArray[np.float64]:
    return _noise(rng, float(rng.uniform(0, 2)))


def _process(rng: np.random.Generator) -> NDArray[np.float64]:
    """A lagged loop: slow noise, now and then a step, drift or oscillation."""
    x = _noise(rng, float(rng.uniform(0.5, 2)))
    x /= x.std()
    at = int(rng.integers(0, LENGTH))
    after = np.maximum(np.arange(LENGTH) - at, 0)
    kind = int(rng.integers(4))
    if kind == 1:
        x += rng.normal(0, 3) * (1 - np.exp(-after / rng.uniform(1, 40)))
    elif kind == 2:
        x += rng.normal(0, 0.02) * after
    elif kind == 3:
        x += rng.normal(0, 2) * np.sin(2 * np.pi * after * rng.uniform(0.01, 0.2))
    return x


def _cycle(rng: np.random.Generator) -> NDArray[np.float64]:
    """A duty cycle: levels held for a while, reached with lag and overshoot, repeated."""
    period = int(rng.integers(40, 300))
    edges = np.sort(rng.integers(0, period, int(rng.integers(2, 7))))
    levels = rng.standard_normal(len(edges) + 1)
    target = np.resize(levels[np.searchsorted(edges, np.arange(period), side="right")], LENGTH)
    ring = resonance(64, 1.0, [[rng.uniform(0.01, 0.1)]], [[rng.uniform(0.2, 0.9)]])[0]
    lag = np.exp(-np.arange(64) / rng.uniform(0.5, 10))
    x = np.convolve(target, lag / lag.sum())[:LENGTH]
    step = np.diff(target, prepend=target[0])
    x += rng.uniform(0, 0.5) * np.convolve(step, ring / max(np.abs(ring).max(), 1e-9))[:LENGTH]
    return x + rng.uniform(0.01, 0.2) * rng.standard_normal(LENGTH)


def _commit() -> str:
    here = Path(__file__).resolve().parent
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


if __name__ == "__main__":
    main()
