"""What a generator would release, made again and again from other windows of a task."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.experiment.presets import load_preset
from faultsyn.experiment.training import Place
from faultsyn.signal.representation import Representation
from faultsyn.synth import Generator, build_generator, repeatable
from faultsyn.windows import NORMAL, WindowSet, concat


class Releaser:
    """A preset, pretrained once on a fold's normals, to be adapted to any windows.

    - `generator`: pretrained, never adapted itself.
    - `n`: windows that are released of each class.
    - `claim`: what the last generator states of differential privacy for its adaptation.

    A generator that makes feature rows works on the task's representation, scaled by the normals
    and the windows `members`. Raises `InputError` where there are no normals and it needs some.
    """

    def __init__(
        self,
        preset: str | Path,
        place: Place,
        members: WindowSet,
        n: int,
        rng: np.random.Generator,
    ) -> None:
        chosen = load_preset(preset, "generator")
        config = repeatable(chosen.method, chosen.config)
        self.generator: Generator = build_generator(chosen.method, **config)
        self.n = n
        self.claim: Mapping[str, Any] = {}
        self._representation: Representation | None = None
        normals = place.normals()
        if self.generator.space == "features":
            self._representation = self._scaled(place, normals, members)
        if len(normals):
            self.generator.pretrain(self.see(normals).with_columns(label=NORMAL), rng)
        elif self.generator.needs_normal:
            raise InputError(f"{self.generator.name}: the task has no healthy windows")

    def see(self, windows: WindowSet) -> WindowSet:
        """Windows in the space that the generator works in."""
        if self._representation is None:
            return windows
        return self._representation.transform(windows)

    def release(self, members: WindowSet, rng: np.random.Generator) -> WindowSet:
        """`n` windows of each class in `members`, which are in the generator's space."""
        generator = deepcopy(self.generator)
        generator.adapt(members, rng)
        self.claim = generator.privacy_.get("adapt", {})
        return concat(generator.sample(self.n, rng, label=label) for label in generator.classes_)

    def _scaled(self, place: Place, normals: WindowSet, members: WindowSet) -> Representation:
        made = Representation(**place.data.task.representation.model_dump())
        if not len(normals):
            return made.fit(None, members)
        columns = normals.table.keys() & members.table.keys()
        sets = [
            WindowSet(
                part.x, {name: part.table[name] for name in columns}, part.rate, part.channels
            )
            for part in (normals, members)
        ]
        return made.fit(normals, concat(sets))
