"""Boxes, crops and landmarks: from a frame's pixels to a crop's and back."""

from __future__ import annotations

import cv2
import numpy as np

from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams

EYE_CORNERS = (36, 45)  # the outer ones, points 37 and 46
INNER = slice(17, 68)  # points 18-68; the jaw's 17 slide along the outline and have no fixed place on the head


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
    corner, side = _square(box)
    x0, y0, side = *corner.astype(int), int(side)
    rows = np.clip(np.arange(y0, y0 + side), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(x0, x0 + side), 0, image.shape[1] - 1)
    square = np.ascontiguousarray(image[rows[:, None], columns])
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size, size), interpolation=how)
    return resized, np.array([x0, y0], np.float32), np.float32(size / side)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """A uint8 RGB image (H, W, 3) after JPEG of a quality from 1 to 100."""
    # OpenCV takes and gives BGR: in the wrong order JPEG would weigh red as blue and lose other details.
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def in_crop(points: np.ndarray, params: FaceParams) -> np.ndarray:
    """Landmarks (N, 68, 2) of frames, in pixels of the crops that `crop` cuts around them."""
    corner, side = squares(points, params)
    return (points - corner + 0.5) * (params.size / side) - 0.5  # a pixel's coordinates are those of its centre


def in_frame(points: np.ndarray, original: np.ndarray, params: FaceParams) -> np.ndarray:
    """Landmarks (N, 68, 2) found in crops, in pixels of the frames that the crops around `original` were cut from."""
    corner, side = squares(original, params)
    return (points + 0.5) * side / params.size - 0.5 + corner


def squares(points: np.ndarray, params: FaceParams) -> tuple[np.ndarray, np.ndarray]:
    """Corner (N, 1, 2) and side (N, 1, 1) in the frame of the crop around each face's landmarks (N, 68, 2)."""
    corner, side = _square(np.stack([face_rectangle(p, params.margin) for p in points]))
    return corner[:, None], side[:, None, None]


def _square(box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The whole pixels that a crop of a square box (..., 4) covers: corner (..., 2) and side (...,), at least 1."""
    return np.floor(box[..., :2]), np.maximum(np.ceil(box[..., 2] - box[..., 0]), 1)


def landmark_error(points: np.ndarray, reference: np.ndarray, which: slice = slice(None)) -> np.ndarray:
    """Mean distance (N,) of landmarks (N, 68, 2), or some of them, from the reference, in percent of the distance
    between the reference's outer eye corners: the usual measure for iBUG-68.
    """
    eyes = np.linalg.norm(reference[:, EYE_CORNERS[0]] - reference[:, EYE_CORNERS[1]], axis=-1)
    return 100 * np.linalg.norm(points - reference, axis=-1)[:, which].mean(1) / eyes
