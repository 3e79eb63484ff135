"""The reference figures of docs/measures.md, from the benchmark that prints them (one seed)."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
EXPECTED = {"inner": 3.1, "outer": 1.85}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("measures_reference")


@pytest.mark.data
@pytest.mark.parametrize("label", ["inner", "outer"])
def test_lines_and_copies_of_simple_generators(
    label: str, reference: ModuleType, recordings: Path
) -> None:
    runs = list(reference.repeats(reference.fault(recordings, label), k=5, seeds=1))
    assert len(runs) == 2
    line, copy = (
        {arm: float(np.mean([run[arm][at] for run in runs])) for arm in runs[0]} for at in (0, 1)
    )
    real = line[reference.REAL]
    assert real == pytest.approx(EXPECTED[label], abs=0.15)
    assert line["cycle bootstrap"] == pytest.approx(real, rel=0.1)
    assert line["exact copies"] == pytest.approx(real, rel=0.1)
    assert line["phase-randomised"] < line["IAAFT"] + 0.1
    assert line["IAAFT"] < 1.45 < 0.85 * real
    assert copy["exact copies"] > 0.999
    assert copy[reference.REAL] < 0.8
    assert max(copy["cycle bootstrap"], copy["IAAFT"], copy["phase-randomised"]) < 0.6
