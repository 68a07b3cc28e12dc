"""A clip's face, found or read from a prepared file: boxes, landmarks and crops of its frames."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from dfdlib.core import cache, disk
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.core.values import storable
from dfdlib.data import sources, truth
from dfdlib.data.catalogue import Clip
from dfdlib.faces import detection, geometry, video
from dfdlib.faces.tracking import Seen

SAME_FACE_IOU = 0.3  # boxes of neighbouring sampled frames that overlap more belong to one face


@storable
@dataclass(frozen=True)
class FaceTrack:
    """The largest face of a clip: T frames in which it was found."""

    clip_id: str
    frames: np.ndarray  # (T,) int, frame index in the clip
    points: np.ndarray  # (T, 68, 2) float32, iBUG-68 landmarks in pixels
    crops: np.ndarray  # (T, S, S, 3) uint8 RGB
    corners: np.ndarray  # (T, 2) float32, x0 and y0 of the crop in the frame, pixels
    scale: np.ndarray  # (T,) float32, crop pixels per frame pixel
    size: tuple[int, int]  # width and height of the clip's frames, pixels
    sampled: int  # frames looked at; sampled - T had no face


def track(clip: Clip, params: FaceParams) -> FaceTrack:
    """Find, mark and crop the largest face of a clip; cached. DfdError where no frame shows a face."""
    if clip.path.is_dir():
        return _track_folder(clip.clip_id, clip.path, _landmark_file(clip.path), params)
    return _track_video(clip.clip_id, clip.path, params)


@cache.stage
def _track_video(clip_id: str, path: Path, params: FaceParams) -> FaceTrack:
    images, found = {}, []
    for index, image in video.sample(path, params.max_frames):
        images[index] = image
        found += [(index, box) for box in detection.detect(image, params.upsample)]
    face = largest_track(found)
    if not face:
        raise DfdError(f"No face was found in the {len(images)} sampled frames of {path}; leave the clip out.")
    points = [detection.landmarks(images[index], box) for index, box in face]
    return _assemble(clip_id, images, [index for index, _ in face], points, params)


def _assemble(clip_id: str, images: dict, frames: list[int], points: list, params: FaceParams) -> FaceTrack:
    cut = [
        geometry.crop(images[i], geometry.face_rectangle(p, params.margin), params.size)
        for i, p in zip(frames, points, strict=True)
    ]
    height, width = next(iter(images.values())).shape[:2]
    crops, corners, scale = (np.stack(part) for part in zip(*cut, strict=True))
    points = np.stack(points).astype(np.float32)
    return FaceTrack(clip_id, np.array(frames), points, crops, corners, scale, (width, height), len(images))


def largest_track(found: Iterable[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Join (frame, box) detections that overlap from frame to frame; the track with the largest summed area."""
    tracks: list[list[tuple[int, np.ndarray]]] = []
    for frame, box in found:
        ends = [t for t in tracks if t[-1][0] < frame and geometry.iou(t[-1][1], box) > SAME_FACE_IOU]
        if ends:
            max(ends, key=lambda t: (t[-1][0], geometry.iou(t[-1][1], box))).append((frame, box))
        else:
            tracks.append([(frame, box)])
    return max(tracks, key=lambda t: sum(geometry.area(box) for _, box in t), default=[])


def found_table(tracks: Iterable[FaceTrack]) -> pd.DataFrame:
    """Per clip: frames sampled, frames with a face, frames without one."""
    rows = [(t.clip_id, t.sampled, len(t.frames), t.sampled - len(t.frames)) for t in tracks]
    return pd.DataFrame(rows, columns=["clip_id", "sampled", "with face", "without face"])


def _landmark_file(folder: Path) -> Path:
    path = folder.parent.parent / "landmarks68.npz"
    if not path.is_file():
        raise DfdError(f"There is no {path}; a folder of face crops needs its landmarks beside it.")
    return path


@cache.stage
def _track_folder(clip_id: str, folder: Path, marks: Path, params: FaceParams) -> FaceTrack:
    known = landmark_table(marks)
    files = [f for f in sorted(folder.glob("*.jpg"))]
    files = [files[i] for i in video.sample_indices(len(files), params.max_frames)]
    marked = {int(f.stem): f for f in files if f"{folder.parent.name}/{folder.name}/{f.stem}" in known}
    if not marked:
        raise DfdError(f"{folder} holds no .jpg frame with landmarks in {marks}; add them.")
    sound = set(sources.readable(list(marked.values())))
    marked = {index: file for index, file in marked.items() if file in sound}
    images = {index: detection.read_image(file) for index, file in marked.items()}
    points = [known[f"{folder.parent.name}/{folder.name}/{f.stem}"] for f in marked.values()]
    whole = _assemble(clip_id, images, list(images), points, params)
    return FaceTrack(**{**vars(whole), "sampled": len(files)})


@functools.lru_cache(maxsize=1)
def landmark_table(path: Path) -> dict[str, np.ndarray]:
    """Landmarks (68, 2) by frame key from an npz with `frame` (N,) and `points` (N, 68, 2); DfdError for others."""
    table = disk.npz_arrays(path, ("frame", "points"))
    frames, points = table["frame"], table["points"]
    if points.dtype.kind != "f":
        raise DfdError(f"{path}: points have type {points.dtype}, expected numbers; make it again.")
    if frames.ndim != 1 or points.shape != (len(frames), 68, 2):
        raise DfdError(f"{path}: points have shape {points.shape}, expected ({frames.size}, 68, 2); make it again.")
    if not np.isfinite(points).all():
        raise DfdError(f"{path} holds landmarks that are not numbers; make it again.")
    return dict(zip(frames.tolist(), points.astype(np.float32), strict=True))


ARRAYS = ("frames", "boxes", "points", "corners", "scale")


@dataclass
class TrackWriter:
    """Takes a clip's frames one after the other; holds numbers in memory and the pictures on disk."""

    archive: zipfile.ZipFile
    size: int  # side of a crop, pixels
    margin: float
    rows: list[tuple] = field(default_factory=list)
    looked_at: int = 0

    def add(self, seen: Seen) -> None:
        """Keep a frame's crop and numbers where it shows a face; count it where not."""
        self.looked_at += 1
        if seen.points is None:
            return
        crop, corner, scale = geometry.crop(seen.image, geometry.face_rectangle(seen.points, self.margin), self.size)
        png = cv2.imencode(".png", crop[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
        self.archive.writestr(f"crops/{seen.frame:07d}.png", png.tobytes())
        self.rows.append((seen.frame, seen.box.astype(np.float32), seen.points, corner, scale))

    def close(self, about: dict[str, Any]) -> None:
        """Write the numbers and what the file is about (JSON)."""
        for name, values in zip(ARRAYS, zip(*self.rows, strict=True), strict=True):
            buffer = io.BytesIO()
            np.save(buffer, np.stack(values), allow_pickle=False)
            self.archive.writestr(f"{name}.npy", buffer.getvalue())
        self.archive.writestr("about.json", json.dumps(about | {"looked_at": self.looked_at}))


@contextlib.contextmanager
def writing_track(path: Path, size: int, margin: float) -> Iterator[TrackWriter]:
    """A Writer to a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_track(path)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            yield TrackWriter(archive, size, margin)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def partial_track(path: Path) -> Path:
    """Where a file is until it is whole."""
    return path.with_name(path.name[:-4] + ".partial")


def read_track(path: Path, clip_id: str) -> FaceTrack:
    """The face track in a file; DfdError where it is missing, cut, changed by a bit, or something else.

    zip's checksums cover every crop and array.
    """
    if not path.is_file():
        raise DfdError(f"There is no {path}; prepare the clip again.")
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("about.json"))
            arrays = {name: _array_of(archive.read(f"{name}.npy")) for name in ARRAYS}
            crops = [_png(archive.read(f"crops/{frame:07d}.png")) for frame in arrays["frames"]]
            return _checked(clip_id, arrays, np.stack(crops), about)
    except (cv2.error, *disk.DAMAGED) as error:
        what = f"damaged or no prepared clip ({disk.why(error)})"
        raise DfdError(f"{path} is {what}; delete it and prepare it again.") from None


def _array_of(data: bytes) -> np.ndarray:
    return disk.npy_array(data)


def _png(data: bytes) -> np.ndarray:
    disk.check_image(data, whole=False)  # zip's checksum has found every cut
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a crop is no picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _checked(clip_id: str, arrays: dict[str, np.ndarray], crops: np.ndarray, about: dict) -> FaceTrack:
    count = len(crops)
    shapes = {"frames": (count,), "boxes": (count, 4), "points": (count, 68, 2), "corners": (count, 2)}
    for name, shape in (shapes | {"scale": (count,)}).items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} has shape {arrays[name].shape} or holds no numbers, expected {shape}")
    width, height = (int(side) for side in about["size"])
    kept = {name: arrays[name] for name in ("frames", "points", "corners", "scale")}
    return FaceTrack(clip_id, crops=crops, size=(width, height), sampled=int(about["looked_at"]), **kept)


INNER = slice(17, 68)  # points 18-68; the jaw's 17 slide along the outline and have no fixed place on the head
EYE_CORNERS = (36, 45)  # the outer ones, points 37 and 46; their distance is the usual yardstick of iBUG-68 errors


def landmark_errors(clips: Sequence[Clip], tracks: Sequence[FaceTrack]) -> pd.DataFrame:
    """dlib's mean error over points 18-68 in percent of the distance of the outer eye corners, a row a frame."""
    tables = [_errors(clip, track) for clip, track in zip(clips, tracks, strict=True)]
    return pd.concat(tables, ignore_index=True)


def _errors(clip: Clip, track: FaceTrack) -> pd.DataFrame:
    known = truth.points(clip.clip_id)[track.frames]  # (T, 68, 2)
    far = np.linalg.norm(track.points - known, axis=2)[:, INNER].mean(1)  # (T,) px
    eyes = np.linalg.norm(known[:, EYE_CORNERS[0]] - known[:, EYE_CORNERS[1]], axis=1)  # (T,) px
    values = {"clip_id": clip.clip_id, "label": clip.label, "person": clip.person, "frame": track.frames}
    return pd.DataFrame(values | {"error_percent": 100 * far / eyes})
