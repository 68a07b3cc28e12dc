"""A clip's face, found in one of two ways.

Detected: dlib searches each whole frame, and of the faces found the one that is largest over all frames is taken.
Followed, for neighbouring frames: the whole picture is searched rarely, a small region mostly, and nothing where the
face rests. The boxes are those that dlib's detector finds in the whole frame, because the region is aligned with the
grid of the same level of its pyramid; only the search is shorter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dfdlib.faces import detection, geometry

SAME_FACE_IOU = 0.3  # boxes of neighbouring frames that overlap more belong to one face
WINDOW = 74.65  # side in pixels of dlib's frontal detector at its finest level: boxes seen are WINDOW * STEP ** level
STEP = 1.2  # of dlib's pyramid, each level 5/6 of the one before
CELL = 8  # pixels of a histogram of gradients; boxes lie on a grid of cells
THUMB = 24  # side of the picture by which two faces are compared
SURE = 0.5  # a box with a smaller share of the best box's score is not a face: badges, collars, shadows
REACH = 0.75  # of a box's side around it: further out dlib's landmarks don't look


@dataclass(frozen=True)
class TrackParams:
    """How a face is looked for; all but the first two are about following."""

    detect_each: bool = False  # search each whole frame instead of following
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
    how: str  # detected, rests, region, sweep (where the box comes from) or lost (no face)


def follow(frames: Callable[[], Iterable[tuple[int, np.ndarray]]], params: TrackParams) -> Iterator[Seen]:
    """The face of each of a clip's frames, in their order; only one frame is held.

    `frames` returns them, (frame index, uint8 RGB (H, W, 3)), from the first each time it is called: once to follow,
    twice to detect. Detected, the face is the one with the largest summed area; followed, the one with the largest box
    where the search began, or a larger one that a sweep has found.
    """
    return (_detected if params.detect_each else _followed)(frames, params)


def _detected(frames: Callable, params: TrackParams) -> Iterator[Seen]:
    found = [(number, box) for number, image in frames() for box in detection.detect(image, params.upsample)]
    largest = dict(_largest_track(found))
    for number, image in frames():  # again: the face is known only now, and frames are too large to keep
        box = largest.get(number)
        points = None if box is None else detection.landmarks(image, box)
        yield Seen(number, image, box, points, "lost" if box is None else "detected")


def _largest_track(found: Iterable[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Join (frame, box) detections that overlap from frame to frame; the track with the largest summed area."""
    tracks: list[list[tuple[int, np.ndarray]]] = []
    for frame, box in found:
        ends = [t for t in tracks if t[-1][0] < frame and geometry.iou(t[-1][1], box) > SAME_FACE_IOU]
        if ends:
            max(ends, key=lambda t: (t[-1][0], geometry.iou(t[-1][1], box))).append((frame, box))
        else:
            tracks.append([(frame, box)])
    return max(tracks, key=lambda t: sum(geometry.area(box) for _, box in t), default=[])


def _followed(frames: Callable, params: TrackParams) -> Iterator[Seen]:
    last: _Face | None = None
    since, age, lost = 0, 0, 0
    for number, image in frames():
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
    """The last face with this frame's landmarks, where neither its picture nor its landmarks have changed."""
    if np.abs(_thumb(image, last.box) - last.thumb).mean() >= params.changed:
        return None
    points = _landmarks(image, last.box)
    moved = np.abs(_measure(points) - last.measure).max()
    return _Face(last.box, points, last.measure, last.thumb) if moved < params.rests * _side(last.box) else None


def _search(
    image: np.ndarray, last: _Face | None, sweep: bool, upsample: bool, params: TrackParams
) -> tuple[str, _Face | None]:
    """Search around the last face; where it is not there, or at a sweep, in the whole picture."""
    near = _in_region(image, last.box, params) if last else None
    if near is not None and not sweep:
        return "region", _marked(image, near)
    found = _in_all(image, params, upsample and near is None, quick=near is not None)
    if found is None or (near is not None and _side(found) < STEP * _side(near)):
        return "region", None if near is None else _marked(image, near)
    fitted = _in_region(image, found, params)  # on the grid on which the face will be followed
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
    near = _boxes(cv2.resize(image[y0:y1, x0:x1], (width, height), interpolation=how), 0)
    found = max(near, key=lambda scored: scored[0])[1] if near else None  # the box of which the detector is surest
    return None if found is None else found * np.tile([(x1 - x0) / width, (y1 - y0) / height], 2) + [x0, y0, x0, y0]


def _level(side: float, params: TrackParams) -> int:
    """The level of dlib's pyramid on which a box of `side` pixels is found."""
    return round(np.log(side * 2**params.upsample / WINDOW) / np.log(STEP))


def _boxes(image: np.ndarray, upsample: int) -> list[tuple[float, np.ndarray]]:
    """The score and the box (4,) float of each face that dlib's detector finds, on all colours."""
    found, scores, _ = detection.frontal_detector(threading.get_ident()).run(image, upsample, 0.0)
    return [
        (s, np.array([b.left(), b.top(), b.right(), b.bottom()], float)) for b, s in zip(found, scores, strict=True)
    ]


def _in_all(image: np.ndarray, params: TrackParams, upsample: bool, quick: bool) -> np.ndarray | None:
    """The largest face of the whole picture: shrunk, full size, upsampled, until one is found; `quick`: only shrunk."""
    longest = max(image.shape[:2])
    shrink = max(longest / params.narrow, 1.0)
    sizes = [(shrink, 0)] + [(1.0, 0)] * (shrink > 1 and not quick)
    sizes += [(1.0, params.upsample)] * (upsample and not quick and params.upsample > 0)
    for factor, times in sizes:
        small = image if factor == 1 else cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=3)
        found = _boxes(small, times)
        best = max((score for score, _ in found), default=0.0)
        sure = [box * factor for score, box in found if score > SURE * best]
        if sure:
            return max(sure, key=_side)
    return None
