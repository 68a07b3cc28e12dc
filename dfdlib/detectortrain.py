"""How the shipped classifier was trained: real faces against blends of them, so that it never saw a deepfake.

`dfd train uadfv detector` does it and measures the result on data that it never saw; dfdlib/assets/detector.md is the
card. Needs DFD_UADFV and DFD_CELEBA. The recipe was set before anything was scored, and no score chose anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from dfdlib import cache, finetune, frames, paths, repro, resnet, selfblend, transfer, video
from dfdlib.detector import NETWORK
from dfdlib.finetune import Run
from dfdlib.frames import FrameSet
from dfdlib.profile import OneCycleParams, Study


@dataclass(frozen=True)
class Recipe:
    """Data and changes of the crops; the blend itself is selfblend.Blend's."""

    photographs: int = 3000  # of CelebA, those after the transfer.PRESS that are kept to measure on
    every: int = 2  # of UADFV's real frames; neighbours hardly differ
    cycle: OneCycleParams = OneCycleParams(peak=0.05, epochs=16)
    coarse: tuple[float, float] = (0.35, 1.0)  # the window's size on the way, the same for a face and its blend
    coarse_chance: float = 0.5
    quality: tuple[int, int] = (40, 100)  # JPEG, the same for a face and its blend


def train(study: Study, recipe: Recipe, on_epoch: Callable = lambda row: None) -> Run:
    """Train on the real frames of a study's train and validation parts and on photographs; one cycle, last epoch."""
    study = replace(study, resnet=NETWORK, one_cycle=recipe.cycle)
    own = frames.load(study)
    crops, points = real_faces(study, own, recipe)
    steps = math.ceil(len(crops) / (NETWORK.batch // 2))

    def ahead(epoch: int) -> Iterator:
        return video.ahead(batches(crops, points, recipe, epoch, study.seed))  # blended while the network learns

    code = cache.code_version("selfblend", "detectortrain")
    what = finetune.cycle_recipe(study, (ahead, steps), "detector", recipe, code)
    return finetune.run_recipe(study, own, own.part("test"), what, on_epoch)


def real_faces(study: Study, own: FrameSet, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, S, S, 3) and landmarks (N, 68, 2) in their pixels: nobody of the test part, no fake, no test photo."""
    part = own.part("train", "val")
    chosen = np.flatnonzero(part.labels == 0)[:: recipe.every]
    files = sorted(paths.celeba().glob("*.jpg"))[transfer.PRESS :][: recipe.photographs]
    points, crops, _ = transfer.found_on(tuple(files), study.faces)
    every = np.concatenate([part.points[chosen], points])
    return np.concatenate([part.crops[chosen], crops]), selfblend.in_crop(every, study.faces)


def batches(crops: np.ndarray, points: np.ndarray, recipe: Recipe, epoch: int, seed: int) -> Iterator:
    """One epoch: batches of faces and a blend of each, coarsened and compressed alike, from (seed, epoch, index)."""
    order, half = repro.rng(seed, epoch).permutation(len(crops)), NETWORK.batch // 2
    for start in range(0, len(order), half):
        made = [pair(crops[i], points[i], recipe, epoch, seed, i) for i in order[start : start + half].tolist()]
        images = np.stack([image for both in made for image in both])
        yield resnet.to_tensor(images), torch.tensor([0, 1]).repeat(len(made))


def pair(crop: np.ndarray, points: np.ndarray, recipe: Recipe, epoch: int, seed: int, i: int) -> list[np.ndarray]:
    """A face (s, s, 3) and a blend of it, through the same window, mirror, brightness, coarseness and JPEG quality."""
    fake = selfblend.blended(crop, points, repro.rng(seed, epoch, i, 1), selfblend.Blend())
    rng = repro.rng(seed, epoch, i, 2)
    share = rng.uniform(*recipe.coarse) if rng.random() < recipe.coarse_chance else 1.0
    quality = int(rng.integers(*recipe.quality))
    windows = (
        resnet.augmented(image, NETWORK.input_size, repro.rng(seed, epoch, i), resnet.Augment(seed))
        for image in (crop, fake)
    )
    return [selfblend.compressed(_coarse(window, share), quality) for window in windows]


def _coarse(window: np.ndarray, share: float) -> np.ndarray:
    if share == 1:
        return window
    side = round(window.shape[0] * share)
    small = cv2.resize(window, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, window.shape[1::-1], interpolation=cv2.INTER_CUBIC)
