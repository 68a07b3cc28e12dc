"""Fakes made from real faces, and what cameras and networks do to both: the shipped detector's training pairs.

Self-blended images after Shiohara and Yamasaki (arXiv 2204.08376): a face is blended onto itself after one of the two
copies was changed. Some are blends with another person's face, after Li et al. (Face X-ray, arXiv 1912.13458), and some
show the mouth or the eyes alone. Shrinking, blur, noise and JPEG then meet a real face and its fake alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from dfdlib.faces import geometry
from dfdlib.resnet import selfblend

BROWS, EYES, MOUTH = slice(17, 27), slice(36, 48), slice(48, 68)


@dataclass(frozen=True)
class How:
    """Chances and ranges; what the paper states is the paper's, and the rest was set before any test."""

    size: int = 128  # of the crops that come out
    margin: tuple[float, float] = (0.02, 0.18)  # around the landmarks' square; `dfd predict` leaves 0.1
    off: float = 0.04  # how far the crop's centre strays, a share of the square's side
    shrunk_first: float = 0.4  # chance that the face is shrunk before it is blended
    other: float = 0.25  # chance that the donor is another person
    part: float = 0.25  # chance that the mouth or the eyes alone are replaced
    pasted: float = 0.0  # chance that the whole face is shrunk and pasted back, as `selfblend` does after FWA
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # the paper's
    coarse: float = 0.4  # chance that the crop is shrunk to `share` and enlarged
    share: tuple[float, float] = (0.25, 1.0)
    blur: float = 0.2
    noise: float = 0.15
    jpeg: float = 0.75
    quality: tuple[int, int] = (30, 100)
    soft_real: float = 0.2  # chance that the real face alone is shrunk and enlarged: softness is no sign of a blend
    spoiled_real: float = 0.0  # chance that the real crop alone is blurred, shrunk or compressed, as in `_spoiled`


Pair = tuple[np.ndarray, np.ndarray]  # a square uint8 RGB (s, s, 3) and landmarks (68, 2) in its pixels
Donor = Callable[[np.random.Generator], Pair]  # another face


def pair(face: Pair, donor: Donor, rng: np.random.Generator, how: How) -> tuple[np.ndarray, np.ndarray]:
    """A real crop (S, S, 3) and a fake one made from it, with the same crop, mirroring and later losses."""
    square, points = _resized(face, rng.uniform(0.4, 1)) if rng.random() < how.shrunk_first else face
    box = _box(points, rng, how)
    square = geometry.crop(square, box, math.ceil(box[2] - box[0]))[0]  # at its own resolution
    crops = blended(square, points - np.floor(box[:2]), donor, rng, how)
    if rng.random() < how.soft_real:
        crops = (_coarse(crops[0], rng.uniform(0.3, 0.8)), crops[1])
    small = cv2.INTER_AREA if len(square) > how.size else cv2.INTER_CUBIC
    crops = [cv2.resize(crop, (how.size, how.size), interpolation=small) for crop in crops]
    if how.spoiled_real and rng.random() < how.spoiled_real:
        crops[0] = _spoiled(crops[0], rng)
    if rng.random() < 0.5:
        crops = [np.ascontiguousarray(crop[:, ::-1]) for crop in crops]
    return tuple(_lost(crops, rng, how))


def blended(
    square: np.ndarray, points: np.ndarray, donor: Donor, rng: np.random.Generator, how: How
) -> tuple[np.ndarray, np.ndarray]:
    """The target and the blend, both as the square: one of target and source is changed, then they are blended."""
    if how.pasted and rng.random() < how.pasted:
        return square, selfblend.blended(square, points, rng, selfblend.Blend())
    source = square
    part = rng.random() < how.part
    if rng.random() < how.other:
        source = _laid(donor(rng), points, square)
        if rng.random() < 0.7:
            source = _toned(source, square, points)
    if rng.random() < 0.5:
        source = _changed(source, rng)
    else:
        square = _changed(square, rng)
    source = cv2.warpAffine(
        source, _nudge(points, rng), source.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask = _mask(points, len(square), rng, part) * rng.choice(how.ratios)
    mixed = square + mask * (source.astype(np.float32) - square)
    return square, np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _resized(face: Pair, share: float) -> Pair:
    square, points = face
    side = max(round(len(square) * share), 48)
    if side >= len(square):
        return face
    small = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    return small, (points + 0.5) * (side / len(square)) - 0.5


def _laid(face: Pair, points: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Another face turned, scaled and moved onto the landmarks, as large as the square; beyond its edge the square."""
    other, marks = face
    how = cv2.estimateAffinePartial2D(marks.astype(np.float32), points.astype(np.float32), method=cv2.LMEDS)[0]
    if how is None:
        return square
    return cv2.warpAffine(other, how, square.shape[1::-1], square.copy(), cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)


def _toned(source: np.ndarray, target: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The source with the mean and the deviation that the target's colours have inside the face (in Lab)."""
    inside = np.zeros(source.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(points.round().astype(np.int32)), 1)
    labs = [cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32) for image in (source, target)]
    (mean, spread), (wanted, wide) = (cv2.meanStdDev(lab, mask=inside) for lab in labs)
    gain = np.clip(wide / np.maximum(spread, 1), 0.5, 2)
    found = (labs[0] - mean.ravel()) * gain.ravel() + wanted.ravel()
    return cv2.cvtColor(np.clip(found, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def _changed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour, brightness, contrast, and sharpness or resolution changed a little, as in the paper."""
    image = image.astype(np.float32)
    if rng.random() < 0.5:
        image = image + rng.uniform(-20, 20, 3).astype(np.float32)
    if rng.random() < 0.5:  # brightness and contrast
        image = (image - 127) * rng.uniform(0.88, 1.12) + 127 + 25 * rng.uniform(-1, 1)
    image = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv += rng.integers([-9, -30, -30], [10, 31, 31]).astype(np.int16)
        hsv[..., 0] %= 180
        image = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return _sharpened(image, rng) if rng.random() < 0.4 else _coarse(image, rng.uniform(0.3, 0.95))


def _sharpened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.6))
    amount = rng.uniform(0.2, 1.0)
    return cv2.addWeighted(image, 1 + amount, soft, -amount, 0)


def _coarse(image: np.ndarray, share: float) -> np.ndarray:
    side = max(round(len(image) * share), 16)
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR if share < 0.6 else cv2.INTER_CUBIC)


def _spoiled(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The crop blurred, shrunk and enlarged, or compressed, each as often."""
    kind = rng.integers(3)
    if kind == 0:
        return cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.5, 2))
    if kind == 1:
        return _coarse(crop, rng.uniform(0.25, 0.6))
    return geometry.jpeg(crop, int(rng.integers(20, 61)))


def _nudge(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An affine map (2, 3): at most 3 % of the face's width to the side, 1.5 % up or down, and 5 % in size."""
    width = np.ptp(points[:, 0])
    scale, shift = rng.uniform(0.95, 1 / 0.95, 2), rng.uniform(-1, 1, 2) * width * (0.03, 0.015)
    centre = points.mean(0)
    return np.column_stack([np.diag(scale), centre * (1 - scale) + shift])


def _mask(points: np.ndarray, side: int, rng: np.random.Generator, part: bool) -> np.ndarray:
    """A mask (s, s, 1) in [0, 1]: a hull whose points stray, bent as a whole, its edge soft."""
    width = np.ptp(points[:, 0])
    mask = np.zeros((side, side), np.float32)
    for hull in _regions(points, rng, part):
        stray = hull + rng.normal(0, 0.015 * width, hull.shape)
        cv2.fillConvexPoly(mask, cv2.convexHull(stray.round().astype(np.int32)), 1.0)
    mask = _bent(mask, 0.05 * width, rng)
    return _soft(mask, width, rng)[..., None]


def _regions(points: np.ndarray, rng: np.random.Generator, part: bool) -> list[np.ndarray]:
    """The points of each hull: of the mouth, the eyes, the inner face, or the whole one with some of the forehead."""
    if part:
        if rng.random() < 0.6:
            return [_grown(points[MOUTH], rng.uniform(1.1, 1.6))]
        return [_grown(np.concatenate([points[EYES], points[BROWS]]), rng.uniform(1.0, 1.2))]
    kind = rng.random()
    if kind < 0.2:
        return [_grown(np.concatenate([points[17:], points[4:13]]), rng.uniform(0.9, 1.05))]
    if kind < 0.35:
        return [_grown(points[17:], rng.uniform(1.0, 1.25))]
    raised = points.copy()
    up = points[8] - points[27]  # from between the eyes to the chin
    raised[BROWS] -= rng.uniform(0, 0.35) * up
    return [_grown(raised, rng.uniform(0.9, 1.05))]


def _grown(points: np.ndarray, factor: float) -> np.ndarray:
    centre = points.mean(0)
    return centre + factor * (points - centre)


def _bent(mask: np.ndarray, far: float, rng: np.random.Generator) -> np.ndarray:
    """The mask bent by a smooth field that moves it by about `far` pixels."""
    field = cv2.resize(rng.normal(0, far, (6, 6, 2)).astype(np.float32), mask.shape, interpolation=cv2.INTER_CUBIC)
    ys, xs = np.indices(mask.shape, np.float32)
    return cv2.remap(mask, xs + field[..., 0], ys + field[..., 1], cv2.INTER_LINEAR)


def _soft(mask: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Blurred twice, the first time then cut to what lies inside, as the paper does."""
    if rng.random() < 0.5:
        mask = cv2.GaussianBlur(mask, (0, 0), max(rng.uniform(0.01, 0.06) * width, 0.5))
        mask = np.clip((mask - 0.5) * 2, 0, 1) if rng.random() < 0.5 else mask
    return cv2.GaussianBlur(mask, (0, 0), max(rng.uniform(0.005, 0.07) * width, 0.5))


def _box(points: np.ndarray, rng: np.random.Generator, how: How) -> np.ndarray:
    box = geometry.face_rectangle(points, rng.uniform(*how.margin))
    return box + np.tile(rng.uniform(-how.off, how.off, 2) * (box[2] - box[0]), 2)


def _lost(crops: list[np.ndarray], rng: np.random.Generator, how: How) -> list[np.ndarray]:
    """Both crops after the same brightness, shrinking, blur, noise and JPEG."""
    if rng.random() < 0.4:
        gain, shift = rng.uniform(0.75, 1.25), rng.uniform(-20, 20)
        crops = [cv2.convertScaleAbs(np.maximum(crop * gain + shift, 0)) for crop in crops]
    if rng.random() < how.coarse:
        share = rng.uniform(*how.share)
        crops = [_coarse(crop, share) for crop in crops]
    if rng.random() < how.blur:
        sigma = rng.uniform(0.3, 1.8)
        crops = [cv2.GaussianBlur(crop, (0, 0), sigma) for crop in crops]
    if rng.random() < how.noise:
        noise = rng.normal(0, rng.uniform(1, 8), crops[0].shape).astype(np.float32)
        crops = [np.clip(crop + noise, 0, 255).astype(np.uint8) for crop in crops]
    if rng.random() < how.jpeg:
        quality = int(rng.integers(*how.quality))
        crops = [geometry.jpeg(crop, quality) for crop in crops]
    return crops
