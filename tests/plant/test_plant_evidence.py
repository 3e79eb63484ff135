"""Evidence says what was planted: the sensor that moved, the line of the fault, real ones first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faultsyn.experiment import load_task
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import Kept, diagnose, diagnose_all
from faultsyn.plant.training import train_diagnoser
from faultsyn.store import Recording, StoreWriter, StreamData


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Diagnoser, Path]:
    """Four sensors; a worn pump lowers P2 in the second quarter of the cycle and nothing else."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(2)
    with StoreWriter(folder / "unit.h5") as writer:
        for number in range(40):
            x = rng.normal(10, 0.1, (48, 4)).astype(np.float32)
            label = "worn" if number % 2 else "normal"
            if label == "worn":
                x[12:24, 1] -= 1.0
            names = ("P1", "P2", "P3", "P4")
            stream = StreamData("s", x, 1.0, names, ("pressure",) * 4, ("bar",) * 4)
            columns = {"asset": f"unit{number // 4}", "load": float(number % 3)}
            writer.add(Recording(f"c{number}", label, (stream,), "f", f"{number:064x}", columns))
    task: dict[str, Any] = {
        "name": "unit",
        "store": str(folder / "unit.h5"),
        "window": {"samples": 48, "rate": 1, "channels": ["P1", "P2", "P3", "P4"]},
        "label": {"column": "label", "classes": ["normal", "worn"], "normal": "normal"},
        "split": {"scheme": "kfold", "level": "asset", "groups": "asset", "folds": 2},
        "k": ["all"],
        "budget": {"text": "all"},
        "representation": {"features": "raw"},
    }
    made = train_diagnoser(load_task(task), "none", "lda", cache=folder / "cache" / "arrays")
    return made, folder / "unit.h5"


def test_occlusion_finds_the_sensor_and_the_phase(planted: tuple[Diagnoser, Path]) -> None:
    diagnoser, store = planted
    worn = [made for made in diagnose(diagnoser, [store]) if made.said == "worn"]
    assert len(worn) == 20
    for made in worn:
        first = made.evidence["occlusion"][0]
        assert first["channel"] == "P2"
        assert 12 <= first["from"] < first["to"] <= 24
        assert first["drop"] > 0


def test_levels_name_the_channel_furthest_from_healthy(planted: tuple[Diagnoser, Path]) -> None:
    diagnoser, store = planted
    for made in diagnose(diagnoser, [store]):
        levels = made.evidence["levels"]
        sizes = [abs(row["deviations"]) for row in levels]
        assert sizes == sorted(sizes, reverse=True)
        if made.said == "worn":
            means = {
                row["channel"]: row["deviations"] for row in levels if row["statistic"] == "mean"
            }
            assert means["P2"] < -2
        assert made.evidence["state"].startswith("load ")
        assert made.verdict == made.said
        assert made.alarm == (made.said == "worn")


def test_the_line_of_the_fault_stands_out(diagnoser: Diagnoser, rig: Path) -> None:
    highest: dict[str, list[str]] = {}
    for made in diagnose(diagnoser, [rig]):
        lines = made.evidence["fault_lines"]
        assert [line["height"] for line in lines] == sorted(
            (line["height"] for line in lines), reverse=True
        )
        highest.setdefault(made.said, []).append(lines[0]["line"])
    assert highest["outer"].count("BPFO") >= 5  # of 8 recordings of two machines
    assert highest["inner"].count("BPFI") >= 5
    assert highest["normal"].count("BPFO") < 8


def test_real_examples_come_first_and_synthetic_ones_are_marked(
    diagnoser: Diagnoser, rig: Path
) -> None:
    for made in diagnose(diagnoser, [rig]):
        kinds = [one["synthetic"] for one in made.evidence["nearest"]]
        assert kinds == [False] * 3 + [True] * 2
        real = made.evidence["nearest"][:3]
        # a recording of the training is nearest to itself
        assert real[0]["distance"] == min(one["distance"] for one in real)
        assert all(one["recording"] for one in real)


def test_what_asks_for_a_look_is_kept(planted: tuple[Diagnoser, Path]) -> None:
    diagnoser, store = planted
    kept = Kept(most=5)
    found = diagnose_all(diagnoser, [store], keep=kept)
    assert len(found["verdicts"]) == 40
    assert found["counts"] == {"normal": 20, "worn": 20}
    assert [made.verdict for made, _ in kept] == ["worn"] * 5


def test_an_untrained_kind_of_recording_is_unknown(
    planted: tuple[Diagnoser, Path], tmp_path: Path
) -> None:
    diagnoser, _ = planted
    rng = np.random.default_rng(3)
    with StoreWriter(tmp_path / "odd.h5") as writer:
        x = rng.normal(10, 0.1, (48, 4)).astype(np.float32)
        x[:, 3] += 5
        stream = StreamData("s", x, 1.0, ("P1", "P2", "P3", "P4"), ("p",) * 4, ("bar",) * 4)
        writer.add(Recording("odd", "", (stream,), "f", "0" * 64, {"load": 1.0}))
    (made,) = diagnose(diagnoser, [tmp_path / "odd.h5"])
    assert made.verdict == "unknown"
    assert made.alarm
    assert made.unknown_score > made.unknown_limit  # type: ignore[operator]
