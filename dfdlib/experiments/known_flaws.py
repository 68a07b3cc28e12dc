"""What a wrong pose, one donor or many donors do to each feature, on heads whose pose is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from dfdlib.core import cache, repro
from dfdlib.data import truth
from dfdlib.data.catalogue import Clip
from dfdlib.experiments import known_poses, pose_factorial
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.headpose import pose_features

INNER_FACE = np.arange(17, 68)  # the part that a swap replaces: all but the contour
TURN = 4.0  # degrees, standard deviation about each axis: the mismatch of a swapped face
NOISE = 1.0  # pixels, standard deviation of every landmark
EACH = 20  # real frames of each head, and as many fake ones
# A change of the heads (T, 68, 3) in one person's fake frames, given all heads (people, 68, 3), the person and a seed.
Change = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]


def skulls(clips: list[Clip]) -> np.ndarray:
    """The true landmarks (people, 68, 3) of the embedded heads, one head per person, in millimetres."""
    first = {clip.person: clip.clip_id for clip in sorted(clips, key=lambda c: c.clip_id)}
    return np.stack([truth.head(clip_id) for clip_id in first.values()])


def turned_face(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face turned a little about its centre, differently in each frame."""
    from scipy.spatial.transform import Rotation

    middle = own[:, INNER_FACE].mean(1, keepdims=True)
    small = Rotation.from_rotvec(repro.rng(seed, 3).normal(0, np.radians(TURN), (len(own), 3))).as_matrix()
    changed = own.copy()
    changed[:, INNER_FACE] = (own[:, INNER_FACE] - middle) @ small.transpose(0, 2, 1) + middle
    return changed


def one_donor(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face of the first head on everybody, in the correct pose."""
    return _wearing(own, every[0])


def many_donors(own: np.ndarray, every: np.ndarray, person: int, seed: int) -> np.ndarray:
    """The inner face of a different head on each person, in the correct pose."""
    return _wearing(own, every[other(person, len(every))])


def other(person: int, people: int) -> int:
    """Whose inner face `many_donors` puts on a person."""
    return (person + people // 2) % people


CHANGES: dict[str, Change] = {"turned face": turned_face, "one donor": one_donor, "many donors": many_donors}


def _wearing(own: np.ndarray, donor: np.ndarray) -> np.ndarray:
    """The heads with the donor's inner face, rotated, scaled and moved to the best fit with their own.

    Computed in the heads' single precision; scikit-image's SimilarityTransform in double precision moves the numbers of
    `answers` by up to 0.001.
    """
    middle = own[0, INNER_FACE].mean(0)
    source, target = donor[INNER_FACE] - donor[INNER_FACE].mean(0), own[0, INNER_FACE] - middle
    u, size, vt = np.linalg.svd(source.T @ target)
    changed = own.copy()
    changed[:, INNER_FACE] = size.sum() / (source**2).sum() * source @ u @ vt + middle
    return changed


def flawed_frames(every: np.ndarray, change: Change, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Landmarks (T, 68, 2) in pixels, and the table, of real and changed frames of all heads but the first.

    The first head is the donor of `one_donor`; the table's column donor has those of `many_donors`, so that folds by
    person keep them apart. Images have known_poses.WIDTH x HEIGHT pixels.
    """
    points, rows = [], []
    for (person, head), label in itertools.product(enumerate(every[1:], 1), (0, 1)):
        key = seed + 2 * person + label
        own, rotation = np.repeat(head[None], EACH, axis=0), known_poses.turns(EACH, key)
        seen = change(own, every, person, key) if label else own
        exact = known_poses.project_heads(seen, rotation, known_poses.place(rotation, head, key), known_poses.RIGHT)
        points.append(exact + repro.rng(key, 4).normal(0, NOISE, exact.shape))
        donor = str(other(person, len(every))) if label and change is many_donors else ""
        rows += [(f"{person}-{label}", i, label, str(person), str(person), "train", donor) for i in range(EACH)]
    return np.concatenate(points), pd.DataFrame(rows, columns=[*COLUMNS, "donor"])


@cache.stage
def answers(every: np.ndarray, models: dict[str, np.ndarray], solver: str, seed: int) -> pd.DataFrame:
    """How well each feature detects each flaw: columns flaw, feature and those of `summary`.

    In five folds by person, with the donors of test frames out of training. The features are that of Yang et al. with
    each of `models`, and the aligned shape of the landmarks.
    """
    rows = []
    for flaw, change in CHANGES.items():
        points, table = flawed_frames(every, change, seed)
        seen = FrameSet(table, np.empty(0), points, np.tile([known_poses.WIDTH, known_poses.HEIGHT], (len(points), 1)))
        features = {f"pose, {n} model": pose_features.frame_features(seen, m, solver) for n, m in models.items()}
        features["shape alone"] = pose_features.aligned_shape(points, points[table["label"] == 0].mean(0))
        for name, values in features.items():
            scores = pose_factorial.out_of_fold(values, table, "person", seed)
            rows.append({"flaw": flaw, "feature": name} | pose_factorial.summary(scores, pose_factorial.RESAMPLES))
    return pd.DataFrame(rows)
