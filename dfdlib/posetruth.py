"""Head poses that are known: projected ones and rendered ones, and what gives a wrong model or camera away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from dfdlib import cache, headpose, repro, truth, worldmodel
from dfdlib.frames import FrameSet

WIDTH, HEIGHT = 640, 480  # of the simulated images, pixels
FACE = 150.0  # width of a frontal simulated face, pixels
LIMITS = {"yaw": 35.0, "pitch": 20.0, "roll": 15.0}  # degrees to either side
PARTS = {"whole": headpose.WHOLE, "central": headpose.CENTRAL}


@dataclass(frozen=True)
class Known:
    """T frames whose pose is known."""

    points: np.ndarray  # (T, 68, 2) pixels
    rotation: np.ndarray  # (T, 3, 3) head to camera
    tvec: np.ndarray  # (T, 3) millimetres


def turns(count: int, seed: int) -> np.ndarray:
    """Rotations (count, 3, 3) with yaw, pitch and roll drawn evenly within LIMITS."""
    most = [LIMITS[name] for name in ("yaw", "pitch", "roll")]
    return Rotation.from_euler("YXZ", repro.rng(seed, 0).uniform(-1, 1, (count, 3)) * most, degrees=True).as_matrix()


def project(heads: np.ndarray, rotation: np.ndarray, tvec: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pixels (T, N, 2) of heads (T or 1, N, 3) in T poses."""
    seen = heads @ rotation.transpose(0, 2, 1) + tvec[:, None]
    return seen[..., :2] / seen[..., 2:] * camera[[0, 1], [0, 1]] + camera[:2, 2]


def place(rotation: np.ndarray, model: np.ndarray, seed: int) -> np.ndarray:
    """Translations (T, 3) that put faces of FACE pixels anywhere near the image's middle."""
    jaw = model[list(worldmodel.JAW_ENDS)]
    depth = WIDTH * np.ptp(jaw[:, 0]) / FACE - jaw[:, 2].mean()  # at which the jaw's ends are FACE pixels apart
    aside = repro.rng(seed, 1).uniform(-0.15, 0.15, (len(rotation), 2)) * depth
    return np.column_stack([aside, np.full(len(rotation), depth)])


def simulated(model: np.ndarray, count: int, noise: float, seed: int) -> Known:
    """Frames of a head (68, 3) in known poses, each landmark off by a normal error of `noise` pixels."""
    rotation = turns(count, seed)
    tvec = place(rotation, model, seed)
    points = project(model[None], rotation, tvec, headpose.camera_matrix(WIDTH, HEIGHT))
    return Known(points + repro.rng(seed, 2).normal(0, noise, points.shape), rotation, tvec)


@cache.stage("posetruth", "headpose", "worldmodel")
def compare_solvers(model: np.ndarray, count: int, noises: tuple[float, ...], seed: int) -> pd.DataFrame:
    """Every solver on the same frames: columns solver, part, noise_px, median_deg, p95_deg, flipped (share)."""
    rows = []
    for noise in noises:
        known = simulated(model, count, noise, seed)
        for solver in headpose.SOLVERS:
            for part, which in PARTS.items():
                found = headpose.solve(known.points, model, headpose.camera_matrix(WIDTH, HEIGHT), which, solver)
                error = headpose.angle_between(found.rotation, known.rotation)
                row = np.median(error), np.percentile(error, 95), flipped(found, error).mean()
                rows.append((solver, part, noise, *row))
    return pd.DataFrame(rows, columns=["solver", "part", "noise_px", "median_deg", "p95_deg", "flipped"])


def flipped(found: headpose.Poses, error_deg: np.ndarray) -> np.ndarray:
    """Whether each pose (T,) lies behind the camera or is turned by more than a right angle."""
    return headpose.behind_camera(found) | (error_deg > 90)


def rendered(frames: FrameSet, model: np.ndarray, solver: str) -> pd.DataFrame:
    """dlib's landmarks on the embedded clips against the rendered pose: columns person, label, yaw, whole, central.

    yaw is the true one and the others are angular errors, all in degrees; the camera is guessed as in the study.
    """
    poses = headpose.whole_and_central(frames.points, frames.sizes, model, solver)
    clips = frames.table.groupby("clip_id", sort=False)["frame"]
    right = np.concatenate([truth.rotations(clip_id)[index.to_numpy()] for clip_id, index in clips])
    errors = {part: headpose.angle_between(p.rotation, right) for part, p in zip(PARTS, poses, strict=True)}
    yaw = np.degrees(np.arctan2(right[:, 0, 2], right[:, 2, 2]))
    return frames.table[["person", "label"]].assign(yaw=yaw, **errors)


Setup = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # model -> the model and camera that are used
RIGHT = headpose.camera_matrix(WIDTH, HEIGHT)
SETUPS: dict[str, Setup] = {
    "right": lambda model: (model, RIGHT),
    "z mirrored": lambda model: (worldmodel.mirrored(model), RIGHT),
    "y up": lambda model: (model * [1, -1, 1], RIGHT),
    "x mirrored": lambda model: (model * [-1, 1, 1], RIGHT),
    "indices off by one": lambda model: (np.roll(model, 1, axis=0), RIGHT),
    "focal length halved": lambda model: (model, headpose.camera_matrix(WIDTH, HEIGHT, focal=0.5)),
    "width and height exchanged": lambda model: (model, headpose.camera_matrix(HEIGHT, WIDTH)),
}
# What no right setup shows, not even with the model of another head; measured in tests.
MOST = {"behind_camera": 0.01, "angle_deg": 15.0, "depth_off": 0.15, "residual_percent": 5.0}


def symptoms(model: np.ndarray, camera: np.ndarray, head: np.ndarray, solver: str = "iterative") -> dict[str, float]:
    """How a model and a camera do on 200 known poses of `head` (68, 3), 1 px of noise.

    behind_camera: share of poses; angle_deg: median error; depth_off: median of |distance / truth - 1|;
    residual_percent: root mean square reprojection error as a share of the face's width.
    """
    known = simulated(head, 200, 1.0, seed=0)
    found = headpose.solve(known.points, model, camera, headpose.WHOLE, solver)
    return {
        "behind_camera": float(headpose.behind_camera(found).mean()),
        "angle_deg": float(np.median(headpose.angle_between(found.rotation, known.rotation))),
        "depth_off": float(np.median(np.abs(found.tvec[:, 2] / known.tvec[:, 2] - 1))),
        "residual_percent": float(np.median(found.residual) / FACE * 100),
    }


def signs(found: dict[str, float]) -> list[str]:
    """The symptoms that exceed what a right setup shows, empty where none does."""
    return [name for name, most in MOST.items() if found[name] > most]
