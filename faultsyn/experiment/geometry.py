"""A bearing's geometry is data: it decides fault orders, and so features and results."""

from __future__ import annotations

from faultsyn.artifact import config_hash
from faultsyn.signal.bearing import Bearing, bearings, shipped
from faultsyn.store import Store


def data_hash_of(store: Store) -> str:
    """The store's hash and the geometry of those of its bearings that the user's table changes.

    Stores whose bearings are all of the package's table, or named by their geometry, keep the hash
    of the store.
    """
    column = store.recordings.get("bearing")
    if column is None:
        return store.data_hash
    known, ours = bearings(), shipped()
    named = sorted({str(name) for name in column.tolist()} & known.keys())
    own = {
        name: _numbers(known[name])
        for name in named
        if name not in ours or _numbers(known[name]) != _numbers(ours[name])
    }
    return config_hash({"data_hash": store.data_hash, "bearings": own}) if own else store.data_hash


def _numbers(bearing: Bearing) -> tuple[float, ...]:
    return (
        bearing.n_balls,
        bearing.ball_diameter,
        bearing.pitch_diameter,
        bearing.contact_angle,
    )
