"""The shipped detector: a network that never saw a deepfake, the head-pose SVM, and the decision maker.

Both weight files are in dfdlib/assets with their cards, which say what they were trained and measured on.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dfdlib.core import paths, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import HeadPoseParams, ResNetParams
from dfdlib.detector import network
from dfdlib.evaluation import arbiter
from dfdlib.headpose import pnp, pose_features, worldmodel

if TYPE_CHECKING:
    from torch import nn

NETWORK = ResNetParams("efficientnet_lite0", network.SIDE, weights="", learning_rates=(), batch=32, bfloat16=False)
# The SVM was trained on UADFV's crops: 256 pixels, aligned on the eyes; these are their mean centres (train part).
SVM_SIDE = 256
SVM_EYES = np.array([[98.0, 124.1], [154.6, 121.5]])
EYES = (slice(36, 42), slice(42, 48))  # landmarks of the left and of the right eye in the picture, from 0


def resnet_path() -> Path:
    """The path of the shipped network's weights."""
    return paths.assets() / "detector.safetensors"


@functools.lru_cache(maxsize=2)
def load_resnet(path: Path | None = None) -> nn.Module:
    """The shipped network, or one that tools/weights/detector.py wrote, for Grad-CAM; `scores` does without PyTorch.

    Raises DfdError for a file that is missing, damaged or another network's.
    """
    from dfdlib.resnet import architectures

    path = path or resnet_path()
    state, _ = weight_files.read(path, "check out or install dfdlib again", ("float16", "int64"))
    model = architectures.build(NETWORK)[0]
    try:
        model.load_state_dict(state)
    except RuntimeError:
        raise DfdError(f"{path} holds another network; check out or install dfdlib again.") from None
    return model.eval()


def scores(crops: np.ndarray, points: np.ndarray, rule: str = "resnet", weights: Path | None = None) -> pd.DataFrame:
    """p_fake of N faces in [0, 1]: columns resnet, headpose and p_fake, the two combined by a rule of arbiter.RULES.

    crops: uint8 RGB (N, S, S, 3), S >= network.SIDE; points: landmarks (N, 68, 2) in pixels of any picture.
    Raises DfdError for an unknown rule, and as `pnp.check_landmarks` does.
    """
    join = arbiter.rule_of(rule)
    resnet = network.p_fake(crops, weights or resnet_path())
    headpose = by_pose(points)
    return pd.DataFrame({"resnet": resnet, "headpose": headpose, "p_fake": join(resnet, headpose)})


def by_pose(points: np.ndarray) -> np.ndarray:
    """p_fake (N,) of landmarks (N, 68, 2) by the shipped SVM."""
    features = pose_features.yang_feature(*poses(points))
    return pose_features.p_fake(pose_features.load_svm(pose_features.shipped_svm()), features)


def poses(points: np.ndarray) -> tuple[pnp.Poses, pnp.Poses]:
    """Poses by the whole face and by its centre, of landmarks (N, 68, 2) placed as in the SVM's training crops."""
    pnp.check_landmarks(points)
    params = HeadPoseParams()
    sizes = np.full((len(points), 2), SVM_SIDE)
    return pnp.whole_and_central(aligned(points), sizes, worldmodel.world_model(params.world_model), params.solver)


def aligned(points: np.ndarray) -> np.ndarray:
    """Landmarks (N, 68, 2) turned, scaled and moved so that the eyes' centres lie at SVM_EYES, pixels."""
    return np.stack([moved(p, *eye_map(p)) for p in points])


def eye_map(points: np.ndarray) -> tuple[complex, complex]:
    """The factor and the shift for `moved` that bring the eyes' centres of landmarks (68, 2) to SVM_EYES.

    Raises DfdError where both eyes are at the same place.
    """
    eyes = np.array([points[eye].mean(0) for eye in EYES], float)
    if np.allclose(*eyes):
        raise DfdError("The landmarks of both eyes lie at one place, so no size is known; leave such frames out.")
    (left, right), (left_there, right_there) = eyes @ [1, 1j], SVM_EYES @ [1, 1j]
    factor = (right_there - left_there) / (right - left)
    return factor, left_there - factor * left


def moved(points: np.ndarray, factor: complex, shift: complex) -> np.ndarray:
    """Points (n, 2), as complex numbers x + iy, times the factor, which turns and scales them, plus the shift."""
    z = factor * (points.astype(float) @ [1, 1j]) + shift
    return np.column_stack([z.real, z.imag])
