"""A Ray cluster that runs units of work, with the same contract as local processes."""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from faultsyn.errors import FaultsynError, InputError
from faultsyn.experiment.needs import Needs
from faultsyn.workers import THREADS, Answer, Lost, Unit

log = logging.getLogger(__name__)

LOCAL = "local"
ATTEMPTS = 3
"""A unit that has failed so often is given up."""
_NUMBERS = {2: "twice", 3: "three times"}
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
_STARTS = 2
_OBJECTS = 128 << 20  # bytes for objects in shared memory: rows are small
_CONNECT_SECONDS = 5  # Ray itself would try for minutes
_AHEAD = 2
"""Units handed to the cluster for each of its processors: the next is there when one ends."""


@dataclass
class _Try:
    """A unit on its way, and how often it has failed."""

    unit: Any
    failed: int = 0


class RayWorkers:
    """Workers of a Ray cluster, for a `with` block.

    - `address`: of the cluster ("host:port", "ray://...", or "auto"), or "local": one is started
      in this machine's processors and ended with the block.
    - `jobs`: most units at once; None leaves that to the cluster.

    A unit is put where its `needs` (an attribute; one processor without it) are free. One whose
    worker or node dies, or that raises something that is no `FaultsynError`, may have met a bad
    node: it is tried `ATTEMPTS` times and then answered with `Lost`.
    """

    def __init__(self, address: str, jobs: int | None = None) -> None:
        self._address = address
        self._jobs = jobs
        self._own = False

    def __enter__(self) -> Self:
        self._ray = _library()
        if not self._ray.is_initialized():
            self._start()
            self._own = True
        return self

    def _start(self) -> None:
        local = self._address == LOCAL
        # Inherited by workers that are started here, which read it when they import numpy.
        wanted = {**_SETTINGS, **(dict.fromkeys(THREADS, "1") if local else {})}
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            if local:
                self._start_here()
            else:
                self._join()
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _start_here(self) -> None:
        for attempt in range(1, _STARTS + 1):  # on a busy machine Ray's own patience is short
            try:
                self._ray.init(
                    num_cpus=self._jobs,
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
                return
            except Exception as error:  # a bare one when the node does not come up in time
                self._ray.shutdown()
                if attempt == _STARTS:
                    raise InputError(f"Ray does not start here ({_first_line(error)})") from None

    def _join(self) -> None:
        try:
            if ":" in self._address and "://" not in self._address:
                host, _, port = self._address.rpartition(":")
                socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
            self._ray.init(self._address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # of many kinds, by what is amiss
            raise InputError(
                f"no Ray cluster at '{self._address}' ({_first_line(error)})",
                "start one with `ray start --head`, or use '--ray local'",
            ) from None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._own:
            self._ray.shutdown()

    def run(
        self, function: Callable[[Unit], Answer], units: Sequence[Unit]
    ) -> Iterator[tuple[Unit, Answer | Lost]]:
        """Each unit with its answer, in order of completion; `Lost` after three failures.

        Raises the `FaultsynError` that `function` raised, and `InputError` when no node could ever
        run one of the units.
        """
        self._check(units)
        waiting = deque(_Try(unit) for unit in units)
        running: dict[Any, _Try] = {}
        task = self._ray.remote(max_retries=0)(_work)
        try:
            while waiting or running:
                while waiting and len(running) < self._most():
                    tried = waiting.popleft()
                    placed = task.options(**_options(_needs(tried.unit)))
                    running[placed.remote(function, tried.unit, str(Path.cwd()))] = tried
                done, _ = self._ray.wait(list(running), num_returns=1)
                tried = running.pop(done[0])
                answer = self._answer(done[0])
                if isinstance(answer, Lost):
                    tried.failed += 1
                    if tried.failed < ATTEMPTS:
                        log.warning("%s; trying again", answer.reason)
                        waiting.append(tried)
                        continue
                    answer = Lost(f"{answer.reason} ({_NUMBERS[ATTEMPTS]})")
                yield tried.unit, answer
        finally:  # left early: running units are given up
            for reference in running:
                with suppress(Exception):  # the cluster itself may be gone
                    self._ray.cancel(reference, force=True)

    def _answer(self, reference: Any) -> Any:
        try:
            outcome, value = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Lost(f"worker died: {type(error).__name__}")
        if outcome == "refused":
            raise value
        return Lost(f"failed: {value}") if outcome == "failed" else value

    def _most(self) -> int:
        if self._jobs is not None and self._address != LOCAL:
            return self._jobs
        return max(1, _AHEAD * int(self._ray.cluster_resources().get("CPU", 1)))

    def _check(self, units: Sequence[Any]) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        for needs in {_needs(unit) for unit in units}:
            wanted = {"CPU": needs.cpu, "GPU": needs.gpu, "memory": needs.memory_gb * 1e9}
            if not any(all(n.get(k, 0) >= v for k, v in wanted.items()) for n in nodes):
                told = needs.model_dump(exclude_defaults=True) or needs.model_dump()
                raise InputError(
                    f"no node of the Ray cluster has what a cell needs: {told}",
                    "lower `needs` in the study, or add a node",
                )


def _work(
    function: Callable[[Unit], Answer], unit: Unit, folder: str
) -> tuple[str, Answer | FaultsynError | str]:
    """Run in a worker: relative paths mean there what they mean here."""
    if Path(folder).is_dir():
        os.chdir(folder)
    try:
        return "done", function(unit)
    except FaultsynError as error:
        return "refused", error
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _needs(unit: Any) -> Needs:
    return getattr(unit, "needs", None) or Needs()


def _options(needs: Needs) -> dict[str, float]:
    return {"num_cpus": needs.cpu, "num_gpus": needs.gpu, "memory": needs.memory_gb * 1e9}


def _library() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise InputError(
            "running on a cluster needs the package 'ray', which is not installed",
            "pip install 'faultsyn[scale]'",
        ) from None
    return ray
