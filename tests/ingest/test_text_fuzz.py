"""The CSV reader under random tables and random damage."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultsyn.errors import InputError
from faultsyn.ingest.readers import open_source
from faultsyn.ingest.readers import text as text_module
from faultsyn.ingest.schema import Text

_SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def read(content: bytes, block: int, options: Text | None = None) -> dict[str, np.ndarray]:
    """Every column of a file, read in blocks of that many bytes."""
    kept, text_module.BLOCK_BYTES = text_module.BLOCK_BYTES, block
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.csv"
            path.write_bytes(content)
            source = open_source(path, text=options)
            names = list(source.names)
            blocks = list(source.blocks(names))
            return {name: np.concatenate([b[name] for b in blocks]) for name in names}
    finally:
        text_module.BLOCK_BYTES = kept


@_SETTINGS
@given(
    table=st.integers(1, 5).flatmap(
        lambda c: st.lists(st.lists(_NUMBERS, min_size=c, max_size=c), min_size=1, max_size=30)
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|", " "]),
    comma=st.booleans(),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    block=st.integers(1, 400),
)
def test_a_table_of_any_layout_is_read_exactly(
    table: list[list[float]],
    delimiter: str,
    comma: bool,
    header: bool,
    end: str,
    last: bool,
    block: int,
) -> None:
    decimal = "," if comma and delimiter != "," else "."
    rows = [delimiter.join(repr(v).replace(".", decimal) for v in row) for row in table]
    if header:
        rows.insert(0, delimiter.join(f"c{k}" for k in range(len(table[0]))))
    content = end.join(rows) + (end if last else "")
    given_layout = Text(delimiter="whitespace" if delimiter == " " else delimiter, decimal=decimal)
    found = read(content.encode(), block, given_layout)
    np.testing.assert_array_equal(np.stack(list(found.values()), axis=1), np.array(table))


@_SETTINGS
@given(
    cells=st.lists(
        st.sampled_from(["1", "-2.5", "3e4", "", "x", "1,5", "NA", '"7"', "1 2", "--", "0x1"]),
        min_size=6,
        max_size=24,
    ),
    width=st.integers(1, 4),
    block=st.integers(1, 64),
)
def test_odd_cells_are_numbers_missing_or_an_error(
    cells: list[str], width: int, block: int
) -> None:
    """Against a slow reader made of csv and float: equal values, or an error where it has one."""
    rows = [cells[k : k + width] for k in range(0, len(cells) - width + 1, width)]
    lines = ["1;" * (width - 1) + "1"] * 3 + [";".join(row) for row in rows]
    content = "\n".join(lines) + "\n"
    expected: list[list[float]] | None = []
    for row in csv.reader(lines, delimiter=";"):
        try:
            if row and not (len(row) == 1 and not row[0].strip()):
                expected.append([float("nan") if c in ("", "NA") else float(c) for c in row])
        except ValueError:
            expected = None
            break
    layout = Text(delimiter=";", decimal=".", header=False)
    if expected is None:
        with pytest.raises(InputError, match=r"^[^\n]*x\.csv: [^\n]+$"):
            read(content.encode(), block, layout)
        return
    found = read(content.encode(), block, layout)
    np.testing.assert_array_equal(np.stack(list(found.values()), axis=1), np.array(expected))


@_SETTINGS
@given(content=st.binary(max_size=300), block=st.integers(1, 100))
def test_any_bytes_are_read_or_refused(content: bytes, block: int) -> None:
    found: dict[str, np.ndarray] = {}
    message = ""
    try:
        found = read(content, block)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert bool(found) != bool(message)
    assert len({len(column) for column in found.values()}) <= 1
