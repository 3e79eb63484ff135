"""Files that a plant or researcher has -> recordings in a store, described by a dataset card."""

from faultsyn.ingest.card import load_card
from faultsyn.ingest.ingest import IngestSummary, Problem, ingest
from faultsyn.ingest.schema import Card

__all__ = ["Card", "IngestSummary", "Problem", "ingest", "load_card"]
