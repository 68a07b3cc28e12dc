"""Run a study: its notebooks and trainings, each as soon as what it needs is done."""

from __future__ import annotations

import contextlib
import functools
import graphlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import filelock
import papermill
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from rich.console import Console

from dfdlib.command import check, progress, unchanged
from dfdlib.command.progress import Steps
from dfdlib.core import cache, disk, paths, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.data import sources
from dfdlib.evaluation import results
from dfdlib.faces import frames

CELL_TIMEOUT = 6 * 3600  # seconds; the longest cell trains the paper's ResNet-50 for 20 epochs on a CPU
PARAMETERS = {"study"}
# What each notebook, or training by `dfd train`, needs done before it starts. A notebook that finds its trainings done
# waits for none, so that no slot is idle.
NEEDS = {
    "paper": ("01",),
    "one-cycle": ("01",),
    "no-fakes": ("01",),
    "one-cycle-validated": ("01",),
    "03": ("01", "paper", "one-cycle"),
    "04": ("01",),
    "06": ("01", "02", "one-cycle"),
    "05": ("01", "02", "03", "04", "one-cycle-validated"),
    "07": ("01", "03", "04", "one-cycle", "no-fakes"),
}
ORDER = ("01", "02", *NEEDS, "00")  # of jobs that could start


def order(names: Sequence[str] = ()) -> list[Path]:
    """The numbered notebooks whose names start with one of `names` (all by default); 00 shows results, so it is last.

    Raises DfdError for a name that no notebook has.
    """
    every = sorted(paths.notebooks().glob("[0-9][0-9]_*.ipynb"))
    unknown = [name for name in names if not any(path.stem.startswith(name) for path in every)]
    if unknown or not every:
        known = ", ".join(path.stem for path in every) or "none"
        raise DfdError(f"{paths.notebooks()} has no notebook {', '.join(unknown) or 'at all'}; there are: {known}.")
    chosen = [path for path in every if not names or path.stem.startswith(tuple(names))]
    return sorted(chosen, key=lambda path: (path.stem.startswith("00"), path.stem))


def run_study(study: str, console: Console, names: Sequence[str] = (), again: bool = False) -> Path:
    """Execute notebooks for a study; returns the folder of the executed ones.

    Everything goes to build/<study>. If nothing has changed since all of them were run, nothing is done, unless `again`
    asks for it. Raises DfdError with the message of the first cell that fails; everything computed before it stays on
    disk.
    """
    params = studies.load(study)
    check.check(params, whole=not names)
    folder = paths.build() / study
    paths.import_from_here()
    repro.limit(params.threads)  # in the kernels too: NumPy reads the number of threads when it is imported
    with _single_run(study, folder), progress.logged(folder / "run.log"), Steps(console) as steps:
        if not (names or again) and unchanged.is_unchanged(params):
            steps.say(
                "Nothing has changed since the last run, so its numbers stay; --again executes the notebooks anew."
            )
            return folder / "notebooks"
        begun = unchanged.begin(params)
        if not names:
            frames.clips(params), sources.stills(params)  # missing data must not cost an older run its numbers
            results.clear(study)
        for place in (paths.cache(), paths.runs() / study, paths.results(study)):
            disk.remove_partial(place)
        try:
            _all(params, folder / "notebooks", names, steps)
        finally:
            steps.write(folder / "seconds.csv")
        if not names:
            unchanged.remember(params, begun)
    return folder / "notebooks"


def _all(params: studies.Study, folder: Path, names: Sequence[str], steps: Steps) -> None:
    """Execute the notebooks and the trainings they need; the first failure, in that order, is raised at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    work: dict[str, Callable[[], None]] = {}
    for path in order(names):
        work[path.stem[:2]] = functools.partial(_notebook, path, folder / path.name, params.name, steps)
    for recipe in {name for done in work for name in NEEDS.get(done, ()) if not name.isdigit()}:
        work[recipe] = functools.partial(_train, params.name, recipe, steps)
    work = dict(sorted(work.items(), key=lambda job: (*ORDER, job[0]).index(job[0])))  # others last
    with contextlib.chdir(paths.notebooks()):
        failed = _by_need(work, params.jobs)
    for name in work:
        if name in failed:
            raise failed[name]


@contextlib.contextmanager
def _single_run(study: str, folder: Path) -> Iterator[None]:
    """Refuse a second run while one goes on: both would write the same notebooks. The lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "run.pid"  # next to the lock, which on some systems only its holder may open
    try:
        lock = filelock.FileLock(folder / "run.lock", blocking=False).acquire()
    except filelock.Timeout:
        number = holder.read_text(encoding="utf-8") if holder.is_file() else "unknown"
        raise DfdError(
            f"Another run of the study {study} is under way (process {number}); wait for it to end, or stop it."
        ) from None
    with lock:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        yield


def _by_need(work: dict[str, Callable[[], None]], slots: int) -> dict[str, BaseException]:
    """Start each job when what it needs is done and a slot is free, in the order of `work`; returns the errors by job.

    Jobs that need a failed one are not started and get its error; the others go on.
    """
    needs = {name: [o for o in work if o != name and (name == "00" or o in NEEDS.get(name, ()))] for name in work}
    sorter, ready, running, failed = graphlib.TopologicalSorter(needs), set(), {}, {}
    sorter.prepare()
    with ThreadPoolExecutor(slots) as pool:
        while sorter.is_active():
            ready |= set(sorter.get_ready())
            for name in [name for name in work if name in ready]:
                error = next((failed[other] for other in needs[name] if other in failed), None)
                if error:
                    failed[name] = error
                    sorter.done(name)
                elif len(running) < slots:
                    running[pool.submit(work[name])] = name
                else:
                    break
                ready.remove(name)
            for job in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                name = running.pop(job)
                failed |= {name: job.exception()} if job.exception() else {}
                sorter.done(name)
    return failed


def _train(study: str, recipe: str, steps: Steps) -> None:
    """Train in a separate process, unless that is done. After a failure the notebook that needs the run trains."""
    key = cache.key("dfdlib.command.recipes", studies.load(study))[:12]
    done = paths.runs() / study / f"{recipe}-{key}.done"  # outdated by a change of data: the notebook then trains
    if done.is_file():
        return
    log = paths.build() / study / f"training-{recipe}.log"
    with steps.of(f"training {recipe}") as tell, log.open("w", encoding="utf-8") as file:
        tell("its epochs")
        command = [sys.executable, "-m", "dfdlib", "train", study, recipe]
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if code == 0:
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    else:
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        last = said[-1] if said else f"exit code {code}"
        steps.say(f"training {recipe} failed ({last}); {log} has all of it, and the notebook will try again")


def _notebook(path: Path, target: Path, study: str, steps: Steps) -> None:
    """Run one notebook. Without a parameter it is the embedded study's, as committed."""
    start = time.perf_counter()
    with steps.of(path.stem) as tell, contextlib.closing(ensure_event_loop()):
        _execute(path, target, {} if study == "embedded" else {"study": study}, tell)
    steps.say(f"[green]done[/] {path.stem} in {time.perf_counter() - start:.0f} s")


def _execute(source: Path, target: Path, parameters: dict[str, str], tell: Callable[[str], None]) -> None:
    _check_parameters(source)
    papermill_engines.register("dfd", _Engine)
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
            # It warns about TCP, which stays on this machine, and calls its own end an interrupt where it ends slowly.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    except PapermillExecutionError as error:
        raise DfdError(_sentence(source, target, error)) from None
    except DeadKernelError:
        raise DfdError(f"The kernel of {source.name} died, most often for want of memory; see {target}.") from None
    except OSError as error:
        error.filename = error.filename or str(target)  # a full disk has none
        raise


def _check_parameters(source: Path) -> None:
    found = set(papermill.inspect_notebook(str(source)))
    if found != PARAMETERS:
        raise DfdError(f"{source.name} takes the parameters {sorted(found)}; a study's notebook takes `study` alone.")


def _sentence(source: Path, target: Path, error: PapermillExecutionError) -> str:
    what = error.evalue if error.ename == "DfdError" else f"{error.ename}: {error.evalue}"
    return f"{source.name} stopped: {what} (The notebook up to there is {target}; what was computed is kept.)"


class _Engine(NBClientEngine):
    """papermill's own engine, which also tells the step of each cell: its description or the heading above it."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, tell=print, **kwargs):  # noqa: ANN001, ANN003, ANN206
        started = nb_man.cell_start

        def cell_start(cell, cell_index=None, **more):  # noqa: ANN001, ANN003, ANN202
            tell(step_name(nb_man.nb.cells, cell_index or 0))
            return started(cell, cell_index, **more)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


def step_name(cells: Sequence, index: int) -> str:
    """The `step` in a cell's metadata, else the nearest Markdown heading at or above it."""
    if cells[index].metadata.get("step"):
        return cells[index].metadata["step"]
    for cell in reversed(cells[: index + 1]):
        headings = [line for line in cell.source.splitlines() if line.startswith("#")]
        if cell.cell_type == "markdown" and headings:
            return headings[-1].lstrip("# ")
    return "start"
