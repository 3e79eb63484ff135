from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from faultsyn.errors import InputError
from faultsyn.evaluate.base import Metric
from faultsyn.evaluate.controls import CONTROLS, HELD_OUT, control_arms, run_controls
from faultsyn.evaluate.line import Line, set_line
from faultsyn.evaluate.memorisation import Memorisation
from faultsyn.evaluate.registry import METRICS, build_metrics
from faultsyn.signal.surrogates import iaaft
from faultsyn.windows import WindowSet


class Blind(Metric):
    """Finds all sets alike, but claims to see all."""

    name = "blind"
    direction = "lower"
    sees: ClassVar[tuple[str, ...]] = ("iaaft", "white noise", "one window", "another fault")
    blind = "nothing, it says"

    def _measure(self, reference, judged, given, rng):
        return 1.0, {}


class Backwards(Blind):
    """Prefers white noise to surrogates, and both to nothing."""

    name = "backwards"
    sees: ClassVar[tuple[str, ...]] = ("iaaft", "white noise")

    def _measure(self, reference, judged, given, rng):
        def rough(x: np.ndarray) -> float:
            return float((np.diff(x, axis=-1) ** 2).mean() / x.var())

        alike = np.abs(np.sort(judged.x[:, 0, :8], axis=0)).sum()
        return 3.0 - rough(judged.x) + 1e-6 * float(alike), {}


def test_arms_are_what_they_are_called(bearing):
    held, shots = bearing(0, 12, 256), bearing(1, 5, 256)
    other = bearing(2, 30, 256, label="outer", gain=0.0)
    arms = control_arms(held, shots, np.random.default_rng(0), {"another fault": other})
    assert set(arms) == set(CONTROLS) - {"another bearing"}
    spectra = {tuple(np.abs(np.fft.rfft(s[0])).round(2)) for s in shots.x}
    for name, arm in arms.items():
        assert len(arm) == 12
        assert arm.synthetic.all()
        assert set(arm.labels) == {"inner"}
        assert "recording" not in arm.table
        kept = {tuple(np.abs(np.fft.rfft(s[0])).round(2)) for s in arm.x} <= spectra
        assert kept == (name in ("exact copies", "shifted copies", "one window")) or (
            name == "phase-randomised"
        )
    shot_rows = {row.tobytes() for row in shots.x}
    assert {row.tobytes() for row in arms["exact copies"].x} == shot_rows
    assert len({row.tobytes() for row in arms["one window"].x}) == 1
    assert not {row.tobytes() for row in arms["shifted copies"].x} & shot_rows
    assert arms["white noise"].x.std() == pytest.approx(held.x.std(), rel=0.05)
    with pytest.raises(InputError, match="unknown 'moonlight'"):
        control_arms(held, shots, np.random.default_rng(0), {"moonlight": other})
    with pytest.raises(InputError, match="no windows of another fault"):
        control_arms(held, shots, np.random.default_rng(0), {"another fault": other.take([])})


def test_a_measure_that_cannot_see_fails_and_one_that_can_passes(bearing):
    real, shots = bearing(0, 60), bearing(1, 6)
    results = run_controls(
        [Blind(), Backwards(), Line(), Memorisation()],
        real,
        np.random.default_rng(0),
        shots=shots,
        others={"another fault": bearing(2, 30, gain=0.0)},
    )
    assert set(results["blind"].failed) == set(Blind.sees)
    assert not results["blind"].passed
    assert "white noise before iaaft" in results["backwards"].failed
    assert results["line"].passed
    assert results["line"].values[HELD_OUT] > 1.3 * results["line"].values["iaaft"]
    assert results["memorisation"].passed
    assert results["memorisation"].values["shifted copies"] == pytest.approx(1, abs=1e-4)


def test_controls_that_cannot_be_made_are_named(bearing):
    results = run_controls([Line(), METRICS["envelope-line"]()], bearing(0, 40), _rng())
    assert results["line"].unchecked == {"another fault": "no such windows were given"}
    assert "1024 samples" in results["envelope-line"].reason
    assert not results["envelope-line"].passed
    with pytest.raises(InputError, match="in 1 group"):
        run_controls([Line()], bearing(0, 2), _rng())


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.data
def test_line_of_real_faults_and_of_their_surrogates(faults: dict[str, WindowSet]):
    """Real 3.1 and 1.8, IAAFT of five windows 1.2 to 1.4: the published reference figures."""
    for label, expected in (("inner", 3.14), ("outer", 1.82)):
        half = faults[label].take(slice(0, 59))
        assert set_line(half) == pytest.approx(expected, abs=0.02)
        shots = half.take(np.resize(np.arange(5), 60))
        assert 1.1 < set_line(shots.with_x(iaaft(shots.x, _rng()))) < 1.45


@pytest.mark.data
def test_copy_score_of_real_windows_and_copies(faults: dict[str, WindowSet]):
    whole = faults["inner"]
    shots, real = whole.take(slice(0, 5)), whole.take(slice(59, None))
    copies = shots.take(np.resize(np.arange(5), 40))
    shifted = copies.with_x(np.roll(copies.x, 333, axis=-1)).with_columns(recording="", start=0.0)
    for made in (copies.with_columns(recording="", start=0.0), shifted):
        found = Memorisation()(real, made, _rng(), shots)
        assert found.value == pytest.approx(1.0, abs=1e-4)
        assert found.detail["copied"] == 1.0
        assert found.detail["floor copied"] == 0.0
        assert found.floor == pytest.approx(0.72, abs=0.06)


@pytest.mark.data
@pytest.mark.parametrize("label", ["inner", "outer"])
def test_every_cheap_measure_passes_its_controls_on_real_faults(
    label, faults: dict[str, WindowSet], healthy: WindowSet, recorded
):
    """Real halves, copies, surrogates, noise, the other fault, the same fault elsewhere."""
    whole = faults[label]
    elsewhere = {"inner": "IR/007/105_0.mat", "outer": "OR/014/197@6_0.mat"}[label]
    results = run_controls(
        build_metrics([n for n in METRICS if not METRICS[n].costly and n not in NOT_HERE]),
        whole.take(slice(20, 90)),
        _rng(),
        shots=whole.take(slice(0, 20)),
        normal=healthy,
        others={
            "another fault": faults["outer" if label == "inner" else "inner"],
            "another bearing": recorded(f"12k_Drive_End_Bearing_Fault_Data/{elsewhere}", label),
        },
        repeats=2,
    )
    assert {name: r.failed for name, r in results.items()} == dict.fromkeys(results, ())
    assert not any(r.reason or r.unchecked for r in results.values())
    copies = ("exact copies", "shifted copies")
    assert all(results["memorisation"].values[c] > 0.999 for c in copies)
    if label == "inner":
        assert results["psd-distance"].values[HELD_OUT] < 0.5  # dB


NOT_HERE = ("envelope-line", "correlation-error")
"""They need longer windows or a second channel; tested below."""


@pytest.mark.data
def test_envelope_line_and_correlation_pass_their_controls(recorded, faults):
    drive_end = "12k_Drive_End_Bearing_Fault_Data"
    for metric, length, channels in (
        ("envelope-line", 4096, ("DE",)),
        ("correlation-error", 1024, ("DE", "FE")),
    ):
        whole = recorded(f"{drive_end}/IR/021/209_0.mat", "inner", length, channels)
        other = recorded(f"{drive_end}/OR/021/@6/234_0.mat", "inner", length, channels)
        whole, shots = whole.take(slice(0, 40)), min(8, len(whole) // 6)
        result = run_controls(
            build_metrics([metric]),
            whole.take(slice(shots, None)),
            _rng(),
            shots=whole.take(slice(0, shots)),
            others={"another fault": other},
        )[metric]
        assert result.passed, result
        assert not result.unchecked
