"""Head pose from landmarks by solvePnP (paper, section II.B, equation 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import cv2
import numpy as np

from dfdlib.core.errors import DfdError
from dfdlib.core.values import storable

# The paper counts landmarks from 1, arrays count from 0; only these two lines convert.
CENTRAL = np.array([*range(18, 37), 49, 55]) - 1  # brows, nose, corners of the mouth: v_c
WHOLE = np.array([*range(1, 37), 49, 55]) - 1  # the same and the contour: v_a
FORWARD = np.array([0.0, 0.0, 1.0])  # w of Yang et al.: the head's own z axis
# A solver takes model points (n, 3) in mm, pixels (n, 2) and the camera; it returns success, rvec and tvec.
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple]
FLATNESS = 1e-3  # landmarks whose second singular value is a smaller share of the first lie on one line


def _frontal_guess(model: np.ndarray, points: np.ndarray, camera: np.ndarray) -> tuple:
    """Start from a head that faces the camera, at the distance that follows from its width."""
    distance = camera[0, 0] * np.ptp(model[:, 0]) / np.ptp(points[:, 0])
    start = np.array([0.0, 0.0, distance])
    return cv2.solvePnP(model, points, camera, None, np.zeros(3), start, True, cv2.SOLVEPNP_ITERATIVE)


def _sqpnp_refined(model: np.ndarray, points: np.ndarray, camera: np.ndarray) -> tuple:
    """SQPnP, which minimizes an algebraic error, then Levenberg-Marquardt to the smallest error in pixels."""
    done, rvec, tvec = cv2.solvePnP(model, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    return (done, *cv2.solvePnPRefineLM(model, points, camera, None, rvec, tvec))


SOLVERS: dict[str, Solver] = {
    "iterative": lambda m, p, k: cv2.solvePnP(m, p, k, None),  # OpenCV's default and therefore the paper's
    "iterative, frontal guess": _frontal_guess,
    "epnp": lambda m, p, k: cv2.solvePnP(m, p, k, None, flags=cv2.SOLVEPNP_EPNP),
    "sqpnp": lambda m, p, k: cv2.solvePnP(m, p, k, None, flags=cv2.SOLVEPNP_SQPNP),
    "sqpnp, refined": _sqpnp_refined,
}


@storable
@dataclass(frozen=True)
class Poses:
    """Poses of T frames from one set of landmarks; head to camera: X_camera = R @ X_head + tvec."""

    rvec: np.ndarray  # (T, 3) Rodrigues vectors, radians
    tvec: np.ndarray  # (T, 3) millimetres
    residual: np.ndarray  # (T,) root mean square reprojection error, pixels

    def rows(self, index: np.ndarray) -> Poses:
        """The poses of some frames, by index (n,) or mask (T,)."""
        return Poses(self.rvec[index], self.tvec[index], self.residual[index])

    @property
    def rotation(self) -> np.ndarray:
        """Rotation matrices (T, 3, 3)."""
        from scipy.spatial.transform import Rotation

        return Rotation.from_rotvec(self.rvec).as_matrix()

    @property
    def direction(self) -> np.ndarray:
        """Yang et al.'s v = R^T w, (T, 3) unit vectors: the camera's axis as seen from the head."""
        return FORWARD @ self.rotation


def camera_matrix(width: int, height: int, focal: float = 1.0) -> np.ndarray:
    """Camera (3, 3) guessed as Yang et al. do: focal length = `focal` x image width, centre = image centre, pixels."""
    if width <= 0 or height <= 0:
        raise DfdError(f"The image size is {width} x {height} pixels; both must be positive.")
    return np.array([[focal * width, 0, width / 2], [0, focal * width, height / 2], [0, 0, 1]], float)


def whole_and_central(
    points: np.ndarray, sizes: np.ndarray, model: np.ndarray, solver: str, focal: float = 1.0
) -> tuple[Poses, Poses]:
    """Poses from the whole face (a) and from its central points (c).

    points: (T, 68, 2) pixels; sizes: (T, 2) width and height of each frame, pixels; model: (68, 3) mm; focal:
    the camera's focal length as a multiple of the image's width.
    """
    cameras = np.array([camera_matrix(*size, focal) for size in sizes])
    return solve(points, model, cameras, WHOLE, solver), solve(points, model, cameras, CENTRAL, solver)


def solve(points: np.ndarray, model: np.ndarray, camera: np.ndarray, which: np.ndarray, solver: str) -> Poses:
    """Equation 1 of the paper for each of T frames, with the landmarks `which` (indices from 0).

    points: (T, 68, 2) pixels; model: (68, 3) mm; camera: (3, 3), or (T, 3, 3) with one for each frame. Raises
    DfdError for landmarks that `check_landmarks` refuses and for an unknown solver.
    """
    check_landmarks(points)
    if solver not in SOLVERS:
        raise DfdError(f"There is no solver {solver!r}; choose one of: {', '.join(SOLVERS)}.")
    cameras = np.broadcast_to(camera, (len(points), 3, 3))
    frames = enumerate(zip(points, cameras, strict=True))
    found = [_solve_frame(i, p[which].astype(float), model[which], own, SOLVERS[solver]) for i, (p, own) in frames]
    return Poses(*(np.array(part) for part in zip(*found, strict=True)))


def check_landmarks(points: np.ndarray) -> None:
    """DfdError for landmarks that have another shape than (T, 68, 2), are not numbers or lie on one line.

    Landmarks outside the image are allowed: dlib completes a face that the image cuts off.
    """
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise DfdError(f"Landmarks have shape {points.shape}; (frames, 68, 2) is needed.")
    if not len(points):
        raise DfdError("There are no frames with landmarks; check that a face was found.")
    _refuse(~np.isfinite(points).all((1, 2)), "hold values that are not numbers")
    spread = np.linalg.svd(points - points.mean(1, keepdims=True), compute_uv=False)  # (T, 2), along and across
    _refuse(spread[:, 1] <= FLATNESS * spread[:, 0], "lie on one line, which fixes no pose")


def _refuse(bad: np.ndarray, why: str) -> None:
    if bad.any():
        raise DfdError(f"The landmarks of frame {np.argmax(bad)} {why}; leave such frames out.")


def _solve_frame(frame: int, p: np.ndarray, model: np.ndarray, camera: np.ndarray, solver: Solver) -> tuple:
    done, rvec, tvec = solver(model, p, camera)
    if not done:
        raise DfdError(f"solvePnP found no pose for frame {frame}; check its landmarks or leave it out.")
    projected = project(model, rvec, tvec, camera)
    return rvec.ravel(), tvec.ravel(), float(np.sqrt(((projected - p) ** 2).sum(1).mean()))


def project(model: np.ndarray, rvec: np.ndarray, tvec: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of head points (N, 3) in millimetres."""
    return cv2.projectPoints(model.astype(float), rvec, tvec, camera, None)[0].reshape(-1, 2)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Geodesic angle (T,) in degrees between rotations (T, 3, 3)."""
    cosine = (np.einsum("tij,tij->t", a, b) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def join(*parts: Poses) -> Poses:
    """The poses of several objects, concatenated."""
    return Poses(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Poses)))


def behind_camera(poses: Poses) -> np.ndarray:
    """Whether each pose (T,) puts the head behind the camera: the mirror image of a correct solution."""
    return poses.tvec[:, 2] < 0


def most_turned(poses: Poses, at_most: float) -> int:
    """Index of the frame whose head is turned furthest from the camera, but by no more than `at_most` degrees.

    Only the half of the frames that fits better is considered: where landmarks fail, the pose can be anything.
    """
    turn = np.degrees(np.arccos(np.clip(np.abs(poses.direction[:, 2]), 0, 1)))
    asked = (turn <= at_most) & (poses.residual <= np.median(poses.residual))
    return int(np.argmax(np.where(asked, turn, -1)))
