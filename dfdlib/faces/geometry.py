"""Boxes, crops and landmarks: from a frame's pixels to a crop's and back."""

from __future__ import annotations

import cv2
import numpy as np

from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    overlap = area(np.concatenate([np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])]))
    return overlap / max(area(a) + area(b) - overlap, 1e-9)


def area(box: np.ndarray) -> float:
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def face_rectangle(points: np.ndarray, margin: float) -> np.ndarray:
    """The square box (4,) float around the landmarks (68, 2), widened by `margin` of its side on each side."""
    if points.shape != (68, 2):
        raise DfdError(f"Landmarks have shape {points.shape}; 68 points with x and y are needed, shape (68, 2).")
    low, high = points.min(0), points.max(0)
    half = (high - low).max() * (0.5 + margin)
    centre = (low + high) / 2
    return np.concatenate([centre - half, centre + half])


def crop(image: np.ndarray, box: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """The box of a uint8 RGB image as (size, size, 3), its corner (2,) and its scale.

    Beyond the image's border the border pixel is repeated. Shrinking averages areas, so that it does not alias.
    """
    x0, y0 = np.floor(box[:2]).astype(int)
    side = max(int(np.ceil(box[2] - box[0])), 1)
    rows = np.clip(np.arange(y0, y0 + side), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(x0, x0 + side), 0, image.shape[1] - 1)
    square = np.ascontiguousarray(image[rows[:, None], columns])
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size, size), interpolation=how)
    return resized, np.array([x0, y0], np.float32), np.float32(size / side)


def in_crop(points: np.ndarray, params: FaceParams) -> np.ndarray:
    """Landmarks (T, 68, 2) in pixels of the crops that `geometry.crop` cut around them."""
    return np.stack([_in_one_crop(p, params) for p in points])


def _in_one_crop(points: np.ndarray, params: FaceParams) -> np.ndarray:
    box = face_rectangle(points, params.margin)
    side = max(int(np.ceil(box[2] - box[0])), 1)
    return (points - np.floor(box[:2]) + 0.5) * (params.size / side) - 0.5  # pixel centres


def in_frame(points: np.ndarray, original: np.ndarray, params: FaceParams) -> np.ndarray:
    """Landmarks (N, 68, 2) found in crops, in pixels of the frames that the crops around `original` were cut from."""
    box = np.stack([face_rectangle(p, params.margin) for p in original])
    side = np.maximum(np.ceil(box[:, 2] - box[:, 0]), 1)[:, None, None]
    return (points + 0.5) * side / params.size - 0.5 + np.floor(box[:, None, :2])


def landmark_error(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Mean distance of landmarks (N, 68, 2) per face, in percent of the reference's outer eye corners' distance."""
    eyes = np.linalg.norm(reference[:, 36] - reference[:, 45], axis=-1)
    return 100 * np.linalg.norm(points - reference, axis=-1).mean(1) / eyes
