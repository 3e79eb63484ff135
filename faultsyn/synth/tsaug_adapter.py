"""Augmenters of tsaug (https://tsaug.readthedocs.io, Arundo Analytics, version 0.2.1).

tsaug computes in float64, expects `(n, samples, channels)` and repeats itself under a fixed seed;
here windows stay float32 `(n, channels, samples)`, and each augmenter of each call gets its own
seed from the generator's `rng`.

Not every augmenter is physical for every signal. `TimeWarp` and `Reverse` are wrong for vibration:
they move the fault frequency within the window and turn ring-down into ring-up. `Drift` of slow
sensors and `Dropout` of telegrams belong to process data. The presets `tsaug-vibration`,
`tsaug-process` and `tsaug-hydraulic` name what suits each.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.registry import nearest
from faultsyn.synth.shots import ShotGenerator
from faultsyn.windows import WindowSet

AUGMENTERS = (
    "AddNoise", "Convolve", "Crop", "Drift", "Dropout",
    "Pool", "Quantize", "Resize", "Reverse", "TimeWarp",
)  # fmt: skip


class Tsaug(ShotGenerator):
    """A chain of tsaug augmenters applied to the shots.

    - `augmenters`: the chain, each `{name: settings}` in tsaug's own words, such as
      `{AddNoise: {scale: 0.02}}`; `prob` among the settings is the share of windows altered. A
      list stands for tsaug's list of choices; `{low: .., high: ..}` for its interval.

    Raises `InputError` on an augmenter or a setting that tsaug does not know, and when the chain
    changes the length of a window.
    """

    name = "tsaug"

    def __init__(
        self, augmenters: Sequence[Mapping[str, Mapping[str, Any]]] = ({"AddNoise": {}},)
    ) -> None:
        self.augmenters = augmenters

    def check_config(self) -> None:
        """Raise `InputError` on an unknown augmenter or setting."""
        super().check_config()
        for index, step in enumerate(self.augmenters):
            if len(step) != 1:
                raise InputError(f"{self.name}: expected one augmenter a step, got {dict(step)}")
            _augmenter(step, seed=index)

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        source = self._draw(n, rng, label)
        x = self.shots_.x[source].transpose(0, 2, 1).astype(np.float64)
        for step in self.augmenters if n else ():
            augmenter = _augmenter(step, seed=int(rng.integers(2**31)))
            try:
                x = augmenter.augment(x)
            except ValueError as error:
                raise InputError(
                    f"tsaug's {next(iter(step))} refuses windows of {x.shape[1]} samples: {error}"
                ) from None
        if x.shape[1] != self.shape_[1]:
            raise InputError(
                f"{self.name}: the chain makes windows of {x.shape[1]} samples, expected "
                f"{self.shape_[1]}",
                "give Crop a `resize` equal to the window",
            )
        return self._made(x.transpose(0, 2, 1), source)


def _augmenter(step: Mapping[str, Mapping[str, Any]], seed: int) -> Any:
    """One augmenter of tsaug with its settings and a seed."""
    with warnings.catch_warnings():  # tsaug 0.2.1 imports from a namespace that scipy renamed
        warnings.filterwarnings("ignore", "Please import", DeprecationWarning)
        import tsaug

    (name, settings), *_ = step.items()
    if name not in AUGMENTERS:
        raise InputError(f"tsaug has no augmenter '{name}'", nearest(name, AUGMENTERS))
    kind = getattr(tsaug, name)
    known = set(inspect.signature(kind).parameters) - {"seed", "repeats"}
    for key in settings:
        if key not in known:
            raise InputError(f"tsaug's {name} has no setting '{key}'", nearest(key, known))
    try:
        return kind(**{k: _interval(v) for k, v in settings.items()}, seed=seed)
    except (TypeError, ValueError) as error:
        raise InputError(f"tsaug's {name} refuses {dict(settings)}: {error}") from None


def _interval(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"low", "high"}:
        return (value["low"], value["high"])
    return value
