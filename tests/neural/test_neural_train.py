"""The training loop against closed forms and against itself, interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural import (
    Checkpoint,
    Recipe,
    autocast,
    compiled,
    from_arrays,
    seeded,
    to_arrays,
    torch_generator,
    train,
)


class Point(nn.Module):
    """A weight vector that is trained, and one that is frozen."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.at = nn.Parameter(start.clone())
        self.still = nn.Parameter(torch.ones(2), requires_grad=False)


def fixed(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quadratic(point: Point, goal: Tensor) -> Callable[[torch.Generator], Tensor]:
    return lambda generator: 0.5 * (point.at - goal).square().sum()


PLAIN = Recipe(1, 0.1, weight_decay=0.0, decay="constant", warm_up=0.0, clip=None)


def test_a_quadratic_ends_at_its_minimum() -> None:
    goal = torch.tensor([1.0, -2.0, 3.0])
    point = Point(torch.zeros(3))
    recipe = Recipe(400, 0.1, weight_decay=0.0)
    history = train(point, quadratic(point, goal), fixed(), recipe, "point")
    assert torch.allclose(point.at, goal, atol=1e-4)
    assert torch.equal(point.still, torch.ones(2))
    assert history.steps == 400
    assert history.stopped == "steps"
    assert history.losses[0] == pytest.approx(7.0)
    assert not point.training


def test_steps_are_adam_w_with_the_recipes_rates() -> None:
    # Kingma and Ba (2015), Loshchilov and Hutter (2019), written out in float64.
    goal, recipe = np.array([1.0, -2.0]), Recipe(40, 0.05, weight_decay=0.1, betas=(0.8, 0.95))
    w, m, v = np.array([3.0, 3.0]), np.zeros(2), np.zeros(2)
    for step in range(40):
        rate = 0.05 * (
            0.1 + 0.9 * step / 4 if step < 4 else 0.5 * (1 + np.cos(np.pi * (step - 4) / 36))
        )
        g = w - goal
        g = g * min(1.0, 1.0 / (np.linalg.norm(g) + 1e-6))
        w = w * (1 - rate * 0.1)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        m_hat, v_hat = m / (1 - 0.8 ** (step + 1)), v / (1 - 0.95 ** (step + 1))
        w = w - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    point = Point(torch.tensor([3.0, 3.0]))
    loss = quadratic(point, torch.tensor([1.0, -2.0]))
    train(point, loss, fixed(), recipe, "point")
    assert np.allclose(point.at.detach().numpy(), w, atol=1e-5)


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_the_average_of_the_weights_is_what_remains(decay: float) -> None:
    point = Point(torch.zeros(2))
    path = []

    def loss(generator: torch.Generator) -> Tensor:
        path.append(point.at.detach().double().numpy().copy())
        return 0.5 * (point.at - 1.0).square().sum()

    twin = Point(torch.zeros(2))
    train(twin, quadratic(twin, torch.ones(2)), fixed(), replace(PLAIN, steps=30), "twin")
    train(point, loss, fixed(), replace(PLAIN, steps=30, ema=decay), "point")
    path.append(twin.at.detach().double().numpy())
    average = path[0]
    for t, weights in enumerate(path[1:], start=1):
        d = min(decay, (1 + t) / (10 + t))
        average = d * average + (1 - d) * weights
    assert np.allclose(point.at.detach().numpy(), average, atol=1e-6)
    assert not np.allclose(average, path[-1], atol=1e-3)


def test_early_stopping_keeps_the_best_weights() -> None:
    point = Point(torch.zeros(1))
    seen: list[float] = []

    def held_out() -> float:  # best at 0.5, which training towards 1 passes
        assert not point.training
        seen.append(float(point.at.detach()))
        return abs(seen[-1] - 0.5)

    recipe = replace(PLAIN, steps=1000, learning_rate=0.02, check_every=5, patience=3)
    loss = quadratic(point, torch.ones(1))
    history = train(point, loss, fixed(), recipe, "point", held_out=held_out)
    best = int(np.argmin(np.abs(np.array(seen) - 0.5)))
    assert history.stopped == "patience"
    assert history.best == 5 * (best + 1)
    assert history.steps == 5 * (best + 1 + 3)
    assert float(point.at.detach()) == seen[best]
    assert [score for _, score in history.held_out] == [abs(x - 0.5) for x in seen]


@pytest.mark.parametrize("broken", ["loss", "gradient"])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_is_not_finite_stops_with_the_last_good_weights(
    broken: str, ema: float | None
) -> None:
    point, calls = Point(torch.zeros(2)), 0

    def loss(generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        value = 0.5 * (point.at - 1).square().sum()
        if calls == 26:
            # sqrt has an infinite slope at 0, where its value is finite.
            return value * torch.nan if broken == "loss" else (point.at * 0).sqrt().sum()
        return value

    recipe = replace(PLAIN, steps=100, check_every=10, ema=ema)
    with pytest.raises(InputError, match=rf"point: training {broken} is nan at step 25 .*lower"):
        train(point, loss, fixed(), recipe, "point")
    until = Point(torch.zeros(2))
    train(until, quadratic(until, torch.ones(2)), fixed(), replace(recipe, steps=20), "until")
    assert torch.equal(point.at, until.at)
    assert not point.training


def test_progress_and_a_budget_of_seconds() -> None:
    point, told = Point(torch.zeros(2)), []

    def loss(generator: torch.Generator) -> Tensor:
        time.sleep(0.005)
        return 0.5 * (point.at - 1).square().sum()

    recipe = replace(PLAIN, steps=100_000, seconds=0.1, check_every=5)
    history = train(point, loss, fixed(), recipe, "point", progress=lambda *a: told.append(a))
    assert history.stopped == "seconds"
    assert 0.1 <= history.seconds < 5
    done, total, detail = told[-1]
    assert (done, total) == (history.steps, 100_000)
    assert detail.startswith("loss ")
    assert [a[0] for a in told[:-1]] == list(range(5, history.steps, 5))


def test_the_rate_rises_and_falls() -> None:
    recipe = Recipe(100, 2.0, seconds=50.0)
    rates = [recipe.rate(step, 0.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[10] == max(rates) == 2.0
    assert rates[55] == pytest.approx(1.0)
    assert recipe.rate(0, 50.0) == pytest.approx(0.0)
    constant = Recipe(100, 2.0, decay="constant")
    assert {constant.rate(step, 0.0) for step in range(10, 100)} == {2.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": -1},
        {"learning_rate": 0},
        {"ema": 1.0},
        {"clip": 0},
        {"decay": "linear"},
        {"betas": (0.9, 1.0)},
        {"seconds": 0},
        {"warm_up": 1.0},
    ],
)
def test_a_senseless_recipe_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"expected {next(iter(wrong))} "):
        Recipe(**{"steps": 10, "learning_rate": 0.1, **wrong})


def test_nothing_to_train_is_refused() -> None:
    point = Point(torch.zeros(2)).requires_grad_(False)
    with pytest.raises(InputError, match="point: nothing to train"):
        train(point, quadratic(point, torch.ones(2)), fixed(), PLAIN, "point")


# --- a run that is interrupted ---

RECIPE = Recipe(60, 1e-2, ema=0.95, check_every=7, patience=9)


def network(seed: int = 1) -> nn.Module:
    made = seeded(lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)), fixed(seed))
    made[0].bias.requires_grad_(False)
    return made


def fit(checkpoint: Checkpoint | None, *, die_at: int = -1, recipe: Recipe = RECIPE) -> nn.Module:
    module, calls = network(), 0
    still = torch.randn(32, 3, generator=fixed(9))

    def error(x: Tensor) -> Tensor:
        return (module(x)[:, 0] - x.prod(dim=1)).square().mean()

    def loss(generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == die_at:
            raise KeyboardInterrupt
        return error(torch.randn(16, 3, generator=generator))

    def held_out() -> float:
        with torch.no_grad():
            return float(error(still))

    train(module, loss, fixed(4), recipe, "net", held_out=held_out, checkpoint=checkpoint)
    return module


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("die_at", [1, 6, 23, 44, 60])
def test_interrupted_and_resumed_it_ends_with_the_same_weights(tmp_path: Path, die_at: int) -> None:
    whole = fit(None)
    checkpoint = Checkpoint(tmp_path / "run", every_steps=5)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint, die_at=die_at)
    # The resumed run starts from the last multiple of five, and dies a second time.
    if die_at > 30:
        with pytest.raises(KeyboardInterrupt):
            fit(checkpoint, die_at=3)
    assert same(fit(checkpoint), whole)
    assert same(fit(checkpoint, die_at=1), whole)  # finished: nothing is trained again
    assert sorted(p.suffix for p in (tmp_path / "run").iterdir()) == [".json", ".safetensors"]


def test_patience_counts_over_an_interruption(tmp_path: Path) -> None:
    recipe = replace(RECIPE, steps=400, learning_rate=0.05, check_every=3, patience=2)
    checkpoint = Checkpoint(tmp_path, every_steps=1)
    whole = fit(None, recipe=recipe)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint, die_at=8, recipe=recipe)
    assert same(fit(checkpoint, recipe=recipe), whole)


def test_the_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fit(Checkpoint(folder, key="a"))
    with pytest.raises(InputError, match="checkpoint of another run"):
        fit(Checkpoint(folder, key="a"), recipe=replace(RECIPE, steps=61))
    with pytest.raises(InputError, match="checkpoint of another run"):
        fit(Checkpoint(folder, key="b"))
    weights = next(folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x07")
    with pytest.raises(InputError, match="hash differs"):
        fit(Checkpoint(folder, key="a"))
    (folder / "checkpoint.json").write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        fit(Checkpoint(folder, key="a"))


def test_a_save_that_dies_half_way_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"of the owner")
    checkpoint.save("me", {"w": torch.ones(2)}, {"n": 1})
    real = Path.replace

    def dies(self: Path, target: Path) -> Path:
        if self.suffix == ".json":
            raise OSError("power cut")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(OSError, match="power cut"):
        checkpoint.save("me", {"w": torch.zeros(2)}, {"n": 2})
    monkeypatch.undo()
    saved = checkpoint.load("me")
    assert saved is not None
    assert saved.state == {"n": 1}
    assert torch.equal(saved.tensors["w"], torch.ones(2))
    checkpoint.save("me", {"w": torch.zeros(2)}, {"n": 2})
    left = sorted(path.name.split("-")[0] for path in tmp_path.iterdir())
    assert left == ["checkpoint.json", "model.safetensors", "tensors"]


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    here = Path(__file__).parent
    code = (
        f"import sys; sys.path.insert(0, {str(here)!r})\n"
        "from dataclasses import replace\n"
        "from test_neural_train import RECIPE, Checkpoint, fit\n"
        f"fit(Checkpoint({str(tmp_path / 'run')!r}, every_steps=1), "
        "recipe=replace(RECIPE, steps=600, patience=1000))\n"
    )
    whole = fit(None, recipe=replace(RECIPE, steps=600, patience=1000))
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", code])
        head = tmp_path / "run" / "checkpoint.json"
        deadline, before = time.monotonic() + 300, head.stat().st_mtime_ns if head.exists() else 0
        while not (head.exists() and head.stat().st_mtime_ns > before):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    resumed = fit(
        Checkpoint(tmp_path / "run", every_steps=1),
        recipe=replace(RECIPE, steps=600, patience=1000),
    )
    assert same(resumed, whole)


def test_weights_travel_as_arrays() -> None:
    weights = network().state_dict()
    arrays = to_arrays("net.", weights) | {"other": np.ones(3)}
    back = from_arrays("net.", arrays)
    assert set(back) == set(weights)
    assert all(torch.equal(back[name], weights[name]) for name in weights)
    arrays["net.0.weight"][:] = 7.0
    assert not (weights["0.weight"] == 7).any()
    assert not (back["0.weight"] == 7).any()


def test_randomness_comes_from_the_generator_alone() -> None:
    before = torch.random.get_rng_state()
    assert same(network(3), network(3))
    assert not same(network(3), network(4))
    assert torch.equal(before, torch.random.get_rng_state())
    draws = [torch.rand(4, generator=torch_generator(np.random.default_rng(s))) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_cpu_stays_in_float32_and_uncompiled() -> None:
    module = network()
    assert compiled(module) is module
    with autocast(torch.device("cpu")):
        assert module(torch.ones(1, 3)).dtype == torch.float32
