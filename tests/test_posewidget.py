"""Landmarks moved by hand: exact readings of a projected head, what the picture shows, what the sliders do."""

from __future__ import annotations

import dataclasses
import io

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from dfdlib.core import paths, studies
from dfdlib.experiments import known_poses
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.plots import pose_figures, pose_widget
from dfdlib.plots.pose_widget import Face, Setting

WORLD = worldmodel.world_model("world_model.csv")
SIDE = 256
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def face() -> Face:
    """A head that is turned by 20 degrees, projected without noise."""
    rotation = Rotation.from_euler("YXZ", [[20, 5, -3]], degrees=True).as_matrix()
    points = known_poses.project_heads(
        WORLD[None], rotation, np.array([[10.0, -5, 290]]), pnp.camera_matrix(SIDE, SIDE)
    )
    return Face(np.full((SIDE, SIDE, 3), 90, np.uint8), points[0], WORLD, "a head (synthetic)")


@pytest.mark.parametrize("solver", pose_widget.SOLVERS)
def test_poses_of_a_rigid_head_agree(face: Face, solver: str) -> None:
    found = pose_widget.reading(face, Setting(), solver)
    rotation = Rotation.from_euler("YXZ", [20, 5, -3], degrees=True).as_matrix()
    for pose in (found.whole, found.central):
        assert pose.rotation[0] == pytest.approx(rotation, abs=1e-3)
        assert pose.tvec[0] == pytest.approx([10, -5, 290], abs=0.1)
    assert found.angle < 0.05 and found.distance == pytest.approx(0, abs=1e-6) and not found.behind
    margin = pose_features.load_svm(pose_features.shipped_svm()).decision_function(np.zeros((1, 12)))[0]
    assert found.p_fake == pytest.approx(1 / (1 + np.exp(-margin)), abs=0.01), "no difference between the poses"


def test_a_hollow_head_lies_behind_the_camera(face: Face) -> None:
    hollow = dataclasses.replace(face, model=worldmodel.mirrored(WORLD))
    behind = {solver: pose_widget.reading(hollow, Setting(), solver).behind for solver in pose_widget.SOLVERS}
    assert behind == {"sqpnp": False, "iterative": True}, "sqpnp looks in front of the camera alone"


def test_a_shift_moves_the_inner_face_alone(face: Face) -> None:
    change = pose_widget.moved(face.points, Setting(right=4, down=-3)) - face.points
    assert np.allclose(change[:17], 0) and np.allclose(change[17:], [4, -3])


def test_noise_is_one_draw_made_larger(face: Face) -> None:
    by_one, by_three, other = (
        pose_widget.moved(face.points, setting) - face.points
        for setting in (Setting(noise=1), Setting(noise=3), Setting(noise=1, draw=1))
    )
    assert np.allclose(by_three, 3 * by_one) and not np.allclose(by_one, other)
    assert by_one.std() == pytest.approx(1, abs=0.2)
    assert (pose_widget.moved(face.points, Setting(draw=5)) == face.points).all(), (
        "without noise a draw changes nothing"
    )


def test_a_shift_turns_the_poses_apart_and_moves_the_score(face: Face) -> None:
    still, little, much = (pose_widget.reading(face, Setting(right=px), "sqpnp") for px in (0, 4, 8))
    assert still.angle < 0.05 < 1 < little.angle < much.angle < 10
    assert still.distance < little.distance < much.distance
    assert abs(still.p_fake - much.p_fake) > 0.005
    down = pose_widget.reading(face, Setting(down=8), "sqpnp").central.direction[0] - still.central.direction[0]
    right = much.central.direction[0] - still.central.direction[0]
    assert abs(right[0]) > 2 * abs(right[1]) and abs(down[1]) > 2 * abs(down[0]), "sideways is yaw, down is pitch"


def test_the_picture_shows_points_numbers_and_both_directions(face: Face) -> None:
    setting = Setting(noise=1, right=3)
    fig = pose_widget.picture(face, setting)
    assert fig.get_suptitle() == face.name
    points = pose_widget.moved(face.points, setting)
    for axis, solver in zip(fig.axes, pose_widget.SOLVERS, strict=True):
        found = pose_widget.reading(face, setting, solver)
        title = axis.get_title()
        assert title.startswith(solver) and f"p_fake {found.p_fake:.2f}" in title and f"{found.angle:.1f}°" in title
        assert "in front of the camera" in title and axis.title.get_color() == "black"
        drawn = {line.get_color(): line.get_xydata() for line in axis.lines if len(line.get_xdata())}
        assert drawn[pose_figures.CENTRAL] == pytest.approx(points[pnp.CENTRAL])
        assert drawn[pose_figures.WHOLE] == pytest.approx(points[:17]), "the contour"
        tips = [np.subtract(text.xy, text.xyann) for text in axis.texts]
        assert len(tips) == 2 and tips[0] @ tips[1] > 0, "arrows of v_a and v_c, much the same way"
    hollow = pose_widget.picture(dataclasses.replace(face, model=worldmodel.mirrored(WORLD)), setting)
    assert ["BEHIND" in axis.get_title() for axis in hollow.axes] == [False, True]
    assert [axis.title.get_color() for axis in hollow.axes] == ["black", pose_widget.BEHIND]


def test_table_and_sentence_hold_the_numbers(face: Face) -> None:
    setting = Setting(right=6)
    table = pose_widget.reading_table(face, setting).set_index("solver")
    for solver in pose_widget.SOLVERS:
        found = pose_widget.reading(face, setting, solver)
        assert table.loc[solver, "p_fake"] == found.p_fake and table.loc[solver, "angle"] == found.angle
        assert f"{solver}: poses {found.angle:.1f}° apart, in front" in pose_widget.sentence(face, setting)
    assert (table["right"] == 6).all()
    assert pose_widget.sentence(face, setting).startswith(face.name)


class Handle:
    """Stands for a displayed picture."""

    def __init__(self) -> None:
        self.shown: list[dict] = []

    def update(self, bundle: dict, raw: bool) -> None:
        assert raw
        self.shown.append(bundle)


def test_a_slider_draws_the_picture_again(face: Face) -> None:
    handle = Handle()
    *sliders, numbers = pose_widget._widget(face, handle).children
    assert [slider.value for slider in sliders] == list(vars(Setting()).values())
    before = numbers.value
    sliders[2].value = 7
    assert numbers.value != before and handle.shown[0]["text/plain"] == pose_widget.sentence(face, Setting(right=7))
    sliders[2].value = 0
    assert numbers.value == before and len(handle.shown) == 2
    assert handle.shown[0]["image/png"] != handle.shown[1]["image/png"]
    assert Image.open(io.BytesIO(handle.shown[0]["image/png"])).size == (800, 540)
    assert not plt.get_fignums(), "no figure stays open, which a notebook would show once more"


def test_without_a_widget_a_picture_and_a_sentence_stay(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = []
    monkeypatch.setattr(pose_widget, "display", lambda bundle, **how: shown.append((bundle, how)) or Handle())
    pose_widget.show(face, pose_widget.picture(face, Setting()))
    (picture, how), (sliders, _) = shown
    assert how["display_id"] and picture["image/png"].startswith(b"\x89PNG") and WIDGET not in picture
    assert picture["text/plain"] == pose_widget.sentence(face, Setting())
    assert WIDGET in sliders and "JupyterLab" in sliders["text/plain"]


def test_the_ranges_are_those_of_the_settings() -> None:
    assert list(pose_widget.SLIDERS) == [field.name for field in dataclasses.fields(Setting)]
    for name, (_, least, greatest, step) in pose_widget.SLIDERS.items():
        assert least <= getattr(Setting(), name) <= greatest and 0 < step < greatest - least


def test_the_notebook_keeps_the_picture_and_no_dead_widget() -> None:
    cells = nbformat.read(paths.notebooks() / "04_head_pose.ipynb", as_version=4).cells
    cell = next(cell for cell in cells if "pose_widget.show" in cell.source)
    assert [sorted(output.get("data", {})) for output in cell.outputs] == [["image/png", "text/plain"]]


def test_sliders_can_be_read_aloud(face: Face) -> None:
    *sliders, numbers = pose_widget._widget(face, Handle()).children
    assert all(slider.description for slider in sliders) and isinstance(numbers, ipywidgets.HTML)
    named = dataclasses.replace(face, name="<b>clip</b>")
    assert "&lt;b&gt;" in pose_widget._widget(named, Handle()).children[-1].value, "a clip's name is text, not HTML"


def test_the_first_flipped_real_frame_is_shown(monkeypatch) -> None:
    study = studies.load("embedded")
    table = pd.DataFrame({"clip_id": list("abcd"), "frame": range(4), "label": [1, 0, 0, 0]})
    points = np.arange(4 * 68 * 2, dtype=np.float32).reshape(4, 68, 2)
    found = FrameSet(table, np.zeros((4, 2, 2, 3), np.uint8), points, np.full((4, 2), SIDE))
    monkeypatch.setattr(pose_widget.frames, "image", lambda study, shot: np.full((2, 2, 3), shot["frame"], np.uint8))
    zeros = np.zeros((4, 3))
    central = pnp.Poses(zeros, zeros + np.array([[-1.0], [1], [-1], [-1]]), np.zeros(4))
    face = pose_widget.first_flip(study, found, central, WORLD)
    assert face.name == "embedded (synthetic): c, frame 2" and face.image.max() == 2
    assert np.array_equal(face.points, points[2]), "the fake before it does not count"
