"""Pure functions on arrays: spectra, envelopes, fault orders, wavelets, features, scaling."""

from faultsyn.signal.angular import angular_resample, order_spectrum
from faultsyn.signal.bearing import (
    Bearing,
    FaultOrders,
    bearings,
    fault_table,
    find_bearing,
    orders,
    read_bearings,
)
from faultsyn.signal.envelope import (
    bandpass,
    envelope_bands,
    hilbert_envelope,
    line_to_background,
    squared_envelope,
    squared_envelope_spectrum,
)
from faultsyn.signal.features import FEATURES, Feature, feature
from faultsyn.signal.gear import GearTrain, gear_train, gears, mesh_table
from faultsyn.signal.representation import Representation
from faultsyn.signal.spectrum import band_energies, log_spectrum, welch_psd
from faultsyn.signal.speed_estimate import SpeedEstimate, estimate_speed
from faultsyn.signal.statistics import time_statistics
from faultsyn.signal.tacho import (
    angle_from_pulses,
    angle_from_rpm,
    pulse_times,
    rpm_from_pulses,
)
from faultsyn.signal.tsa import SynchronousAverage, synchronous_average
from faultsyn.signal.wavelet import (
    discrete_inverse,
    discrete_transform,
    packet_inverse,
    packet_transform,
    scalogram,
    wavelet_energies,
)
from faultsyn.signal.whitening import Affine, residual, standardiser, whitener

__all__ = [
    "FEATURES",
    "Affine",
    "Bearing",
    "FaultOrders",
    "Feature",
    "GearTrain",
    "Representation",
    "SpeedEstimate",
    "SynchronousAverage",
    "angle_from_pulses",
    "angle_from_rpm",
    "angular_resample",
    "band_energies",
    "bandpass",
    "bearings",
    "discrete_inverse",
    "discrete_transform",
    "envelope_bands",
    "estimate_speed",
    "fault_table",
    "feature",
    "find_bearing",
    "gear_train",
    "gears",
    "hilbert_envelope",
    "line_to_background",
    "log_spectrum",
    "mesh_table",
    "order_spectrum",
    "orders",
    "packet_inverse",
    "packet_transform",
    "pulse_times",
    "read_bearings",
    "residual",
    "rpm_from_pulses",
    "scalogram",
    "squared_envelope",
    "squared_envelope_spectrum",
    "standardiser",
    "synchronous_average",
    "time_statistics",
    "wavelet_energies",
    "welch_psd",
    "whitener",
]
