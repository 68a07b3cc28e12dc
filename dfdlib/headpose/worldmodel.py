"""World coordinates of the 68 landmarks: a head in millimetres, x right, y down, z away from the camera."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import disk, paths, repro
from dfdlib.core.errors import DfdError

# Landmark i (from 0) and its mirror image on the other half of the face.
# fmt: off
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])
# fmt: on
CHIN, NOSE_ROOT, NOSE_TIP, JAW_ENDS, EYES = 8, 27, 30, (0, 16), (36, 45)
MOST_BYTES = 2**20  # of a file with 204 numbers
MOST_ASYMMETRY = 0.05  # of the width; models seen so far are below 0.01, one with indices off by one is above 0.2


def world_model(name: str) -> np.ndarray:
    """68 points (68, 3) in millimetres from a CSV with columns x, y, z.

    `name` is a file in dfdlib/assets or a path. A text file with 204 numbers (all x, all y, all z) is read too.
    """
    path = next((p for p in (paths.assets() / name, Path(name)) if _is_file(p)), None)
    if path is None:
        raise DfdError(f"There is no world model {name!r}; name a file in dfdlib/assets or a path to a CSV.")
    try:
        model = _points(path)
    except disk.DAMAGED:
        raise DfdError(f"{path} is not a world model; name a CSV with 68 rows of x, y and z.") from None
    if model.shape != (68, 3) or not np.isfinite(model).all():
        what = f"points of shape {model.shape}, which are no world model"
        raise DfdError(f"{path} has {what}; name a CSV with 68 rows of finite x, y and z.")
    return model


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long
        return False


def _points(path: Path) -> np.ndarray:
    text = disk.read_bytes(path, MOST_BYTES).decode("utf-8-sig")  # numpy and pandas would unpack a .gz of any size
    if not text.strip():
        raise ValueError("empty")
    with disk.decoding():
        if path.suffix == ".csv":
            return pd.read_csv(io.StringIO(text))[["x", "y", "z"]].to_numpy(float)
        return np.loadtxt(io.StringIO(text)).reshape(3, -1).T


def mirrored(model: np.ndarray) -> np.ndarray:
    """The model (68, 3) with z reversed: a hollow face, as in the code released with Yang et al."""
    return model * [1, 1, -1]


def hand_placed(model: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The model (68, 3) as if placed by hand: each coordinate gets a normal error of `share` of the model's width."""
    return model + repro.rng(seed).normal(0, share * np.ptp(model[:, 0]), model.shape)


def faults(model: np.ndarray) -> list[str]:
    """The faults of a model (68, 3) in words, judged from the model alone; empty if there are none.

    A fit can't show them: a mirrored model explains the landmarks of any face perfectly, with a head behind the camera.
    """
    width = np.ptp(model[:, 0])
    found = []
    if model[EYES[0], 0] > model[EYES[1], 0]:
        found.append("x mirrored: point 37 must lie left of point 46")
    if model[CHIN, 1] < model[NOSE_ROOT, 1]:
        found.append("y up: the chin must lie below the root of the nose, at greater y")
    if model[NOSE_TIP, 2] > model[list(JAW_ENDS), 2].mean():
        found.append("z mirrored: the nose must lie nearer to the camera than the jaw's ends, at smaller z")
    mirror = model[MIRROR] * [-1, 1, 1] + [2 * model[:, 0].mean(), 0, 0]  # about the model's own middle
    asymmetry = np.linalg.norm(mirror - model, axis=1).mean()
    if asymmetry > MOST_ASYMMETRY * width:
        found.append(f"lopsided by {100 * asymmetry / width:.0f} % of its width: points may be numbered wrongly")
    return found


def from_landmarks(points: np.ndarray, like: np.ndarray, rounds: int = 100) -> np.ndarray:
    """A head (68, 3) that explains many frames' landmarks (T, 68, 2) as one rigid body seen from afar.

    Factorization into motion and shape after Tomasi and Kanade (1992), alternating: the frames' scaled-orthographic
    poses from the shape, then the shape from the poses. Alternation remains stable where heads turn little and people
    differ. Every frame is also used as its mirror image, which makes the head symmetric. The model `like` (68, 3) is
    the starting point and sets orientation and size, which images leave open. The camera has no perspective, so heads
    come out too deep: by about 15 % at a distance of four times their width.
    """
    both = np.concatenate([points, points[:, MIRROR] * [-1, 1]]).astype(float)
    flat = both - both.mean(1, keepdims=True)
    flat /= np.sqrt((flat**2).mean((1, 2), keepdims=True))  # every frame gets the same weight
    shape = like - like.mean(0)
    for _ in range(rounds):
        motion = _scaled_rotations(flat.transpose(0, 2, 1) @ shape @ np.linalg.inv(shape.T @ shape))
        normal = np.einsum("tij,tik->jk", motion, motion)
        found = np.linalg.solve(normal, np.einsum("tij,tni->jn", motion, flat)).T
        shape = found * np.linalg.norm(shape) / np.linalg.norm(found)  # size belongs to the motion
    return _laid_onto(shape, like)


def _scaled_rotations(affine: np.ndarray) -> np.ndarray:
    """The nearest two rows of a scaled rotation to each affine camera (T, 2, 3)."""
    u, size, vt = np.linalg.svd(affine, full_matrices=False)
    return size.mean(1)[:, None, None] * (u @ vt)


def _laid_onto(shape: np.ndarray, like: np.ndarray) -> np.ndarray:
    """`shape` (68, 3) rotated, scaled to the same width and moved onto `like` (68, 3).

    SciPy's Rotation.align_vectors differs in the thirteenth digit, which changes EPnP's pose of every frame.
    """
    target, centred = like - like.mean(0), shape - shape.mean(0)
    u, _, vt = np.linalg.svd(centred.T @ target)
    turned = centred @ (u * [1, 1, np.linalg.det(u @ vt)]) @ vt
    return turned * np.ptp(target[:, 0]) / np.ptp(turned[:, 0]) + like.mean(0)
