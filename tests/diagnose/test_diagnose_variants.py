"""Settings of learners that take another path: encoders, front ends, engines, switches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diagnose_sets import VARIANTS, quick, sets

from faultsyn.diagnose import load_classifier

variants = pytest.mark.parametrize("name", VARIANTS)


@variants
def test_a_variant_learns_saves_and_takes_one_query_at_a_time(name: str, tmp_path: Path) -> None:
    base, support, query = sets(name)
    rng = np.random.default_rng(1)
    made = quick(name).meta_fit(base, rng).fit(support, rng)
    proba = made.predict_proba(query)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
    assert (made.predict(query) == query.labels).mean() >= 0.6
    np.testing.assert_allclose(made.predict_proba(query.take([3])), proba[[3]], atol=1e-5)
    loaded = load_classifier(made.save(tmp_path / "a"))
    np.testing.assert_array_equal(loaded.predict_proba(query), proba)
