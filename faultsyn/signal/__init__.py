"""Pure functions on arrays: spectra, envelopes, fault orders, wavelets, features, scaling."""

from faultsyn.signal.bearing import Bearing, FaultOrders, bearings, orders, read_bearings
from faultsyn.signal.envelope import (
    bandpass,
    envelope_bands,
    hilbert_envelope,
    line_to_background,
    squared_envelope,
    squared_envelope_spectrum,
)
from faultsyn.signal.features import FEATURES, Feature, feature
from faultsyn.signal.representation import Representation
from faultsyn.signal.spectrum import band_energies, log_spectrum, welch_psd
from faultsyn.signal.statistics import time_statistics
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
    "Representation",
    "band_energies",
    "bandpass",
    "bearings",
    "discrete_inverse",
    "discrete_transform",
    "envelope_bands",
    "feature",
    "hilbert_envelope",
    "line_to_background",
    "log_spectrum",
    "orders",
    "packet_inverse",
    "packet_transform",
    "read_bearings",
    "residual",
    "scalogram",
    "squared_envelope",
    "squared_envelope_spectrum",
    "standardiser",
    "time_statistics",
    "wavelet_energies",
    "welch_psd",
    "whitener",
]
