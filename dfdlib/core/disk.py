"""Files: written whole or not at all; read within limits, whoever wrote them; tables that people write."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import struct
import threading
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dfdlib.core.errors import DfdError

PARTIAL = re.compile(r"\.(\d+)-\d+\.partial$")
ABANDONED_AFTER = 24 * 3600  # seconds; a process number may belong to another process by then


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


def remove_partial(folder: Path) -> int:
    """Remove what killed processes left under a folder; the number of files."""
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
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


MOST_PIXELS = 2**26  # of an image, 67 million or 200 MB as RGB; the limit for a video's frames too
MOST_FILE_BYTES = 2**29  # of an image file or an array: the largest image at 16 bit and four channels
# Those that OpenCV reads as well. Pillow's others include EPS, which starts an interpreter.
IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
# What Pillow, zipfile and numpy raise for bytes that make no sense to them.
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    LookupError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    RecursionError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def check_image(data: bytes, whole: bool = True) -> None:
    """ValueError or another of DAMAGED for an encoded image that states more than MOST_PIXELS or is no image.

    Where it should be `whole`, also for one that does not decode to its last row; else the header alone is read.
    """
    with Image.open(io.BytesIO(data), formats=IMAGE_FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels, too many to take")
        if whole:
            image.load()  # OpenCV fills the rest of a cut file with grey and says nothing


def read_bytes(path: Path, most: int = MOST_FILE_BYTES) -> bytes:
    """A regular file's bytes; ValueError where it is none or larger than `most` bytes."""
    if not path.is_file():
        raise ValueError("no such file")
    if path.stat().st_size > most:
        raise ValueError(f"{path.stat().st_size} bytes, too many to take")
    return path.read_bytes()


def why(error: BaseException) -> str:
    """A few words for a library's error, whose own text may hold an object's address or the path again."""
    text = str(error).partition("\n")[0].strip(" .")
    return text if type(error) is ValueError and 0 < len(text) < 100 else type(error).__name__


def npz_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of an .npz by their names; DfdError for a damaged file, a missing array, or one of Python objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _npy_member(archive, f"{name}.npy") for name in names}
    except DAMAGED as error:
        what = f"damaged or not an .npz with {' and '.join(names)}"
        raise DfdError(f"{path} is {what} ({why(error)}); copy it again or make it again.") from None


def _npy_member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    if archive.getinfo(name).file_size > MOST_FILE_BYTES:
        raise ValueError(f"{name} states {archive.getinfo(name).file_size} bytes, too many to take")
    return npy_array(archive.read(name))


def npy_array(data: bytes) -> np.ndarray:
    """The array of an .npy file's bytes; ValueError for Python objects or a header that states another length."""
    file = io.BytesIO(data)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = header[np.lib.format.read_magic(file)](file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which could run code")
    size = dtype.itemsize
    for side in shape:  # Python's integers don't overflow
        size *= side
    if min(shape, default=0) < 0 or size != len(data) - file.tell():
        raise ValueError("a header states another length than there is")
    return np.load(io.BytesIO(data), allow_pickle=False)


def read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a CSV file; DfdError where it is missing, no table, or lacks a column."""
    if not path.is_file():
        raise DfdError(f"There is no {path}; data/README.md says what the folder must hold.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            reader = csv.DictReader(_without_nul(path, file))
            header, rows = list(reader.fieldnames or ()), list(reader)
    except UnicodeDecodeError:
        raise DfdError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise DfdError(f"{path} is no table ({error}); save it as CSV in UTF-8.") from None
    _check_table(path, header, rows)
    missing = sorted(columns - set(header))
    if missing:
        raise DfdError(f"{path} has no column {missing[0]!r}; it needs: {', '.join(sorted(columns))}.")
    if not rows:
        raise DfdError(f"{path} has no row below its header; add a row for each clip or image.")
    return rows


def _without_nul(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise DfdError(f"{path} holds a NUL byte: it is damaged or no table; save it as CSV in UTF-8.")
        yield line


def _check_table(path: Path, header: list[str], rows: list[dict[str, str]]) -> None:
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise DfdError(f"{path} has the column {twice[0]!r} more than once; keep one of them.")
    for number, row in enumerate(rows, 1):
        if None in row:
            raise DfdError(f"{path}: row {number} has more cells than the header; put cells with commas in quotes.")
        row.update({name: "" for name, cell in row.items() if cell is None})  # a row that ends early
