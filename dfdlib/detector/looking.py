"""Look for faces in a file's frames: the largest one, all of them, or those of a picture that lies on its side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from dfdlib.core.studies import FaceParams
from dfdlib.detector import judging, network
from dfdlib.detector.people import Sighting
from dfdlib.faces import geometry, tracking
from dfdlib.faces.tracking import Seen, TrackParams

FACE = FaceParams(size=network.SIDE)  # of the face's square; the margin is the study's
PROBES = 3  # frames of a file in which other faces are counted, and turned ones looked for
TURN_SIDE = 640  # pixels: longer side of a picture that is turned to look for a face; it bounds the cost
CROWD = 8  # faces of a frame that are kept, the largest

Frames = Iterable[tuple[int, np.ndarray]]  # frame number and uint8 RGB (H, W, 3)


@dataclass(frozen=True)
class PredictParams:
    """What is looked at, and what is not judged."""

    max_frames: int = 32  # of a video, evenly spaced
    rule: str = "resnet"  # the decision maker's: the network alone, as the head pose did not help on validation
    smallest: int = 24  # pixels: a face whose square is smaller is not judged
    small: int = 48  # pixels: FSRCNN enlarges a smaller square, as notebook 06 does
    darkest: float = 30.0  # mean luminance of 255 below which a face is not judged
    longest: int = 1920  # pixels: larger frames are shrunk first, which bounds memory
    track: TrackParams = field(default_factory=TrackParams)


@dataclass(frozen=True)
class Looked:
    """What was seen of the largest face: a sighting for each frame that could be decoded."""

    sightings: list[Sighting]
    side: float  # pixels, width of its widest box in the frames where faces were counted
    most: int  # faces in the frame with most of them, of those in which they were counted
    small: int  # other faces less than half as wide, in the first frame with a face
    blank: list[np.ndarray]  # a few frames without a face, shrunk

    @property
    def found(self) -> int:
        """The frames with a face, usable or not."""
        return sum(seen.box is not None for seen in self.sightings)


def follow(images: Frames, wanted: Sequence[int], params: PredictParams) -> Looked:
    """Follow the largest face; in the first frame with a face and PROBES others the faces are counted."""
    probes = {wanted[round(i * (len(wanted) - 1) / PROBES)] for i in range(1, PROBES + 1)}
    sightings, blank, side, most, small = [], [], 0.0, 0, 0
    for seen in tracking.follow(lambda: images, params.track):
        sightings.append(sighting(seen, params))
        if seen.box is None:
            if not blank or (seen.frame in probes and len(blank) < PROBES):
                blank.append(bounded(seen.image, TURN_SIDE))
        elif not side or seen.frame in probes:
            first, side = not side, max(side, tracking.width(seen.box))
            widths = _widths(seen.image, min(side, 2 * tracking.SMALLEST) if first else side, params)
            large = sum(width >= side / 2 for width in widths)
            most, small = max(most, large), len(widths) - large if first else small
    return Looked(sightings, side, most, small, blank)


def _widths(image: np.ndarray, side: float, params: PredictParams) -> list[float]:
    """Of the sure faces that tracking.every finds, pixels."""
    found = tracking.every(image, side, params.track)
    best = max((score for score, _ in found), default=0.0)
    return [tracking.width(box) for score, box in found if score > tracking.SURE * best]


def turns(looked: Looked, frames: int, params: PredictParams) -> int:
    """Anticlockwise quarter turns after which faces are found in most of the blank frames; 0 where none helps.

    They are tried where a face was found in too few of the frames for a verdict.
    """
    if looked.found >= judging.needed(frames) or not looked.blank:
        return 0
    hits = {k: sum(tracking.found_in(turned(image, k), params.track) for image in looked.blank) for k in (2, 1, 3)}
    best = max(hits, key=hits.get)
    return best if 2 * hits[best] >= len(looked.blank) else 0


def turned(image: np.ndarray, quarters: int) -> np.ndarray:
    """An image turned anticlockwise by a number of quarter turns."""
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image


def everybody(images: Frames, side: float, params: PredictParams) -> list[list[Sighting]]:
    """Tracks of all faces at least half of `side` pixels wide; without those that are never a sure face."""
    seen: list[tuple[float, Sighting]] = []
    for number, image in images:
        found = sorted(tracking.every(image, side, params.track), key=lambda scored: -tracking.width(scored[1]))
        for score, rough in found[:CROWD]:
            box = tracking.fitted(image, rough, params.track)
            face = Seen(number, image, box, tracking.landmarks(image, box), "detected")
            seen.append((score, sighting(face, params)))
    scores = {id(face.box): (score, face) for score, face in seen}
    best = max((score for score, _ in seen), default=0.0)
    tracks = tracking.joined((face.frame, face.box) for _, face in seen)
    members = [[scores[id(box)] for _, box in track] for track in tracks]
    return [[face for _, face in track] for track in members if max(track, key=_score)[0] > tracking.SURE * best]


def _score(scored: tuple[float, Sighting]) -> float:
    return scored[0]


def sighting(seen: Seen, params: PredictParams) -> Sighting:
    """A frame's face with its crop (S, S, 3), S as in FACE, or why it is not judged."""
    if seen.points is None:
        dark = seen.image.mean() < params.darkest
        return Sighting(seen.frame, "picture too dark" if dark else "no face")
    box = geometry.face_rectangle(seen.points, FACE.margin)
    side = math.ceil(box[2] - box[0])
    if side < params.smallest:
        return Sighting(seen.frame, "face too small", seen.box)
    crop = geometry.crop(seen.image, box, FACE.size)[0]
    if side < params.small:
        crop = _enlarged(geometry.crop(seen.image, box, side)[0])
    if cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean() < params.darkest:
        return Sighting(seen.frame, "face too dark", seen.box)
    return Sighting(seen.frame, "", seen.box, crop, geometry.in_crop(seen.points[None], FACE)[0])


def _enlarged(square: np.ndarray) -> np.ndarray:
    """A small face (s, s, 3), enlarged by FSRCNN up to four times and brought to FACE.size by interpolation."""
    from dfdlib.superres import enlarging  # with PyTorch, without which the other faces are judged

    large = enlarging.upscale(square, min(4, max(2, math.ceil(FACE.size / len(square)))))
    how = cv2.INTER_AREA if len(large) > FACE.size else cv2.INTER_CUBIC
    return cv2.resize(large, (FACE.size, FACE.size), interpolation=how)


def bounded(image: np.ndarray, longest: int) -> np.ndarray:
    """The image, shrunk so that no side is longer than `longest` pixels."""
    factor = longest / max(image.shape[:2])
    return image if factor >= 1 else cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
