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


def save_artifact(path: str | Path, artifact: Artifact) -> Path:
    """Write a folder in one step: a killed save leaves the old artefact or none, never a half."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
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
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
            target.replace(old / target.name)
            made.replace(target)
            shutil.rmtree(old)
        else:
            made.replace(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return target


def read_head(path: str | Path, kind: str) -> dict[str, Any]:
    """What `artifact.json` says: name, version, weights_sha256, config, info; no weights.

    Raises `InputError` when the folder is not an artefact or is of another kind or format.
    """
    folder = Path(path)
    try:
        head: dict[str, Any] = json.loads((folder / "artifact.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: not an artefact (no artifact.json)") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{folder}/artifact.json: not JSON ({error})") from None
    if head.get("format") != FORMAT:
        raise InputError(f"{folder}: artefact format {head.get('format')}, expected {FORMAT}")
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
    if _digest(weights) != head["weights_sha256"]:
        raise InputError(f"{weights}: hash differs from artifact.json", "the file was changed")
    return Artifact(kind, head["name"], head["config"], head["info"], load_file(weights))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
