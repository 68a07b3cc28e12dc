"""dlib's face detector and 68 landmarks, tracks over a clip's frames, and face crops."""

from __future__ import annotations

import functools
import importlib.util
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import dlib
import numpy as np
import pandas as pd

from dfdlib import cache, data, safe, video
from dfdlib.data import Clip
from dfdlib.errors import DfdError
from dfdlib.profile import FaceParams

SAME_FACE_IOU = 0.3  # boxes of neighbouring sampled frames that overlap more belong to one face


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
        return _track_folder(clip.clip_id, clip.path, _landmark_sha(clip.path), params)
    return _track_video(clip.clip_id, clip.path, cache.sha256(clip.path), params)


@cache.stage("faces", "video")
def _track_video(clip_id: str, path: Path, sha256: str, params: FaceParams) -> FaceTrack:
    images, found = {}, []
    for index, image in video.sample(path, params.max_frames):
        images[index] = image
        found += [(index, box) for box in detect(image, params.upsample)]
    face = largest_track(found)
    if not face:
        raise DfdError(f"No face was found in the {len(images)} sampled frames of {path}; leave the clip out.")
    points = [landmarks(images[index], box) for index, box in face]
    return _assemble(clip_id, images, [index for index, _ in face], points, params)


def _assemble(clip_id: str, images: dict, frames: list[int], points: list, params: FaceParams) -> FaceTrack:
    cut = [crop(images[i], face_rectangle(p, params.margin), params.size) for i, p in zip(frames, points, strict=True)]
    height, width = next(iter(images.values())).shape[:2]
    crops, corners, scale = (np.stack(part) for part in zip(*cut, strict=True))
    points = np.stack(points).astype(np.float32)
    return FaceTrack(clip_id, np.array(frames), points, crops, corners, scale, (width, height), len(images))


def detect(image: np.ndarray, upsample: int = 0) -> list[np.ndarray]:
    """Boxes (4,) of the frontal faces in a uint8 RGB image, by dlib's detector on its grey values."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return [
        np.array([r.left(), r.top(), r.right(), r.bottom()]) for r in _detector(threading.get_ident())(grey, upsample)
    ]


def landmarks(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The 68 iBUG landmarks (68, 2) float32 of the face in `box`, in pixels of the uint8 RGB image."""
    shape = _predictor()(image, dlib.rectangle(*(int(v) for v in box)))
    return np.array([(p.x, p.y) for p in shape.parts()], np.float32)


def largest_track(found: Iterable[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Join (frame, box) detections that overlap from frame to frame; the track with the largest summed area."""
    tracks: list[list[tuple[int, np.ndarray]]] = []
    for frame, box in found:
        ends = [t for t in tracks if t[-1][0] < frame and iou(t[-1][1], box) > SAME_FACE_IOU]
        if ends:
            max(ends, key=lambda t: (t[-1][0], iou(t[-1][1], box))).append((frame, box))
        else:
            tracks.append([(frame, box)])
    return max(tracks, key=lambda t: sum(_area(box) for _, box in t), default=[])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    overlap = _area(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))
    return overlap / max(_area(a) + _area(b) - overlap, 1e-9)


def _area(box: np.ndarray) -> float:
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def face_rectangle(points: np.ndarray, margin: float) -> np.ndarray:
    """The square box (4,) float around the landmarks (68, 2), widened by `margin` of its side on each side."""
    if points.shape != (68, 2):
        raise DfdError(f"Landmarks have shape {points.shape}; 68 points with x and y are needed, shape (68, 2).")
    low, high = points.min(0), points.max(0)
    half = (high - low).max() * (0.5 + margin)
    centre = (low + high) / 2
    return np.concatenate([centre - half, centre + half])


def crop(image: np.ndarray, box: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """The box of a uint8 RGB image as (size, size, 3), its corner (2,) and its scale.

    Beyond the image's border the border pixel is repeated. Shrinking averages areas, so that it does not alias.
    """
    x0, y0 = np.floor(box[:2]).astype(int)
    side = max(int(np.ceil(box[2] - box[0])), 1)
    rows = np.clip(np.arange(y0, y0 + side), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(x0, x0 + side), 0, image.shape[1] - 1)
    square = np.ascontiguousarray(image[rows[:, None], columns])
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size, size), interpolation=how)
    return resized, np.array([x0, y0], np.float32), np.float32(size / side)


def report(tracks: Iterable[FaceTrack]) -> pd.DataFrame:
    """Per clip: frames sampled, frames with a face, frames without one."""
    rows = [(t.clip_id, t.sampled, len(t.frames), t.sampled - len(t.frames)) for t in tracks]
    return pd.DataFrame(rows, columns=["clip_id", "sampled", "with face", "without face"])


def _landmark_file(folder: Path) -> Path:
    return folder.parent.parent / "landmarks68.npz"


def _landmark_sha(folder: Path) -> str:
    if not _landmark_file(folder).is_file():
        raise DfdError(f"There is no {_landmark_file(folder)}; a folder of face crops needs its landmarks beside it.")
    return cache.sha256(_landmark_file(folder))


@cache.stage("faces")
def _track_folder(clip_id: str, folder: Path, sha256: str, params: FaceParams) -> FaceTrack:
    known = landmark_table(_landmark_file(folder))
    files = [f for f in sorted(folder.glob("*.jpg"))]
    files = [files[i] for i in video.sample_indices(len(files), params.max_frames)]
    marked = {int(f.stem): f for f in files if f"{folder.parent.name}/{folder.name}/{f.stem}" in known}
    if not marked:
        raise DfdError(f"{folder} holds no .jpg frame with landmarks in {_landmark_file(folder)}; add them.")
    sound = set(data.readable(list(marked.values())))
    marked = {index: file for index, file in marked.items() if file in sound}
    images = {index: read_image(file) for index, file in marked.items()}
    points = [known[f"{folder.parent.name}/{folder.name}/{f.stem}"] for f in marked.values()]
    whole = _assemble(clip_id, images, list(images), points, params)
    return FaceTrack(**{**vars(whole), "sampled": len(files)})


@functools.lru_cache(maxsize=1)
def landmark_table(path: Path) -> dict[str, np.ndarray]:
    """Landmarks (68, 2) by frame key from an npz with `frame` (N,) and `points` (N, 68, 2); DfdError for others."""
    table = safe.arrays(path, ("frame", "points"))
    frames, points = table["frame"], table["points"]
    if points.dtype.kind != "f":
        raise DfdError(f"{path}: points have type {points.dtype}, expected numbers; make it again.")
    if frames.ndim != 1 or points.shape != (len(frames), 68, 2):
        raise DfdError(f"{path}: points have shape {points.shape}, expected ({frames.size}, 68, 2); make it again.")
    if not np.isfinite(points).all():
        raise DfdError(f"{path} holds landmarks that are not numbers; make it again.")
    return dict(zip(frames.tolist(), points.astype(np.float32), strict=True))


def read_image(path: Path) -> np.ndarray:
    """An image file as uint8 RGB (H, W, 3), turned as its metadata say; grey, alpha, CMYK, 16 bits are converted.

    DfdError where it is missing, cut, no image, or larger than safe.MOST_PIXELS by its header.
    """
    try:
        content = safe.read_bytes(path)
        safe.check_image(content)
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    except (cv2.error, *safe.DAMAGED) as error:
        what = f"is missing or not an image that can be read ({safe.why(error)})"
        raise DfdError(f"{path} {what}; copy it again.") from None


@functools.lru_cache
def _detector(thread: int) -> dlib.fhog_object_detector:
    """A detector for each thread: it keeps the image in itself, and shared between two it mixes up their boxes."""
    return dlib.get_frontal_face_detector()


@functools.lru_cache(maxsize=1)
def _predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_file("shape_predictor_68_face_landmarks.dat")))


def model_file(name: str) -> Path:
    """A model file of the package face_recognition_models, found without importing it.

    Importing that package fails with setuptools 82 and later. The landmark model was trained on iBUG 300-W,
    whose terms exclude commercial use.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None:
        raise DfdError("The package face_recognition_models is not installed; run `make` to install the lock.")
    return Path(spec.submodule_search_locations[0]) / "models" / name
