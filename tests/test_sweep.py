"""The resolution sweep: what is done to a crop, where its landmarks go, and the tables of its cells."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from dfdlib.core import cache
from dfdlib.core.studies import FaceParams, Study, SweepParams
from dfdlib.evaluation import results
from dfdlib.experiments import resolution
from dfdlib.experiments.resolution import Cell
from dfdlib.faces import detection, geometry
from dfdlib.plots import canvas, resolution_figures, score_figures
from dfdlib.superres import lr_hr, networks

STUDY = Study("tiny", bootstrap=50, sweep=SweepParams(heights=(16, 32), qualities=(0, 40)))


def _crop(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.stack([127 + 80 * np.sin(x / 9), 127 + 80 * np.cos(y / 7), 100 + 0.5 * x + 0.5 * y], -1).astype(np.uint8)


def test_every_height_has_every_way_and_the_own_height_one() -> None:
    found = resolution.conditions(STUDY)
    assert len(found) == len(set(found)) == 2 * 4 * 2 + 2
    assert [c for c in found if c.height == STUDY.faces.size] == [Cell(128, "bicubic", 0), Cell(128, "bicubic", 40)]


@pytest.mark.parametrize("way", resolution.WAYS)
def test_a_changed_crop_keeps_its_size_and_looks_alike(way: str) -> None:
    crop, model = _crop(), networks.FSRCNN(2)
    found = resolution.degraded(crop, Cell(32, way, 0), model)
    assert found.shape == crop.shape and found.dtype == np.uint8
    if way == "as small as it is":
        assert (found[0] == resolution.GREY).all() and not (found[20:44, 20:44] == resolution.GREY).all(-1).any()
    elif way != "FSRCNN":  # an untrained network makes no picture
        assert np.abs(found.astype(int) - crop).mean() < 6
        worse = resolution.degraded(crop, Cell(32, way, 5), model)
        good, bad = (lr_hr.psnr(lr_hr.luminance(image), lr_hr.luminance(crop)) for image in (found, worse))
        assert bad < good - 3
    if way == "nearest":
        assert (found[::2, ::2] == found[1::2, 1::2]).all()


def test_a_crop_is_compressed_as_rgb() -> None:
    crop = _crop()
    small = cv2.resize(crop, (32, 32), interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    Image.fromarray(small).save(file, "JPEG", quality=40)
    found = resolution.degraded(crop, Cell(32, "as small as it is", 40), networks.FSRCNN(2))[16:48, 16:48]
    assert np.abs(found.astype(int) - np.asarray(Image.open(file))).mean() < 0.1


def test_at_its_own_height_a_crop_is_unchanged() -> None:
    crop = _crop()
    assert np.array_equal(resolution.degraded(crop, Cell(64, "bicubic", 0), networks.FSRCNN(2)), crop)


def test_landmarks_go_back_to_the_frame_that_the_crop_came_from() -> None:
    rng, params = np.random.default_rng(0), FaceParams()
    original = rng.uniform(100, 260, (3, 68, 2))
    cut = []
    for points in original:
        box = geometry.face_rectangle(points, params.margin)
        _, corner, scale = geometry.crop(np.zeros((400, 400, 3), np.uint8), box, params.size)
        cut.append((points - corner + 0.5) * scale - 0.5)
    assert geometry.in_frame(np.stack(cut), original, params) == pytest.approx(original, abs=1e-3)


def test_landmarks_of_a_face_that_stays_small_are_put_back_to_scale(monkeypatch) -> None:
    boxes = []
    monkeypatch.setattr(
        detection, "landmarks", lambda crop, box: boxes.append(box) or np.array([[48.0, 48.0], [79.0, 79.0]])
    )
    crops = np.zeros((1, 128, 128, 3), np.uint8)
    found = resolution.landmarks_on_crops(crops, Cell(32, "as small as it is", 0), FaceParams())
    # The face of 32 px stands at 48 to 80 of 128: its first pixel's centre is 1.5 px into the large crop.
    assert found[0] == pytest.approx(np.array([[1.5, 1.5], [125.5, 125.5]]))
    assert 48 < boxes[0][0] < boxes[0][2] < 80
    same = resolution.landmarks_on_crops(crops, Cell(32, "bicubic", 0), FaceParams())
    assert same[0] == pytest.approx(np.array([[48.0, 48.0], [79.0, 79.0]]))


def test_landmark_error_is_in_percent_of_the_eyes() -> None:
    reference = np.zeros((1, 68, 2))
    reference[0, 36], reference[0, 45] = (10, 0), (60, 0)
    assert geometry.landmark_error(reference + [0, 5], reference)[0] == pytest.approx(10)


def _scored() -> pd.DataFrame:
    """Scores of 40 frames of 10 people, better where FSRCNN enlarged the face."""
    labels, people, rng = np.tile([0, 1], 20), np.repeat(np.arange(10).astype(str), 4), np.random.default_rng(0)
    rows = {"clip_id": "c", "frame": range(40), "label": labels, "pair": people, "person": people, "split": "test"}
    strength = {"FSRCNN": 3.0, "bicubic": 0.5}
    scores = {
        resolution.column(cell, part): labels * strength.get(cell.way, 0) + rng.normal(0, 1, 40)
        for cell in resolution.conditions(STUDY)
        for part in resolution.PARTS
    }
    return pd.DataFrame(rows | scores)


def test_gains_are_of_fsrcnn_over_bicubic_on_the_same_frames() -> None:
    table = resolution.gains(STUDY, _scored())
    assert len(table) == 2 * 2 * 2 and set(table["height"]) == {16, 32}
    assert (table["gain"] > 0.1).all() and (table["low"] < table["gain"]).all() and (table["detectable"] > 0).all()
    assert (table["people"] == 10).all() and (table["p"] <= table["bh"]).all() and (table["bh"] <= table["holm"]).all()


def test_aucs_and_what_training_again_changes_are_those_of_the_scores() -> None:
    scored = _scored()
    table = resolution.aucs(STUDY, scored)
    changes = resolution.change_table(STUDY, scored)
    assert len(table) == len(changes) == len(resolution.conditions(STUDY))
    for row, changed in zip(table.to_dict("records"), changes.to_dict("records"), strict=True):
        cell = Cell(*(row[name] for name in ("height", "way", "quality")))
        expected = {
            part: roc_auc_score(scored["label"], scored[resolution.column(cell, part)]) for part in resolution.PARTS
        }
        assert {part: row[part] for part in resolution.PARTS} == pytest.approx(expected)
        assert changed["retraining"] == pytest.approx(expected["train and test"] - expected["test only"])
        assert changed["retraining_low"] < changed["retraining"] < changed["retraining_high"]
    whole = table.set_index(["height", "way", "quality"])["test only"].loc[128, "bicubic", 0]
    unchanged = (table["height"] == 128) & (table["quality"] == 0)
    assert changes["against whole"].to_list() == pytest.approx(
        (table["test only"] - whole).mask(unchanged).to_list(), nan_ok=True
    )


def test_a_cell_is_corrected_for_all_that_were_looked_at() -> None:
    table = pd.DataFrame({"gain": [0.05, 0.04, 0.0, 0.01], "people": 7})
    table = table.assign(low=table["gain"] - 0.04, high=table["gain"] + 0.04)
    found = resolution.corrected(table)
    error = 0.04 / student.ppf(0.975, 6)
    by_hand = 2 * student.sf(table["gain"] / error, 6)
    assert found["p"].to_numpy() == pytest.approx(by_hand) and by_hand[0] < 0.05
    assert found["holm"].to_list() == pytest.approx([4 * by_hand[0], 3 * by_hand[1], 1, 1])
    assert found["bh"].to_list()[:2] == pytest.approx([4 * by_hand[0], 2 * by_hand[1]])
    assert (found["holm"] > 0.05).all() and (found["bh"] > 0.05).all(), "one bold cell of four is not enough"


def test_no_committed_gain_survives_the_correction() -> None:
    table = results.committed_table("uadfv", "resolution_gains")
    assert len(table) == 24 and (table["p"] < 0.05).sum() == 2 and set(table.query("p < 0.05")["height"]) == {24}
    assert min(table["holm"].min(), table["bh"].min()) > 0.2
    again = resolution.corrected(table.drop(columns=["p", "holm", "bh"]))
    assert again["holm"].to_numpy() == pytest.approx(table["holm"].to_numpy(), abs=1e-2)


def _table() -> pd.DataFrame:
    rows = [vars(c) | {"psnr": 20.0 + (c.way == "FSRCNN"), "landmark_error": 1.0} for c in resolution.conditions(STUDY)]
    table = pd.DataFrame(rows)
    for name in ("test only", "train and test", "head pose"):
        table[name] = 0.6 + 0.1 * (table["way"] == "FSRCNN") * (table["height"] == 16)
        table[f"{name}_low"], table[f"{name}_high"] = table[name] - 0.1, table[name] + 0.1
    return table


def test_agreement_of_psnr_and_auc_is_counted() -> None:
    # FSRCNN has the higher PSNR in all four cells, the higher AUC in the two of 16 pixels, and no other in the rest.
    assert resolution.agreement(_table()) == (2, 2)
    table = _table()
    table.loc[(table["way"] == "FSRCNN") & (table["height"] != 16), "test only"] -= 0.05
    assert resolution.agreement(table) == (2, 4)


def test_curves_hold_every_way_and_the_own_height() -> None:
    fig = resolution_figures.resolution(_table())
    assert len(fig.axes) == 6 and fig.axes[0].get_title() == "network as trained, no JPEG"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == list(resolution.WAYS)
    curves = {line.get_label(): line for line in fig.axes[0].lines if len(line.get_xdata()) == 3}
    assert list(curves) == list(resolution.WAYS)
    for curve in curves.values():
        assert curve.get_xdata() == pytest.approx([16, 32, 128], rel=0.05)
    assert list(curves["FSRCNN"].get_ydata()) == pytest.approx([0.7, 0.6, 0.6])
    bands = [band.get_paths()[0].vertices[:, 1] for band in fig.axes[0].collections]
    assert len(bands) == 2 and bands[1].min() == pytest.approx(0.5) and bands[1].max() == pytest.approx(0.8)
    plt.close(fig)


def test_each_gain_is_drawn_with_its_interval_and_jpeg_is_hollow() -> None:
    rows = [
        (height, quality, trained, height / 100 - quality / 1000, height / 100 - 0.1, height / 100 + 0.1)
        for trained in ("test only", "train and test")
        for height in (16, 24)
        for quality in (0, 40)
    ]
    table = pd.DataFrame(rows, columns=["height", "quality", "trained", "gain", "low", "high"])
    fig = resolution_figures.gains({"UADFV": table})
    assert [axis.get_title() for axis in fig.axes] == [
        "UADFV: network as trained",
        "UADFV: last layer trained on such crops",
    ]
    plain, jpeg = (drawn[0] for drawn in fig.axes[0].containers)
    assert plain.get_xdata() == pytest.approx([0.16, 0.24]) and jpeg.get_xdata() == pytest.approx([0.12, 0.2])
    assert (plain.get_markerfacecolor(), jpeg.get_markerfacecolor()) == (canvas.THIRD, "white")
    segments = fig.axes[0].containers[0][2][0].get_segments()
    assert segments[1][:, 0] == pytest.approx([0.14, 0.34])
    plt.close(fig)


def test_reliability_and_maps_are_drawn() -> None:
    bins = pd.DataFrame({"bin": [0, 9], "frames": [10, 30], "p_fake": [0.05, 0.95], "fakes": [0.2, 0.9]})
    bins = bins.assign(low=[0.1, 0.7], high=[0.4, 0.95])
    fig = score_figures.reliability({"mine": {"ResNet": bins}, "UADFV": {"ResNet": bins}})
    assert [axis.get_title() for axis in fig.axes] == ["mine", "UADFV", "", ""]
    assert list(fig.axes[0].lines[1].get_ydata()) == [0.2, 0.9]
    assert [bar.get_height() for bar in fig.axes[2].patches] == [10, 30]
    shown = score_figures.maps([_crop(8)] * 2, [np.eye(8)] * 2, ["a", "b"])
    assert [axis.get_title() for axis in shown.axes[:2]] == ["a", "b"] and len(shown.axes[2].images) == 2
    assert len(shown.axes) == 4 and not shown.axes[0].collections
    crops, cams = [_crop(8)] * 2, [np.eye(8)] * 2
    shown = score_figures.maps(crops, cams, ["a", "b"], cams, [np.tri(8), None])
    outlined = [bool(axis.collections) for axis in shown.axes]
    assert outlined == [True, False] * 3, "the region of the first frame alone, on the frame and on both maps"
    plt.close("all")


def test_a_sweep_from_crops_to_table(monkeypatch, tmp_path) -> None:
    """All of it on a few random crops: an untrained FSRCNN and a network of one epoch."""
    from dfdlib.core.studies import OneCycleParams, ResNetParams
    from dfdlib.resnet import finetune
    from dfdlib.superres import enlarging
    from tests.test_finetune import _frames

    for name in ("DFD_RUNS", "DFD_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    torch.set_num_threads(1)
    study = replace(
        STUDY,
        threads=1,
        faces=FaceParams(size=36),
        sweep=SweepParams(heights=(18,), qualities=(0,)),
        resnet=ResNetParams(arch="resnet18", input_size=32, bfloat16=False),
        one_cycle=OneCycleParams(epochs=1),
    )
    enlarging.save_fsrcnn(networks.FSRCNN(2), study)
    frames = _frames()
    points = np.random.default_rng(1).uniform(5, 30, (24, 68, 2))
    frames = replace(frames, points=points)
    monkeypatch.setattr(finetune, "small", lambda study: study)
    found = resolution.measure_cells(study, frames)
    assert set(found) == set(resolution.conditions(study))
    own = found[Cell(36, "bicubic", 0)]
    run = finetune.one_cycle(study, frames)
    assert own["test only"] == pytest.approx(run.scores(run.best)["p_fake"].to_numpy(), abs=1e-5)
    scored = resolution.score_table(study, frames, found)
    assert np.array_equal(
        resolution.scores_of(scored, Cell(36, "bicubic", 0), "test only")["p_fake"], own["test only"].round(4)
    )
    table = resolution.resolution_table(study, scored, found)
    assert len(table) == 5 and table.loc[table["height"] == 36, "landmark_error"].tolist() == [0]
    assert table.loc[table["way"] == "as small as it is", "psnr"].isna().all()

    # In another folder, as in another checkout, everything is found again and no process is started.
    for name in ("DFD_RUNS", "DFD_CACHE"):
        shutil.copytree(tmp_path / name, tmp_path / "elsewhere" / name)
        shutil.rmtree(tmp_path / name)
        monkeypatch.setenv(name, str(tmp_path / "elsewhere" / name))
    monkeypatch.setattr(resolution.parallel, "each", None)
    again = resolution.measure_cells(study, frames)
    assert all(np.array_equal(again[cell][name], kept[name]) for cell, kept in found.items() for name in kept)


@cache.stage
def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(0, keepdims=True)


def test_what_a_process_computes_from_large_arrays_is_found_by_its_parent(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_CACHE", str(tmp_path))
    get_reusable_executor().shutdown(wait=True)  # processes of an earlier test know another folder
    values = np.arange(400_000.0)  # 3 MB, which joblib hands over as a file that is mapped into memory
    assert _mean.kept(values) is None
    Parallel(n_jobs=2)(delayed(_mean)(values + i) for i in range(2))
    get_reusable_executor().shutdown(wait=True)
    assert [_mean.kept(values + i)[0] for i in range(2)] == [199_999.5, 200_000.5]
