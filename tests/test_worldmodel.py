"""World models: read, judged by themselves, and estimated from landmarks of a head that is known."""

from __future__ import annotations

import numpy as np
import pytest

from dfdlib.core.errors import DfdError
from dfdlib.experiments import known_poses
from dfdlib.headpose import pnp, worldmodel

WORLD = worldmodel.world_model("world_model.csv")


def test_the_world_model_is_a_head() -> None:
    assert WORLD.shape == (68, 3)
    eyes = np.linalg.norm(WORLD[36:42].mean(0) - WORLD[42:48].mean(0))
    assert 50 < eyes < 75, "distance of the eyes' centres in mm"
    assert worldmodel.faults(WORLD) == []


def test_mirror_partners_are_partners() -> None:
    assert (worldmodel.MIRROR[worldmodel.MIRROR] == np.arange(68)).all()
    assert WORLD[worldmodel.MIRROR] * [-1, 1, 1] == pytest.approx(WORLD, abs=0.01), "the model is symmetric"


FAULTS = {
    "x mirrored": WORLD * [-1, 1, 1],
    "y up": WORLD * [1, -1, 1],
    "z mirrored": worldmodel.mirrored(WORLD),
    "numbered wrongly": np.roll(WORLD, 1, axis=0),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_model_shows_its_fault(name: str) -> None:
    found = worldmodel.faults(FAULTS[name])
    assert len(found) == 1 and name in found[0]


def test_a_little_error_of_placement_is_no_fault() -> None:
    assert worldmodel.faults(worldmodel.hand_placed(WORLD, 0.01, 0)) == []


def test_placement_errors_are_as_large_as_asked() -> None:
    off = worldmodel.hand_placed(WORLD, 0.08, 3) - WORLD
    assert off.std() == pytest.approx(0.08 * np.ptp(WORLD[:, 0]), rel=0.15)
    assert np.array_equal(worldmodel.hand_placed(WORLD, 0.08, 3), worldmodel.hand_placed(WORLD, 0.08, 3))


def test_a_head_comes_back_from_its_landmarks() -> None:
    """Another head than the one that fixes orientation and size: deeper by half, with a longer face."""
    head = WORLD * [1, 1.1, 1.5]
    rotation = known_poses.turns(400, seed=1)
    far = known_poses.place(rotation, head, seed=1) * [1, 1, 10]
    points = known_poses.project_heads(head[None], rotation, far, pnp.camera_matrix(640, 480, focal=10))
    noise = np.random.default_rng(0).normal(0, 1, points.shape)
    found = worldmodel.from_landmarks(points + noise, WORLD)
    scale = np.ptp(head[:, 0]) / np.ptp(found[:, 0])
    a, b = (found - found.mean(0)) * scale, head - head.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    assert np.linalg.det(u @ vt) > 0, "not mirrored"
    error = np.linalg.norm(a @ u @ vt - b, axis=1).mean() / np.ptp(head[:, 0])
    assert error < 0.015, "a percent of the width, most of it perspective"
    assert worldmodel.faults(found) == []


def test_different_people_and_few_frames_still_give_a_head() -> None:
    """Twelve noisy frames of three people, as in the smoke study: rough, but a head of a head's depth."""
    rng = np.random.default_rng(5)
    people = [WORLD * rng.normal(1, 0.05, 3) for _ in range(3)]
    points = np.concatenate([known_poses.simulated(head, 4, 2.0, seed=i).points for i, head in enumerate(people)])
    found = worldmodel.from_landmarks(points, WORLD)
    assert worldmodel.faults(found) == [] and 0.5 < np.ptp(found[:, 2]) / np.ptp(WORLD[:, 2]) < 2


def test_bad_models_are_refused(tmp_path) -> None:
    with pytest.raises(DfdError, match="no world model 'nowhere.csv'"):
        worldmodel.world_model("nowhere.csv")
    bad = {"short.csv": "x,y,z\n1,2,3\n", "other.csv": "a,b\n1,2\n", "empty.csv": "", "words.txt": "hello"}
    for name, text in bad.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DfdError, match=f"{name} .*68 rows"):
            worldmodel.world_model(str(tmp_path / name))


def test_a_list_of_204_numbers_is_read_axis_by_axis(tmp_path) -> None:
    np.savetxt(tmp_path / "model.txt", WORLD.T.reshape(1, -1))
    assert np.array_equal(worldmodel.world_model(str(tmp_path / "model.txt")), WORLD)


def test_both_sets_of_points_use_the_same_head() -> None:
    assert set(pnp.CENTRAL) < set(pnp.WHOLE) <= set(range(len(WORLD)))
