"""Files that a plant or researcher has -> recordings in a store, described by a dataset card."""

from faultsyn.ingest.card import load_card
from faultsyn.ingest.fetch import FetchSummary, fetch
from faultsyn.ingest.guess import guess_card
from faultsyn.ingest.ingest import IngestSummary, Problem, ingest
from faultsyn.ingest.preview import Preview, preview
from faultsyn.ingest.schema import Card
from faultsyn.ingest.shards import ingest_shards

__all__ = [
    "Card",
    "FetchSummary",
    "IngestSummary",
    "Preview",
    "Problem",
    "fetch",
    "guess_card",
    "ingest",
    "ingest_shards",
    "load_card",
    "preview",
]
