"""Pose by round trip: project a head with a known pose, solve, compare."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dfdlib import headpose
from dfdlib.errors import DfdError

SIZE = (400, 300)
WORLD = headpose.load_world_model("world_model.csv")


def _poses(count: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (count, 68, 2) of a face about 150 px wide, and its true rotations (count, 3, 3)."""
    rng = np.random.default_rng(seed)
    camera = headpose.camera_matrix(*SIZE)
    distance = SIZE[0] * np.ptp(WORLD[:, 0]) / 150
    limits = np.radians([20, 35, 15])  # pitch, yaw, roll
    rotations, points = [], []
    for _ in range(count):
        angles = rng.uniform(-limits, limits)
        matrix = np.eye(3)
        for axis, angle in zip(np.eye(3), angles, strict=True):
            matrix = cv2.Rodrigues(axis * angle)[0] @ matrix
        projected = headpose.project(WORLD, cv2.Rodrigues(matrix)[0], np.array([5.0, -8.0, distance]), camera)
        rotations.append(matrix)
        points.append(projected + rng.normal(0, noise, (68, 2)))
    return np.array(points), np.array(rotations)


@pytest.mark.parametrize("solver", headpose.SOLVERS)
def test_without_noise_the_pose_comes_back(solver: str) -> None:
    points, truth = _poses(20, 0)
    for which in (headpose.WHOLE, headpose.CENTRAL):
        found = headpose.solve(points, WORLD, headpose.camera_matrix(*SIZE), which, solver)
        # EPnP alone is not refined to the last digit.
        assert headpose.angle_between(found.rotation, truth).max() < (0.05 if solver == "epnp" else 0.01)
        assert (found.tvec[:, 2] > 0).all()
        assert found.residual.max() < 0.05


def test_one_pixel_of_noise_costs_about_a_degree() -> None:
    points, truth = _poses(300, 1)
    whole, central = headpose.whole_and_central(points, np.tile(SIZE, (300, 1)), WORLD, "sqpnp")
    assert np.median(headpose.angle_between(whole.rotation, truth)) <= 0.5
    # The 21 central points lie nearly in a plane, so noise moves them twice as far.
    assert np.median(headpose.angle_between(central.rotation, truth)) <= 1.2
    assert not headpose.behind_camera(whole).any() and not headpose.behind_camera(central).any()


def test_a_mirrored_model_fits_and_is_wrong() -> None:
    points, truth = _poses(20, 0)
    found = headpose.solve(points, headpose.mirrored(WORLD), headpose.camera_matrix(*SIZE), headpose.WHOLE, "iterative")
    flipped = headpose.behind_camera(found)
    assert flipped.any() and found.residual[flipped].max() < 0.5, "a perfect fit, behind the camera"
    assert headpose.angle_between(found.rotation, truth)[flipped].min() > 90


def test_the_papers_landmark_numbers() -> None:
    assert (headpose.CENTRAL + 1).tolist() == [*range(18, 37), 49, 55] and len(headpose.CENTRAL) == 21
    assert (headpose.WHOLE + 1).tolist() == [*range(1, 37), 49, 55] and len(headpose.WHOLE) == 38


def test_the_direction_is_the_third_row_of_the_rotation() -> None:
    turned = headpose.Poses(np.array([[0, np.pi / 2, 0]]), np.zeros((1, 3)), np.zeros(1))
    # R is a quarter turn about y, so R^T [0, 0, 1] = [-1, 0, 0].
    assert turned.direction[0] == pytest.approx([-1, 0, 0], abs=1e-12)


def test_features_are_zero_where_the_poses_agree() -> None:
    one = headpose.Poses(np.array([[0.1, 0.2, 0.3]]), np.array([[1.0, 2, 500]]), np.zeros(1))
    other = headpose.Poses(np.array([[0.1, 0.3, 0.3]]), np.array([[1.0, 4, 500]]), np.zeros(1))
    assert headpose.yang_features(one, one).tolist() == [[0.0] * 12]
    assert headpose.yang_features(one, other)[0, 9:].tolist() == [0, -2, 0]
    assert headpose.paper_features(one, other).shape == (1, 6)
    assert headpose.cosine_distance(one, one)[0] == pytest.approx(0, abs=1e-12)


def test_the_verdict_of_p_fake_is_the_svms() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(0, 1, (80, 4)), np.tile([0, 1], 40)
    classifier = headpose.yang_classifier().fit(features + labels[:, None], labels)
    scores = headpose.p_fake(classifier, features)
    assert ((scores >= 0.5) == classifier.predict(features)).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_the_world_model_is_a_head() -> None:
    assert WORLD.shape == (68, 3)
    eyes = np.linalg.norm(WORLD[36:42].mean(0) - WORLD[42:48].mean(0))
    assert 50 < eyes < 75, "distance of the eyes' centres in mm"
    assert WORLD[8, 1] > WORLD[27, 1], "y down: the chin below the root of the nose"
    assert WORLD[36, 0] < WORLD[45, 0], "x right in the image"
    assert WORLD[30, 2] < WORLD[[0, 16], 2].min(), "z away from the camera: the nose's tip in front of the jaw"


BAD = {
    "shape": (lambda: (np.zeros((1, 5, 2)), "sqpnp"), r"\(1, 5, 2\); \(frames, 68, 2\) is needed"),
    "nan": (lambda: (np.full((1, 68, 2), np.nan), "sqpnp"), "not numbers"),
    "solver": (lambda: (_poses(1, 0)[0], "magic"), "no solver 'magic'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_points_are_refused(name: str) -> None:
    make, words = BAD[name]
    points, solver = make()
    with pytest.raises(DfdError, match=words):
        headpose.solve(points, WORLD, headpose.camera_matrix(*SIZE), headpose.WHOLE, solver)


def test_bad_cameras_and_models_are_refused(tmp_path) -> None:
    with pytest.raises(DfdError, match="0 x 300 pixels"):
        headpose.camera_matrix(0, 300)
    with pytest.raises(DfdError, match="no world model 'nowhere.csv'"):
        headpose.load_world_model("nowhere.csv")
    bad = {"short.csv": "x,y,z\n1,2,3\n", "other.csv": "a,b\n1,2\n", "empty.csv": "", "words.txt": "hello"}
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DfdError, match=f"{name} .*68 rows"):
            headpose.load_world_model(str(tmp_path / name))


def test_a_list_of_204_numbers_is_read_axis_by_axis(tmp_path) -> None:
    np.savetxt(tmp_path / "model.txt", WORLD.T.reshape(1, -1))
    assert np.array_equal(headpose.load_world_model(str(tmp_path / "model.txt")), WORLD)
