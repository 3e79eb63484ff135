"""FaultDiffusion, ours beside the faithful variant: training, sampling, cost against length.

    OMP_NUM_THREADS=1 python benchmarks/faultdiffusion_speed.py [--plot FIGURE]

All times are CPU seconds of this one run. The faithful variant is timed on a few windows and steps
of its 500-step sampler, which costs the same at every step and window, and scaled up linearly; ours
is timed whole. Weights do not matter for speed: both are barely trained.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from faultsyn.neural import Recipe, train
from faultsyn.synth.base import Generator
from faultsyn.synth.diffusion.describe import N_TOLD
from faultsyn.synth.diffusion.difference import FaultDiffusionDifference
from faultsyn.synth.diffusion.machines import Lesson
from faultsyn.synth.diffusion.skeleton import N_GUIDES
from faultsyn.synth.diffusion.trunk import lesson_loss, new_trunk
from faultsyn.synth.diffusion.vibration import FaultDiffusionVibration
from faultsyn.synth.diffusion_ts.denoising import NormalLesson
from faultsyn.synth.diffusion_ts.network import Trunk
from faultsyn.synth.faultdiffusion_paper import FaultDiffusionPaper
from faultsyn.windows import NORMAL, WindowSet

Made = TypeVar("Made", bound=Generator)

RATE, RPM = 12000.0, 1797.0
BATCH = 8
WINDOWS = 100
STEPS = 500
LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
SAMPLES = 16 * 1024  # in a batch, at every length


@dataclass(frozen=True)
class Target:
    """A figure and what it must reach."""

    what: str
    value: float
    least: float = -np.inf
    most: float = np.inf

    def met(self) -> bool:
        """Print the figure; whether it lies in its bounds."""
        good = self.least <= self.value <= self.most
        bounds = f"{self.least:g} to {self.most:g}"
        print(f"{self.what}: {self.value:.4g} (target {bounds}{'' if good else ', MISSED'})")
        return good


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def step_seconds(
    module: torch.nn.Module, loss: Callable[[torch.Generator], torch.Tensor], repeats: int
) -> float:
    """CPU seconds of a training step, after one that warms up; the least of some pairs of steps.

    Other processes take the cache and so CPU time: the least is nearest to a machine of one's own.
    """
    generator = torch.Generator().manual_seed(0)
    train(module, loss, generator, Recipe(1, 1e-4), "warm-up")
    pair = Recipe(2, 1e-4)
    return (
        min(cpu(lambda: train(module, loss, generator, pair, "timed")) for _ in range(repeats)) / 2
    )


def windows(n: int, channels: int, samples: int, label: str, rate: float) -> WindowSet:
    """Noise with the columns that vibration needs."""
    x = np.random.default_rng(0).standard_normal((n, channels, samples), np.float32)
    names = tuple(f"c{k}" for k in range(channels))
    made = WindowSet(x, {"label": np.full(n, label)}, rate, names)
    return made.with_columns(rpm=RPM, bearing="6205")


def ready(generator: Made, channels: int, samples: int, rate: float) -> Made:
    """Pretrained and adapted, for as few steps as it can be."""
    rng = np.random.default_rng(0)
    generator.pretrain(windows(100, channels, samples, NORMAL, rate), rng)
    generator.adapt(windows(5, channels, samples, "inner", rate), rng)
    return generator


def paper(sample_steps: int) -> FaultDiffusionPaper:
    """The faithful variant, its sampler cut to the first of its steps."""
    return FaultDiffusionPaper(
        pretrain_steps=1, adapt_steps=1, batch=2, adapt_batch=2, sample_steps=sample_steps
    )


def paper_sampling(channels: int, samples: int, rate: float, n: int, steps: int) -> float:
    """CPU seconds for 100 windows with 500 steps, scaled up from `n` windows and `steps` steps."""
    generator = ready(paper(steps), channels, samples, rate)
    generator.sample(1, np.random.default_rng(0))
    taken = cpu(lambda: generator.sample(n, np.random.default_rng(0)))
    return taken * (WINDOWS / n) * (STEPS / steps)


def lesson(n: int, length: int) -> Lesson:
    """A batch for the trunk of vibration."""
    rng = np.random.default_rng(0)
    return Lesson(
        rng.standard_normal((n, 1, length), np.float32),
        rng.standard_normal((n, N_GUIDES, length), np.float32),
        rng.standard_normal((n, N_TOLD), np.float32),
    )


def ours_step(n: int, length: int, repeats: int) -> float:
    """CPU seconds of a training step of the vibration trunk."""
    trunk, batch = new_trunk(torch.Generator().manual_seed(0)), lesson(n, length)
    return step_seconds(trunk, lambda draw: lesson_loss(trunk, batch, draw).mean(), repeats)


def vibration() -> list[Target]:
    """1024 samples, one channel."""
    model = ready(paper(1), 1, 1024, RATE).model_
    normal = torch.from_numpy(windows(BATCH, 1, 1024, NORMAL, RATE).x)
    trunk = Trunk(model.layout)
    faithful = step_seconds(trunk, NormalLesson(model.task, trunk, normal, BATCH), 3)
    ours = ours_step(BATCH, 1024, 12)
    print(f"training step, batch {BATCH}: faithful {faithful:.3f} s, ours {ours:.4f} s")
    generator = FaultDiffusionVibration(pretrain_on="normal", pretrain_steps=1, steps=1)
    ready(generator, 1, 1024, RATE)
    mine = cpu(lambda: generator.sample(WINDOWS, np.random.default_rng(0)))
    theirs = paper_sampling(1, 1024, RATE, 8, 4)
    print(
        f"{WINDOWS} windows: faithful {theirs:.0f} s (scaled from 8 x 4 steps), ours {mine:.2f} s"
    )
    return [
        Target("1024 x 1: training step, times faster", faithful / ours, least=30),
        Target("1024 x 1: sampling, times less CPU", theirs / mine, least=500),
    ]


def process() -> list[Target]:
    """24 samples, 52 channels."""
    rate = 1 / 180
    generator = ready(FaultDiffusionDifference(space="signal"), 52, 24, rate)
    mine = cpu(lambda: generator.sample(100 * WINDOWS, np.random.default_rng(0))) / 100
    theirs = paper_sampling(52, 24, rate, 32, 20)
    print(f"{WINDOWS} windows: faithful {theirs:.1f} s (scaled from 32 x 20), ours {mine:.4f} s")
    return [Target("24 x 52: sampling, times less CPU", theirs / mine, least=20)]


def growth(figure: Path | None) -> list[Target]:
    """Cost of a window in a training step against its length, and the exponent fitted to it."""
    each = [ours_step(SAMPLES // n, n, 4) * n / SAMPLES for n in LENGTHS]
    exponent = float(np.polyfit(np.log(LENGTHS), np.log(each), 1)[0])
    print(
        "length: " + ", ".join(f"{n} {1000 * s:.2f} ms" for n, s in zip(LENGTHS, each, strict=True))
    )
    if figure is not None:
        draw(figure, each, exponent)
    return [Target("cost of a window against its length, exponent", exponent, most=1.3)]


def draw(figure: Path, each: list[float], exponent: float) -> None:
    """Cost against length, doubly logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    shown, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    axes.loglog(LENGTHS, [1000 * s for s in each], "o-", label=f"exponent {exponent:.2f}")
    axes.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
    axes.minorticks_off()
    axes.set_yticks((1, 3, 10, 30), ("1", "3", "10", "30"))
    axes.set_xlabel("window length (samples)")
    axes.set_ylabel("training step per window (ms of CPU)")
    axes.legend()
    shown.savefig(figure, dpi=150)


def utilisation() -> None:
    """Arithmetic of the training step as a share of matrix multiplication, and what takes time."""
    a = torch.randn(1024, 1024)
    a @ a
    rate = 8 * 2 * 1024**3 / cpu(lambda: [a @ a for _ in range(8)])
    trunk, batch = new_trunk(torch.Generator().manual_seed(0)), lesson(BATCH, 1024)

    def step() -> None:
        trunk.zero_grad()
        lesson_loss(trunk, batch, torch.Generator().manual_seed(0)).mean().backward()

    step()
    with FlopCounterMode(display=False) as counter:
        step()
    taken = cpu(lambda: [step() for _ in range(5)]) / 5
    done = counter.get_total_flops()
    print(
        f"float32 matmul {rate / 1e9:.0f} GFLOP/s; step {done / 1e9:.2f} GFLOP in {taken:.3f} s: "
        f"{100 * done / taken / rate:.0f} % of that rate"
    )
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        step()
    events = sorted(seen.key_averages(), key=lambda e: -e.self_cpu_time_total)
    total = sum(e.self_cpu_time_total for e in events)
    for event in events[:8]:
        print(f"  {100 * event.self_cpu_time_total / total:4.1f} %  {event.key} x {event.count}")


def main() -> int:
    """Print every figure; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plot", type=Path, default=None, help="where to draw cost against length")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    targets = [*vibration(), *process(), *growth(arguments.plot)]
    utilisation()
    missed = [target.what for target in targets if not target.met()]
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
