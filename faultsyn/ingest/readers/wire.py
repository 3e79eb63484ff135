"""Messages between an ingest and its reading process: a JSON header, then arrays as plain bytes.

Nothing is pickled: what comes back from a process that reads damaged files is data only.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from faultsyn.ingest.readers.base import Array

_LENGTH = struct.Struct("<Q")


def send(link: socket.socket, header: Mapping[str, Any], arrays: Mapping[str, Array] = {}) -> None:
    """Send a header of JSON values, and arrays of numbers or text by name."""
    found = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    layout = [[name, array.dtype.str, list(array.shape)] for name, array in found.items()]
    text = json.dumps({**header, "arrays": layout}).encode()
    link.sendall(_LENGTH.pack(len(text)) + text)
    for array in found.values():
        if array.nbytes:
            link.sendall(array.reshape(-1).view(np.uint8).data)


def receive(link: socket.socket) -> tuple[dict[str, Any], dict[str, Array]]:
    """What `send` sent. Raises `EOFError` when the other end is gone, `TimeoutError` as set."""
    (length,) = _LENGTH.unpack(_exactly(link, memoryview(bytearray(_LENGTH.size))))
    header: dict[str, Any] = json.loads(bytes(_exactly(link, memoryview(bytearray(length)))))
    arrays: dict[str, Array] = {}
    for name, dtype, shape in header.pop("arrays"):
        array = np.empty(shape, dtype)
        if array.nbytes:
            _exactly(link, array.reshape(-1).view(np.uint8).data)
        arrays[name] = array
    return header, arrays


def _exactly(link: socket.socket, room: memoryview) -> memoryview:
    at = 0
    while at < len(room):
        got = link.recv_into(room[at:])
        if not got:
            raise EOFError
        at += got
    return room
