"""Dataset cards: what they may say, and what a wrong one is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from faultsyn.errors import InputError
from faultsyn.ingest.card import card_hash, load_card, parse_card, rules
from faultsyn.ingest.patterns import glob_regex, natural_key, select
from faultsyn.ingest.schema import Value
from faultsyn.ingest.values import NoValue, evaluate, fill, standard_type

CARD = """\
name: mine
title: My rig
recordings:
  - files: "{pump}/{n}.csv"
    columns: {label: normal, asset: "{pump}"}
    streams:
      vibration:
        rate: 1000
        channels:
          acc: {from: 1, quantity: acceleration, unit: g}
"""


def load(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "card.yaml"
    path.write_text(text)
    return load_card(path)


def test_smallest_card(tmp_path: Path) -> None:
    card = load(tmp_path, CARD)
    assert card.recordings[0].streams["vibration"].channels["acc"].source == [1]
    assert card.recordings[0].columns["label"].value == "normal"


@pytest.mark.parametrize("name", ["cwru", "zema", "tep"])
def test_shipped_cards_load_by_name(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.citation
    assert card.licence
    assert card.address.startswith("https://")


def test_unknown_card_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'cwru'"):
        load_card("cwruu")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title:", "titel:", r"unknown key 'titel' \(did you mean 'title'\?\)"),
        ("quantity", "quantitiy", r"channels\.acc: unknown key 'quantitiy'.*'quantity'"),
        ("rate: 1000", "rates: 1000", r"streams\.vibration: unknown key 'rates'.*'rate'"),
        ("rate: 1000", "quantity: x", r"vibration: give 'rate', 'file_rate', 'interval' or 'time'"),
        ("rate: 1000", "rate: 1000\n        rate: 2", r"card\.yaml:9:9: key 'rate' is given twice"),
        ("files:", "file:", r"recordings\[0\]: unknown key 'file' .*'files'"),
        ('files: "{pump}/{n}.csv"', "regex: '(?P<pump>'", r"recordings\[0\]\.regex: .* not a reg"),
        ('asset: "{pump}"', "x: 1", r"recordings\[0\]: no column 'asset' \(the physical bearing"),
        ("label: normal, ", "", r"recordings\[0\]: no column 'label'"),
        (
            '"{pump}"}',
            '"{pmup}"}',
            r"columns\.asset: '\{pmup\}': no name 'pmup' \(did you mean 'pu",
        ),
        ("label: normal", "label: {value: x, map: falt}", r"columns\.label: no lookup 'falt'"),
        ("label: normal", "label: {map: {a: b}}", r"label: give either 'value' or 'block_of'"),
        ("    columns", "    join: {tab: '{n}'}\n    columns", r"join: no table 'tab'"),
        ("    columns", "    rows: perhaps\n    columns", r"rows: input should be a valid boolean"),
        (
            "    streams:",
            "    segments: [{stop: 3, label: x}]\n    streams:",
            r"segments\[0\]: unkn",
        ),
        ("title: My rig", "title: My rig\nignore: 3", r"ignore: input should be a valid list"),
        ("name: mine", "name: [", r"card\.yaml:\d+:\d+: "),
    ],
)
def test_a_wrong_card_is_told_in_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CARD
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, CARD.replace(old, new, 1))
    assert "\n" not in str(caught.value)
    assert "card.yaml" in str(caught.value)


def test_yaml_guesses_nothing(tmp_path: Path) -> None:
    lookups = "lookups:\n  size: {007: 7, 014: 14, no: 0, 12:30: 1, 1e3: 2.5}\n"
    card = load(tmp_path, CARD + lookups)
    assert card.lookups["size"] == {"007": 7, "014": 14, "no": 0, "12:30": 1, "1e3": 2.5}


def test_defaults_fill_in_what_a_rule_leaves_out() -> None:
    channel = {"c": {"unit": "g"}}
    card = parse_card(
        {
            "name": "x",
            "title": "x",
            "defaults": {
                "columns": {"label": "normal", "asset": "a"},
                "streams": {"s": {"rate": 1, "channels": channel}},
            },
            "recordings": [
                {"files": "a.csv"},
                {
                    "files": "b.csv",
                    "columns": {"label": "bad"},
                    "streams": {"t": {"rate": 2, "channels": channel}},
                },
            ],
        },
        "x.yaml",
    )
    first, second = (rule.body for rule in rules(card))
    assert (first.columns["label"].value, second.columns["label"].value) == ("normal", "bad")
    assert second.columns["asset"].value == "a"
    assert (list(first.streams), list(second.streams)) == (["s"], ["t"])


def test_card_hash_ignores_prose_only(tmp_path: Path) -> None:
    first = card_hash(load(tmp_path, CARD))
    assert card_hash(load(tmp_path, CARD + "about: longer story\n")) == first
    assert card_hash(load(tmp_path, CARD.replace("1000", "2000"))) != first


def value(**keys: Any) -> Value:
    return Value.model_validate(keys)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"value": 3}, 3),
        ({"value": "{a}-{b:03}"}, "007-005"),
        ({"value": "{a:04}"}, "0007"),
        ({"value": "{c:.2f}"}, "2.00"),
        ({"value": "{word:>4}"}, "  up"),
        ({"value": "{b}"}, 5),
        ({"value": "{c}"}, 2.0),
        ({"value": "{c} V"}, "2 V"),
        ({"value": "{a}", "map": {"007": "seven"}}, "seven"),
        ({"value": "{a}", "map": "sizes"}, 7),
        ({"value": "{a}", "map": "rows.mil"}, 0.18),
        ({"value": "{x}", "default": "none"}, "none"),
        ({"value": "{b}", "map": {"6": 1}, "default": {"value": "{b}", "times": 2}}, 10.0),
        ({"value": "{a}", "type": "number"}, 7.0),
        ({"value": "{a}", "type": "integer"}, 7),
        ({"value": "1", "type": "truth"}, True),
        ({"value": 6205, "type": "text"}, "6205"),
        ({"value": "bad", "if": "{b} >= 5", "default": "good"}, "bad"),
        ({"value": "bad", "if": "{b} < {c}", "default": "good"}, "good"),
        ({"value": "yes", "if": "{a} == 007", "default": "no"}, "yes"),
        ({"value": "yes", "if": "{word} != up", "default": "no"}, "no"),
    ],
)
def test_values(spec: dict[str, Any], expected: Any) -> None:
    names = {"a": "007", "b": 5, "c": 2.0, "word": "up"}
    lookups = {"sizes": {"007": 7}, "rows": {"007": {"mil": 0.18}, "9": {"mm": 1}}}
    found = evaluate(value(**spec), names, lookups, "here")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"value": "{a}", "map": {"x": 1}}, r"here: 'word' is not in the lookup; it has x"),
        ({"value": "{a}", "type": "number"}, r"here: expected a number, got 'word'"),
        ({"value": "{a}", "type": "truth"}, r"here: expected a truth value .* got 'word'"),
        ({"value": 1, "if": "{a}"}, r"here: condition '\{a\}' is not 'left op right'"),
    ],
)
def test_wrong_values(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(value(**spec), {"a": "word"}, {}, "here")


def test_a_name_without_value_is_not_guessed() -> None:
    with pytest.raises(NoValue, match="gone"):
        fill("{here}-{gone}", {"here": 1})


def test_standard_columns_have_their_types() -> None:
    assert standard_type("bearing", 6205, "x") == "6205"
    assert standard_type("severity", "007", "x") == 7.0
    assert standard_type("extra", "007", "x") == "007"
    with pytest.raises(InputError, match="x: expected a number, got 'fast'"):
        standard_type("rpm", "fast", "x")


@pytest.mark.parametrize(
    ("pattern", "path", "groups"),
    [
        ("d00.dat", "d00.dat", {}),
        ("d00.dat", "deep/down/d00.dat", {}),
        ("/d00.dat", "deep/d00.dat", None),
        ("d00.dat", "xd00.dat", None),
        ("{a}/{b}.csv", "x/y/z.csv", {"a": "y", "b": "z"}),
        ("a/**/z.csv", "a/b/c/z.csv", {}),
        ("a/**/z.csv", "a/z.csv", {}),
        ("docs/**", "docs/a/b.txt", {}),
        ("*.md", "docs/a.md", {}),
        ("a/*.md", "a/b/c.md", None),
        ("f?.txt", "f1.txt", {}),
        ("a.b", "aXb", None),
        ("{n}_{m}.mat", "105_0.mat", {"n": "105", "m": "0"}),
    ],
)
def test_path_patterns(pattern: str, path: str, groups: dict[str, str] | None) -> None:
    hit = re.fullmatch(glob_regex(pattern), path)
    assert (hit.groupdict() if hit else None) == groups


def test_natural_order() -> None:
    names = ["10.csv", "2.csv", "a10/1.csv", "a9/1.csv", "1.csv"]
    assert sorted(names, key=natural_key) == ["1.csv", "2.csv", "10.csv", "a9/1.csv", "a10/1.csv"]


def test_select_prefers_the_literal_name() -> None:
    available = ["Acc (g)", "Acc .g.", "X097_DE", "X098_DE"]
    assert select(available, ["Acc .g."], {}, "x") == ["Acc .g."]
    assert select(available, ["Acc (g)"], {}, "x") == ["Acc (g)"]
    assert select(available, [2], {}, "x") == ["Acc .g."]
    assert select(available, [9], {}, "x") == []
    assert select(available, [r"X0*{n}_DE", r"X\d+_DE"], {"n": "98"}, "x") == ["X098_DE"]
    assert select(available, [r"X0*{n}_DE", r"X\d+_DE"], {"n": "5"}, "x") == ["X097_DE", "X098_DE"]
    with pytest.raises(InputError, match=r"x: 'a\(' is not a regular expression"):
        select(available, ["a("], {}, "x")
