"""Reptile (Nichol, Achiam, Schulman, arXiv 1803.02999, 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faultsyn.diagnose.inner_loop import InnerLoop, TaskBatch, adapted
from faultsyn.diagnose.maml import MAML, Learnt


@dataclass(kw_only=True, eq=False, repr=False)
class Reptile(MAML):
    """Moves the start towards where plain training on each task leads; no query, no second order.

    The outer gradient is theta - mean of theta' over tasks (the paper's batched version with
    Adam). A task is trained on all windows of its episode.

    - `inner_steps`: more than MAML's, for the direction to mean something.

    Other settings as in `MAML`; `order`, `learn_rates` and `engine` do not apply.
    """

    name: ClassVar[str] = "reptile"

    inner_steps: int = 8
    steps: int = 30
    order: Literal[1, 2] = 1

    def check_config(self) -> None:
        """Raise `InputError` on a setting that makes no sense."""
        super().check_config()
        self._require(self.order == 1, "order", "1")
        self._require(not self.learn_rates, "learn_rates", "false")
        self._require(self.engine == "torch", "engine", "'torch'")

    def _outer_loss(self, network: nn.Sequential, learnt: Learnt, batch: TaskBatch) -> Tensor:
        start = {name: p.detach() for name, p in learnt.start().items()}
        rates = learnt.rates_for(batch.way, self.inner_rate, self.encoder_rate)
        x = torch.cat([batch.support, batch.query], dim=1)
        codes = torch.cat([batch.codes, batch.targets])
        loop = InnerLoop(self.inner_steps, first_order=True)

        def of_task(x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
            made = adapted(network, start, rates, x, codes, batch.way, loop)
            return made, cross_entropy(torch.func.functional_call(network, made, (x,)), codes)

        with torch.no_grad():
            ends, losses = torch.vmap(of_task)(x)
        # A loss whose gradient is theta - mean theta'; its value is that of the tasks.
        pull = torch.stack(
            [
                (p * (p.detach() - ends[name].mean(dim=0))).sum()
                for name, p in learnt.start().items()
            ]
        ).sum()
        return losses.mean() + pull - pull.detach()
