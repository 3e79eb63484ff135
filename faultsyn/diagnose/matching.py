"""Matching network (Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra, NeurIPS 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from faultsyn.diagnose.metric_learner import MetricLearner, class_mean

_SHARPNESS = 10.0  # of the cosine in the attention
_READS = 3  # passes of a query over the support (the paper's K)


@dataclass(kw_only=True, eq=False, repr=False)
class Matching(MetricLearner):
    """Attention over the support: p(c | x) from a(x, x_i) = exp(10 cos(f(x), g(x_i))).

    Every class counts the same: the attention is averaged, not summed, over its windows, else a
    class with many (the normals) would win by number.

    - `full_context`: whether embeddings know the support, as in the paper's section 2.1.2: g by a
      bidirectional LSTM over the support, f by an LSTM that reads the support with attention. The
      order of the support then matters a little. A query knows the support, not other queries.

    Other settings as in `MetricLearner`.
    """

    name: ClassVar[str] = "matching"

    full_context: bool = False

    def _network(self) -> nn.Module:
        if not self.full_context:
            return nn.Sequential(self._encoder())
        return nn.Sequential(self._encoder(), _FullContext(self._embedding))

    def _scores(
        self, network: nn.Module, support: Tensor, codes: Tensor, n_classes: int, query: Tensor
    ) -> Tensor:
        if self.full_context and isinstance(network, nn.Sequential):
            support, query = network[1](support, query)
        attention = torch.exp(_SHARPNESS * normalize(query, dim=1) @ normalize(support, dim=1).T)
        return torch.log(class_mean(attention.T, codes, n_classes).T)


class _FullContext(nn.Module):
    """Equations (3) to (6) of the paper's appendix; `(n, dim)` and `(m, dim)` -> the same."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.over = nn.LSTM(dim, dim, bidirectional=True)
        self.read = nn.LSTMCell(2 * dim, dim)

    def forward(self, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        both: Tensor = self.over(support)[0]
        forward, backward = both.chunk(2, dim=1)
        known = support + forward + backward
        hidden = query
        memory = torch.zeros_like(query)
        for _ in range(_READS):
            read = torch.softmax(hidden @ known.T, dim=1) @ known
            hidden, memory = self.read(torch.cat([query, read], dim=1), (hidden, memory))
            hidden = hidden + query
        return known, hidden
