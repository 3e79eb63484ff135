"""The audit of generators that learn: one that has learnt its shots by heart, one that may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from faultsyn.experiment import Task, load_task
from faultsyn.experiment.audit import audit_generator
from faultsyn.experiment.audit_found import SAME, Audit
from faultsyn.report import write_audit


def audited(
    task: dict[str, Any], folder: Path, method: str, config: dict[str, Any], **over: Any
) -> Audit:
    preset = folder / f"{method}.yaml"
    head = {"kind": "generator", "method": method, "config": config, "n_synthetic": 10}
    preset.write_text(yaml.safe_dump(head))
    loaded: Task = load_task(task)
    settings = {"k": 4, "n": 100, "repeats": 1, "shadows": 0, **over}
    return audit_generator(loaded, preset, cache=folder / "arrays", **settings)


def area(audit: Audit, attack: str, view: str = "waveform") -> float:
    return next(
        row.auc.value
        for row in audit.membership
        if (row.attack, row.view, row.against) == (attack, view, SAME)
    )


@pytest.mark.parametrize(
    ("method", "config"),
    [
        # A code of one number and no noise: the decoder knows little else than its four windows.
        ("vae", {"scaling": "class", "width": 16, "latent": 1, "noise": False, "normals": False,
                 "steps": 500, "batch": 16, "learning_rate": 3e-3}),
        ("diff-aug", {"scale": 0.05, "space": "signal"}),
    ],
)  # fmt: skip
def test_what_was_learnt_by_heart_is_found_out(
    method: str, config: dict[str, Any], tiny_task: dict[str, Any], tmp_path: Path
) -> None:
    found = audited(tiny_task, tmp_path, method, config)
    assert area(found, "distance") > 0.9
    assert area(found, "reconstruction") > 0.9


def test_a_private_generator_says_so_on_the_page(tiny_task: dict[str, Any], tmp_path: Path) -> None:
    config = {"epsilon": 1.0, "frequencies": 20, "width": 8, "latent": 4, "steps": 5}
    found = audited(tiny_task, tmp_path, "dp-merf", config, n=20, canaries=6)
    assert 0.9 < found.claim["epsilon"] <= 1
    assert found.canary is not None
    assert found.canary.delta == 1e-5
    assert found.canary.epsilon <= 1
    assert not found.leaks
    told = write_audit(found, tmp_path / "page")
    assert told["claim"]["unit"] == "window"
    page = (tmp_path / "page" / "audit.html").read_text()
    assert "claims differential privacy: epsilon" in page
    assert "claims no differential privacy" not in page
