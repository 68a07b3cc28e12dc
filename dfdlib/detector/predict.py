"""A verdict on any picture or video: its largest face, each branch's score, an interval, and what was not usable."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from dfdlib.core import disk
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.detector import shipped
from dfdlib.evaluation import metrics
from dfdlib.faces import detection, geometry, prepare, tracking, video
from dfdlib.faces.tracking import TrackParams

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
FACE = FaceParams()  # margin and side of the face's square are the study's
SEGMENTS = 8  # runs of neighbouring frames, which the interval treats as the independent units
UNSAMPLED = 90  # pixels: boxes of this width and more are found without enlarging the picture
FEWEST = 4  # runs of frames below which there is no interval
WORDS = {"real": "looks real", "fake": "looks fake", "unsure": "can't tell", "unusable": "not judged"}
COLUMNS = ["file", "verdict", "p_fake", "low", "high", "resnet", "headpose", "looked_at", "used", "not_used", "note"]


@dataclass(frozen=True)
class PredictParams:
    """What is looked at, and what is not judged."""

    max_frames: int = 32  # of a video, evenly spaced
    rule: str = "mean"  # the decision maker's
    smallest: int = 24  # pixels: a face whose square is smaller is not judged
    small: int = 48  # pixels: FSRCNN enlarges a smaller square; in notebook 06 it helped at 24, not from 48 on
    darkest: float = 30.0  # mean luminance of 255 below which a face is not judged
    longest: int = 1920  # pixels: larger frames are shrunk first, which bounds memory
    track: TrackParams = field(default_factory=TrackParams)


@dataclass(frozen=True)
class Prediction:
    """What is said of a file. Missing numbers are nan."""

    file: str
    verdict: str  # real, fake, unsure (the interval contains 0.5) or unusable
    p_fake: float = math.nan  # mean over the frames used
    low: float = math.nan  # 95 % interval of that mean over runs of frames
    high: float = math.nan
    resnet: float = math.nan
    headpose: float = math.nan
    looked_at: int = 0
    used: int = 0
    not_used: dict[str, int] = field(default_factory=dict)  # reason -> frames
    note: str = ""  # why a file is unusable, and what else to know
    # Columns frame, used, why, and resnet, headpose and p_fake of the frames used
    frames: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    crops: np.ndarray | None = field(default=None, compare=False)  # (used, 128, 128, 3) uint8 RGB
    points: np.ndarray | None = field(default=None, compare=False)  # (used, 68, 2) in pixels of the crops

    def row(self) -> dict[str, object]:
        """The columns COLUMNS; missing numbers are None, others have four decimals."""
        return {name: _plain(getattr(self, name)) for name in COLUMNS}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


def files_to_judge(given: Iterable[Path]) -> list[Path]:
    """The files to judge: those named, and every picture and video below the folders named, in order.

    Raises DfdError for a path that does not exist and where there is no file at all.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            below = (Path(place, name) for place, _, names in os.walk(path) for name in names)
            found += sorted(p for p in below if p.suffix.lower() in (*IMAGES, *prepare.VIDEOS))
        else:
            found.append(path)
    if not found:
        kinds = ", ".join((*IMAGES, *prepare.VIDEOS))
        raise DfdError(f"There is no picture or video in {', '.join(map(str, given))} ({kinds}); name another folder.")
    return list(dict.fromkeys(found))


def judge(path: Path, params: PredictParams, tell: Callable[[int, int], None] = lambda done, total: None) -> Prediction:
    """The verdict on a file; a file that cannot be judged is "unusable", and its note says why in one sentence.

    `tell` is called after each frame with (frames done, frames to look at).
    """
    try:
        total, images = _frames(path, params)
        return _judged(path, _told(images, total, tell), params)
    except DfdError as error:
        return Prediction(str(path), "unusable", note=str(error))


def _frames(path: Path, params: PredictParams) -> tuple[int, Iterable[tuple[int, np.ndarray]]]:
    """The number of frames to look at, and the frames: (number, uint8 RGB), no side longer than `params.longest`."""
    if not path.exists():
        raise DfdError(f"There is no file {path}; check the name.")
    if path.is_file() and path.stat().st_size == 0:
        raise DfdError(f"{path} is an empty file; copy it again.")
    if _is_image(path):
        return 1, [(0, _bounded(detection.read_image(path), params.longest))]
    known = video.index(path)
    wanted = video.sample_indices(len(known), params.max_frames)
    ahead = video.ahead(video.frames(path, known, wanted), 2)
    return len(wanted), ((number, _bounded(image, params.longest)) for number, image in ahead)


def _is_image(path: Path) -> bool:
    """By its contents where its name does not tell; moving pictures count as videos."""
    if path.suffix.lower() in IMAGES:
        return True
    try:
        with disk.decoding(), Image.open(path, formats=[name for name in disk.IMAGE_FORMATS if name != "GIF"]):
            return True
    except disk.DAMAGED:
        return False


def _bounded(image: np.ndarray, longest: int) -> np.ndarray:
    factor = longest / max(image.shape[:2])
    return image if factor >= 1 else cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _told(images: Iterable, total: int, tell: Callable[[int, int], None]) -> Iterator:
    for done, item in enumerate(images, 1):
        yield item
        tell(done, total)


def _judged(path: Path, images: Iterable[tuple[int, np.ndarray]], params: PredictParams) -> Prediction:
    rows, crops, points, most = [], [], [], 0
    for seen in tracking.follow(lambda: images, params.track):
        crop, why = usable(seen, params)
        rows.append((seen.frame, crop is not None, why))
        if crop is not None:
            most = most or len(detection.detect(seen.image, int(seen.box[2] - seen.box[0] < UNSAMPLED)))
            crops.append(crop[0])
            points.append((seen.points, crop[1]))
    table = pd.DataFrame(rows, columns=["frame", "used", "why"])
    missed = {why: int(count) for why, count in table.loc[~table["used"], "why"].value_counts().items()}
    if not crops:
        note = _none_usable(path, table)
        return Prediction(str(path), "unusable", looked_at=len(table), not_used=missed, note=note, frames=table)
    stacked = np.stack(crops)
    found = shipped.scores(stacked, np.stack([p for p, _ in points]), params.rule)
    note = f"{most} faces; the largest was judged" if most > 1 else ""
    marks = np.stack([p for _, p in points])
    return _summed(path, table, found, not_used=missed, note=note, crops=stacked, points=marks)


def usable(seen: tracking.Seen, params: PredictParams) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """A frame's crop (S, S, 3), S as in FACE, and the landmarks in its pixels; or None and why it is not judged."""
    if seen.points is None:
        return None, "no face"
    box = geometry.face_rectangle(seen.points, FACE.margin)
    side = math.ceil(box[2] - box[0])
    if side < params.smallest:
        return None, "face too small"
    crop = geometry.crop(seen.image, box, FACE.size)[0]
    if side < params.small:
        crop = _enlarged(geometry.crop(seen.image, box, side)[0])
    if cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean() < params.darkest:
        return None, "face too dark"
    return (crop, geometry.in_crop(seen.points[None], FACE)[0]), ""


def _enlarged(square: np.ndarray) -> np.ndarray:
    """A small face (s, s, 3), enlarged by FSRCNN up to four times and brought to FACE.size by interpolation."""
    from dfdlib.superres import enlarging  # with PyTorch, without which the other faces are judged

    large = enlarging.upscale(square, min(4, max(2, math.ceil(FACE.size / len(square)))))
    how = cv2.INTER_AREA if len(large) > FACE.size else cv2.INTER_CUBIC
    return cv2.resize(large, (FACE.size, FACE.size), interpolation=how)


def _none_usable(path: Path, table: pd.DataFrame) -> str:
    counts = table["why"].value_counts()
    if list(counts.index) == ["no face"]:
        where = f"in the {len(table)} frames looked at of {path}" if len(table) > 1 else f"in {path}"
        return f"No face was found {where}; it takes a frontal face, 40 pixels wide where the picture is 1920."
    reasons = ", ".join(f"{why} in {count}" for why, count in counts.items())
    return f"None of the {len(table)} frames looked at of {path} can be judged ({reasons}); give a better copy."


def _summed(path: Path, table: pd.DataFrame, found: pd.DataFrame, **more: Any) -> Prediction:
    """The file's scores from those of its used frames, `found`, which `table` gets as well."""
    low, high = interval(found["p_fake"].to_numpy())
    means = {name: float(found[name].mean()) for name in ("p_fake", "resnet", "headpose")}
    table.loc[table["used"], ["resnet", "headpose", "p_fake"]] = found.to_numpy()
    counts = {"looked_at": len(table), "used": len(found)}
    said = verdict(means["p_fake"], low, high)
    return Prediction(str(path), said, low=low, high=high, frames=table, **means, **counts, **more)


def interval(p_fake: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean of p_fake (N,), frames in order; nan for fewer than FEWEST runs of frames.

    Neighbouring frames are nearly the same picture, so the bootstrap draws at most SEGMENTS runs of them, not frames.
    The interval tells how much the score varies within this file, not how often such scores are right.
    """
    runs = min(SEGMENTS, len(p_fake) // 2)
    if runs < FEWEST:
        return math.nan, math.nan
    groups = pd.Series(np.arange(len(p_fake)) * runs // len(p_fake))
    found = metrics.mean_over_people(p_fake, groups, "frames", 1000)
    return max(found.low, 0.0), min(found.high, 1.0)


def verdict(p_fake: float, low: float, high: float) -> str:
    """real, fake, or unsure where the interval contains the threshold."""
    if low < metrics.THRESHOLD <= high:
        return "unsure"
    return "fake" if p_fake >= metrics.THRESHOLD else "real"


def without_pictures(found: Prediction) -> Prediction:
    """The prediction without crops and landmarks, for long lists."""
    return replace(found, crops=None, points=None)
