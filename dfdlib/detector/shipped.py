"""The detector that comes along: a small ResNet that never saw a deepfake, the head-pose SVM, and the decision maker.

Both weight files lie in dfdlib/assets beside their cards, which say what they were trained and measured on.
"""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import HeadPoseParams, ResNetParams
from dfdlib.evaluation import arbiter
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.resnet import architectures, classifier

NETWORK = ResNetParams(arch="resnet18_slim", input_size=112, weights="", learning_rates=(), batch=32)
# The SVM learned from UADFV's crops: 256 pixels, aligned on the eyes, whose centres lie here on average (train part).
SVM_SIDE = 256
SVM_EYES = np.array([[98.0, 124.1], [154.6, 121.5]])
EYES = (slice(36, 42), slice(42, 48))  # landmarks of the left and of the right eye in the picture, from 0


def resnet_path() -> Path:
    """Where the shipped ResNet lies."""
    return paths.assets() / "detector.safetensors"


@functools.lru_cache(maxsize=2)
def load_resnet(path: Path | None = None) -> nn.Module:
    """The shipped network, or one that `save` wrote; DfdError where it is missing, damaged or another network's."""
    path = path or resnet_path()
    if not path.is_file():
        raise DfdError(f"There are no weights of the detector at {path}; check out or install dfdlib again.")
    model = architectures.build(NETWORK)[0]
    try:
        tensors = load_file(path)
        model.load_state_dict(tensors)
    except (SafetensorError, *disk.DAMAGED):
        raise DfdError(f"{path} is damaged or holds another network; check out or install dfdlib again.") from None
    if not all(torch.isfinite(value).all() for value in model.state_dict().values()):
        raise DfdError(f"{path} holds values that are not numbers; check out or install dfdlib again.")
    return model.eval()


def scores(crops: np.ndarray, points: np.ndarray, rule: str = "mean", weights: Path | None = None) -> pd.DataFrame:
    """p_fake of N faces in [0, 1]: columns resnet, headpose and p_fake, the whole by a rule of arbiter.RULES.

    crops: uint8 RGB (N, S, S, 3), S >= 112; points: landmarks (N, 68, 2) in pixels of any picture.
    Raises DfdError for an unknown rule, and as `pnp.check_landmarks` does.
    """
    check_rule(rule)
    found = pd.DataFrame(
        {
            "resnet": classifier.p_fake(classifier.logits(load_resnet(weights), crops, NETWORK)),
            "headpose": by_pose(points),
        }
    )
    return found.assign(p_fake=arbiter.RULES[rule](found["resnet"].to_numpy(), found["headpose"].to_numpy()))


def check_rule(rule: str) -> None:
    """DfdError for a rule that arbiter.RULES does not have."""
    if rule not in arbiter.RULES:
        raise DfdError(f"There is no rule {rule!r} for the decision maker; choose one of: {', '.join(arbiter.RULES)}.")


def by_pose(points: np.ndarray) -> np.ndarray:
    """p_fake (N,) of landmarks (N, 68, 2) by the shipped SVM."""
    features = pose_features.yang_feature(*poses(points))
    return pose_features.p_fake(pose_features.load_svm(pose_features.shipped_svm()), features)


def poses(points: np.ndarray) -> tuple[pnp.Poses, pnp.Poses]:
    """Poses by the whole face and by its centre, of landmarks (N, 68, 2) laid as the SVM's training crops are."""
    pnp.check_landmarks(points)
    params = HeadPoseParams()
    sizes = np.full((len(points), 2), SVM_SIDE)
    return pnp.whole_and_central(aligned(points), sizes, worldmodel.world_model(params.world_model), params.solver)


def aligned(points: np.ndarray) -> np.ndarray:
    """Landmarks (N, 68, 2) turned, scaled and moved so that the eyes' centres lie at SVM_EYES, pixels."""
    return np.stack([cv2.transform(p[None].astype(float), eye_map(p))[0] for p in points])


def eye_map(points: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) that brings the eyes' centres of landmarks (68, 2) to SVM_EYES.

    Raises DfdError where both eyes are at one place.
    """
    left, right = (points[eye].mean(0).astype(float) for eye in EYES)
    if np.allclose(left, right):
        raise DfdError("Both eyes' landmarks lie at one place, which fixes no size; leave such frames out.")
    # As complex numbers: z -> factor * z + shift, the only similarity that takes two points to two others.
    source, target = (complex(*right) - complex(*left)), complex(*SVM_EYES[1]) - complex(*SVM_EYES[0])
    factor = target / source
    shift = complex(*SVM_EYES[0]) - factor * complex(*left)
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
