"""Artefacts and files from elsewhere: no code runs, sizes are checked first, pages escape."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from faultsyn import api
from faultsyn.artifact import check_weights, load_artifact
from faultsyn.diagnose import build_classifier
from faultsyn.errors import InputError
from faultsyn.plant.diagnoser import KIND, Diagnoser
from faultsyn.windows import WindowSet

PACKAGE = Path(__file__).parents[2] / "faultsyn"


def test_nothing_in_the_package_unpickles() -> None:
    loads = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill|cloudpickle|shelve|marshal)\b"
        r"|allow_pickle\s*=\s*True|torch\.load\(|yaml\.(full_load|unsafe_load)\(|(?<![.\w])(eval|exec)\(",
        re.MULTILINE,
    )
    for path in sorted(PACKAGE.rglob("*.py")):
        found = [hit.group().strip() for hit in loads.finditer(path.read_text())]
        assert not found, f"{path.relative_to(PACKAGE)}: {found}"


@pytest.fixture
def copied(artefact: Path, tmp_path: Path) -> Path:
    made = tmp_path / "copied"
    shutil.copytree(artefact, made)
    return made


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("bomb-went-off"),)


def test_a_pickle_in_place_of_the_weights_is_refused(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (copied / "weights.safetensors").write_bytes(pickle.dumps(_Bomb()))  # what must be refused
    _sign(copied)
    with pytest.raises(InputError, match=r"weights\.safetensors"):
        Diagnoser.load(copied)
    assert not (tmp_path / "bomb-went-off").exists()


def _sign(folder: Path, **changed: Any) -> None:
    """Write the hash of the weights as they are, as whoever changed them would."""
    import hashlib

    head = json.loads((folder / "artifact.json").read_text())
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    (folder / "artifact.json").write_text(json.dumps({**head, **changed, "weights_sha256": digest}))


def _header(path: Path, tensors: dict[str, Any], body: int = 8) -> None:
    text = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(body))


@pytest.mark.parametrize(
    "tensors",
    [
        {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 42]}},
        {"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}},
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}},
        {"a": {"dtype": "OBJ", "shape": [1], "data_offsets": [0, 8]}},
        {"a": {"shape": [1]}},
        {"a": 3},
        [],
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, tensors: Any) -> None:
    path = tmp_path / "weights.safetensors"
    _header(path, tensors)
    with pytest.raises(InputError):
        check_weights(path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 7, struct.pack("<Q", 1 << 60) + b"{}"])
def test_a_header_of_impossible_length_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="header"):
        check_weights(path)


def test_a_sound_file_passes(artefact: Path) -> None:
    check_weights(artefact / "weights.safetensors")


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"format": 1}', "[" * 100_000, "\udcff"])
def test_a_head_that_is_none_is_refused(copied: Path, text: str) -> None:
    (copied / "artifact.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError):
        load_artifact(copied, KIND)


@pytest.mark.parametrize(
    "name", ["support.x", "confidence.of_windows", "classifier.means", "baseline.centre"]
)
def test_parts_that_do_not_fit_one_another_are_refused(copied: Path, name: str) -> None:
    weights = copied / "weights.safetensors"
    arrays = load_file(weights)
    arrays[name] = arrays[name][:-1].copy()
    save_file(arrays, weights)
    _sign(copied)
    with pytest.raises(InputError):
        Diagnoser.load(copied)


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["classifier"].update(name="os.system"),
        lambda info: info["posed"]["task"]["window"].update(samples=-5),
        lambda info: info["posed"]["task"].update(name="../../x"),
        lambda info: info["confidence"].update(classes=["a"]),
        lambda info: info.pop("support"),
        lambda info: info["representation"].update(features="__import__"),
    ],
)
def test_settings_that_make_no_sense_are_refused(copied: Path, change: Any) -> None:
    head = json.loads((copied / "artifact.json").read_text())
    change(head["info"])
    (copied / "artifact.json").write_text(json.dumps(head))
    with pytest.raises(InputError):
        Diagnoser.load(copied)


def test_a_network_larger_than_its_weights_takes_no_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 1, 64)).astype(np.float32)
    table = {"label": np.array(["a", "b"] * 3)}
    small = build_classifier("cnn", width=8, dim=4, steps=1, batch=2)
    small.fit(WindowSet(x, table, 100.0, ("c",)), rng)
    path = small.save(tmp_path / "net")
    head = json.loads((path / "artifact.json").read_text())
    head["config"]["width"] = 1 << 16
    (path / "artifact.json").write_text(json.dumps(head))
    with pytest.raises(InputError, match="should have shape"):
        type(small).load(path)


def test_trees_that_run_in_circles_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = WindowSet(
        rng.standard_normal((20, 1, 3)).astype(np.float32),
        {"label": np.array(["a", "b"] * 10)}, float("nan"), ("features",),
    )  # fmt: skip
    path = build_classifier("random-forest", n_trees=2).fit(rows, rng).save(tmp_path / "forest")
    arrays = load_file(path / "weights.safetensors")
    arrays["left"][1:] = 0
    save_file(arrays, path / "weights.safetensors")
    _sign(path)
    with pytest.raises(InputError, match="do not hold together"):
        type(build_classifier("random-forest")).load(path)


def test_the_page_escapes_labels_and_file_names(
    artefact: Path, rig: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, card = files
    evil = "<img src=x onerror=alert(1)>"
    card.write_text(card.read_text().replace('id: "{stem}"', f'id: "{{stem}}{evil}"'))
    (folder / "&lt;<script>alert(2)<").mkdir()
    (folder / "&lt;<script>alert(2)<" / "inner-1797-<b>.txt").write_text("stray")
    found = api.diagnose(artefact, folder, card=card, html=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert found["verdicts"][0]["recording"].endswith(evil)
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert "&lt;script&gt;" in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_a_spreadsheet_gets_no_formulas(artefact: Path, rig: Path, tmp_path: Path) -> None:
    from faultsyn.plant.rows import write_csv
    from faultsyn.plant.verdict import Verdict

    write_csv(tmp_path / "x.csv", [Verdict("=cmd()", "+a.csv", warnings=["@x", "y"])])
    assert (tmp_path / "x.csv").read_text().splitlines()[1].startswith("'=cmd(),'+a.csv,")
