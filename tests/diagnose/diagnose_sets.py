"""Small labelled sets and quick configurations that the classifier tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

from faultsyn.diagnose import FewShotClassifier, build_classifier
from faultsyn.windows import WindowSet

_INNER = {"width": 8, "dim": 8, "steps": 30, "way": 3, "batch": 12, "tasks": 2}
QUICK: dict[str, dict[str, Any]] = {
    "random-forest": {"n_trees": 20},
    "extra-trees": {"n_trees": 20},
    "minirocket": {"n_kernels": 504},
    "ordinal-ridge": {"drop": [0, 2]},
    "cnn": {"width": 8, "dim": 8, "steps": 60, "batch": 16},
    "residual-cnn": {"width": 8, "dim": 8, "steps": 60, "batch": 16},
    "fine-tuned-cnn": {"width": 8, "dim": 8, "base_steps": 20, "steps": 60, "batch": 16},
    "baseline-plus": {"width": 8, "dim": 8, "steps": 60, "batch": 16, "tune": "full"},
    "prototypical": {"width": 8, "dim": 8, "base_steps": 10, "steps": 20, "way": 4, "batch": 16},
    "matching": {"width": 8, "dim": 8, "base_steps": 10, "steps": 30, "way": 4, "batch": 16},
    "relation": {"width": 8, "dim": 8, "base_steps": 10, "steps": 60, "way": 4, "batch": 16},
    "siamese": {"width": 8, "dim": 8, "base_steps": 10, "steps": 60, "way": 4, "batch": 16},
    "maml": {**_INNER, "base_steps": 8},
    "anil": {**_INNER, "base_steps": 8},
    "reptile": {**_INNER, "base_steps": 5},
}
"""Arguments that keep a contract test short; every other classifier is quick as it is."""

_ROWS = {"encoder": "features"}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "cnn on rows": ("cnn", _ROWS),
    "cnn, transformer": ("cnn", {"encoder": "transformer"}),
    "cnn, log-spectrum": ("cnn", {"front": "log-spectrum", "steps": 120}),
    "cnn, envelope": ("cnn", {"front": "envelope"}),
    "cnn, scalogram": ("cnn", {"front": "scalogram"}),
    "fine-tuned on rows": ("fine-tuned-cnn", _ROWS),
    "prototypical on rows, made-up faults": ("prototypical", {**_ROWS, "pseudo": 4}),
    "prototypical, made-up faults": ("prototypical", {"pseudo": 4}),
    "prototypical, cosine": ("prototypical", {"distance": "cosine"}),
    "matching, full context": ("matching", {"full_context": True}),
    "relation on rows": ("relation", _ROWS),
    "prototypical on whitened rows": ("prototypical", {**_ROWS, "front": "whiten"}),
    "prototypical, rows": ("prototypical", {"encoder": "rows", "front": "whiten", "pseudo": 6}),
    "prototypical, directions": (
        "prototypical",
        {"encoder": "directions", "distance": "cosine", "pseudo": 6, "held_out": 0.4},
    ),
    "prototypical, leaning on the base": (
        "prototypical",
        {"encoder": "rows", "pseudo": 4, "refine": False, "prior": 2.0},
    ),
    "siamese on rows": ("siamese", _ROWS),
    "siamese, rows": ("siamese", {"encoder": "rows"}),
    "maml on rows, made-up faults": ("maml", {**_ROWS, "pseudo": 4}),
    "maml, rows, steps chosen": ("maml", {"encoder": "rows", "pseudo": 6, "held_out": 0.4}),
    "maml, first order": ("maml", {"order": 1}),
    "maml, residual": ("maml", {"encoder": "residual"}),
    "maml, transformer": ("maml", {"encoder": "transformer"}),
    "meta-sgd": ("maml", {"learn_rates": True}),
    "maml by learn2learn": ("maml", {"engine": "learn2learn"}),
    "anil by learn2learn, learnt rates": ("anil", {"engine": "learn2learn", "learn_rates": True}),
    "reptile on rows": ("reptile", _ROWS),
}
"""Settings that take another path through a classifier, by what they are."""

SEVERITY = {"normal": 0.0, "mild": 1.0, "severe": 2.0}
CHANNELS, LENGTH, RATE = 2, 40, 100.0


def quick(name: str) -> FewShotClassifier:
    """The classifier, or the variant, with quick settings."""
    method, config = VARIANTS.get(name, (name, {}))
    return build_classifier(method, **{**QUICK.get(method, {}), **config})


def windows(n_fault: int, n_normal: int, rng: np.random.Generator) -> WindowSet:
    """Noise whose level in channel a, and whose 10 Hz tone in channel b, grow with severity."""
    labels = ["normal"] * n_normal + ["mild"] * n_fault + ["severe"] * n_fault
    severity = np.array([SEVERITY[label] for label in labels])
    time = np.arange(LENGTH) / RATE
    phase = rng.uniform(0, 2 * np.pi, (len(labels), 1))
    x = 0.3 * rng.standard_normal((len(labels), CHANNELS, LENGTH))
    x[:, 0] += severity[:, None]
    x[:, 1] += severity[:, None] * np.sin(2 * np.pi * 10 * time + phase)
    table = {
        "label": np.array(labels),
        "severity": severity,
        "recording": np.array([f"{label}-{i % 4}" for i, label in enumerate(labels)]),
    }
    return WindowSet(x.astype(np.float32), table, RATE, ("a", "b"), ("g", "g"))


def features(raw: WindowSet) -> WindowSet:
    """Means, their squares, deviations and a few samples of each channel, about unit scale."""
    x, mean = raw.x, raw.x.mean(axis=2)
    parts = [mean, (mean - 1) ** 2, x.std(axis=2), x[:, :, ::5].reshape(len(x), -1)]
    return raw.as_features(np.concatenate(parts, axis=1))


def sets(name: str, n_fault: int = 5, seed: int = 0) -> tuple[WindowSet, WindowSet, WindowSet]:
    """Base (normals), support and query of the kind that classifier `name` consumes."""
    rng = np.random.default_rng(seed)
    made = (windows(0, 30, rng), windows(n_fault, 12, rng), windows(6, 6, rng))
    if quick(name).consumes == "features":
        return features(made[0]), features(made[1]), features(made[2])
    return made
