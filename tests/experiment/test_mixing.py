"""Real and synthetic windows in any ratio: what leaves the plant, and what is learnt from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faultsyn.errors import InputError
from faultsyn.experiment import load_study, run_study


def mixed(share: float, **over: Any) -> dict[str, Any]:
    arm = {"preset": "diff-aug", "name": f"mixed-{share}", "n_synthetic": 6}
    return {**arm, "real_shots": share, **over}


def test_only_real_mixed_and_only_synthetic_stand_in_one_table(
    tiny_study: dict[str, Any], tmp_path: Path
) -> None:
    study = {**tiny_study, "seeds": 1, "generators": ["none", mixed(0), mixed(0.5), mixed(1)]}
    results = run_study(study, tmp_path / "out", cache=tmp_path / "cache")
    assert set(results["status"].tolist()) == {"ok"}
    normals = 32
    for name, shots in (("none", 4), ("mixed-0", 0), ("mixed-0.5", 2), ("mixed-1", 4)):
        rows = results.where(generator=name, k="4")
        assert set(rows["n_train_windows"].tolist()) == {normals + 2 * shots}
        assert set(rows["n_synthetic"].tolist()) == {0 if name == "none" else 12}
        assert rows["balanced_accuracy"].mean() > 0.6


def test_arms_with_all_shots_keep_the_keys_that_they_had(tiny_study: dict[str, Any]) -> None:
    def numerics(arm: dict[str, Any]) -> dict[str, Any]:
        return load_study({**tiny_study, "generators": [arm]}).generators[0].numerics

    plain = {"preset": "diff-aug", "name": "mixed-1", "n_synthetic": 6}
    assert numerics(mixed(1)) == numerics(plain)
    assert numerics(mixed(0.5))["real_shots"] == 0.5


@pytest.mark.parametrize(
    "arm", [mixed(1.5), mixed(0, n_synthetic=0), mixed(0, n_synthetic="balance")]
)
def test_a_class_without_any_window_is_refused(
    tiny_study: dict[str, Any], arm: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"real_shots|less than or equal"):
        load_study({**tiny_study, "generators": [arm]})
