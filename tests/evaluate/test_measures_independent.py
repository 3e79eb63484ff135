"""Whole measures against independent implementations: packages, or plain float64 loops.

Fréchet distances against POT, two-sample AUC against scikit-learn's cross-validation; where no
package offers the measure (lines, the encoder, the recurrent network), a loop in float64 written
here from the definition.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import ot
import pytest
import scipy.signal
import torch
from scipy.spatial.distance import pdist
from scipy.special import erf, expit
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.svm import SVC

from faultsyn.evaluate import discriminative, predictive
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.context_fid import ContextFID, frechet_distance
from faultsyn.evaluate.correlation import CorrelationError
from faultsyn.evaluate.discriminative import DiscriminativeScore
from faultsyn.evaluate.diversity import Diversity
from faultsyn.evaluate.encoder import encode, frozen_encoder
from faultsyn.evaluate.features import fine_features
from faultsyn.evaluate.kurtosis import Kurtosis
from faultsyn.evaluate.line import band_heights, set_line
from faultsyn.evaluate.predictive import PredictiveScore
from faultsyn.evaluate.psd_distance import PSDDistance
from faultsyn.evaluate.recurrent import seeded_network
from faultsyn.evaluate.two_sample import grouped_auc
from faultsyn.windows import WindowSet

RATE = 12000.0


def value(metric: Metric, real: WindowSet, judged: WindowSet) -> float:
    return metric.compare(real, judged, np.random.default_rng(0)).value


def filtered_envelope(x: np.ndarray, low: float, high: float) -> np.ndarray:
    b, a = scipy.signal.butter(3, (low, high), "bandpass", fs=RATE)
    return np.abs(scipy.signal.hilbert(scipy.signal.filtfilt(b, a, x, padlen=21)))


def line_amplitudes(curve: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fourfold zero-padded, Hann-weighted amplitude spectrum and its frequencies [Hz]."""
    n = scipy.fft.next_fast_len(4 * len(curve), real=True)
    weight = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(len(curve)) / len(curve))
    return np.abs(np.fft.rfft(curve * weight, n)), np.arange(n // 2 + 1) * RATE / n


def test_line_of_a_set_is_its_definition(bearing):
    windows = bearing(0, n=6)
    fault = 5.4152 * 1797 / 60
    power = 0.0
    for window in windows.x[:, 0].astype(float):
        envelope = filtered_envelope(window, 1000, 5500)
        amplitude, freqs = line_amplitudes(envelope / envelope.mean() - 1)
        power = power + amplitude**2 / 6
    background = np.median(np.sqrt(power)[(freqs >= 0.4 * fault) & (freqs <= 3.6 * fault)])
    peaks = [
        np.sqrt(power)[abs(freqs - k * fault) <= max(0.02 * k * fault, RATE / 1024 / 2)].max()
        for k in (1, 2, 3)
    ]
    assert set_line(windows) == pytest.approx(np.mean(peaks) / background, rel=1e-5)


def test_line_of_a_window_is_its_definition(bearing):
    windows = bearing(1, n=3, length=4096)
    fault, shaft, width = 5.4152 * 1797 / 60, 1797 / 60, RATE / 4096
    for window, found in zip(windows.x[:, 0], band_heights(windows, (500.0, 5800.0)), strict=True):
        square = filtered_envelope(window.astype(float), 500, 5800) ** 2
        amplitude, freqs = line_amplitudes(square / square.mean() - 1)
        logs = []
        for line in fault * np.arange(1, 4):
            near = abs(freqs - line) <= max(0.012 * line, 0.6 * width)
            around = abs(freqs - line) <= max(0.5 * shaft, 4 * width)
            logs.append(np.log(amplitude[near].max() / np.median(amplitude[around])))
        assert found == pytest.approx(np.mean(logs), abs=1e-5)


def test_frechet_distance_is_that_of_pot():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 8)), 0.5 + rng.standard_normal((30, 8)) * np.arange(1, 9)
    moments = x.mean(0), y.mean(0), np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ot.gaussian.bures_wasserstein_distance(*moments) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_context_fid_is_the_mean_over_channels_of_encoded_standardised_windows(bearing):
    real, judged = bearing(0, 12, 256, 2), bearing(1, 9, 256, 2, gain=2.0)
    expected = []
    for channel in range(2):
        mine, theirs = real.x[:, channel].astype(float), judged.x[:, channel].astype(float)
        codes = [plain_encoding((x - mine.mean()) / mine.std()) for x in (mine, theirs)]
        gap = codes[0].mean(0) - codes[1].mean(0)
        roots = scipy.linalg.sqrtm(np.cov(codes[0].T) @ np.cov(codes[1].T)).real
        spread = np.trace(np.cov(codes[0].T) + np.cov(codes[1].T) - 2 * roots)
        expected.append(gap @ gap + spread)
    assert value(ContextFID(), real, judged) == pytest.approx(np.mean(expected), rel=1e-3)


def plain_encoding(rows: np.ndarray) -> np.ndarray:
    """The frozen encoder as a float64 loop over kernel taps."""
    weights = {k: v.double().numpy() for k, v in frozen_encoder().state_dict().items()}

    def conv(x: np.ndarray, name: str, dilation: int = 1, stride: int = 1) -> np.ndarray:
        kernel = weights[f"{name}.weight"]
        taps = kernel.shape[2]
        edge = dilation * (taps - 1) // 2
        padded = np.pad(x, ((0, 0), (0, 0), (edge, edge)))
        out = weights[f"{name}.bias"][:, None] + np.zeros((1, 1, x.shape[2]))
        for tap in range(taps):
            shifted = padded[..., tap * dilation : tap * dilation + x.shape[2]]
            out = out + np.einsum("oc,nct->not", kernel[..., tap], shifted)
        return out[..., ::stride]

    def gelu(x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + erf(x / np.sqrt(2)))

    hidden = conv(rows[:, None], "project", stride=2)
    for block in range(6):
        inner = conv(gelu(hidden), f"blocks.{block}.first", 2**block)
        hidden = hidden + conv(gelu(inner), f"blocks.{block}.second", 2**block)
    return conv(hidden, "out").mean(axis=2)


def test_encoder_is_its_architecture_in_float64():
    rows = np.random.default_rng(0).standard_normal((3, 200))
    np.testing.assert_allclose(encode(rows), plain_encoding(rows), atol=1e-4)


def test_two_sample_auc_is_that_of_sklearn_on_one_pairing_of_the_groups():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((24, 3)), rng.standard_normal((20, 3)) + 0.8
    mine, theirs = np.arange(24) % 4, np.arange(20) % 4
    rows, target = np.concatenate([x, y]), np.repeat([0, 1], [24, 20])
    machine = SVC(class_weight="balanced")
    expected = []
    for order in permutations(range(4)):  # which judged group shares a fold with which real one
        split = PredefinedSplit(np.concatenate([mine, np.array(order)[theirs]]))
        scores = cross_val_score(machine, rows, target, scoring="roc_auc", cv=split)
        expected.append(scores.mean())
    found = grouped_auc(x, y, mine, theirs, np.random.default_rng(1))
    assert np.abs(np.array(expected) - found).min() < 1e-9
    assert np.std(expected) > 1e-3


def test_distances_and_moments_of_whole_measures(bearing):
    real, judged = bearing(0, 10, 512, 2), bearing(1, 10, 512, 2, gain=3.0)
    kurtosis = scipy.stats.kurtosis(judged.x.astype(float), axis=-1, fisher=False).mean()
    assert value(Kurtosis(), real, judged) == pytest.approx(kurtosis, rel=1e-6)

    def correlation(windows: WindowSet) -> float:
        return float(np.corrcoef(np.concatenate(list(windows.x), axis=1).astype(float))[0, 1])

    gap = abs(correlation(real) - correlation(judged))
    assert value(CorrelationError(), real, judged) == pytest.approx(gap, abs=1e-6)

    def levels(windows: WindowSet) -> np.ndarray:
        _, density = scipy.signal.welch(windows.x.astype(float), RATE, nperseg=256)
        return 10 * np.log10(density.mean(0)[:, 1:].reshape(2, 32, 4).sum(2))

    expected = np.abs(levels(real) - levels(judged)).mean()
    assert value(PSDDistance(), real, judged) == pytest.approx(expected, rel=1e-5)

    blocks, others = fine_features(real), fine_features(judged)
    rows = [np.zeros((10, 0)), np.zeros((10, 0))]
    for name, block in blocks.items():
        spread = block.std(0) if name == "level" else np.sqrt(block.var(0).mean())
        for side, part in enumerate((block, others[name])):
            scaled = part / spread / np.sqrt(block.shape[1])
            rows[side] = np.hstack([rows[side], scaled])
    ratio = pdist(rows[1]).mean() / pdist(rows[0]).mean()
    assert value(Diversity(), real, judged) == pytest.approx(ratio, rel=1e-4)


def test_recurrent_network_is_a_gated_recurrent_unit_in_float64():
    network = seeded_network(3, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 9, 3))
    weights = {k: v.double().numpy() for k, v in network.state_dict().items()}
    sequence = x
    for layer in (0, 1):
        w, u, b, c = (
            weights[f"layers.{kind}_l{layer}"]
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state, states = np.zeros((2, 24)), []
        for t in range(9):
            given = np.split(sequence[:, t] @ w.T + b, 3, axis=1)
            kept = np.split(state @ u.T + c, 3, axis=1)
            reset, update = expit(given[0] + kept[0]), expit(given[1] + kept[1])
            new = np.tanh(given[2] + reset * kept[2])
            state = (1 - update) * new + update * state
            states.append(state)
        sequence = np.stack(states, axis=1)
    expected = sequence @ weights["head.weight"].T + weights["head.bias"]
    with torch.inference_mode():
        found = network(torch.from_numpy(x.astype(np.float32))).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_discriminative_score_is_balanced_accuracy_on_windows_left_out(bearing, monkeypatch):
    """With a network that looks at one sample's sign, the score can be worked out by hand."""

    class Sign(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :1, :1]

    rng = np.random.default_rng(0)
    real, judged = (bearing(i, n, 32) for i, n in ((0, 30), (1, 21)))
    left_out = rng.random(51) < 0.4
    monkeypatch.setattr(discriminative, "STEPS", 0)
    monkeypatch.setattr(
        "faultsyn.evaluate.recurrent.seeded_network", lambda *_: torch.nn.Sequential(Sign(), Bias())
    )
    sides = iter([left_out[:30], left_out[30:]])
    monkeypatch.setattr(discriminative, "_third", lambda *_: next(sides))
    sign = np.concatenate([real.x, judged.x])[:, 0, 0] > real.x.mean(dtype=float)
    target = np.repeat([False, True], [30, 21])
    expected = balanced_accuracy_score(target[left_out], sign[left_out])
    found, detail = DiscriminativeScore()._measure(real, judged, None, rng)
    assert detail["accuracy"] == pytest.approx(expected)
    assert found == pytest.approx(abs(expected - 0.5))


class Bias(torch.nn.Module):
    """Adds a zero that an optimiser can hold."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.zero


def test_predictive_score_is_the_error_in_units_of_the_real_range(bearing, monkeypatch):
    """With a network that says zero, what is left is the scaled last channel itself."""

    class Zero(Bias):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 0.0 * x[..., :1] + self.zero

    monkeypatch.setattr(predictive, "STEPS", 0)
    monkeypatch.setattr("faultsyn.evaluate.recurrent.seeded_network", lambda *_: Zero())
    real, judged = bearing(0, 8, 40, 2), bearing(1, 8, 40, 2)
    last = real.x[:, 1].astype(float)
    scaled = (last - last.min()) / (last.max() - last.min())
    found, detail = PredictiveScore()._measure(real, judged, None, np.random.default_rng(0))
    assert found == pytest.approx(scaled[:, 1:].mean(), rel=1e-5)
    middle = np.median(scaled[:, 1:])
    assert detail["constant"] == pytest.approx(np.abs(scaled[:, 1:] - middle).mean(), rel=1e-5)
