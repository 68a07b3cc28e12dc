"""Execute one notebook with papermill, and write it without what changes from run to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from dfdlib.core import disk
from dfdlib.core.errors import DfdError

CELL_TIMEOUT = 6 * 3600  # seconds; the longest cell trains the paper's ResNet-50 for 20 epochs on a CPU
PARAMETERS = {"study"}
KEPT_METADATA = {"tags"}
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(source: Path, target: Path, parameters: dict[str, str], tell: Callable[[str], None]) -> None:
    _check_parameters(source)
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            parameters,
            engine_name="dfd",
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=CELL_TIMEOUT,
            tell=tell,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns about TCP, which stays on this machine
        )
    except PapermillExecutionError as error:
        raise DfdError(_sentence(source, target, error)) from None
    except DeadKernelError:
        raise DfdError(f"The kernel of {source.name} died, most often for want of memory; see {target}.") from None


def _check_parameters(source: Path) -> None:
    found = set(papermill.inspect_notebook(str(source)))
    if found != PARAMETERS:
        raise DfdError(f"{source.name} takes the parameters {sorted(found)}; a study's notebook takes `study` alone.")


def _sentence(source: Path, target: Path, error: PapermillExecutionError) -> str:
    what = error.evalue if error.ename == "DfdError" else f"{error.ename}: {error.evalue}"
    return f"{source.name} stopped: {what} (The notebook up to there is {target}; what was computed is kept.)"


class Engine(NBClientEngine):
    """papermill's own engine that also tells the step of each cell: its description or the heading above it."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, tell=print, **kwargs):  # noqa: ANN001, ANN003, ANN206
        started = nb_man.cell_start

        def cell_start(cell, cell_index=None, **more):  # noqa: ANN001, ANN003, ANN202
            tell(step_name(nb_man.nb.cells, cell_index or 0))
            return started(cell, cell_index, **more)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


papermill_engines.register("dfd", Engine)


def step_name(cells: Sequence, index: int) -> str:
    """The `# papermill_description=` of a cell, else the nearest Markdown heading at or above it."""
    for line in cells[index].source.splitlines():
        if line.startswith("# papermill_description="):
            return line.partition("=")[2].replace("_", " ")
    for cell in reversed(cells[: index + 1]):
        headings = [line for line in cell.source.splitlines() if line.startswith("#")]
        if cell.cell_type == "markdown" and headings:
            return headings[-1].lstrip("# ")
    return "start"


def write_clean(source: Path, target: Path, machine: str) -> None:
    """Write a notebook without what changes from run to run (times, versions), so that a second run gives no diff.

    Its metadata keep the kind of processor that it ran on: only on the same kind can trained numbers be compared digit
    by digit.
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
    """Printed text as one output: into how many pieces a kernel cuts it is chance. No dead widgets."""
    kept: list = []
    for output in outputs:
        if WIDGET in output.get("data", {}):
            continue
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept
