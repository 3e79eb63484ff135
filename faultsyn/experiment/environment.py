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

ROOT = Path(__file__).resolve().parents[2]
"""Of the checkout, where there is one."""


def code_version(root: Path = ROOT) -> str:
    """The commit of the checkout that this package runs from, else the package's version.

    "-dirty" where a tracked file differs from it; published results, to which a benchmark adds
    while it runs, are no code and do not count.
    """
    if not (root / ".git").exists():
        return __version__
    try:
        named = _git(root, "describe", "--always", "--tags")
        results = ":(exclude)experiments/results"
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", results)
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{named}-dirty" if changed else named or __version__


def _git(root: Path, *command: str) -> str:
    asked = ["git", "-C", str(root), *command]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


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
