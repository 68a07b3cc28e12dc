"""A clip's face, found or read from a prepared file: boxes, landmarks and crops of its frames."""

from __future__ import annotations

import functools
import itertools
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from dfdlib.core import cache, disk, image_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.core.values import storable
from dfdlib.data import sources, truth
from dfdlib.data.catalogue import Clip
from dfdlib.faces import containers, detection, geometry, pictures, tracking, video
from dfdlib.faces.tracking import Seen, TrackParams

AHEAD_BYTES = 64 << 20  # of frames decoded before they are looked at
KEPT_BYTES = 96 << 20  # of a clip's frames that are kept until they are looked at again; more are decoded again
# Arrays of a prepared file, and their shape per frame
SHAPES = {"frames": (), "boxes": (4,), "points": (68, 2), "corners": (2,), "scale": ()}


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
    return _in_memory(clip_id, path, _look(path, params), params)


def _look(path: Path, params: FaceParams, follow: bool = False) -> Iterator[Seen]:
    """At most `max_frames` frames of a video (0: all), evenly spaced, each with its face."""
    known = pictures.clip(path)
    wanted = video.spread(known.seconds, params.max_frames)
    depth = max(1, min(4, AHEAD_BYTES // (3 * known.size[0] * known.size[1] + 1)))
    upsample = max(params.upsample, int(follow))  # it costs little in the small region that following searches
    how = TrackParams(detect_each=not follow, upsample=upsample)

    def decoded() -> Iterator[tuple[int, np.ndarray]]:
        return video.ahead(known.frames(wanted, containers.TRUNCATED_BELOW), depth)

    if follow or len(wanted) * 3 * known.size[0] * known.size[1] > KEPT_BYTES:
        return tracking.follow(decoded, how)
    twice = iter(itertools.tee(decoded()))  # detection looks at the frames twice
    return tracking.follow(lambda: next(twice), how)


@cache.stage
def _track_folder(clip_id: str, folder: Path, marks: Path, params: FaceParams) -> FaceTrack:
    known = landmark_table(marks)
    files = sorted(folder.glob("*.jpg"))
    files = [files[i] for i in video.sample_indices(len(files), params.max_frames)]
    marked = {file: known.get(f"{folder.parent.name}/{folder.name}/{file.stem}") for file in files}
    marked = {file: points for file, points in marked.items() if points is not None}
    if not marked:
        raise DfdError(f"{folder} holds no .jpg frame with landmarks in {marks}; add them.")
    seen = (
        Seen(int(f.stem), detection.read_image(f), geometry.face_rectangle(marked[f], 0), marked[f], "given")
        for f in sources.readable(list(marked))
    )
    return replace(_in_memory(clip_id, folder, seen, params), sampled=len(files))


def _landmark_file(folder: Path) -> Path:
    path = folder.parent.parent / "landmarks68.npz"
    if not path.is_file():
        raise DfdError(f"There is no {path}; a folder of face crops needs its landmarks beside it.")
    return path


def landmark_table(path: Path) -> dict[str, np.ndarray]:
    """Landmarks (68, 2) by frame key from an npz with `frame` (N,) and `points` (N, 68, 2); DfdError for others."""
    table = disk.npz_arrays(path, ("frame", "points"))
    frames, points = table["frame"], table["points"]
    if points.dtype.kind != "f":
        raise DfdError(f"{path}: points have type {points.dtype}, expected a floating-point type; make it again.")
    if frames.ndim != 1 or points.shape != (len(frames), 68, 2):
        raise DfdError(f"{path}: points have shape {points.shape}, expected ({frames.size}, 68, 2); make it again.")
    if not np.isfinite(points).all():
        raise DfdError(f"{path} holds landmarks that are not numbers; make it again.")
    return dict(zip(frames.tolist(), points.astype(np.float32), strict=True))


def _in_memory(clip_id: str, path: Path, seen: Iterable[Seen], params: FaceParams) -> FaceTrack:
    crops: list[np.ndarray] = []
    arrays, about = _gathered(path, seen, params, lambda _, crop: crops.append(crop))
    return _face_track(clip_id, arrays, np.stack(crops), about)


def _gathered(
    path: Path, seen: Iterable[Seen], params: FaceParams, keep: Callable[[int, np.ndarray], None]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of SHAPES for the frames with a face; the size of the first frame, and the number looked at.

    `keep` takes each frame's number and crop. DfdError where no frame shows a face.
    """
    rows, about = [], {"looked_at": 0}
    for one in seen:
        about = {"size": one.image.shape[1::-1]} | about | {"looked_at": about["looked_at"] + 1}
        if one.points is not None:
            box = geometry.face_rectangle(one.points, params.margin)
            crop, corner, scale = geometry.crop(one.image, box, params.size)
            keep(one.frame, crop)
            rows.append((one.frame, one.box.astype(np.float32), one.points, corner, scale))
    if not rows:
        raise DfdError(f"No face was found in the {about['looked_at']} sampled frames of {path}; leave the clip out.")
    return dict(zip(SHAPES, map(np.stack, zip(*rows, strict=True)), strict=True)), about


def _face_track(clip_id: str, arrays: dict[str, np.ndarray], crops: np.ndarray, about: dict[str, Any]) -> FaceTrack:
    kept = {name: array for name, array in arrays.items() if name != "boxes"}
    return FaceTrack(clip_id, crops=crops, size=tuple(about["size"]), sampled=about["looked_at"], **kept)


def found_table(tracks: Iterable[FaceTrack]) -> pd.DataFrame:
    """Per clip: frames sampled, frames with a face, frames without one."""
    rows = [(t.clip_id, t.sampled, len(t.frames), t.sampled - len(t.frames)) for t in tracks]
    return pd.DataFrame(rows, columns=["clip_id", "sampled", "with face", "without face"])


def missed(clips: Sequence[Clip], tracks: Sequence[FaceTrack], params: FaceParams) -> pd.DataFrame:
    """The sampled frames of videos in which no face was found: columns clip_id, frame.

    Prepared clips and folders of crops are left out: their whole images are not there.
    """
    rows = []
    for clip, found in zip(clips, tracks, strict=True):
        if found.sampled > len(found.frames) and clip.path.is_file() and clip.path.suffix != ".npz":
            sampled = video.spread(pictures.clip(clip.path).seconds, params.max_frames)
            rows += [(clip.clip_id, int(frame)) for frame in np.setdiff1d(sampled, found.frames)]
    return pd.DataFrame(rows, columns=["clip_id", "frame"])


def landmark_errors(clips: Sequence[Clip], tracks: Sequence[FaceTrack]) -> pd.DataFrame:
    """dlib's mean error over points 18-68 in percent of the distance between the outer eye corners, one row a frame."""
    tables = []
    for clip, found in zip(clips, tracks, strict=True):
        known = truth.points(clip.clip_id)[found.frames]  # (T, 68, 2)
        values = {"clip_id": clip.clip_id, "label": clip.label, "person": clip.person, "frame": found.frames}
        values["error_percent"] = geometry.landmark_error(found.points, known, geometry.INNER)
        tables.append(pd.DataFrame(values))
    return pd.concat(tables, ignore_index=True)


def write_track(path: Path, target: Path, params: FaceParams, follow: bool = False) -> tuple[int, int]:
    """Write the track of a video's face to a file; returns (frames looked at, frames with a face).

    The file appears whole or not at all. Crops are written one by one, so that a long clip needs no more memory than a
    short one. `follow` is faster for neighbouring frames, and moves landmarks a little. DfdError as in `track`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_track(target)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            arrays, about = _gathered(path, _look(path, params, follow), params, functools.partial(_put_crop, archive))
            for name, values in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)
            about |= {"source": path.name, "params": vars(params) | {"follow": follow}}
            archive.writestr("about.json", json.dumps(about))
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return about["looked_at"], len(arrays["frames"])


def partial_track(path: Path) -> Path:
    """The path of a file until it is complete."""
    return path.with_name(path.name[:-4] + ".partial")


def _put_crop(archive: zipfile.ZipFile, frame: int, crop: np.ndarray) -> None:
    png = cv2.imencode(".png", crop[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    archive.writestr(f"crops/{frame:07d}.png", png.tobytes())


def read_track(path: Path, clip_id: str) -> FaceTrack:
    """The face track in a file; DfdError where it is missing, truncated, altered or of another kind.

    zip's checksums cover every crop and array.
    """
    if not path.is_file():
        raise DfdError(f"There is no {path}; prepare the clip again.")
    try:
        with disk.unzipped(path) as member:
            about = _about(member("about.json"))
            arrays = {name: disk.npy_array(member(f"{name}.npy")) for name in SHAPES}
            _check(arrays)
            crops = [_png(member(f"crops/{frame:07d}.png")) for frame in arrays["frames"]]
        return _face_track(clip_id, arrays, np.stack(crops), about)
    except (cv2.error, *disk.DAMAGED) as error:
        what = f"damaged or not a prepared clip ({disk.why(error)})"
        raise DfdError(f"{path} is {what}; delete it and prepare it again.") from None


def prepared_with(path: Path) -> dict[str, Any]:
    """The parameters of a prepared file, which `read_track` has checked: those of FaceParams, and `follow`."""
    with disk.unzipped(path) as member:
        return _about(member("about.json")).get("params", {})


def _about(data: bytes) -> dict[str, Any]:
    with disk.decoding():
        about = json.loads(data)
    match about:
        case {"size": [int(), int()], "looked_at": int()}:
            return about
    raise ValueError("about.json names no size or no number of frames")


def _check(arrays: dict[str, np.ndarray]) -> None:
    """ValueError where the arrays are not those of SHAPES."""
    for name, array in arrays.items():
        shape = (arrays["frames"].size, *SHAPES[name])
        if array.dtype.kind not in "iuf" or array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{name} has shape {array.shape} or holds no numbers, expected {shape}")


def _png(data: bytes) -> np.ndarray:
    image_files.check_image(data, whole=False)  # zip's checksum finds every truncated one
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("a crop is no picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
