"""Is it a fake or one face? Distances to a face, trivial baselines, and networks on parts of the face."""

from __future__ import annotations

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import skimage.data

from dfdlib.core import repro, studies
from dfdlib.evaluation import metrics, results
from dfdlib.experiments import baselines, face_regions, identity
from dfdlib.faces import descriptors, detection, frames
from dfdlib.faces.frames import FrameSet
from dfdlib.plots import identity_figures
from dfdlib.resnet import selfblend

PARTS = ("train", "train", "train", "val", "test", "test")


def _table(each: int = 2) -> pd.DataFrame:
    """Six people, a real and a fake clip of each, `each` frames of a clip."""
    rows = [
        (f"p{p}-{label}", frame, label, f"p{p}", f"p{p}", part)
        for p, part in enumerate(PARTS)
        for label in (0, 1)
        for frame in range(each)
    ]
    return pd.DataFrame(rows, columns=frames.COLUMNS)


def _faces(table: pd.DataFrame, spread: float = 0.1) -> np.ndarray:
    """Descriptors: every fake near one point, every real near a point of its person."""
    rng = np.random.default_rng(1)
    own = {name: rng.normal(0, 1, 128) for name in ["donor", *sorted(set(table["person"]))]}
    who = np.where(table["label"] == 1, "donor", table["person"])
    return np.stack([own[name] for name in who]) + rng.normal(0, spread, (len(table), 128))


def test_only_marked_frames_make_the_template_and_the_threshold() -> None:
    table = _table()
    found, labels, learned = _faces(table), table["label"].to_numpy(), (table["split"] == "train").to_numpy()
    distance, threshold = identity.distances(found, labels, learned)
    template = found[learned & (labels == 1)].mean(0)
    assert distance == pytest.approx(np.sqrt(((found - template) ** 2).sum(1)))
    means = [distance[learned & (labels == label)].mean() for label in (0, 1)]
    assert threshold == pytest.approx((means[0] + means[1]) / 2)
    found[~learned] += 5  # nothing of a test frame may enter
    moved, same = identity.distances(found, labels, learned)
    assert same == threshold and moved[learned] == pytest.approx(distance[learned])


def test_nobody_is_in_the_template_that_judges_them() -> None:
    table = _table()
    found = _faces(table)
    before = identity.measure(table, found)
    own = (table["person"] == "p0").to_numpy()
    found[own & (table["label"] == 1)] += 3
    after = identity.measure(table, found)
    real = own & (table["label"] == 0)
    for column in ("others_distance", "others_threshold"):
        assert after.loc[real, column].to_numpy() == pytest.approx(before.loc[real, column].to_numpy())
    assert not np.allclose(after.loc[real, "distance"], before.loc[real, "distance"]), "p0 is in the training part"


def test_one_face_on_every_fake_is_found_without_training() -> None:
    table = identity.measure(_table(), _faces(_table()))
    for protocol, rows in (("published", 8), ("by person", 24)):
        scored = identity.scores(table, protocol)
        assert len(scored) == rows and scored["p_fake"].between(0, 1).all()
        assert ((scored["p_fake"] >= 0.5) == scored["label"]).all()
    at = table.assign(distance=table["threshold"])
    assert (identity.scores(at)["p_fake"] == 0.5).all()


def test_a_single_template_is_tried_on_other_people_alone() -> None:
    table = _table(each=3)
    found = _faces(table, spread=0.5)
    tried = identity.one_template(table, found).set_index("clip_id")
    assert list(tried.index) == [f"p{p}-1" for p in range(6)] and (tried["frames"] == 30).all()
    middle = table.index[(table["clip_id"] == "p2-1") & (table["frame"] == 1)][0]
    others = table[table["person"] != "p2"]
    distance = np.linalg.norm(found[others.index] - found[middle], axis=1)
    fakes, reals = (distance[others["label"] == label] for label in (1, 0))
    assert tried.loc["p2-1", "frame_auc"] == pytest.approx((fakes[:, None] < reals).mean())


def _matching(p_fake: list[float]) -> pd.DataFrame:
    """Eight frames of four people; in each of two bins of distance a real and a fake frame of two people."""
    distance, labels = np.repeat([0.31, 0.62], 4), np.tile([0, 1], 4)
    people = ["a", "a", "b", "b", "c", "c", "d", "d"]
    return pd.DataFrame({"label": labels, "person": people, "distance": distance, "p_fake": p_fake})


def test_matching_takes_the_distance_out_of_a_score() -> None:
    by_distance = identity.matched([_matching([0.9] * 4 + [0.1] * 4)], 50)
    assert by_distance.value == 0.5 and (by_distance.n, by_distance.people) == (8, 4)
    uneven = _matching([0.9] * 4 + [0.1] * 4).assign(label=[1, 1, 1, 0, 1, 0, 0, 0])  # most near frames are fake
    assert metrics.estimate(uneven, "auc", "frames", 5).value > 0.7 and identity.matched([uneven], 50).value == 0.5
    right = _matching([0.1, 0.9, 0.2, 0.8] * 2)
    own = identity.matched([right], 50)
    assert own.value == 1 and own.low < 1
    wrong = right.assign(p_fake=1 - right["p_fake"])
    mean = identity.matched([right, right, wrong], 50)  # of three trainings
    assert mean.value == pytest.approx(2 / 3) and mean.trainings == 3 and mean.high - mean.low > own.high - own.low
    shuffled = _matching([0.1, 0.9] * 4)
    shuffled.loc[shuffled["label"] == 1, "distance"] = 0.05  # no fake is as far as any real
    assert identity.matched([shuffled], 50) is None
    assert identity.overlap(shuffled) == {"real": 0, "fake": 0}
    assert identity.overlap(_matching([0.5] * 8)) == {"real": 4, "fake": 4}


def test_a_score_that_reads_nearness_follows_it_within_a_class() -> None:
    table = identity.measure(_table(4), _faces(_table(4), 0.3)).round(6)
    scored = identity.with_distance(identity.scores(table), table)
    assert identity.follows(scored) == pytest.approx({"real": 1, "fake": 1})
    noise = scored.assign(p_fake=np.random.default_rng(0).random(len(scored)))
    assert max(map(abs, identity.follows(noise).values())) < 0.95
    other = identity.with_distance(identity.scores(table, "by person"), table, "by person")
    assert other["distance"].tolist() == table["others_distance"].tolist()


@pytest.fixture(scope="module")
def photograph() -> tuple[np.ndarray, np.ndarray]:
    """A public-domain photograph of a face, 256 px, with its landmarks."""
    image = np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352])
    return image, detection.landmarks(image, detection.largest(image, 1))


def test_a_self_blend_keeps_the_face(photograph) -> None:
    image, points = photograph
    blend = selfblend.blended(image, points, repro.rng(0), selfblend.Blend())
    faces = [descriptors.descriptor(picture, points) for picture in (image, blend, image[:, ::-1])]
    assert faces[0].shape == (128,) and np.linalg.norm(faces[0]) > 1.2
    assert 0 < np.linalg.norm(faces[0] - faces[1]) < 0.6


def test_blends_are_measured_for_real_test_frames(monkeypatch) -> None:
    table, study = _table(1), studies.load("smoke")
    monkeypatch.setattr(identity, "of_crops", lambda crops, points: np.ones((len(crops), 128)))
    crops, points = np.zeros((12, 128, 128, 3), np.uint8), np.random.default_rng(0).uniform(20, 100, (12, 68, 2))
    seen = FrameSet(table, crops, points.astype(np.float32), np.full((12, 2), 128))
    distance = identity.blended_distances(study, seen, np.zeros((12, 128)))
    assert np.isfinite(distance).tolist() == ((table["split"] == "test") & (table["label"] == 0)).tolist()
    assert distance[np.isfinite(distance)] == pytest.approx(np.sqrt(128))
    assert len(identity.looked_at(study, seen).table) == 12


def test_a_study_that_is_not_thorough_looks_at_middle_frames() -> None:
    table = _table(3)
    blank = FrameSet(table, np.zeros((36, 2, 2, 3)), np.zeros((36, 68, 2)), np.zeros((36, 2)))
    assert set(identity.looked_at(studies.load("embedded"), blank).table["frame"]) == {1}
    assert len(identity.looked_at(studies.load("uadfv"), blank).table) == 36


def test_blur_and_detail_are_told(photograph) -> None:
    image, _ = photograph
    soft = cv2.GaussianBlur(image, (0, 0), 2)
    assert baselines.sharpness(soft) < baselines.sharpness(image) - 1
    assert baselines.jpeg_kilobytes(soft) < baselines.jpeg_kilobytes(image)
    edged = image.copy()
    edged[:8] = 255 - edged[:8]
    assert baselines.sharpness(edged) == baselines.sharpness(image), "the central half alone"


def _measured() -> pd.DataFrame:
    table, rng = _table(), np.random.default_rng(0)
    table["sharpness"] = 3 - table["label"] + rng.normal(0, 0.01, len(table))
    table[["red", "green", "blue"]] = rng.normal(100, 5, (len(table), 3))
    return table.assign(kilobytes=rng.normal(9, 1, len(table)))


def test_a_baseline_learns_from_the_other_part_alone() -> None:
    table = _measured()
    scored = baselines.scores(table, "sharpness", "published")
    assert len(scored) == 8 and set(scored["split"]) == {"test"}
    assert ((scored["p_fake"] > 0.5) == scored["label"]).all()
    changed = table.copy()
    changed.loc[changed["split"] == "val", "sharpness"] += 9
    assert baselines.scores(changed, "sharpness", "published")["p_fake"].tolist() == scored["p_fake"].tolist()
    assert len(baselines.scores(table, "sharpness", "by person")) == len(table)


def test_a_constant_says_the_larger_class_of_training() -> None:
    table = _measured().query("clip_id != 'p0-0'").reset_index(drop=True)
    assert set(baselines.scores(table, "constant", "published")["p_fake"]) == {1.0}
    table = _measured().query("clip_id != 'p0-1'").reset_index(drop=True)
    assert set(baselines.scores(table, "constant", "published")["p_fake"]) == {0.0}


def test_every_baseline_has_a_row_under_both_protocols(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))
    found = baselines.estimates(_measured(), identity.measure(_table(), _faces(_table())), 50)
    assert len(found) == 10
    rows = {protocol: baselines.rows(found, protocol).set_index("name") for protocol in baselines.PROTOCOLS}
    assert rows["by person"].loc["sharpness", "frame_auc"] == 1 and rows["by person"]["frames"].tolist() == [24] * 5
    assert rows["by person"].loc["constant", "frame_auc"] == 0.5
    assert np.isnan(rows["published"].loc["constant", "frame_auc_low"])
    assert rows["published"].loc["constant", "frame_acc"] == 0.5
    said = baselines.text(found, "published")
    assert len(said.splitlines()) == 6 and "0.500 [" in said and "nan" not in said
    baselines.record(studies.load("embedded"), found)
    ids = {row["id"] for row in results.rows("embedded")}
    assert {"baselines.sharpness.frame_auc", "baselines.by_person.mean_colour.frame_acc"} <= ids
    assert not {name for name in ids if "distance" in name}, "identity.record records that one"


def test_hidden_and_shown_parts_make_the_whole(photograph) -> None:
    image, points = photograph
    inner, outer = face_regions.face_only(image, points), face_regions.face_hidden(image, points)
    inside = selfblend.hull(points, 256, 0)[..., 0] > 0.5
    assert 0.1 < inside.mean() < 0.5 and inner.dtype == outer.dtype == np.uint8
    assert (inner[inside] == image[inside]).all() and (outer[~inside] == image[~inside]).all()
    assert (inner[~inside] == face_regions.GREY).all() and (outer[inside] == face_regions.GREY).all()


def test_trainings_are_resumed_and_averaged(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))
    study, table, calls = studies.load("uadfv"), _table(4), []

    def train(own, seen):
        calls.append((own.seed, own.resnet.arch, len(seen.table)))
        return seen.part("test").scored(np.where(seen.part("test").labels, 0.8, 0.3) - own.seed % 2 * 0.01)

    monkeypatch.setattr(face_regions, "WAYS", {"whole crop": train, "face hidden": train})
    seen = FrameSet(table, np.zeros((48, 2, 2, 3)), np.zeros((48, 68, 2)), np.zeros((48, 2)))
    assert next(face_regions.complete(study, seen)) == ("whole crop", 2020)
    assert len(list(face_regions.complete(study, seen))) == 5 and len(calls) == 6
    assert set(calls) == {(seed, "resnet18_slim", 24) for seed in (2020, 2021, 2022)}
    written = pd.read_csv(tmp_path / "face_regions" / "uadfv.csv")
    found = face_regions.estimates(written, 50)["face hidden"]
    assert found["frame_auc"].value == 1 and found["frame_auc"].trainings == 3 and found["frame_auc"].n == 8
    face_regions.record(study, written)
    assert "regions.whole_crop.video_auc" in {row["id"] for row in results.rows("uadfv")}


def test_the_figure_draws_both_classes_and_the_blends() -> None:
    table = identity.measure(_table(), _faces(_table()))
    real = (table["split"] == "test") & (table["label"] == 0)
    table = table.assign(blend=np.where(real, 0.7, np.nan), distance=np.where(table["label"], 0.3, 0.6))
    shares = identity_figures.shares(table)
    assert shares.groupby(["frames", "kind"])["share"].sum().round(6).tolist() == [1] * 5
    peaks = shares.loc[shares.groupby(["frames", "kind"])["share"].idxmax()].set_index(["frames", "kind"])
    for kind, at in {"fake": 0.3, "real": 0.6, "self-blended real": 0.7}.items():
        assert abs(peaks.loc[("test part", kind), "distance"] - at) <= identity_figures.WIDTH
    fig = identity_figures.distances(table)
    names = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in fig.axes]
    assert [sorted(text.partition(",")[0] for text in found) for found in names] == [
        ["fake", "real", "self-blended real", "threshold"],
        ["fake", "real", "threshold"],
    ]
    assert f"fake, {table['label'].sum()} frames" in names[1]
    assert fig.axes[0].lines[0].get_xdata()[0] == table["threshold"].iloc[0]
    plt.close("all")


def test_a_person_with_all_the_fakes_has_no_template() -> None:
    table = _table().query("label == 0 or person == 'p0'").reset_index(drop=True)
    measured = identity.measure(table, _faces(table))
    assert measured["others_distance"].isna().tolist() == (table["person"] == "p0").tolist()
    assert set(identity.scores(measured, "by person")["person"]) == {f"p{p}" for p in range(1, 6)}


def test_the_committed_numbers_follow_from_the_committed_tables() -> None:
    table, templates = identity.committed()
    assert len(table) == 3099 and table["person"].nunique() == 30
    known = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    for protocol, prefix in (("published", "identity"), ("by person", "identity.by_person")):
        scored = identity.scores(table, protocol)
        for statistic in ("auc", "acc"):
            found = metrics.estimate(scored, statistic, "frames", 20)
            assert known[f"{prefix}.frame_{statistic}"]["value"] == pytest.approx(found.value, abs=1e-6)
    assert known["identity.frame_auc"]["value"] > 0.999 and known["identity.video_acc"]["value"] == 1
    assert known["identity.by_person.frame_auc"]["value"] == pytest.approx(0.985, abs=0.001)
    assert len(templates) == 49 and templates["frame_auc"].median() == pytest.approx(0.985, abs=0.002)
    test = table[table["split"] == "test"]
    assert abs((test["blend"] - test["distance"]).mean()) < 0.02, "a self-blend stays as far as its real"
    shares = [both["frame_acc"].value for (name, _), both in baselines.committed(20).items() if name == "constant"]
    assert shares == pytest.approx([0.4994, 0.5], abs=1e-3)


def test_blends_and_templates_are_means_over_people_by_hand() -> None:
    table = pd.DataFrame({"person": ["a", "a", "b", "b"], "distance": [0.8, 0.7, 0.9, 0.2], "threshold": 0.5})
    table["blend"] = [0.7, 0.4, 0.9, np.nan]  # the last frame is a fake and has no blend
    templates = pd.DataFrame({"person": ["a", "b"], "frame_auc": [0.9, 0.7]})
    found = identity.of_examples(table, templates, 50)
    assert found["identity.blends.nearer"].value == pytest.approx((0.1 + 0.3 + 0.0) / 3)
    share = found["identity.blends.called_fake"]
    assert share.value == pytest.approx(1 / 3) and share.low >= 0 and (share.n, share.people) == (3, 2)
    assert found["identity.one_template.auc"].value == pytest.approx(0.8)
