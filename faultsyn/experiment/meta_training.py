"""Meta-training, done once for all the cells that share a base set.

A learner that was meta-trained is the same whatever shots it is fitted to, so it is trained once
for a base set, its own settings and a draw, kept in the cache, and loaded by every cell.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faultsyn.diagnose import FewShotClassifier, build_classifier, load_classifier
from faultsyn.experiment.arms import BaseSpec, ClassifierArm
from faultsyn.experiment.cache import key_of
from faultsyn.experiment.seeding import rng_for
from faultsyn.experiment.views import BaseView


def is_shared(arm: ClassifierArm) -> bool:
    """Whether the arm's meta-training is shared between cells."""
    if arm.control == "metadata only":
        return False
    return build_classifier(arm.method, **arm.config).costly


def draw_of(arm: ClassifierArm, seed: int) -> int:
    """Which of its meta-trainings an arm uses with a seed of the study."""
    return seed % (arm.base or BaseSpec()).draws


def meta_trained(arm: ClassifierArm, base: BaseView, draw: int, folder: Path) -> FewShotClassifier:
    """The arm's learner after meta-training on `base`, trained if `folder` has it not yet.

    - `draw`: number of the training run; it decides the random numbers, beside what is learnt from.
    """
    parts: dict[str, Any] = {
        "method": arm.method,
        "config": arm.config,
        "base": base.key,
        "draw": draw,
    }
    path = folder / key_of(parts)
    if not (path / "artifact.json").is_file():
        learner = build_classifier(arm.method, **arm.config)
        learner.meta_fit(base.windows, rng_for("meta_fit", path.name))
        learner.save(path)
    return load_classifier(path)
