"""Which sensors, in which phase of the cycle, moved a verdict.

Occlusion (Zeiler and Fergus 2014, Visualizing and understanding convolutional networks, section
4): a stretch of one channel is replaced by the mean healthy course, and the fall of the verdict's
log odds says how much the verdict rests on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.windows import WindowSet

PHASES = 12
"""Stretches of a window; fewer where it is short."""
_LEAST_SAMPLES = 6
SHOWN = 6


def occlusion(diagnoser: Diagnoser, window: WindowSet, label: str) -> list[dict[str, Any]]:
    """The stretches whose healthy replacement costs `label` most, largest first.

    - `window`: one window `(1, C, n_samples)`.

    Each entry has `channel`, `from` and `to` [s from the start of the window], and `drop`, the fall
    of the log odds; only those that cost anything.
    """
    reference = diagnoser.baseline.reference if diagnoser.baseline else None
    if reference is None or reference.shape != window.x.shape[1:]:
        return []
    n_channels, n_samples = reference.shape
    phases = max(1, min(PHASES, n_samples // _LEAST_SAMPLES))
    edges = np.linspace(0, n_samples, phases + 1).astype(int)
    hidden = np.repeat(window.x, n_channels * phases, axis=0)
    for channel in range(n_channels):
        for phase in range(phases):
            part = slice(edges[phase], edges[phase + 1])
            hidden[channel * phases + phase, channel, part] = reference[channel, part]
    stack = window.take(np.zeros(len(hidden), np.intp)).with_x(hidden)
    before = _log_odds(diagnoser, window, label)[0]
    drops = before - _log_odds(diagnoser, stack, label)
    found = []
    for at in np.argsort(-drops, kind="stable")[:SHOWN]:
        if drops[at] <= 1e-3:
            break
        phase = int(at) % phases
        found.append(
            {
                "channel": window.channels[int(at) // phases],
                "from": float(edges[phase] / window.rate),
                "to": float(edges[phase + 1] / window.rate),
                "drop": float(drops[at]),
            }
        )
    return found


def _log_odds(diagnoser: Diagnoser, windows: WindowSet, label: str) -> NDArray[np.float64]:
    """Log odds of `label`, from logits: they do not saturate where probabilities round to 1."""
    classifier = diagnoser.fitted.classifier
    rows = diagnoser.fitted.rows(windows)
    logits = classifier.logits(rows if classifier.consumes == "features" else windows)
    at = classifier.classes_.index(label)
    return np.asarray(logits[:, at] - logsumexp(np.delete(logits, at, axis=1), axis=1))
