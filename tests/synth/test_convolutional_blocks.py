"""The convolutional blocks: any size in and out, what a class may change, what they cover."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faultsyn.neural import built_with
from faultsyn.synth.convolutional.blocks import Decoder, Encoder, Modulation
from faultsyn.synth.convolutional.layout import Layout


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(24, 8192),
    channels=st.integers(1, 64),
)
def test_a_layout_brings_any_length_to_a_few_positions(length: int, channels: int) -> None:
    layout = Layout(channels, (length,))
    assert layout.padded[0] >= length
    assert layout.padded[0] - length < length
    assert 8 <= layout.bottom[0] <= 16
    assert layout.padded[0] == layout.bottom[0] * torch.tensor(layout.strides).prod()


@pytest.mark.parametrize(
    ("channels", "size"),
    [(1, (24,)), (52, (24,)), (17, (600,)), (2, (1021,)), (1, (8192,)), (2, (32, 32)), (1, (5, 7))],
)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_windows_of_any_size_go_in_and_come_out(
    channels: int, size: tuple[int, ...], norm: str
) -> None:
    layout = Layout(channels, size, width=4, widest=8, mixing=1)
    windows = torch.randn(2, channels, *size)
    label = torch.randn(2, 3)
    features = Encoder(layout, 3)(windows, label)
    assert features.shape == (2, layout.features)
    made = Decoder(layout, 5, 3, norm)(torch.randn(2, 5), label)  # type: ignore[arg-type]
    assert made.shape == windows.shape


def test_every_sample_is_seen_and_made() -> None:
    layout = Layout(2, (601,), width=4, widest=8)
    windows = torch.randn(1, 2, 601, requires_grad=True)
    encoder = built_with(0, lambda: Encoder(layout))
    encoder(windows).square().sum().backward()
    assert windows.grad is not None
    assert (windows.grad != 0).all()
    latent = torch.randn(1, 5, requires_grad=True)
    made = built_with(0, lambda: Decoder(layout, 5))(latent)
    for place in (0, 300, 600):
        (slope,) = torch.autograd.grad(made[0, 0, place], latent, retain_graph=True)
        assert (slope != 0).all()


def test_a_modulation_is_the_identity_before_training_and_then_scale_and_shift() -> None:
    modulation = Modulation(3, 4)
    hidden, label = torch.randn(2, 4, 6), torch.randn(2, 3)
    assert torch.equal(modulation(hidden, label), hidden)
    with torch.no_grad():
        modulation.linear.weight.normal_()
        modulation.linear.bias.normal_()
    scale, shift = modulation.linear(label).chunk(2, dim=1)
    expected = torch.stack(
        [hidden[i] * (1 + scale[i][:, None]) + shift[i][:, None] for i in range(2)]
    )
    assert torch.allclose(modulation(hidden, label), expected)


def test_texture_is_noise_of_every_stage_by_a_learnt_weight() -> None:
    layout = Layout(1, (100,), width=4, widest=8)
    decoder = built_with(0, lambda: Decoder(layout, 5, textured=True))
    latent, noise = torch.randn(2, 5), torch.randn(2, layout.texture)
    assert layout.texture == sum(size[0] for size in layout.rising)
    assert layout.rising[-1] == layout.padded
    assert not torch.allclose(decoder(latent, None, noise), decoder(latent, None, -noise))
    with torch.no_grad():
        for stage in decoder.stages:
            stage.texture.zero_()
    assert torch.equal(decoder(latent, None, noise), decoder(latent))


@pytest.mark.parametrize("size", [(24,), (4096,), (64, 64)])
def test_untrained_networks_keep_the_power_of_what_they_are_given(size: tuple[int, ...]) -> None:
    layout = Layout(2, size)
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        features = built_with(0, lambda: Encoder(layout))(torch.randn(8, 2, *size, generator=draw))
        made = built_with(0, lambda: Decoder(layout, 32))(torch.randn(8, 32, generator=draw))
    assert 0.4 < float(features.square().mean()) ** 0.5 < 2.0
    assert 0.4 < float(made.square().mean()) ** 0.5 < 2.0
