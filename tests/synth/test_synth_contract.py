"""What every generator must do, whatever it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from synth_sets import Sets, make

from faultsyn.errors import InputError
from faultsyn.resources import available, find
from faultsyn.synth import GENERATORS, Generator, build_generator, load_generator, repeatable
from faultsyn.windows import WindowSet, concat

VIBRATION_ONLY = {name for name, kind in GENERATORS.items() if "rpm" in kind.needs}
COPIES = {"none", "oversample"}

CASES = [
    (name, space, kind)
    for name, generator in sorted(GENERATORS.items())
    for space in sorted(generator.spaces)
    for kind in (
        ["features"]
        if space == "features"
        else ["vibration"]
        if name in VIBRATION_ONLY
        else ["vibration", "process"]
    )
]
PRESETS = [
    name
    for name in available("models")
    if yaml.safe_load(find(name, "models").read_text())["kind"] == "generator"
]


VIBRATION = {"steps": 3, "batch": 4, "sampler_steps": 2, "equalise": False, "guidance": 1.0}
TINY: dict[str, dict[str, object]] = {
    "faultdiffusion-paper": {
        "width": 8,
        "heads": 2,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "noise_steps": 10,
        "pretrain_steps": 3,
        "adapt_steps": 3,
        "batch": 4,
        "adapt_batch": 4,
    },
    "faultdiffusion-vibration": VIBRATION,
    "faultdiffusion": {"vibration": VIBRATION},
    "cwgan": {"width": 4, "latent": 8, "pretrain_steps": 1, "steps": 2, "batch": 4},
    "wdcgan": {"width": 4, "latent": 8, "pretrain_steps": 1, "steps": 2, "batch": 4},
    "ddpm": {
        "width": 16,
        "noise_steps": 10,
        "pretrain_steps": 2,
        "steps": 3,
        "batch": 4,
        "sample_steps": 2,
    },
    "vae": {"width": 4, "latent": 3, "steps": 2, "batch": 4},
    "timevae": {"width": 4, "latent": 3, "steps": 2, "batch": 4},
    "adversarial-autoencoder": {"width": 4, "latent": 3, "steps": 2, "batch": 4},
    "timegan": {
        "hidden": 4,
        "layers": 1,
        "embedding_steps": 2,
        "supervision_steps": 1,
        "joint_steps": 1,
        "batch": 3,
    },
    "dp-merf": {"frequencies": 20, "width": 8, "latent": 4, "steps": 3, "batch": 4},
    "dp2-vae": {"width": 8, "latent": 4, "pretrain_steps": 3, "steps": 3, "batch": 4},
    "dp-cgan": {"width": 8, "latent": 4, "steps": 3, "batch": 4},
    "pate-gan": {"width": 8, "latent": 4, "steps": 3, "batch": 4, "teachers": 2},
}
"""Generators that train, small enough for every test."""


def built(name: str, space: str, kind: str = "vibration") -> Generator:
    config: dict[str, object] = repeatable(name, TINY.get(name, {}))
    if len(GENERATORS[name].spaces) > 1:
        config["space"] = space
    if name == "wavelet" and kind == "process":
        config["wavelet"] = "db2"
    if name == "surrogate":
        config["iterations"] = 5
    return build_generator(name, **config)


def adapted(generator: Generator, sets: Sets) -> Generator:
    rng = np.random.default_rng(3)
    return generator.pretrain(sets.normal, rng).adapt(sets.shots, rng)


def draw(generator: Generator, label: str = "inner", n: int = 7, seed: int = 5) -> WindowSet:
    return generator.sample(n, np.random.default_rng(seed), label=label)


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_samples_are_windows_of_the_class(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    generator = adapted(built(name, space, kind), sets)
    assert generator.classes_ == ("inner", "outer")
    for label in generator.classes_:
        made = draw(generator, label)
        assert len(made) == (0 if name == "none" else 7)
        assert made.x.dtype == np.float32
        assert made.x.shape[1:] == sets.shots.x.shape[1:]
        assert made.channels == sets.shots.channels
        assert np.isfinite(made.x).all()
        assert made.synthetic.all()
        assert set(made.labels.tolist()) <= {label}
        assert not {"session", "start"} & set(made.table)
        assert set(made.column("recording").tolist()) <= {""}
        assert set(made.column("asset").tolist()) <= {""}
        traced = made.column("source")
        rows = traced[traced >= 0]
        assert (sets.shots.labels[rows] == label).all() or name == "mixup"
        assert len(concat([sets.shots, made])) == len(sets.shots) + len(made)
        if kind == "vibration" and len(made):
            assert np.allclose(made.column("rpm").astype(float), 1797.0, rtol=0.05)
            assert set(made.column("bearing").tolist()) == {"6205"}


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_the_rng_decides(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    generator = adapted(built(name, space, kind), sets)
    first, again, other = draw(generator), draw(generator), draw(generator, seed=6)
    assert np.array_equal(first.x, again.x)
    twin = adapted(built(name, space, kind), sets)
    assert np.array_equal(first.x, draw(twin).x)
    if name not in COPIES:
        assert not np.array_equal(first.x, other.x)
        flat = first.x.reshape(len(first), -1)
        assert len(np.unique(flat, axis=0)) > 1


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_saved_and_loaded_it_makes_the_same_windows(
    name: str, space: str, kind: str, tmp_path: Path
) -> None:
    generator = adapted(built(name, space, kind), make(kind))
    loaded = load_generator(generator.save(tmp_path / "artefact"))
    assert type(loaded) is type(generator)
    assert loaded.config() == generator.config()
    for label in generator.classes_:
        before, after = draw(generator, label), draw(loaded, label)
        assert np.array_equal(before.x, after.x)
        assert set(before.table) == set(after.table)
        for column in before.table:
            assert before.table[column].tolist() == after.table[column].tolist()
        assert before.units == after.units
        same_rate = before.rate == after.rate or np.isnan([before.rate, after.rate]).all()
        assert same_rate


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_no_window_when_none_is_asked_for(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    made = draw(adapted(built(name, space, kind), sets), n=0)
    assert made.x.shape == (0, *sets.shots.x.shape[1:])


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_one_shot_is_enough(name: str, space: str, kind: str) -> None:
    made = draw(adapted(built(name, space, kind), make(kind, k=1)))
    assert np.isfinite(made.x).all()


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_a_constant_channel_gives_finite_windows(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    for part in sets:
        part.x[:, 0, ... if space == "signal" else slice(0, 3)] = 3.0
    made = draw(adapted(built(name, space, kind), sets))
    assert np.isfinite(made.x).all()


@pytest.mark.parametrize(("name", "space", "kind"), [case for case in CASES if case[1] == "signal"])
def test_scale_of_a_channel_carries_over(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    scaled = Sets(*(part.with_x(part.x.copy()) for part in sets))
    for part in scaled:
        part.x[:, -1] *= np.float32(2.0**20)
    small = draw(adapted(built(name, space, kind), sets))
    large = draw(adapted(built(name, space, kind), scaled))
    assert np.isfinite(large.x).all()
    # Whatever a generator does to one channel, a millionfold unit of another must not drown it.
    ratio = large.x[:, 0].std() / small.x[:, 0].std() if len(small) else 1.0
    assert 0.5 < ratio < 2.0


def _every_channel_constant(sets: Sets) -> Sets:
    return Sets(*(part.with_x(np.full_like(part.x, 3.0)) for part in sets))


def _one_dead_shot(sets: Sets) -> Sets:
    shots = sets.shots.with_x(sets.shots.x.copy())
    shots.x[0] = 0.0
    return sets._replace(shots=shots)


def _dead_normals(sets: Sets) -> Sets:
    return sets._replace(normal=sets.normal.with_x(np.zeros_like(sets.normal.x)))


def _equal_shots(sets: Sets) -> Sets:
    x = np.repeat(sets.shots.x[:1], len(sets.shots), axis=0)
    return sets._replace(shots=sets.shots.with_x(x))


def _far_from_zero(sets: Sets) -> Sets:
    return Sets(*(part.with_x(part.x + np.float32(1e5)) for part in sets))


def _very_different_scales(sets: Sets) -> Sets:
    _, n_channels, n_samples = sets.shots.x.shape
    if n_channels > 1:
        scale = np.logspace(-9, 9, n_channels, dtype=np.float32)[:, None]
    else:  # feature rows: their columns are what channels are to signals
        scale = np.logspace(-9, 9, n_samples, dtype=np.float32)
    return Sets(*(part.with_x(part.x * scale) for part in sets))


DEGENERATE = (
    _every_channel_constant,
    _one_dead_shot,
    _dead_normals,
    _equal_shots,
    _far_from_zero,
    _very_different_scales,
)


@pytest.mark.parametrize("change", DEGENERATE, ids=lambda change: change.__name__.strip("_"))
@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_degenerate_windows_give_finite_ones(
    name: str, space: str, kind: str, change: Callable[[Sets], Sets]
) -> None:
    made = draw(adapted(built(name, space, kind), change(make(kind))))
    assert np.isfinite(made.x).all()
    assert len(made) == (0 if name == "none" else 7)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_few_normals_are_enough_or_too_few_by_name(
    name: str, space: str, kind: str, count: int
) -> None:
    sets = make(kind, k=1)
    few = sets._replace(normal=sets.normal.take(slice(0, count)))
    refusal = ""
    try:
        assert np.isfinite(draw(adapted(built(name, space, kind), few)).x).all()
    except InputError as error:
        refusal = str(error)
    assert not refusal or f"normal windows, got {count}" in refusal


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_shots_of_one_class_alone_are_enough(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    alone = adapted(built(name, space, kind), sets._replace(shots=sets.shots.of("outer")))
    assert alone.classes_ == ("outer",)
    assert np.isfinite(draw(alone, "outer").x).all()


# At 12 kHz and 1797 rpm the inner race is struck every 74 samples, the outer race every 112.
@pytest.mark.parametrize("samples", [1, 2, 7, 20, 73, 100, 160])
@pytest.mark.parametrize(("name", "space", "kind"), [case for case in CASES if case[1] == "signal"])
def test_a_window_too_short_is_refused_or_handled(
    name: str, space: str, kind: str, samples: int
) -> None:
    sets = make(kind)
    short = Sets(*(s.with_x(np.ascontiguousarray(s.x[..., :samples])) for s in sets))
    refusal = ""
    try:
        assert np.isfinite(draw(adapted(built(name, space, kind), short)).x).all()
    except InputError as error:
        refusal = str(error)
    assert not refusal or f"{samples} samples" in refusal or f"got {samples}" in refusal
    assert not refusal or "needs" in refusal or "expected" in refusal


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_nan_is_refused(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    broken = sets.shots.with_x(sets.shots.x.copy())
    broken.x[2, 0, 3] = np.nan
    generator = built(name, space, kind).pretrain(sets.normal, np.random.default_rng(0))
    with pytest.raises(InputError, match=rf"{name}.adapt: window 2, channel .* NaN or infinity"):
        generator.adapt(broken, np.random.default_rng(0))
    healthy = sets.normal.with_x(sets.normal.x.copy())
    healthy.x[5, 0, 0] = -np.inf
    with pytest.raises(InputError, match=rf"{name}.pretrain: window 5, channel .* NaN or infinity"):
        generator.pretrain(healthy, np.random.default_rng(0))


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_other_windows_than_pretrained_on_are_refused(name: str, space: str, kind: str) -> None:
    sets = make(kind)
    generator = built(name, space, kind).pretrain(sets.normal, np.random.default_rng(0))
    shorter = sets.shots.with_x(np.ascontiguousarray(sets.shots.x[..., :-1]))
    n = sets.shots.n_samples
    with pytest.raises(InputError, match=rf"expected .* x {n} samples .* got .* x {n - 1} at"):
        generator.adapt(shorter, np.random.default_rng(0))


@pytest.mark.parametrize(("name", "space", "kind"), CASES)
def test_the_other_space_is_refused(name: str, space: str, kind: str) -> None:
    wrong = make("vibration" if space == "features" else "features")
    with pytest.raises(InputError, match=f"works in the {space} space, got"):
        built(name, space, kind).pretrain(wrong.normal, np.random.default_rng(0))


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_misuse_is_named(name: str, tmp_path: Path) -> None:
    kind = GENERATORS[name]
    space = sorted(kind.spaces)[-1]
    sets = make("vibration" if space == "signal" else "features")
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"call adapt\(shots\) before sample"):
        built(name, space).sample(1, rng)
    with pytest.raises(InputError, match="before save"):
        built(name, space).save(tmp_path / "empty")
    if kind.needs_normal:
        with pytest.raises(InputError, match=r"call pretrain\(normal windows\) before adapt"):
            built(name, space).adapt(sets.shots, rng)
    with pytest.raises(InputError, match=r"normal windows only, got \['inner', 'outer'\]"):
        built(name, space).pretrain(sets.shots, rng)
    generator = adapted(built(name, space), sets)
    with pytest.raises(InputError, match="unknown class 'cage'; adapted to"):
        generator.sample(1, rng, label="cage")
    with pytest.raises(InputError, match="say which class"):
        generator.sample(1, rng)
    with pytest.raises(InputError, match="cannot sample -1"):
        generator.sample(-1, rng, label="inner")
    with pytest.raises(InputError, match="at least one shot"):
        generator.adapt(sets.shots.take([]), rng)
    with pytest.raises(InputError, match="real shots, got synthetic"):
        generator.adapt(sets.shots.with_columns(synthetic=True), rng)
    for column in kind.needs:
        table = {k: v for k, v in sets.shots.table.items() if k != column}
        with pytest.raises(InputError, match=rf"shots lack the columns \['{column}'\]"):
            generator.adapt(replace(sets.shots, table=table), rng)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_a_misspelt_setting_is_named(name: str) -> None:
    with pytest.raises(InputError, match=f"generator '{name}' has no setting 'sppace'"):
        build_generator(name, sppace="signal")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_build_and_run_on_what_they_suit(preset: str) -> None:
    head = yaml.safe_load(find(preset, "models").read_text())
    assert set(head) == {"kind", "method", "config", "n_synthetic", "suits", "about"}
    assert set(head["suits"]) <= {"vibration", "process", "hydraulic"}
    generator = build_generator(
        head["method"], **{**head["config"], **TINY.get(head["method"], {})}
    )
    for suit in head["suits"]:
        kind = "features" if generator.space == "features" else suit
        sets = make("process" if kind == "hydraulic" else kind)
        assert np.isfinite(draw(adapted(generator, sets)).x).all()


def test_every_generator_has_a_preset() -> None:
    methods = {yaml.safe_load(find(p, "models").read_text())["method"] for p in PRESETS}
    assert methods == set(GENERATORS)


def test_registry_names_are_the_classes_own() -> None:
    assert all(name == kind.name for name, kind in GENERATORS.items())
    with pytest.raises(InputError, match=r"unknown generator 'oversampl' .*'oversample'"):
        build_generator("oversampl")


def test_an_artefact_of_another_kind_is_refused(tmp_path: Path) -> None:
    sets = make("vibration")
    path = adapted(build_generator("oversample"), sets).save(tmp_path / "a")
    with pytest.raises(InputError, match="expected generator 'none', got 'oversample'"):
        GENERATORS["none"].load(path)
    text = (path / "artifact.json").read_text().replace('"oversample"', '"oversampel"')
    (path / "artifact.json").write_text(text)
    with pytest.raises(InputError, match=r"unknown generator 'oversampel' .*'oversample'"):
        load_generator(path)


def test_importing_the_room_imports_nothing_heavy() -> None:
    heavy = ("torch", "tsaug", "matplotlib", "sklearn")
    code = f"import sys, faultsyn.synth; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
