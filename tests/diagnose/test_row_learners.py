"""Learners on feature rows: where they start, how long they train, whose prototypes they know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from faultsyn.diagnose import build_classifier
from faultsyn.diagnose.encoders import build_encoder, initialised
from faultsyn.diagnose.meta_network import MetaNetwork
from faultsyn.diagnose.prototypical import Prototypical
from faultsyn.errors import InputError
from faultsyn.windows import WindowSet

N = 20
CONFIG = {
    "encoder": "rows", "width": 8, "refine": False, "base_steps": 40, "way": 3, "batch": 24,
    "jitter": 0.1,
}  # fmt: skip


def rows(
    centres: np.ndarray, of_each: int, rng: np.random.Generator, names: str = "abcdefgh"
) -> WindowSet:
    """`of_each` rows around each centre, of noise 1."""
    labels = np.repeat(list(names)[: len(centres)], of_each)
    x = np.repeat(centres, of_each, axis=0) + rng.standard_normal((len(labels), centres.shape[1]))
    blank = WindowSet(
        np.zeros((len(x), 1, 2), np.float32),
        {"label": labels, "recording": np.arange(len(x)).astype(str)},
        1.0,
        ("a",),
    )
    return blank.as_features(x)


@pytest.mark.parametrize("encoder", ["rows", "directions"])
def test_an_untrained_encoder_gives_the_rows(encoder: str) -> None:
    x = torch.randn(5, 1, N, generator=torch.Generator().manual_seed(1))
    made = initialised(lambda: build_encoder(encoder, 1, N, 8, 4), torch.Generator().manual_seed(0))
    given = x[:, 0]
    if encoder == "directions":
        given = given / given.norm(dim=1, keepdim=True) * N**0.5
    torch.testing.assert_close(made(x), given)
    made(x).sum().backward()
    moved = [p for p in made.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(moved) >= 2  # the gain, and the layer that starts at zero


@pytest.mark.parametrize("name", ["prototypical", "matching", "siamese"])
def test_an_untrained_learner_is_the_nearest(name: str) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (6, N))
    base, support = rows(centres[:3], 10, rng), rows(centres[3:], 1, rng)
    query = rows(centres[3:], 30, rng)
    made = build_classifier(name, **{**CONFIG, "base_steps": 0}).meta_fit(base, rng)
    told = made.fit(support, rng).predict(query)
    if name == "matching":
        lengths = np.linalg.norm(query.rows, axis=1)[:, None] * np.linalg.norm(support.rows, axis=1)
        nearest = (query.rows @ support.rows.T / lengths).argmax(axis=1)
    else:
        power = 1 if name == "siamese" else 2
        far = np.abs(_soft(query.rows)[:, None] - _soft(support.rows)) ** power
        nearest = far.sum(axis=2).argmin(axis=1)
    assert (told == support.labels[nearest]).mean() > 0.98


def _soft(x: np.ndarray) -> np.ndarray:
    """The front end's soft limit."""
    return 3 * np.arcsinh(x / 3)


def chosen_steps(made: MetaNetwork, base: WindowSet, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each training of a meta-fit took."""
    taken: list[int] = []
    before = MetaNetwork._train_on

    def counted(self: MetaNetwork, *args: object, **over: object) -> object:
        taken.append(args[4])  # type: ignore[arg-type]
        return before(self, *args, **over)  # type: ignore[arg-type]

    monkeypatch.setattr(MetaNetwork, "_train_on", counted)
    made.meta_fit(base, np.random.default_rng(1))
    return taken


def test_steps_are_chosen_on_classes_that_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    # Two features tell classes apart, loud ones do not: the gain has something to learn.
    centres = np.zeros((8, N))
    centres[:, :2] = rng.normal(0, 4, (8, 2))
    loud = rows(centres, 12, rng)
    x = loud.x.copy()
    x[:, :, 2:] *= 4
    made = build_classifier("prototypical", **{**CONFIG, "held_out": 0.4, "learning_rate": 0.02})
    assert isinstance(made, Prototypical)
    searched, used = chosen_steps(made, loud.with_x(x), monkeypatch)
    assert searched == 40
    assert used in (20, 40)
    monkeypatch.undo()
    # Labels that mean nothing: no step helps, and the start is kept.
    shuffled = loud.with_columns(label=np.random.default_rng(3).permutation(loud.labels))
    made = build_classifier("prototypical", **{**CONFIG, "held_out": 0.4, "learning_rate": 0.05})
    assert isinstance(made, Prototypical)
    _, used = chosen_steps(made, shuffled, monkeypatch)
    assert used == 0
    assert made.base_weights_ is not None
    assert torch.equal(made.base_weights_["gain.weight"], torch.ones(N))


def test_prototypes_lean_on_the_base_sets_classes_of_the_same_name() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 0.4, (3, N))
    base, query = rows(centres, 100, rng, "abc"), rows(centres, 100, rng, "abc")
    support = rows(centres, 1, rng, "abc")
    scores = []
    for prior in (0.0, 5.0):
        made = build_classifier("prototypical", **{**CONFIG, "base_steps": 0, "prior": prior})
        made.meta_fit(base, rng).fit(support, rng)
        scores.append((made.predict(query) == query.labels).mean())
        assert isinstance(made, Prototypical)
        own, known = _soft(support.rows), _soft(base.rows).reshape(3, 100, N).mean(axis=1)
        expected = (own + prior * known) / (1 + prior)
        np.testing.assert_allclose(made.embedded_.numpy(), expected, atol=1e-5)
    assert scores[1] > scores[0] + 0.05
    strangers = support.with_columns(label=np.array(["x", "y", "z"]))
    made.fit(strangers, rng)
    np.testing.assert_allclose(made.embedded_.numpy(), own, atol=1e-5)


def test_a_prior_needs_a_space_that_stays() -> None:
    with pytest.raises(InputError, match="prior to be 0, or a number > 0 with refine = False"):
        build_classifier("prototypical", prior=5.0)
