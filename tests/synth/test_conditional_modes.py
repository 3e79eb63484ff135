"""Generators that train one network on all classes: what a window is said to belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from synth_sets import make

from faultsyn.synth import build_generator, load_generator

TINY = {"width": 16, "noise_steps": 6, "steps": 2, "batch": 4, "sample_steps": 2}


def test_shots_of_two_bearings_are_two_modes_with_their_own_speed(tmp_path: Path) -> None:
    shots = make("vibration", k=6).shots
    other = np.arange(len(shots)) % 3 == 0
    shots = shots.with_columns(
        bearing=np.where(other, "6203", "6205"),
        rpm=np.where(other, 1700.0, 1750.0) + np.arange(len(shots)),
    )
    rng = np.random.default_rng(0)
    generator = build_generator("ddpm", scaling="class", **TINY).adapt(shots, rng)
    made = generator.sample(9, np.random.default_rng(1), label="inner")
    bearing = made.column("bearing")
    assert (bearing == "6203").sum() == 3
    for name in ("6203", "6205"):
        of = (shots.labels == "inner") & (shots.column("bearing") == name)
        speed = made.column("rpm")[bearing == name].astype(float)
        assert np.allclose(speed, shots.column("rpm")[of].astype(float).mean())
    loaded = load_generator(generator.save(tmp_path / "a"))
    again = loaded.sample(9, np.random.default_rng(1), label="inner")
    assert np.array_equal(again.x, made.x)
    assert again.column("bearing").tolist() == bearing.tolist()
