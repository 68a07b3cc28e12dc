"""Copy a finished run's results, figures and notebooks into the repository; no run does that by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import nbformat

from dfdlib.command import run
from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import readme_tables

STUDIES = ("embedded", "uadfv")  # those whose numbers the repository holds; of uadfv no picture and no notebook
KEPT_METADATA = {"step", "tags"}  # `step` names a long cell in the progress of `dfd run`
WIDGET = "application/vnd.jupyter.widget-view+json"


def publish(study: str) -> str:
    """Copy what the last run of a study left in build/<study>; returns the kind of machine that it ran on.

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
    machine = json.loads(numbers.read_text(encoding="utf-8"))["run"]["machine"]
    shutil.copy(numbers, paths.published_results())
    for table in sorted(paths.results(study).glob(f"*/{study}.csv")):
        _copy(table, paths.published_results() / table.parent.name)
    if study == "embedded":
        for figure in sorted(paths.figures(study).glob("fig*.*")):
            _copy(figure, paths.published_figures())
        for path in executed:
            write_clean(path, paths.notebooks() / path.name, machine)
    readme_tables.write_readme()
    return machine


def _whole(source: Path, executed: Path) -> Path:
    """The executed notebook; DfdError where it was not run to its end, or has other cells than the source."""
    if executed.is_file():
        known, done = (nbformat.read(path, as_version=4).cells for path in (source, executed))
        done = [cell for cell in done if "injected-parameters" not in cell.metadata.get("tags", [])]
        same = [cell.source for cell in known] == [cell.source for cell in done]
        if same and all(cell.execution_count for cell in done if cell.cell_type == "code"):
            return executed
    raise DfdError(f"{executed} is not a complete run of {source.name}; run the whole study before you publish it.")


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder)


def write_clean(source: Path, target: Path, machine: str) -> None:
    """Write a notebook without what changes from run to run (times, versions), so that a second run gives no diff.

    Its metadata keep the kind of processor: only on the same kind can trained numbers be compared digit by digit.
    """
    notebook = nbformat.read(source, as_version=4)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "dfd": {"machine": machine},
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in KEPT_METADATA}
        cell.update({"outputs": _joined(cell.outputs)} if cell.cell_type == "code" else {})
    with disk.replacing(target) as partial:
        nbformat.write(notebook, partial)


def _joined(outputs: Sequence) -> list:
    """Outputs without dead widgets, printed text as one piece: where a kernel cuts it is chance."""
    kept: list = []
    for output in outputs:
        if WIDGET in output.get("data", {}):
            continue
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept
