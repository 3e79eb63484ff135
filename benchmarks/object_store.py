"""Reading a store set from an S3-compatible service on this machine: requests and bytes.

    python benchmarks/object_store.py [--recordings 400] [--files 10] [--samples 25000]

The set is put to a server of the package moto, which listens on the loopback address. Counted is
what the reader asks for: to open the set, for a first batch of 256 random windows of 1024 samples
(every file is opened) and for later ones. Seconds say little: there is no network between.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import s3fs
from moto.server import ThreadedMotoServer
from store_set import BATCH, RATE, WINDOW, make

from faultsyn.store import Store, WindowSpec, join_stores


class Requests:
    """What the client asks a service for, counted."""

    def __init__(self) -> None:
        self.ranges: list[int] = []
        self.others = 0
        asked = s3fs.S3FileSystem._call_s3

        async def counted(system: Any, method: str, *parts: Any, **told: Any) -> Any:
            span = [d["Range"] for d in (*parts, told) if isinstance(d, dict) and "Range" in d]
            if span:
                low, high = span[0].removeprefix("bytes=").split("-")
                self.ranges.append(int(high) - int(low) + 1)
            else:
                self.others += 1
            return await asked(system, method, *parts, **told)

        s3fs.S3FileSystem._call_s3 = counted

    def told(self, what: str, seconds: float) -> None:
        """Print and forget."""
        print(
            f"{what}: {len(self.ranges)} ranges, {sum(self.ranges) / 1e6:.1f} MB, "
            f"{self.others} other requests, {seconds:.2f} s"
        )
        self.ranges, self.others = [], 0


@contextmanager
def service() -> Iterator[None]:
    """A server on the loopback address, and an environment that leads to it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        yield
    finally:
        server.stop()


def main() -> None:
    """Make, put, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=400)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--samples", type=int, default=25_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, service():
        base, filesystem = Path(folder), fsspec.filesystem("s3")
        edges = np.linspace(0, arguments.recordings, arguments.files + 1).astype(int).tolist()
        paths = [base / f"part-{k:03}.h5" for k in range(arguments.files)]
        for path, first, last in zip(paths, edges, edges[1:], strict=False):
            make(path, range(first, last), arguments.samples)
        join_stores(paths, base / "set.h5")
        filesystem.mkdir("plant")
        for path in (*paths, base / "set.h5"):
            filesystem.put_file(str(path), f"plant/{path.name}")
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{arguments.recordings} recordings in {arguments.files} files, {size:.0f} MB")
        requests, rng = Requests(), np.random.default_rng(0)
        started = time.perf_counter()
        with Store("s3://plant/set.h5", memory_budget=0) as store:
            requests.told("opening", time.perf_counter() - started)
            index = store.windows(WindowSpec(WINDOW, RATE, ("DE",)))
            for batch in range(3):
                pick = rng.integers(0, len(index), BATCH)
                started = time.perf_counter()
                index.read(pick)
                requests.told(f"batch {batch + 1} of {BATCH}", time.perf_counter() - started)


if __name__ == "__main__":
    main()
