"""Many calls of one function: in processes of this machine, or on the Dask cluster that DFD_SCHEDULER names.

A cluster's workers must see this process's files under the same paths, and import the same dfdlib.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from dfdlib.core import cache, paths, repro
from dfdlib.core.errors import DfdError

_ALONE = threading.Lock()  # a worker with several threads calls one function at a time: seeds belong to the process
ANSWER, WAIT = 20, 60  # seconds for the scheduler's answer and for a first worker
TRIED, WORTH = 1.0, 30.0  # seconds: of calls here first, and of the others from which processes repay their start
_SMALL = (str, int, float, bool, type(None))


def use(scheduler: str) -> None:
    """Let `each`, in this process and those it starts, use the Dask cluster at `scheduler` ("tcp://host:port")."""
    connected(scheduler).close()
    os.environ["DFD_SCHEDULER"] = scheduler


def connected(scheduler: str) -> Any:
    """A client of the Dask cluster at `scheduler`; DfdError where Dask isn't installed or nothing answers."""
    try:
        from distributed import Client
    except ImportError:
        raise DfdError("A cluster needs Dask; install it: pip install 'dask[distributed]'.") from None
    try:
        return Client(scheduler, timeout=ANSWER)
    except (OSError, ValueError) as error:
        raise DfdError(f"No Dask scheduler answers at {scheduler} ({error}); start one or correct it.") from None


def each(function: Callable, calls: Iterable[tuple], jobs: int) -> list:
    """The results of a function (defined at the top of its module) for each tuple of arguments, in order.

    The calls run here, in `jobs` processes where the calls take longer than starting those, or on the cluster. A call
    whose worker dies is made again. DfdError where the cluster can't do it.
    """
    scheduler = os.environ.get("DFD_SCHEDULER")
    if not scheduler:
        return _here(function, list(calls), jobs)
    from distributed import KilledWorker

    with connected(scheduler) as client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            raise DfdError(f"The cluster at {scheduler} has no worker; start some: dask worker {scheduler}.") from None
        try:
            return _on_cluster(client, function, list(calls))
        except KilledWorker as error:
            what = f"{function.__name__} killed {error.allowed_failures + 1} workers of {scheduler} one after the other"
            raise DfdError(
                f"{what}, usually because memory ran out; give them more, or start fewer on a machine."
            ) from None
        except CancelledError:
            again = "start it again, then this command; finished results are kept"
            raise DfdError(f"The cluster at {scheduler} is gone; {again}.") from None


def _here(function: Callable, calls: list[tuple], jobs: int) -> list:
    """The first calls tell whether the others are worth processes of their own."""
    start, done = time.perf_counter(), []
    while len(done) < len(calls) and time.perf_counter() - start < TRIED:
        done.append(function(*calls[len(done)]))
    rest, taken = calls[len(done) :], time.perf_counter() - start
    worth = taken * len(rest) > WORTH * len(done)
    return done + Parallel(jobs if worth else 1)(delayed(function)(*call) for call in rest)


def _on_cluster(client: Any, function: Callable, calls: list[tuple]) -> list:
    """What several calls take goes to every worker once, so that the death of one loses nothing."""
    uses = Counter(id(value) for call in calls for value in call if not isinstance(value, _SMALL))
    shared = {id(value): value for call in calls for value in call if uses[id(value)] > 1}
    there = client.scatter([*shared.values()], broadcast=True, hash=False) if shared else []
    sent = dict(zip(shared, there, strict=True))
    here = _environment(), _threads(), _kind(function)
    arguments = ([sent.get(id(value), value) for value in call] for call in calls)
    return client.gather([client.submit(_as_here, here, function, *given, pure=False) for given in arguments])


def _environment() -> dict[str, str]:
    """This process's folders and limits of instructions; a worker uses no cluster itself."""
    own = {name: str(Path(value).resolve()) for name, value in os.environ.items() if name.startswith("DFD_") and value}
    limits = {name: os.environ[name] for name in repro.SHARED if name in os.environ}
    return own | limits | {"DFD_CACHE": str(paths.cache()), "DFD_RUNS": str(paths.runs()), "DFD_SCHEDULER": ""}


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _kind(function: Callable) -> tuple:
    """What a result depends on beside its arguments: code, libraries, instructions."""
    import torch

    code = cache.code_version(function.__module__)
    return code, repro.library_versions(), torch.backends.cpu.get_cpu_capability()


def _as_here(here: tuple[dict[str, str], int, tuple], function: Callable, *given: Any) -> Any:
    """On a worker: the call, computed as the process that sent it would."""
    import torch

    environment, threads, kind = here
    with _ALONE:
        for name in [name for name in os.environ if name.startswith("DFD_") or name in repro.SHARED]:
            del os.environ[name]  # of an earlier call
        os.environ |= environment
        torch.set_num_threads(threads)
        if _kind(function) != kind:
            raise DfdError(
                "A worker's code, libraries or processor differ from this machine's; match them and restart it."
            )
        return function(*given)
