"""The published tables' setting: Tennessee Eastman, windows of 24, generators side by side.

52 channels; ten faults, 5 shots of each training run; networks may first learn from the healthy
training run (overlapping windows). What is made is judged by the test runs, each figure beside its
floor (real test windows against others of them):

- by fault, then averaged: Context-FID, correlation error, two-sample test, diversity;
- all faults together: discriminative and predictive score (two-layer GRU);
- downstream: a classifier of the ten faults trained on made windows alone, tested on real ones.

Diffusion models are trained for fewer steps than their presets, as the arguments say. Prints
Markdown, then the published figures, which are not ours.

    python benchmarks/faultdiffusion_tep.py [--seeds 2] [--pretrain-steps 1500] [--adapt-steps 150]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.diagnose import build_classifier
from faultsyn.evaluate.registry import build_metrics
from faultsyn.experiment.cache import CACHE, ArrayCache
from faultsyn.experiment.data import TaskData, load_data
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.task import load_task
from faultsyn.experiment.views import FoldFeatures
from faultsyn.synth import Generator, build_generator
from faultsyn.windows import NORMAL, WindowSet, concat

FAULTS = tuple(f"fault{n:02d}" for n in (1, 2, 4, 5, 6, 7, 8, 10, 11, 12))
MEASURES = ("context-fid", "correlation-error", "two-sample-coarse", "diversity")
TOGETHER = ("discriminative-score", "predictive-score")
CLASSIFIERS = ("random-forest", "logistic-regression")
ARMS = (
    "timegan",
    "timevae",
    "ddpm",
    "ddpm-pretrained",
    "diffusion-ts",
    "faultdiffusion-paper",
    "faultdiffusion-difference-signal",
    "matched-difference-signal",
    "shrunken-gaussian-signal",
)
TRANSFORMERS = ("diffusion-ts", "faultdiffusion-paper")
SHOTS, MADE = 5, 33
PUBLISHED = """
| published (arXiv 2511.15174) | accuracy | F1 |
|---|---|---|
| CotGAN | .666 | .661 |
| TimeGAN | .661 | .591 |
| TimeVAE | .698 | .689 |
| Diffusion-TS | .741 | .741 |
| FaultDiffusion | .893 | .870 |

| published ablation | Context-FID | correlation | discriminative | predictive |
|---|---|---|---|---|
| FaultDiffusion | 5.12 | 110 | .42 | .10 |
| without diversity loss | 7.35 | 121 | .45 | .15 |
| without adapter | 8.21 | 126 | .46 | .18 |
| without either | 10.5 | 131 | .48 | .20 |
"""

Found = dict[str, tuple[float, float]]
"""By measure: value and floor."""


class Setting:
    """The windows of the task and the features that classifiers see."""

    def __init__(self, data: TaskData, cache: ArrayCache) -> None:
        fold = data.folds[0]
        self.train, test = data.windows.take(fold.train), data.windows.take(fold.test)
        self.test = concat([test.of(label) for label in FAULTS])
        self.normal = self.train.of(NORMAL)
        assert data.overlapping is not None
        self.healthy = data.overlapping.take(data.base_of(fold))
        self._features = FoldFeatures(data, fold, data.task.representation, cache)

    def shots(self, seed: int) -> WindowSet:
        """5 windows of each fault's training run."""
        rng = np.random.default_rng(seed)
        of_faults = (self.train.of(label) for label in FAULTS)
        return concat(of.take(np.sort(rng.permutation(len(of))[:SHOTS])) for of in of_faults)

    def judge(self, made: WindowSet, shots: WindowSet, *, costly: bool) -> Found:
        """Every measure that can be computed."""
        found: Found = {}
        for measure in build_metrics(MEASURES):
            pairs = []
            for label in FAULTS:
                rng = np.random.default_rng(0)
                real = self.test.of(label)
                got = measure(real, made.of(label), rng, shots.of(label), self.normal)
                if got.value is not None and got.floor is not None:
                    pairs.append((got.value, got.floor))
            if pairs:
                value, floor = np.mean(pairs, axis=0)
                found[measure.name] = (float(value), float(floor))
        for measure in build_metrics(TOGETHER) if costly else ():
            got = measure(self.test, made, np.random.default_rng(0), shots, self.normal)
            if got.value is not None and got.floor is not None:
                found[measure.name] = (got.value, got.floor)
        return found

    def accuracy(self, support: WindowSet) -> dict[str, float]:
        """Share of test windows whose fault is named by classifiers trained on `support`."""
        seen, asked = (self._features.compute(windows) for windows in (support, self.test))
        mean, spread = seen.x.mean(axis=0), np.maximum(seen.x.std(axis=0), 1e-6)
        seen, asked = (rows.with_x((rows.x - mean) / spread) for rows in (seen, asked))
        right = {}
        for name in CLASSIFIERS:
            preset = load_preset(name, "classifier")
            classifier = build_classifier(preset.method, **preset.config)
            classifier.fit(seen, np.random.default_rng(0))
            right[name] = float((classifier.predict(asked) == asked.labels).mean())
        return right


def built(arm: str, over: Mapping[str, int]) -> Generator:
    """The generator of a preset, `over` replacing settings of the transformers."""
    preset = load_preset(arm, "generator")
    more = over if arm in TRANSFORMERS else {}
    return build_generator(preset.method, **{**preset.config, **more})


def run(arm: str, setting: Setting, seeds: int, over: Mapping[str, int]) -> dict[str, Any]:
    """Means over draws of shots; it is pretrained once for all of them."""
    started = time.process_time()
    generator = built(arm, over)
    generator.pretrain(setting.healthy, np.random.default_rng(1000))
    once = time.process_time() - started
    found: list[Found] = []
    accuracy: list[dict[str, float]] = []
    seconds = []
    for seed in range(seeds):
        shots, rng = setting.shots(seed), np.random.default_rng(1000 + seed)
        started = time.process_time()
        generator.adapt(shots, rng)
        made = concat(generator.sample(MADE, rng, label=label) for label in FAULTS)
        seconds.append(once / seeds + time.process_time() - started)
        found.append(setting.judge(made, shots, costly=seed == 0))
        accuracy.append(setting.accuracy(made))
    return {"seconds": seconds, "found": found, "accuracy": accuracy}


def row(name: str, got: Mapping[str, Any]) -> str:
    """One line of the table: value (floor), means over draws."""
    cells = [f"{np.mean(got['seconds']):.3g}"]
    for measure in (*MEASURES, *TOGETHER):
        values = [found[measure] for found in got["found"] if measure in found]
        if values:
            value, floor = np.mean(values, axis=0)
            cells.append(f"{value:.3g} ({floor:.3g})")
        else:
            cells.append("-")
    for classifier in CLASSIFIERS:
        shares = [found[classifier] for found in got["accuracy"]]
        cells.append(" ".join(f"{100 * share:.0f}" for share in shares))
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print one row for each generator, two for real windows, and the published ones."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pretrain-steps", type=int, default=1500)
    parser.add_argument("--adapt-steps", type=int, default=150)
    parser.add_argument("--sample-steps", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--arms", nargs="+", default=list(ARMS))
    given = parser.parse_args()
    short = {
        "pretrain_steps": given.pretrain_steps,
        "adapt_steps": given.adapt_steps,
        "sample_steps": given.sample_steps,
    }
    if not Path("data/tep.h5").is_file():
        print("left out: no data/tep.h5; `faultsyn ingest tep --raw FOLDER --out data/tep.h5`")
        return
    cache = ArrayCache(CACHE / "arrays")
    setting = Setting(load_data(load_task("tep"), cache), cache)
    print(f"{given.seeds} draws of shots; {' and '.join(TRANSFORMERS)} with {short}\n")
    heads = ("generator", "CPU s", *MEASURES, *TOGETHER, *(f"{c} [%]" for c in CLASSIFIERS))
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    empty: list[Found] = []
    rest = concat([setting.train.of(label) for label in FAULTS])
    everything = [setting.accuracy(rest)]
    shots = [setting.accuracy(setting.shots(seed)) for seed in range(given.seeds)]
    for name, accuracy in (("real, the shots", shots), ("real, whole training runs", everything)):
        print(row(name, {"seconds": [0.0], "found": empty, "accuracy": accuracy}), flush=True)
    for arm in given.arms:
        print(row(arm, run(arm, setting, given.seeds, short)), flush=True)
    print(PUBLISHED)


if __name__ == "__main__":
    main()
