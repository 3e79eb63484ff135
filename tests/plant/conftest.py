"""A tiny rig, a task on it, and a diagnoser trained once for all tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plant_rig import CARD, rig_task, write_files

from faultsyn import api
from faultsyn.experiment import Task
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.training import train_diagnoser


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rig") / "rig.h5"
    api.simulate(path, assets=2, seconds=1.0)
    return path


@pytest.fixture(scope="session")
def task(rig: Path) -> Task:
    return rig_task(rig)


@pytest.fixture(scope="session")
def diagnoser(task: Task, tmp_path_factory: pytest.TempPathFactory) -> Diagnoser:
    cache = tmp_path_factory.mktemp("cache") / "arrays"
    return train_diagnoser(task, "oversample", "nearest-mean", n_synthetic=4, cache=cache)


@pytest.fixture(scope="session")
def artefact(diagnoser: Diagnoser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return diagnoser.save(tmp_path_factory.mktemp("models") / "rig")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def files(rig: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A folder with the rig's first and last recordings as files, and the card that reads them."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_files(rig, folder)
    card = tmp_path / "files.yaml"
    card.write_text(CARD)
    return folder, card
