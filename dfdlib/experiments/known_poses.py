"""Projected or rendered heads whose pose is known: errors of the solvers, and signs of a wrong model or camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfdlib.core import cache, repro
from dfdlib.core.studies import Study
from dfdlib.data import truth
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, worldmodel

WIDTH, HEIGHT = 640, 480  # of the simulated images, pixels
FACE_WIDTH = 150.0  # width of a frontal simulated face, pixels
LIMITS = {"yaw": 35.0, "pitch": 20.0, "roll": 15.0}  # degrees to either side, in the order of rotation
PARTS = {"whole": pnp.WHOLE, "central": pnp.CENTRAL}


@dataclass(frozen=True)
class Known:
    """Landmarks of T frames and their known poses."""

    points: np.ndarray  # (T, 68, 2) pixels
    rotation: np.ndarray  # (T, 3, 3) head to camera
    tvec: np.ndarray  # (T, 3) millimetres


def turns(count: int, seed: int) -> np.ndarray:
    """Rotations (count, 3, 3) with yaw, pitch and roll drawn uniformly within LIMITS."""
    from scipy.spatial.transform import Rotation

    angles = repro.rng(seed, 0).uniform(-1, 1, (count, 3)) * list(LIMITS.values())
    return Rotation.from_euler("YXZ", angles, degrees=True).as_matrix()


def project_heads(heads: np.ndarray, rotation: np.ndarray, tvec: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pixels (T, N, 2) of heads (T or 1, N, 3) in T poses."""
    seen = heads @ rotation.transpose(0, 2, 1) + tvec[:, None]
    return seen[..., :2] / seen[..., 2:] * camera[[0, 1], [0, 1]] + camera[:2, 2]


def place(rotation: np.ndarray, model: np.ndarray, seed: int) -> np.ndarray:
    """Translations (T, 3), in millimetres, that put faces of FACE_WIDTH pixels anywhere near the image's centre."""
    jaw = model[list(worldmodel.JAW_ENDS)]
    depth = WIDTH * np.ptp(jaw[:, 0]) / FACE_WIDTH - jaw[:, 2].mean()  # at which the jaw is that wide
    aside = repro.rng(seed, 1).uniform(-0.15, 0.15, (len(rotation), 2)) * depth
    return np.column_stack([aside, np.full(len(rotation), depth)])


def simulated(model: np.ndarray, count: int, noise: float, seed: int) -> Known:
    """Frames of a head (68, 3) in known poses; each landmark has a normal error of `noise` pixels."""
    rotation = turns(count, seed)
    tvec = place(rotation, model, seed)
    points = project_heads(model[None], rotation, tvec, pnp.camera_matrix(WIDTH, HEIGHT))
    return Known(points + repro.rng(seed, 2).normal(0, noise, points.shape), rotation, tvec)


@cache.stage
def compare_solvers(model: np.ndarray, count: int, noises: tuple[float, ...], seed: int) -> pd.DataFrame:
    """Every solver on the same frames: columns solver, part, noise_px, median_deg, p95_deg, flipped (share)."""
    rows = []
    for noise in noises:
        known = simulated(model, count, noise, seed)
        for solver in pnp.SOLVERS:
            for part, which in PARTS.items():
                found = pnp.solve(known.points, model, pnp.camera_matrix(WIDTH, HEIGHT), which, solver)
                error = pnp.angle_between(found.rotation, known.rotation)
                share = flipped(found, error).mean()
                rows.append((solver, part, noise, *np.percentile(error, [50, 95]), share))
    return pd.DataFrame(rows, columns=["solver", "part", "noise_px", "median_deg", "p95_deg", "flipped"])


@cache.stage
def flips(model: np.ndarray, solver: str, count: int, noise: float, seed: int) -> dict[str, int]:
    """How many of `count` known poses a solver flips, by each of PARTS."""
    known = simulated(model, count, noise, seed)
    counts = {}
    for part, which in PARTS.items():
        found = pnp.solve(known.points, model, RIGHT, which, solver)
        counts[part] = int(flipped(found, pnp.angle_between(found.rotation, known.rotation)).sum())
    return counts


def flipped(found: pnp.Poses, error_deg: np.ndarray) -> np.ndarray:
    """Whether each pose (T,) lies behind the camera or is wrong by more than a right angle."""
    return pnp.behind_camera(found) | (error_deg > 90)


def yaw(rotation: np.ndarray) -> np.ndarray:
    """By how many degrees (T,) rotations (T, 3, 3) turn a head to its side, whether it is upside down or not."""
    return np.degrees(np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]))


def rendered(seen: FrameSet, model: np.ndarray, solver: str) -> pd.DataFrame:
    """Errors of the poses from dlib's landmarks on the embedded clips: columns person, label, yaw, whole, central.

    yaw is that of the rendered pose; whole and central are angular errors; all in degrees. The camera is guessed as in
    the study.
    """
    poses = pnp.whole_and_central(seen.points, seen.sizes, model, solver)
    clips = seen.table.groupby("clip_id", sort=False)["frame"]
    right = np.concatenate([truth.rotations(clip_id)[index.to_numpy()] for clip_id, index in clips])
    errors = {part: pnp.angle_between(p.rotation, right) for part, p in zip(PARTS, poses, strict=True)}
    return seen.table[["person", "label"]].assign(yaw=yaw(right), **errors)


def over_time(study: Study, clip_id: str, model: np.ndarray) -> pd.DataFrame:
    """Both poses of a clip, frame by frame, by the default solver and the study's.

    Columns solver, frame; whole, central: yaw in degrees; apart: the angle between both poses in degrees; behind:
    whether one of them lies behind the camera. Of an embedded clip all frames, and the column rendered: its true yaw.
    """
    known = study.dataset == "embedded"
    every = replace(study, faces=replace(study.faces, max_frames=0)) if known else study
    clips = [clip for clip in frames.clips(study) if clip.clip_id == clip_id]
    seen, tables = frames.stack(clips, frames.tracks(every, clips)), []
    for solver in ("iterative", study.headpose.solver):
        whole, central = pnp.whole_and_central(seen.points, seen.sizes, model, solver)
        yaws = {"whole": yaw(whole.rotation), "central": yaw(central.rotation)}
        behind = pnp.behind_camera(whole) | pnp.behind_camera(central)
        table = seen.table[["frame"]].assign(solver=solver, **yaws, behind=behind)
        tables.append(table.assign(apart=pnp.angle_between(whole.rotation, central.rotation)))
    found = pd.concat(tables, ignore_index=True)
    return found.assign(rendered=yaw(truth.rotations(clip_id))[found["frame"]]) if known else found


Setup = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # correct model -> model and camera to use
RIGHT = pnp.camera_matrix(WIDTH, HEIGHT)
SETUPS: dict[str, Setup] = {
    "right": lambda model: (model, RIGHT),
    "z mirrored": lambda model: (worldmodel.mirrored(model), RIGHT),
    "y up": lambda model: (model * [1, -1, 1], RIGHT),
    "x mirrored": lambda model: (model * [-1, 1, 1], RIGHT),
    "indices off by one": lambda model: (np.roll(model, 1, axis=0), RIGHT),
    "focal length halved": lambda model: (model, pnp.camera_matrix(WIDTH, HEIGHT, focal=0.5)),
    "width and height exchanged": lambda model: (model, pnp.camera_matrix(HEIGHT, WIDTH)),
}
# Limits that no correct setup exceeds, not even with the model of another head; measured in tests.
MOST = {"behind_camera": 0.01, "angle_deg": 15.0, "depth_off": 0.15, "residual_percent": 5.0}


def symptoms(model: np.ndarray, camera: np.ndarray, head: np.ndarray, solver: str = "iterative") -> dict[str, float]:
    """How well a model and a camera do on 200 known poses of `head` (68, 3), with 1 px of noise.

    behind_camera: share of poses; angle_deg: median error; depth_off: median of |distance / true distance - 1|;
    residual_percent: median of the root mean square reprojection error, in percent of the face's width.
    """
    known = simulated(head, 200, 1.0, seed=0)
    found = pnp.solve(known.points, model, camera, pnp.WHOLE, solver)
    return {
        "behind_camera": float(pnp.behind_camera(found).mean()),
        "angle_deg": float(np.median(pnp.angle_between(found.rotation, known.rotation))),
        "depth_off": float(np.median(np.abs(found.tvec[:, 2] / known.tvec[:, 2] - 1))),
        "residual_percent": float(np.median(found.residual) / FACE_WIDTH * 100),
    }


def signs(found: dict[str, float]) -> list[str]:
    """The symptoms that exceed the limits of a correct setup; empty if none does."""
    return [name for name, most in MOST.items() if found[name] > most]
