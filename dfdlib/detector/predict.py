"""A verdict on any picture or video: on each person's face, how the score varies, and what was not usable."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import errors
from dfdlib.core.errors import DfdError
from dfdlib.data import media_files
from dfdlib.detector import judging, looking, people, record, shipped
from dfdlib.detector.judging import WORDS, Face
from dfdlib.detector.looking import Looked, PredictParams
from dfdlib.detector.people import Sighting
from dfdlib.faces import pictures

EDGES = ("inconclusive_from", "inconclusive_to")
NUMBERS = ["p_fake", "low", "high", *EDGES, "resnet", "headpose", "looked_at", "used", "not_used"]
COLUMNS = ["file", "verdict", *NUMBERS, "turned", "note", "measured", "faces"]


@dataclass(frozen=True)
class Prediction:
    """What is said of a file."""

    file: str
    verdict: str = "unusable"  # that of its faces, by judging.of_file
    note: str = ""  # why a file is unusable, and what else to know
    faces: tuple[Face, ...] = ()  # that which decides first; empty where no frame was decoded
    turned: int = 0  # degrees against the clock, by which the frames were turned before they were judged
    rule: str = "resnet"

    @property
    def face(self) -> Face:
        """The face that decides the file's verdict."""
        return self.faces[0] if self.faces else Face()

    @property
    def said(self) -> str:
        """The deciding face's note and the file's."""
        return "; ".join(part for part in (self.face.note, self.note) if part)

    @property
    def beside(self) -> str:
        """In how much of what it never saw the detector finds signs, counted as for this kind of file."""
        return "" if self.verdict == "unusable" else record.beside(self.face.looked_at == 1, self.rule)

    def row(self) -> dict[str, object]:
        """The columns COLUMNS; missing numbers are None, others have four decimals."""
        faces = [
            {"verdict": WORDS[face.verdict], **_numbers(face), "frames": face.shown, "note": face.note}
            for face in self.faces
            if face.used
        ]
        about = {"turned": self.turned, "note": self.said, "measured": self.beside, "faces": faces}
        return {"file": self.file, "verdict": WORDS[self.verdict], **_numbers(self.face), **about}


def _numbers(face: Face) -> dict[str, object]:
    values = vars(face) | dict(zip(EDGES, face.edges, strict=True))
    return {name: _plain(values[name]) for name in NUMBERS}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def files_to_judge(given: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files to judge: those named, and every picture and video below the folders named, in order.

    And a sentence for each folder with other files. DfdError where there is no file at all.
    """
    found: list[Path] = []
    others: list[str] = []
    for path in given:
        if os.path.isdir(path):  # unlike Path.is_dir also where a name is too long
            inside, left = media_files.below(path)
            found += inside
            others.append(media_files.summary(left, path))
        else:
            found.append(path)
    others = [sentence for sentence in others if sentence]
    if not found:
        why = f" ({'; '.join(others)})" if others else ""
        raise DfdError(f"There is no picture or video in {', '.join(map(str, given))}{why}; name another folder.")
    return list(dict.fromkeys(found)), others


def judge(path: Path, params: PredictParams, tell: Callable[[int, int], None] = lambda done, total: None) -> Prediction:
    """The verdict on a file; a file that cannot be judged is "unusable", and its note says why in one sentence.

    So is one at which a library or this program fails, whatever the error: it must not cost the other files.
    `tell` is called after each frame with (frames done, frames to look at).
    """
    try:
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe, say, would make its reader wait
            raise DfdError(f"{path} is not a regular file; name a picture, a video or a folder of them.")
        return _judged(path, params, tell)
    except DfdError as error:
        note = str(error)
    except Exception as error:
        note = _failed(path, error)
    return Prediction(str(path), note=note)


def _failed(path: Path, error: Exception) -> str:
    """A sentence on an error that nobody foresaw, with the place in this program: a report needs it."""
    if isinstance(error, OSError) and error.errno and error.filename in (None, str(path)):
        return f"{path} can't be read ({error.strerror}); copy it again."
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "dfdlib" in Path(frame.filename).parts]
    where = f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}"
    what = " ".join(str(getattr(error, "err", "") or error).split())[:200]  # OpenCV's own text names its source files
    name = f"{type(error).__module__}.{type(error).__name__}".removeprefix("builtins.")
    return errors.printable(f"{path} could not be judged ({name} in {where}: {what}); report this.")


def _frames(path: Path, params: PredictParams) -> tuple[tuple[int, ...], Iterable[tuple[int, np.ndarray]]]:
    """The numbers of the frames to look at, and those that can be decoded: (number, uint8 RGB), bounded."""
    found = pictures.read(path, params.max_frames)
    return found.wanted, ((number, looking.bounded(image, params.longest)) for number, image in found.frames)


def _told(images: Iterable, total: int, tell: Callable[[int, int], None]) -> Iterator:
    for done, item in enumerate(images, 1):
        yield item
        tell(done, total)


def _judged(path: Path, params: PredictParams, tell: Callable[[int, int], None]) -> Prediction:
    wanted, images = _frames(path, params)

    def again(quarters: int) -> Iterator[tuple[int, np.ndarray]]:
        """The frames once more, turned: too large to be kept, and few files need it."""
        images = _told(_frames(path, params)[1], len(wanted), tell)
        return ((number, looking.turned(image, quarters)) for number, image in images)

    looked, notes = looking.follow(_told(images, len(wanted), tell), wanted, params), []
    quarters = looking.turns(looked, len(wanted), params)
    if quarters:
        upright, looked = looked, looking.follow(again(quarters), wanted, params)
        if looked.found > upright.found:
            notes.append(_turned_note(upright, len(wanted), 90 * quarters))
        else:
            quarters, looked = 0, upright
    tracks = looking.everybody(again(quarters), looked.side, params) if looked.most > 1 else [looked.sightings]
    persons, jumps = people.tell_apart(tracks)
    if not persons:
        persons, jumps = people.tell_apart([looked.sightings])
    found = [_face(person, looked, wanted, params.rule) for person in persons or [[]]]
    faces = judging.ranked(found)
    notes += _people_notes(found, faces, jumps) + _others(looked)
    if not faces[0].used:
        notes = [_none_usable(path, faces[0].not_used, len(wanted))]
    verdict = judging.of_file(face.verdict for face in faces)
    return Prediction(str(path), verdict, "; ".join(notes), tuple(faces), 90 * quarters, params.rule)


def _face(person: Sequence[Sighting], looked: Looked, wanted: Sequence[int], rule: str) -> Face:
    """The verdict on a person; a wanted frame that never came was damaged."""
    reasons = {seen.frame: seen.why or "another person" for seen in looked.sightings}
    own = {seen.frame for seen in person}
    rows = [(n, n in own, "" if n in own else reasons.get(n, "damaged")) for n in wanted]
    table = pd.DataFrame(rows, columns=["frame", "used", "why"])
    if not person:
        return judging.of_face(table, pd.DataFrame(), record.known_spread(rule))
    crops, points = np.stack([seen.crop for seen in person]), np.stack([seen.points for seen in person])
    found = shipped.scores(crops, points, rule)
    return judging.of_face(table, found, record.known_spread(rule), crops=crops, points=points)


def _turned_note(upright: Looked, frames: int, degrees: int) -> str:
    how = f"judged after turning it by {degrees} degrees" + (" anticlockwise" if degrees != 180 else "")
    few = f" in more than {upright.found} of {frames} frames" if upright.found else ""
    return f"no face was found upright{few}; {how}"


def _people_notes(found: Sequence[Face], kept: Sequence[Face], jumps: Sequence[int]) -> list[str]:
    """What is said of a file with several people or shots."""
    notes = []
    if len(kept) > 1:
        notes.append(f"{len(kept)} people, each judged separately; the most suspicious comes first")
    starts = sorted(face.shown[0] for face in kept if face.used)
    notes += [f"another person from frame {start}" for start in starts[1:] if start > starts[0]]
    left = sum(face.used > 0 for face in found) - len(kept)
    if left > 0:
        notes.append(f"{left} more face{'s' * (left > 1)} in too few frames")
    new = [jump for jump in jumps if jump not in starts]
    if new:
        notes.append(f"the face changes abruptly at frame {', '.join(map(str, new))}: perhaps another shot or person")
    return notes


def _others(looked: Looked) -> list[str]:
    """Faces that were seen and not judged."""
    many = looked.most > people.MOST
    notes = [f"of {looked.most} faces the {people.MOST} largest were judged"] if many else []
    if looked.small:
        notes.append(f"{looked.small} smaller face{'s were' if looked.small > 1 else ' was'} not judged")
    return notes


def _none_usable(path: Path, missed: dict[str, int], looked_at: int) -> str:
    if list(missed) == ["no face"]:
        where = f"in the {looked_at} frames looked at of {path}" if looked_at > 1 else f"in {path}"
        found = "only frontal faces are found, at least 40 pixels wide in a picture 1920 pixels wide"
        return f"No face was found {where}; {found}."
    if looked_at == 1:
        return f"{path} cannot be judged ({', '.join(missed)}); give a better copy."
    reasons = ", ".join(f"{why} in {count}" for why, count in missed.items())
    return f"None of the {looked_at} frames looked at of {path} can be judged ({reasons}); give a better copy."


def without_pictures(found: Prediction) -> Prediction:
    """The prediction without crops and landmarks, for long lists."""
    return replace(found, faces=tuple(replace(face, crops=None, points=None) for face in found.faces))
