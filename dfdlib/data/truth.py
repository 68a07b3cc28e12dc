"""The ground truth of the rendered clips: landmarks, poses, swapped regions."""

from __future__ import annotations

import numpy as np

from dfdlib.core import paths
from dfdlib.core.errors import DfdError


def points(clip_id: str) -> np.ndarray:
    """The rendered landmarks (T, 68, 2) of every frame of an embedded clip, in pixels."""
    return _known(clip_id)["points_2d"]


def rotations(clip_id: str) -> np.ndarray:
    """The rendered head's rotations (T, 3, 3) from head to camera, OpenCV's axes."""
    return _known(clip_id)["R"]


def head(clip_id: str) -> np.ndarray:
    """The rendered head's own landmarks (68, 3) in millimetres, in its first frame."""
    return _known(clip_id)["points_3d"][0]


def swap_mask(clip_id: str) -> np.ndarray:
    """(T, H, W) float32, 0 or 1, in pixels of the frames; DfdError for a real clip."""
    known = _known(clip_id)
    if "swap_mask" not in known:
        raise DfdError(f"{clip_id} has no swap mask, because nothing was swapped in it; leave out real clips.")
    width = int(known["mask_shape"][2])
    return np.unpackbits(known["swap_mask"], axis=-1)[..., :width].astype(np.float32)


def _known(clip_id: str) -> dict[str, np.ndarray]:
    path = paths.embedded() / "truth" / f"{clip_id}.npz"
    if not path.is_file():
        raise DfdError(f"There is no {path}; the truth is part of the embedded data: check out data/embedded again.")
    with np.load(path, allow_pickle=False) as known:
        return dict(known)
