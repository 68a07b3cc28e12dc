"""Features of the two poses of a face, and the SVMs that classify them (paper, section II.B; Yang et al., Table 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dfdlib.core import paths, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp
from dfdlib.headpose.pnp import Poses

if TYPE_CHECKING:  # scikit-learn takes a second to import, and a stored SVM is read without it
    from sklearn.pipeline import Pipeline
    from sklearn.svm import SVC

Feature = Callable[[Poses, Poses], np.ndarray]  # poses from the whole face and from its central points -> (T, numbers)
FOLDS = 5
GRID = {"svc__C": [0.3, 1, 10, 100], "svc__gamma": [0.01, 0.03, 0.1, 0.3]}


def directions(whole: Poses, central: Poses) -> np.ndarray:
    """The paper's feature (T, 6): v_c, then v_a."""
    return np.hstack([central.direction, whole.direction])


def direction_difference(whole: Poses, central: Poses) -> np.ndarray:
    """v_a - v_c (T, 3)."""
    return whole.direction - central.direction


def rvec_difference(whole: Poses, central: Poses) -> np.ndarray:
    """r_a - r_c (T, 3), Rodrigues vectors in radians."""
    return whole.rvec - central.rvec


def rotation_difference(whole: Poses, central: Poses) -> np.ndarray:
    """R_a - R_c, flattened row by row (T, 9)."""
    return (whole.rotation - central.rotation).reshape(-1, 9)


def with_translation(feature: Feature) -> Feature:
    """A feature followed by t_a - t_c (T, 3) in millimetres."""
    return lambda whole, central: np.hstack([feature(whole, central), whole.tvec - central.tvec])


FEATURES: dict[str, Feature] = {
    "v_c, v_a": directions,
    "v_a - v_c": direction_difference,
    "r_a - r_c": rvec_difference,
    "R_a - R_c": rotation_difference,
    "v, t differences": with_translation(direction_difference),
    "r, t differences": with_translation(rvec_difference),
    "R, t differences": with_translation(rotation_difference),
}
paper_feature = FEATURES["v_c, v_a"]
yang_feature = FEATURES["R, t differences"]


def cosine_distance(whole: Poses, central: Poses) -> np.ndarray:
    """1 - cos of the angle between v_a and v_c, (T,) (Yang et al., Fig. 3)."""
    return 1 - (whole.direction * central.direction).sum(1)


def distances(frames: FrameSet, model: np.ndarray, solver: str) -> pd.DataFrame:
    """The table of the frames with their column cosine_distance, four decimals."""
    poses = pnp.whole_and_central(frames.points, frames.sizes, model, solver)
    return frames.table.assign(cosine_distance=cosine_distance(*poses).round(4))


def residuals(whole: Poses, central: Poses) -> np.ndarray:
    """Reprojection errors of both fits (T, 2), pixels."""
    return np.column_stack([whole.residual, central.residual])


def frame_features(found: FrameSet, model: np.ndarray, solver: str) -> np.ndarray:
    """The feature of Yang et al. (T, 12) for frames, with a world model (68, 3) and one of pnp.SOLVERS."""
    return yang_feature(*pnp.whole_and_central(found.points, found.sizes, model, solver))


def aligned_shape(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Landmarks (T, n, 2) without position, size and roll, flattened (T, 2n): Procrustes-aligned to `reference` (n, 2).

    Computed in the landmarks' own precision. scikit-image's SimilarityTransform computes in double precision, one frame
    at a time; on dlib's float32 landmarks that is 30 times slower and moves an AUC by 7e-6.
    """
    z = points[..., 0] + 1j * points[..., 1]
    z = z - z.mean(1, keepdims=True)
    target = reference[:, 0] + 1j * reference[:, 1]
    turn = (z.conj() @ (target - target.mean())) / (np.abs(z) ** 2).sum(1)  # best rotation and scale as one factor
    aligned = z * turn[:, None]
    return np.hstack([aligned.real, aligned.imag])


def _svc(**more: str) -> SVC:
    from sklearn.svm import SVC

    return SVC(**more)


def _standardized() -> Pipeline:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), _svc())


SVMS: dict[str, Callable[[], SVC | Pipeline]] = {
    "default": _svc,  # scikit-learn's default arguments, as in the paper
    "default before 0.22": lambda: _svc(gamma="auto"),  # what "default" meant until December 2019
    "standardized": _standardized,  # as Yang et al. describe
}


def tuned(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> Pipeline:
    """A standardized SVM; C and gamma by a grid search in five folds by `groups` (people) of the given frames.

    Fewer folds for fewer groups (`group_folds`), and no search without a fold that both trains and scores both labels.
    """
    from sklearn.model_selection import GridSearchCV

    folds = [(train, test) for train, test in group_folds(labels, groups) if len(set(labels[test])) == 2]
    if not folds:
        return SVMS["standardized"]().fit(features, labels)
    search = GridSearchCV(SVMS["standardized"](), GRID, scoring="roc_auc", cv=folds)
    return search.fit(features, labels).best_estimator_


def group_folds(labels: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to train on and to score, for each of FOLDS folds: GroupKFold's, one for each group if there are few.

    Where one of these would train on one label alone, groups are dealt in turn, so that no fold gets all of a label.
    None at all where a label (N,) occurs in a single group (N,).
    """
    from sklearn.model_selection import GroupKFold

    fewest = min(len(set(groups[labels == label])) for label in (0, 1))
    if fewest < 2:
        return []
    count = min(FOLDS, len(set(groups)))
    folds = list(GroupKFold(count).split(labels, labels, groups))
    return folds if all(len(set(labels[train])) == 2 for train, _ in folds) else _dealt(labels, groups, count)


def _dealt(labels: np.ndarray, groups: np.ndarray, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Groups with real frames alone, then mixed ones, then fakes alone: a label's groups are neighbours in this order.

    Two or more neighbours come into different folds.
    """
    kind = {name: labels[groups == name].min() + labels[groups == name].max() for name in sorted(set(groups))}
    fold = {name: place % count for place, name in enumerate(sorted(kind, key=kind.get))}
    of_row = np.array([fold[name] for name in groups])
    return [(np.flatnonzero(of_row != number), np.flatnonzero(of_row == number)) for number in range(count)]


def p_fake(classifier: SVC | Pipeline, features: np.ndarray) -> np.ndarray:
    """Scores (T,) in [0, 1]: the logistic function of the SVM's margin, 0.5 on its decision boundary.

    Monotone in the margin, so verdicts and AUC are those of the SVM; as a probability it is not calibrated.
    """
    from scipy.special import expit

    return expit(classifier.decision_function(features))


def pose_svm(learned: FrameSet, model: np.ndarray, solver: str) -> Pipeline:
    """The SVM of Yang et al., fitted to the training part of the frames."""
    part = learned.part("train")
    return SVMS["standardized"]().fit(frame_features(part, model, solver), part.labels)


def shipped_svm() -> Path:
    """The file of the SVM trained on UADFV; dfdlib/assets/headpose_svm.md is its model card."""
    return paths.assets() / "headpose_svm.safetensors"


def trained_svm(study_name: str) -> Path:
    """Where notebook 04 puts the study's own SVM."""
    return paths.runs() / study_name / "headpose_svm.safetensors"


@dataclass(frozen=True)
class StoredSvm:
    """An RBF SVM on standardized features x; margin: the sum of weights * exp(-gamma * |x - support|^2) + intercept."""

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


SVM_ARRAYS = tuple(field.name for field in fields(StoredSvm))


def save_svm(classifier: Pipeline, path: Path) -> None:
    """Write a fitted pipeline of a StandardScaler and an RBF SVC."""
    import torch

    scaler, svc = (step for _, step in classifier.steps)
    support, weights, gamma = svc.support_vectors_, svc.dual_coef_[0], np.array([svc._gamma])
    stored = StoredSvm(scaler.mean_, scaler.scale_, support, weights, svc.intercept_, gamma)
    weight_files.write(path, {name: torch.tensor(array) for name, array in vars(stored).items()})


def load_svm(path: Path) -> StoredSvm:
    """Read a file that `save_svm` wrote; DfdError if it is missing or contains anything else."""
    arrays = weight_files.arrays(path, "check out dfdlib/assets again or run notebook 04", ("float64",))
    if set(arrays) != set(SVM_ARRAYS) or not _is_svm(**arrays):
        raise DfdError(f"{path} does not contain an SVM ({', '.join(SVM_ARRAYS)}); check out dfdlib/assets again.")
    return StoredSvm(**arrays)


def _is_svm(mean: np.ndarray, weights: np.ndarray, **others: np.ndarray) -> bool:
    """Whether the shapes fit together and all values are finite numbers that an RBF kernel can use."""
    arrays = {"mean": mean, "weights": weights} | others
    d, s = mean.size, weights.size
    shapes = {"mean": (d,), "scale": (d,), "support": (s, d), "weights": (s,), "intercept": (1,), "gamma": (1,)}
    sound = d and s and all(arrays[name].shape == shape for name, shape in shapes.items())
    sound = sound and all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays.values())
    return bool(sound and (arrays["scale"] > 0).all() and (arrays["gamma"] > 0).all())
