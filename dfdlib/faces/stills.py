"""Image files as a viewer shows them: photos by one function, moving pictures and many pages frame by frame."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from dfdlib.core import disk, image_files
from dfdlib.core.errors import DfdError

MOVING = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")  # others hold variants of one picture: a phone's depth, thumbnails
BY_PILLOW = ("AVIF", "HEIF")  # OpenCV does not turn the one and can't read the other
MOST_DECODED = 2**31  # pixels of all frames together: some ten seconds' work
MOST_FRAMES = 2**14
SHORTEST, USUAL = 10, 100  # milliseconds: browsers show a frame that states at most 10, or nothing, for 100
REDUCED = 254  # TIFF's tag NewSubfileType; 1 is a smaller copy of another page, 4 a mask


def read_image(path: Path) -> np.ndarray:
    """An image file as uint8 RGB (H, W, 3), turned and mirrored as its metadata say; of a moving one the first frame.

    Grey, alpha, CMYK and 16 bits are converted. DfdError where it is missing, truncated, not an image, or by its header
    larger than image_files.MOST_PIXELS.
    """
    try:
        content = disk.read_bytes(path)
        with image_files.opened_image(io.BytesIO(content)) as image:
            if image.format in BY_PILLOW:
                return _rgb(image)
        image_files.check_image(content)
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    except (cv2.error, *disk.DAMAGED) as error:
        raise _unreadable(path, error) from None


def count(path: Path) -> int:
    """The frames of an image file, 1 for a photo; 0 for a file that is no image."""
    try:
        with image_files.opened_image(path) as image:
            return len(_pages(image)) if image.format in MOVING else 1
    except disk.DAMAGED:
        return 0


def index(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """When each of the N frames is shown, (N,) seconds, nan where that is not stated; and width and height in pixels.

    All frames are decoded. DfdError for what can't be read, or has more than MOST_DECODED pixels in all its frames.
    """
    try:
        with image_files.opened_image(path) as image:
            pages, size = _pages(image), image.size
            if len(pages) > MOST_FRAMES or sum(pages.values()) > MOST_DECODED:
                raise ValueError(f"{len(pages)} frames of {size[0]} x {size[1]} pixels, too many to read")
            unknown = np.nan if image.format == "TIFF" else 0  # pages have no times
            held = [shown.info.get("duration", unknown) for shown in _each(image, pages)]
    except disk.DAMAGED as error:
        raise _unreadable(path, error) from None
    milliseconds = np.array(held + [unknown] * (len(pages) - len(held)))
    milliseconds[milliseconds <= SHORTEST] = USUAL
    return (milliseconds.cumsum() - milliseconds) / 1000, size


def frames(path: Path, wanted: Iterable[int], least: float) -> Iterator[tuple[int, np.ndarray]]:
    """Frames by their numbers: (number, uint8 RGB (H, W, 3)), in order, up to the first that is damaged.

    DfdError where less than the share `least` of them can be decoded.
    """
    wanted, found = set(wanted), 0
    try:
        with image_files.opened_image(path) as image:
            for number, shown in enumerate(_each(image, _pages(image))):
                if number in wanted:
                    found += 1
                    yield number, _rgb(shown)
    except disk.DAMAGED as error:
        raise _unreadable(path, error) from None
    if found < least * len(wanted) or not found:
        raise DfdError(f"{path} is damaged: of {len(wanted)} frames {found} can be decoded; copy it again.")


def _pages(image: Image.Image) -> dict[int, int]:
    """Number and pixels of the frames shown, at most MOST_FRAMES + 1: not a picture for viewers that can't move."""
    area = image.width * image.height
    with disk.decoding():
        if not getattr(image, "is_animated", False):
            return {0: area}
        if image.format == "TIFF":
            return dict(_tiff_pages(image)) or {0: area}
        first = int(getattr(image, "default_image", False))
        return dict.fromkeys(range(first, min(image.n_frames, first + MOST_FRAMES + 1)), area)


def _tiff_pages(image: Image.Image) -> Iterator[tuple[int, int]]:
    """Pages that are no smaller copy and no mask of another; the first with a damaged header is the last."""
    for page in range(MOST_FRAMES + 1):
        try:
            with disk.decoding():
                image.seek(page)
        except EOFError:
            return
        except disk.DAMAGED:
            yield page, 0
            return
        if not image.tag_v2.get(REDUCED, 0) & 5:
            yield page, image.width * image.height


def _each(image: Image.Image, pages: Iterable[int]) -> Iterator[Image.Image]:
    """The image at each page, decoded, up to the first that is damaged."""
    for page in pages:
        try:
            with disk.decoding():
                image.seek(page)
                image.load()
        except disk.DAMAGED:
            return
        yield image


def _rgb(image: Image.Image) -> np.ndarray:
    with disk.decoding():
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return np.ascontiguousarray(ImageOps.exif_transpose(image).convert("RGB"))


def _unreadable(path: Path, error: Exception) -> DfdError:
    what = f"is missing or not an image that can be read ({disk.why(error)})"
    return DfdError(f"{path} {what}; copy it again, or make it smaller if it is too large.")
