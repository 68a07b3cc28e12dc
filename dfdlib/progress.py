"""What long work says of itself: how far it is, how fast, how long it will take; and a log in a file."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY = 30.0  # seconds between two lines where there is no terminal
FORMAT = "%(asctime)s %(levelname)s %(message)s"


def console() -> Console:
    """The terminal; a log file or a pipe, which has no width of its own, gets one that tables fit into."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def shown(console: Console, unit: str) -> Callable[[Iterable, int], Iterator]:
    """A function (items, their number) -> the same items, that shows rate and time left: a bar, or lines in a log."""

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
    """What dfdlib logs goes to a file as well, with times; the file grows from run to run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter(FORMAT))
    log = logging.getLogger("dfdlib")
    before = log.level
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        log.setLevel(before)


def printable(text: str) -> str:
    """The text with what no terminal can show (line ends, control characters, broken names) written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
