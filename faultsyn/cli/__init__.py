"""The command line: one verb per stage, thin. Every verb is a call of the same name in `api`.

A file for each group of verbs; `faultsyn.cli.app` lists them.
"""

from faultsyn.cli.app import main

__all__ = ["main"]
