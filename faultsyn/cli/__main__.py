"""`python -m faultsyn.cli`."""

from __future__ import annotations

from faultsyn.cli.app import main

if __name__ == "__main__":
    main()
