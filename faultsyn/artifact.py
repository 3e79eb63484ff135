"""Trained things on disk: a folder with `artifact.json` and `weights.safetensors`, no pickle."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from faultsyn import __version__
from faultsyn.errors import InputError

FORMAT = 1
MOST_HEAD = 256 << 20
"""Bytes of `artifact.json` that are read at most."""
MOST_HEADER = 16 << 20
"""Bytes of the header of `weights.safetensors` at most."""
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2}
_BYTES |= {"I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8}
UNDO = "undo"
_FILES = ("artifact.json", "weights.safetensors")


@dataclass(frozen=True)
class Artifact:
    """What a folder holds.

    - `kind`: "generator", "classifier", ...
    - `name`: the method, as registered.
    - `config`: the arguments it was built with.
    - `info`: what else must survive (classes, channels, rate, hashes, training curve).
    - `arrays`: its weights and state.
    """

    kind: str
    name: str
    config: dict[str, Any]
    info: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def config_hash(config: Mapping[str, Any]) -> str:
    """A short stable hash of anything JSON can say (keys sorted)."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_artifact(path: str | Path, artifact: Artifact, *, keep_old: bool = False) -> Path:
    """Write a folder in one step: a killed save leaves the old artefact or none, never a half.

    - `keep_old`: the artefact that is replaced is kept in the new one's `undo/`, for `undo_save`.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        if keep_old and target.exists():
            _keep(target, made / UNDO)
        arrays = {name: np.ascontiguousarray(array) for name, array in artifact.arrays.items()}
        save_file(arrays, made / "weights.safetensors")
        digest = _digest(made / "weights.safetensors")
        head = {
            "format": FORMAT,
            "kind": artifact.kind,
            "name": artifact.name,
            "version": __version__,
            "weights_sha256": digest,
            "config": artifact.config,
            "info": artifact.info,
        }
        (made / "artifact.json").write_text(json.dumps(head, indent=1) + "\n")
        _put(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return target


def undo_save(path: str | Path) -> Path:
    """Put back the artefact that the last `save_artifact(..., keep_old=True)` replaced.

    Raises `InputError` when none is kept.
    """
    target = Path(path)
    kept = sorted((target / UNDO).glob("*/artifact.json"))
    if not kept:
        raise InputError(f"{target}: nothing to undo")
    last = kept[-1].parent
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name in _FILES:
            shutil.copy2(last / name, made / name)
        for older in kept[:-1]:
            shutil.copytree(older.parent, made / UNDO / older.parent.name)
        _put(made, target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return target


def _keep(old: Path, history: Path) -> None:
    """The old artefact's files, and those that it kept itself, into the history of the new one."""
    if (old / UNDO).is_dir():
        shutil.copytree(old / UNDO, history)
    number = len(list(history.glob("*"))) + 1
    place = history / f"{number:03}"
    place.mkdir(parents=True)
    for name in _FILES:
        shutil.copy2(old / name, place / name)


def _put(made: Path, target: Path) -> None:
    """Move a finished folder to its place; what was there goes."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.replace(old / target.name)
        made.replace(target)
        shutil.rmtree(old)
    else:
        made.replace(target)


def read_head(path: str | Path, kind: str) -> dict[str, Any]:
    """What `artifact.json` says: name, version, weights_sha256, config, info; no weights.

    Raises `InputError` when the folder is not an artefact or is of another kind or format.
    """
    folder = Path(path)
    try:
        if (folder / "artifact.json").stat().st_size > MOST_HEAD:
            raise InputError(f"{folder}/artifact.json: larger than {MOST_HEAD >> 20} MB")
        head: dict[str, Any] = json.loads((folder / "artifact.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: not an artefact (no artifact.json)") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{folder}/artifact.json: not JSON ({error})") from None
    if not isinstance(head, dict):
        raise InputError(f"{folder}/artifact.json: expected keys and values")
    if head.get("format") != FORMAT:
        raise InputError(f"{folder}: artefact format {head.get('format')}, expected {FORMAT}")
    missing = sorted({"kind", "name", "weights_sha256", "config", "info"} - set(head))
    if missing:
        raise InputError(f"{folder}/artifact.json: lacks {', '.join(missing)}")
    if head["kind"] != kind:
        raise InputError(f"{folder}: expected a {kind}, got a {head['kind']}")
    return head


def load_artifact(path: str | Path, kind: str) -> Artifact:
    """Read a folder that `save_artifact` wrote.

    Raises `InputError` when it is not an artefact, is of another kind or format, or its weights do
    not match their hash.
    """
    folder = Path(path)
    head = read_head(folder, kind)
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        raise InputError(f"{folder}: weights.safetensors is missing", "train it again")
    check_weights(weights)
    if _digest(weights) != head["weights_sha256"]:
        raise InputError(f"{weights}: hash differs from artifact.json", "the file was changed")
    return Artifact(kind, head["name"], head["config"], head["info"], load_file(weights))


def check_weights(path: Path) -> None:
    """Check the header of a safetensors file against the file, before anything is allocated.

    Raises `InputError` when the header is larger than `MOST_HEADER` or the file, is not JSON, or
    names a tensor of another size than the bytes it claims, or bytes that overlap, leave a gap or
    lie beyond the end.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise InputError(f"{path}: a header of {length} bytes in a file of {size}")
        try:
            header = json.loads(file.read(length))
            spans = [_span(tensor) for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: not a safetensors header ({error})") from None
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise InputError(f"{path}: tensors overlap or leave a gap at byte {at}")
        at = end
    if at != size - 8 - length:
        raise InputError(f"{path}: tensors of {at} bytes in a file that holds {size - 8 - length}")


def _span(tensor: Mapping[str, Any]) -> tuple[int, int]:
    """First byte and the one after the last of a tensor, whose shape must need just those."""
    begin, end = (int(offset) for offset in tensor["data_offsets"])
    needed = int(_BYTES[tensor["dtype"]])
    for length in tensor["shape"]:
        if int(length) < 0:
            raise ValueError(f"a shape of {tensor['shape']}")
        needed *= int(length)
    if begin < 0 or end - begin != needed:
        raise ValueError(f"{end - begin} bytes for a shape that needs {needed}")
    return begin, end


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
