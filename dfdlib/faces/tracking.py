"""Follow one face through every frame: search the whole picture rarely, a small region mostly, nothing where it rests.

The boxes are those of dlib's detector on the whole frame, because the region is laid onto the grid of the same level
of its pyramid; only the search is shorter.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import dlib
import numpy as np

from dfdlib.faces import detection

WINDOW = 74.65  # side in pixels of dlib's frontal detector at its finest level: boxes seen are WINDOW * STEP ** level
STEP = 1.2  # of dlib's pyramid, each level 5/6 of the one before
CELL = 8  # pixels of a histogram of gradients; boxes lie on a grid of cells
THUMB = 24  # side of the picture by which two faces are compared
SURE = 0.5  # a box whose score is a smaller share of the best one's is no face: badges, collars, shadows
REACH = 0.75  # of a box's side around it: further out dlib's landmarks don't look


@dataclass(frozen=True)
class TrackParams:
    """How a face is followed."""

    upsample: int = 1  # as of dlib's detector: 1 finds faces from about 40 pixels, at four times the cost of a search
    region: float = 2.0  # side of the region searched around the last box, in box sides
    rests: float = 0.03  # landmarks that move by less than this share of the box, centre and extent, rest
    changed: float = 6.0  # mean difference of green values, of 255, beyond which the face is searched again
    renew: int = 8  # frames after which a resting face is searched again
    sweep: int = 100  # frames after which the whole picture is searched for a larger face
    narrow: int = 480  # pixels: a sweep looks at the picture shrunk to this longer side
    patience: int = 10  # without a face, only every so-many-th frame is upsampled for a small one


@dataclass(frozen=True)
class Seen:
    """A frame and, where there is a face in it, its box (4,) and landmarks (68, 2), float32 in pixels of the frame."""

    frame: int
    image: np.ndarray  # (H, W, 3) uint8 RGB
    box: np.ndarray | None
    points: np.ndarray | None
    how: str  # rests, region, sweep (what gave the box) or lost (no face)


def follow(frames: Iterable[tuple[int, np.ndarray]], params: TrackParams) -> Iterator[Seen]:
    """The face of each of a clip's frames, (frame index, uint8 RGB (H, W, 3)), in their order; one frame is held.

    It is the one with the largest box where the search began or a sweep found a larger one.
    """
    last: _Face | None = None
    since, age, lost = 0, 0, 0
    for number, image in frames:
        since, age = since + 1, age + 1
        how, face = "rests", _rests(image, last, params) if last and age <= params.renew else None
        if face is None or since >= params.sweep:
            swept = last is None or since >= params.sweep
            how, face = _search(image, last, swept, lost % params.patience == 0, params)
            since, age = 0 if swept else since, 0
        lost = 0 if face else lost + 1
        last = face
        yield Seen(number, image, face and face.box, face and face.points, how if face else "lost")


@dataclass(frozen=True)
class _Face:
    box: np.ndarray
    points: np.ndarray
    measure: np.ndarray  # (4,) of the landmarks where the box was found: centre and extent
    thumb: np.ndarray  # (THUMB, THUMB) green values of the box at that moment

    @property
    def side(self) -> float:
        return float(np.mean(self.box[2:] - self.box[:2]))


def _marked(image: np.ndarray, box: np.ndarray) -> _Face:
    points = _landmarks(image, box)
    return _Face(box, points, _measure(points), _thumb(image, box))


def _landmarks(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """As detection.landmarks, from a copy of the face's surroundings, which stays in the processor's cache."""
    wide = REACH * (box[2] - box[0])
    x0, y0, x1, y1 = _inside(box + [-wide, -wide, wide, wide], image)
    corner = np.array([x0, y0])
    cut = np.ascontiguousarray(image[y0:y1, x0:x1])
    return detection.landmarks(cut, np.round(box) - np.tile(corner, 2)) + corner.astype(np.float32)


def _measure(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points.mean(0), np.ptp(points, 0)])


def _thumb(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    x0, y0, x1, y1 = _inside(box, image)
    green = np.ascontiguousarray(image[y0:y1:2, x0:x1:2, 1])  # every second pixel is enough for a mean
    return cv2.resize(green, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)


def _inside(box: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The box (4,) as whole pixels within the image, at least one wide and high."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(box[:2]), 0, [width - 1, height - 1])
    return np.concatenate([low, np.clip(np.ceil(box[2:]), low + 1, [width, height])]).astype(int)


def _rests(image: np.ndarray, last: _Face, params: TrackParams) -> _Face | None:
    """The last face with this frame's landmarks, where neither its picture nor its landmarks have moved."""
    if np.abs(_thumb(image, last.box) - last.thumb).mean() >= params.changed:
        return None
    points = _landmarks(image, last.box)
    moved = np.abs(_measure(points) - last.measure).max()
    return _Face(last.box, points, last.measure, last.thumb) if moved < params.rests * last.side else None


def _search(
    image: np.ndarray, last: _Face | None, sweep: bool, upsample: bool, params: TrackParams
) -> tuple[str, _Face | None]:
    """Look around the last face; where it isn't, or at a sweep, in the whole picture."""
    near = _in_region(image, last.box, params) if last else None
    if near is not None and not sweep:
        return "region", _marked(image, near)
    found = _in_all(image, params, upsample and near is None, quick=near is not None)
    if found is None or (near is not None and _side(found) < STEP * _side(near)):
        return "region", None if near is None else _marked(image, near)
    fitted = _in_region(image, found, params)  # on the grid on which it will be followed
    return "sweep", _marked(image, found if fitted is None else fitted)


def _side(box: np.ndarray) -> float:
    return float(np.mean(box[2:] - box[:2]))


def _in_region(image: np.ndarray, box: np.ndarray, params: TrackParams) -> np.ndarray | None:
    """The best box (4,) near another, at its size, a step of the pyramid smaller, or larger."""
    scale = 2**params.upsample / STEP ** max(_level(_side(box), params) - 1, 0)
    grid = CELL * 6 / scale  # whole cells on this level and on the next
    centre, half = (box[:2] + box[2:]) / 2, _side(box) * params.region / 2
    low = np.floor((centre - half) / grid) * grid
    x0, y0, x1, y1 = _inside(np.concatenate([np.round(low), centre + half]), image)
    width, height = (max(round(float(v) * scale), 1) for v in (x1 - x0, y1 - y0))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    found = _best(cv2.resize(image[y0:y1, x0:x1], (width, height), interpolation=how), 0)
    return None if found is None else found * np.tile([(x1 - x0) / width, (y1 - y0) / height], 2) + [x0, y0, x0, y0]


def _level(side: float, params: TrackParams) -> int:
    """The level of dlib's pyramid on which a box of `side` pixels is found."""
    return round(np.log(side * 2**params.upsample / WINDOW) / np.log(STEP))


def _best(image: np.ndarray, upsample: int) -> np.ndarray | None:
    """The box (4,) float that dlib's detector is surest of."""
    found, scores, _ = detection.frontal_detector(threading.get_ident()).run(image, upsample, 0.0)
    return _floats(found[int(np.argmax(scores))]) if found else None


def _in_all(image: np.ndarray, params: TrackParams, upsample: bool, quick: bool) -> np.ndarray | None:
    """The largest face of the whole picture: shrunk, in its size, upsampled, until there is one; `quick`: shrunk."""
    longest = max(image.shape[:2])
    shrink = max(longest / params.narrow, 1.0)
    sizes = [(shrink, 0)] + [(1.0, 0)] * (shrink > 1 and not quick)
    sizes += [(1.0, params.upsample)] * (upsample and not quick and params.upsample > 0)
    for factor, times in sizes:
        small = image if factor == 1 else cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=3)
        found, scores, _ = detection.frontal_detector(threading.get_ident()).run(small, times, 0.0)
        sure = [_floats(box) * factor for box, score in zip(found, scores, strict=True) if score > SURE * max(scores)]
        if sure:
            return max(sure, key=_side)
    return None


def _floats(box: dlib.rectangle) -> np.ndarray:
    return np.array([box.left(), box.top(), box.right(), box.bottom()], float)
