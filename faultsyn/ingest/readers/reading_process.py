"""The process that reads HDF5 files for an ingest: `python -m ... FILE_DESCRIPTOR`.

It imports what is needed once and then forks a child for every file, so that a file is read in
fresh memory and costs a few milliseconds; see `guarded`.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array, reading
from faultsyn.ingest.readers.hdf5 import Hdf5Source
from faultsyn.ingest.readers.mat73 import Mat73Source
from faultsyn.ingest.readers.slabs import SlabSource
from faultsyn.ingest.readers.wire import receive, send

KINDS: dict[str, type[SlabSource]] = {"hdf5": Hdf5Source, "mat73": Mat73Source}


def main(descriptor: int) -> None:
    """Fork a child for every connection that arrives, until the ingest is gone."""
    control = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            try:
                _serve(socket.socket(fileno=descriptors[0]))
            except (EOFError, OSError):  # the ingest has no more questions, or is gone
                pass
            finally:
                os._exit(0)
        os.close(descriptors[0])


def _serve(link: socket.socket) -> None:
    """Answer questions about one file."""
    send(link, {"process": os.getpid()})
    wanted, _ = receive(link)
    path = Path(wanted["path"])
    opened: SlabSource | None = None
    streams: dict[int, Iterator[dict[str, Array]]] = {}
    while True:
        question, _ = receive(link)
        answer: dict[str, Any] = {}
        arrays: dict[str, Array] = {}
        try:
            with reading(path, KINDS[wanted["kind"]].kind):
                if opened is None:
                    opened = KINDS[wanted["kind"]](path, wanted["transpose"])
                    answer = _describe(opened)
                elif question["ask"] == "blocks":
                    streams[question["stream"]] = opened.blocks(
                        question["names"], frozenset(question["text"])
                    )
                elif question["ask"] == "next":
                    block = next(streams[question["stream"]], None)
                    answer = {"ended": block is None}
                    arrays = block or {}
                elif question["ask"] == "close":
                    del streams[question["stream"]]
                else:
                    arrays = {"": opened.matrix(question["name"])}
        except InputError as error:
            answer = {"error": error.message, "hint": error.hint}
        send(link, answer, arrays)


def _describe(source: SlabSource) -> dict[str, Any]:
    return {
        "names": list(source.names),
        "text": [name for name in source.names if source.is_text(name)],
        "units": source.units,
        "attributes": source.attributes,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
