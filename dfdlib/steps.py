"""What a run of notebooks shows of itself: the step each is at and for how long, on the screen and in a log."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from dfdlib import atomic

LOG = logging.getLogger("dfdlib.run")
EVERY = 60.0  # seconds after which a log says again that a step goes on
MARKUP = re.compile(r"\[/?[a-z ]*\]")


@dataclass(frozen=True)
class Job:
    """A notebook or a training that has ended, seconds since the start of the run."""

    name: str
    start: float
    seconds: float
    ended: str  # "done" or the error's first line


class Steps:
    """Shows the step that each running job is at: in place on a terminal, as lines elsewhere; everything in the log."""

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
        """Show that long steps live: the seconds on a terminal, a line a minute elsewhere."""
        while not self.over.wait(1.0 if self.console.is_terminal else EVERY):
            with self.lock:
                if self.console.is_terminal:
                    self.status.update(self._line())
                    continue
                for name, (step, since) in self.now.items():
                    if (gone := time.monotonic() - since) >= EVERY:
                        self.console.print(f"{name}: still at {step} after {gone:.0f} s", highlight=False)

    def say(self, line: str) -> None:
        """Print a line, and log it."""
        LOG.info(MARKUP.sub("", line))
        self.console.print(line, highlight=False)

    def write(self, path: Path) -> pd.DataFrame:
        """Put the seconds of each job into a CSV file; returns that table."""
        table = pd.DataFrame([vars(job) for job in self.jobs], columns=["name", "start", "seconds", "ended"]).round(1)
        with atomic.replacing(path) as partial:
            table.to_csv(partial, index=False)
        return table
