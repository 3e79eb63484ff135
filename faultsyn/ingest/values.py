"""Templates, lookups and conditions: how a card's `Value` becomes a column's value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest.check import lookup
from faultsyn.ingest.schema import NUMBER_COLUMNS, TEXT_COLUMNS, Scalar, Value

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)(?::([^{}]*))?\}")
_COMPARISON = re.compile(r"^(.*?)\s*(<=|>=|==|!=|<|>)\s*(.*)$")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


class NoValue(Exception):
    """A name in a template has no value for this recording; a default may step in."""


Names = Mapping[str, Scalar]


def fill(template: Scalar, names: Names) -> Scalar:
    """The template with its placeholders replaced.

    A template that is one placeholder without a format keeps the value's type. Raises `NoValue`.
    """
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    if whole and not whole[2]:
        return _value(whole[1], names)
    return _PLACEHOLDER.sub(lambda found: _formatted(found, names), template)


def fill_pattern(pattern: str, names: Names) -> str:
    """A regular expression with its placeholders replaced by literal text. Raises `NoValue`."""
    return _PLACEHOLDER.sub(lambda found: re.escape(_formatted(found, names)), pattern)


def placeholders(template: str) -> list[str]:
    """The names that a template uses."""
    return [found[0] for found in _PLACEHOLDER.findall(template)]


def _value(name: str, names: Names) -> Scalar:
    try:
        return names[name]
    except KeyError:
        raise NoValue(name) from None


def _formatted(found: re.Match[str], names: Names) -> str:
    value = _value(found[1], names)
    if not found[2]:
        return as_text(value)
    number = as_number(value)
    if number is not None:  # groups are text; `{row:04}` and `{number:03}` mean numbers
        value = int(number) if number.is_integer() else number
    try:
        return format(value, found[2])
    except ValueError:
        raise InputError(f"'{found[0]}': cannot format '{value}'") from None


def as_text(value: Scalar) -> str:
    """Numbers without a needless fraction: 100.0 is "100"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def as_number(value: Scalar) -> float | None:
    """The number that a value is or spells (decimal comma allowed), else None."""
    if isinstance(value, str):
        try:
            return float(value.strip().replace(",", "."))
        except ValueError:
            return None
    return float(value)


def evaluate(
    value: Value,
    names: Names,
    lookups: dict[str, dict[str, Any]],
    where: str,
    block: Callable[[str], int] | None = None,
) -> Scalar:
    """What a `Value` is for one recording.

    - `names`: what templates may use.
    - `where`: named in errors.
    - `block`: the running number for the text of a `block_of` template.

    Raises `NoValue` when a name has no value and there is no default, `InputError` when a lookup
    has no such key or a text is not the number it should be.
    """
    try:
        if value.condition is not None and not _holds(value.condition, names, where):
            raise NoValue(value.condition)
        found = _source(value, names, where, block)
        if value.map is not None:
            found = _mapped(found, value, lookups, where)
    except NoValue:
        if value.default is None:
            raise
        return evaluate(value.default, names, lookups, where, block)
    return _typed(found, value, where)


def _source(value: Value, names: Names, where: str, block: Callable[[str], int] | None) -> Scalar:
    if value.block_of is None:
        assert value.value is not None
        return fill(value.value, names)
    if block is None:
        raise InputError(f"{where}: 'block_of' can only stand in a column")
    return block(as_text(fill(value.block_of, names)))


def _mapped(found: Scalar, value: Value, lookups: dict[str, dict[str, Any]], where: str) -> Scalar:
    assert value.map is not None
    table = lookup(lookups, value.map, where) if isinstance(value.map, str) else value.map
    key = as_text(found)
    if key not in table:
        if value.default is not None:
            raise NoValue(key)
        known = ", ".join(list(table)[:12])
        raise InputError(f"{where}: '{key}' is not in the lookup; it has {known}")
    result = table[key]
    if not isinstance(result, Scalar):
        raise InputError(f"{where}: the lookup gives no single value for '{key}'")
    return result


def _holds(condition: str, names: Names, where: str) -> bool:
    parts = _COMPARISON.match(condition)
    if parts is None:
        raise InputError(f"{where}: condition '{condition}' is not 'left op right'")
    left, right = fill(parts[1], names), fill(parts[3], names)
    numbers = as_number(left), as_number(right)
    compare = _OPERATORS[parts[2]]
    if numbers[0] is not None and numbers[1] is not None:
        return compare(numbers[0], numbers[1])
    return compare(as_text(left), as_text(right))


def _typed(found: Scalar, value: Value, where: str) -> Scalar:
    kind = value.type
    if value.times is not None:
        kind = kind or "number"
    if kind is None:
        return found
    if kind == "text":
        return as_text(found)
    if kind == "truth":
        if as_text(found).lower() in ("1", "true", "yes"):
            return True
        if as_text(found).lower() in ("0", "false", "no"):
            return False
        raise InputError(f"{where}: expected a truth value (0, 1, true, false), got '{found}'")
    number = as_number(found)
    if number is None:
        raise InputError(f"{where}: expected a number, got '{found}'")
    number *= 1.0 if value.times is None else value.times
    return round(number) if kind == "integer" else number


def standard_type(name: str, value: Scalar, where: str) -> Scalar:
    """A column's value with the type that the store gives that column.

    Raises `InputError` when a number is expected and something else came.
    """
    if name in TEXT_COLUMNS:
        return as_text(value)
    if name in NUMBER_COLUMNS:
        number = as_number(value)
        if number is None:
            raise InputError(f"{where}: expected a number, got '{value}'")
        return number
    return value
