"""Head pose from landmarks by solvePnP, and the classifier on its inconsistencies (paper, section II.B)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from dfdlib import paths, repro
from dfdlib.errors import DfdError

# The paper counts landmarks from 1, arrays from 0: the only place where the two meet.
CENTRAL = np.array([*range(18, 37), 49, 55]) - 1  # brows, nose, corners of the mouth: v_c
WHOLE = np.array([*range(1, 37), 49, 55]) - 1  # the same and the contour: v_a
FORWARD = np.array([0.0, 0.0, 1.0])  # w of Yang et al.: the head's own z axis

SOLVERS = {
    "iterative": cv2.SOLVEPNP_ITERATIVE,  # OpenCV's default, and so the paper's
    "epnp": cv2.SOLVEPNP_EPNP,
    "sqpnp": cv2.SOLVEPNP_SQPNP,
}


@dataclass(frozen=True)
class Poses:
    """Poses of T frames by one set of landmarks; head to camera: X_camera = R @ X_head + tvec."""

    rvec: np.ndarray  # (T, 3) Rodrigues vectors, radians
    tvec: np.ndarray  # (T, 3) millimetres
    residual: np.ndarray  # (T,) root mean square reprojection error, pixels

    @property
    def rotation(self) -> np.ndarray:
        """Rotation matrices (T, 3, 3)."""
        return np.stack([cv2.Rodrigues(v)[0] for v in self.rvec])

    @property
    def direction(self) -> np.ndarray:
        """Where the head points, (T, 3) unit vectors: v = R^T w."""
        return FORWARD @ self.rotation


def load_world_model(name: str) -> np.ndarray:
    """68 points (68, 3) in millimetres, x right, y down, z away from the camera, from a CSV with columns x, y, z.

    `name` is a file in dfdlib/assets or a path. A plain list of 204 numbers (all x, all y, all z) is read too.
    """
    path = paths.assets() / name if (paths.assets() / name).is_file() else Path(name)
    if not path.is_file():
        raise DfdError(f"There is no world model {name!r}; name a file in dfdlib/assets or a path to a CSV.")
    try:
        model = _read_points(path)
    except (KeyError, ValueError):
        raise DfdError(f"{path} is no list of points; a world model is a CSV of 68 rows of x, y and z.") from None
    if model.shape != (68, 3) or not np.isfinite(model).all():
        raise DfdError(f"{path} holds points of shape {model.shape}; a world model is 68 rows of x, y and z.")
    return model


def _read_points(path: Path) -> np.ndarray:
    if path.suffix == ".csv":
        return pd.read_csv(path)[["x", "y", "z"]].to_numpy(float)
    return np.loadtxt(path).reshape(3, -1).T


def camera_matrix(width: int, height: int) -> np.ndarray:
    """Camera (3, 3) guessed as Yang et al. do: focal length = image width, centre = image centre, pixels."""
    if width <= 0 or height <= 0:
        raise DfdError(f"The image size is {width} x {height} pixels; both must be positive.")
    return np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], float)


def solve(points: np.ndarray, model: np.ndarray, camera: np.ndarray, which: np.ndarray, solver: str) -> Poses:
    """Equation 1 of the paper for each of T frames, with the landmarks `which` (indices from 0).

    points: (T, 68, 2) pixels; model: (68, 3) mm; camera: (3, 3). Raises DfdError for points of another
    shape, for values that are not numbers and for an unknown solver.
    """
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise DfdError(f"Landmarks have shape {points.shape}; (frames, 68, 2) is needed.")
    if not np.isfinite(points).all():
        raise DfdError("The landmarks hold values that are not numbers; leave these frames out.")
    if solver not in SOLVERS:
        raise DfdError(f"There is no solver {solver!r}; choose one of: {', '.join(SOLVERS)}.")
    found = [_solve_frame(p[which].astype(float), model[which], camera, SOLVERS[solver]) for p in points]
    rvec, tvec, residual = (np.array(part) for part in zip(*found, strict=True))
    return Poses(rvec, tvec, residual)


def _solve_frame(p: np.ndarray, model: np.ndarray, camera: np.ndarray, flag: int) -> tuple:
    done, rvec, tvec = cv2.solvePnP(model, p, camera, None, flags=flag)
    if not done:
        raise DfdError("solvePnP found no pose; the landmarks may lie on one line: leave the frame out.")
    projected = project(model, rvec, tvec, camera)
    return rvec.ravel(), tvec.ravel(), float(np.sqrt(((projected - p) ** 2).sum(1).mean()))


def project(model: np.ndarray, rvec: np.ndarray, tvec: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of head points (N, 3)."""
    return cv2.projectPoints(model.astype(float), rvec, tvec, camera, None)[0].reshape(-1, 2)


def whole_and_central(points: np.ndarray, sizes: np.ndarray, model: np.ndarray, solver: str) -> tuple[Poses, Poses]:
    """Poses by the whole face (a) and by its central points (c).

    points: (T, 68, 2) pixels; sizes: (T, 2) width and height of each frame, pixels; model: (68, 3) mm.
    """
    return _by_size(points, sizes, model, WHOLE, solver), _by_size(points, sizes, model, CENTRAL, solver)


def _by_size(points: np.ndarray, sizes: np.ndarray, model: np.ndarray, which: np.ndarray, solver: str) -> Poses:
    found = [
        solve(p[None], model, camera_matrix(*size), which, solver)
        for p, size in zip(points, sizes.tolist(), strict=True)
    ]
    return Poses(*(np.concatenate([getattr(f, name) for f in found]) for name in ("rvec", "tvec", "residual")))


def paper_features(whole: Poses, central: Poses) -> np.ndarray:
    """The paper's feature (T, 6): v_c and v_a side by side."""
    return np.hstack([central.direction, whole.direction])


def yang_features(whole: Poses, central: Poses) -> np.ndarray:
    """The feature of Yang et al. (T, 12): R_a - R_c, flattened, and t_a - t_c."""
    rotation = (whole.rotation - central.rotation).reshape(len(whole.rvec), 9)
    return np.hstack([rotation, whole.tvec - central.tvec])


def cosine_distance(whole: Poses, central: Poses) -> np.ndarray:
    """1 - cos of the angle between v_a and v_c, (T,) (Yang et al., Fig. 3)."""
    return 1 - (whole.direction * central.direction).sum(1)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Geodesic angle (T,) in degrees between rotations (T, 3, 3)."""
    cosine = (np.einsum("tij,tij->t", a, b) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def join(*parts: Poses) -> Poses:
    """Several poses in a row."""
    return Poses(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("rvec", "tvec", "residual")))


def behind_camera(poses: Poses) -> np.ndarray:
    """Whether each pose (T,) puts the head behind the camera: the mirror image of a right solution."""
    return poses.tvec[:, 2] < 0


def most_turned(poses: Poses, at_most: float) -> int:
    """The frame whose head is turned furthest from the camera, but by no more than `at_most` degrees.

    Only the better-fitted half of the frames is asked: where landmarks fail, the pose can be anything.
    """
    turn = np.degrees(np.arccos(np.clip(np.abs(poses.direction[:, 2]), 0, 1)))
    asked = (turn <= at_most) & (poses.residual <= np.median(poses.residual))
    return int(np.argmax(np.where(asked, turn, -1)))


def hand_placed(model: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The model (68, 3) as if placed by hand: each coordinate off by a normal error of `share` of its width."""
    width = np.ptp(model[:, 0])
    return model + repro.rng(seed).normal(0, share * width, model.shape)


def mirrored(model: np.ndarray) -> np.ndarray:
    """The model (68, 3) with z turned round: a hollow face, as in the code released with Yang et al."""
    return model * [1, 1, -1]


def paper_classifier() -> SVC:
    """scikit-learn's SVM with default arguments, as in the paper."""
    return SVC()


def yang_classifier() -> Pipeline:
    """Standardized features and an RBF SVM, as Yang et al. describe."""
    return make_pipeline(StandardScaler(), SVC())


def p_fake(classifier: SVC | Pipeline, features: np.ndarray) -> np.ndarray:
    """Scores (T,) in [0, 1]: the logistic function of the SVM's margin, 0.5 on its decision border.

    Monotone in the margin, so verdicts and AUC are the SVM's own; as a probability it is not calibrated.
    """
    return expit(classifier.decision_function(features))
