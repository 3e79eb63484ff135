"""Processes that run units of work; one that dies costs its unit, not the rest."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from faultsyn.errors import InputError

log = logging.getLogger(__name__)

Unit = TypeVar("Unit")
Answer = TypeVar("Answer")

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Set to one in processes that share the work."""


@dataclass(frozen=True)
class Lost:
    """What stands for the answer of a unit that could not be run; `reason` in a few words."""

    reason: str


class Executor(Protocol):
    """What runs units of work, for a `with` block; left early it gives running units up."""

    def __enter__(self) -> Executor: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def run(
        self, function: Callable[[Unit], Answer], units: Sequence[Unit]
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """Each unit with its answer, in order of completion."""
        ...


class Workers:
    """Local processes that share work, for a `with` block.

    With one job everything runs in this process. With more, functions and units must pickle, each
    process is limited to one thread, and a script that uses this needs the usual
    `if __name__ == "__main__"` guard. Leaving the block early (Ctrl-C, an error) gives running
    units up instead of waiting for them.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._executor: ProcessPoolExecutor | None = None
        self._others = set(multiprocessing.active_children())
        self._before = {name: os.environ.get(name) for name in THREADS}

    def __enter__(self) -> Self:
        if self._jobs > 1:  # inherited by the processes, which read it when they import numpy
            os.environ.update(dict.fromkeys(THREADS, "1"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._executor is None:
            return
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()
        self._executor.shutdown(wait=kind is None, cancel_futures=True)

    def run(
        self, function: Callable[[Unit], Answer], units: Sequence[Unit]
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """Each unit with its answer, in order of completion; `Lost` when its process died twice.

        Exceptions of `function` are raised here; `InputError` when no process can start.
        """
        if self._jobs == 1:
            for unit in units:
                yield unit, function(unit)
            return
        waiting = deque(units)
        running: dict[Future[Answer], Unit] = {}
        while waiting or running:
            # No more than one unit a process, so that a death points at few suspects.
            while waiting and len(running) < self._jobs:
                unit = waiting.popleft()
                running[self._submit(function, unit)] = unit
            suspects = []
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                unit = running.pop(future)
                try:
                    answer = future.result()
                except BrokenProcessPool:
                    suspects.append(unit)
                    continue
                yield unit, answer
            if suspects:
                suspects += running.values()
                running.clear()
                yield from self._alone(function, suspects)

    def _alone(
        self, function: Callable[[Unit], Answer], suspects: list[Unit]
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """A process died and took the pool along: try each unit it may have had by itself."""
        log.warning("a worker process died; retrying %d units one by one", len(suspects))
        self._drop()
        self._require_start()
        for unit in suspects:
            try:
                yield unit, self._submit(function, unit).result()
            except BrokenProcessPool:
                log.error("a worker process died twice on the same unit; it is left out")
                self._drop()
                yield unit, Lost("worker died twice")

    def _require_start(self) -> None:
        try:
            self._started().submit(os.getpid).result()
        except BrokenProcessPool:
            raise InputError(
                "worker processes die before they start",
                "guard the calling script with `if __name__ == '__main__':`, or use one job",
            ) from None

    def _submit(self, function: Callable[[Unit], Answer], unit: Unit) -> Future[Answer]:
        try:
            return self._started().submit(function, unit)
        except BrokenProcessPool:  # a process died while it had nothing to do
            self._drop()
            return self._started().submit(function, unit)

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(
                self._jobs, mp_context=context, initializer=_start_worker
            )
        return self._executor

    def _drop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None


def _start_worker() -> None:
    """Silent on Ctrl-C, and gone when the parent is gone (even by kill -9)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
