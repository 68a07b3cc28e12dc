"""A clip's face, found in one of two ways.

Detected: dlib searches each whole frame, and of the faces found the one that is largest over all frames is taken.
Followed: the whole picture is searched rarely, and else the surroundings of the last box. The boxes are those that dlib
finds in the whole frame (`levels`); only the search is shorter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dfdlib.faces import detection, geometry, levels

SAME_FACE_IOU = 0.3  # boxes of neighbouring frames that overlap more belong to one face
SURE = 0.5  # a box with a smaller share of the best box's score is not a face: badges, collars, shadows
SMALLEST, UNSAMPLED = 80, 90  # pixels: dlib's smallest face, and the width below which `every` enlarges the picture
REACH = 0.75  # of a box's side around it: further out dlib's landmarks don't look


@dataclass(frozen=True)
class TrackParams:
    """How a face is looked for; all but the first two are about following."""

    detect_each: bool = False  # search each whole frame instead of following
    upsample: int = 1  # as of dlib's detector: 1 finds faces from about 40 pixels, at four times the cost of a search
    reach: float = 0.4  # of a box's side, in which the face is searched around the last box
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
    how: str  # detected, region, sweep (where the box comes from) or lost (no face)


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
    """Of the tracks of (frame, box) detections, that with the largest summed area."""
    return max(joined(found), key=lambda t: sum(geometry.area(box) for _, box in t), default=[])


def _followed(frames: Callable, params: TrackParams) -> Iterator[Seen]:
    last: np.ndarray | None = None
    since, lost = 0, 0
    for number, image in frames():
        since += 1
        sweep = last is None or since >= params.sweep
        how, last = _search(image, last, sweep, lost % params.patience == 0, params)
        since, lost = 0 if sweep else since, 0 if last is not None else lost + 1
        yield Seen(number, image, last, None if last is None else landmarks(image, last), how)


def every(image: np.ndarray, side: float, params: TrackParams) -> list[tuple[float, np.ndarray]]:
    """dlib's score and the box (4,) of all faces about half of `side` pixels wide or wider in a uint8 RGB image.

    The picture is shrunk until dlib's smallest face, 80 pixels, has that width; below 40 pixels no face is found.
    A box with less than SURE of the best score may be none.
    """
    shrink, upsample = max(side / (2 * SMALLEST), 1.0), int(side < UNSAMPLED) * params.upsample
    scale = {"fx": 1 / shrink, "fy": 1 / shrink, "interpolation": cv2.INTER_AREA}
    small = image if shrink == 1 else cv2.resize(image, None, **scale)
    return [(score, box * shrink) for score, box in _boxes(small, upsample)]


def fitted(image: np.ndarray, box: np.ndarray, params: TrackParams) -> np.ndarray:
    """A box (4,) of `every` on the grid on which a face is followed, which gives the same landmarks."""
    found = _near(image, box, params)
    return box if found is None else found


def joined(found: Iterable[tuple[int, np.ndarray]]) -> list[list[tuple[int, np.ndarray]]]:
    """Tracks: (frame, box) of one face each, whose boxes overlap from frame to frame; frames in order."""
    tracks: list[list[tuple[int, np.ndarray]]] = []
    for frame, box in found:
        ends = [t for t in tracks if t[-1][0] < frame and geometry.iou(t[-1][1], box) > SAME_FACE_IOU]
        if ends:
            max(ends, key=lambda t: (t[-1][0], geometry.iou(t[-1][1], box))).append((frame, box))
        else:
            tracks.append([(frame, box)])
    return tracks


def landmarks(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """As detection.landmarks, from a copy of the face's surroundings, which stays in the processor's cache."""
    wide = REACH * (box[2] - box[0])
    x0, y0, x1, y1 = _inside(box + [-wide, -wide, wide, wide], image)
    corner = np.array([x0, y0])
    cut = np.ascontiguousarray(image[y0:y1, x0:x1])
    return detection.landmarks(cut, np.round(box) - np.tile(corner, 2)) + corner.astype(np.float32)


def _inside(box: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The box (4,) as whole pixels within the image, at least one wide and high."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(box[:2]), 0, [width - 1, height - 1])
    return np.concatenate([low, np.clip(np.ceil(box[2:]), low + 1, [width, height])]).astype(int)


def _search(
    image: np.ndarray, last: np.ndarray | None, sweep: bool, upsample: bool, params: TrackParams
) -> tuple[str, np.ndarray | None]:
    """Search around the last box; where there is no face, or at a sweep, in all of it. How, and the box (4,)."""
    near = None if last is None else _near(image, last, params)
    if near is not None and not sweep:
        return "region", near
    found = _in_all(image, params, upsample and near is None, quick=near is not None)
    if found is None or (near is not None and width(found) < levels.STEP * width(near)):
        return "lost" if near is None else "region", near
    fitted = _near(image, found, params)  # on the grid on which the face will be followed
    return "sweep", found if fitted is None else fitted


def width(box: np.ndarray) -> float:
    """Of a box (4,), the mean of width and height, pixels."""
    return float(np.mean(box[2:] - box[:2]))


def _near(image: np.ndarray, box: np.ndarray, params: TrackParams) -> np.ndarray | None:
    return levels.near(image, box, params.upsample, params.reach)


def _boxes(image: np.ndarray, upsample: int) -> list[tuple[float, np.ndarray]]:
    """The score and the box (4,) float of each face that dlib's detector finds, on all colours."""
    found, scores, _ = detection.frontal_detector(threading.get_ident()).run(image, upsample, 0.0)
    return [
        (s, np.array([b.left(), b.top(), b.right(), b.bottom()], float)) for b, s in zip(found, scores, strict=True)
    ]


def found_in(image: np.ndarray, params: TrackParams) -> bool:
    """Whether there is a face anywhere in a uint8 RGB image."""
    return _in_all(image, params, True, False) is not None


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
            return max(sure, key=width)
    return None
