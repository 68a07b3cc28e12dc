"""Limits for files that nobody has vouched for: what is too large is refused before memory is spent on it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dfdlib.errors import DfdError

MOST_PIXELS = 2**26  # of an image, 67 million or 200 MB as RGB; the limit for a video's frames too
MOST_BYTES = 2**29  # of an image file or an array: the largest image at 16 bit and four channels
# Those that OpenCV reads as well. Pillow's others include EPS, which starts an interpreter.
IMAGES = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
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
    with Image.open(io.BytesIO(data), formats=IMAGES) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels, too many to take")
        if whole:
            image.load()  # OpenCV fills the rest of a cut file with grey and says nothing


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
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


def arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of an .npz by their names; DfdError for a damaged file, a missing array, or one of Python objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _array(archive, f"{name}.npy") for name in names}
    except DAMAGED as error:
        what = f"damaged or not an .npz with {' and '.join(names)}"
        raise DfdError(f"{path} is {what} ({why(error)}); copy it again or make it again.") from None


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} states {archive.getinfo(name).file_size} bytes, too many to take")
    return array(archive.read(name))


def array(data: bytes) -> np.ndarray:
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
