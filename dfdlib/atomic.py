"""Files that appear whole or not at all, under names that two processes never share; a sentence where none can."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from dfdlib.errors import DfdError

PARTIAL = re.compile(r"\.(\d+)-\d+\.partial$")
OLD = 24 * 3600  # seconds; a process number may belong to another process by then


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place to write to, which becomes `path` when the block ends well and is removed when it does not.

    Raises DfdError where the disk is full or the folder can't be written to; an older file at `path` stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # on a folder that turned read-only there is nothing to remove
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """An error of the disk while `path` is written, as a sentence."""
    try:
        yield
    except OSError as error:
        raise DfdError(
            f"{path} can't be written ({error.strerror or error}); free space there, or set DFD_CACHE, DFD_RUNS or "
            "DFD_RESULTS to a folder elsewhere. What was written before is kept."
        ) from None


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is made anew and can still be looked at; its new place."""
    aside = path.with_name(f"{path.name}.damaged")
    with contextlib.suppress(FileNotFoundError):  # another process may have been faster
        os.replace(path, aside)
    return aside


def sweep(folder: Path) -> int:
    """Remove what killed processes left under a folder; the number of files."""
    left = [path for path in folder.rglob("*.partial") if _abandoned(path)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _abandoned(path: Path) -> bool:
    match = PARTIAL.search(path.name)
    with contextlib.suppress(OSError):
        return bool(match) and (not _alive(int(match[1])) or time.time() - path.stat().st_mtime > OLD)
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
