"""Figures by their content: what is drawn, in which place, under which name."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dfdlib.core import paths
from dfdlib.core.studies import Study
from dfdlib.experiments import pose_factorial
from dfdlib.headpose import pnp
from dfdlib.plots import (
    canvas,
    image_figures,
    pose_figures,
    pose_scores,
    score_figures,
    superres_figures,
)
from dfdlib.superres import networks


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_FIGURES", str(tmp_path))
    yield
    plt.close("all")


def _legend(fig: Figure, axis: int = 0) -> list[str]:
    return [text.get_text() for text in fig.axes[axis].get_legend().get_texts()]


def _lines(fig: Figure, axis: int = 0) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in fig.axes[axis].lines}


def _pictures(count: int, side: int = 8) -> list[np.ndarray]:
    return [np.full((side, side, 3), 20 * i, np.uint8) for i in range(1, count + 1)]


def test_real_above_fake() -> None:
    fig = image_figures.real_and_fake(_pictures(2), _pictures(4)[2:], ["anna", "bela"])
    shown = {axis.get_title(): int(axis.images[0].get_array()[0, 0, 0]) for axis in fig.axes}
    assert shown == {"anna real": 20, "bela real": 40, "anna fake": 60, "bela fake": 80}
    assert [axis.get_subplotspec().rowspan.start for axis in fig.axes] == [0, 0, 1, 1]


def test_a_frame_shows_the_detectors_box_its_square_and_its_crop() -> None:
    box, square = np.array([8, 12, 20, 24]), np.array([5, 10, 25, 30])
    frames, crops = _pictures(2, 50), _pictures(1, 20)
    fig = image_figures.tracked(frames, ["anna, frame 0", "bela, frame 3"], [box, None], [square], crops)
    drawn = [(min(line.get_xdata()), max(line.get_ydata())) for line in fig.axes[0].lines]
    assert drawn == [(8, 24), (5, 30)] and not fig.axes[1].lines
    assert fig.axes[1].get_title() == "bela, frame 3:\nno face found"
    assert fig.axes[2].images[0].get_array().shape == (20, 20, 3) and not fig.axes[3].images


def test_sizes_are_named_width_first() -> None:
    large, small = np.zeros((20, 12, 3), np.uint8), np.zeros((10, 6, 3), np.uint8)
    fig = image_figures.downsampled([large], [small], 2)
    assert [axis.get_title() for axis in fig.axes] == ["12 x 20 px", "its square", "at 6 x 10 px"]


def test_the_square_is_where_the_lines_are_and_shows_the_same_at_both_sizes() -> None:
    large = np.zeros((218, 178, 3), np.uint8)
    large[100:116:4, 90:110] = 255
    (rows, columns), small = image_figures.detailed(large), large[::2, ::2]
    assert rows.start <= 100 and rows.stop >= 114 and columns.start <= 90 and columns.stop >= 110
    fig = image_figures.downsampled([large], [small], 2)
    square, shrunk = (np.asarray(axis.images[0].get_array()) for axis in fig.axes[1:])
    assert (square[::2, ::2] == shrunk).all() and square.max() == 255


def test_the_diagram_has_every_layer_with_its_weights() -> None:
    model = networks.FSRCNN(2, m=2)
    table = superres_figures.layer_table(model)
    assert table["weights"].sum() == networks.count_weights(model) and table["channels in"].tolist()[0] == 1
    written = [text.get_text() for text in superres_figures.layers(model).axes[0].texts]
    assert sum("mapping" in text for text in written) == 2 and any(text.endswith("4,536") for text in written)


def test_differences_are_taken_image_by_image() -> None:
    rows = [("FSRCNN", "a", 31.0), ("FSRCNN", "b", 42.0), ("bicubic", "a", 30.0), ("bicubic", "b", 40.0)]
    fig = superres_figures.paired(pd.DataFrame(rows, columns=["way", "person", "psnr"]))
    assert _legend(fig, 1) == ["mean +1.50 dB"]
    counts = [patch.get_height() for patch in fig.axes[1].patches]
    assert (counts[0], counts[-1], sum(counts)) == (1, 1, 2), "one image gains 1 dB, the other 2 dB"


def test_a_learning_curve_is_in_decibels_above_bicubic() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "test_mse": [65.025, 6.5025], "bicubic_mse": 650.25})
    fig = superres_figures.learning_curve({"stills": history, "CelebA": history[:1]})
    lines = _lines(fig)
    assert lines["FSRCNN, stills"] == pytest.approx([10, 20]) and lines["FSRCNN, CelebA"] == pytest.approx([10])
    assert _legend(fig) == ["FSRCNN, stills", "FSRCNN, CelebA", "bicubic"]
    assert lines["bicubic"] == [0, 0] and "dB" in fig.axes[0].get_ylabel()


def test_a_perfect_branch_reaches_the_corner() -> None:
    perfect = pd.DataFrame({"label": [0, 0, 1, 1], "p_fake": [0.1, 0.2, 0.8, 0.9]})
    perfect = perfect.assign(person=["a", "a", "b", "b"])
    branches = {"ResNet": perfect, "head pose": perfect.assign(p_fake=0.5)}
    fig = score_figures.roc({"UADFV": branches, "this study": branches})
    line = fig.axes[0].lines[0]
    assert (0, 1) in set(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert _lines(fig)["head pose: AUC 0.500"] == [0, 1] and _legend(fig)[0] == "ResNet: AUC 1.000"
    assert [axis.get_title() for axis in fig.axes] == ["UADFV, 2 people", "this study, 2 people"]


def test_intervals_stand_beside_their_names_below_their_groups() -> None:
    rows = pd.DataFrame({"group": ["G", "G", "H"], "name": ["a", "b", "c"], "value": [0.9, 0.6, 0.7]})
    rows = rows.assign(low=[0.8, 0.5, 0.6], high=[0.95, 0.8, 0.75])
    axis = score_figures.intervals(rows, "accuracy").axes[0]
    labels = axis.get_yticklabels()
    assert [t.get_text() for t in labels] == ["G", "a", "b", "H", "c"]
    assert [t.get_text() for t in labels if t.get_weight() == "bold"] == ["G", "H"]
    places = dict(zip([t.get_text() for t in labels], axis.get_yticks(), strict=True))
    for row, bars in zip(rows.itertuples(), axis.containers, strict=True):
        bar = bars.lines[2][0].get_segments()[0]
        assert bar[:, 0] == pytest.approx([row.low, row.high]) and set(bar[:, 1]) == {places[row.name]}
    assert places["G"] > places["a"] > places["b"] > places["H"] > places["c"]


def test_a_forest_with_two_data_sets_has_a_mark_for_each() -> None:
    row = {"name": "a", "kind": "accuracy", "value": 0.6, "low": 0.5, "high": 0.7, "paper": np.nan, "data": "mine"}
    rows = pd.DataFrame([row, row | {"value": 0.9, "low": 0.8, "high": 0.95, "paper": 0.949, "data": "UADFV"}])
    axis = score_figures.forest(rows).axes[0]
    mine, uadfv = (bars.lines[0] for bars in axis.containers)
    assert mine.get_xdata() == pytest.approx([60]) and uadfv.get_xdata() == pytest.approx([90])
    assert mine.get_ydata()[0] > uadfv.get_ydata()[0] and mine.get_color() != uadfv.get_color()
    assert [t.get_text() for t in axis.get_yticklabels()] == ["a"]
    assert _lines(axis.figure)["the paper"] == uadfv.get_ydata()


def test_histograms_of_scores_have_a_panel_a_table_and_bands_over_people() -> None:
    table = pd.DataFrame({"label": [0, 0, 1, 1], "p_fake": [0.05, 0.15, 0.95, 1.0], "person": ["x", "y", "x", "y"]})
    fig = score_figures.score_histograms({"one": table, "two": table}, 200)
    assert [axis.get_title() for axis in fig.axes] == ["one", "two"]
    assert _legend(fig) == ["real, 2 frames", "fake, 2 frames"]
    band, real, _, fake = fig.axes[0].patches
    assert real.get_data().values[:2] == pytest.approx([0.5, 0.5]) and fake.get_data().values[9] == 1
    assert band.get_data().values[0] == 1 and band.get_data().baseline[0] == 0, "a draw of one person twice"


def test_each_person_has_a_mark_for_each_branch() -> None:
    accuracy = pd.DataFrame({"ResNet": [50.0, 100], "pose": [75.0, 60]}, index=["person03", "person11"])
    fig = score_figures.by_person(accuracy)
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["11", "03"]
    assert _lines(fig)["ResNet"] == [100, 50] and _lines(fig)["pose"] == [60, 75]


def test_mistakes_are_shown_by_kind() -> None:
    one, two, three = _pictures(3)
    fig = image_figures.mistakes({"missed": [(one, "p 0.1"), (two, "p 0.2")], "false": [(three, "p 0.9")], "no": []})
    titles = [axis.get_title() for axis in fig.axes]
    assert titles == ["p 0.1", "p 0.2", "p 0.9", "", "", ""]
    assert [len(axis.images) for axis in fig.axes] == [1, 1, 1, 0, 0, 0]


def test_poses_are_drawn_from_the_projected_origin() -> None:
    camera = pnp.camera_matrix(100, 80)
    frontal = pnp.Poses(np.zeros((1, 3)), np.array([[0.0, 0, 500]]), np.zeros(1))
    turned = pnp.Poses(np.array([[0, 0.5, 0]]), np.array([[20.0, 0, 500]]), np.zeros(1))
    both = pnp.join(frontal, turned)
    shown = {"right": both, "mirrored": both}
    fig = pose_figures.poses(np.zeros((80, 100, 3), np.uint8), shown, camera, frontal)
    assert [axis.get_title() for axis in fig.axes] == ["right", "mirrored"]
    assert _legend(fig) == ["whole face, $v_a$", "central points, $v_c$", "true pose"]
    whole, central, true = fig.axes[0].texts
    assert true.xy == whole.xy
    plate = fig.axes[0].lines[0]
    assert plate.get_color() == pose_figures.WHOLE
    assert plate.get_xydata()[0] == pytest.approx((50 - 100 * 60 / 500, 40 - 100 * 45 / 500)), "60 mm left, 45 mm up"
    assert whole.xyann == pytest.approx((50, 40)) and whole.xy == pytest.approx((50, 40)), "towards the viewer"
    # x = 50 + 100 * 20 / 500; a head turned about y by 0.5 rad points along -z, which moves to -sin(0.5) in x.
    assert central.xyann == pytest.approx((54, 40))
    tip = 50 + 100 * (20 - 90 * np.sin(0.5)) / (500 - 90 * np.cos(0.5))
    assert central.xy == pytest.approx((tip, 40))
    table = pose_figures.pose_table({"right": (frontal, turned)})
    assert table["points"].tolist() == ["whole", "central"] and table["t_x"].tolist() == [0, 20]


def test_only_embedded_data_are_marked_synthetic() -> None:
    numbers = pd.DataFrame({"x": [0.123456]})
    for dataset, marks in (("embedded", 1), ("folder", 0)):
        fig = image_figures.enlarged({"one": _pictures(1)[0]})
        canvas.save_figure(fig, Study("x", dataset), dataset, numbers)
        assert len(fig.texts) == marks
        assert (paths.figures("x") / f"{dataset}.csv").read_text() == "x\n0.1235\n"
        assert (paths.figures("x") / f"{dataset}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_landmarks_are_numbered_from_one_in_the_table_too() -> None:
    points = np.arange(136.0).reshape(68, 2)
    table = image_figures.point_table(points)
    assert table["number"].tolist() == list(range(1, 69)) and table.loc[0, ["x", "y"]].tolist() == [0, 1]


def _drawn() -> Figure:
    fig, axis = canvas.single(5.5, 3.6)
    axis.plot([0, 1], [0.2, 0.7], label="a line")
    axis.legend()
    return fig


def test_a_picture_for_print_is_the_same_twice_and_keeps_its_parts() -> None:
    numbers, texts = pd.DataFrame({"a": [1]}), []
    for name in ("one", "two"):
        fig = _drawn()
        canvas.save_figure(fig, Study("embedded"), name, numbers)
        texts.append((paths.figures("embedded") / f"{name}.svg").read_text())
    used = set(re.findall(r'(?:url\(|href=")#(\w+)', texts[0]))
    assert texts[0] == texts[1] and used <= set(re.findall(r'id="(\w+)"', texts[0])) and "part1" in used


def test_a_picture_is_matplotlibs_own_and_the_figure_is_left_as_it_was(tmp_path) -> None:
    fig = _drawn()
    engine, size, dpi = fig.get_layout_engine(), tuple(fig.get_size_inches()), fig.dpi
    canvas.save_figure(fig, Study("embedded"), "ours", pd.DataFrame(), "", tmp_path)
    assert (fig.get_layout_engine(), tuple(fig.get_size_inches()), fig.dpi) == (engine, size, dpi)
    with plt.rc_context(canvas.STYLE):
        fig.savefig(tmp_path / "theirs.png", metadata={"Software": None})
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()


def test_a_picture_says_what_its_numbers_come_from() -> None:
    numbers = pd.DataFrame({"a": [1]})
    for data, words in ((None, "synthetic data: rendered faces"), ("real data: UADFV", "real data: UADFV")):
        fig = _drawn()
        canvas.save_figure(fig, Study("embedded"), "fig", numbers, data)
        assert [text.get_text() for text in fig.texts] == [words]
    fig = _drawn()
    canvas.save_figure(fig, Study("uadfv", dataset="uadfv"), "fig", numbers)
    canvas.save_figure(fig, Study("embedded"), "fig", numbers, data="")
    assert not fig.texts, "a diagram shows no data"


def test_an_error_is_drawn_over_its_yaw() -> None:
    table = pd.DataFrame({"yaw": [-1.0, 1, 9, 11], "whole": [2.0, 4, 10, 12], "central": [1.0, 1, 5, 5]})
    lines = _lines(pose_figures.error_by_yaw(table))
    assert lines["whole face, median and quartiles"] == [3, 11]
    assert lines["central points, median and quartiles"] == [1, 5]


@pytest.fixture
def cells() -> pd.DataFrame:
    """A small experiment whose combinations include the paper's recipe and that of Yang et al."""
    levels = {factor: [pose_scores.RECIPE[factor], pose_scores.YANG[factor]] for factor in pose_factorial.FACTORS[:3]}
    levels["model"] = ["own", "own, mirrored"]
    found = pd.MultiIndex.from_product(levels.values(), names=list(levels)).to_frame(index=False)
    found = found.assign(frame_acc=np.linspace(0.4, 0.8, len(found)), called_fake=0.5)
    return found.assign(frame_acc_low=found["frame_acc"] - 0.1, frame_acc_high=found["frame_acc"] + 0.1)


def test_the_experiment_has_a_panel_a_factor_and_a_dot_a_cell(cells: pd.DataFrame) -> None:
    fig = pose_scores.factorial({"UADFV": cells, "embedded": cells}, "frame_acc", "accuracy", paper=0.501)
    assert [axis.get_ylabel() for axis in fig.axes[::2]] == ["feature", "SVM", "solver", "world model"]
    assert [axis.get_title() for axis in fig.axes[:2]] == ["UADFV", "embedded"]
    dots = [len(line.get_xdata()) for line in fig.axes[0].lines if line.get_marker() == "."]
    assert dots == [8, 8] and fig.axes[0].lines[-1].get_xdata()[0] == 0.501
    rings = [line for line in fig.axes[0].lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in rings] == [0.4], "the paper's recipe is the first combination"


def test_highlights_are_named_combinations_with_their_intervals(cells: pd.DataFrame) -> None:
    found = pose_scores.highlights(cells).set_index("name")
    assert found.loc["the paper's recipe", ["value", "low", "high"]].tolist() == pytest.approx([0.4, 0.3, 0.5])
    assert found.loc["Yang et al., mirrored model", "value"] == found.loc["highest of all", "value"] == 0.8
    assert "Yang et al., model from real faces" not in found.index, "a combination that was not run has no row"


def test_distances_are_shares_with_medians_and_the_last_bin_has_what_lies_beyond() -> None:
    one = pd.DataFrame({"label": [0, 1, 1], "cosine_distance": [0.01, 0.03, 7]})
    fig = pose_scores.cosine_distances({"first": one, "UADFV": one[:2]})
    above, below = fig.axes
    heights = {patch.get_label(): patch.get_xy()[:, 1].max() for patch in above.patches}
    assert heights == pytest.approx({"real, 1 frames": 1, "fake, 2 frames": 0.5})
    medians = [line.get_xdata()[0] for line in below.lines if line.get_linestyle() == "--"]
    assert medians == [0.01, 0.03] and below.get_title() == "UADFV"


def test_scores_of_two_studies_stand_in_one_row() -> None:
    rows = [("embedded (synthetic)", "shape", 0.5), ("UADFV", "shape", 0.9), ("UADFV", "contour", 0.8)]
    table = pd.DataFrame(rows, columns=["group", "name", "value"])
    fig = pose_scores.by_feature(table.assign(low=table["value"] - 0.1, high=table["value"] + 0.1), "AUC")
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["shape", "shape of the contour"]
    assert _legend(fig) == ["chance", "embedded (synthetic), 95 %", "UADFV, 95 %"]


def test_accuracies_beside_the_papers_are_in_its_unit() -> None:
    table = pd.DataFrame({"group": ["UADFV"], "name": ["shape"], "value": [0.6], "low": [0.5], "high": [0.7]})
    for line, half in ((0.501, "50"), (0.5, "0.5")):
        axis = pose_scores.by_feature(table, "", line).axes[0]
        axis.set_xticks([0.5])
        assert [label.get_text() for label in axis.get_xticklabels()] == [half]


def test_a_setup_of_one_verdict_is_named_by_what_it_has() -> None:
    rows = [("constant predictor", np.nan, np.nan, np.nan, 0.5), ("r and t", "1 / features", "8% off", 1.0, 0.499)]
    table = pd.DataFrame(rows, columns=["feature", "gamma", "placed", "train_acc", "test_acc"])
    fig = pose_figures.one_verdict(table.assign(test_acc_low=0.45, test_acc_high=0.55, called_fake=[0.0, 0.996]), 0.501)
    assert [text.get_text() for text in fig.axes[0].texts] == ["100", "0", "called fake,\nper cent"]
    names = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert names == ["r and t; gamma 1/features; points 8 % off", "constant predictor (one verdict for all)"]
    assert "the paper: 50.1 %" in _legend(fig)


def test_a_flip_is_shaded_in_its_solvers_column() -> None:
    rows = {"frame": [0, 1] * 2, "solver": ["iterative"] * 2 + ["sqpnp"] * 2, "behind": [False, True, False, False]}
    table = pd.DataFrame(rows).assign(whole=1.0, central=[2.0, 30.0, 2.0, 2.0], apart=[1.0, 178.0, 1.0, 1.0])
    fig = pose_figures.over_time(table)
    assert [len(axis.patches) for axis in fig.axes] == [1, 0, 1, 0]
    assert fig.axes[2].lines[0].get_ydata().tolist() == [1.0, 178.0]
    assert _legend(fig, 1) == ["whole face", "central points"]
    assert _legend(pose_figures.over_time(table.assign(rendered=0.0)), 1)[0] == "true (rendered)"


def test_error_maps_stand_below_their_image() -> None:
    small, large = _pictures(2)
    fig = image_figures.enlarged({"low": small, "bicubic": large}, {"bicubic": np.full((8, 8), -7.0)})
    titles = [axis.get_title() for axis in fig.axes]
    assert titles[:2] == ["low", "bicubic"] and titles[4] == "" and "error" in titles[5]
    assert (fig.axes[5].images[0].get_array() == 7).all() and not fig.axes[4].images


def test_the_shelf_shows_what_was_published_beside_ours() -> None:
    rows = [("bicubic", 2, np.nan, np.nan, 33.6, 33.66), ("fsrcnn", 2, 12464, 6232, 36.9, 36.94)]
    rows += [("fsrcnn", 3, 12464, 2770, 33.0, 33.06)]
    rows += [(name, 2, 4000 + i, 2000 + i, 36.0, np.nan) for i, name in enumerate(("fsrcnn_s", "espcn", "srcnn"))]
    table = pd.DataFrame(rows, columns=["network", "scale", "weights", "operations", "psnr", "published"])
    fig = superres_figures.shelf(table)
    assert _legend(fig)[0] == "FSRCNN, 12,464 weights" and _legend(fig)[-1] == "bicubic"
    heights = [float(line.get_ydata()[0]) for line in fig.axes[0].lines if len(line.get_ydata())]
    assert heights == [36.9, 36.94, 36.0, 36.0, 36.0, 33.6]


def test_gains_of_faces_are_drawn_at_their_place() -> None:
    rows = [
        (way, measure, gain, gain - 1, gain + 1, 2)
        for measure in superres_figures.PANELS
        for way, gain in (("nearest", -5), ("bicubic", 0), ("Lanczos", 0.5), ("FSRCNN, T91", 3))
    ]
    table = pd.DataFrame(rows, columns=["way", "measure", "gain", "low", "high", "scale"]).assign(images=9)
    fig = superres_figures.face_gains({"embedded (synthetic)": table, "CelebA": table.assign(images=[8, *[9] * 11])})
    assert [fig.axes[i].get_ylabel() for i in (0, 3)] == ["embedded (synthetic)\n9 images", "CelebA\n8 to 9 images"]
    assert [text.get_text() for text in fig.axes[0].get_yticklabels()] == ["Lanczos", "FSRCNN, T91"]
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["x2", "x3", "x4"]
    assert fig.axes[0].containers[0].lines[0].get_xdata().tolist() == [0.5, 3]
    assert fig.axes[1].containers[0].lines[0].get_xdata().tolist() == [-0.5, -3], "a smaller error is to the right"
