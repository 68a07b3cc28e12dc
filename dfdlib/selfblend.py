"""Training negatives made from real faces alone: no fake is needed to learn what pasting a face leaves behind.

After Li and Lyu (FWA, arXiv 1811.00656: a face that was shrunk, blurred and put back) and Shiohara and Yamasaki
(self-blended images, arXiv 2204.08376: a changed copy of a face blended onto itself).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from dfdlib import faces, repro, resnet
from dfdlib.profile import FaceParams, ResNetParams

INNER = slice(17, 68)  # of the 68 landmarks, all but the jaw


@dataclass(frozen=True)
class Blend:
    """How a face is changed before it is put back; values are drawn anew for each crop, evenly in their range.

    Chosen on UADFV's validation pairs against a plainer recipe (always the whole hull, shrunk, fully opaque and less
    recoloured), never on test pairs.
    """

    inner: float = 0.5  # chance that brows, eyes, nose and mouth alone are put back, without the jaw
    region: tuple[float, float] = (0.92, 1.12)  # the put-back region's size against its landmarks, x and y
    shrunk: float = 0.85  # chance that the face is shrunk on the way
    shrink: tuple[float, float] = (0.3, 0.9)  # to which size, as FWA's 64 to 128 px faces
    shift: float = 0.03  # of the crop's side, either way, x and y
    stretch: float = 0.05  # of the face, either way, x and y
    recoloured: float = 0.7  # chance of another colour
    gain: float = 0.12  # of each channel, either way
    offset: float = 10.0  # grey levels of each channel, either way
    soft: tuple[float, float] = (0.008, 0.06)  # blur of the mask's edge, as a share of the crop's side
    faint: float = 0.4  # chance that the original shines through
    opacity: tuple[float, float] = (0.5, 1.0)  # of the face that is then put back
    quality: tuple[int, int] = (60, 100)  # JPEG, of the real and of the blended crop alike


def in_crop(points: np.ndarray, params: FaceParams) -> np.ndarray:
    """Landmarks (T, 68, 2) in pixels of the crops that `faces.crop` cut around them."""
    return np.stack([_in_one_crop(p, params) for p in points])


def _in_one_crop(points: np.ndarray, params: FaceParams) -> np.ndarray:
    box = faces.face_rectangle(points, params.margin)
    side = max(int(np.ceil(box[2] - box[0])), 1)
    return (points - np.floor(box[:2]) + 0.5) * (params.size / side) - 0.5  # pixel centres


def blended(crop: np.ndarray, points: np.ndarray, rng: np.random.Generator, how: Blend) -> np.ndarray:
    """A fake of one crop (S, S, 3), landmarks (68, 2) in its pixels: its own face, changed, inside a hull of them."""
    size = crop.shape[0]
    mask = hull(_region(points, size, rng, how), size, rng.uniform(*how.soft) * size)
    if rng.random() < how.faint:
        mask *= rng.uniform(*how.opacity)
    face = _shrunk(crop, rng.uniform(*how.shrink)) if rng.random() < how.shrunk else crop
    face = cv2.warpAffine(face, _nudge(size, points.mean(0), rng, how), (size, size), borderMode=cv2.BORDER_REPLICATE)
    if rng.random() < how.recoloured:
        face = face * rng.uniform(1 - how.gain, 1 + how.gain, 3) + rng.uniform(-how.offset, how.offset, 3)
    mixed = mask * face + (1 - mask) * crop
    return np.clip(mixed.round(), 0, 255).astype(np.uint8)


def _region(points: np.ndarray, size: int, rng: np.random.Generator, how: Blend) -> np.ndarray:
    """The landmarks whose hull is put back, its size and outline varied a little."""
    chosen = points[INNER] if rng.random() < how.inner else points
    chosen = chosen.mean(0) + (chosen - chosen.mean(0)) * rng.uniform(*how.region, 2)
    return chosen + rng.normal(0, 0.015 * size, chosen.shape)


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
    """An affine map (2, 3) that stretches about the face's middle and shifts."""
    stretch = 1 + rng.uniform(-how.stretch, how.stretch, 2)
    shift = rng.uniform(-how.shift, how.shift, 2) * size
    return np.array([[stretch[0], 0, 0], [0, stretch[1], 0]]) + np.column_stack(
        [np.zeros((2, 2)), centre * (1 - stretch) + shift]
    )


def _compressed(crop: np.ndarray, quality: int) -> np.ndarray:
    done = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]  # channel order does not matter here
    return cv2.imdecode(done, cv2.IMREAD_COLOR)


def batches(crops: np.ndarray, points: np.ndarray, params: ResNetParams, epoch: int, seed: int) -> Iterator:
    """One epoch over real crops, points (N, 68, 2) in their pixels: batches of each crop and a fake made of it.

    Both go through the same window, mirror, brightness and JPEG quality, so that the blend is all they differ in.
    Everything is drawn from (seed, epoch, index).
    """
    how, augment = Blend(), resnet.Augment(seed)
    order = repro.rng(seed, epoch).permutation(len(crops))
    half = max(params.batch // 2, 1)
    for start in range(0, len(order), half):
        images, labels = [], []
        for i in order[start : start + half].tolist():
            fake = blended(crops[i], points[i], repro.rng(seed, epoch, i, 1), how)
            quality = int(repro.rng(seed, epoch, i, 2).integers(*how.quality))
            for label, crop in enumerate((crops[i], fake)):
                window = resnet.augmented(crop, params.input_size, repro.rng(seed, epoch, i), augment)
                images.append(_compressed(window, quality))
                labels.append(label)
        yield resnet.to_tensor(np.stack(images)), torch.tensor(labels)
