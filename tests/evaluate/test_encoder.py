from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from faultsyn.errors import InputError
from faultsyn.evaluate import encoder as module
from faultsyn.evaluate.encoder import CARD, WEIGHTS, ContextEncoder, card, encode, frozen_encoder
from faultsyn.evaluate.train_encoder import hierarchical_loss, signals, train


def test_shipped_weights_match_their_card_and_are_small():
    about = card()
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == about["weights_sha256"]
    assert WEIGHTS.stat().st_size < 1_000_000
    assert {"version", "data", "steps", "seed", "commit", "architecture"} <= set(about)
    assert about["loss"]["last_50"] < 0.6 * about["loss"]["first_50"]
    assert sum(p.numel() for p in frozen_encoder().parameters()) == about["parameters"]
    assert not any(p.requires_grad for p in frozen_encoder().parameters())


def test_encoding_does_not_depend_on_the_batch_and_is_pinned():
    rows = np.random.default_rng(0).standard_normal((5, 200))
    together, apart = encode(rows), np.concatenate([encode(row[None]) for row in rows])
    assert together.shape == (5, 32)
    np.testing.assert_allclose(together, apart, atol=1e-5)
    wave = np.sin(np.arange(64) / 3)[None]
    pinned = encode(wave)[0, :3]
    np.testing.assert_allclose(pinned, PINNED, atol=1e-3)


PINNED = (-0.40621, 0.01175, 0.17008)
"""First three figures of version 1 for a sine: a change means a new version."""


def test_changed_weights_and_short_windows_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="at least 16 samples"):
        encode(np.zeros((2, 8)))
    about = json.loads(CARD.read_text()) | {"weights_sha256": "0"}
    monkeypatch.setattr(module, "CARD", tmp_path / "card.json")
    (tmp_path / "card.json").write_text(json.dumps(about))
    frozen_encoder.cache_clear()
    with pytest.raises(InputError, match="hash differs"):
        encode(np.zeros((2, 32)))
    frozen_encoder.cache_clear()


def test_loss_prefers_views_that_belong_together():
    a = torch.randn(6, 8, 12, generator=torch.Generator().manual_seed(0))
    assert hierarchical_loss(a, a) < hierarchical_loss(a, a[torch.arange(6) - 1].flip(2))


def test_training_is_deterministic_and_leaves_torch_alone():
    state = torch.get_rng_state()
    (first, losses), (again, _) = train(1, 3), train(1, 3)
    assert torch.equal(state, torch.get_rng_state())
    assert len(losses) == 1
    for mine, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_self_made_signals_are_finite_and_varied():
    x = signals(64, np.random.default_rng(0))
    assert x.shape == (64, 512)
    assert np.isfinite(x).all()
    assert 0.3 < np.median(x.std(axis=1)) < 3


def test_a_hidden_input_changes_the_representation():
    encoder = ContextEncoder()
    x = torch.randn(2, 1, 64)
    assert encoder(x).shape == (2, 32, 32)
    assert not torch.allclose(encoder(x), encoder(x, torch.zeros(2, 1, 32)))
