"""Shared by all tests, the notebooks that nbval collects included."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import matplotlib
import pytest

from dfdlib.core import paths, repro

matplotlib.use("agg")  # here and not in MPLBACKEND, which kernels would inherit: then they show no figure
LONGEST = [f"test_{name}.py" for name in ("notebooks_twice", "notebooks_run", "browser", "every_layout", "site")]
NUMBER = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?|\bnan\b")
repro.limit(1)  # before PyTorch computes anything, so that this process rounds as those that a test starts


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one of them when the others have finished."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """nbval: warnings of libraries are not results, so what a cell writes to stderr is not compared."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_itemcollected(item: pytest.Item) -> None:
    """nbval: of a cell with the tag `trained` another processor changes the numbers and the sentences made from them.

    What is printed must be equal but for its numbers. Markdown chooses its words by intervals; these, and the verdicts,
    are compared in tests/test_notebooks_run.py, which sets the variable.
    """
    tags = getattr(item, "cell", {}).get("metadata", {}).get("tags", ())
    if os.environ.get("DFD_OTHER_PROCESSOR") and "trained" in tags:
        exact, compare = item.sanitize, item.compare_outputs
        item.sanitize = lambda said: masked(exact(said))
        item.compare_outputs = lambda new, old, skip=(): compare(new, old, (*item.parent.skip_compare, "text/markdown"))


def masked(said: object) -> object:
    """Text with every number as 0 and every run of spaces as one; anything else as it is."""
    return " ".join(NUMBER.sub("0", said).split()) if isinstance(said, str) else said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Dask scheduler's address, with two workers of one thread each, in processes of their own, under nannies."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--no-show"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--nworkers", "1"]
    worker += ["--no-dashboard", "--local-directory", str(folder)]
    once = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}  # a call may kill one worker, not two
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": paths.root(), "env": once}
    commands = ([*command, "--scheduler-file", str(file)] for command in (dask, worker, worker))
    started = [subprocess.Popen(command, **quiet) for command in commands]
    try:
        deadline = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)
