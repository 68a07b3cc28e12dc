"""Do something for each of many items: in processes of this machine or on a Dask cluster, and survive a dead worker."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import joblib
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from dfdlib.core.errors import DfdError

LOG = logging.getLogger(__name__)


def in_processes(
    function: Callable,
    items: dict[str, tuple],
    jobs: int,
    scheduler: str,
    begun: Callable[[str], bool],
    crashed: Callable[[str], Any],
) -> Iterator[tuple[str, Any]]:
    """(name, result of function(*arguments)) for each item {name: arguments}, as they are done.

    In `jobs` processes with one thread each (1: in this one), or on the workers of the cluster at `scheduler`. When a
    process dies, the items that had `begun` are tried once more, each alone; for one that kills its process again
    `crashed(name)` stands as its result. (A cluster tries them again by itself.)
    """
    left = dict(items)
    try:
        for name, result in _in_pool(function, items, jobs, scheduler):
            del left[name]
            yield name, result
        return
    except TerminatedWorkerError:
        LOG.warning("a worker process died; what it was at is tried again alone")
    suspects = [name for name in left if begun(name)] or list(left)
    for name in suspects:
        yield name, _in_own_process(function, left.pop(name), lambda name=name: crashed(name))
    yield from in_processes(function, left, jobs, scheduler, begun, crashed)


def _in_pool(function: Callable, items: dict[str, tuple], jobs: int, scheduler: str) -> Iterator[tuple[str, Any]]:
    with _backend(scheduler):
        parallel = Parallel(-1 if scheduler else jobs, return_as="generator_unordered", batch_size=1)
        yield from parallel(delayed(_named)(name, function, arguments) for name, arguments in items.items())


def _named(name: str, function: Callable, arguments: tuple) -> tuple[str, Any]:
    return name, function(*arguments)


def _in_own_process(function: Callable, arguments: tuple, crashed: Callable[[], Any]) -> Any:
    """The result from a process of its own."""
    try:
        with _backend(""):
            return Parallel(2)(delayed(function)(*arguments) for _ in range(1))[0]
    except TerminatedWorkerError:
        return crashed()


@contextlib.contextmanager
def _backend(scheduler: str) -> Iterator[None]:
    if not scheduler:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            yield
        return
    client = connected(scheduler)
    with client, joblib.parallel_config("dask", client=client, wait_for_workers_timeout=60):
        yield


def connected(scheduler: str) -> Any:
    """A client of the Dask cluster at `scheduler`; DfdError where Dask isn't installed or nothing answers."""
    try:
        from distributed import Client
    except ImportError:
        raise DfdError("A cluster needs Dask; install it: pip install 'dask[distributed]'.") from None
    try:
        return Client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise DfdError(f"No Dask scheduler answers at {scheduler} ({error}); start one or correct it.") from None
