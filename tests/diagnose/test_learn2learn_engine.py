"""Our inner loop against learn2learn's, number for number."""

from __future__ import annotations

import importlib.util
import sys
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from faultsyn.diagnose.anil import ANIL
from faultsyn.diagnose.encoders import ENCODERS, initialised
from faultsyn.diagnose.inner_loop import TaskBatch
from faultsyn.diagnose.maml import MAML, Learnt
from faultsyn.errors import InputError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("learn2learn") is None,
    reason="learn2learn is not installed; `make test` does",
)


def _tasks(generator: torch.Generator) -> TaskBatch:
    codes = torch.arange(3).repeat_interleave(4)
    drawn = [torch.randn(3, 12, 2, 64, generator=generator).double() for _ in range(2)]
    for x in drawn:
        x[:, :, 0] += codes[:, None]  # something to be learnt
    return TaskBatch(drawn[0], codes, drawn[1], codes, 3)


def _loss_and_gradient(made: MAML, learnt: Learnt, tasks: TaskBatch) -> tuple[float, torch.Tensor]:
    learnt.zero_grad()
    loss = made._outer_loss(made._skeleton(tasks.way), learnt, tasks)
    torch.autograd.backward(loss)
    gradients = [p.grad.flatten() for p in learnt.parameters() if p.grad is not None]
    assert len(gradients) == len(list(learnt.parameters()))
    return loss.item(), torch.cat(gradients)


LEARNERS = ("maml", "two rates", "meta-sgd", "anil", "anil, meta-sgd")
CASES = [
    *product(LEARNERS, (1, 2), ("wide", "features")),
    *product(("maml",), (2,), sorted({*ENCODERS} - {"wide", "features"})),
]


@pytest.mark.parametrize(("learner", "order", "encoder"), CASES)
def test_loss_and_meta_gradient_are_learn2learns(learner: str, order: int, encoder: str) -> None:
    kind = ANIL if learner.startswith("anil") else MAML
    config = {
        "encoder": encoder,
        "width": 8,
        "dim": 6,
        "inner_steps": 2,
        "order": order,
        "encoder_rate": 0.03 if learner == "two rates" else 0.1,
        "learn_rates": learner.endswith("meta-sgd"),
    }
    ours, theirs = kind(**config), kind(**config, engine="learn2learn")
    for made in (ours, theirs):
        made.shape_ = (2, 64)
    generator = torch.Generator().manual_seed(0)
    learnt = initialised(ours._learnt, generator).double()
    for rate in learnt.rates.values():
        nn.init.uniform_(rate, 0.02, 0.1, generator=generator)
    tasks = _tasks(generator)
    loss, gradient = _loss_and_gradient(ours, learnt, tasks)
    other_loss, other_gradient = _loss_and_gradient(theirs, learnt, tasks)
    assert loss == pytest.approx(other_loss, rel=1e-6)
    scale = float(other_gradient.abs().max())
    assert scale > 0
    np.testing.assert_allclose(gradient / scale, other_gradient / scale, atol=1e-5)
    both = float(gradient @ other_gradient) / float(other_gradient @ other_gradient)
    assert both == pytest.approx(1, rel=1e-5)


def test_second_order_is_not_first_order() -> None:
    """Else the test above would show nothing about second derivatives."""
    made = {order: MAML(width=8, dim=6, order=order) for order in (1, 2)}
    gradients = []
    for one in made.values():
        one.shape_ = (2, 64)
        learnt = initialised(one._learnt, torch.Generator().manual_seed(0)).double()
        tasks = _tasks(torch.Generator().manual_seed(1))
        gradients.append(_loss_and_gradient(one, learnt, tasks)[1])
    assert (gradients[0] - gradients[1]).norm() > 1e-2 * gradients[1].norm()


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "learn2learn", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"not installed .*pip install --no-deps"):
        MAML(engine="learn2learn").check_config()
