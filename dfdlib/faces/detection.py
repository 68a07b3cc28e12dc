"""dlib's frontal face detector and its 68 landmarks."""

from __future__ import annotations

import functools
import importlib.util
import tempfile
import threading
from pathlib import Path

import cv2
import dlib
import numpy as np

from dfdlib.core.errors import DfdError
from dfdlib.faces.stills import read_image as read_image

LEVELS, ONE_LEVEL = b"P\x02\xe8\x03\x01@", b"P\x02\x01\x00\x01@"  # window, levels (1000, 1), smallest picture


def detect(image: np.ndarray, upsample: int = 0) -> list[np.ndarray]:
    """Boxes (4,) of the frontal faces in a uint8 RGB image, by dlib's detector on its grey values."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return [
        np.array([r.left(), r.top(), r.right(), r.bottom()])
        for r in frontal_detector(threading.get_ident())(grey, upsample)
    ]


def largest(image: np.ndarray, upsample: int = 0) -> np.ndarray | None:
    """The box (4,) of the largest face that `detect` finds; None where it finds none."""
    return max(detect(image, upsample), key=lambda box: box[2] - box[0], default=None)


def landmarks(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The 68 iBUG landmarks (68, 2) float32 of the face in `box`, in pixels of the uint8 RGB image."""
    shape = _predictor()(image, dlib.rectangle(*(int(v) for v in box)))
    return np.array([(p.x, p.y) for p in shape.parts()], np.float32)


@functools.lru_cache
def frontal_detector(thread: int) -> dlib.fhog_object_detector:
    """One detector per thread: it stores the image, and two threads that share it would mix up their boxes."""
    return dlib.get_frontal_face_detector()


@functools.lru_cache
def one_level_detector(thread: int) -> dlib.fhog_object_detector:
    """As `frontal_detector`, but it searches the picture at its own size alone, not at smaller ones too.

    dlib offers no such setting, so its own file is changed: 1 instead of 1000 levels. DfdError where it isn't found.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "detector")
        frontal_detector(thread).save(str(path))
        head, levels, rest = path.read_bytes().partition(LEVELS)
        if not levels or len(head) > len(rest):
            raise DfdError(
                f"dlib {dlib.__version__} stores its detector in a new way; run `make` to install the locked versions."
            )
        path.write_bytes(head + ONE_LEVEL + rest)
        return dlib.fhog_object_detector(str(path))


@functools.lru_cache(maxsize=1)
def _predictor() -> dlib.shape_predictor:
    return dlib.shape_predictor(str(model_file("shape_predictor_68_face_landmarks.dat")))


def model_file(name: str) -> Path:
    """A model file of the package face_recognition_models, found without importing it.

    Importing that package fails with setuptools 82 and later. The landmark model was trained on iBUG 300-W,
    whose terms exclude commercial use.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None:
        raise DfdError(
            "The package face_recognition_models is not installed; run `make` to install the locked versions."
        )
    return Path(spec.submodule_search_locations[0]) / "models" / name
