"""Building a registered method from its name and configuration, with errors that help."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from faultsyn.errors import InputError

T = TypeVar("T")


def nearest(key: str, known: Iterable[str]) -> str:
    """A hint for an unknown key: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(key, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"


def build(kind: str, registry: Mapping[str, type[T]], name: str, config: Mapping[str, Any]) -> T:
    """An untrained method of `registry`.

    - `kind`: what the methods are, for the error ("generator", "classifier").
    - `config`: arguments of its class.

    Raises `InputError` with the nearest valid key on an unknown name or configuration key, and on
    an argument that is missing.
    """
    if name not in registry:
        raise InputError(f"unknown {kind} '{name}'", nearest(name, registry))
    parameters = inspect.signature(registry[name]).parameters
    for key in config:
        if key not in parameters:
            raise InputError(f"{kind} '{name}' has no setting '{key}'", nearest(key, parameters))
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in config:
            raise InputError(f"{kind} '{name}' needs the setting '{key}'")
    return registry[name](**config)
