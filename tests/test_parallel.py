"""Sweeps and folds on a Dask cluster: the results of this process, also where a worker dies on the way.

Workers import this module too, so it imports little.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dfdlib.core import parallel, repro
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, OneCycleParams, ResNetParams, Study, SuperResParams, SweepParams

STUDY = Study(
    "tiny",
    jobs=1,
    faces=FaceParams(size=36),
    sweep=SweepParams(heights=(18,), qualities=(0,)),
    superres=SuperResParams(d=8, s=4, m=1),
    resnet=ResNetParams(arch="resnet18_slim", input_size=32, bfloat16=False),
    one_cycle=OneCycleParams(peak=0.01, epochs=2),
)
pytestmark = pytest.mark.filterwarnings("default")  # Dask's clients leave sockets to the garbage collector


def _process(number: int) -> tuple[int, int]:
    return number, os.getpid()


def test_few_calls_stay_here_and_many_long_ones_get_processes(monkeypatch) -> None:
    calls = [(number,) for number in range(6)]
    assert parallel.each(_process, calls, 2) == [(number, os.getpid()) for number in range(6)]
    monkeypatch.setattr(parallel, "TRIED", 0.0)
    monkeypatch.setattr(parallel, "WORTH", -1.0)
    found = parallel.each(_process, calls, 2)
    assert [number for number, _ in found] == [*range(6)] and os.getpid() not in {process for _, process in found}
    assert parallel.each(_process, calls, 1) == [(number, os.getpid()) for number in range(6)]
    assert parallel.each(_process, [], 2) == []


@pytest.fixture
def scheduler(cluster: str, monkeypatch, tmp_path: Path) -> Iterator[str]:
    """The cluster's address, which `each` uses; one thread here, and then there too."""
    import torch

    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DFD_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DFD_SCHEDULER", "")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    parallel.use(cluster)
    yield cluster
    torch.set_num_threads(before)


def _told(number: int, values: np.ndarray) -> tuple:
    """What a worker sees."""
    import torch

    variables = {name: value for name, value in os.environ.items() if name.startswith(("DFD_", "ONEDNN"))}
    return number * values.sum(), torch.get_num_threads(), variables


def test_the_cluster_answers_in_order_and_works_as_this_process_does(scheduler, monkeypatch, tmp_path) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(2)  # a worker by itself has one
    values, own = np.arange(1e5), {f"DFD_{name.upper()}": str(tmp_path / name) for name in ("cache", "runs")}
    for more in ({"DFD_SR": "images", "ONEDNN_MAX_CPU_ISA": "AVX2"}, {}):  # then without them
        for name in ("DFD_SR", "ONEDNN_MAX_CPU_ISA"):
            monkeypatch.setenv(name, more[name]) if more else monkeypatch.delenv(name)
        own |= {"DFD_SCHEDULER": ""}
        seen = own | more | ({"DFD_SR": str(tmp_path / "images")} if more else {})
        found = parallel.each(_told, ((number, values) for number in range(4)), jobs=1)
        assert found == [(number * values.sum(), 2, seen) for number in range(4)]


FILES = ("runs", "tiny/resnet-*"), ("cache", "_measured/*.npz")


@contextlib.contextmanager
def _killing(scheduler: str, begun: Callable[[], bool]) -> Iterator[None]:
    """Kill a worker as soon as the work has begun."""
    with parallel.connected(scheduler) as client:
        client.wait_for_workers(2, timeout=60)
        victim = next(iter(client.run(os.getpid).values()))
    over = threading.Event()

    def kill() -> None:
        while not begun() and not over.is_set():
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
        assert begun()
    finally:
        over.set()
        killer.join()


def test_folds_and_sweeps_are_the_same_though_a_worker_dies(scheduler, monkeypatch, tmp_path) -> None:
    from dfdlib.experiments import comparisons, resolution
    from dfdlib.resnet import finetune
    from dfdlib.superres import enlarging, networks
    from tests.test_finetune import _frames

    frames = replace(_frames(), points=np.random.default_rng(1).uniform(5, 30, (24, 68, 2)))
    monkeypatch.setattr(finetune, "small", lambda study: study)
    finetune.one_cycle(STUDY, frames)
    enlarging.save_fsrcnn(networks.FSRCNN(2, 8, 4, 1), STUDY)
    place = tmp_path / "runs" / "tiny"
    with _killing(scheduler, lambda: len(list(place.glob("resnet-*/epoch_01.npz"))) > 1):
        folds = comparisons.in_folds(STUDY, frames, "person")
    cells = resolution.measure_cells(STUDY, frames)
    kept = [len(list((tmp_path / name).glob(pattern))) for name, pattern in FILES]
    assert kept == [6, 5], "they write where this process reads"

    monkeypatch.setenv("DFD_SCHEDULER", "")
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache here"))
    for cell, value in resolution.measure_cells(STUDY, frames).items():
        assert all(np.array_equal(value[name], cells[cell][name]) for name in value)
    monkeypatch.setenv("DFD_RUNS", str(tmp_path / "runs here"))
    assert comparisons.in_folds(STUDY, frames, "person").equals(folds), "bit by bit"


def test_workers_with_other_code_refuse(scheduler, monkeypatch) -> None:
    monkeypatch.setattr(repro, "library_versions", lambda: (("torch", "0.1"),))
    with pytest.raises(DfdError, match="code, libraries or processor differ from this machine"):
        parallel.each(_told, [(1, np.ones(1))], jobs=1)


def _deadly() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_call_that_kills_each_worker_is_a_sentence(scheduler) -> None:
    with pytest.raises(DfdError, match="_deadly killed 2 workers of tcp://.* one after the other, usually because"):
        parallel.each(_deadly, [()], jobs=1)


def _gone(client, function, calls) -> None:
    raise CancelledError  # as where the scheduler does not come back


def test_a_cluster_that_ends_on_the_way_is_a_sentence(scheduler, monkeypatch) -> None:
    monkeypatch.setattr(parallel, "_on_cluster", _gone)
    with pytest.raises(DfdError, match="is gone; start it again, then this command; finished results are kept"):
        parallel.each(_deadly, [()], jobs=1)


def test_a_cluster_without_workers_is_a_sentence(monkeypatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(parallel, "WAIT", 0.1)
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        monkeypatch.setenv("DFD_SCHEDULER", empty.scheduler_address)
        with pytest.raises(DfdError, match=r"The cluster at tcp://\S+ has no worker; start some: dask worker tcp://"):
            parallel.each(_deadly, [()], jobs=1)


def test_a_run_without_its_cluster_does_not_start(monkeypatch) -> None:
    from typer.testing import CliRunner

    from dfdlib.command import cli

    monkeypatch.setattr(parallel, "ANSWER", 0.5)
    monkeypatch.setenv("DFD_SCHEDULER", "")
    with pytest.raises(DfdError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        CliRunner().invoke(cli.app, ["run", "smoke", "--scheduler", "tcp://127.0.0.1:1"], catch_exceptions=False)
    assert os.environ["DFD_SCHEDULER"] == ""
