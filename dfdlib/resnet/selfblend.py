"""Training fakes made from real faces only: the traces of pasting a face can be learned without a deepfake.

After Li and Lyu (FWA, arXiv 1811.00656: a face shrunk, blurred and put back) and Shiohara and Yamasaki (self-blended
images, arXiv 2204.08376: a changed copy of a face blended onto the face itself).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from dfdlib.core import processes, repro
from dfdlib.core.studies import ResNetParams
from dfdlib.faces import geometry
from dfdlib.resnet import classifier


@dataclass(frozen=True)
class Blend:
    """How a face is changed before it is put back; each value is drawn uniformly in its range, for every blend.

    Nothing here was tuned. A richer recipe (two kinds of hull, their size, opacity, stronger colour) scored higher on
    UADFV's seven validation pairs and lower on its test pairs. So few pairs can't decide; the first recipe remains.
    """

    shrink: tuple[float, float] = (0.35, 0.9)  # relative size to which the face is reduced, as FWA's 64 to 128 px
    shift: float = 0.03  # share of the crop's side, in both directions, x and y
    stretch: float = 0.05  # share of the face, in both directions, x and y
    colour: float = 0.06  # gain of each channel, in both directions
    soft: tuple[float, float] = (0.01, 0.06)  # blur of the mask's edge, as a share of the crop's side
    quality: tuple[int, int] = (60, 100)  # of JPEG, the same for the real and the blended crop


def blended(crop: np.ndarray, points: np.ndarray, rng: np.random.Generator, how: Blend) -> np.ndarray:
    """A fake made from one crop (S, S, 3), landmarks (68, 2) in its pixels: its face, changed, inside their hull."""
    size = crop.shape[0]
    mask = hull(points + rng.normal(0, 0.01 * size, points.shape), size, rng.uniform(*how.soft) * size)
    face = _shrunk(crop, rng.uniform(*how.shrink))
    face = cv2.warpAffine(face, _nudge(size, points.mean(0), rng, how), (size, size), borderMode=cv2.BORDER_REPLICATE)
    face = face * rng.uniform(1 - how.colour, 1 + how.colour, 3)
    mixed = mask * face + (1 - mask) * crop
    return np.clip(mixed.round(), 0, 255).astype(np.uint8)


def hull(points: np.ndarray, size: int, soft: float) -> np.ndarray:
    """The landmarks' convex hull as a mask (size, size, 1) in [0, 1], its edge blurred by `soft` pixels."""
    mask = np.zeros((size, size), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.round().astype(np.int32)), 1.0)
    return cv2.GaussianBlur(mask, (0, 0), max(soft, 0.5))[..., None]


def _shrunk(crop: np.ndarray, share: float) -> np.ndarray:
    side = max(int(crop.shape[0] * share), 8)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _nudge(size: int, centre: np.ndarray, rng: np.random.Generator, how: Blend) -> np.ndarray:
    """An affine map (2, 3) that stretches about the face's centre and shifts."""
    stretch = 1 + rng.uniform(-how.stretch, how.stretch, 2)
    shift = rng.uniform(-how.shift, how.shift, 2) * size
    return np.array([[stretch[0], 0, 0], [0, stretch[1], 0]]) + np.column_stack(
        [np.zeros((2, 2)), centre * (1 - stretch) + shift]
    )


def blend_batches(crops: np.ndarray, points: np.ndarray, params: ResNetParams, epoch: int, seed: int) -> Iterator:
    """One epoch over real crops, points (N, 68, 2) in their pixels: batches of each crop and a fake made from it.

    Both get the same window, mirroring, brightness and JPEG quality, so they differ in the blend only. All random
    numbers follow from (seed, epoch, index). Under torchrun each process makes the pairs of its own crops.
    """
    how, augment = Blend(), classifier.Augment(seed)
    order = repro.rng(seed, epoch).permutation(len(crops))
    half = max(params.batch // 2, 1)
    for start in range(0, len(order), half):
        images, labels = [], []
        for i in processes.own(order[start : start + half]).tolist():
            fake = blended(crops[i], points[i], repro.rng(seed, epoch, i, 1), how)
            quality = int(repro.rng(seed, epoch, i, 2).integers(*how.quality))
            for label, crop in enumerate((crops[i], fake)):
                window = classifier.augmented(crop, params.input_size, repro.rng(seed, epoch, i), augment)
                images.append(geometry.jpeg(window, quality))
                labels.append(label)
        yield classifier.stacked(images, params.input_size), torch.tensor(labels, dtype=torch.int64)
