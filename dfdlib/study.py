"""Run a study: its notebooks one after the other with papermill, in the order in which they need each other."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import joblib
import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from rich.console import Console

from dfdlib import atomic, cache, data, frames, paths, profile, progress, repro, results
from dfdlib.errors import DfdError
from dfdlib.steps import Steps

CELL_TIMEOUT = 6 * 3600  # seconds; the longest cell trains the paper's ResNet-50 for 20 epochs on a CPU
PARAMETERS = {"study"}
KEPT_METADATA = {"tags"}
WIDGET = "application/vnd.jupyter.widget-view+json"
# What must be done before another starts: notebooks, and trainings that run beside them, so that no core waits
NEEDS = {
    "03": ("01",),
    "one-cycle": ("01",),
    "one-cycle-validated": ("01",),
    "04": ("01",),
    "no-fakes": ("01",),
    "05": ("01", "02", "03", "04", "one-cycle-validated"),
    "06": ("01", "02", "03"),
    "07": ("01", "03", "04", "no-fakes"),
}
# Recipes of `dfd train` that are trained beside the notebooks, from the turn of this one on
TRAINED_BY = ("recipes", "finetune", "train", "resnet", "networks", "selfblend")  # what these runs depend on
BESIDE = {"03": ("one-cycle", "one-cycle-validated"), "04": ("no-fakes",)}


def order(names: Sequence[str] = ()) -> list[Path]:
    """The numbered notebooks whose names start with one of `names` (all by default); 00 shows results, so it is last.

    Raises DfdError for a name that no notebook has.
    """
    every = sorted(paths.notebooks().glob("[0-9][0-9]_*.ipynb"))
    unknown = [name for name in names if not any(path.stem.startswith(name) for path in every)]
    if unknown or not every:
        known = ", ".join(path.stem for path in every) or "none"
        raise DfdError(f"{paths.notebooks()} has no notebook {unknown or 'at all'}; there are: {known}.")
    chosen = [path for path in every if not names or path.stem.startswith(tuple(names))]
    return sorted(chosen, key=lambda path: (path.stem.startswith("00"), path.stem))


def run(study: str, console: Console, names: Sequence[str] = (), in_place: bool = False) -> Path:
    """Execute notebooks for a study; returns the folder of the executed ones.

    `in_place` puts the outputs into notebooks/ itself, without volatile metadata. Raises DfdError with the
    message of the first cell that fails; everything computed before it stays on disk.
    """
    params = profile.load(study)
    folder = paths.build() / study
    with _alone(study, folder), progress.logged(folder / "run.log"), Steps(console) as steps:
        if not names:
            frames.clips(params), data.stills(params)  # missing data must not cost an older run its numbers
            results.clear(study)
        for place in (paths.cache(), paths.runs() / study, paths.results(study)):
            atomic.sweep(place)
        try:
            _all(params, folder / "notebooks", names, in_place, steps)
        finally:
            steps.write(folder / "seconds.csv")
    return folder / "notebooks"


def _all(params: profile.Study, folder: Path, names: Sequence[str], in_place: bool, steps: Steps) -> None:
    """Execute the notebooks and the trainings beside them; the first failure, in their order, is raised at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    work: dict[str, Callable[[], None]] = {}
    chosen = order(names)
    needed = {name for path in chosen for name in NEEDS.get(path.stem[:2], ())}
    for path in chosen:
        work[path.stem[:2]] = functools.partial(_one, path, folder / path.name, params.name, in_place, steps)
        for recipe in BESIDE.get(path.stem[:2], ()):
            if not names or recipe in needed:
                work[recipe] = functools.partial(_train, params.name, recipe, steps)
    with contextlib.chdir(paths.notebooks()), ThreadPoolExecutor(params.jobs) as pool:
        jobs = _by_need(work, pool, params.jobs)
    for name in work:
        jobs[name].result()


@contextlib.contextmanager
def _alone(study: str, folder: Path) -> Iterator[None]:
    """Refuse a second run of a study at once: both would write the same notebooks. The lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            number = file.read().strip() or "unknown"
            raise DfdError(
                f"Another run of the study {study} is under way (process {number}); wait for its end, or stop it."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _by_need(work: dict[str, Callable[[], None]], pool: ThreadPoolExecutor, slots: int) -> dict[str, Future]:
    """Start each job when what it needs is done and a slot is free, the first in `work` first; the jobs, all ended.

    The failure of one is that of all that need it, which are not started; the others go on.
    """
    waiting, jobs = list(work), {}
    while True:
        for name in list(waiting):
            needed = [other for other in work if other != name and (name == "00" or other in NEEDS.get(name, ()))]
            ended = [jobs[other] for other in needed if other in jobs and jobs[other].done()]
            failed = next((job for job in ended if job.exception()), None)
            if failed or (len(ended) == len(needed) and sum(not job.done() for job in jobs.values()) < slots):
                waiting.remove(name)
                jobs[name] = failed or pool.submit(work[name])
        running = [job for job in jobs.values() if not job.done()]
        if not running and not waiting:
            return jobs
        wait(running, return_when=FIRST_COMPLETED)


def _train(study: str, recipe: str, steps: Steps) -> None:
    """Train in a process of its own, unless this was done. A failure is left to the notebook that needs the run."""
    key = joblib.hash((profile.load(study), cache.code_version(*TRAINED_BY)))[:12]
    done = paths.runs() / study / f"{recipe}-{key}.done"  # wrong after a change of data: then the notebook trains
    if done.is_file():
        return
    with steps.of(f"training {recipe}") as tell:
        tell("its epochs")
        command = [sys.executable, "-m", "dfdlib", "train", study, recipe]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if ended.returncode == 0:
        done.touch()


def _one(path: Path, target: Path, study: str, in_place: bool, steps: Steps) -> None:
    """Execute one notebook."""
    start = time.perf_counter()
    with steps.of(path.stem) as tell, contextlib.closing(ensure_event_loop()):
        _execute(path, target, {} if in_place else {"study": study}, tell)
    if in_place:
        write_clean(target, path)
    steps.say(f"[green]done[/] {path.stem} in {time.perf_counter() - start:.0f} s")


def _execute(source: Path, target: Path, parameters: dict[str, str], tell: Callable[[str], None]) -> None:
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


def write_clean(source: Path, target: Path) -> None:
    """Write a notebook without what changes from run to run (times, versions), so that a second run gives no diff.

    Its metadata keep the kind of processor: trained numbers can be compared digit by digit on the same kind alone.
    """
    notebook = nbformat.read(source, as_version=4)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "dfd": {"machine": repro.machine()},
    }
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in KEPT_METADATA}
        cell.update({"outputs": _joined(cell.outputs)} if cell.cell_type == "code" else {})
    with atomic.replacing(target) as partial:
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
