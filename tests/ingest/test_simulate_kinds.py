"""`simulate` writes every kind of rig, and a study runs on the hydraulic one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from faultsyn import api
from faultsyn.errors import InputError


def test_machines_become_a_store(tmp_path: Path) -> None:
    told = api.simulate(tmp_path / "park.h5", kind="machines", assets=2, seconds=0.5)
    assert told["recordings"] == 10
    assert set(told["labels"]) == {"normal", "inner", "outer", "ball", "gear"}
    assert {"severity", "rpm", "bearing", "teeth", "speed"} <= set(told["columns"])
    assert api.validate(tmp_path / "park.h5") == []


def test_a_hydraulic_rig_goes_through_a_study(tmp_path: Path) -> None:
    store = tmp_path / "hydraulic.h5"
    told = api.simulate(store, kind="hydraulic", assets=2, cycles=1)
    assert told["recordings"] == 26
    study = {
        "name": "tiny",
        "tasks": [
            {"task": "rig-hydraulic", "store": str(store), "k": ["all"], "split": {"folds": 2}}
        ],
        "seeds": 1,
        "generators": ["none"],
        "classifiers": ["lda"],
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(study))
    results = api.run(tmp_path / "tiny.yaml", out=tmp_path / "out", jobs=1)
    assert set(results["status"].tolist()) == {"ok"}
    # Another unit with the same wear is not hard, and is not chance (0.2) either.
    assert results["balanced_accuracy"].astype(float).mean() > 0.5


def test_a_hydraulic_cycle_has_its_length(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a cycle lasts 60 s"):
        api.simulate(tmp_path / "x.h5", kind="hydraulic", seconds=5.0)
    with pytest.raises(InputError, match="known: bearing"):
        api.simulate(tmp_path / "x.h5", kind="gear")
    assert not (tmp_path / "x.h5").exists()
