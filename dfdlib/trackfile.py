"""A clip's face as one file: an .npz of arrays whose crops are PNG pictures, written frame by frame, read whole."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dfdlib import faces, safe
from dfdlib.errors import DfdError
from dfdlib.faces import FaceTrack
from dfdlib.tracking import Seen

ARRAYS = ("frames", "boxes", "points", "corners", "scale")


@dataclass
class Writer:
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
        crop, corner, scale = faces.crop(seen.image, faces.face_rectangle(seen.points, self.margin), self.size)
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
def writing(path: Path, size: int, margin: float) -> Iterator[Writer]:
    """A Writer to a file that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            yield Writer(archive, size, margin)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(path: Path) -> Path:
    """Where a file is until it is whole."""
    return path.with_name(path.name[:-4] + ".partial")


def read(path: Path, clip_id: str) -> FaceTrack:
    """The face track in a file; DfdError where it is missing, cut, changed by a bit, or something else.

    zip's checksums cover every crop and array.
    """
    if not path.is_file():
        raise DfdError(f"There is no {path}; prepare the clip again.")
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("about.json"))
            arrays = {name: _array(archive.read(f"{name}.npy")) for name in ARRAYS}
            crops = [_png(archive.read(f"crops/{frame:07d}.png")) for frame in arrays["frames"]]
            return _checked(clip_id, arrays, np.stack(crops), about)
    except (cv2.error, *safe.DAMAGED) as error:
        what = f"damaged or no prepared clip ({safe.why(error)})"
        raise DfdError(f"{path} is {what}; delete it and prepare it again.") from None


def _array(data: bytes) -> np.ndarray:
    return safe.array(data)


def _png(data: bytes) -> np.ndarray:
    safe.check_image(data, whole=False)  # zip's checksum has found every cut
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
