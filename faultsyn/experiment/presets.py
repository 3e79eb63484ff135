"""Presets of generators and classifiers: named configurations in `models/*.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, model_validator

from faultsyn.errors import InputError
from faultsyn.experiment.config import Strict, parse, read_yaml
from faultsyn.resources import find

FOLDER = "models"

Amount = NonNegativeInt | Literal["normals", "balance"]
"""Synthetic windows per fault class: a number; "normals": as many as there are training normals,
or, in a task without, as the largest class has shots; "balance": what the largest class of the
support has more."""


class Preset(Strict):
    """A named configuration of a method.

    - `kind`: "generator" or "classifier"; `method`: its registered name; `config`: its arguments.
    - `n_synthetic`: of a generator, the default amount.
    - `suits`: kinds of signal it is meant for; `about`: one sentence with its source.
    """

    kind: Literal["generator", "classifier"]
    method: str
    config: dict[str, Any] = Field(default_factory=dict)
    n_synthetic: Amount | None = None
    suits: tuple[str, ...] = ()
    about: str = ""

    @model_validator(mode="after")
    def _amount(self) -> Preset:
        if (self.kind == "generator") != (self.n_synthetic is not None):
            raise ValueError("n_synthetic belongs to a generator, and every generator needs it")
        return self


def load_preset(name: str | Path, kind: Literal["generator", "classifier"]) -> Preset:
    """A preset by name or path; raises `InputError` when there is none or it is of another kind."""
    path = find(name, FOLDER)
    preset = parse(Preset, read_yaml(path), str(path))
    if preset.kind != kind:
        raise InputError(f"{path}: expected a {kind}, got a {preset.kind}")
    return preset
