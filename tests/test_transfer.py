"""Other data than a study trained on: what is measured, and what a picture of it shows."""

from __future__ import annotations

import shutil

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import cache, studies
from dfdlib.core.errors import DfdError
from dfdlib.experiments import transfer
from dfdlib.faces import frames
from dfdlib.headpose import pose_features, worldmodel
from dfdlib.plots import canvas, transfer_figures
from tests import media

WORLD = worldmodel.world_model("world_model.csv")


def _scores(people: int, labels: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    rows = [(f"{p}-{label}", 0, label, f"p{p}", f"p{p}", "test") for p in range(people) for label in labels]
    table = pd.DataFrame(rows, columns=frames.COLUMNS)
    return table.assign(p_fake=np.where(table["label"] == 1, 0.7, 0.2) + 0.01 * np.arange(len(table)) / len(table))


def test_alarms_and_finds_are_counted_apart() -> None:
    scores = _scores(8)
    scores.loc[scores["person"] == "p0", "p_fake"] = 0.9  # of one person both are called fake
    scores.loc[scores["person"] == "p1", "p_fake"] = 0.1  # and of another none
    row = transfer.test_row(scores, 50)
    assert row["frames"] == 16 and row["people"] == 8
    assert row["real_called_fake"] == 1 / 8 and row["fake_called_fake"] == 7 / 8
    assert row["real_called_fake_low"] < 1 / 8 < row["real_called_fake_high"] < 0.6
    assert 0.5 < row["frame_auc"] < 1 and row["frame_auc_low"] <= row["frame_auc"] <= row["frame_auc_high"]


def test_one_class_has_alarms_and_no_auc() -> None:
    row = transfer.test_row(_scores(8, labels=(0,)), 50)
    assert row["real_called_fake"] == 0 and np.isnan(row["fake_called_fake"]) and np.isnan(row["frame_auc"])


def test_the_shipped_detector_is_compared_frame_by_frame_with_the_one_that_it_replaced() -> None:
    sizes = {"both": (8, (0, 1)), "real": (8, (0,)), "few": (transfer.FEWEST_PEOPLE - 1, (0, 1))}
    scores = pd.concat([_scores(*size).assign(tested=name) for name, size in sizes.items()], ignore_index=True)
    scores = scores.rename(columns={"p_fake": "resnet"}).assign(p_fake=0.5)
    earlier = scores.assign(resnet=np.where(scores["person"] == "p1", 0.6, scores["resnet"]))  # says fake of both
    found = transfer.over_earlier(scores, earlier, 50)
    assert list(found) == ["detector.over_earlier.both.frame_auc_gain", "detector.over_earlier.real.frame_acc_gain"]
    auc, right = found.values()
    assert auc.value == pytest.approx(0.5 / 8 / 8), "one of 64 pairs is no longer a tie"
    assert right.value == pytest.approx(1 / 8) and right.low < 1 / 8 < right.high and right.people == 8
    with pytest.raises(DfdError, match="same"):
        transfer.over_earlier(scores, earlier[earlier["tested"] != "real"], 50)


def test_the_shipped_detector_is_compared_with_sharpness_on_uadfvs_frames_in_any_order() -> None:
    sharpness = _scores(8)
    scores = sharpness.rename(columns={"p_fake": "resnet"}).assign(p_fake=0.5, tested="uadfv")
    other = scores.assign(tested="embedded", resnet=0.5)
    worse = sharpness.assign(p_fake=np.where(sharpness["person"] == "p1", 0.6, sharpness["p_fake"]))
    found = transfer.over_sharpness(pd.concat([other, scores]), worse.sample(frac=1, random_state=0), 50)
    assert found.value == pytest.approx(0.5 / 8 / 8) and found.n == 16


def test_a_change_of_the_recipe_is_drawn_as_rings_a_mean_and_the_range_of_the_first() -> None:
    table = pd.DataFrame({"recipe": ["ours", "ours", "other"], "seed": [1, 2, 1], "auc": [0.8, 0.9, 0.7]})
    fig = transfer_figures.ablation(table.assign(alarms=0.1), {"auc": "AUC", "alarms": "called fake"})
    rings, means = fig.axes[0].lines
    assert rings.get_xdata().tolist() == [0.8, 0.9, 0.7] and rings.get_ydata() == pytest.approx([-0.2, -0.1, 0.8])
    assert means.get_xdata() == pytest.approx([0.85]) and [*means.get_ydata()] == [0], "one training has no mean"
    (band,) = fig.axes[0].patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.8, 0.9))
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["ours", "other"]
    assert fig.axes[0].get_ylim() == (1.6, -0.6), "the recipe that ships is above"
    plt.close(fig)


def test_a_recipe_has_a_curve_for_each_seed_in_each_panel() -> None:
    epochs = {"pairs": [1000, 2000] * 3, "recipe": ["a"] * 4 + ["b"] * 2, "seed": [3, 3, 1, 1, 1, 1]}
    table = pd.DataFrame(epochs).assign(loss=[6, 5, 4, 3, 2, 1], easy=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    more = pd.DataFrame({"pairs": [1000, 2000], "recipe": "c", "seed": 1, "loss": [3, 2], "easy": [0.7, 0.8]})
    fig = transfer_figures.recipes(table, {"loss": "training loss", "easy": "easy (synthetic)"}, more)
    loss, easy = fig.axes
    for axis, column in zip(fig.axes, ("loss", "easy"), strict=True):
        thin = [line for line in axis.lines if line.get_linestyle() == ":"]
        assert [line.get_ydata().tolist() for line in thin] == [more[column].tolist()]
        thin[0].remove()
    assert [axis.get_title() for axis in fig.axes] == ["training loss", "easy (synthetic)"]
    assert [line.get_ydata().tolist() for line in loss.lines] == [[6, 5], [4, 3], [2, 1]] and not loss.texts
    assert [line.get_ydata().tolist() for line in easy.lines] == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    assert [line.get_marker() for line in easy.lines] == ["o", "None", "s"], "a recipe's first seed is the thick one"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == [
        "a",
        "b",
        "recipes of Figure 49",
    ] and not easy.get_legend()
    plt.close(fig)


@pytest.fixture
def begun() -> pd.DataFrame:
    """Two starts, one of them trained twice, and a gain."""
    rows = [("accuracy", "one", "mean", 0.9, 0.8, 0.95), ("accuracy", "one", "5", 0.92, np.nan, np.nan)]
    rows += [("accuracy", "one", "6", 0.88, np.nan, np.nan), ("accuracy", "two", "mean", 0.7, 0.6, 0.8)]
    rows += [("accuracy", "two", "5", 0.7, np.nan, np.nan), ("gain", "one over two", "mean", 0.2, -0.1, 0.5)]
    return pd.DataFrame(rows, columns=["kind", "start", "training", "value", "low", "high"])


def test_below_the_accuracies_of_starts_are_their_gains_beside_zero(begun: pd.DataFrame) -> None:
    fig = transfer_figures.starts(begun, 0.949, 0.501)
    above, below = fig.axes
    assert [label.get_text() for label in above.get_yticklabels()] == ["two", "one"]
    assert above.containers[0].lines[0].get_xdata().tolist() == [0.9, 0.7]
    (rings,) = (line for line in above.lines if line.get_label() == "one training")
    assert rings.get_xdata().tolist() == [0.92, 0.88], "the only training of a start is its mean"
    assert [label.get_text() for label in below.get_yticklabels()] == ["one over two"]
    assert below.containers[0].lines[0].get_xdata().tolist() == [0.2]
    assert below.containers[0].lines[2][0].get_segments()[0][:, 0] == pytest.approx([-0.1, 0.5])
    assert [*below.lines[-1].get_xdata()] == [0, 0] and "percentage points" in below.get_xlabel()
    assert below.xaxis.get_major_formatter()(0.2) == "20"
    plt.close(fig)


def test_starts_without_a_pair_have_no_gains_to_draw(begun: pd.DataFrame) -> None:
    fig = transfer_figures.starts(begun[begun["kind"] == "accuracy"], 0.949, 0.501)
    assert len(fig.axes) == 1
    plt.close(fig)


def test_few_people_get_no_auc() -> None:
    assert np.isnan(transfer.test_row(_scores(transfer.FEWEST_PEOPLE - 1), 50)["frame_auc"])
    said = transfer.record_auc(studies.load("smoke"), "headpose.transfer.test", _scores(2))
    assert said.startswith("0-0 mean p_fake 0.20") and "AUC" not in said


def test_the_matrix_reads_with_intervals_where_there_are_any() -> None:
    rows = [{"network": "x", "learned": "a", "tested": "b"} | transfer.test_row(_scores(n), 50) for n in (8, 2)]
    lines = transfer.text(pd.DataFrame(rows)).splitlines()
    assert " ".join(lines[1].split()[3:]) == "8 0.00 [0.00, 0.37] 1.00 [0.63, 1.00] 1.00 [0.76, 1.00]"
    assert lines[2].split()[3:] == ["2", "0.00", "1.00", "-"]


def test_each_auc_is_told_with_its_verdict(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))
    frames_told, videos_told = transfer.record_auc(studies.load("smoke"), "headpose.transfer.t", _scores(8)).split("; ")
    assert frames_told.startswith("AUC 1.000 [") and frames_told.endswith("of 8 people: above chance")
    assert "videos of 8 people" in videos_told


def test_one_class_is_said_and_no_number_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))
    said = transfer.record_auc(studies.load("smoke"), "headpose.transfer.test", _scores(8, labels=(0,)))
    assert said == "one class only; share called fake 0.00" and not list(tmp_path.iterdir())


def test_the_shipped_svm_is_the_one_of_its_card() -> None:
    card = pose_features.shipped_svm().with_suffix(".md").read_text()
    assert cache.sha256(pose_features.shipped_svm()) in card
    assert len(pose_features.load_svm(pose_features.shipped_svm()).mean) == 12


def test_the_shipped_svm_scores_faces() -> None:
    tested = frames.of_study(studies.load("smoke")).part("test")
    scores = transfer.pose_scores(pose_features.load_svm(pose_features.shipped_svm()), tested, WORLD, "sqpnp")
    assert len(scores) == len(tested.labels) and scores["p_fake"].between(0, 1).all()
    assert scores["p_fake"].std() > 0.01, "it does not say the same of everybody"


def test_photographs_without_a_face_are_left_out(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_CELEBA", str(tmp_path))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    for name, image in (("000001", media.astronaut(256)), ("000002", np.full((120, 100, 3), 90, np.uint8))):
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    params = studies.load("smoke").faces
    found = transfer.photographs(params)
    assert len(found.labels) == 1 and found.crops.shape == (1, params.size, params.size, 3) and not found.labels.any()
    (tmp_path / "000001.jpg").unlink()
    with pytest.raises(DfdError, match="No face was found in the photographs"):
        transfer.photographs(params)


def test_a_photograph_is_known_by_what_it_shows(monkeypatch, tmp_path) -> None:
    """Another picture under an old name is looked at anew; the old one is known in another folder too."""
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    params, image = studies.load("smoke").faces, media.astronaut(256)
    places = [tmp_path / folder / "photo.png" for folder in "ab"]
    for place in places:
        place.parent.mkdir()
    cv2.imwrite(str(places[0]), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    first = transfer.found_on((places[0],), params)[0]
    shutil.move(*places)
    cv2.imwrite(str(places[0]), cv2.cvtColor(np.roll(image, 9, axis=1), cv2.COLOR_RGB2BGR))
    second = transfer.found_on((places[0],), params)[0]
    assert np.median(second[..., 0] - first[..., 0]) == pytest.approx(9, abs=2)
    monkeypatch.setattr(transfer.detection, "detect", lambda image, upsample: pytest.fail("searched again"))
    assert np.array_equal(transfer.found_on((places[1],), params)[0], first)


def test_the_matrix_is_drawn_with_its_intervals() -> None:
    rows = [("net", "uadfv", "uadfv", 0.95), ("net", "uadfv", "embedded", 0.4), ("net", "embedded", "uadfv", 0.5)]
    rows += [("net", "embedded", "embedded", 0.9), ("net", "uadfv", "photographs", np.nan)]
    table = pd.DataFrame(rows, columns=["network", "learned", "tested", "frame_auc"])
    table = table.assign(frame_auc_low=table["frame_auc"] - 0.1, frame_auc_high=table["frame_auc"] + 0.05)
    for share in ("real_called_fake", "fake_called_fake"):
        table[[share, f"{share}_low", f"{share}_high"]] = [0.2 if share.startswith("real") else np.nan] + 2 * [np.nan]
    fig = transfer_figures.matrix(table)
    home, away, photographs = fig.axes
    assert [axis.get_title() for axis in (home, photographs)] == ["on UADFV", "on CelebA photographs\n(all real)"]
    dots = [line for line in away.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [0.4, 0.9]
    assert [line.get_markerfacecolor() for line in dots] == ["white", "black"], "filled where it learned"
    assert away.containers[0].lines[2][0].get_segments()[0][:, 0] == pytest.approx([0.3, 0.45])
    assert [line.get_color() for line in photographs.lines] == [canvas.REAL] and photographs.lines[0].get_xdata()[
        0
    ] == 0.2
    assert [label.get_text() for label in home.get_yticklabels()] == ["net", "net"]
    assert [text.get_text() for text in home.texts] == ["learned on UADFV", "learned on rendered faces (synthetic)"]
    plt.close(fig)
