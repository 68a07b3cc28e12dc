"""What landmarks give away in several readings: by poses, by what the fits leave over, by the face's shape alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dfdlib import cache, frames, headpose, metrics, posefeatures, poselab
from dfdlib.frames import FrameSet
from dfdlib.headpose import Poses
from dfdlib.metrics import Estimate


def readings(found: FrameSet, poses: dict[str, tuple[Poses, Poses]], model: np.ndarray, solver: str) -> dict:
    """Features (T, numbers) by name. `poses` are by world model: "own", "own, mirrored" and "from real faces".

    The last two go beyond what was published; `model` (68, 3) and `solver` are for the smoothed landmarks.
    """
    train = ((found.table["split"] == "train") & (found.table["label"] == 0)).to_numpy()
    width = np.ptp(found.points[:, :17, 0], axis=1)[:, None]  # of the face, pixels
    own, mirrored = poses["own"], poses["own, mirrored"]
    both = [posefeatures.yang(*own), posefeatures.yang(*mirrored)]
    left = np.hstack([posefeatures.residuals(*own), posefeatures.residuals(*mirrored)]) / width
    steady = headpose.whole_and_central(frames.smoothed(found), found.sizes, model, solver)
    return {
        "pose_right_model": both[0],
        "pose_mirrored_model": both[1],
        "pose_model_from_faces": posefeatures.yang(*poses["from real faces"]),
        "residuals_of_both_fits": left,
        "shape_without_pose": posefeatures.aligned_shape(found.points, found.points[train].mean(0)),
        "both_poses_and_residuals": np.hstack([*both, left]),
        "pose_of_smoothed_landmarks": posefeatures.yang(*steady),
    }


@cache.stage("posereadings", "poselab", "posefeatures", "metrics")
def measured(
    features: np.ndarray, table: pd.DataFrame, seed: int, resamples: int, svm: str = "standardized"
) -> dict[str, Estimate]:
    """`metrics.evaluate` of all frames, five folds by person; cached."""
    return metrics.evaluate(poselab.out_of_fold(features, table, "person", seed, svm), resamples)
