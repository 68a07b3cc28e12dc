"""The progress of long work, on the screen and in a log: how far it is, its step, and how long it will take."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import pandas as pd

EVERY = 30.0  # seconds between two lines where there is no terminal
FORMAT = "%(asctime)s %(levelname)s %(message)s"
LOG = logging.getLogger("dfdlib.run")
REMIND_EVERY = 60.0  # seconds after which a log says again that a step goes on
MARKUP = re.compile(r"\[/?[a-z ]*\]")


def console() -> Console:
    """The terminal. A log file or a pipe has no width, and gets one that fits the tables."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def shown(console: Console, unit: str) -> Callable[[Iterable, int], Iterator]:
    """A function (items, their number) -> the same items. It shows rate and time left: a bar, or lines in a log."""

    def show(items: Iterable, total: int) -> Iterator:
        return _bar(console, items, total, unit) if console.is_terminal else _lines(console, items, total, unit)

    return show


def _bar(console: Console, items: Iterable, total: int, unit: str) -> Iterator:
    parts = [BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(), TextColumn("left:")]
    with Progress(*parts, TimeRemainingColumn(), TextColumn("{task.fields[rate]}"), console=console) as bar:
        task, start = bar.add_task(unit, total=total, rate=""), time.monotonic()
        for done, item in enumerate(items, 1):
            yield item
            bar.update(task, completed=done, rate=f"{done / (time.monotonic() - start + 1e-9):.1f} {unit}/s")


def _lines(console: Console, items: Iterable, total: int, unit: str) -> Iterator:
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            console.print(line(done, total, now - start, unit), highlight=False)


def line(done: int, total: int, seconds: float, unit: str) -> str:
    """Such as "120 of 900 clips, 4.0 clips/s, about 195 s left"."""
    rate = done / max(seconds, 1e-9)
    return f"{done} of {total} {unit}, {rate:.1f} {unit}/s, about {(total - done) / rate:.0f} s left"


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Also write dfdlib's log to a file, with times; the file grows from run to run."""
    from dfdlib.core import disk  # with NumPy and Pillow, without which `dfd --help` is there sooner

    with disk.explained(path, "name another folder"):
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.handleError = lambda record: None  # on a full disk the run's own files say so, in one sentence
    log = logging.getLogger("dfdlib")
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        with contextlib.suppress(OSError):  # as above
            handler.close()
        log.setLevel(before)


@dataclass(frozen=True)
class Job:
    """A notebook or a training that has ended, seconds since the start of the run."""

    name: str
    start: float
    seconds: float
    ended: str  # "done" or the error's first line


class Steps:
    """Shows the step of each running job, in place on a terminal, as lines elsewhere; the log gets everything."""

    def __init__(self, console: Console) -> None:
        self.console, self.lock, self.begun = console, threading.Lock(), time.monotonic()
        self.now: dict[str, tuple[str, float]] = {}  # job -> step, and since when
        self.jobs: list[Job] = []
        self.status, self.over = console.status(""), threading.Event()

    def __enter__(self) -> Steps:
        if self.console.is_terminal:
            self.status.start()
        threading.Thread(target=self._remind, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.status.stop()

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[Callable[[str], None]]:
        """A function that takes each step of the job `name`; it shows a step once."""
        start, ended = time.monotonic(), "done"

        def tell(step: str) -> None:
            with self.lock:
                if self.now.get(name, ("", 0))[0] != step:
                    self.now[name] = (step, time.monotonic())
                    self._show(name, step)

        try:
            yield tell
        except BaseException as error:
            ended = str(error).partition("\n")[0] or type(error).__name__
            raise
        finally:
            with self.lock:
                self.now.pop(name, None)
                self.jobs.append(Job(name, start - self.begun, time.monotonic() - start, ended))
            LOG.log(logging.INFO if ended == "done" else logging.ERROR, "%s: %s", name, ended)

    def _show(self, name: str, step: str) -> None:
        LOG.info("%s: %s", name, step)
        if self.console.is_terminal:
            self.status.update(self._line())
        else:
            self.console.print(f"{name}: {step}", highlight=False)

    def _line(self) -> str:
        now = time.monotonic()
        return " | ".join(f"{name}: {step} ({now - since:.0f} s)" for name, (step, since) in self.now.items())

    def _remind(self) -> None:
        """Show that long steps are still running: by the seconds on a terminal, by a line a minute elsewhere."""
        while not self.over.wait(1.0 if self.console.is_terminal else REMIND_EVERY):
            with self.lock:
                if self.console.is_terminal:
                    self.status.update(self._line())
                    continue
                for name, (step, since) in self.now.items():
                    if (gone := time.monotonic() - since) >= REMIND_EVERY:
                        self.console.print(f"{name}: still at {step} after {gone:.0f} s", highlight=False)

    def say(self, line: str) -> None:
        """Print a line, and log it."""
        LOG.info(MARKUP.sub("", line))
        self.console.print(line, highlight=False)

    def write(self, path: Path) -> pd.DataFrame:
        """Write the seconds of each job to a CSV file; returns the table."""
        import pandas as pd

        from dfdlib.core import disk

        table = pd.DataFrame([vars(job) for job in self.jobs], columns=["name", "start", "seconds", "ended"]).round(1)
        with disk.replacing(path) as partial:
            table.to_csv(partial, index=False)
        return table
