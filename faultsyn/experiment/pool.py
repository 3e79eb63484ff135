"""Local processes that run units of work; one that dies costs its unit, not the study."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any, Generic, TypeVar

from faultsyn.experiment.cells import Workspace

log = logging.getLogger(__name__)

Unit = TypeVar("Unit")
Answer = TypeVar("Answer")


def run_units(
    function: Callable[[Unit, Workspace], Answer],
    units: Sequence[Unit],
    workspace: Workspace,
    jobs: int,
) -> Iterator[tuple[Unit, Answer | None]]:
    """Each unit with its answer, in order of completion; None when its process died twice.

    With one job the units run in this process; with more, `function` and `units` must pickle,
    each process is limited to one thread, and a script that calls this needs the usual
    `if __name__ == "__main__"` guard. Exceptions of `function` are raised here.
    """
    if jobs == 1 or not units:
        for unit in units:
            yield unit, function(unit, workspace)
        return
    before = set(multiprocessing.active_children())
    run = _Run(function, workspace, jobs)
    try:
        yield from run.over(units)
        run.executor.shutdown()
    finally:
        # Reached early on Ctrl-C or an error: running units are given up, not waited for.
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        run.executor.shutdown(wait=False, cancel_futures=True)


class _Run(Generic[Unit, Answer]):
    def __init__(
        self, function: Callable[[Unit, Workspace], Answer], workspace: Workspace, jobs: int
    ) -> None:
        self._function, self._workspace, self._jobs = function, workspace, jobs
        self.executor = _executor(jobs)

    def over(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Answer | None]]:
        waiting = deque(units)
        running: dict[Future[Answer], Unit] = {}
        while waiting or running:
            # No more than one unit a process, so that a death points at few suspects.
            while waiting and len(running) < self._jobs:
                unit = waiting.popleft()
                try:
                    running[self._submit(unit)] = unit
                except BrokenProcessPool:
                    waiting.appendleft(unit)
                    break
            finished = wait(running, return_when=FIRST_COMPLETED).done
            suspects = []
            for future in finished:
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
                yield from self._alone(suspects)

    def _alone(self, suspects: list[Unit]) -> Iterator[tuple[Unit, Answer | None]]:
        """A process died and took its pool along: try each unit it may have had by itself."""
        log.warning("a worker process died; retrying %d units one by one", len(suspects))
        for unit in suspects:
            self._renew()
            try:
                yield unit, self._submit(unit).result()
            except BrokenProcessPool:
                log.error("a worker process died twice on the same unit; it is left out")
                yield unit, None
        self._renew()

    def _submit(self, unit: Unit) -> Future[Answer]:
        return self.executor.submit(self._function, unit, self._workspace)

    def _renew(self) -> None:
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = _executor(self._jobs)


def _executor(jobs: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    """One thread, silent on Ctrl-C, and gone when the parent is gone (even by kill -9)."""
    from threadpoolctl import threadpool_limits

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threadpool_limits(1)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
