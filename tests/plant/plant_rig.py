"""The task and the files of the plant's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.experiment import Task, load_task
from faultsyn.store import Store

CARD = """
name: files
title: Recordings of the rig as NumPy files
defaults:
  streams:
    vibration:
      rate: 12000
      quantity: acceleration
      unit: g
      channels:
        DE: {from: 1}
recordings:
  - regex: '(?P<fault>[a-z]+)-(?P<rpm>\\d+)-(?P<number>\\d+)\\.npy'
    id: "{stem}"
    columns:
      label: "{fault}"
      asset: "machine-{number}"
      rpm: "{rpm}"
      bearing: "6205"
"""


def rig_task(store: Path, **over: Any) -> Task:
    """Windows of 1024 samples: eleven of each recording."""
    changes = {"store": str(store), "window": {"samples": 1024}}
    return load_task("rig-bearing", **{**changes, **over})


def write_files(rig: Path, folder: Path) -> list[Path]:
    """Every eighth recording as a NumPy file named label-rpm-number."""
    made = []
    with Store(rig) as store:
        for row in range(0, len(store), 8):
            samples = store.recording(row).streams[0].samples[:, 0]
            label = store.recordings["label"][row]
            rpm = round(float(store.recordings["rpm"][row]))
            path = folder / f"{label}-{rpm}-{row}.npy"
            np.save(path, np.asarray(samples, np.float32))
            made.append(path)
    return made
