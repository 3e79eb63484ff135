"""Readers on planted files: what is in the file comes out, what is wrong is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from faultsyn.errors import InputError
from faultsyn.ingest.readers import Source, open_source
from faultsyn.ingest.readers import text as text_module
from faultsyn.ingest.schema import Text


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def column(source: Source, name: str) -> np.ndarray:
    return np.concatenate([block[name] for block in source.blocks([name])])


NUMBERS = np.array([[0.0, -1.5, 2.25e3], [1.0, 3.5, -4e-3], [2.0, 0.125, 7.0]])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comma.csv", "t,a,b\n0,-1.5,2250\n1,3.5,-4e-3\n2,.125,7\n"),
        ("semicolon.csv", "t;a;b\n0;-1,5;2,25e3\n1;3,5;-0,004\n2;0,125;7\n"),
        ("tab.tsv", "t\ta\tb\n0\t-1.5\t2250\n1\t3.5\t-0.004\n2\t0.125\t7"),
        ("pipe.dat", "t|a|b\n0|-1.5|2250\n1|3.5|-0.004\n2|0.125|7\n"),
        ("blanks.txt", "t a b\n  0   -1.5  2.25E+03\n  1  3.5 -.004  \n 2 0.125 7\n"),
        ("tab_comma.txt", "t\ta\tb\n0\t-1,5\t2250\n1\t3,5\t-0,004\n2\t0,125\t7\n"),
        ("packed.csv.gz", "t,a,b\n0,-1.5,2250\n1,3.5,-0.004\n2,0.125,7\n"),
        ("windows.csv", "t,a,b\r\n0,-1.5,2250\r\n1,3.5,-0.004\r\n2,0.125,7\r\n"),
        ("old_mac.csv", "t,a,b\r0,-1.5,2250\r1,3.5,-0.004\r2,0.125,7\r"),
        ("bom.csv", b"\xef\xbb\xbft,a,b\n0,-1.5,2250\n1,3.5,-0.004\n2,0.125,7\n"),
        ("utf16.csv", "t;a;b\n0;-1,5;2250\n1;3,5;-0,004\n2;0,125;7\n".encode("utf-16")),
        ("quoted.csv", '"t","a","b"\n"0","-1.5","2250"\n"1","3.5","-0.004"\n"2","0.125","7"\n'),
        (
            "quoted_comma.csv",
            '"t","a","b"\n"0","-1,5","2250"\n"1","3,5","-0,004"\n"2","0,125","7"\n',
        ),
        ("savetxt.txt", "# t a b\n0 -1.5 2250\n1 3.5 -0.004\n2 0.125 7\n"),
        ("preamble.csv", "Logger 7\nRate: 100\n\nt,a,b\n0,-1.5,2250\n1,3.5,-4e-3\n2,0.125,7\n"),
        ("gaps.csv", "t,a,b\n0,-1.5,2250\n\n# pause\n1,3.5,-0.004\n2,0.125,7\n\n"),
        ("blank_lines.csv", "t, a, b\n0, -1.5, 2250\n   \n1, 3.5, -0.004\n2, 0.125, 7\n"),
    ],
)
def test_every_layout_gives_the_same_numbers(tmp_path: Path, name: str, content: str) -> None:
    source = open_source(write(tmp_path / name, content))
    assert tuple(source.names) == ("t", "a", "b")
    for k, channel in enumerate("tab"):
        np.testing.assert_array_equal(column(source, channel), NUMBERS[:, k])


def test_no_header_means_numbered_columns(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv", "1,2\n3,4\n"))
    assert tuple(source.names) == ("1", "2")
    np.testing.assert_array_equal(column(source, "2"), [2, 4])


def test_units_row_and_preamble(tmp_path: Path) -> None:
    content = "Pump 3\nfs;12800\nZeit;Kraft\n[s];[kN]\n0,0;1,5\n0,1;2,5\n"
    source = open_source(write(tmp_path / "x.csv", content), text=Text(decimal=","))
    assert source.names == ("Zeit", "Kraft")
    assert source.units == {"Zeit": "s", "Kraft": "kN"}
    assert "fs;12800" in source.preamble
    np.testing.assert_array_equal(column(source, "Kraft"), [1.5, 2.5])


def test_numeric_header_is_a_header_when_the_card_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "0,1\n5,6\n7,8\n")
    assert len(column(open_source(path), "1")) == 3
    source = open_source(path, text=Text(header=True))
    assert source.names == ("0", "1")
    np.testing.assert_array_equal(column(source, "1"), [6, 8])


def test_column_names_from_the_card(tmp_path: Path) -> None:
    path = write(tmp_path / "x.dat", "1 2\n3 4\n")
    assert open_source(path, text=Text(columns=["a", "b"])).names == ("a", "b")
    with pytest.raises(InputError, match=r"x\.dat: 'columns' names 3 columns, the file has 2"):
        open_source(path, text=Text(columns=["a", "b", "c"]))


def test_transposed(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.dat", "1 2 3\n4 5 6\n"), transpose=True)
    assert source.names == ("1", "2")
    np.testing.assert_array_equal(column(source, "2"), [4, 5, 6])
    named = open_source(write(tmp_path / "y.csv", "DE,1,2,3\nFE,4,5,6\n"), transpose=True)
    assert named.names == ("DE", "FE")
    np.testing.assert_array_equal(column(named, "FE"), [4, 5, 6])


def test_missing_cells_are_nan(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv", "a,b,c\n1,,3\nNA,5,6\n7,8,null\n"))
    np.testing.assert_array_equal(column(source, "a"), [1, np.nan, 7])
    np.testing.assert_array_equal(column(source, "b"), [np.nan, 5, 8])
    np.testing.assert_array_equal(column(source, "c"), [3, 6, np.nan])


def test_text_columns_are_left_alone(tmp_path: Path) -> None:
    content = "when;state;x\n2020-03-09 10:14:33;ok;1.5\n2020-03-09 10:14:34;bad state;2.5\n"
    source = open_source(write(tmp_path / "x.csv", content))
    block = next(source.blocks(["x", "state"], text=["state"]))
    np.testing.assert_array_equal(block["x"], [1.5, 2.5])
    assert block["state"].tolist() == [b"ok", b"bad state"]
    assert source.is_text("when")
    assert not source.is_text("x")


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "a,b,c\n1,2,3\n4,5,6\n")
    for names in (["c", "a"], ["b", "c", "a"], ["a", "b", "c"]):
        block = next(open_source(path).blocks(names))
        assert list(block) == names
        for name in names:
            np.testing.assert_array_equal(block[name], ["abc".index(name) + k for k in (1, 4)])


def test_blocks_join_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block size, so that every way of cutting a line is met."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((40, 3)).round(3)
    lines = "\r\n".join(",".join(f"{v:.3f}" for v in row) for row in table)
    path = write(tmp_path / "x.csv", "a,b,c\r\n" + lines)
    for size in (1, 2, 3, 5, 7, 11, 18, 19, 20, 41, 64):
        monkeypatch.setattr(text_module, "BLOCK_BYTES", size)
        source = open_source(path)
        np.testing.assert_array_equal(column(source, "b"), table[:, 1])


def test_matrix_of_a_text_file(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "1\t10\t11\n2\t20\t21\n")
    source = open_source(path)
    np.testing.assert_array_equal(source.matrix("2.."), [[10, 11], [20, 21]])
    np.testing.assert_array_equal(source.matrix("1..2"), [[1, 10], [2, 20]])
    with pytest.raises(InputError, match=r"x\.txt: expected columns 2\.\.9, the file has 1\.\.3"):
        source.matrix("2..9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n5,6\n", r"row 3: expected 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n5,6\n", r"row 3: expected 2 columns, got 3"),
        ("1,2\n3,4\n5,6,7\n8,9\n", r"row 3: expected 2 columns, got 3"),
        ("1,2,3\n1,2\n3,4\n5,6\n", r"row 1: expected 2 columns, got 3"),
        ("a,b\n1,2\n3,x4\n5,6\n", r"row 3, column 'b': expected a number, got 'x4'"),
        ("a,b\n1,2\n3,1-2\n5,6\n", r"row 3, column 'b': expected a number, got '1-2'"),
        ("a,b\n1,2\n,1 2\n5,6\n", r"row 3, column 'b': expected a number, got '1 2'"),
        ("a,b\n1,2\n3,1_000\n5,6\n", r"row 3, column 'b': expected a number, got '1_000'"),
        ("a;b\n1;2\n3;4,5,6\n5;6\n", r"row 3, column 'b': expected a number, got '4,5,6'"),
        ("a,b\n1,2\n3,0x10\n5,6\n", r"row 3, column 'b': expected a number, got '0x10'"),
        ("", r"no rows in it"),
        ("just words\n", r"no column of numbers found"),
    ],
)
def test_bad_text_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path / "bad.csv", content)

    def read_all() -> None:
        source = open_source(path)
        for name in source.names:
            column(source, name)

    with pytest.raises(InputError, match=r"bad\.csv: " + message) as caught:
        read_all()
    assert "\n" not in str(caught.value)


def test_rows_are_counted_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "BLOCK_BYTES", 64)
    lines = [f"{k},{k}" for k in range(300)]
    lines[250] = "250,oops"
    path = write(tmp_path / "x.csv", "a,b\n\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"row 253, column 'b': expected a number, got 'oops'"):
        column(open_source(path), "b")


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n" * 1000)[:-20])
    with pytest.raises(InputError, match=r"x\.csv\.gz: cannot be read"):
        column(open_source(path), "1")


@pytest.mark.parametrize("compressed", [False, True])
def test_mat_variables(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "x.mat"
    table = np.arange(6.0).reshape(3, 2)
    scipy.io.savemat(
        path,
        {"X1_DE": np.arange(4.0)[:, None], "row": np.arange(4)[None, :], "table": table, "s": "hi"},
        do_compression=compressed,
    )
    source = open_source(path)
    np.testing.assert_array_equal(column(source, "X1_DE"), np.arange(4.0))
    np.testing.assert_array_equal(column(source, "row"), np.arange(4))
    np.testing.assert_array_equal(column(source, "table.2"), table[:, 1])
    np.testing.assert_array_equal(column(open_source(path, transpose=True), "table.2"), table[1])
    np.testing.assert_array_equal(source.matrix("table"), table)
    assert source.is_text("s")
    with pytest.raises(InputError, match=r"variable 'table': expected one column, got 3 x 2") as e:
        column(source, "table")
    assert "'table.1' .. 'table.2'" in str(e.value)
    with pytest.raises(InputError, match=r"'row' has 4 samples, 'table.1' has 3"):
        next(source.blocks(["row", "table.1"]))


def test_mat_structs_have_dotted_names(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    channels = np.zeros(2, dtype=[("Name", object), ("Data", object)])
    channels[0] = ("force", np.arange(3.0))
    channels[1] = ("vibration_1", np.arange(5.0))
    plain = np.zeros(2, dtype=[("v", object)])
    plain["v"] = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    scipy.io.savemat(
        path,
        {
            "bearing": {"gs": np.arange(7.0), "sr": 97656.0, "deep": {"er": np.arange(2.0)}},
            "run": {"Y": channels},
            "plain": plain,
        },
    )
    source = open_source(path)
    np.testing.assert_array_equal(column(source, "bearing.gs"), np.arange(7.0))
    assert column(source, "bearing.sr").tolist() == [97656.0]
    np.testing.assert_array_equal(column(source, "bearing.deep.er"), [0, 1])
    np.testing.assert_array_equal(column(source, "run.Y.vibration_1.Data"), np.arange(5.0))
    np.testing.assert_array_equal(column(source, "plain.2.v"), [3, 4])


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_mat(tmp_path: Path, compressed: bool) -> None:
    """Wherever the file ends: one line that names it, or the variables before the cut."""
    whole = tmp_path / "whole.mat"
    rng = np.random.default_rng(1)
    values = {f"v{k}": rng.standard_normal(50) for k in range(3)}
    scipy.io.savemat(whole, values, do_compression=compressed)
    content = whole.read_bytes()
    path = tmp_path / "cut.mat"
    for n in range(0, len(content), 13):
        path.write_bytes(content[:n])
        message = ""
        try:
            source = open_source(path)
        except InputError as error:
            message = str(error)
        if message:
            assert "cut.mat" in message
            assert "\n" not in message
            continue
        for name in source.names:
            np.testing.assert_array_equal(column(source, name), values[name])
        assert len(source.names) < 3


def test_numpy_files(tmp_path: Path) -> None:
    table = np.arange(12, dtype=np.int16).reshape(4, 3)
    np.save(tmp_path / "x.npy", table)
    source = open_source(tmp_path / "x.npy")
    np.testing.assert_array_equal(column(source, "data.3"), table[:, 2])
    np.savez(tmp_path / "x.npz", de=table[:, 0], cube=np.arange(24).reshape(2, 4, 3))
    source = open_source(tmp_path / "x.npz")
    np.testing.assert_array_equal(column(source, "de"), table[:, 0])
    np.testing.assert_array_equal(source.matrix("cube.2"), np.arange(24).reshape(2, 4, 3)[..., 1])


def test_bad_numpy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"o\.npy: not a readable NumPy file"):
        open_source(tmp_path / "o.npy")
    np.save(tmp_path / "t.npy", np.arange(100.0))
    cut = (tmp_path / "t.npy").read_bytes()[:-9]
    (tmp_path / "t.npy").write_bytes(cut)
    with pytest.raises(InputError, match=r"t\.npy: not a readable NumPy file"):
        open_source(tmp_path / "t.npy")
    (tmp_path / "t.npy").write_bytes(cut.replace(b"}", b"("))
    with pytest.raises(InputError, match=r"t\.npy: not a readable NumPy file"):
        open_source(tmp_path / "t.npy")
    (tmp_path / "z.npz").write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(InputError, match=r"z\.npz: not a readable NumPy file"):
        open_source(tmp_path / "z.npz")


def test_unknown_format(tmp_path: Path) -> None:
    path = write(tmp_path / "x.log", "1,2\n3,4\n")
    with pytest.raises(InputError, match=r"x\.log: unknown format '\.log'; known: \.mat"):
        open_source(path)
    np.testing.assert_array_equal(column(open_source(path, format="text"), "2"), [2, 4])
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        open_source(tmp_path / "none.csv")
