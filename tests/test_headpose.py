"""Pose by round trip: project a head with a known pose, solve, compare."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfdlib.core.errors import DfdError
from dfdlib.headpose import pnp, worldmodel

SIZE = (400, 300)
WORLD = worldmodel.world_model("world_model.csv")


def _poses(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (count, 68, 2) of a face about 150 px wide, and its true rotations (count, 3, 3)."""
    rng = np.random.default_rng(seed)
    camera = pnp.camera_matrix(*SIZE)
    distance = SIZE[0] * np.ptp(WORLD[:, 0]) / 150
    limits = np.radians([20, 35, 15])  # pitch, yaw, roll
    rotations, points = [], []
    for _ in range(count):
        angles = rng.uniform(-limits, limits)
        matrix = np.eye(3)
        for axis, angle in zip(np.eye(3), angles, strict=True):
            matrix = cv2.Rodrigues(axis * angle)[0] @ matrix
        projected = pnp.project(WORLD, cv2.Rodrigues(matrix)[0], np.array([5.0, -8.0, distance]), camera)
        rotations.append(matrix)
        points.append(projected + rng.normal(0, noise, (68, 2)))
    return np.array(points), np.array(rotations)


@pytest.mark.parametrize("solver", pnp.SOLVERS)
def test_without_noise_the_pose_comes_back(solver: str) -> None:
    points, truth = _poses(20, 0)
    for which in (pnp.WHOLE, pnp.CENTRAL):
        found = pnp.solve(points, WORLD, pnp.camera_matrix(*SIZE), which, solver)
        # EPnP alone is not refined to the last digit.
        assert pnp.angle_between(found.rotation, truth).max() < (0.05 if solver == "epnp" else 0.01)
        assert (found.tvec[:, 2] > 0).all()
        assert found.residual.max() < 0.05


def test_one_pixel_of_noise_costs_about_a_degree() -> None:
    points, truth = _poses(300, 1)
    whole, central = pnp.whole_and_central(points, np.tile(SIZE, (300, 1)), WORLD, "sqpnp")
    assert np.median(pnp.angle_between(whole.rotation, truth)) <= 0.5
    # The 21 central points lie nearly in a plane, so noise moves them twice as far.
    assert np.median(pnp.angle_between(central.rotation, truth)) <= 1.2
    assert not pnp.behind_camera(whole).any() and not pnp.behind_camera(central).any()


def test_a_mirrored_model_fits_and_is_wrong() -> None:
    points, truth = _poses(20, 0)
    found = pnp.solve(points, worldmodel.mirrored(WORLD), pnp.camera_matrix(*SIZE), pnp.WHOLE, "iterative")
    flipped = pnp.behind_camera(found)
    assert flipped.any() and found.residual[flipped].max() < 0.5, "a perfect fit, behind the camera"
    assert pnp.angle_between(found.rotation, truth)[flipped].min() > 90


def test_the_papers_landmark_numbers() -> None:
    assert (pnp.CENTRAL + 1).tolist() == [*range(18, 37), 49, 55] and len(pnp.CENTRAL) == 21
    assert (pnp.WHOLE + 1).tolist() == [*range(1, 37), 49, 55] and len(pnp.WHOLE) == 38


def test_the_direction_is_the_third_row_of_the_rotation() -> None:
    turned = pnp.Poses(np.array([[0, np.pi / 2, 0]]), np.zeros((1, 3)), np.zeros(1))
    # R is a quarter turn about y, so R^T [0, 0, 1] = [-1, 0, 0].
    assert turned.direction[0] == pytest.approx([-1, 0, 0], abs=1e-12)


def test_frames_of_several_sizes_each_get_their_camera() -> None:
    points, _ = _poses(6, 0)
    sizes = np.array([SIZE, (800, 600), SIZE, (800, 600), (800, 600), SIZE])
    whole, _ = pnp.whole_and_central(points, sizes, WORLD, "sqpnp")
    for i, size in enumerate(sizes):
        alone = pnp.solve(points[[i]], WORLD, pnp.camera_matrix(*size), pnp.WHOLE, "sqpnp")
        assert whole.tvec[i] == pytest.approx(alone.tvec[0]), "in the frames' own order"


def test_a_longer_focal_length_moves_the_head_away() -> None:
    points, _ = _poses(5, 0)
    near, far = (pnp.whole_and_central(points, np.tile(SIZE, (5, 1)), WORLD, "sqpnp", f)[0] for f in (1, 2))
    assert far.tvec[:, 2] / near.tvec[:, 2] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("solver", pnp.SOLVERS)
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 20), x=st.floats(-2000, 2000), y=st.floats(-2000, 2000))
@settings(max_examples=25, deadline=None)
def test_any_face_gives_a_pose_of_numbers(solver: str, seed: int, noise: float, x: float, y: float) -> None:
    """Also with wild landmarks and outside the image: a finite pose, never a crash or a silent nan."""
    points = _poses(1, noise, seed)[0] + [x, y]
    found = pnp.solve(points, WORLD, pnp.camera_matrix(*SIZE), pnp.WHOLE, solver)
    assert np.isfinite(found.rvec).all() and np.isfinite(found.tvec).all() and np.isfinite(found.residual).all()


@given(frames=st.integers(1, 3), count=st.integers(0, 90).filter(lambda n: n != 68))
@settings(max_examples=25, deadline=None)
def test_another_number_of_points_is_refused(frames: int, count: int) -> None:
    with pytest.raises(DfdError, match=r"\(frames, 68, 2\) is needed"):
        pnp.check_landmarks(np.zeros((frames, count, 2)))


@given(angle=st.floats(0, 2 * np.pi), length=st.floats(1e-3, 1e4), frame=st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_landmarks_on_a_line_are_refused_with_their_frame(angle: float, length: float, frame: int) -> None:
    points, _ = _poses(5, 0)
    points[frame] = np.linspace(0, length, 68)[:, None] * [np.cos(angle), np.sin(angle)] + 100
    with pytest.raises(DfdError, match=f"frame {frame} lie on one line"):
        pnp.check_landmarks(points)


BAD = {
    "shape": (lambda: (np.zeros((1, 5, 2)), "sqpnp"), r"\(1, 5, 2\); \(frames, 68, 2\) is needed"),
    "empty": (lambda: (np.zeros((0, 68, 2)), "sqpnp"), "no frames with landmarks"),
    "nan": (lambda: (np.full((1, 68, 2), np.nan), "sqpnp"), "frame 0 hold values that are not numbers"),
    "infinite": (lambda: (np.full((1, 68, 2), np.inf), "sqpnp"), "frame 0 hold values that are not numbers"),
    "one place": (lambda: (np.full((1, 68, 2), 7.0), "sqpnp"), "frame 0 lie on one line"),
    "solver": (lambda: (_poses(1, 0)[0], "magic"), "no solver 'magic'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_points_are_refused(name: str) -> None:
    make, words = BAD[name]
    points, solver = make()
    with pytest.raises(DfdError, match=words):
        pnp.solve(points, WORLD, pnp.camera_matrix(*SIZE), pnp.WHOLE, solver)


def test_a_camera_of_no_size_is_refused() -> None:
    with pytest.raises(DfdError, match="0 x 300 pixels"):
        pnp.camera_matrix(0, 300)
