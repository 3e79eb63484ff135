"""A diagnoser as one module: windows of a recording to what its verdict needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from faultsyn.diagnose.network import NetworkClassifier
from faultsyn.edge import features, fronts
from faultsyn.edge.features import feature_module
from faultsyn.edge.fourier import Constants
from faultsyn.edge.fronts import Seen, SeenRows
from faultsyn.edge.heads import head_module
from faultsyn.edge.speed import Reach, Speed
from faultsyn.edge.strange import Strange
from faultsyn.evaluate.calibration import KEPT, Calibration
from faultsyn.plant.confidence import Confidence
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.signal.representation import Representation
from faultsyn.signal.whitening import Affine
from faultsyn.windows import WindowSet


class Judged(NamedTuple):
    """What the graph gives, in this order and under these names.

    - `probability`: raw class probabilities of each window, `(n, n_classes)`.
    - `strange`: unknown score of each window, `(n,)`.
    - `joint`: calibrated probabilities of the recording, `(n_classes,)`.
    - `inside`: which classes its prediction set holds, `(n_classes,)`.
    """

    probability: Tensor
    strange: Tensor
    joint: Tensor
    inside: Tensor


class _Affine(Constants):
    """`faultsyn.signal.whitening.Affine` over the last axis."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, learnt: Affine) -> None:
        super().__init__()
        self.hold(mean=learnt.mean, matrix=learnt.matrix)
        self.full = learnt.matrix.ndim == 2

    def forward(self, x: Tensor) -> Tensor:
        centred = x - self.mean
        return centred @ self.matrix if self.full else centred * self.matrix


class _Rows(nn.Module):
    """`Representation.transform`: scaled channels, features, scaled rows."""

    def __init__(
        self, representation: Representation, windows: WindowSet, reach: Reach | None
    ) -> None:
        super().__init__()
        channels, rows = representation.channel_map_, representation.row_map_
        self.channels = None if channels is None else _Affine(channels)
        self.features = feature_module(
            representation.features, representation.params, windows, reach
        )
        self.rows = None if rows is None else _Affine(rows)

    def forward(self, x: Tensor, speed: Speed | None) -> Tensor:
        if self.channels is not None:
            x = self.channels(x.transpose(1, 2)).transpose(1, 2)
        rows: Tensor = self.features(x, speed)
        return rows if self.rows is None else self.rows(rows)


class _Calibrated(nn.Module):
    """`faultsyn.evaluate.calibration.Calibration` of one recording."""

    def __init__(self, calibration: Calibration, n_classes: int) -> None:
        super().__init__()
        self.calibration, self.n_classes = calibration, n_classes
        knots = () if calibration.isotonic is None else calibration.isotonic.knots
        self.maps = nn.ModuleList([_Monotone(x, y) for x, y in knots])

    def forward(self, proba: Tensor) -> Tensor:
        rule = self.calibration
        joint: Tensor
        scaled = torch.log(self._smoothed(proba, rule.floor)) / rule.temperature
        if rule.rule == "probabilities":
            joint = torch.softmax(scaled, dim=1).mean(dim=0)
        else:
            count = torch.ones_like(scaled[:, 0]).sum()
            joint = torch.softmax(torch.pow(count, rule.exponent) * scaled.mean(dim=0), dim=0)
        if len(self.maps):
            mapped = torch.cat([m(joint[c : c + 1]) for c, m in enumerate(self.maps)])
            mapped = mapped + KEPT * joint
            joint = mapped / mapped.sum()
        return self._smoothed(joint, rule.doubt)

    def _smoothed(self, proba: Tensor, share: float) -> Tensor:
        return (1 - share) * proba + share / self.n_classes


class _Monotone(Constants):
    """`numpy.interp` of single values."""

    x: Tensor
    y: Tensor

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        if len(x) == 1:
            x, y = np.append(x, x[0] + 1), np.append(y, y[0])
        self.hold(x=x, y=y)
        self.last = len(x) - 2

    def forward(self, value: Tensor) -> Tensor:
        left = ((value[:, None] >= self.x).to(torch.int64).sum(dim=1) - 1).clamp(0, self.last)
        width = self.x[left + 1] - self.x[left]
        share = torch.where(width > 0, (value - self.x[left]) / torch.where(width > 0, width, 1), 1)
        share = share.clamp(0, 1)
        return self.y[left] + share * (self.y[left + 1] - self.y[left])


class _Inside(Constants):
    """`Confidence.sets`: the most probable class always belongs to the set."""

    of_recordings: Tensor
    of_windows: Tensor

    def __init__(self, confidence: Confidence) -> None:
        super().__init__()
        limits = confidence.of_recordings, confidence.of_windows
        # A class that nothing excludes has an infinite threshold; no score exceeds 1.
        bounded = [np.minimum(limit, 2.0) for limit in limits]
        self.hold(of_recordings=bounded[0], of_windows=bounded[1])

    def forward(self, joint: Tensor, proba: Tensor) -> Tensor:
        count = torch.ones_like(proba[:, 0]).sum()
        limits = torch.where(count == 1, self.of_windows, self.of_recordings)
        return (1 - joint <= limits) | (joint >= joint.amax(dim=0))


class EdgeGraph(nn.Module):
    """`forward(windows)` or `forward(windows, rpm, orders)` -> `Judged`.

    - `windows`: float32 `(n, channels, samples)` in physical units: windows of one recording.
    - `rpm`: float64 `(n,)`; `orders`: float64 `(n, 4)`, BPFO, BPFI, BSF, FTF; where `reach` is.

    Raises `InputError` when a part of the diagnoser has no graph.
    """

    def __init__(self, diagnoser: Diagnoser, windows: WindowSet) -> None:
        super().__init__()
        fitted, confidence = diagnoser.fitted, diagnoser.confidence
        classifier = fitted.classifier
        self.head = head_module(classifier)
        takes_rows = classifier.consumes == "features"
        front = classifier.front_ if isinstance(classifier, NetworkClassifier) else None
        needs_rows = takes_rows or confidence.kind != "energy"
        self.reach: Reach | None = None
        if (needs_rows and fitted.representation.features in features.NEED_SPEED) or (
            front is not None and front.name in fronts.NEED_SPEED
        ):
            self.reach = Reach.of(fitted.support)
        self.rows = _Rows(fitted.representation, windows, self.reach) if needs_rows else None
        self.seen: nn.Module | None = None
        if front is not None and takes_rows:
            self.seen = SeenRows(front, fitted.support.n_samples)
        elif front is not None:
            self.seen = Seen(front, windows)
        self.takes_rows = takes_rows
        columns = [classifier.classes_.index(name) for name in diagnoser.classes]
        self.register_buffer("columns", torch.as_tensor(columns), persistent=False)
        self.strange = Strange(confidence, diagnoser.metric)
        self.calibrated = _Calibrated(confidence.calibration, len(diagnoser.classes))
        self.inside = _Inside(confidence)

    def forward(
        self, windows: Tensor, rpm: Tensor | None = None, orders: Tensor | None = None
    ) -> Judged:
        """Judge the windows of one recording."""
        x = windows.to(torch.float64)
        speed = None if rpm is None or orders is None else Speed(rpm, orders)
        rows = x if self.rows is None else self.rows(x, speed)
        if self.seen is None:
            scores = self.head(rows)
        elif self.takes_rows:
            scores = self.head(self.seen(rows))
        else:
            scores = self.head(self.seen(x, speed))
        proba = torch.softmax(scores, dim=1)[:, self.columns]  # type: ignore[index]
        joint = self.calibrated(proba)
        return Judged(proba, self.strange(rows, scores), joint, self.inside(joint, proba))
