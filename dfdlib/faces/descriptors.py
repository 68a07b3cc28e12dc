"""Whose face it is: dlib's 128 numbers, trained so that pictures of one person lie within 0.6 of each other."""

from __future__ import annotations

import functools

import dlib
import numpy as np

from dfdlib.faces import detection


def descriptor(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """dlib's face descriptor (128,) of a uint8 RGB image with landmarks (68, 2) in its pixels."""
    shape = dlib.full_object_detection(
        dlib.rectangle(*(int(v) for v in (*points.min(0), *points.max(0)))),
        [dlib.point(*(round(float(v)) for v in point)) for point in points],
    )
    return np.array(_network().compute_face_descriptor(np.ascontiguousarray(image), shape))


@functools.lru_cache(maxsize=1)
def _network() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(detection.model_file("dlib_face_recognition_resnet_model_v1.dat")))
