"""Who is who in a file: tracks of faces are cut where the person changes, and joined where one returns."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dfdlib.faces import descriptors, geometry

ONE_PERSON = 0.6  # dlib's documentation: descriptors of one person lie closer than this
# Mean difference of two successive crops' grey values, at 32 x 32 pixels, above which it is asked whose face it is:
# within a rendered clip it is 13 at most, between two people 18 at least. Motion exceeds it too, hence the median.
DIFFERENT, TIMES = 15.0, 2.0
# Above these it is told, also where dlib takes both for one person: so were 98 % of the cuts between two rendered
# people, and 6 of the 70 clips of UADFV's training and validation people, of which none was split into two.
ABRUPT, ABRUPT_TIMES = 20.0, 4.0
ASKED = 6  # differences looked at per track, the greatest, and
WITNESSES = 3  # frames of each side that are compared; a descriptor takes a tenth of a second
MOST = 4  # people that are judged: those with the largest faces, summed over frames


@dataclass(frozen=True, eq=False)
class Sighting:
    """A frame of a file and, where it can be judged, one face in it."""

    frame: int
    why: str = ""  # why it cannot be judged
    box: np.ndarray | None = None  # (4,) pixels of the frame
    crop: np.ndarray | None = None  # (S, S, 3) uint8 RGB; None where it cannot be judged
    points: np.ndarray | None = None  # (68, 2) in the crop's pixels

    @functools.cached_property
    def descriptor(self) -> np.ndarray:
        """dlib's (128,) of the crop."""
        return descriptors.descriptor(self.crop, self.points)


Track = Sequence[Sighting]


def tell_apart(tracks: Sequence[Track]) -> tuple[list[list[Sighting]], list[int]]:
    """Each person's sightings, at most MOST people, and the frames at which a face jumps or changes abruptly.

    Tracks without a frame that can be judged are left out.
    """
    tracks = [[s for s in track if s.crop is not None] for track in tracks]
    tracks = [track for track in tracks if track]
    jumps = sorted({frame for track in tracks for frame in _jumps(track)})
    parts = sorted((part for track in tracks for part in _cut(track)), key=len, reverse=True)
    people: list[list[Sighting]] = []
    for part in parts[: 4 * MOST]:
        same = next((who for who in people if _apart(who, part) and _distance(who, part) <= ONE_PERSON), None)
        if same is None:
            people.append(list(part))
        else:
            same.extend(part)
    people.sort(key=lambda person: sum(geometry.area(s.box) for s in person), reverse=True)
    return [sorted(person, key=lambda s: s.frame) for person in people[:MOST]], jumps


def _changes(track: list[Sighting]) -> tuple[np.ndarray, float]:
    """How much each crop differs from the one before, (n,) with 0 for the first; and the median of the others."""
    grey = (cv2.cvtColor(seen.crop, cv2.COLOR_RGB2GRAY) for seen in track)
    small = [cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA) for image in grey]
    change = np.array([0.0, *(cv2.absdiff(a, b).mean() for a, b in itertools.pairwise(small))])
    return change, float(np.median(change[1:])) if len(track) > 1 else 0.0


def _cut(track: list[Sighting]) -> list[list[Sighting]]:
    """The track in pieces, cut where crops differ much and dlib takes both sides for two people."""
    change, usual = _changes(track)
    asked = [place for place in np.argsort(-change)[:ASKED] if change[place] > max(DIFFERENT, TIMES * usual)]
    pieces = [track[a:b] for a, b in itertools.pairwise([0, *sorted(asked), len(track)])]
    found = [pieces[0]]
    for piece in pieces[1:]:
        before = found[-1]
        first = np.linalg.norm(before[-1].descriptor - piece[0].descriptor)  # two descriptors are mostly enough
        lone = min(len(before), len(piece)) == 1  # a turned head or a blink in a single frame is no other person
        if not lone and first > ONE_PERSON and _distance(before[-WITNESSES:], piece[:WITNESSES]) > ONE_PERSON:
            found.append(piece)
        else:
            found[-1] = before + piece
    return found


def _jumps(track: list[Sighting]) -> list[int]:
    """Frames at which the face's box leaves its place altogether, or its picture changes abruptly."""
    change, usual = _changes(track)
    abrupt = change > max(ABRUPT, ABRUPT_TIMES * usual)
    away = [False, *(geometry.iou(a.box, b.box) == 0 for a, b in itertools.pairwise(track))]
    return [seen.frame for seen, jump in zip(track, abrupt | away, strict=True) if jump]


def _apart(a: Track, b: Track) -> bool:
    """Whether no frame shows both, so that they may be one person."""
    return not {s.frame for s in a} & {s.frame for s in b}


def _distance(a: Track, b: Track) -> float:
    """The median distance of the descriptors of both, of up to WITNESSES frames each."""
    sides = [np.stack([s.descriptor for s in _spread(track)]) for track in (a, b)]
    return float(np.median(np.linalg.norm(sides[0][:, None] - sides[1][None], axis=2)))


def _spread(track: Track) -> Track:
    places = np.unique(np.linspace(0, len(track) - 1, WITNESSES).round().astype(int))
    return [track[place] for place in places]
