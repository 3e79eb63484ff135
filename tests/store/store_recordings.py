"""Small recordings for the tests of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from faultsyn.store import Recording, Store, StoreWriter, StreamData


def stream(
    samples: NDArray[Any],
    *,
    name: str = "vibration",
    rate: float = 1000.0,
    channels: tuple[str, ...] | None = None,
    scale: float | None = None,
) -> StreamData:
    names = channels or tuple(f"c{i}" for i in range(samples.shape[1]))
    n = len(names)
    return StreamData(name, samples, rate, names, ("acceleration",) * n, ("g",) * n, scale)


def recording(id: str, *streams: StreamData, digest: str = "", **columns: Any) -> Recording:
    source = digest or f"{abs(hash(id)) % 2**64:064x}"
    label = columns.pop("label", "normal")
    return Recording(id, label, streams, f"{id}.mat", source, columns)


def noise(number: int, n: int = 3000, channels: int = 2) -> NDArray[np.float32]:
    rng = np.random.default_rng(number)
    return rng.standard_normal((n, channels)).astype(np.float32)


def batch(count: int, n: int = 3000) -> list[Recording]:
    return [
        recording(f"r{i:03}", stream(noise(i, n + i)), digest=f"{i:064x}", load=float(i % 4))
        for i in range(count)
    ]


def write(path: Path, *recordings: Recording, append: bool = False) -> Path:
    with StoreWriter(path, append=append) as writer:
        for item in recordings:
            writer.add(item)
    return path


def assert_same_recording(found: Recording, expected: Recording) -> None:
    assert (found.id, found.label) == (expected.id, expected.label)
    assert found.source_file == expected.source_file
    assert found.source_sha256 == expected.source_sha256
    for name, value in expected.columns.items():
        assert_array_equal(found.columns[name], value)
    ours = {share.stream: share for share in found.streams}
    assert sorted(ours) == sorted(share.stream for share in expected.streams)
    for share in expected.streams:
        other = ours[share.stream]
        assert (other.rate, other.scale) == (share.rate, share.scale)
        place = [other.channels.index(name) for name in share.channels]
        assert sorted(place) == list(range(len(other.channels)))
        assert tuple(other.units[i] for i in place) == share.units
        assert tuple(other.quantities[i] for i in place) == share.quantities
        assert_array_equal(other.samples[:, place], share.samples)
        assert other.samples.dtype == share.samples.dtype


def assert_holds(path: Path, recordings: list[Recording]) -> None:
    with Store(path) as store:
        assert store.recordings["id"].tolist() == [item.id for item in recordings]
        for row, item in enumerate(recordings):
            assert_same_recording(store.recording(row), item)
