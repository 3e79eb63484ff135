"""Attacks against hand-made densities, planes and machines."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gaussian_kde, multivariate_normal

from faultsyn.errors import InputError
from faultsyn.privacy.anonymity import anonymity
from faultsyn.privacy.attribute import attribute_leak
from faultsyn.privacy.copies import copy_check
from faultsyn.privacy.distance import distance_scores, nearest
from faultsyn.privacy.domias import domias_scores, log_density
from faultsyn.privacy.linkability import linkability
from faultsyn.privacy.membership import ATTACKS, Rows, membership_scores
from faultsyn.privacy.reconstruction import reconstruction_errors
from faultsyn.privacy.roc import auc
from faultsyn.privacy.shadow import Shadow, ShadowAttack
from faultsyn.privacy.views import AttackView
from faultsyn.windows import WindowSet


def rows(x: np.ndarray, label: str = "inner") -> Rows:
    return Rows(np.asarray(x, float), np.full(len(x), label))


def test_kernel_density_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    of, x = rng.standard_normal((50, 2)), rng.standard_normal((20, 2))
    # scipy widens by the covariance of the points; ours does not: whiten first.
    root = np.linalg.cholesky(np.linalg.inv(np.cov(of.T)))
    ours = log_density(x @ root, of @ root, 0.4) + np.log(np.linalg.det(root))
    np.testing.assert_allclose(ours, gaussian_kde(of.T, 0.4).logpdf(x.T), rtol=1e-9)


def test_density_ratio_is_that_of_known_gaussians() -> None:
    """With many samples the kernel estimates are the densities widened by the kernel."""
    rng = np.random.default_rng(1)
    reference = rng.standard_normal((4000, 2)) * [2.0, 1.0]
    released = rng.standard_normal((4000, 2)) * [1.0, 1.0] + [1.0, 0.0]
    x = rng.standard_normal((200, 2))
    found = domias_scores(x, released, reference)
    width = len(reference) ** (-1 / 6)
    spread = reference.std(axis=0, ddof=1)
    wide = (width * spread) ** 2
    true = multivariate_normal([1, 0], np.diag(1 + wide)).logpdf(x)
    true -= multivariate_normal([0, 0], np.diag([4 + wide[0], 1 + wide[1]])).logpdf(x)
    assert np.corrcoef(found, true)[0, 1] > 0.99
    assert np.abs(found - true).mean() < 0.1


def test_reconstruction_is_the_distance_to_a_plane() -> None:
    released = np.eye(6)[:3]  # the plane x0 + x1 + x2 = 1 in the first three directions
    x = np.array([[0.2, 0.3, 0.5, 0, 0, 0], [0.2, 0.3, 0.5, 0, 2.0, 0], [1, 1, 1, 0, 0, 0]])
    found = reconstruction_errors(x, released)
    np.testing.assert_allclose(found, [0, 2, 2 / np.sqrt(3)], atol=1e-12)


def test_distance_is_calibrated_by_what_is_usual() -> None:
    released = np.zeros((1, 3))
    x, reference = np.array([[0.0, 0, 1.0], [0, 0, 8.0]]), np.array([[0.0, 4.0, 0]] * 3)
    np.testing.assert_allclose(nearest(x, released), [1, 8])
    np.testing.assert_allclose(distance_scores(x, released, reference), np.log([4, 0.5]), rtol=1e-6)


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_find_what_leaks_and_nothing_where_nothing_does(name: str) -> None:
    rng = np.random.default_rng(2)
    tested = np.concatenate([rng.standard_normal((60, 12)), rng.standard_normal((60, 12)) + 9])
    labels = np.repeat(["inner", "outer"], 60)
    both = Rows(tested, labels)
    member = np.tile(np.arange(60) < 20, 2)
    other = rng.standard_normal((120, 12)) + np.repeat([0, 9], 60)[:, None]
    near = tested[member] + 0.02 * rng.standard_normal((40, 12))
    leaked = Rows(near, labels[member])
    fresh = Rows(rng.standard_normal((120, 12)) + np.repeat([0, 9], 60)[:, None], labels)
    found = membership_scores(ATTACKS[name], both, leaked, Rows(other, labels))
    assert auc(found[member], found[~member]).low > 0.8
    found = membership_scores(ATTACKS[name], both, fresh, Rows(other, labels))
    assert 0.5 in auc(found[member], found[~member])


def test_a_class_that_was_not_released_is_refused() -> None:
    x = np.zeros((3, 4))
    with pytest.raises(InputError, match="class 'ball' has 0 released"):
        membership_scores(ATTACKS["distance"], rows(x, "ball"), rows(x), rows(x, "ball"))


def shadow(rng: np.random.Generator, leak: bool) -> Shadow:
    x = rng.standard_normal((90, 10))
    released = x[:20] if leak else rng.standard_normal((20, 10))
    return Shadow(
        rows(x[:20]),
        rows(x[20:50]),
        rows(released + 0.1 * rng.standard_normal((20, 10))),
        rows(x[50:]),
    )


def test_shadow_models_learn_what_members_look_like() -> None:
    rng = np.random.default_rng(3)
    for leak in (True, False):
        attack = ShadowAttack.fit([shadow(rng, leak) for _ in range(3)])
        target = shadow(rng, leak)
        found = auc(
            *(
                attack.scores(side, target.released, target.reference)
                for side in (target.members, target.others)
            )
        )
        assert found.low > 0.8 if leak else 0.5 in found
    with pytest.raises(InputError, match="at least one shadow"):
        ShadowAttack.fit([])


def loads(rng: np.random.Generator, n: int, effect: float) -> tuple[Rows, np.ndarray]:
    values = rng.choice(["0", "3"], n)
    labels = rng.choice(["inner", "outer"], n)
    x = rng.standard_normal((n, 8))
    x[:, 0] += effect * (values == "3") + 10 * (labels == "outer")
    return Rows(x, labels), values


def test_attribute_attack_reads_the_load_only_where_it_is_released() -> None:
    rng = np.random.default_rng(4)
    reference, held_out = loads(rng, 200, 3.0), loads(rng, 200, 3.0)
    told = attribute_leak(reference, held_out, loads(rng, 100, 3.0), rng)
    assert told.accuracy > 0.85
    assert told.accuracy > told.control
    assert told.p == pytest.approx(1 / 200)  # no shuffle does as well
    assert told.chance == 0.5
    hidden = attribute_leak(reference, held_out, loads(rng, 100, 0.0), rng)
    assert hidden.accuracy < 0.65
    assert hidden.p > 0.05
    assert hidden.real > 0.85
    with pytest.raises(InputError, match="at least two values"):
        attribute_leak((reference[0], np.full(200, "0")), held_out, held_out, rng)


def test_an_asset_is_linked_by_windows_that_were_not_released() -> None:
    rng = np.random.default_rng(5)
    centre = rng.standard_normal((12, 10)) * 2
    assets = np.repeat([f"m{i}" for i in range(12)], 8)
    unseen = np.repeat(centre, 8, axis=0) + 0.3 * rng.standard_normal((96, 10))
    took_part = np.repeat(np.arange(12) < 6, 8)
    released = np.repeat(centre[:6], 4, axis=0) + 0.3 * rng.standard_normal((24, 10))
    elsewhere = rng.standard_normal((40, 10)) * 2
    for made, leaks in ((released, True), (rng.standard_normal((24, 10)) * 2, False)):
        scores = membership_scores(ATTACKS["distance"], rows(unseen), rows(made), rows(elsewhere))
        found = linkability(
            scores[took_part], assets[took_part], scores[~took_part], assets[~took_part]
        )
        assert (found.n_members, found.n_others) == (6, 6)
        assert (found.auc.low > 0.5) == leaks


def test_copy_check_counts_what_is_closer() -> None:
    rng = np.random.default_rng(6)
    members, holdout = rng.standard_normal((30, 5)), rng.standard_normal((50, 5))
    made = np.concatenate([members[:25], rng.standard_normal((5, 5))])
    found = copy_check(rows(made), rows(members), rows(holdout), rng)
    assert found.copies == 25
    assert (found.n, found.size) == (30, 30)
    assert found.closer > found.high
    fresh = copy_check(rows(rng.standard_normal((400, 5))), rows(members), rows(holdout), rng)
    assert fresh.copies == 0
    assert fresh.low <= fresh.closer <= fresh.high
    assert fresh.low < 0.5 < fresh.high
    with pytest.raises(InputError, match="no class"):
        copy_check(rows(made), rows(members, "outer"), rows(holdout), rng)


def test_anonymity_counts_assets_and_faults() -> None:
    table = {
        "asset": np.array(["a", "a", "b", "c", "c", "d"]),
        "label": np.array(["inner", "outer", "inner", "ball", "ball", "ball"]),
        "load": np.array([0, 0, 0, 1, 1, 1]),
        "rpm": np.array([1797.0, 1797, 1797, 1772, 1772, 1750]),
    }
    found = anonymity(table, ["load"])
    assert (found.k, found.l, found.combinations, found.single) == (2, 1, 2, 0)
    found = anonymity(table, ["load", "rpm"])
    assert (found.k, found.l, found.combinations, found.single) == (1, 1, 3, 2)
    assert found.rarest["load"] == "1"
    assert anonymity(table, []).k == 4
    with pytest.raises(InputError, match="no column"):
        anonymity(table, ["site"])


def test_the_spectrum_sees_a_shifted_copy_and_the_waveform_does_not() -> None:
    rng = np.random.default_rng(7)

    def windows(x: np.ndarray) -> WindowSet:
        return WindowSet(
            x.astype(np.float32), {"label": np.full(len(x), "inner")}, 100.0, ("A", "B")
        )

    # Every window has resonances of its own, as machines do.
    tilt = np.exp(rng.standard_normal((60, 2, 129)))
    x = np.fft.irfft(np.fft.rfft(rng.standard_normal((60, 2, 256))) * tilt, 256)
    released, reference = windows(np.roll(x[:20], 37, axis=-1)), windows(x[40:])
    found = {}
    for name in ("waveform", "spectrum"):
        view = AttackView(name).fit(reference)
        scores = membership_scores(
            ATTACKS["distance"], view(windows(x[:40])), view(released), view(reference)
        )
        found[name] = auc(scores[:20], scores[20:]).value
    assert found["spectrum"] > 0.95
    assert found["waveform"] < 0.8
    with pytest.raises(InputError, match="call fit"):
        AttackView("spectrum")(reference)
