"""Rebuild the shipped vibration trunk: `python -m faultsyn.synth.diffusion.pretrain_trunk`.

Trained on windows of simulated machines, every one of another machine, of 512 to 2048 samples.
With `--checkpoint DIR` a killed run goes on where it was. A new training is a new version.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import time
from pathlib import Path

import numpy as np
import torch

from faultsyn.neural import Checkpoint, Recipe
from faultsyn.synth.diffusion.describe import N_TOLD
from faultsyn.synth.diffusion.machines import Lesson, lesson
from faultsyn.synth.diffusion.skeleton import N_GUIDES
from faultsyn.synth.diffusion.trunk import (
    CARD,
    WEIGHTS,
    lesson_loss,
    new_trunk,
    train_trunk,
    write_trunk,
)
from faultsyn.synth.diffusion.unet import UNet

SAMPLES = 32 * 1024
"""Samples of a batch."""
LENGTHS = (512, 1024, 1024, 2048)
"""Window lengths, one drawn for each batch."""
DATA = (
    "simulated machines, a new one for every window: inner, outer, ball, unnamed and no fault; "
    "random speeds, orders, slip, load zones, resonances, noise, tones, stray impacts and paths"
)
log = logging.getLogger(__name__)


def batch(rng: np.random.Generator) -> Lesson:
    """A lesson of 32,768 samples."""
    length = int(rng.choice(LENGTHS))
    return lesson(SAMPLES // length, length, rng)


def main() -> None:
    """Train and write weights and card beside this module (or to `--out`)."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--version", type=int, default=1, help="number of this trunk")
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent)
    parser.add_argument("--checkpoint", type=Path, help="folder for the state of the run")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    begun = time.process_time()
    generator = torch.Generator().manual_seed(arguments.seed)
    trunk = new_trunk(generator)
    recipe = Recipe(
        arguments.steps, 2e-3, weight_decay=1e-3, warm_up=0.03, ema=0.998, check_every=50
    )
    commit = _commit()
    saved = Checkpoint(arguments.checkpoint) if arguments.checkpoint else None
    train_trunk(
        trunk,
        batch,
        generator,
        recipe,
        "vibration trunk",
        progress=lambda done, total, how: log.info("step %d of %d: %s", done, total, how),
        checkpoint=saved,
    )
    about = {
        "name": "faultsyn vibration trunk",
        "version": arguments.version,
        "architecture": {"n_guides": N_GUIDES, "n_condition": N_TOLD},
        "parameters": sum(p.numel() for p in trunk.parameters()),
        "data": DATA,
        "steps": arguments.steps,
        "samples_per_step": SAMPLES,
        "seed": arguments.seed,
        "commit": commit,
        "torch": torch.__version__,
        "cpu_seconds": round(time.process_time() - begun),
        "loss_on_new_machines": round(_score(trunk), 4),
        "weights_sha256": write_trunk(trunk, arguments.out / WEIGHTS.name),
    }
    (arguments.out / CARD.name).write_text(json.dumps(about, indent=1) + "\n")
    log.info("wrote %s (%d parameters)", arguments.out / WEIGHTS.name, about["parameters"])


def _score(trunk: UNet) -> float:
    """Denoising loss on 256 machines that training has not seen; 1 for an untrained network."""
    unseen = lesson(256, 1024, np.random.default_rng(2**40))
    with torch.inference_mode():
        return float(lesson_loss(trunk, unseen, torch.Generator().manual_seed(1)).mean())


def _commit() -> str:
    here = Path(__file__).resolve().parent
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


if __name__ == "__main__":
    main()
