"""Put a finished run's results, figures and notebooks into the repository: nothing else writes tracked files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat

from dfdlib.command import notebooks, run
from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import claims

STUDIES = ("embedded", "uadfv")  # those whose numbers the repository holds; of uadfv no picture and no notebook


def publish(study: str) -> str:
    """Copy what the last run of a study left in build/<study>; the kind of machine that it ran on.

    Raises DfdError for another study, and where a notebook has not been run to its end or was changed since.
    """
    if study not in STUDIES:
        raise DfdError(
            f"The numbers of {study!r} stay in build/; only the studies {' and '.join(STUDIES)} are published."
        )
    numbers = paths.results(study) / f"{study}.json"
    if not numbers.is_file():
        raise DfdError(f"There is no {numbers}; run the study first: dfd run {study}")
    executed = [_whole(path, paths.build() / study / "notebooks" / path.name) for path in run.order()]
    machine = json.loads(numbers.read_text())["run"]["machine"]
    shutil.copy(numbers, paths.published_results())
    for table in sorted(paths.results(study).glob(f"*/{study}.csv")):
        _copy(table, paths.published_results() / table.parent.name)
    if study == "embedded":
        for figure in sorted(paths.figures(study).glob("fig*.*")):
            _copy(figure, paths.published_figures())
        for path in executed:
            notebooks.write_clean(path, paths.notebooks() / path.name, machine)
    claims.write_readme()
    return machine


def _whole(source: Path, executed: Path) -> Path:
    """The executed notebook; DfdError where it was not run to its end, or is of other cells than the source."""
    if executed.is_file():
        known, done = (nbformat.read(path, as_version=4).cells for path in (source, executed))
        done = [cell for cell in done if "injected-parameters" not in cell.metadata.get("tags", [])]
        same = [cell.source for cell in known] == [cell.source for cell in done]
        if same and all(cell.execution_count for cell in done if cell.cell_type == "code"):
            return executed
    raise DfdError(f"{executed} is not {source.name} run to its end; run the whole study before you publish it.")


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder)
