"""k-anonymity and l-diversity of the metadata that is released with windows.

Sweeney, "k-anonymity: a model for protecting privacy" (2002): every combination of the released
columns is shared by at least k individuals, here assets. Machanavajjhala et al., "l-diversity"
(TKDD 2007): among those who share it, the sensitive column, here the fault, takes at least l
values. Both speak of the table beside the windows, never of the windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from faultsyn.errors import InputError


@dataclass(frozen=True)
class Anonymity:
    """Of the released columns.

    - `columns`: the quasi-identifiers; `k`, `l`: the smallest over their combinations.
    - `combinations`: how many there are; `single`: of them, how many point at one asset.
    - `rarest`: the values of a combination with the smallest k.
    """

    columns: tuple[str, ...]
    k: int
    l: int  # noqa: E741  # the literature's name
    combinations: int
    single: int
    rarest: dict[str, str]


def anonymity(
    table: Mapping[str, NDArray[Any]],
    columns: Sequence[str],
    *,
    who: str = "asset",
    sensitive: str = "label",
) -> Anonymity:
    """k and l of the combinations of `columns` in `table`, columns of equal length.

    - `who`: the column that says to whom a row belongs; `sensitive`: what must not be told.

    Without columns everybody shares the one empty combination. Raises `InputError` on a column that
    is not there or an empty table.
    """
    missing = [name for name in (*columns, who, sensitive) if name not in table]
    if missing:
        raise InputError(f"anonymity: no column {missing}; there are {sorted(table)}")
    n = len(table[who])
    if n == 0:
        raise InputError("anonymity: the table is empty")
    rows = (
        list(zip(*(table[name].astype(str).tolist() for name in columns), strict=True)) or [()] * n
    )
    people: dict[tuple[str, ...], set[str]] = {}
    values: dict[tuple[str, ...], set[str]] = {}
    for row, person, value in zip(
        rows, table[who].tolist(), table[sensitive].tolist(), strict=True
    ):
        people.setdefault(row, set()).add(str(person))
        values.setdefault(row, set()).add(str(value))
    rarest = min(people, key=lambda row: len(people[row]))
    return Anonymity(
        tuple(columns),
        len(people[rarest]),
        min(len(found) for found in values.values()),
        len(people),
        sum(len(found) == 1 for found in people.values()),
        dict(zip(columns, rarest, strict=True)),
    )
