"""How long every learner preset is meta-trained on CWRU: six base classes of cwru-novel, load 0.

    python benchmarks/meta_training.py data/cwru.h5

Target: under 180 s each on two cores. Prints wall and processor seconds and exits with 1 when one
takes longer. Processor seconds are what counts on a machine that does other things too.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

from faultsyn.diagnose import build_classifier
from faultsyn.errors import InputError
from faultsyn.experiment.base_sets import base_set
from faultsyn.experiment.base_views import base_view
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import load_data
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.task import load_task
from faultsyn.experiment.views import FoldFeatures
from faultsyn.resources import available

TARGET_S = 180.0
CORES = 2


def main(store: str, names: list[str]) -> int:
    """Meta-train the named presets, or every one that can be, and print their times."""
    torch.set_num_threads(CORES)
    task = load_task("cwru-novel", store=store)
    cache = ArrayCache(CACHE)
    data = load_data(task, cache)
    base = base_set(data, data.folds[0], None, cache)
    features = FoldFeatures(data, data.folds[0], task.representation, cache)
    views = {"features": base_view(base, features), "windows": base_view(base, None)}
    print(f"{len(base)} windows, {torch.get_num_threads()} threads")
    slow = 0
    for name in names or available("models"):
        preset = load_preset_of_learner(name)
        if preset is None:
            continue
        method, config = preset
        learner = build_classifier(method, **config)
        windows = views[learner.consumes].windows
        wall, cpu = time.perf_counter(), time.process_time()
        learner.meta_fit(windows, rng_for("benchmark", name))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        missed = min(wall, cpu) > TARGET_S  # a busy machine takes wall time, threads take cpu
        slow += missed
        print(f"{name:28} {wall:7.1f} s wall {cpu:7.1f} s processor{'  MISSED' * missed}")
    return int(slow > 0)


def load_preset_of_learner(name: str) -> tuple[str, dict[str, Any]] | None:
    """Method and settings of a preset that is meta-trained, else None."""
    try:
        preset = load_preset(name, "classifier")
    except InputError:  # a generator's
        return None
    made = build_classifier(preset.method, **preset.config)
    return (preset.method, dict(preset.config)) if made.costly else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
