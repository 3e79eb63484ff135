"""The ledger against dp-accounting, and the budget's noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from faultsyn.errors import InputError
from faultsyn.privacy.accountant import Ledger, noise_for
from faultsyn.privacy.budget import Budget, units_of
from faultsyn.windows import WindowSet


@pytest.mark.parametrize(
    ("noise", "rate", "steps"),
    [
        (0.7, 0.01, 1000),
        (0.9, 0.1, 100),
        (1.1, 0.01, 1000),
        (2.0, 0.5, 50),
        (4.0, 0.1, 200),
        (4.0, 0.5, 50),
        (1.1, 1.0, 20),
    ],
)
@pytest.mark.parametrize("delta", [1e-6, 1e-5])
def test_the_ledger_agrees_with_dp_accounting(
    noise: float, rate: float, steps: int, delta: float
) -> None:
    event = PoissonSampledDpEvent(rate, GaussianDpEvent(noise))
    theirs = RdpAccountant().compose(event, steps).get_epsilon(delta)
    ours = Ledger().subsampled(noise, rate, steps).epsilon(delta)
    assert ours == pytest.approx(theirs, rel=0.01)


def test_where_their_series_does_not_converge_it_stays_above_the_tight_bound() -> None:
    event = PoissonSampledDpEvent(0.5, GaussianDpEvent(0.7))
    theirs = RdpAccountant().compose(event, 50).get_epsilon(1e-5)  # without the orders below 1.8
    tight = PLDAccountant().compose(event, 50).get_epsilon(1e-5)
    assert tight <= Ledger().subsampled(0.7, 0.5, 50).epsilon(1e-5) < theirs


def test_it_is_a_bound_and_not_far_from_the_tight_one() -> None:
    event = PoissonSampledDpEvent(0.05, GaussianDpEvent(1.0))
    tight = PLDAccountant().compose(event, 100).get_epsilon(1e-5)
    ours = Ledger().subsampled(1.0, 0.05, 100).epsilon(1e-5)
    assert tight <= ours < 1.25 * tight


def test_mechanisms_add_up() -> None:
    both = Ledger().gaussian(2.0, 3).subsampled(1.0, 1.0, 2)
    np.testing.assert_allclose(
        both.curve, Ledger().gaussian(2.0, 3).curve + Ledger().gaussian(1.0, 2).curve
    )
    assert Ledger().epsilon(1e-5) == 0
    with pytest.raises(InputError, match="sampling rate"):
        Ledger().subsampled(1.0, 1.5, 1)
    with pytest.raises(InputError, match="noise > 0"):
        Ledger().gaussian(0.0)
    with pytest.raises(InputError, match="delta"):
        Ledger().epsilon(0.0)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0])
def test_the_noise_just_keeps_the_budget(epsilon: float) -> None:
    def spend(noise: float) -> Ledger:
        return Ledger().subsampled(noise, 0.2, 100)

    noise = noise_for(epsilon, 1e-5, spend)
    assert spend(noise).epsilon(1e-5) <= epsilon
    assert spend(0.99 * noise).epsilon(1e-5) > epsilon
    with pytest.raises(InputError, match="no noise keeps"):
        noise_for(1e-9, 1e-5, spend)


def test_a_budget_states_what_it_spent_and_for_whom() -> None:
    budget = Budget(1.0, 1e-4, "recording")
    noise = budget.noise(lambda s: Ledger().gaussian(s), "x")
    claim = budget.claim(Ledger().gaussian(noise), 12, "nothing", noise=noise)
    assert 0.99 < claim["epsilon"] <= 1.0
    assert claim["unit"] == "recording"
    assert claim["units"] == 12
    assert claim["neighbours"] == "one recording there or left empty, their number known"
    assert claim["noise from"] == "the operating system"
    assert "warning" not in claim
    endless = Budget(None)
    assert endless.noise(lambda s: Ledger().gaussian(s), "x") == 0
    assert endless.claim(Ledger(), 12, "nothing") == {}


def test_noise_that_anybody_can_draw_again_is_warned_of() -> None:
    claim = Budget(1.0, secret=False).claim(Ledger().gaussian(5.0), 12, "nothing", "few shots")
    assert claim["noise from"] == "the seed"
    assert claim["warning"].startswith("few shots; the noise follows from the seed")


def test_secret_noise_cannot_be_repeated_and_seeded_noise_can() -> None:
    def first(secret: bool) -> float:
        made = Budget(1.0, secret=secret).rng(np.random.default_rng(3))
        return float(made.standard_normal())

    assert first(False) == first(False)
    assert first(True) != first(True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"epsilon": 0.0}, "number > 0 or null"),
        ({"epsilon": math.inf}, "null is infinity"),
        ({"epsilon": 1.0, "delta": 0.0}, "delta"),
        ({"epsilon": 1.0, "unit": "plant"}, "unit"),
    ],
)
def test_a_senseless_budget_is_refused(given: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Budget(**given).check("x")  # type: ignore[arg-type]


def test_units_are_windows_or_what_they_belong_to() -> None:
    table = {"label": np.array(["a"] * 4), "asset": np.array(["m1", "m0", "m1", "m2"])}
    windows = WindowSet(np.zeros((4, 1, 3), np.float32), table, 1.0, ("A",))
    assert units_of(windows, "window", "x").tolist() == [0, 1, 2, 3]
    assert units_of(windows, "asset", "x").tolist() == [1, 0, 1, 2]
    with pytest.raises(InputError, match="unit of privacy is the recording"):
        units_of(windows, "recording", "x")
