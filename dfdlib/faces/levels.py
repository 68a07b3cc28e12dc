"""dlib's search of a whole frame, confined to the surroundings of a known face.

dlib looks for faces of one size on a grid of cells, in pictures each 5/6 as large as the one before. Here three of
these pictures are made around the face alone, each with the whole frame's pixels, grid and rounding. So the box is the
one that dlib finds in the whole frame, as long as the face has moved and grown little.
The sizes and roundings are those of dlib 20 (image_transforms/image_pyramid.h, image_processing/scan_fhog_pyramid.h).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator

import cv2
import numpy as np

from dfdlib.faces import detection

STEP = 1.2  # between levels of dlib's pyramid
CELL = 8  # pixels of a histogram of gradients; boxes lie on a grid of cells
SIDE = 72  # pixels of every box at its level, right minus left
SMALLEST = 64  # pixels; dlib searches no smaller picture
UP = np.array([2, 1])  # dlib's upsampled picture has 2 * (width, height) + UP pixels,
SHIFT = np.array([1.25, 0.75, 1.25, 0.75])  # and boxes found there are halved and shifted back by this
BILINEAR = 1 / 6  # mean variance of a bilinear step, in squared pixels of the picture that is read
LITTLE = 0.02  # variance of a blur that isn't worth its time
MORE = 8  # pixels around what is read, for the blur


def near(image: np.ndarray, box: np.ndarray, upsample: int, reach: float) -> np.ndarray | None:
    """The box (4,) float that dlib is surest of near another, in a uint8 RGB image (H, W, 3).

    It is searched within `reach` box sides around, a step of the pyramid smaller, at this size, and a step larger.
    `upsample` is that of dlib's detector. None where there is no face.
    """
    sizes = _sizes(image.shape[1], image.shape[0], upsample)
    middle = round(np.log(max(box[2] - box[0], 1) * 2**upsample / SIDE) / np.log(STEP))
    tried = [level for level in (middle - 1, middle, middle + 1) if 0 <= level < len(sizes)]
    size, best, found = np.array(image.shape[1::-1]), 0.0, None
    # pixels of the frame per pixel of a level
    ratios = {level: np.maximum(size - 1, 1) / (sizes[level] - 1) for level in tried}
    windows = {level: _window(box / np.tile(ratios[level], 2), sizes[level], reach) for level in tried}
    for level, (picture, corner) in _pictures(image, ratios, windows, sizes, upsample):
        low, high = windows[level]
        (x0, y0), (x1, y1) = low - corner, high - corner
        score, place = _surest(np.ascontiguousarray(picture[y0:y1, x0:x1]))
        if score > best:
            best, found = score, _in_frame(place + np.tile(low, 2), level, upsample)
    return found


@functools.lru_cache
def _sizes(width: int, height: int, upsample: int) -> list[np.ndarray]:
    """Width and height (2,) of each of the pictures that dlib searches."""
    size = np.array([width, height])
    for _ in range(upsample):
        size = 2 * size + UP
    sizes = []
    while not sizes or size.min() >= SMALLEST:
        sizes.append(size)
        size = 5 * size // 6
    return sizes


def _window(box: np.ndarray, size: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The whole cells of a level that are searched around a box of its pixels: first and last pixel (2,) + 1."""
    low = np.floor((box[:2] - reach * SIDE) / CELL) * CELL
    high = np.ceil((box[2:] + reach * SIDE) / CELL) * CELL
    low = np.clip(low, 0, size - 1).astype(int) // CELL * CELL
    return low, np.clip(high.astype(int), low + 1, size)


def _pictures(
    image: np.ndarray, ratios: dict, windows: dict, sizes: list[np.ndarray], upsample: int
) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    """For each level a part of its picture that contains its window, and the part's corner (2,) in the whole picture.

    The first is made from the frame, each coarser one from the one before, as dlib makes it.
    """
    picture = corner = None
    for level in windows:
        low, high = _hull(windows, ratios, level)
        high = np.minimum(high, sizes[level])
        if picture is None:
            picture = _first(image, ratios[level], _variance(level, upsample), low, high)
        else:
            picture = _resampled(picture, corner, ratios[level] / ratios[level - 1], low, high)
        corner = low
        yield level, (picture, corner)


def _hull(windows: dict, ratios: dict, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of a level from which its window, and those of coarser levels, can be made."""
    wide = {other: (ratios[other] / ratios[level], 2 * (other - level)) for other in windows if other >= level}
    low = np.min([np.floor(windows[other][0] * ratio) - more for other, (ratio, more) in wide.items()], 0)
    high = np.max([np.ceil(windows[other][1] * ratio) + more for other, (ratio, more) in wide.items()], 0)
    return np.maximum(low, 0).astype(int), high.astype(int)


def _variance(level: int, upsample: int) -> float:
    """How much dlib's bilinear steps up to a level blur, in squared pixels of the frame."""
    ups = sum(0.5 / 4**step for step in range(1, upsample + 1))
    return ups + BILINEAR * sum(STEP ** (2 * step) for step in range(level)) / 4**upsample


def _first(image: np.ndarray, ratio: np.ndarray, variance: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """A part of a level's picture, as blurred as by dlib's many bilinear steps, by one blur and one such step."""
    shrink = max(int(ratio.min() / 2), 1)  # of large faces the means of squares are enough, and take less time
    x0, y0 = np.maximum(np.floor(low * ratio) - MORE * shrink, 0).astype(int)
    x1, y1 = np.minimum(np.ceil(high * ratio).astype(int) + MORE * shrink, image.shape[1::-1])
    cut = image[y0 : y1 - (y1 - y0) % shrink, x0 : x1 - (x1 - x0) % shrink]
    cut = cv2.resize(cut, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA) if shrink > 1 else cut
    left = (variance - (shrink**2 - 1) / 12) / shrink**2 - BILINEAR
    if left > LITTLE:
        cut = cv2.GaussianBlur(cut, (0, 0), np.sqrt(left), borderType=cv2.BORDER_REPLICATE)
    return _resampled(cut, np.array([x0, y0]) + (shrink - 1) / 2, ratio, low, high, shrink)


def _resampled(
    picture: np.ndarray, corner: np.ndarray, ratio: np.ndarray, low: np.ndarray, high: np.ndarray, shrink: int = 1
) -> np.ndarray:
    """Pixels `low` to `high` (2,) of a level, bilinear from a part of a finer one that begins at `corner` (2,).

    That part may be shrunk: `shrink` pixels of the finer one, of which each pixel is the mean.
    """
    (across, right), (down, bottom) = np.stack([ratio, low * ratio - corner], 1) / shrink
    matrix = np.array([[across, 0, right], [0, down, bottom]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, (high - low).tolist(), flags=how, borderMode=cv2.BORDER_REPLICATE)


def _surest(picture: np.ndarray) -> tuple[float, np.ndarray | None]:
    """The highest score in a picture at this size alone, and the box (4,) in its pixels."""
    boxes, scores, _ = detection.one_level_detector(threading.get_ident()).run(picture, 0, 0.0)
    if not scores:
        return 0.0, None
    best = int(np.argmax(scores))
    b = boxes[best]
    return scores[best], np.array([b.left(), b.top(), b.right(), b.bottom()], float)


def _in_frame(box: np.ndarray, level: int, upsample: int) -> np.ndarray:
    """A level's box (4,) in pixels of the frame, rounded as dlib rounds."""
    for _ in range(level):
        box = box * STEP + 0.3
    box = np.floor(box + 0.5)
    for _ in range(upsample):
        box = box / 2 - SHIFT
    return np.floor(box + 0.5)
