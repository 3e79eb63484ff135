"""Generators: what makes more windows of a rare fault.

`build_generator("diff-aug", scale=0.5)` builds one by its registered name, `load_generator(path)`
reads back one that was saved. All follow the contract of `faultsyn.synth.base.Generator`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faultsyn.artifact import load_artifact
from faultsyn.errors import InputError
from faultsyn.registry import build, nearest
from faultsyn.synth.adversarial_autoencoder import AAE
from faultsyn.synth.base import Generator
from faultsyn.synth.cwgan import CWGAN
from faultsyn.synth.cycle_bootstrap import CycleBootstrap
from faultsyn.synth.ddpm import DDPM
from faultsyn.synth.diff_aug import DiffAug
from faultsyn.synth.diffusion.difference import FaultDiffusionDifference
from faultsyn.synth.diffusion.vibration import FaultDiffusionVibration
from faultsyn.synth.domain_randomised import DomainRandomised
from faultsyn.synth.dp2_vae import DP2VAE
from faultsyn.synth.dp_cgan import DPCGAN
from faultsyn.synth.dp_merf import DPMerf
from faultsyn.synth.faultdiffusion import FaultDiffusion
from faultsyn.synth.faultdiffusion_paper import FaultDiffusionPaper
from faultsyn.synth.matched_difference import MatchedDifference
from faultsyn.synth.mixup import Mixup
from faultsyn.synth.none import NoSynthesis
from faultsyn.synth.oversample import Oversample
from faultsyn.synth.pate_gan import PATEGAN
from faultsyn.synth.physics_injection import PhysicsInjection
from faultsyn.synth.physics_safe import PhysicsSafe
from faultsyn.synth.shrunken_gaussian import ShrunkenGaussian
from faultsyn.synth.smote import Smote
from faultsyn.synth.surrogate import Surrogate
from faultsyn.synth.timegan import TimeGAN
from faultsyn.synth.timevae import TimeVAE
from faultsyn.synth.tsaug_adapter import Tsaug
from faultsyn.synth.vae import VAE
from faultsyn.synth.wavelet import WaveletExpansion
from faultsyn.synth.wdcgan import WDCGAN

GENERATORS: dict[str, type[Generator]] = {
    generator.name: generator
    for generator in (
        NoSynthesis,
        Oversample,
        DiffAug,
        WaveletExpansion,
        Tsaug,
        PhysicsSafe,
        Surrogate,
        MatchedDifference,
        CycleBootstrap,
        ShrunkenGaussian,
        PhysicsInjection,
        DomainRandomised,
        FaultDiffusion,
        FaultDiffusionPaper,
        FaultDiffusionDifference,
        FaultDiffusionVibration,
        Smote,
        Mixup,
        DPMerf,
        DP2VAE,
        DPCGAN,
        PATEGAN,
        DDPM,
        TimeGAN,
        AAE,
        TimeVAE,
        VAE,
        CWGAN,
        WDCGAN,
    )
}
"""Every generator by its registered name."""

__all__ = ["GENERATORS", "Generator", "build_generator", "load_generator"]


def build_generator(name: str, **config: Any) -> Generator:
    """An untrained generator.

    Raises `InputError` with the nearest valid key on an unknown name or setting, and on a value
    that makes no sense.
    """
    made = build("generator", GENERATORS, name, config)
    made.check_config()
    return made


def repeatable(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a generator for what releases nothing (see `Generator.repeatable`)."""
    kind = GENERATORS.get(name)
    return dict(config) if kind is None else kind.repeatable(config)


def load_generator(path: str | Path) -> Generator:
    """Read back what a generator's `save` wrote, whichever it was.

    Raises `InputError` when the folder is no generator, was changed, or holds one unknown here.
    """
    name = load_artifact(path, "generator").name
    if name not in GENERATORS:
        raise InputError(f"{path}: unknown generator '{name}'", nearest(name, GENERATORS))
    return GENERATORS[name].load(path)
