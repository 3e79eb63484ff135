"""The simulated rig has the physics it claims, and its truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import hilbert

from faultsyn.errors import InputError
from faultsyn.ingest.simulate import BearingRig, simulate_bearing
from faultsyn.signal.bearing import orders
from faultsyn.store import Recording

RIG = BearingRig(assets=3, loads=(0, 2), seconds=4.0, signal_to_noise_db=(3.0, 9.0))


@pytest.fixture(scope="module")
def rig() -> dict[str, Recording]:
    return {recording.id: recording for recording in simulate_bearing(RIG, seed=1)}


def envelope_lines(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Squared-envelope spectrum of the drive end against orders of the shaft rate."""
    x = recording.streams[0].samples[:, 0].astype(float)
    envelope = np.abs(hilbert(x - x.mean())) ** 2
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(x))))
    shaft = float(recording.columns["rpm"]) / 60
    return np.fft.rfftfreq(len(x), 1 / RIG.rate) / shaft, spectrum


def line_to_background(recording: Recording, order: float) -> float:
    axis, spectrum = envelope_lines(recording)
    near = np.abs(axis - order) < 0.015 * order
    around = (np.abs(axis - order) < 0.5) & ~near
    return float(spectrum[near].max() / np.median(spectrum[around]))


@pytest.mark.parametrize(("label", "line"), [("outer", "bpfo"), ("inner", "bpfi")])
def test_fault_peaks_at_its_order(rig: dict[str, Recording], label: str, line: str) -> None:
    order = getattr(orders(RIG.bearing), line)
    for recording in rig.values():
        if recording.label == label:
            axis, spectrum = envelope_lines(recording)
            band = (axis > 1.6) & (axis < 7.0)
            assert axis[band][spectrum[band].argmax()] == pytest.approx(order, rel=0.02)


def test_healthy_machines_have_no_fault_line(rig: dict[str, Recording]) -> None:
    table = orders(RIG.bearing)
    faulty = [line_to_background(r, table.bpfo) for r in rig.values() if r.label == "outer"]
    healthy = [line_to_background(r, table.bpfo) for r in rig.values() if r.label == "normal"]
    assert max(healthy) < min(faulty) / 2


def test_inner_race_has_shaft_sidebands(rig: dict[str, Recording]) -> None:
    order = orders(RIG.bearing).bpfi
    sideband = [line_to_background(r, order - 1) for r in rig.values() if r.label == "inner"]
    outer = [line_to_background(r, order - 1) for r in rig.values() if r.label == "outer"]
    assert np.median(sideband) > 3 * np.median(outer)


def test_truth_is_in_the_columns(rig: dict[str, Recording]) -> None:
    assert len(rig) == 4 * RIG.assets * len(RIG.loads)
    assert {r.label for r in rig.values()} == {"normal", "inner", "outer", "ball"}
    assert len({r.columns["asset"] for r in rig.values()}) == 4 * RIG.assets
    assert all(r.streams[0].samples.shape == (48_000, 2) for r in rig.values())
    light, loaded = rig["outer-00-load0"], rig["outer-00-load2"]
    assert light.columns["rpm"] - loaded.columns["rpm"] == pytest.approx(40, abs=12)


def test_assets_differ_and_seeds_repeat(rig: dict[str, Recording]) -> None:
    again = {recording.id: recording for recording in simulate_bearing(RIG, seed=1)}
    other = {recording.id: recording for recording in simulate_bearing(RIG, seed=2)}
    for name, recording in rig.items():
        np.testing.assert_array_equal(recording.streams[0].samples, again[name].streams[0].samples)
        assert recording.source_sha256 == again[name].source_sha256
        assert recording.source_sha256 != other[name].source_sha256
    assert len({r.source_sha256 for r in rig.values()}) == len(rig)

    def spectrum(recording: Recording) -> np.ndarray:
        power = np.abs(np.fft.rfft(recording.streams[0].samples[:, 0])) ** 2
        return np.log(power[1:24_001].reshape(240, -1).mean(axis=1))

    same = np.corrcoef(spectrum(rig["outer-00-load0"]), spectrum(rig["outer-00-load2"]))[0, 1]
    different = np.corrcoef(spectrum(rig["outer-00-load0"]), spectrum(rig["outer-01-load0"]))[0, 1]
    assert same > different + 0.05


@pytest.mark.parametrize(
    "wrong", [{"assets": 0}, {"loads": ()}, {"seconds": 0.0}, {"rate": 1000.0}]
)
def test_impossible_rigs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        BearingRig(**wrong)  # type: ignore[arg-type]


def test_unknown_bearing_is_refused() -> None:
    with pytest.raises(InputError):
        next(simulate_bearing(BearingRig(bearing="no-such-bearing"), seed=0))
