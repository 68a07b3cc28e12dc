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

from jupyter_core.utils import ensure_event_loop
from rich.console import Console

from dfdlib.command import notebooks, progress
from dfdlib.command.progress import Steps
from dfdlib.core import cache, disk, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.data import sources
from dfdlib.evaluation import results
from dfdlib.faces import frames

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


def run_study(study: str, console: Console, names: Sequence[str] = (), in_place: bool = False) -> Path:
    """Execute notebooks for a study; returns the folder of the executed ones.

    `in_place` puts the outputs into notebooks/ itself, without volatile metadata. Raises DfdError with the
    message of the first cell that fails; everything computed before it stays on disk.
    """
    params = studies.load(study)
    folder = paths.build() / study
    with _single_run(study, folder), progress.logged(folder / "run.log"), Steps(console) as steps:
        if not names:
            frames.clips(params), sources.stills(params)  # missing data must not cost an older run its numbers
            results.clear(study)
        for place in (paths.cache(), paths.runs() / study, paths.results(study)):
            disk.remove_partial(place)
        try:
            _all(params, folder / "notebooks", names, in_place, steps)
        finally:
            steps.write(folder / "seconds.csv")
    return folder / "notebooks"


def _all(params: studies.Study, folder: Path, names: Sequence[str], in_place: bool, steps: Steps) -> None:
    """Execute the notebooks and the trainings beside them; the first failure, in their order, is raised at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    work: dict[str, Callable[[], None]] = {}
    chosen = order(names)
    needed = {name for path in chosen for name in NEEDS.get(path.stem[:2], ())}
    for path in chosen:
        work[path.stem[:2]] = functools.partial(_notebook, path, folder / path.name, params.name, in_place, steps)
        for recipe in BESIDE.get(path.stem[:2], ()):
            if not names or recipe in needed:
                work[recipe] = functools.partial(_train, params.name, recipe, steps)
    with contextlib.chdir(paths.notebooks()), ThreadPoolExecutor(params.jobs) as pool:
        jobs = _by_need(work, pool, params.jobs)
    for name in work:
        jobs[name].result()


@contextlib.contextmanager
def _single_run(study: str, folder: Path) -> Iterator[None]:
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
    key = cache.key("dfdlib.command.recipes", studies.load(study))[:12]
    done = paths.runs() / study / f"{recipe}-{key}.done"  # wrong after a change of data: then the notebook trains
    if done.is_file():
        return
    with steps.of(f"training {recipe}") as tell:
        tell("its epochs")
        command = [sys.executable, "-m", "dfdlib", "train", study, recipe]
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if ended.returncode == 0:
        done.touch()


def _notebook(path: Path, target: Path, study: str, in_place: bool, steps: Steps) -> None:
    """Execute one notebook."""
    start = time.perf_counter()
    with steps.of(path.stem) as tell, contextlib.closing(ensure_event_loop()):
        notebooks.execute(path, target, {} if in_place else {"study": study}, tell)
    if in_place:
        notebooks.write_clean(target, path)
    steps.say(f"[green]done[/] {path.stem} in {time.perf_counter() - start:.0f} s")
