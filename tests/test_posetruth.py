"""Known poses: the bars of accuracy, and every classic mistake caught by a check."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dfdlib.core import studies
from dfdlib.data import truth
from dfdlib.experiments import known_poses
from dfdlib.faces import frames
from dfdlib.headpose import pnp, worldmodel

WORLD = worldmodel.world_model("world_model.csv")


def test_a_simulated_face_is_150_pixels_wide() -> None:
    tvec = known_poses.place(np.eye(3)[None], WORLD, seed=0)
    seen = known_poses.project_heads(WORLD[None], np.eye(3)[None], tvec, known_poses.RIGHT)[0]
    assert np.linalg.norm(seen[0] - seen[16]) == pytest.approx(known_poses.FACE_WIDTH, rel=0.01)


def test_projection_agrees_with_opencv() -> None:
    known = known_poses.simulated(WORLD, 5, 0.0, seed=2)
    for points, rotation, tvec in zip(known.points, known.rotation, known.tvec, strict=True):
        rvec = cv2.Rodrigues(rotation)[0]
        assert pnp.project(WORLD, rvec, tvec, known_poses.RIGHT) == pytest.approx(points, abs=1e-6)


def test_turns_stay_inside_their_limits() -> None:
    rotation = known_poses.turns(4000, seed=3)
    yaw = np.degrees(np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]))
    pitch = np.degrees(np.arcsin(-rotation[:, 1, 2]))
    assert 34 < np.abs(yaw).max() <= 35.001 and 19 < np.abs(pitch).max() <= 20.001


def test_one_pixel_costs_half_a_degree_and_the_centre_a_degree() -> None:
    table = known_poses.compare_solvers(WORLD, 1000, (1.0,), seed=4).set_index(["solver", "part"])
    for solver in ("sqpnp", "sqpnp, refined", "iterative, frontal guess"):
        assert table.loc[(solver, "whole"), "median_deg"] <= 0.5, solver
        assert table.loc[(solver, "central"), "median_deg"] <= 1.0, solver
        assert table.loc[solver, "flipped"].max() == 0, solver


def test_no_flip_in_ten_thousand_noisy_frames() -> None:
    known = known_poses.simulated(WORLD, 10_000, 3.0, seed=5)
    for which in known_poses.PARTS.values():
        found = pnp.solve(known.points, WORLD, known_poses.RIGHT, which, "sqpnp")
        assert not known_poses.flipped(found, pnp.angle_between(found.rotation, known.rotation)).any()


def test_a_flip_is_seen_behind_and_turned() -> None:
    found = pnp.Poses(np.zeros((3, 3)), np.array([[0, 0, 5.0], [0, 0, -5], [0, 0, 5]]), np.zeros(3))
    assert known_poses.flipped(found, np.array([3.0, 3, 170])).tolist() == [False, True, True]


@pytest.mark.parametrize("solver", ["iterative", "sqpnp"])
@pytest.mark.parametrize("name", known_poses.SETUPS)
def test_every_wrong_setup_shows_a_sign_and_the_right_one_none(name: str, solver: str) -> None:
    model, camera = known_poses.SETUPS[name](WORLD)
    found = known_poses.signs(known_poses.symptoms(model, camera, WORLD, solver))
    assert bool(found) == (name != "right"), found


def test_another_persons_head_is_not_called_wrong() -> None:
    """The true heads of the embedded people, each solved with the study's model."""
    clips = {clip.person: clip.clip_id for clip in frames.clips(studies.load("embedded"))}
    for clip_id in list(clips.values())[:10]:
        symptoms = known_poses.symptoms(WORLD, known_poses.RIGHT, truth.head(clip_id), "sqpnp")
        assert known_poses.signs(symptoms) == [], (clip_id, symptoms)


def test_reprojection_error_alone_certifies_nothing() -> None:
    right = known_poses.symptoms(WORLD, known_poses.RIGHT, WORLD)
    mirrored = known_poses.symptoms(worldmodel.mirrored(WORLD), known_poses.RIGHT, WORLD)
    assert mirrored["residual_percent"] == pytest.approx(right["residual_percent"], rel=0.05)
    assert mirrored["behind_camera"] == 1 and mirrored["angle_deg"] > 170


def test_rendered_poses_are_found_near_the_front() -> None:
    study = studies.load("smoke")
    table = known_poses.rendered(frames.of_study(study), WORLD, "sqpnp")
    front = table[table["yaw"].abs() < 10]
    assert len(front) > 5 and front["whole"].median() < 8 and front["central"].median() < 10


def test_every_frame_of_a_clip_is_solved_by_the_default_solver_and_the_studys() -> None:
    study = studies.load("smoke")
    table = known_poses.over_time(study, "p00_real", WORLD)
    assert table.groupby("solver")["frame"].agg(list).to_dict() == dict.fromkeys(("iterative", "sqpnp"), [*range(16)])
    ours = table[table["solver"] == "sqpnp"]
    assert not ours["behind"].any() and (ours["apart"] < 30).all()
    assert (ours["whole"] - ours["rendered"]).abs().median() < 10
    assert known_poses.yaw(cv2.Rodrigues(np.array([0, 0.5, 0]))[0][None]) == pytest.approx(np.degrees(0.5))
