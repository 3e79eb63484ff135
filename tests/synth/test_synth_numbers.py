"""The arithmetic of the simple generators, each against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from synth_sets import RATE, RPM, make, process, vibration

from faultsyn.errors import InputError
from faultsyn.synth import build_generator
from faultsyn.synth.domain_randomised import BLOCK
from faultsyn.synth.physics_safe import band_noise, change_speed
from faultsyn.synth.shrunken_gaussian import leave_one_out_shrinkage
from faultsyn.windows import NORMAL, WindowSet


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_oversampling_uses_each_shot_equally_often() -> None:
    shots = process(4, "inner", 1)
    made = build_generator("oversample").adapt(shots, rng()).sample(10, rng())
    assert sorted(np.bincount(made.column("source"))) == [2, 2, 3, 3]
    assert np.array_equal(made.x, shots.x[made.column("source")])


def test_diff_aug_adds_a_scaled_difference_of_two_normals() -> None:
    sets = make("features")
    generator = build_generator("diff-aug", scale=0.5).pretrain(sets.normal, rng())
    made = generator.adapt(sets.shots, rng()).sample(40, rng(), label="outer")
    difference = (made.x - sets.shots.x[made.column("source")])[:, 0] / 0.5
    normal = sets.normal.x[:, 0]
    pairs = normal[:, None] - normal[None]
    found = np.abs(pairs[None] - difference[:, None, None]).max(axis=-1).min(axis=(1, 2))
    assert found.max() < 1e-5
    assert np.abs(difference).max(axis=1).min() > 0  # never a normal minus itself


def loop_difference(
    shots: WindowSet, normal: WindowSet, count: int
) -> tuple[np.ndarray, list[list[int]]]:
    """Shot minus the mean of its nearest normals, window by window in float64."""
    flat = normal.x.reshape(len(normal), -1).astype(np.float64)
    mean, std = flat.mean(axis=0), flat.std(axis=0)
    differences, nearest = [], []
    for window in shots.x.astype(np.float64):
        distances = []
        for other in flat:
            distances.append((((window.ravel() - mean) / std - (other - mean) / std) ** 2).sum())
        own = sorted(range(len(flat)), key=distances.__getitem__)[:count]
        nearest.append(own)
        differences.append(window - normal.x[own].astype(np.float64).mean(axis=0))
    return np.array(differences), nearest


def test_matched_difference_equals_a_plain_loop() -> None:
    sets = make("process")
    generator = build_generator("matched-difference", space="signal")
    generator.pretrain(sets.normal, rng())
    made = generator.adapt(sets.shots, rng()).sample(30, rng(), label="inner")
    differences, nearest = loop_difference(sets.shots, sets.normal, 5)
    hosts = sets.normal.x.astype(np.float64)
    scale = np.array([1e-3, 1.0, 1e6])[:, None]
    for window, shot in zip(made.x.astype(np.float64), made.column("source"), strict=True):
        error = np.abs((hosts + differences[shot] - window) / scale).max(axis=(1, 2))
        assert error.min() < 1e-3
        assert error.argmin() not in nearest[shot]


def test_matched_difference_borrows_from_worse_to_milder_only() -> None:
    normal = process(20, NORMAL, 0)
    normal = normal.with_x(np.zeros_like(normal.x)).with_columns(bar="130")
    shots = process(4, "inner", 1)
    level = np.array([90.0, 90.0, 115.0, 115.0])
    # A fault whose size is its distance to healthy: differences scale exactly.
    x = np.ones_like(shots.x) * (130 - level)[:, None, None].astype(np.float32)
    shots = shots.with_x(x).with_columns(
        label=np.array(["bad", "bad", "mild", "mild"]), bar=level.astype(str)
    )
    generator = build_generator(
        "matched-difference", severity="bar", healthy_severity=130, space="signal"
    )
    generator.pretrain(normal, rng()).adapt(shots, rng())
    mild = generator.sample(40, rng(), label="mild")
    assert np.allclose(mild.x, 15.0)
    assert set(mild.column("source").tolist()) == {0, 1, 2, 3}
    assert set(mild.column("bar").tolist()) == {"115.0"}
    bad = generator.sample(40, rng(), label="bad")
    assert set(bad.column("source").tolist()) == {0, 1}
    with pytest.raises(InputError, match=r"column 'bar' must hold numbers other than the healthy"):
        generator.adapt(shots.with_columns(bar="130"), rng())


def test_matched_difference_is_put_onto_the_state_asked_for() -> None:
    sets = make("process")
    state = np.where(np.arange(24) < 20, "100", "3")
    normal = sets.normal.with_columns(cooler=state, load=np.where(state == "3", 2.0, 1.0))
    shots = sets.shots.with_columns(cooler="100", load=1.0)
    generator = build_generator("matched-difference", onto={"cooler": "3"}, space="signal")
    made = generator.pretrain(normal, rng()).adapt(shots, rng()).sample(9, rng(), label="inner")
    assert set(made.column("load").tolist()) == {2.0}  # the host's operating state
    assert set(made.column("cooler").tolist()) == {""}  # shot and host disagree
    assert set(made.column("severity").tolist()) == {7.0}  # the shot's fault
    with pytest.raises(InputError, match=r"no normal window has \{'cooler': '20'\}"):
        build_generator("matched-difference", onto={"cooler": "20"}, space="signal").pretrain(
            normal, rng()
        )


def test_wavelet_does_not_turn_a_level_into_noise() -> None:
    shots = make("process").shots
    raised = shots.with_x(shots.x + np.float32(4096.0))
    for mix in ("none", "bands", "blend"):
        generator = build_generator("wavelet", wavelet="db2", mix=mix, keep_lowest=True)
        low = generator.adapt(shots, rng()).sample(6, rng(), label="inner").x
        high = generator.adapt(raised, rng()).sample(6, rng(), label="inner").x
        assert np.allclose(high - 4096.0, low, atol=1e-2)


def test_wavelet_with_nothing_switched_on_copies() -> None:
    shots = vibration(3, "inner", 1)
    still = {"gain": 0.0, "sign": False, "shift": 0.0, "noise": 0.0}
    made = build_generator("wavelet", **still).adapt(shots, rng()).sample(6, rng())
    assert np.allclose(made.x, shots.x[made.column("source")], atol=1e-5)
    short = shots.with_x(np.ascontiguousarray(shots.x[..., :12]))
    with pytest.raises(InputError, match=r"'sym8' needs windows of at least 16 samples, got 12"):
        build_generator("wavelet").adapt(short, rng())


def test_a_smoothed_difference_leaves_the_hosts_noise_alone() -> None:
    noise = rng().standard_normal((30, 1, 600))
    table = {"label": np.full(30, NORMAL)}
    normal = WindowSet(noise.astype(np.float32), table, 10.0, ("p",))
    shots = normal.take(np.arange(5)).with_columns(label="leak")
    shots = shots.with_x(shots.x[:, :, ::-1] + np.float32(4))
    spread, level = {}, {}
    for smooth in (0.0, 5.0):
        generator = build_generator("matched-difference", smooth=smooth, space="signal")
        made = generator.pretrain(normal, rng()).adapt(shots, rng()).sample(50, rng())
        spread[smooth], level[smooth] = np.diff(made.x).std() / np.sqrt(2), made.x.mean()
    assert spread[0.0] > 1.35  # the variances of host, shot and a fifth of a reference add up
    assert spread[5.0] == pytest.approx(1.0, abs=0.03)
    assert level[5.0] == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize("common", [True, False])
def test_iaaft_keeps_values_exactly_and_the_spectrum_nearly(common: bool) -> None:
    shots = vibration(3, "inner", 1)
    made = build_generator("surrogate", common_phases=common).adapt(shots, rng()).sample(6, rng())
    real = shots.x[made.column("source")]
    assert np.array_equal(np.sort(made.x), np.sort(real))
    before, after = np.abs(np.fft.rfft(real)), np.abs(np.fft.rfft(made.x))
    assert np.linalg.norm(after - before) < 0.1 * np.linalg.norm(before)


def test_phase_randomised_channels_stay_together_only_when_asked() -> None:
    shots = vibration(3, "inner", 1)  # the second channel is half the first, plus noise
    kept = {}
    for common in (True, False):
        generator = build_generator("surrogate", method="phase", common_phases=common)
        x = generator.adapt(shots, rng()).sample(20, rng()).x
        kept[common] = np.mean([np.corrcoef(window)[0, 1] for window in x])
        spectrum = np.abs(np.fft.rfft(shots.x)).mean(axis=0)
        assert np.allclose(np.abs(np.fft.rfft(x)).mean(axis=0), spectrum, rtol=0.3)
    real = np.mean([np.corrcoef(window)[0, 1] for window in shots.x])
    assert kept[True] == pytest.approx(real, abs=0.03)
    assert abs(kept[False]) < 0.5 * real


def test_a_change_of_speed_moves_every_frequency() -> None:
    t = np.arange(2048)
    x = np.cos(2 * np.pi * 100 / 2048 * t)[None, None]
    made = change_speed(np.repeat(x, 2, axis=0), np.array([1.05, 0.95]))
    for window, factor in zip(made[:, 0], (1.05, 0.95), strict=True):
        expected = np.cos(2 * np.pi * 100 / 2048 * factor * t)
        inside = t * factor < 2048  # beyond, the window wraps round
        assert np.abs(window - expected)[inside].max() < 0.01


def test_physics_safe_noise_has_the_stated_ratio_and_band() -> None:
    shots = vibration(2, "inner", 1)
    only_noise = {"gain_db": 0.0, "shift": False, "snr_db": [10, 10], "band": [0.5, 0.8]}
    made = build_generator("physics-safe", **only_noise).adapt(shots, rng()).sample(30, rng())
    noise = made.x.astype(np.float64) - shots.x[made.column("source")]
    ratio = shots.x[made.column("source")].std(axis=-1) / noise.std(axis=-1)
    assert np.allclose(20 * np.log10(ratio), 10.0, atol=0.1)
    power = np.abs(np.fft.rfft(noise)) ** 2
    at = np.linspace(0, 1, power.shape[-1])
    assert power[..., (at > 0.49) & (at < 0.81)].sum() > 0.999 * power.sum()
    assert np.allclose(band_noise((3, 5000), (0.2, 0.3), rng()).std(axis=-1), 1.0, atol=0.01)


def test_physics_safe_writes_the_new_speed_down() -> None:
    shots = vibration(2, "inner", 1)
    made = build_generator("physics-safe", speed=0.02).adapt(shots, rng()).sample(50, rng())
    factor = made.column("rpm") / RPM
    assert 0.98 <= factor.min() < 0.99 < 1.01 < factor.max() <= 1.02


def test_shrunken_gaussian_has_the_stated_moments() -> None:
    normal, shots = process(200, NORMAL, 0), process(5, "inner", 1)
    generator = build_generator("shrunken-gaussian", shrinkage=0.4, space="signal").pretrain(
        normal, rng()
    )
    x = generator.adapt(shots, rng()).sample(20000, rng()).x.astype(np.float64)
    own, healthy = shots.x.astype(np.float64), normal.x.astype(np.float64)
    gap = (own.mean(axis=(0, 2)) - healthy.mean(axis=(0, 2)))[:, None]
    assert np.allclose(
        x.mean(axis=0), own.mean(axis=0) - 0.4 * gap, atol=0.1 * own.std(axis=0).max()
    )
    residual = healthy - healthy.mean(axis=0)
    level = own.mean(axis=(0, 2), keepdims=True)
    ratio = np.clip((own - level).std(axis=(0, 2)) / residual.std(axis=(0, 2)), 0.5, 3.0)
    expected = 0.81 * own.var(axis=0, ddof=1) + 0.25 * ratio[:, None] ** 2 * residual.var(axis=0)
    assert np.allclose(x.var(axis=0) / expected, 1.0, atol=0.06)


def test_shrinkage_is_none_for_clear_faults_and_strong_for_noise() -> None:
    noise = rng().standard_normal((6, 400))
    clear, buried = leave_one_out_shrinkage([noise + 5]), leave_one_out_shrinkage([noise])
    assert clear < 0.02
    assert buried > 0.7
    # Classes count alike, however strong the fault; one shot has nothing to say.
    assert leave_one_out_shrinkage([noise + 5, noise]) == pytest.approx((clear + buried) / 2)
    assert leave_one_out_shrinkage([noise, noise[:1]]) == buried
    assert leave_one_out_shrinkage([noise[:1], noise[1:2]]) == 0.4
    # With a mean of `size` in every channel and six shots of unit noise the best share is known.
    for size in (0.3, 0.6):
        chosen = leave_one_out_shrinkage([rng(1).standard_normal((6, 20000)) + size])
        assert chosen == pytest.approx((1 / 6) / (size**2 + 1 / 6), abs=0.05)


def test_smote_lies_between_a_shot_and_one_of_its_neighbours() -> None:
    shots = make("features", k=6).shots
    generator = build_generator("smote", neighbours=2).adapt(shots, rng())
    made = generator.sample(30, rng(), label="outer")
    rows = np.flatnonzero(shots.labels == "outer")
    flat = shots.x[:, 0].astype(np.float64)
    scale = shots.x.std()
    for row, source in zip(made.x[:, 0].astype(np.float64), made.column("source"), strict=True):
        others = rows[rows != source]
        near = others[np.argsort((((flat[others] - flat[source]) / scale) ** 2).sum(1))[:2]]
        direct = np.linalg.norm(flat[near] - flat[source], axis=1)
        around = np.linalg.norm(row - flat[source]) + np.linalg.norm(row - flat[near], axis=1)
        assert np.abs(around / direct - 1).min() < 1e-5


@pytest.mark.parametrize("partners", ["class", "shots", "normal"])
def test_mixup_keeps_the_larger_share_for_its_label(partners: str) -> None:
    sets = make("features")
    generator = build_generator("mixup", alpha=1.0, partners=partners).pretrain(sets.normal, rng())
    made = generator.adapt(sets.shots, rng()).sample(50, rng(), label="inner")
    pool = {
        "class": sets.shots.of("inner"),
        "shots": sets.shots,
        "normal": sets.normal,
    }[partners].x[:, 0]
    for row, source in zip(made.x[:, 0], made.column("source"), strict=True):
        own = sets.shots.x[source, 0]
        gap = own - pool
        share = ((row - pool) * gap).sum(axis=1) / np.maximum((gap**2).sum(axis=1), 1e-12)
        error = np.abs(share[:, None] * gap + pool - row).max(axis=1)
        assert error.min() < 1e-4
        assert share[error.argmin()] >= 0.5 - 1e-4 or np.allclose(row, own)


def test_mixup_with_normals_needs_them() -> None:
    sets = make("features")
    with pytest.raises(InputError, match="partners normal needs pretrain"):
        build_generator("mixup", partners="normal").adapt(sets.shots, rng())


def test_tsaug_is_seeded_by_the_call_and_checked_by_name() -> None:
    shots = vibration(3, "inner", 1)
    generator = build_generator("tsaug", augmenters=[{"AddNoise": {"scale": 0.01}}])
    source = rng(4)
    generator.adapt(shots, source)
    first, second = generator.sample(3, source), generator.sample(3, source)
    noise = [m.x - shots.x[m.column("source")] for m in (first, second)]
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1
    with pytest.raises(InputError, match=r"no augmenter 'AddNose' .*'AddNoise'"):
        build_generator("tsaug", augmenters=[{"AddNose": {}}])
    with pytest.raises(InputError, match=r"AddNoise has no setting 'scal' .*'scale'"):
        build_generator("tsaug", augmenters=[{"AddNoise": {"scal": 1}}])
    with pytest.raises(InputError, match="AddNoise refuses"):
        build_generator("tsaug", augmenters=[{"AddNoise": {"scale": "loud"}}])
    cropped = build_generator("tsaug", augmenters=[{"Crop": {"size": 100}}]).adapt(shots, rng())
    with pytest.raises(InputError, match="makes windows of 100 samples, expected 512"):
        cropped.sample(2, rng())
    long = build_generator("tsaug", augmenters=[{"Crop": {"size": 600}}]).adapt(shots, rng())
    with pytest.raises(InputError, match="Crop refuses windows of 512 samples"):
        long.sample(2, rng())


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("diff-aug", {"scale": -1}, "scale >= 0, got -1"),
        ("diff-aug", {"space": "time"}, r"space in \['features', 'signal'\], got 'time'"),
        ("wavelet", {"wavelet": "sym99"}, "knows no discrete wavelet 'sym99'"),
        ("wavelet", {"wavelet": "bior2.2"}, "'bior2.2' is not orthogonal"),
        ("wavelet", {"mix": "all"}, "mix none, bands or blend, got 'all'"),
        ("wavelet", {"shift": 2.0}, r"shift in \[0, 1\]"),
        ("surrogate", {"method": "aaft"}, "iaaft or phase, got 'aaft'"),
        ("surrogate", {"iterations": 0}, "iterations >= 1, got 0"),
        ("physics-safe", {"speed": 0.5}, r"speed in \[0, 0.1\]"),
        ("physics-safe", {"band": [0.8, 0.2]}, "low < high"),
        ("physics-safe", {"snr_db": [20, 10]}, r"snr_db \(low, high\)"),
        ("matched-difference", {"neighbours": 0}, "neighbours >= 1, got 0"),
        ("matched-difference", {"scale": [2, 1]}, r"scale \(low, high\)"),
        ("matched-difference", {"smooth": 1.0}, "0 in feature space, got 1.0"),
        ("cycle-bootstrap", {"fade": 0}, "fade >= 1"),
        ("cycle-bootstrap", {"jitter": 0.5}, r"jitter and tolerance in \[0, 0.1\]"),
        ("shrunken-gaussian", {"shrinkage": 2}, r"shrinkage in \[0, 1\] or leave-one-out, got 2"),
        ("shrunken-gaussian", {"spread": -1}, "spread and residual >= 0"),
        ("physics-injection", {"slip": 1.0}, r"slip in \[0, 0.1\]"),
        ("domain-randomised", {"damping": [0.5, 2.0]}, "damping < 1"),
        ("domain-randomised", {"snr_db": [5, -5]}, r"snr_db \(low, high\)"),
        ("smote", {"neighbours": 0}, "neighbours >= 1, got 0"),
        ("mixup", {"alpha": 0}, "alpha > 0, got 0"),
        ("mixup", {"partners": "friends"}, "got 'friends'"),
    ],
)
def test_settings_that_make_no_sense_are_named(
    name: str, config: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build_generator(name, **config)


def test_domain_randomised_windows_are_made_block_by_block() -> None:
    shots = vibration(1, "outer", 1)
    generator = build_generator("domain-randomised").adapt(shots, rng())
    made = generator.sample(BLOCK + 3, rng()).x
    assert np.isfinite(made).all()
    assert (made[-3:].std(axis=-1) > 0).all()


@pytest.mark.parametrize("name", ["diff-aug", "matched-difference"])
def test_one_normal_is_too_few(name: str) -> None:
    normal = make("process").normal
    with pytest.raises(InputError, match="at least 2 normal windows, got 1"):
        build_generator(name, space="signal").pretrain(normal.take([0]), rng())


def test_a_sample_rate_without_resonance_is_named() -> None:
    shots = vibration(2, "outer", 1, 4096)
    slow = shots.with_x(shots.x, rate=RATE / 12)
    with pytest.raises(InputError, match="holds no resonance above 600 Hz"):
        build_generator("domain-randomised").adapt(slow, rng())
