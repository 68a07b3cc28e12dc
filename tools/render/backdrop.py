"""Backgrounds out of focus: random scenes of gradients, rectangles and discs, blurred as a lens would."""

from __future__ import annotations

import cv2
import numpy as np


def _canvas(rng: np.random.Generator, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(256,320,3) a gradient between two colours along a random direction."""
    y, x = np.mgrid[-1:1:256j, -1:1:320j]
    a = rng.uniform(0, 2 * np.pi)
    s = np.clip(0.5 + 0.5 * (np.cos(a) * x + np.sin(a) * y), 0, 1)[..., None]
    return (low * (1 - s) + high * s).astype(np.float32)


def _grey(rng: np.random.Generator, low: float, high: float, colour: float = 0.08) -> np.ndarray:
    return np.clip(rng.uniform(low, high) + rng.normal(0, colour, 3), 0.01, 1)


def _box(image: np.ndarray, x: float, y: float, w: float, h: float, colour: np.ndarray) -> None:
    cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), colour.tolist(), -1)


def _room(rng: np.random.Generator) -> np.ndarray:
    wall = _grey(rng, 0.25, 0.75, 0.035)
    image = _canvas(rng, wall * 0.7, wall)
    if rng.random() < 0.7:
        x, w, h = rng.uniform(-40, 260), rng.uniform(60, 120), rng.uniform(90, 170)
        y = rng.uniform(0, 50)
        _box(image, x - 6, y - 6, w + 12, h + 12, wall * 0.55)
        light = np.clip(rng.uniform(0.8, 1.0) + np.array([-0.05, 0, 0.05]) * rng.normal(), 0, 1)
        for i in range(2):
            for j in range(2):
                _box(image, x + i * w / 2 + 2, y + j * h / 2 + 2, w / 2 - 5, h / 2 - 5, light)
    if rng.random() < 0.8:
        left = rng.uniform(-30, 220)
        for row in np.arange(rng.uniform(20, 60), 250, rng.uniform(45, 60)):
            _box(image, left, row, 130, 5, wall * 0.4)
            at = left + 4
            while at < left + 120:
                w, h = rng.uniform(5, 14), rng.uniform(20, 38)
                if rng.random() < 0.85:
                    _box(image, at, row - h, w - 1, h, _grey(rng, 0.1, 0.6, 0.15))
                at += w
    return image


def _trees(rng: np.random.Generator) -> np.ndarray:
    image = _canvas(rng, np.array([0.55, 0.68, 0.80]), np.array([0.85, 0.90, 0.93]))
    for _ in range(160):
        green = np.clip(np.array([0.25, 0.38, 0.14]) * rng.uniform(0.3, 1.7) + rng.normal(0, 0.03, 3), 0, 1)
        at = (int(rng.uniform(0, 320)), int(256 * rng.beta(2.2, 1.3)))
        cv2.circle(image, at, int(rng.uniform(5, 26)), green.tolist(), -1)
    for _ in range(rng.integers(0, 4)):
        x, width, bark = rng.uniform(0, 320), rng.uniform(6, 20), np.array([0.20, 0.15, 0.11]) * rng.uniform(0.5, 1.4)
        _box(image, x, 0, width, 256, bark)
    return image


def _bokeh(rng: np.random.Generator) -> np.ndarray:
    image = _canvas(rng, _grey(rng, 0.02, 0.12, 0.03), _grey(rng, 0.08, 0.25, 0.05))
    for _ in range(rng.integers(20, 60)):
        layer = np.zeros_like(image)
        warm = np.array([1.0, 0.75, 0.45]) if rng.random() < 0.7 else np.array([0.5, 0.7, 1.0])
        cv2.circle(
            layer,
            (int(rng.uniform(0, 320)), int(rng.uniform(0, 256))),
            int(rng.uniform(4, 15)),
            (warm * rng.uniform(0.1, 0.55)).tolist(),
            -1,
        )
        image += layer
    return image


def _street(rng: np.random.Generator) -> np.ndarray:
    image = _canvas(rng, np.array([0.70, 0.76, 0.82]), np.array([0.85, 0.86, 0.88]))
    x = -20.0
    while x < 320:
        w, top, wall = rng.uniform(40, 110), rng.uniform(0, 110), _grey(rng, 0.2, 0.6, 0.035)
        _box(image, x, top, w, 256, wall)
        for wy in np.arange(top + 10, 250, 24):
            for wx in np.arange(x + 6, x + w - 10, 18):
                _box(image, wx, wy, 9, 13, wall * rng.choice([0.4, 0.5, 1.5]))
        x += w
    _box(image, 0, rng.uniform(205, 240), 320, 60, _grey(rng, 0.2, 0.4, 0.02))
    return image


def _studio(rng: np.random.Generator) -> np.ndarray:
    c = _grey(rng, 0.12, 0.7, 0.04)
    image = _canvas(rng, c * 0.6, c)
    y, x = np.mgrid[-1:1:256j, -1:1:320j]
    far = (x - rng.uniform(-0.5, 0.5)) ** 2 + (y - rng.uniform(-0.5, 0.5)) ** 2
    return image * np.exp(-0.35 * far)[..., None].astype(np.float32)


def picture(seed: int, size: tuple[int, int]) -> np.ndarray:
    """(H,W,3) float32 sRGB in [0,1] for size (W,H): the scene with this number."""
    rng = np.random.default_rng([seed, 50])
    scene = (_room, _trees, _bokeh, _street, _studio)[rng.choice(5, p=[0.36, 0.2, 0.14, 0.16, 0.14])]
    image = np.clip(scene(rng), 0, 1)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(3.0, 9.0))
    zoom = max(size[0] / 320, size[1] / 256)
    image = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    x, y = (image.shape[1] - size[0]) // 2, (image.shape[0] - size[1]) // 2
    return np.clip(image[y : y + size[1], x : x + size[0]], 0, 1)
