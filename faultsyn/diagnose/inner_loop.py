"""The inner loop of optimisation-based meta-learning, as a function of parameters (torch.func).

theta'_c = theta_c - alpha_c * grad L_support(theta), some times over; the meta-loss is L_query of
theta'. All tasks of a step run as one through `vmap`.

The head of a task starts at zero. With softmax that is the same as one learnt start shared by all
classes (Ye and Chao, ICLR 2022), so that nothing is lost, any number of classes will do, and the
order of classes cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Parameters = Mapping[str, Tensor]

HEAD_WEIGHT, HEAD_BIAS = "1.weight", "1.bias"
"""Names of the head's parameters in `nn.Sequential(encoder, head)`."""

_ENCODER = "0."


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


def adapted(
    network: nn.Sequential,
    encoder: Parameters,
    rates: Parameters,
    x: Tensor,
    codes: Tensor,
    way: int,
    loop: InnerLoop,
    weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """Parameters of encoder and head after the inner loop on one support.

    - `network`: encoder and head; only its structure is used.
    - `encoder`: where the encoder starts, under its names in `network` ("0. ..."); `rates`: alpha,
      a tensor for each name of the network that broadcasts to it.
    - `x`: `(n, channels, length)`; `codes`: `(n,)`, 0..way-1; `weights`: of the windows, sum 1, or
      None.

    While the head is zero no gradient reaches the encoder, nor does the derivative of one. So the
    first step moves the head alone, and the second finds the encoder's answer already computed.
    """

    def embed(parameters: dict[str, Tensor]) -> Tensor:
        made: Tensor = torch.func.functional_call(network[0], parameters, (x,))
        return made

    def through() -> tuple[Tensor, Callable[[Tensor], tuple[dict[str, Tensor]]]]:
        """Features of the support, and what pulls a gradient back to the encoder."""
        answer = torch.func.vjp(embed, inside)
        return answer[0], answer[1]

    def loss(weight: Tensor, bias: Tensor, features: Tensor) -> Tensor:
        scores = features @ weight.T + bias
        if weights is None:
            return cross_entropy(scores, codes)
        return (cross_entropy(scores, codes, reduction="none") * weights).sum()

    slopes = torch.func.grad(loss, argnums=(0, 1, 2))
    inside = {name.removeprefix(_ENCODER): p for name, p in encoder.items()}
    features, pull = through()
    weight, bias = features.new_zeros(way, features.shape[1]), features.new_zeros(way)
    for step in range(loop.steps):
        if step > 1 and not loop.head_only:
            features, pull = through()
        to_weight, to_bias, to_features = slopes(weight, bias, features)
        moves = {HEAD_WEIGHT: to_weight, HEAD_BIAS: to_bias}
        if step > 0 and not loop.head_only:
            moves |= {_ENCODER + name: g for name, g in pull(to_features)[0].items()}
        moves = _tamed(moves, loop)
        weight = weight - rates[HEAD_WEIGHT] * moves[HEAD_WEIGHT]
        bias = bias - rates[HEAD_BIAS] * moves[HEAD_BIAS]
        if step > 0 and not loop.head_only:
            inside = {
                name: p - rates[_ENCODER + name] * moves[_ENCODER + name]
                for name, p in inside.items()
            }
    moved = {_ENCODER + name: p for name, p in inside.items()}
    return {**moved, HEAD_WEIGHT: weight, HEAD_BIAS: bias}


def meta_loss(
    network: nn.Sequential,
    encoder: Parameters,
    rates: Parameters,
    tasks: TaskBatch,
    loop: InnerLoop,
) -> Tensor:
    """Mean query loss over tasks, each after its own inner loop; differentiable.

    Arguments as in `adapted`.
    """

    def of_task(support: Tensor, query: Tensor) -> Tensor:
        made = adapted(network, encoder, rates, support, tasks.codes, tasks.way, loop)
        return cross_entropy(torch.func.functional_call(network, made, (query,)), tasks.targets)

    losses: Tensor = torch.vmap(of_task)(tasks.support, tasks.query)
    return losses.mean()


def _tamed(moves: dict[str, Tensor], loop: InnerLoop) -> dict[str, Tensor]:
    if loop.first_order:
        moves = {name: g.detach() for name, g in moves.items()}
    if loop.clip is None:
        return moves
    norm = torch.stack([(g**2).sum() for g in moves.values()]).sum().sqrt()
    return {name: g * (loop.clip / norm).clamp(max=1) for name, g in moves.items()}
