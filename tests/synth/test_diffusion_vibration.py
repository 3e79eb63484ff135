"""The vibration route of FaultDiffusion, part by part and as a whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synth_sets import RATE, make, vibration
from torch import nn

from faultsyn.errors import InputError
from faultsyn.neural import Recipe
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import line_to_background
from faultsyn.signal.impulse import impulse_train, resonance, ring
from faultsyn.synth import build_generator, load_generator
from faultsyn.synth.diffusion.adapt import (
    CROP,
    P_MEAN_ADAPT,
    Rows,
    padded,
    pieces,
    spread_sigma,
    train_bank,
)
from faultsyn.synth.diffusion.adapter import AdapterBank
from faultsyn.synth.diffusion.calibrate import calibrated, envelope_line
from faultsyn.synth.diffusion.channels_last import Convolution, Growth, laid
from faultsyn.synth.diffusion.describe import N_BANDS, N_SHAPE, N_TOLD, envelope, shape, told
from faultsyn.synth.diffusion.edm import P_STD, denoising_loss, precondition
from faultsyn.synth.diffusion.machines import lesson
from faultsyn.synth.diffusion.reading import read
from faultsyn.synth.diffusion.skeleton import (
    LEAD_IN,
    N_GUIDES,
    Rhythm,
    guides,
    render,
    shaft_angle,
    strikes,
)
from faultsyn.synth.diffusion.template import (
    _RIDGE,
    LEAD,
    Template,
    _regressed,
    _trains,
    learn,
)
from faultsyn.synth.diffusion.trunk import (
    CARD,
    WEIGHTS,
    card,
    lesson_loss,
    new_trunk,
    shipped_trunk,
)
from faultsyn.synth.equaliser import mean_psd
from faultsyn.windows import WindowSet

FAST = {"steps": 3, "batch": 4, "sampler_steps": 2, "equalise": False, "guidance": 1.0}


PINNED = [-0.16093, -0.67169, -0.13464, -0.35763, -0.2707, 0.30728, -0.24775, 0.24604]


def test_strikes_follow_the_period_and_slip_as_told() -> None:
    rng = np.random.default_rng(0)
    even = strikes(np.array([50.0, 80.5]), 1000, rng, 0.0, np.array([7.0, 100.0]))
    assert np.diff(even, axis=1)[0] == pytest.approx(50.0)
    assert np.diff(even, axis=1)[1] == pytest.approx(80.5)
    assert (((even[0] - 7) / 50) % 1).round(6) % 1 == pytest.approx(0)
    assert even.min() <= 0
    assert even.max(axis=1).min() >= 1000
    loose = np.diff(strikes(np.full(200, 50.0), 1000, rng, 0.02), axis=1) / 50
    assert loose.std() == pytest.approx(0.02, rel=0.1)


def test_impulses_lie_between_samples() -> None:
    made = render(np.array([[3.25, 9.0, -4.0]]), 2.0, 12)
    expected = np.zeros(12)
    expected[[3, 4, 9]] = 1.5, 0.5, 2.0
    assert made[0] == pytest.approx(expected)


def test_the_shaft_guide_peaks_where_the_envelope_does() -> None:
    t = np.arange(800)
    curve = 1 + 0.3 * np.cos(2 * np.pi * (t - 130) / 400)
    period = np.array([400.0, np.nan])
    angle = shaft_angle(np.stack([curve, curve]), period)
    made = guides(np.zeros((2, 800)), period, angle)
    assert made[0, 1] == pytest.approx((curve - 1) / 0.3, abs=1e-6)
    assert not made[1].any()


def test_figures_say_where_the_power_is_and_how_high_the_lines_stand() -> None:
    t = np.arange(1024)
    tone = np.sqrt(2) * np.sin(2 * np.pi * 0.2 * t)
    beat = (1 + 0.5 * np.cos(2 * np.pi * t / 64)) * tone
    x = np.stack([tone, beat / beat.std()])
    figures = shape(x, envelope(x), np.array([64.0, 64.0]), np.array([np.nan, np.nan]))
    assert figures.shape == (2, N_SHAPE)
    assert figures[0, :N_BANDS].argmax() == int(0.4 * N_BANDS)
    assert figures[0, N_BANDS] == pytest.approx(np.log(1.5 / 3), abs=0.02)
    # A modulation of depth 0.5 is a line of half that amplitude on either side.
    assert figures[1, N_BANDS + 1] == pytest.approx(np.log(0.25 + 0.01) + 2.5, abs=0.02)
    assert figures[0, N_BANDS + 1] < figures[1, N_BANDS + 1] - 2
    assert not figures[:, -1].any()
    assert shape(7 * x / 7, envelope(7 * x), np.full(2, 64.0), np.full(2, np.nan)) == pytest.approx(
        figures
    )


def test_what_is_not_told_is_zero_and_flagged() -> None:
    known = told(np.array([1]), np.array([74.0]), np.array([400.0]), np.ones((1, N_SHAPE)))
    unknown = told(np.array([1]), np.array([np.nan]), np.array([np.nan]), None)
    assert known.shape == unknown.shape == (1, N_TOLD)
    assert np.isfinite(unknown).all()
    assert unknown.sum() == 1
    assert known[0, 7] == known[0, -1] == 1


def test_lessons_are_standardised_and_repeatable() -> None:
    one, same = (lesson(16, 768, np.random.default_rng(3)) for _ in range(2))
    assert one.x.shape == (16, 1, 768)
    assert one.guides.shape == (16, N_GUIDES, 768)
    assert one.x.mean(axis=2) == pytest.approx(0, abs=1e-5)
    assert one.x.std(axis=2) == pytest.approx(1, abs=1e-4)
    for name in ("x", "guides", "told"):
        assert np.array_equal(getattr(one, name), getattr(same, name))


def trunk_call(n: int, length: int):  # type: ignore[no-untyped-def]
    draw = torch.Generator().manual_seed(0)
    parts = [torch.randn(n, c, length, generator=draw) for c in (1, N_GUIDES)]
    return parts[0], torch.zeros(n), parts[1], torch.randn(n, N_TOLD, generator=draw)


@pytest.mark.parametrize(("length", "stride"), [(1, 1), (5, 1), (4, 4)])
def test_layouts_give_the_same_convolution_and_gradients(length: int, stride: int) -> None:
    torch.manual_seed(0)
    ours = Convolution(6, 9, length, stride)
    plain = nn.Conv1d(6, 9, length, stride, padding=(length - stride) // 2)
    assert_equal_on_windows(ours, plain, torch.randn(3, 6, 32))


def test_growth_is_a_transposed_convolution() -> None:
    torch.manual_seed(0)
    assert_equal_on_windows(Growth(6, 9, 4), nn.ConvTranspose1d(6, 9, 4, 4), torch.randn(3, 6, 8))


def assert_equal_on_windows(ours: nn.Module, plain: nn.Module, x: torch.Tensor) -> None:
    plain.load_state_dict(ours.state_dict())
    made, expected = ours(laid(x)).flatten(2), plain(x)
    torch.testing.assert_close(made, expected, rtol=1e-5, atol=1e-5)
    for module, out in ((ours, made), (plain, expected)):
        out.square().sum().backward()
        assert module.weight.grad is not None
    for p, q in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-4)


def test_the_shipped_trunk_gives_what_it_gave() -> None:
    # Computed with plain `nn.Conv1d` layers, when the trunk was made.
    trunk, (x, noise, guide, say) = shipped_trunk(), trunk_call(2, 256)
    with torch.inference_mode():
        made = trunk(x, noise, guide, say)
    assert made[:, 0, 5::80].flatten().tolist() == pytest.approx(PINNED, abs=1e-4)


def test_no_window_of_a_batch_sees_another() -> None:
    trunk = shipped_trunk()
    x, noise, guide, say = trunk_call(3, 320)
    with torch.inference_mode():
        together = trunk(x, noise, guide, say)
        alone = trunk(x[1:2], noise[1:2], guide[1:2], say[1:2])
    assert together.shape == (3, 1, 320)
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


def test_an_untrained_trunk_predicts_what_the_deviation_alone_says() -> None:
    trunk = new_trunk(torch.Generator().manual_seed(0))
    x, _, guide, say = trunk_call(2, 128)
    with torch.no_grad():
        made = precondition(lambda y, c: trunk(y, c, guide, say))(x, torch.tensor([0.5, 3.0]))
    torch.testing.assert_close(made[0], x[0] / 1.25, rtol=0.2, atol=0.2)


def test_adaptation_starts_exactly_at_the_trunk() -> None:
    trunk = shipped_trunk()
    x, noise, guide, say = trunk_call(2, 256)
    bank = AdapterBank(trunk.hook_widths, 8, 4)
    with torch.no_grad():
        plain = trunk(x, noise, guide, say)
        adapted = trunk(x, noise, guide, say, bank.hook(torch.ones(2, 4)))
    assert torch.equal(plain, adapted)


def test_the_shipped_trunk_is_that_of_its_card_and_knows_machines() -> None:
    about = card()
    assert WEIGHTS.stat().st_size < 4_000_000
    assert about["architecture"] == {"n_guides": N_GUIDES, "n_condition": N_TOLD}
    assert about["parameters"] == sum(p.numel() for p in shipped_trunk().parameters())
    unseen = lesson(24, 1024, np.random.default_rng(12345))
    with torch.inference_mode():
        loss = lesson_loss(shipped_trunk(), unseen, torch.Generator().manual_seed(1)).mean()
    # 1 is what the windows' deviation alone gives.
    assert float(loss) < 0.85


def test_adapters_learn_on_a_trunk_that_was_first_read_in_inference_mode() -> None:
    shipped_trunk.cache_clear()
    with torch.inference_mode():
        trunk = shipped_trunk()
    assert trunk is shipped_trunk()
    x, noise, guide, say = trunk_call(2, 256)
    bank = AdapterBank(trunk.hook_widths, 8, 4)
    trunk(x, noise, guide, say, bank.hook(torch.ones(2, 4))).square().mean().backward()
    reached = [weight.grad for weight in bank.parameters() if weight.grad is not None]
    assert any(bool(grad.abs().max() > 0) for grad in reached)


def test_a_changed_trunk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from faultsyn.synth.diffusion import trunk

    (tmp_path / WEIGHTS.name).write_bytes(WEIGHTS.read_bytes()[:-1] + b"x")
    (tmp_path / CARD.name).write_text(CARD.read_text())
    monkeypatch.setattr(trunk, "WEIGHTS", tmp_path / WEIGHTS.name)
    with pytest.raises(InputError, match="hash differs"):
        trunk.shipped_trunk.__wrapped__()


def rows(x: torch.Tensor) -> Rows:
    n = len(x)
    marks = x.expand(-1, N_GUIDES, -1).clone()
    return Rows(x, marks, torch.zeros(n, N_TOLD), torch.ones(n, 1), torch.ones(n))


def test_windows_and_guides_are_rotated_together() -> None:
    x = torch.arange(100.0).repeat(6, 1, 1)
    moved, marks = pieces(rows(x), 64, torch.Generator().manual_seed(0))
    assert moved.shape == (6, 1, padded(100, 64)) == (6, 1, 128)
    assert torch.equal(moved.expand(-1, N_GUIDES, -1), marks)
    steps = moved.diff(dim=2)
    assert set(steps.unique().tolist()) == {1.0, -99.0}
    assert len(moved[:, 0, 0].unique()) > 1


def test_long_windows_are_cut_and_never_wrapped() -> None:
    x = torch.arange(CROP + 500.0).repeat(200, 1, 1)
    cut, marks = pieces(rows(x), 64, torch.Generator().manual_seed(0))
    assert cut.shape == (200, 1, CROP)
    assert torch.equal(cut.expand(-1, N_GUIDES, -1), marks)
    assert (cut.diff(dim=2) == 1).all()
    starts = cut[:, 0, 0]
    assert starts.min() < 20
    assert 480 < starts.max() <= 500


def test_noise_levels_of_a_small_batch_cover_the_whole_range() -> None:
    draw = torch.Generator().manual_seed(0)
    many = torch.stack([spread_sigma(8, draw).log().sort().values for _ in range(2000)])
    assert float(many.mean()) == pytest.approx(P_MEAN_ADAPT, abs=0.02)
    assert float(many.std()) == pytest.approx(P_STD, rel=0.03)
    assert (many[:, 0] < P_MEAN_ADAPT - 1.1 * P_STD).all()


def test_adapters_denoise_the_shots_better_than_the_trunk_alone() -> None:
    reading = read(vibration(4, "inner", 1, 512), None, 0.01, "test")
    shots = Rows(
        torch.from_numpy(reading.x[:, :1].astype(np.float32)),
        torch.from_numpy(reading.rhythm.guides(512).astype(np.float32)),
        torch.from_numpy(reading.told()[:, 0]),
        torch.ones(4, 1),
        torch.ones(4),
    )
    recipe, draw = Recipe(30, 1e-2), torch.Generator().manual_seed(0)
    bank, history = train_bank(shipped_trunk(), shots, None, 8, 6, recipe, draw, "test")
    assert history.steps == 30
    x, guide = pieces(shots.take(torch.arange(4).repeat(4)), 64, draw)
    noise = torch.randn(x.shape, generator=draw)
    told, condition = shots.told.repeat(4, 1), shots.condition.repeat(4, 1)
    losses = []
    for hook in (None, bank.hook(condition)):
        denoise = precondition(lambda y, c, h=hook: shipped_trunk()(y, c, guide, told, h))
        with torch.no_grad():
            losses.append(float(denoising_loss(denoise, x, noise, torch.ones(16)).mean()))
    assert losses[1] < 0.98 * losses[0]


def test_reading_finds_periods_levels_and_orders() -> None:
    shots = vibration(3, "inner", 1, 1024)
    reading = read(shots, None, 0.01, "test")
    assert reading.rhythm.period == pytest.approx(
        RATE / (orders("6205").bpfi * 1797 / 60), rel=0.011
    )
    assert reading.rms == pytest.approx(shots.x.std(axis=2), rel=1e-5)
    assert reading.x.std(axis=2) == pytest.approx(1.0)
    assert (reading.rhythm.guides(1024)[:, 0].sum(axis=1) > 3 * 10).all()
    unnamed = read(shots.with_columns(label="cage", rpm=np.nan), None, 0.01, "test")
    assert np.isnan(unnamed.rhythm.period).all()
    assert not unnamed.rhythm.guides(1024).any()
    assert np.isfinite(unnamed.told()).all()


def cyclic(n: int, rng: np.random.Generator) -> tuple[np.ndarray, Rhythm]:
    """Windows whose strikes ring louder with the cosine of the shaft's angle, and their rhythm."""
    rhythm = Rhythm(
        np.full(n, 61.3), np.full(n, 330.0), 61.3 * rng.random(n), rng.uniform(0, 6.28, n)
    )
    response = np.exp(-np.arange(50) / 9) * np.sin(0.9 * np.arange(50))
    at = rhythm.strikes(800)
    trains = render(at + 264, 1 + 0.8 * np.cos(rhythm.theta(at)), 264 + 800)
    x = np.stack([np.convolve(t, response)[264 : 264 + 800] for t in trains])
    return x[:, None] / x.std(), rhythm


def test_a_template_is_the_mean_given_strikes_and_shaft() -> None:
    rng = np.random.default_rng(0)
    x, rhythm = cyclic(12, rng)
    noisy = x + 0.3 * rng.standard_normal(x.shape)
    template, _ = learn(noisy[:8], rhythm.take(np.arange(8)), 2)
    assert template.responses.shape == (1, 5, 69)
    left = x[8:] - template.mean(rhythm.take(np.arange(8, 12)), 800)
    assert left.var() < 0.05


def test_places_of_strikes_are_sharpened() -> None:
    rng = np.random.default_rng(1)
    x, rhythm = cyclic(10, rng)
    rough = Rhythm(
        rhythm.period, rhythm.shaft, rhythm.phase + rng.uniform(-2, 2, 10), rhythm.angle + 0.3
    )
    template, sharp = learn(x, rough, 1)
    # Phases are known up to one delay for all, which the responses make up for.
    assert (sharp.phase - rhythm.phase).std() < 0.5 * (rough.phase - rhythm.phase).std()
    assert (x - template.mean(sharp, 800)).var() < 0.2


def test_the_regression_is_ordinary_ridge() -> None:
    rng = np.random.default_rng(3)
    x, rhythm = cyclic(3, rng)
    length, trains = 40, _trains(rhythm, 3, x.shape[2])
    starts = LEAD_IN + LEAD - np.arange(length)
    columns = np.stack([trains[:, :, s : s + x.shape[2]] for s in starts], axis=2)
    design = columns.reshape(3, 3 * length, -1).transpose(0, 2, 1).reshape(-1, 3 * length)
    square = design.T @ design + _RIDGE * np.eye(3 * length)
    expected = np.linalg.solve(square, design.T @ x[:, 0].ravel())
    assert _regressed(x, rhythm, 3, length).responses.ravel() == pytest.approx(expected, abs=1e-9)


def test_without_periods_or_with_too_few_samples_there_is_no_template() -> None:
    x, rhythm = cyclic(2, np.random.default_rng(2))
    unknown = Rhythm(np.full(2, np.nan), rhythm.shaft, rhythm.phase, rhythm.angle)
    assert not learn(x, unknown, 2)[0].mean(unknown, 800).any()
    assert learn(x[:1, :, :300], rhythm.take(np.arange(1)), 2)[0].responses.shape[1] == 0
    assert Template.none(3).mean(rhythm, 100).shape == (2, 3, 100)


@pytest.fixture(scope="module")
def adapted_to_inner():  # type: ignore[no-untyped-def]
    shots = vibration(5, "inner", 1, 1024)
    return build_generator(
        "faultdiffusion-vibration", steps=20, sampler_steps=5, guidance=1.3, equalise=False
    ).adapt(shots, np.random.default_rng(0))


def line(windows: WindowSet, rpm: float) -> float:
    return line_to_background(windows.x[:, 0], RATE, orders("6205").bpfi * rpm / 60)


def test_a_speed_the_shots_never_had_moves_the_line(adapted_to_inner) -> None:  # type: ignore[no-untyped-def]
    made = adapted_to_inner.sample_at(16, np.random.default_rng(1), rpm=1300.0)
    assert set(made.column("rpm").tolist()) == {1300.0}
    assert line(made, 1300.0) > 2.0
    assert line(made, 1300.0) > 1.4 * line(made, 1797.0)
    same = adapted_to_inner.sample(16, np.random.default_rng(1))
    assert set(same.column("rpm").tolist()) == {1797.0}
    assert line(same, 1797.0) > 1.4 * line(same, 1300.0)


def test_the_shafts_rhythm_follows_the_speed_too() -> None:
    # The load zone of an inner race: strikes rise and fall once per revolution.
    rng, shots = np.random.default_rng(2), vibration(5, "inner", 1, 4096)
    shaft, slow = 1797.0 / 60, 1300.0 / 60
    train = impulse_train(
        4096,
        RATE,
        np.full(5, orders("6205").bpfi * shaft),
        rng,
        slip=0.002,
        modulation_frequency=shaft,
        modulation_depth=0.9,
    )
    x = ring(train, resonance(200, RATE, 3000.0, 0.05)) + 0.1 * rng.standard_normal((5, 4096))
    shots = shots.with_x(np.stack([x, 0.5 * x], axis=1).astype(np.float32))
    made = (
        build_generator("faultdiffusion-vibration", **{**FAST, "steps": 0, "sampler_steps": 5})
        .adapt(shots, np.random.default_rng(0))
        .sample_at(12, np.random.default_rng(1), rpm=1300.0)
    )
    own, other = (line_to_background(shots.x[:, 0], RATE, hz) for hz in (shaft, slow))
    assert own > 3 * other
    new, old = (line_to_background(made.x[:, 0], RATE, hz) for hz in (slow, shaft))
    assert new > 1.5 * old


def test_levels_are_those_of_the_shots(adapted_to_inner) -> None:  # type: ignore[no-untyped-def]
    made = adapted_to_inner.sample(24, np.random.default_rng(2))
    real = vibration(5, "inner", 1, 1024)
    assert made.x.std(axis=2).mean(axis=0) == pytest.approx(
        real.x.std(axis=2).mean(axis=0), rel=0.1
    )


def test_channels_keep_their_correlation() -> None:
    shots = vibration(5, "inner", 1, 512)
    shots.x[:, 1] = -0.9 * shots.x[:, 0] + 0.1 * shots.x[:, 1]
    made = [
        build_generator("faultdiffusion-vibration", cross_channel=on, **{**FAST, "start": "noise"})
        .adapt(shots, np.random.default_rng(0))
        .sample(12, np.random.default_rng(1))
        for on in (True, False)
    ]
    kept, lost = (np.mean([np.corrcoef(w)[0, 1] for w in m.x]) for m in made)
    assert kept < -0.6
    assert abs(lost) < 0.6


@pytest.mark.parametrize("source", ["simulator", "normal"])
def test_a_trunk_of_ones_own_is_saved_with_it(source: str, tmp_path: Path) -> None:
    sets = make("vibration")
    rng = np.random.default_rng(0)
    generator = build_generator(
        "faultdiffusion-vibration", pretrain_on=source, pretrain_steps=2, **FAST
    )
    with pytest.raises(InputError, match=r"needs pretrain\(normal\) first"):
        generator.adapt(sets.shots, rng)
    generator.pretrain(sets.normal, rng).adapt(sets.shots, rng)
    assert set(generator.curves_) == {"pretrain", "adapt"}
    loaded = load_generator(generator.save(tmp_path / "saved"))
    made = [g.sample(3, np.random.default_rng(1), label="outer").x for g in (generator, loaded)]
    assert np.array_equal(*made)


def test_it_starts_from_cycle_bootstrap_windows() -> None:
    shots = vibration(4, "inner", 1, 1024)
    near = build_generator(
        "faultdiffusion-vibration", **{**FAST, "sampler_steps": 4}, start="cycle-bootstrap"
    )
    made = near.adapt(shots, np.random.default_rng(0)).sample(8, np.random.default_rng(1))
    assert line(made, 1797.0) > 2.0


def test_guidance_is_set_by_the_line_of_the_shots() -> None:
    assert calibrated(2.0, 3.0, 2.5) == pytest.approx(1.25)
    assert calibrated(2.0, 3.0, 9.0) == 1.5
    assert calibrated(2.0, 3.0, 1.9) == 1.0
    assert calibrated(2.0, 1.9, 5.0) == 1.0
    shots = vibration(5, "inner", 1, 512)
    period = RATE / (orders("6205").bpfi * 1797 / 60)
    assert envelope_line(shots.x.astype(float), period) > 2
    assert envelope_line(shots.x.astype(float), np.nan) == 0
    tuned = build_generator(
        "faultdiffusion-vibration", **{**FAST, "guidance": None, "equalise": True}
    ).adapt(shots, np.random.default_rng(0))
    assert 1.0 <= tuned.guidance_[0] <= 1.5
    made = tuned.sample(24, np.random.default_rng(1))
    gap = mean_psd(made.x, RATE) / mean_psd(shots.x, RATE)
    assert np.abs(10 * np.log10(gap[:, 4:-4])).mean() < 3


@pytest.mark.parametrize("kind", ["vibration", "process"])
def test_the_route_suits_the_windows(kind: str, tmp_path: Path) -> None:
    sets = make(kind)
    rng = np.random.default_rng(0)
    generator = build_generator("faultdiffusion", vibration=FAST)
    generator.pretrain(sets.normal, rng).adapt(sets.shots, rng)
    assert generator.route_ == ("vibration" if kind == "vibration" else "difference")
    loaded = load_generator(generator.save(tmp_path / "saved"))
    made = [g.sample(3, np.random.default_rng(1), label="outer").x for g in (generator, loaded)]
    assert np.array_equal(*made)
    if kind == "vibration":
        fast = generator.sample_at(2, np.random.default_rng(1), rpm=2400.0, label="inner")
        assert set(fast.column("rpm").tolist()) == {2400.0}
    else:
        with pytest.raises(InputError, match="only adapted vibration windows"):
            generator.sample_at(2, rng, rpm=2400.0, label="inner")


def test_settings_out_of_range_are_named() -> None:
    for config, match in (
        ({"steps": -1}, "steps"),
        ({"slip": 0.5}, "slip"),
        ({"pretrain_on": "web"}, "pretrain_on"),
        ({"rpm": [100.0]}, "rpm"),
        ({"rpm": [900.0, 1000.0], "start": "cycle-bootstrap"}, "start"),
    ):
        with pytest.raises(InputError, match=f"expected {match}"):
            build_generator("faultdiffusion-vibration", **config)
