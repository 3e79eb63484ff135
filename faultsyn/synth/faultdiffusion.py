"""FaultDiffusion, our variant: the route that suits the windows.

After Xu et al., "FaultDiffusion" (arXiv 2511.15174): a general model, frozen, and what makes a
fault differ from it, learnt from K shots. What is general and how the difference is best written
depends on the signal, so there are two routes, each a generator of its own:

- vibration (`faultdiffusion-vibration`): the general model is a diffusion network that knows
  bearings, the difference an adapter;
- slow signals and feature rows (`faultdiffusion-difference`): the general model is the healthy
  windows, the difference what they do not explain of a shot.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError
from faultsyn.registry import build
from faultsyn.synth.base import Generator, Space
from faultsyn.synth.diffusion.describe import MINIMUM
from faultsyn.synth.diffusion.difference import FaultDiffusionDifference
from faultsyn.synth.diffusion.vibration import FaultDiffusionVibration
from faultsyn.windows import WindowSet

Route = Literal["vibration", "difference"]

ROUTES: dict[str, type[Generator]] = {
    "vibration": FaultDiffusionVibration,
    "difference": FaultDiffusionDifference,
}
SLOWEST = 1000.0
"""Sample rate [Hz] from which windows with a speed are taken for vibration."""


class FaultDiffusion(Generator):
    """Vibration or difference, whichever the windows ask for.

    - `route`: "auto", "vibration" or "difference". Auto takes vibration for windows in signal space
      of at least 128 samples at 1 kHz or more with a speed (column `rpm`), the difference else.
    - `vibration`, `difference`: settings of the two.
    - `space`: "signal" or "features".

    `route_` says which was taken; the first windows it is given (`pretrain`, else `adapt`) decide.
    """

    name = "faultdiffusion"
    spaces = frozenset({"signal", "features"})

    route_: str
    made_: Generator

    def __init__(
        self,
        route: Literal["auto"] | Route = "auto",
        vibration: Mapping[str, Any] | None = None,
        difference: Mapping[str, Any] | None = None,
        space: Space = "signal",
    ) -> None:
        self.route = route
        self.vibration = vibration
        self.difference = difference
        self.space = space

    @classmethod
    def repeatable(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """`config` with noise from the seed in a private step that does not say whence."""
        own = config.get("vibration")
        if not isinstance(own, Mapping):
            return dict(config)
        return {**config, "vibration": FaultDiffusionVibration.repeatable(own)}

    def check_config(self) -> None:
        """Raise `InputError` on an unknown route, and on whatever either route refuses."""
        super().check_config()
        if self.route not in ("auto", *ROUTES):
            raise InputError(
                f"{self.name}: expected route 'auto' or one of {sorted(ROUTES)}, got '{self.route}'"
            )
        if self.route == "vibration" and self.space == "features":
            raise InputError(f"{self.name}: vibration works in the signal space, got 'features'")
        for route in ROUTES:
            self._built(route).check_config()

    def sample_at(
        self, n: int, rng: np.random.Generator, *, rpm: float, label: str | None = None
    ) -> WindowSet:
        """`n` new windows at another speed [1/min].

        Raises `InputError` where the route is not vibration.
        """
        if not isinstance(getattr(self, "made_", None), FaultDiffusionVibration):
            raise InputError(f"{self.name}: only adapted vibration windows can change their speed")
        made = self.made_
        assert isinstance(made, FaultDiffusionVibration)
        return made.sample_at(n, rng, rpm=rpm, label=label)

    def _pretrain(self, normal: WindowSet, rng: np.random.Generator) -> None:
        self._choose(normal)
        self.made_.pretrain(normal, rng)
        self.curves_, self.privacy_ = self.made_.curves_, self.made_.privacy_

    def _adapt(self, shots: WindowSet, rng: np.random.Generator) -> None:
        if not hasattr(self, "made_"):
            self._choose(shots)
        self.made_.adapt(shots, rng)
        self.curves_ = self.made_.curves_

    def _sample(self, n: int, rng: np.random.Generator, label: str) -> WindowSet:
        return self.made_.sample(n, rng, label=label)

    def _choose(self, windows: WindowSet) -> None:
        self.route_ = _suiting(windows) if self.route == "auto" else self.route
        self.made_ = self._built(self.route_)
        self.made_.progress, self.made_.checkpoint = self.progress, self.checkpoint

    def _built(self, route: str) -> Generator:
        given = {"vibration": self.vibration, "difference": self.difference}[route]
        config = {} if route == "vibration" else {"space": self.space}
        kind = ROUTES[route]
        return build("generator", {kind.name: kind}, kind.name, {**config, **(given or {})})

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays, info = self.made_._state()
        return arrays, {"route": self.route_, "made": info}

    def _restore(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        self.route_ = info["route"]
        made = self._built(self.route_)
        made.shape_, made.channels_, made.rate_ = self.shape_, self.channels_, self.rate_
        if hasattr(self, "classes_"):
            made.classes_ = self.classes_
        made._restore(arrays, info["made"])
        self.made_ = made


def _suiting(windows: WindowSet) -> Route:
    rpm = windows.table.get("rpm")
    turns = rpm is not None and rpm.dtype.kind in "iuf" and bool((rpm > 0).any())
    fast = np.isfinite(windows.rate) and windows.rate >= SLOWEST
    return "vibration" if turns and fast and windows.n_samples >= MINIMUM else "difference"
