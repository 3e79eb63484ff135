"""Parts of a card: frozen, and an unknown key is an error that names the nearest valid one."""

from __future__ import annotations

import difflib
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class Strict(BaseModel):
    """A part of a card: an unknown key is an error that names the nearest valid one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    short: ClassVar[str] = ""
    """Key that a bare scalar or list stands for; empty when the long form is required."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            if not cls.short or data is None:
                raise ValueError(f"expected a mapping with the keys {', '.join(cls.keys())}")
            return {cls.short: data}
        valid = cls.keys()
        for key in data:
            if key not in valid:
                near = difflib.get_close_matches(str(key), valid, n=1)
                tip = f"did you mean '{near[0]}'?" if near else f"valid: {', '.join(valid)}"
                raise ValueError(f"unknown key '{key}' ({tip})")
        return data

    @classmethod
    def keys(cls) -> list[str]:
        """The keys that a card may write here."""
        return [field.alias or name for name, field in cls.model_fields.items()]


def as_list(data: Any, *keys: str) -> Any:
    """A scalar under one of `keys` (or a bare scalar) as a list of one."""
    if not isinstance(data, dict):
        return data if isinstance(data, list) else [data] if data is not None else data
    return {
        key: [value] if key in keys and isinstance(value, str | int) else value
        for key, value in data.items()
    }
