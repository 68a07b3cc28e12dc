"""Running notebooks without kernels, and nbval, in processes of their own, for the tests that run notebooks.

Every run writes into folders of its own, so that nothing committed changes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dfdlib.command import run
from dfdlib.core import paths


def environment(folder: Path, fresh: bool) -> dict[str, str]:
    """Own results and figures; with `fresh` also an empty cache and no finished training runs."""
    names = ["RESULTS", "FIGURES"] + (["CACHE", "RUNS"] if fresh else [])
    return os.environ | {f"DFD_{name}": str(folder / name.lower()) for name in names}


def without_kernels(folder: Path, study: str, *numbers: str, more: Mapping[str, str]) -> subprocess.CompletedProcess:
    """Notebooks in one process from an empty cache, in `environment` and with `more` variables."""
    command = [sys.executable, "-m", "tests.shells", study, *numbers]
    variables = environment(folder, fresh=True) | {"PYTHONPATH": str(paths.root())} | dict(more)
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1500)


def nbval(folder: Path, *arguments: str) -> str:
    """Run nbval in a process of its own; its summary line. Warnings inside nbval are not this project's."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["-o", "addopts=", "-o", "filterwarnings="]
    command += ["--rootdir", str(paths.root()), "-c", str(paths.root() / "pyproject.toml")]
    command += ["--confcutdir", str(paths.root()), "-p", "tests.conftest"]
    command += ["--nbval-current-env", f"--nbval-sanitize-with={paths.root() / 'tests' / 'nbval.cfg'}"]
    command += ["--nbval-cell-timeout=900", *arguments]
    variables = environment(folder, fresh=False) | {"PYTHONPATH": str(paths.root())}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    return done.stdout.strip().splitlines()[-1]


def in_order(folder: Path) -> list[str]:
    """The notebooks in the order in which they need each other."""
    return [str(folder / path.name) for path in run.order()]
