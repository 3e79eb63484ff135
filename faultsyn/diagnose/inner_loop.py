"""The inner loop of optimisation-based meta-learning, as a function of parameters (torch.func).

theta'_c = theta_c - alpha_c * grad L_support(theta), some times over; the meta-loss is L_query of
theta'. All tasks of a step run as one through `vmap`.

The head of a task starts at zero. With softmax that is the same as one learnt start shared by all
classes (Ye and Chao, ICLR 2022), so that nothing is lost, any number of classes will do, and the
order of classes cannot matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Parameters = Mapping[str, Tensor]

HEAD_WEIGHT, HEAD_BIAS = "1.weight", "1.bias"
"""Names of the head's parameters in `nn.Sequential(encoder, head)`."""


@dataclass(frozen=True)
class InnerLoop:
    """How a task is adapted to.

    - `steps`: gradient steps.
    - `first_order`: leave out the derivative of the gradient (FOMAML).
    - `head_only`: adapt the head alone (ANIL).
    - `clip`: largest norm of a step's gradient, over all parameters; None: not clipped.
    """

    steps: int
    first_order: bool = False
    head_only: bool = False
    clip: float | None = None


@dataclass(frozen=True)
class TaskBatch:
    """Tasks of one shape.

    - `support`: `(n_tasks, n_support, channels, length)`; `codes`: `(n_support,)`, the same in all.
    - `query`: `(n_tasks, n_query, channels, length)`; `targets`: `(n_query,)`.
    - `way`: classes of a task.
    """

    support: Tensor
    codes: Tensor
    query: Tensor
    targets: Tensor
    way: int


def zero_head(dim: int, way: int, like: Tensor) -> dict[str, Tensor]:
    """The head that a task starts with, of the type of `like`."""
    return {HEAD_WEIGHT: like.new_zeros(way, dim), HEAD_BIAS: like.new_zeros(way)}


def adapted(
    network: nn.Sequential,
    parameters: Parameters,
    rates: Parameters,
    x: Tensor,
    codes: Tensor,
    weights: Tensor | None,
    loop: InnerLoop,
) -> dict[str, Tensor]:
    """Parameters after the inner loop on one support.

    - `network`: encoder and head; only its structure is used.
    - `parameters`: where to start, all of the network's names; `rates`: alpha, a tensor for each
      name that broadcasts to it.
    - `x`: `(n, channels, length)`; `codes`: `(n,)`; `weights`: of the windows, sum 1, or None.
    """
    if loop.head_only:
        frozen = {name: p for name, p in parameters.items() if name.startswith("0.")}
        x = torch.func.functional_call(network[0], _inside(frozen), (x,))
        moving = {name: parameters[name] for name in (HEAD_WEIGHT, HEAD_BIAS)}
    else:
        frozen, moving = {}, dict(parameters)

    def loss(moving: dict[str, Tensor]) -> Tensor:
        if loop.head_only:
            scores = x @ moving[HEAD_WEIGHT].T + moving[HEAD_BIAS]
        else:
            scores = torch.func.functional_call(network, moving, (x,))
        if weights is None:
            return cross_entropy(scores, codes)
        return (cross_entropy(scores, codes, reduction="none") * weights).sum()

    for _ in range(loop.steps):
        slope = torch.func.grad(loss)(moving)
        if loop.first_order:
            slope = {name: g.detach() for name, g in slope.items()}
        if loop.clip is not None:
            norm = torch.stack([(g**2).sum() for g in slope.values()]).sum().sqrt()
            slope = {name: g * (loop.clip / norm).clamp(max=1) for name, g in slope.items()}
        moving = {name: p - rates[name] * slope[name] for name, p in moving.items()}
    return {**frozen, **moving}


def meta_loss(
    network: nn.Sequential,
    encoder: Parameters,
    rates: Parameters,
    tasks: TaskBatch,
    loop: InnerLoop,
) -> Tensor:
    """Mean query loss over tasks, each after its own inner loop; differentiable.

    - `encoder`: its parameters under their names in `network` ("0. ...").
    """
    dim = int(network.get_parameter(HEAD_WEIGHT).shape[1])
    start = {**encoder, **zero_head(dim, tasks.way, tasks.support)}

    def of_task(support: Tensor, query: Tensor) -> Tensor:
        made = adapted(network, start, rates, support, tasks.codes, None, loop)
        return cross_entropy(torch.func.functional_call(network, made, (query,)), tasks.targets)

    losses: Tensor = torch.vmap(of_task)(tasks.support, tasks.query)
    return losses.mean()


def _inside(parameters: Parameters) -> dict[str, Tensor]:
    """Names of the encoder's parameters as it knows them itself."""
    return {name.removeprefix("0."): p for name, p in parameters.items()}
