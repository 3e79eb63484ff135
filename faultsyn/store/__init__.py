"""The HDF5 store: recordings in, windows out."""

from faultsyn.store.join import join_stores
from faultsyn.store.reader import Store, StreamInfo
from faultsyn.store.recording import Recording, StreamData
from faultsyn.store.validate import validate
from faultsyn.store.windows import WindowIndex, WindowSpec
from faultsyn.store.writer import StoreWriter

__all__ = [
    "Recording",
    "Store",
    "StoreWriter",
    "StreamData",
    "StreamInfo",
    "WindowIndex",
    "WindowSpec",
    "join_stores",
    "validate",
]
