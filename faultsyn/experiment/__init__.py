"""Experiments: tasks, leak-proof splits, K-shot draws, studies and their resumable runs.

`load_task` and `load_study` read the YAML files of `experiments/`; `run_study` runs a study and
returns `Results`, which `Results.read` reads back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faultsyn.experiment.results import Results
    from faultsyn.experiment.runner import run_study
    from faultsyn.experiment.study import Study, load_study
    from faultsyn.experiment.task import Task, load_task

__all__ = ["Results", "Study", "Task", "load_study", "load_task", "run_study"]

_HOMES = {
    "Results": "results",
    "Study": "study",
    "Task": "task",
    "load_study": "study",
    "load_task": "task",
    "run_study": "runner",
}


def __getattr__(name: str) -> Any:
    # Reading results must not import the methods, which import torch and scikit-learn.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
