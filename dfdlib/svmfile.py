"""A trained SVM as plain arrays in a .safetensors file: it can be shipped, read and checked, and runs no code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.pipeline import Pipeline

from dfdlib import paths, safe
from dfdlib.errors import DfdError

NAMES = ("mean", "scale", "support", "weights", "intercept", "gamma")


def shipped() -> Path:
    """The SVM that was trained on UADFV; dfdlib/assets/headpose_svm.md is its card."""
    return paths.assets() / "headpose_svm.safetensors"


def trained(study: str) -> Path:
    """Where notebook 04 leaves the study's own."""
    return paths.runs() / study / "headpose_svm.safetensors"


@dataclass(frozen=True)
class StoredSvm:
    """A standardizing RBF SVM; its margin is the sum of weights * exp(-gamma * |x - support|^2), plus the intercept."""

    mean: np.ndarray  # (D,) of the training features
    scale: np.ndarray  # (D,) their standard deviation
    support: np.ndarray  # (S, D) support vectors, standardized
    weights: np.ndarray  # (S,) dual coefficients, signed
    intercept: np.ndarray  # (1,)
    gamma: np.ndarray  # (1,)

    def decision_function(self, features: np.ndarray) -> np.ndarray:
        """Margins (T,) of features (T, D), positive for fake."""
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise DfdError(f"Features have shape {features.shape}; this SVM takes (frames, {len(self.mean)}).")
        x = (features - self.mean) / self.scale
        squared = (x**2).sum(1)[:, None] - 2 * x @ self.support.T + (self.support**2).sum(1)
        return np.exp(-self.gamma * squared) @ self.weights + self.intercept


def save(classifier: Pipeline, path: Path) -> None:
    """Write a fitted pipeline of StandardScaler and RBF SVC."""
    scaler, svc = (step for _, step in classifier.steps)
    values = (
        scaler.mean_,
        scaler.scale_,
        svc.support_vectors_,
        svc.dual_coef_[0],
        svc.intercept_,
        np.array([svc._gamma]),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.ascontiguousarray(value) for name, value in zip(NAMES, values, strict=True)}
    save_file(arrays, path)


def load(path: Path) -> StoredSvm:
    """Read what `save` wrote; DfdError where the file is missing or holds something else."""
    if not path.is_file():
        raise DfdError(f"There is no SVM at {path}; check out dfdlib/assets again or run notebook 04.")
    try:
        arrays = load_file(path)
    except (SafetensorError, *safe.DAMAGED):
        arrays = {}
    if set(arrays) != set(NAMES) or not _is_svm(**arrays):
        raise DfdError(f"{path} does not hold an SVM ({', '.join(NAMES)}); check out dfdlib/assets again.")
    return StoredSvm(**arrays)


def _is_svm(**arrays: np.ndarray) -> bool:
    """Whether shapes fit together and all values are finite numbers that a kernel can work with."""
    sizes = (arrays["mean"].shape[:1], arrays["weights"].shape[:1])
    d, s = (size[0] if size else 0 for size in sizes)
    shapes = {"mean": (d,), "scale": (d,), "support": (s, d), "weights": (s,), "intercept": (1,), "gamma": (1,)}
    sound = all(
        arrays[name].shape == shape and arrays[name].dtype.kind == "f" and np.isfinite(arrays[name]).all()
        for name, shape in shapes.items()
    )
    return sound and d > 0 and s > 0 and (arrays["scale"] > 0).all() and (arrays["gamma"] > 0).all()
