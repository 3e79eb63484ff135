"""Features are worked out once per window inside a block, and are the same as outside it."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.evaluate import encoder
from faultsyn.evaluate.quality import evaluate_quality
from faultsyn.evaluate.registry import METRICS
from faultsyn.evaluate.remember import once_per_window, remembering


def test_each_distinct_window_is_worked_out_once():
    asked: list[int] = []

    def double(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        return 2 * x

    x = np.random.default_rng(0).standard_normal((6, 1, 5))
    with remembering():
        np.testing.assert_array_equal(once_per_window("a", x[[0, 0, 1]], double), 2 * x[[0, 0, 1]])
        with remembering():
            np.testing.assert_array_equal(once_per_window("a", x, double), 2 * x)
        np.testing.assert_array_equal(once_per_window("a", x[::-1], double), 2 * x[::-1])
        assert once_per_window("a", x[:0], double).shape == (0, 1, 5)
        assert asked == [2, 4, 0]
        once_per_window("b", x, double)
        once_per_window("a", x[..., :4], double)
    assert asked == [2, 4, 0, 6, 6]
    once_per_window("a", x, double)
    with remembering():
        once_per_window("a", x, double)
    assert asked[5:] == [6, 6]


@pytest.mark.parametrize("name", ["mmd", "diversity", "two-sample-coarse", "context-fid"])
def test_remembered_features_give_the_same_figure(name, bearing):
    real, made = bearing(0, 12, 256), bearing(1, 8, 256).with_columns(synthetic=True)

    def figure() -> float | None:
        return METRICS[name]()(real, made, np.random.default_rng(0)).value

    plain = figure()
    with remembering():
        first, again = figure(), figure()
    assert first == again == pytest.approx(plain, rel=1e-4)


def test_an_evaluation_encodes_each_real_window_once(bearing, monkeypatch):
    real, shots = bearing(0, 24, 256), bearing(1, 4, 256)
    made = bearing(2, 10, 256).with_columns(synthetic=True)
    seen: list[bytes] = []
    plain = encoder.encode

    def counting(rows: np.ndarray) -> np.ndarray:
        seen.extend(row.tobytes() for row in rows)
        return plain(rows)

    monkeypatch.setattr(encoder, "encode", counting)
    evaluate_quality(
        real, made, shots, None, np.random.default_rng(0), metrics=["context-fid"],
        others={"another fault": bearing(3, 9, 256, gain=0.0)},
    )  # fmt: skip
    # Real, synthetic, the other fault, one shot, and as many of three surrogates as real windows.
    assert len(seen) == len(set(seen)) <= 24 + 10 + 9 + 1 + 3 * 24
