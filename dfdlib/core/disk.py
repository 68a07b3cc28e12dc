"""Files: written whole or not at all; read within limits, whoever wrote them; tables."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import math
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dfdlib.core.errors import DfdError

if TYPE_CHECKING:
    import pandas as pd

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
IN_THE_WAY = {
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), "a file is in the place of a folder"),
    errno.EISDIR: "a folder is in its place",
}
ELSEWHERE = "set DFD_CACHE, DFD_RUNS or DFD_RESULTS to a folder elsewhere"
# Before Python 3.12.1, threads that parse at once can end in a SystemError (github.com/python/cpython/issues/106905).
PARSING = threading.Lock()
PARTIAL = re.compile(r"\.(\d+)-\d+\.partial$")
TEXT_COLUMNS = ("clip_id", "file", "pair", "person", "split", "branch")  # columns of text, whatever it looks like
ABANDONED_AFTER = 24 * 3600  # seconds; a process number may belong to another process by then
PROBE = 2**24  # bytes; a disk with less room fills within minutes
DELIMITERS = ",;\t"  # of tables that others write
MOST_FILE_BYTES = 2**29  # of an image file or an array: the largest image at 16 bit and four channels
# What a reader raises for damaged bytes: its own ValueError, Python's errors, and those that `decoding` converts.
DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile)


@contextlib.contextmanager
def replacing(path: Path, remedy: str = ELSEWHERE) -> Iterator[Path]:
    """A path to write to. The file there becomes `path` when the block succeeds and is removed when it fails.

    Raises DfdError where the disk is full or the folder can't be written to; an older file at `path` stays.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with explained(path, remedy):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):  # on a folder that turned read-only there is nothing to remove
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path, remedy: str = ELSEWHERE) -> Iterator[None]:
    """Turn a disk error while `path` is written into a DfdError; `remedy` is what to do where space isn't lacking."""
    try:
        yield
    except OSError as error:
        why = IN_THE_WAY.get(error.errno) or error.strerror or error
        space = "free space there, or " if error.errno in (*FULL, None) else ""
        raise DfdError(f"{path} can't be written ({why}); {space}{remedy}. What was written before is kept.") from None


def check_writable(folder: Path, remedy: str) -> None:
    """DfdError where no file of PROBE bytes can be written to a folder, which is made where it is missing."""
    with explained(folder, remedy):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE))


def set_aside(path: Path) -> Path:
    """Rename a damaged file: it is then made again, and the old one can still be inspected. Returns the new path."""
    aside = path.with_name(f"{path.name}.damaged")
    with contextlib.suppress(FileNotFoundError):  # another process may have been faster
        os.replace(path, aside)
    return aside


def copy(source: Path, target: Path) -> None:
    """Make `target` a second link to the file `source`, or a copy where the file system has no links (exFAT, say)."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove_partial(folder: Path) -> int:
    """Remove what killed processes left under a folder; returns the number of files."""
    left = [path for path in folder.rglob("*.partial") if _abandoned(path)]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _abandoned(path: Path) -> bool:
    match = PARTIAL.search(path.name)
    with contextlib.suppress(OSError):
        return bool(match) and (not _alive(int(match[1])) or time.time() - path.stat().st_mtime > ABANDONED_AFTER)
    return False


def _alive(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # there os.kill would send Ctrl+C; the file's age decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever a library raises for bytes that it cannot decode into a ValueError.

    Wrap that library's call alone: an error in our own code is a defect, not a damaged file.
    """
    try:
        yield
    except (DfdError, *DAMAGED):
        raise
    except Image.DecompressionBombError as error:
        raise ValueError("too many pixels to read") from error
    except Exception as error:
        raise ValueError(type(error).__name__) from error


def read_bytes(path: Path, most: int = MOST_FILE_BYTES) -> bytes:
    """A regular file's bytes; ValueError as in `checked`."""
    return checked(path, most).read_bytes()


def checked(path: Path, most: int = MOST_FILE_BYTES) -> Path:
    """The path of a regular file; ValueError where there is no such file, or it is larger than `most` bytes."""
    if not path.is_file():
        raise ValueError("no such file")
    if path.stat().st_size > most:
        raise ValueError(f"{path.stat().st_size} bytes, too many to read")
    return path


def why(error: BaseException) -> str:
    """A few words for a library's error, whose own text may contain an object's address or repeat the path."""
    text = str(error).partition("\n")[0].strip(" .")
    return text if type(error) is ValueError and 0 < len(text) < 100 else type(error).__name__


@contextlib.contextmanager
def unzipped(path: Path, most: float = math.inf) -> Iterator[Callable[[str], bytes]]:
    """A function that returns a zip file's member by name; one of DAMAGED for a damaged file or a missing member.

    `most` is the number of bytes that a member may have, as the archive states it.
    """

    def member(name: str) -> bytes:
        with decoding():
            if archive.getinfo(name).file_size > most:
                raise ValueError(f"{name} states {archive.getinfo(name).file_size} bytes, too many to read")
            return archive.read(name)

    with decoding():
        archive = zipfile.ZipFile(path)
    with archive:
        yield member


def npz_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of an .npz by their names; DfdError for a damaged file, a missing array, or one of Python objects."""
    try:
        with unzipped(path, MOST_FILE_BYTES) as member:
            return {name: npy_array(member(f"{name}.npy")) for name in names}
    except DAMAGED as error:
        what = f"damaged or not an .npz with {' and '.join(names)}"
        raise DfdError(f"{path} is {what} ({why(error)}); copy it again or make it again.") from None


def npy_array(data: bytes) -> np.ndarray:
    """The array of an .npy file's bytes; ValueError for Python objects or a header that states another length."""
    file = io.BytesIO(data)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with decoding(), PARSING:  # NumPy parses a header as Python code
        shape, columns_first, dtype = header[np.lib.format.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which could run code")
    if min(shape, default=0) < 0 or dtype.itemsize * math.prod(shape) != len(data) - file.tell():
        raise ValueError("a header states another length than there is")
    with decoding():
        found = np.frombuffer(data, dtype, offset=file.tell())
        return found.reshape(shape, order="F" if columns_first else "C").copy(order="K")


def read_frame(path: Path) -> pd.DataFrame:
    """A CSV file of this program as a table in which names stay text: "0001", and "NA", which pandas takes for missing.

    Only empty cells count as missing, and only in columns that are not in TEXT_COLUMNS.
    """
    import pandas as pd

    others = [column for column in pd.read_csv(path, nrows=0) if column not in TEXT_COLUMNS]
    missing = {"keep_default_na": False, "na_values": dict.fromkeys(others, [""])}
    return pd.read_csv(path, dtype=dict.fromkeys(TEXT_COLUMNS, str), **missing)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # spreadsheets put a mark in front
    except UnicodeDecodeError:
        if b"\0" in data:  # UTF-16, or no text at all
            raise
        return data.decode("cp1252")


def _delimiter(text: str, columns: set[str]) -> str:
    """The delimiter that finds `columns` in the first line, or else the commonest there."""
    line = next(iter(text.splitlines()), "")
    found = (mark for mark in DELIMITERS if columns <= set(next(csv.reader([line], delimiter=mark), ())))
    return next(found, max(DELIMITERS, key=line.count))


def read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a CSV file; DfdError where the file is missing, is not a table, or lacks a column.

    Commas, semicolons or tabs, in UTF-8 or Windows-1252: what spreadsheets write in one country or another. Rows of
    empty cells are left out.
    """
    if not path.is_file():
        raise DfdError(f"There is no {path}; data/README.md says what the folder must hold.")
    try:
        text = re.sub(r"\Asep=.\r?\n", "", _decoded(path.read_bytes()))  # a line for Excel alone
        how = {"delimiter": _delimiter(text, columns), "restval": ""}  # a row may end early
        reader = csv.DictReader(io.StringIO(text, newline=""), **how)
        header, rows = list(reader.fieldnames or ()), list(reader)
    except UnicodeDecodeError:
        raise DfdError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise DfdError(f"{path} is not a table ({error}); save it as CSV in UTF-8.") from None
    twice = next((name for name, times in Counter(header).items() if times > 1), None)
    long = next((number for number, row in enumerate(rows, 1) if None in row), None)
    missing = min(columns - set(header), default=None)
    rows = [row for row in rows if any(row.values())]
    faults = (
        ("\0" in text, "holds a NUL byte: it is damaged or no table; save it as CSV in UTF-8"),
        (twice is not None, f"has the column {twice!r} more than once; keep one of them"),
        (long, f"has more cells in row {long} than in its header; put cells with commas in quotes"),
        (missing, f"has no column {missing!r}; it needs: {', '.join(sorted(columns))}"),
        (not rows, "has no row below its header; add a row for each clip or image"),
    )
    for wrong, sentence in faults:
        if wrong:
            raise DfdError(f"{path} {sentence}.")
    return rows
