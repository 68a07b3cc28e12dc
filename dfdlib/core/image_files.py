"""Images that others made: opened by what they hold, whatever their names, and refused if damaged or too large."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from dfdlib.core import disk

MOST_PIXELS = 2**26  # of an image, 67 million or 200 MB as RGB; a video's frames too (8K has 33 million)
# Pillow's others include EPS, which starts an interpreter.
IMAGE_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "AVIF")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")  # ISO/IEC 23008-12


@contextlib.contextmanager
def opened_image(file: Path | BinaryIO) -> Iterator[Image.Image]:
    """An image by its header alone, whatever its name; decode it in a `disk.decoding` block.

    One of disk.DAMAGED for what is not an image, and for one whose header states more than MOST_PIXELS.
    """
    with contextlib.ExitStack() as stack:
        with disk.decoding():
            stream = stack.enter_context(disk.checked(file).open("rb")) if isinstance(file, Path) else file
            image = stack.enter_context(Image.open(stream, formats=_formats(stream)))
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels, too many to read")
        yield image


def _formats(stream: BinaryIO) -> tuple[str, ...]:
    """IMAGE_FORMATS, with HEIF for a file of that family, as its reader is another package."""
    head = stream.read(12)
    stream.seek(0)
    if head[4:8] != b"ftyp" or head[8:] not in HEIF_BRANDS:
        return IMAGE_FORMATS
    import pillow_heif

    pillow_heif.register_heif_opener()
    _check_boxes(stream)
    return (*IMAGE_FORMATS, "HEIF")


def _check_boxes(stream: BinaryIO) -> None:
    """ValueError for a HEIF file that ends within a box: libheif leaves tiles black that are not there."""
    place, end = 0, stream.seek(0, os.SEEK_END)
    while place < end:
        stream.seek(place)
        size, long = struct.unpack(">I4xQ", stream.read(16).ljust(16, b"\0"))
        place = end if size == 0 else place + max(long if size == 1 else size, 8)
    if place > end:
        raise ValueError("the file ends too early")
    stream.seek(0)


def check_image(data: bytes, whole: bool = True) -> None:
    """Raise one of disk.DAMAGED as `opened_image` does, and with `whole` for an image that ends before its last row."""
    with opened_image(io.BytesIO(data)) as image, disk.decoding():
        if whole:
            image.load()  # OpenCV fills the rest of a cut file with grey and says nothing
