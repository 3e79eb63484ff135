"""What rows say about the code that made them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from faultsyn import __version__
from faultsyn.experiment.environment import code_version


def git(root: Path, *command: str) -> str:
    told = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.example", *command]
    return subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()


def checkout(root: Path) -> str:
    """A repository with code and published results; its commit."""
    (root / "experiments/results").mkdir(parents=True)
    (root / "code.py").write_text("1\n")
    (root / "experiments/results/rows.csv").write_text("a\n")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "first")
    return git(root, "rev-parse", "--short", "HEAD")


def test_changed_code_is_dirty(tmp_path: Path) -> None:
    commit = checkout(tmp_path)
    assert code_version(tmp_path) == commit
    (tmp_path / "code.py").write_text("2\n")
    assert code_version(tmp_path) == f"{commit}-dirty"


def test_rows_that_a_benchmark_adds_are_no_change_of_code(tmp_path: Path) -> None:
    commit = checkout(tmp_path)
    (tmp_path / "experiments/results/rows.csv").write_text("a\nb\n")
    (tmp_path / "new.txt").write_text("not tracked\n")
    assert code_version(tmp_path) == commit


def test_without_a_checkout_it_is_the_version(tmp_path: Path) -> None:
    assert code_version(tmp_path) == __version__
