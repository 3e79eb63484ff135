"""Strict YAML: an unknown key is an error that names the nearest valid one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from faultsyn.errors import InputError
from faultsyn.registry import nearest


class Strict(BaseModel):
    """Base of every configuration: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    raise InputError(
                        f"{cls.__name__.lower()}: unknown key '{key}'",
                        nearest(str(key), cls.model_fields),
                    )
        return data


Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], data: Any, where: str) -> Model:
    """`data` as `model`; raises `InputError` with `where` and the key at fault."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Of a value that fits no form of a union, the error that this package wrote says most.
        first = min(error.errors(), key=lambda found: found["type"] != "value_error")
        key = ".".join(str(part) for part in first["loc"]) or "(whole)"
        raise InputError(f"{where}: {key}: {first['msg']}, got {first['input']!r:.80}") from None
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.hint) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises `InputError` naming file and line when it is none."""
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path}: not YAML: {text}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path}: expected a mapping of keys, got {type(data).__name__}")
    return data


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`; mappings are merged key by key, all else replaced."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged
