"""Crops as super-resolution or a low resolution would have left them: the conditions of the paper's second claim."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dfdlib import cache, superres
from dfdlib.frames import FrameSet
from dfdlib.profile import Study, SuperResParams


def enlarged_first(frames: FrameSet, study: Study) -> FrameSet:
    """The frames with each crop enlarged by the study's FSRCNN and averaged back to its size, as in the paper."""
    return frames.with_crops(_by_fsrcnn(frames.crops, None, *weights(study), study.superres))


def small_faces(frames: FrameSet, study: Study, by_fsrcnn: bool) -> FrameSet:
    """The frames with each crop made small (`study.small_face` pixels) and brought back, by FSRCNN or bicubic alone."""
    if by_fsrcnn:
        return frames.with_crops(_by_fsrcnn(frames.crops, study.small_face, *weights(study), study.superres))
    return frames.with_crops(np.stack([superres.small_and_back(crop, study.small_face) for crop in frames.crops]))


def weights(study: Study) -> tuple[Path, str]:
    """The study's FSRCNN: its file and that file's sha256."""
    path = superres.weights_path(study.name)
    superres.load(path, study.superres)  # says so where they are missing or of another network
    return path, cache.sha256(path)


@cache.stage("superres", "fsrcnn", "lowres")
def _by_fsrcnn(crops: np.ndarray, side: int | None, weights: Path, sha256: str, params: SuperResParams) -> np.ndarray:
    model = superres.load(weights, params)
    if side is None:
        return np.stack([superres.through(model, crop) for crop in crops])
    return np.stack([superres.small_and_back(crop, side, model) for crop in crops])
