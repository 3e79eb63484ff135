"""HDF5 files are read in a process of their own: a damaged one can crash or hang the C library.

One reading process is started when the first such file is met; it forks a child for every file.
When the child dies or does not answer, the file is refused like any other damaged file, and the
ingest goes on.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

from faultsyn.errors import InputError
from faultsyn.ingest.readers.base import Array, Source
from faultsyn.ingest.readers.wire import receive, send

MOST_SECONDS = 120.0
"""Without an answer for so long a file counts as one that hangs its reader."""
_MODULE = "faultsyn.ingest.readers.reading_process"
_HINT = "copy it again from its source"


class GuardedSource(Source):
    """A `Source` that stands in for one in a child process.

    - `kind`: "hdf5" or "mat73"; `transpose`: as in `open_source`.
    - `process`: id of the child.

    Raises `InputError` where the reader itself would, and when the child crashes or hangs.
    """

    def __init__(self, path: Path, kind: Literal["hdf5", "mat73"], transpose: bool) -> None:
        super().__init__(path)
        self._link = _reading_process.connect()
        weakref.finalize(self, self._link.close)
        self._link.settimeout(MOST_SECONDS)
        self._streams = count()
        self.process: int | None = None
        self.process = self._receive()[0]["process"]
        send(self._link, {"path": str(path), "kind": kind, "transpose": transpose})
        about, _ = self._ask("open")
        self.names = tuple(about["names"])
        self.units = about["units"]
        self.attributes = about["attributes"]
        self._text = frozenset(about["text"])

    def _ask(self, question: str, **more: Any) -> tuple[dict[str, Any], dict[str, Array]]:
        try:
            send(self._link, {"ask": question, **more})
        except OSError:
            raise self._crashed() from None
        answer, arrays = self._receive()
        if "error" in answer:
            raise InputError(answer["error"], answer["hint"])
        return answer, arrays

    def _receive(self) -> tuple[dict[str, Any], dict[str, Array]]:
        try:
            return receive(self._link)
        except TimeoutError:
            if self.process is not None:
                os.kill(self.process, signal.SIGKILL)
            self._link.close()
            raise InputError(
                f"{self.path}: damaged: its reader gave no answer for {MOST_SECONDS:g} s", _HINT
            ) from None
        except (EOFError, OSError):
            raise self._crashed() from None

    def _crashed(self) -> InputError:
        self._link.close()
        return InputError(f"{self.path}: damaged: the HDF5 library crashed on it", _HINT)

    def blocks(
        self, names: Sequence[str], text: Collection[str] = ()
    ) -> Iterator[dict[str, Array]]:
        """The named variables, slice by slice."""
        stream = next(self._streams)
        self._ask("blocks", stream=stream, names=list(names), text=list(text))
        try:
            while True:
                answer, arrays = self._ask("next", stream=stream)
                if answer["ended"]:
                    break
                yield arrays
        except GeneratorExit:  # the rest is not wanted
            with suppress(InputError):
                self._ask("close", stream=stream)
            raise

    def matrix(self, name: str) -> Array:
        """A variable as `(rows, samples)`; a vector is one row."""
        return self._ask("matrix", name=name)[1][""]

    def is_text(self, name: str) -> bool:
        """True for strings."""
        return name in self._text


class _ReadingProcess:
    """The one of this process, started when it is needed (again)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    def connect(self) -> socket.socket:
        """A link to a new child."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._control is None or self._owner != os.getpid():  # a fork has its own
                self._start()
            assert self._control is not None
            try:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            except OSError:  # killed from outside
                self._start()
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
        return ours

    def stop(self) -> None:
        """Let the process end."""
        if self._control is not None and self._owner == os.getpid():
            self._control.close()
            if self._process is not None:
                self._process.wait()
        self._control = None

    def _start(self) -> None:
        self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the ingest
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                },
            )
        self._control, self._owner = ours, os.getpid()


_reading_process = _ReadingProcess()
