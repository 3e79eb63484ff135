"""A first dataset card from a look at a folder: guesses with comments, for an engineer to edit."""

from faultsyn.ingest.guess.write import guess_card

__all__ = ["guess_card"]
