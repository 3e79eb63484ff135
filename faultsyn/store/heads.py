"""What a stream is, over all the recordings that share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from faultsyn.errors import StoreError


@dataclass
class StreamHead:
    """Rate [Hz], sample type and the channels seen so far, each with its quantity and unit."""

    rate: float
    dtype: np.dtype[Any]
    channels: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, group: h5py.Group) -> StreamHead:
        """The head of a stream in a store."""
        names, quantities, units = (
            [str(text) for text in group.attrs[key]] for key in ("channels", "quantities", "units")
        )
        pairs = zip(quantities, units, strict=True)
        channels = dict(zip(names, pairs, strict=True))
        return cls(float(group.attrs["sample_rate"]), group["samples"].dtype, channels)

    @classmethod
    def joined(cls, head: StreamHead | None, share: Mapping[str, Any], owner: str) -> StreamHead:
        """The head with a recording's share (see `Journal`) taken in; `head` stays as it is.

        Raises `StoreError` when the share contradicts the stream.
        """
        dtype = np.dtype(share["dtype"])
        head = head or cls(share["rate"], dtype)
        where = f"recording '{owner}', stream '{share['stream']}'"
        if share["rate"] != head.rate:
            raise StoreError(
                f"{where}: the stream runs at {head.rate:g} Hz, got {share['rate']:g} Hz",
                "give recordings of another rate a stream of their own",
            )
        if dtype != head.dtype:
            raise StoreError(f"{where}: the stream holds {head.dtype} samples, got {dtype}")
        channels = dict(head.channels)
        for name, *meaning in zip(
            share["channels"], share["quantities"], share["units"], strict=True
        ):
            known = channels.setdefault(name, (meaning[0], meaning[1]))
            if known != tuple(meaning):
                raise StoreError(
                    f"{where}, channel '{name}': the stream holds {known[0]} [{known[1]}], "
                    f"got {meaning[0]} [{meaning[1]}]"
                )
        return cls(head.rate, dtype, channels)

    def write(self, group: h5py.Group) -> None:
        """Put the head into the attributes of a stream's group."""
        group.attrs["sample_rate"] = self.rate
        group.attrs["channels"] = list(self.channels)
        group.attrs["quantities"] = [quantity for quantity, _ in self.channels.values()]
        group.attrs["units"] = [unit for _, unit in self.channels.values()]
