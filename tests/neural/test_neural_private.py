"""DP-SGD: gradients of single units, clipping, sampling and noise, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from faultsyn.errors import InputError
from faultsyn.neural import Privately, Recipe, built_with, train
from faultsyn.neural.private import private_gradients
from faultsyn.neural.turn import Turn


class Regression:
    """Squared error of one unit's few windows."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y, self.units = x, y, len(x)

    def draw(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        return self.x[chosen], self.y[chosen]

    def loss(self, network: nn.Module, *drawn: Tensor) -> Tensor:
        x, y = drawn
        return (network(x)[:, 0] - y).square().mean()


def problem(units: int = 12) -> tuple[nn.Module, Regression]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(units, 3, 5, generator=generator)
    y = 3 * torch.randn(units, 3, generator=generator)
    attention = nn.Sequential(nn.Linear(5, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 1))
    return built_with(1, lambda: attention), Regression(x, y)


def in_a_loop(network: nn.Module, loss: Regression, clip: float) -> list[Tensor]:
    """Sum of the clipped gradients of every unit."""
    sums = [torch.zeros_like(p) for p in network.parameters()]
    for i in range(loss.units):
        network.zero_grad()
        loss.loss(network, loss.x[i], loss.y[i]).backward()
        grads = [p.grad.clone() for p in network.parameters()]
        norm = torch.sqrt(sum(g.square().sum() for g in grads))
        for total, grad in zip(sums, grads, strict=True):
            total += grad * min(1.0, clip / float(norm))
    return sums


@pytest.mark.parametrize("clip", [0.5, 1e6])
def test_gradients_are_those_of_a_loop_over_units(clip: float) -> None:
    network, loss = problem()
    expected = in_a_loop(network, loss, clip)
    network.zero_grad()
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    generator = torch.Generator().manual_seed(0)
    private_gradients(network, optimiser, loss, Privately(0.0, clip, 1.0), generator)
    for parameter, total in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, total / loss.units, rtol=1e-4, atol=1e-6)


def test_one_unit_moves_the_sum_by_no_more_than_the_clip() -> None:
    network, loss = problem()
    moved = Regression(loss.x.clone(), loss.y.clone())
    moved.y[3] = 1e4

    def gradient(of: Regression) -> Tensor:
        optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
        private_gradients(network, optimiser, of, Privately(0.0, 0.7, 1.0), torch.Generator())
        return torch.cat([p.grad.flatten() for p in network.parameters()]) * of.units

    assert float((gradient(moved) - gradient(loss)).norm()) <= 2 * 0.7 + 1e-5


def test_noise_has_the_deviation_that_the_accountant_is_told() -> None:
    network, loss = problem()
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    generator = torch.Generator().manual_seed(2)
    found = []
    for _ in range(200):
        private_gradients(network, optimiser, loss, Privately(2.0, 0.5, 1.0), generator)
        found.append(torch.cat([p.grad.flatten() for p in network.parameters()]).numpy())
    spread = np.std(found, axis=0) * loss.units
    assert spread.mean() == pytest.approx(2.0 * 0.5, rel=0.03)


def test_units_are_sampled_each_with_the_rate_and_a_step_may_be_empty() -> None:
    network, loss = problem(200)
    sizes: list[int] = []
    draw = loss.draw

    def counted(chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        sizes.append(len(chosen))
        return draw(chosen, generator)

    loss.draw = counted  # type: ignore[method-assign]
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    generator = torch.Generator().manual_seed(3)
    for _ in range(100):
        private_gradients(network, optimiser, loss, Privately(1.0, 1.0, 0.01), generator)
    assert len(sizes) < 100  # some were empty
    sizes += [0] * (100 - len(sizes))
    assert np.mean(sizes) == pytest.approx(200 * 0.01, rel=0.25)
    assert np.var(sizes) == pytest.approx(200 * 0.01 * 0.99, rel=0.5)


def test_the_one_loop_trains_privately() -> None:
    network, loss = problem(100)
    loss.y = 3 * loss.x[..., 0]  # something that can be learnt
    turn = Turn("fit", network, loss, private=Privately(0.1, 1.0, 0.5))
    before = loss.loss(network, loss.x.flatten(0, 1), loss.y.flatten()).item()
    recipe = Recipe(150, 0.05, weight_decay=0.0)
    history = train(network, [turn], torch.Generator().manual_seed(4), recipe, "test")
    after = loss.loss(network, loss.x.flatten(0, 1), loss.y.flatten()).item()
    assert history.steps == 150
    assert after < 0.2 * before


def test_private_and_its_loss_go_together() -> None:
    network, loss = problem()
    with pytest.raises(InputError, match="go together"):
        Turn("fit", network, loss)
    with pytest.raises(InputError, match="go together"):
        Turn("fit", network, lambda generator: torch.zeros(()), private=Privately(1.0, 1.0, 0.1))
    for wrong in ((-1.0, 1.0, 0.1), (1.0, 0.0, 0.1), (1.0, 1.0, 0.0)):
        with pytest.raises(InputError, match="private training"):
            Privately(*wrong)
