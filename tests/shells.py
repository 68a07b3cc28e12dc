"""Running notebooks without a kernel for each, which takes seconds to start: in an IPython shell of one process.

python -m tests.shells STUDY NUMBER [NUMBER ...]
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat

from dfdlib.command import run
from dfdlib.core import paths, repro, studies


def first_failure(notebooks: Iterable[Path], study: str) -> str:
    """Run every cell of the notebooks for a study; the first failure in words, or nothing."""
    import sklearn

    sklearn.set_config(skip_parameter_validation=True)  # a tenth of the time of thousands of small fits
    with contextlib.chdir(paths.notebooks()):
        return next(filter(None, (_executed(path, study) for path in notebooks)), "")


def _executed(path: Path, study: str) -> str:
    import matplotlib
    import matplotlib.pyplot as plt
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    matplotlib.use("agg")
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.reset()
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        if cell.cell_type == "code":
            injected = f"\nstudy = {study!r}" if "parameters" in cell.metadata.get("tags", []) else ""
            done = shell.run_cell(cell.source + injected)
            error = done.error_before_exec or done.error_in_exec
            if error:
                return f"{path.name}, cell {number}: {type(error).__name__}: {error}"
    plt.close("all")
    return ""


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    repro.limit(studies.load(name).threads)  # before NumPy is imported, as in `dfd run`
    sys.exit(first_failure(run.order(numbers), name) or 0)
