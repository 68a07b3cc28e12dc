"""What is measured from landmarks, scored by person: tables from which the numbers follow without images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from dfdlib.core import cache
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import face_shape, pose_factorial
from dfdlib.experiments.fold_scores import KEYS
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pose_features
from dfdlib.headpose.pnp import Poses

FEATURES, SHAPES = "headpose_scores", "shape_scores"  # the tables
TUNED = "pose_right_model"  # the feature that is also scored by an SVM whose C and gamma are searched


def readings(found: FrameSet, poses: dict[str, tuple[Poses, Poses]], model: np.ndarray, solver: str) -> dict:
    """Features (T, numbers) by name. `poses` are keyed by world model: "own", "own, mirrored", "from real faces".

    The last two features go beyond what was published; `model` (68, 3) and `solver` are for the smoothed landmarks.
    """
    width = np.ptp(found.points[:, :17, 0], axis=1)[:, None]  # of the face, pixels
    features = {name: pose_features.yang_feature(*both) for name, both in poses.items()}
    both = [features["own"], features["own, mirrored"]]
    left = [pose_features.residuals(*poses[name]) / width for name in ("own", "own, mirrored")]
    steady = replace(found, points=frames.smoothed(found))
    shape = pose_features.aligned_shape(found.points, found.points[pose_factorial.real_training(found)].mean(0))
    return {
        "pose_right_model": features["own"],
        "pose_mirrored_model": features["own, mirrored"],
        "pose_model_from_faces": features["from real faces"],
        "residuals_of_both_fits": np.hstack(left),
        "shape_without_pose": shape,
        "both_poses_and_residuals": np.hstack([*both, *left]),
        "pose_of_smoothed_landmarks": pose_features.frame_features(steady, model, solver),
    }


@cache.stage
def of_features(features: dict[str, np.ndarray], people: pd.DataFrame, seed: int) -> pd.DataFrame:
    """KEYS, and p_fake of each feature (T, numbers) by SVMs in five folds by person (and donor)."""
    scored = {name: pose_factorial.out_of_fold(own, people, "person", seed) for name, own in features.items()}
    tuned = pose_factorial.out_of_fold(features[TUNED], people, "person", seed, "tuned")
    return _beside(scored | {f"{TUNED}_tuned": tuned})


@cache.stage
def of_shapes(
    points: np.ndarray, people: pd.DataFrame, pose: np.ndarray, reference: np.ndarray, seed: int
) -> pd.DataFrame:
    """KEYS, and p_fake by the shape of parts of the face, and by what pose has beyond shape and shape beyond pose."""
    return _beside(face_shape.scores(points, people, pose, reference, seed))


def _beside(scored: dict[str, pd.DataFrame]) -> pd.DataFrame:
    columns = {name: table["p_fake"].round(4) for name, table in scored.items()}
    return next(iter(scored.values()))[KEYS].assign(**columns)


def keep(study_name: str, name: str, table: pd.DataFrame, resamples: int) -> None:
    """Write the table of FEATURES or SHAPES and record its numbers."""
    for key, found in ESTIMATES[name](results.write_table(study_name, name, table), resamples).items():
        results.record(study_name, key, found)


def of_feature_table(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """All numbers headpose.by_person.* of the table of `of_features`, by id."""
    return {
        f"headpose.by_person.{name}.{key}": found
        for name, scored in _apart(table).items()
        for key, found in metrics.evaluate(scored, resamples).items()
    }


def of_shape_table(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """The AUCs shape.* of the table of `of_shapes`, by id."""
    found = _apart(table).items()
    return {f"shape.{name}.frame_auc": metrics.estimate(own, "auc", "frames", resamples) for name, own in found}


ESTIMATES = {FEATURES: of_feature_table, SHAPES: of_shape_table}


def _apart(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The score table of each column; all rows belong to the part "test", since everybody is out of fold."""
    rows = table[KEYS].assign(split="test")
    return {name: rows.assign(p_fake=table[name]) for name in table if name not in KEYS}
