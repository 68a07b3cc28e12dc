"""What is known of the rendered clips, and how far dlib's landmarks lie from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dfdlib import paths
from dfdlib.data import Clip
from dfdlib.errors import DfdError
from dfdlib.faces import FaceTrack

INNER = slice(17, 68)  # points 18-68; the jaw's 17 slide along the outline and have no fixed place on the head
EYE_CORNERS = (36, 45)  # the outer ones, points 37 and 46; their distance is the usual yardstick of iBUG-68 errors


def points(clip_id: str) -> np.ndarray:
    """The rendered landmarks (T, 68, 2) of every frame of an embedded clip, in pixels."""
    return _known(clip_id, "points_2d")


def rotations(clip_id: str) -> np.ndarray:
    """The rendered head's rotations (T, 3, 3) from head to camera, OpenCV's axes."""
    return _known(clip_id, "R")


def head(clip_id: str) -> np.ndarray:
    """The rendered head's own landmarks (68, 3) in millimetres, in its first frame."""
    return _known(clip_id, "points_3d")[0]


def _known(clip_id: str, name: str) -> np.ndarray:
    path = paths.embedded() / "truth" / f"{clip_id}.npz"
    if not path.is_file():
        raise DfdError(f"There is no {path}; the truth is part of the embedded data: check out data/embedded again.")
    with np.load(path, allow_pickle=False) as known:
        return known[name]


def landmark_errors(clips: Sequence[Clip], tracks: Sequence[FaceTrack]) -> pd.DataFrame:
    """dlib's mean error over points 18-68 in percent of the distance of the outer eye corners, a row a frame."""
    tables = [_errors(clip, track) for clip, track in zip(clips, tracks, strict=True)]
    return pd.concat(tables, ignore_index=True)


def _errors(clip: Clip, track: FaceTrack) -> pd.DataFrame:
    known = points(clip.clip_id)[track.frames]  # (T, 68, 2)
    far = np.linalg.norm(track.points - known, axis=2)[:, INNER].mean(1)  # (T,) px
    eyes = np.linalg.norm(known[:, EYE_CORNERS[0]] - known[:, EYE_CORNERS[1]], axis=1)  # (T,) px
    values = {"clip_id": clip.clip_id, "label": clip.label, "person": clip.person, "frame": track.frames}
    return pd.DataFrame(values | {"error_percent": 100 * far / eyes})
