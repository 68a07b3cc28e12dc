"""Other data than a study trained on: does what was learned hold there?"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd

from dfdlib import data, frames, headpose, metrics, posefeatures, profile, results
from dfdlib.frames import FrameSet
from dfdlib.profile import Study
from dfdlib.svmfile import StoredSvm

FEWEST_PEOPLE = 5  # below this an interval over people means nothing


def elsewhere(study: Study, own: FrameSet) -> dict[str, FrameSet]:
    """Test frames by the name of their data: the study's own, the embedded ones, and those of DFD_VIDEOS if set."""
    found = {study.name: own.part("test")}
    if study.dataset != "embedded":
        found["embedded"] = frames.load(profile.load("embedded")).part("test")
    if os.environ.get("DFD_VIDEOS") and study.dataset != "folder":
        yours = profile.load("yours")
        clips = data.clips(yours)
        found["yours"] = frames.stack(clips, frames.tracks(yours, clips))
    return found


def pose_scores(svm: StoredSvm, tested: FrameSet, model: np.ndarray, solver: str) -> pd.DataFrame:
    """The score table of frames by a stored SVM on the feature of Yang et al."""
    poses = headpose.whole_and_central(tested.points, tested.sizes, model, solver)
    return tested.scored(posefeatures.p_fake(svm, posefeatures.yang(*poses)))


def record(study: Study, key: str, scores: pd.DataFrame) -> str:
    """Record AUC of frames and videos under `key` and say them; of few people only the clips' mean p_fake."""
    if scores["person"].nunique() < FEWEST_PEOPLE:
        means = metrics.to_videos(scores)
        return "; ".join(f"{row.clip_id} mean p_fake {row.p_fake:.2f}" for row in means.itertuples())
    units = {"frames": scores, "videos": metrics.to_videos(scores)}
    found = {unit: metrics.estimate(table, "auc", unit, study.bootstrap) for unit, table in units.items()}
    for unit, estimate in found.items():
        results.record(study.name, f"{key}.{unit[:-1]}_auc", estimate)
    return "; ".join(f"AUC {estimate}" for estimate in found.values())
