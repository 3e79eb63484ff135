"""What features are called: one meaning a column, and the unit is that of the signal."""

from __future__ import annotations

import numpy as np
import pytest

from faultsyn.signal.features import FEATURES
from faultsyn.signal.meaning import meanings
from faultsyn.signal.representation import Representation
from faultsyn.windows import WindowSet


def windows(
    n: int = 3, channels: tuple[str, ...] = ("FS1", "FS2"), rate: float = 12000.0
) -> WindowSet:
    rng = np.random.default_rng(1)
    length = 4800 if rate > 100 else 600
    x = (5 + rng.standard_normal((n, len(channels), length))).astype(np.float32)
    table = {
        "label": np.array(["normal"] * n),
        "rpm": np.full(n, 1797.0),
        "bearing": np.array(["6205"] * n),
    }
    return WindowSet(x, table, rate, channels, ("bar",) * len(channels))


@pytest.mark.parametrize("name", sorted(FEATURES))
@pytest.mark.parametrize("channels", [("FS1",), ("FS1", "FS2")])
def test_every_column_has_a_meaning_of_its_own(name: str, channels: tuple[str, ...]) -> None:
    made = windows(2, channels, 10.0 if name == "hydraulic" else 12000.0)
    params = {"fast": ("FS1",)} if name == "hydraulic" else {}
    representation = Representation(name, params)
    told = meanings(representation, made)
    rows = representation.extract(made)
    assert len(told) == rows.n_samples
    assert len({meaning.text for meaning in told}) == len(told)
    assert [meaning.name for meaning in told] == list(representation.names(made))
    for meaning in told:
        ups = [meaning.undo(value) for value in (-1.0, 0.0, 0.5, 2.0)]
        assert ups == sorted(ups)


def natural(
    name: str, text: str, made: WindowSet, params: dict[str, object] | None = None
) -> float:
    representation = Representation(name, params or {})
    told = meanings(representation, made)
    (at,) = [i for i, meaning in enumerate(told) if meaning.text == text]
    return told[at].undo(float(representation.extract(made).rows[0, at]))


def test_hydraulic_and_process_figures_come_back_in_the_signals_unit() -> None:
    made = windows(1, rate=10.0)
    x = made.x[0].astype(np.float64)
    part = x[1, 50:100]  # 5 to 10 s of 60 s in 12 parts
    assert natural("hydraulic", "mean of FS2 from 5 to 10 s", made) == pytest.approx(part.mean())
    assert natural("hydraulic", "deviation of FS2 from 5 to 10 s", made) == pytest.approx(
        part.std(), rel=1e-5
    )
    seconds = x[0].reshape(60, 10).mean(axis=1)
    assert natural("hydraulic", "deviation of FS1's one-second means", made) == pytest.approx(
        seconds.std(), rel=1e-4
    )
    assert natural("process", "mean of FS1", made) == pytest.approx(x[0].mean(), rel=1e-5)
    assert natural("process", "deviation of FS2", made) == pytest.approx(x[1].std(), rel=1e-5)
    time = np.linspace(-1, 1, x.shape[1])
    slope = np.polyfit(time, x[0], 1)[0]
    text = "trend of FS1 over half the window"
    assert natural("process", text, made) == pytest.approx(slope, rel=1e-3)
    assert natural("statistics", "rms of FS1", made) == pytest.approx(np.sqrt((x[0] ** 2).mean()))


def test_a_fault_line_stands_so_many_times_above_its_surroundings() -> None:
    rate, n = 12000.0, 24000
    t = np.arange(n) / rate
    fault = 5.4152 * 1797 / 60
    noise = np.random.default_rng(0).standard_normal(n)
    x = (1 + np.cos(2 * np.pi * fault * t)) * np.sin(2 * np.pi * 2700 * t) + 0.3 * noise
    table = {"label": np.array(["inner"]), "rpm": np.array([1797.0]), "bearing": np.array(["6205"])}
    made = WindowSet(x[None, None].astype(np.float32), table, rate, ("DE",), ("g",))
    assert natural("orders", "envelope line at BPFI in 2-3.5 kHz", made) > 50
    assert natural("orders", "envelope line at BPFO in 2-3.5 kHz", made) < 5
    assert natural("orders", "envelope line at 2 x BSF in 2-3.5 kHz", made) < 5


def test_scaled_channels_say_so() -> None:
    made = windows()
    for scaling, text in (("zscore", "mean of FS1"), ("whiten", "mean of FS1 (whitened)")):
        representation = Representation("process", channels=scaling).fit_channels(made)
        first = meanings(representation, made)[0]
        assert (first.text, first.unit) == (text, "healthy deviations")
