"""Simulated fakes whose flaw is known: what do pose features answer to, a turned face or another face's shape?

Synthetic: real heads' landmarks are projected, and the inner face of a fake is changed in one way alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from dfdlib import cache, headpose, posefeatures, poselab, posetruth, repro, truth
from dfdlib.data import Clip
from dfdlib.frames import COLUMNS

FACE = np.arange(17, 68)  # what a swap replaces: all but the contour
TURN = 4.0  # degrees, standard deviation about each axis: the mismatch of a swapped face
NOISE = 1.0  # pixels, of every landmark
FRAMES = 20  # of each head, real and fake

# Changes the heads (T, 68, 3) of one person's fake frames, given all heads (people, 68, 3), the person and a seed.
Change = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


def heads(clips: list[Clip]) -> np.ndarray:
    """The true landmarks (people, 68, 3) of the embedded heads, one a person, in millimetres."""
    first = {clip.person: clip.clip_id for clip in sorted(clips, key=lambda c: c.clip_id)}
    return np.stack([truth.head(clip_id) for clip_id in first.values()])


def turned_face(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face turned a little about its own middle, in each frame another way."""
    middle = own[:, FACE].mean(1, keepdims=True)
    turns = Rotation.from_rotvec(repro.rng(seed, 3).normal(0, np.radians(TURN), (len(own), 3))).as_matrix()
    changed = own.copy()
    changed[:, FACE] = (own[:, FACE] - middle) @ turns.transpose(0, 2, 1) + middle
    return changed


def one_donor(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face of the first head, on everybody, in the right pose."""
    return _wearing(own, every[0])


def many_donors(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face of another head for each person, in the right pose."""
    return _wearing(own, every[(person + len(every) // 2) % len(every)])


CHANGES: dict[str, Change] = {"turned face": turned_face, "one donor": one_donor, "many donors": many_donors}


def _wearing(own: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """The heads with the donor's inner face, turned, scaled and moved to lie best on their own."""
    source, target = donor[FACE] - donor[FACE].mean(0), own[0, FACE] - own[0, FACE].mean(0)
    u, size, vt = np.linalg.svd(source.T @ target)
    changed = own.copy()
    changed[:, FACE] = size.sum() / (source**2).sum() * source @ u @ vt + own[0, FACE].mean(0)
    return changed


def frames(every: np.ndarray, change: Change, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Landmarks (T, 68, 2) in pixels and their table of real and changed frames of all heads but the first.

    The first is the donor of `one_donor`. Images have posetruth's size.
    """
    points, rows = [], []
    for person, head in enumerate(every[1:], 1):
        for label in (0, 1):
            key = seed + 2 * person + label
            own = np.repeat(head[None], FRAMES, axis=0)
            rotation = posetruth.turns(FRAMES, key)
            seen = change(own, every, person, key) if label else own
            exact = posetruth.project(seen, rotation, posetruth.place(rotation, head, key), posetruth.RIGHT)
            points.append(exact + repro.rng(key, 4).normal(0, NOISE, exact.shape))
            rows += [(f"{person}-{label}", i, label, str(person), str(person), "train") for i in range(FRAMES)]
    return np.concatenate(points), pd.DataFrame(rows, columns=COLUMNS)


@cache.stage("posecues", "posetruth", "headpose", "posefeatures", "poselab")
def answers(every: np.ndarray, models: dict[str, np.ndarray], solver: str, seed: int) -> pd.DataFrame:
    """What each feature makes of each flaw, five folds by person: columns flaw, feature and poselab.summary's.

    The features are those of Yang et al. by each of `models`, and the aligned shape of the landmarks.
    """
    rows = []
    for flaw, change in CHANGES.items():
        points, table = frames(every, change, seed)
        size = np.tile([posetruth.WIDTH, posetruth.HEIGHT], (len(points), 1))
        poses = {name: headpose.whole_and_central(points, size, model, solver) for name, model in models.items()}
        features = {f"pose, {name} model": posefeatures.yang(*both) for name, both in poses.items()}
        features["shape alone"] = posefeatures.aligned_shape(points, points[table["label"] == 0].mean(0))
        for name, values in features.items():
            scores = poselab.out_of_fold(values, table, "person", seed)
            rows.append({"flaw": flaw, "feature": name} | poselab.summary(scores, poselab.RESAMPLES))
    return pd.DataFrame(rows)
