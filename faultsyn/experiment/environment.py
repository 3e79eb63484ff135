"""What a result was made with: code version, packages, machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from faultsyn import __version__

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "PyWavelets",
    "h5py",
    "tsaug",
    "pydantic",
    "aeon",
)


def code_version() -> str:
    """`git describe` of the checkout that this package runs from, else the package's version."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return __version__
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--tags"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return __version__
    return done.stdout.strip() or __version__


def environment(commit: str, data: Mapping[str, str]) -> str:
    """Versions and machine as JSON.

    - `commit`: see `code_version`; `data`: hash of each store.
    """
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    described = {
        "faultsyn": __version__,
        "commit": commit,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": versions,
        "stores": dict(data),
    }
    return json.dumps(described, indent=1) + "\n"
