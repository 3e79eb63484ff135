"""The graph's transforms and filters against numpy's and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.edge.band import BandPasses
from faultsyn.edge.fourier import Magnitudes, SquaredEnvelope, Transform, good_length
from faultsyn.errors import InputError
from faultsyn.signal.envelope import bandpass, hilbert_envelope


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.booleans(), st.integers(0, 1000))
def test_a_transform_is_numpys(length: int, inverse: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((2, length)) + 1j * rng.standard_normal((2, length))
    re, im = Transform(length, inverse=inverse)(torch.tensor(x.real), torch.tensor(x.imag))
    expected = np.fft.ifft(x) * length if inverse else np.fft.fft(x)
    np.testing.assert_allclose(re.numpy() + 1j * im.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("length", [25, 64, 600])
def test_envelope_and_magnitudes_are_scipys(length: int) -> None:
    x = np.random.default_rng(1).standard_normal((3, 2, length)) + 2
    got = SquaredEnvelope(length)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(got, hilbert_envelope(x) ** 2, atol=1e-10)
    got = Magnitudes(length, 4 * length)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(got, np.abs(np.fft.rfft(x, 4 * length)), atol=1e-9)


def test_bands_are_those_of_the_recursive_filter() -> None:
    bands = [(500.0, 2000.0), (2000.0, 3500.0), (3500.0, 5800.0), (30.0, 5990.0)]
    x = np.random.default_rng(2).standard_normal((2, 1, 700)) + 5  # an offset: edges matter
    got = BandPasses(700, 12000, bands)(torch.tensor(x)).numpy()
    for at, band in enumerate(bands):
        np.testing.assert_allclose(got[:, :, at], bandpass(x, 12000, *band), atol=1e-9)


def test_what_cannot_be_is_refused() -> None:
    for length, bands, says in ((700, (100, 6000), "not inside"), (20, (100, 500), "more than 21")):
        with pytest.raises(InputError, match=says):
            BandPasses(length, 12000, [bands])
    with pytest.raises(InputError, match="power of two"):
        Transform(2039)
    assert good_length(1000) == 1024
