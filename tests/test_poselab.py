"""Features, SVMs, folds and the experiment, on poses and tables that are small enough to follow."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.experiments import known_flaws, known_poses, pose_factorial
from dfdlib.faces import frames
from dfdlib.headpose import pnp, pose_features, worldmodel

WORLD = worldmodel.world_model("world_model.csv")


def _one(rvec: tuple, tvec: tuple, residual: float = 0.0) -> pnp.Poses:
    return pnp.Poses(np.array([rvec], float), np.array([tvec], float), np.array([residual]))


def _table(people: int = 10, each: int = 4) -> pd.DataFrame:
    """Two clips a person, one pair, real and fake; the first six people train, two validate, two test."""
    rows = [
        (f"{person}-{label}", i, label, f"pair{person // 2}-{person}", f"p{person}", "train test".split()[person > 6])
        for person in range(people)
        for label in (0, 1)
        for i in range(each)
    ]
    return pd.DataFrame(rows, columns=frames.COLUMNS)


def test_features_are_zero_where_the_poses_agree() -> None:
    a, c = _one((0.1, 0.2, 0.3), (1, 2, 500)), _one((0.1, 0.2, 0.3), (1, 2, 500))
    for name, feature in pose_features.FEATURES.items():
        assert name == "v_c, v_a" or not feature(a, c).any(), name
    assert pose_features.cosine_distance(a, c)[0] == pytest.approx(0, abs=1e-12)


def test_the_rows_of_yangs_table_have_their_sizes() -> None:
    a, c = _one((0.1, 0.2, 0.3), (1, 2, 500)), _one((0.0, 0.2, 0.3), (1, 4, 480))
    sizes = {name: feature(a, c).shape[1] for name, feature in pose_features.FEATURES.items()}
    assert list(sizes.values()) == [6, 3, 3, 9, 6, 6, 12]
    assert pose_features.yang_feature(a, c)[0, 9:].tolist() == [0, -2, 20], "t_a - t_c"
    assert pose_features.rvec_difference(a, c)[0] == pytest.approx([0.1, 0, 0]), "r_a - r_c"
    assert pose_features.rotation_difference(a, c)[0].reshape(3, 3) == pytest.approx((a.rotation - c.rotation)[0])
    assert pose_features.direction_difference(a, c)[0] == pytest.approx((a.direction - c.direction)[0])
    assert pose_features.paper_feature(a, c)[0] == pytest.approx([*c.direction[0], *a.direction[0]]), "v_c first"


def test_shape_forgets_place_size_and_roll_and_nothing_else() -> None:
    face = known_poses.simulated(WORLD, 1, 0.0, seed=0).points[0]
    angle = np.radians(25)
    turned = face @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * 1.7 + [40, -9]
    wider = face * [1.1, 1]
    same, moved, changed = pose_features.aligned_shape(np.stack([face, turned, wider]), face)
    assert moved == pytest.approx(same, abs=1e-6) and np.abs(changed - same).max() > 1
    assert same == pytest.approx(np.hstack([*(face - face.mean(0)).T]), abs=1e-6)


def test_the_verdict_of_p_fake_is_the_svms() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(0, 1, (80, 4)), np.tile([0, 1], 40)
    for make in pose_features.SVMS.values():
        classifier = make().fit(features + labels[:, None], labels)
        scores = pose_features.p_fake(classifier, features)
        assert ((scores >= 0.5) == classifier.predict(features)).all()
        assert ((scores >= 0) & (scores <= 1)).all()


def test_folds_keep_their_unit_on_one_side() -> None:
    table = _table()
    for protocol in ("pair", "person"):
        for train, test in pose_factorial.folds(table, protocol, 0):
            assert not set(table[protocol].iloc[train]) & set(table[protocol].iloc[test])
    leaks = [
        set(table["clip_id"].iloc[a]) & set(table["clip_id"].iloc[b])
        for a, b in pose_factorial.folds(table, "frame", 0)
    ]
    assert all(leaks), "a split of frames leaks, on purpose"
    ((train, test),) = pose_factorial.folds(table, "published", 0)
    assert set(table["split"].iloc[train]) == {"train"} and set(table["split"].iloc[test]) == {"test"}
    with pytest.raises(DfdError, match="no protocol 'clip'"):
        list(pose_factorial.folds(table, "clip", 0))


def _ring(people: int = 20, each: int = 4) -> pd.DataFrame:
    """Everybody's fake wears the face of the next person of their own five."""
    table = _table(people, each)
    number = table["person"].str[1:].astype(int)
    worn = number // 5 * 5 + (number + 1) % 5
    return table.assign(donor=np.where(table["label"], "p" + worn.astype(str), ""))


def test_no_face_is_on_both_sides_where_donors_are_known() -> None:
    table = _ring()
    without = list(pose_factorial.folds(table.drop(columns="donor"), "person", 0))
    for (train, test), (all_train, same) in zip(pose_factorial.folds(table, "person", 0), without, strict=True):
        seen, known = (set(table[["person", "donor"]].iloc[rows].to_numpy().ravel()) - {""} for rows in (test, train))
        assert not seen & known and np.array_equal(test, same) and len(train) < len(all_train)
        assert table["label"].iloc[train].mean() == 0.5, "pairs leave as a whole"
    alone = list(pose_factorial.folds(table.assign(donor=""), "person", 0))
    assert all(
        np.array_equal(a, b)
        for fold, other in zip(alone, without, strict=True)
        for a, b in zip(fold, other, strict=True)
    )


def test_a_face_that_was_real_in_training_is_called_real_on_a_fake() -> None:
    """A feature that is the face seen, and nothing of forgery: an AUC below chance is a signal too, of the donors."""
    table, rng = _ring(people=60), np.random.default_rng(3)
    faces = {person: rng.normal(0, 1, 12) for person in table["person"].unique()}
    seen = table["donor"].where(table["label"] == 1, table["person"])
    features = np.stack([faces[face] for face in seen]) + rng.normal(0, 0.1, (len(table), 12))
    auc = {}
    for name, known in {"known": table.drop(columns="donor"), "held out": table}.items():
        auc[name] = pose_factorial.summary(pose_factorial.out_of_fold(features, known, "person", 0), 20)["frame_auc"]
    assert auc["known"] < 0.1 and 0.4 < auc["held out"] < 0.6


def test_donors_of_a_clip_are_those_who_are_people_of_the_set() -> None:
    study = studies.load("embedded")
    clips = frames.clips(study)
    table = pd.DataFrame({"clip_id": [clip.clip_id for clip in clips], "person": [clip.person for clip in clips]})
    found = pose_factorial.with_donors(table, clips)["donor"]
    assert list(found) == [clip.donor or "" for clip in clips]
    stranger = [replace(clip, donor=clip.donor and "nobody") for clip in clips]
    assert set(pose_factorial.with_donors(table, stranger)["donor"]) == {""}


def test_too_few_people_train_on_donors_and_that_is_told() -> None:
    table = _people(BOTH, BOTH, BOTH).assign(
        donor=lambda t: np.where(t["label"], t["person"].str[1:].map(lambda n: f"p{(int(n) + 1) % 3}"), "")
    )
    with pytest.warns(UserWarning, match="trains on donors of its test frames|3 folds by person"):
        found = list(pose_factorial.folds(table, "person", 0))
    assert all(len(train) == 16 for train, _ in found)


def _people(*labels: tuple[int, ...]) -> pd.DataFrame:
    """Four frames of each label that a person has; one tuple of labels for each person."""
    rows = [(f"{person}-{label}", label, f"p{person}") for person, own in enumerate(labels) for label in own]
    table = pd.DataFrame(rows, columns=["clip_id", "label", "person"])
    return table.loc[table.index.repeat(4)].reset_index(drop=True).assign(pair=lambda t: t["person"], split="test")


BOTH, REAL, FAKE = (0, 1), (0,), (1,)


@pytest.mark.parametrize("people", [(BOTH, BOTH), (BOTH, BOTH, BOTH), (FAKE, REAL, FAKE, REAL), (BOTH, FAKE, REAL)])
@pytest.mark.parametrize("svm", ["standardized", "tuned"])
def test_few_people_make_fewer_folds_and_that_is_told(people, svm: str) -> None:
    table = _people(*people)
    features = np.random.default_rng(0).normal(0, 1, (len(table), 3)) + table["label"].to_numpy()[:, None]
    for protocol in ("pair", "person"):
        with pytest.warns(UserWarning, match=f"{len(people)} folds by {protocol} instead of 5: there are no more"):
            scores = pose_factorial.out_of_fold(features, table, protocol, 0, svm)
        assert scores.drop(columns="p_fake").equals(table)
    with pytest.warns(UserWarning, match="4 folds by frame instead of 5"):
        few = table.groupby("label").head(4).reset_index(drop=True)
        assert len(pose_factorial.out_of_fold(features[: len(few)], few, "frame", 0)) == 8


@pytest.mark.parametrize("seed", range(20))
def test_no_fold_trains_on_one_label_alone(seed: int) -> None:
    """People with real frames alone, with both and with fakes alone, of very different numbers of frames."""
    rng = np.random.default_rng(seed)
    kinds = [REAL] * int(rng.integers(1, 30)) + [FAKE, FAKE] + [BOTH] * int(rng.integers(0, 2))
    table = _people(*(kinds[i] for i in rng.permutation(len(kinds)))).sample(frac=0.6, random_state=seed)
    groups, labels = table["person"].to_numpy(), table["label"].to_numpy()
    found = pose_features.group_folds(labels, groups)
    enough = all(len(set(groups[labels == label])) > 1 for label in (0, 1))
    assert bool(found) == enough
    assert sorted(np.concatenate([test for _, test in found])) == list(range(len(table))) if found else True
    for train, test in found:
        assert set(labels[train]) == {0, 1} and not set(groups[train]) & set(groups[test])


def test_two_people_with_fakes_come_into_different_folds() -> None:
    """GroupKFold puts both into the fold that the larger groups leave."""
    labels, groups = np.repeat([0, 1], [40, 8]), np.repeat(["a", "b", "c", "d", "e", "f"], [10, 10, 10, 10, 4, 4])
    found = pose_features.group_folds(labels, groups)
    assert len(found) == 5 and all(set(labels[train]) == {0, 1} for train, _ in found)


def test_a_label_of_one_person_makes_no_folds() -> None:
    with pytest.raises(DfdError, match="too few real or fake clips for two folds by person; add clips"):
        list(pose_factorial.folds(_people(BOTH, REAL, REAL), "person", 0))


def test_everybody_is_scored_once_by_a_stranger() -> None:
    table = _table()
    rng = np.random.default_rng(1)
    features = rng.normal(0, 1, (len(table), 3)) + 2 * table["label"].to_numpy()[:, None]
    scores = pose_factorial.out_of_fold(features, table, "person", 0)
    assert scores.drop(columns="p_fake").equals(table), "all rows, in their order"
    found = pose_factorial.summary(scores, 50)
    assert found["frame_auc"] > 0.9 and found["frame_acc_low"] <= found["frame_acc"] <= found["frame_acc_high"]
    tuned = pose_factorial.out_of_fold(features, table, "person", 0, "tuned")
    assert pose_factorial.summary(tuned, 50)["frame_auc"] > 0.9


def test_a_person_that_the_svm_knows_is_recognised_and_a_stranger_is_not() -> None:
    """A feature that is the person and the label's coin: it leaks through a split of frames alone."""
    table = _table(each=10)
    rng = np.random.default_rng(2)
    marks = {clip: rng.normal(0, 3, 8) for clip in table["clip_id"].unique()}
    features = np.stack([marks[clip] for clip in table["clip_id"]]) + rng.normal(0, 0.1, (len(table), 8))
    auc = {
        p: pose_factorial.summary(pose_factorial.out_of_fold(features, table, p, 0), 20)["frame_auc"]
        for p in ("frame", "person")
    }
    assert auc["frame"] > 0.95 > 0.8 > auc["person"]


def test_the_experiment_has_every_combination_once(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_CACHE", str(tmp_path))
    table = _table()
    known = known_poses.simulated(WORLD, len(table), 1.0, seed=3)
    sizes = np.tile([known_poses.WIDTH, known_poses.HEIGHT], (len(table), 1))
    models = {"own": WORLD, "mirrored": worldmodel.mirrored(WORLD)}
    poses = pose_factorial.solve_all(known.points, sizes, models, tuple(pnp.SOLVERS))
    cells = pose_factorial.factorial(table, poses, "published", 0, 1)
    assert len(cells) == 7 * 3 * 5 * 2 and not cells[pose_factorial.FACTORS].duplicated().any()
    effects = pose_factorial.main_effects(cells, "frame_acc")
    assert len(effects) == 7 + 3 + 5 + 2
    row = effects[(effects["factor"] == "model") & (effects["level"] == "own")].iloc[0]
    assert row["median"] == cells.loc[cells["model"] == "own", "frame_acc"].median()


def test_a_study_names_the_solvers_and_the_models_of_its_experiment() -> None:
    every = {"own", "own, mirrored", "from real faces", "placed, 8% off"}
    table = _table()
    found = frames.FrameSet(
        table, np.empty(0), known_poses.simulated(WORLD, len(table), 1.0, seed=3).points, np.empty(0)
    )
    few, full = studies.load("embedded"), studies.load("uadfv")
    assert pose_factorial.solvers(few) == ("iterative", "epnp", "sqpnp")
    assert pose_factorial.solvers(full) == tuple(pnp.SOLVERS), "the paper's study tries all"
    none = replace(few, headpose=replace(few.headpose, solver="epnp", solvers=(), placed=()))
    assert pose_factorial.solvers(none) == ("iterative", "epnp", "sqpnp"), "those that the notebook needs"
    assert set(pose_factorial.world_models(found, none)) == set(pose_factorial.world_models(found, few)) == every
    assert list(pose_factorial.world_models(found, full))[3:] == [f"placed, {k}% off" for k in (2, 5, 8)]
    own, hand = (pose_factorial.world_models(found, study)["placed, 8% off"] for study in (full, few))
    assert np.array_equal(own, hand), "fewer models, the same ones"


def test_rotations_are_opencvs_whatever_their_size() -> None:
    rng = np.random.default_rng(0)
    axes = rng.normal(0, 1, (60, 3))
    rvec = axes / np.linalg.norm(axes, axis=1, keepdims=True) * np.linspace(0, 3.1415, 60)[:, None]
    rvec[1] *= 1e-9
    poses = pnp.Poses(rvec, np.zeros((60, 3)), np.zeros(60))
    assert poses.rotation == pytest.approx(np.stack([cv2.Rodrigues(v)[0] for v in rvec]), abs=1e-14)
    both = pnp.join(poses, poses.rows(np.arange(3)))
    assert both.rotation.shape == (63, 3, 3) and np.array_equal(both.rvec[60:], rvec[:3])


def test_a_mistake_changes_what_it_says(monkeypatch, tmp_path) -> None:
    points = np.arange(2 * 68 * 2, dtype=float).reshape(2, 68, 2)
    seen = {name: change(points, WORLD) for name, change in pose_factorial.MISTAKES.items()}
    assert np.array_equal(seen["none"][0], points) and np.array_equal(seen["none"][1], WORLD)
    shifted, model = seen["numbers from 1 used as indices from 0"]
    assert np.array_equal(shifted[:, 0], points[:, 1]) and np.array_equal(model[0], WORLD[1])
    assert np.array_equal(seen["landmarks off by one against the model"][1][1], WORLD[0])
    assert np.array_equal(seen["x and y exchanged"][0][..., 0], points[..., 1])
    shuffled = seen["model's points in a random order"][1]
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, WORLD)) and not np.array_equal(shuffled, WORLD)


def test_known_flaws_are_what_their_names_say() -> None:
    heads = np.stack([WORLD, WORLD * [1.1, 1, 1], WORLD * [1, 1.1, 1.2], WORLD * [0.9, 1, 1]])
    own = np.repeat(heads[[1]], 5, axis=0)
    for name, change in known_flaws.CHANGES.items():
        changed = change(own, heads, 1, 7)
        assert np.array_equal(changed[:, :17], own[:, :17]), f"{name}: the contour stays"
        assert np.abs(changed - own).max() > 0.5
    turned = known_flaws.turned_face(own, heads, 1, 7)[:, known_flaws.INNER_FACE]
    lengths = [np.linalg.norm(f - f.mean(0), axis=1) for f in (turned[0], own[0, known_flaws.INNER_FACE])]
    assert lengths[0] == pytest.approx(lengths[1]), "a turn keeps the shape"
    worn = {name: known_flaws.CHANGES[name](own, heads, person, 7) for name in ("one donor",) for person in (1, 2)}
    ratio = np.ptp(worn["one donor"][0, known_flaws.INNER_FACE], axis=0) / np.ptp(WORLD[known_flaws.INNER_FACE], axis=0)
    assert ratio == pytest.approx(ratio[0], rel=0.02), "the donor's proportions"


def test_each_flaw_is_found_by_its_own_feature_and_the_committed_tables_say_so() -> None:
    heads = known_flaws.skulls(frames.clips(studies.load("embedded")))
    models = {"right": WORLD, "mirrored": worldmodel.mirrored(WORLD)}
    found = known_flaws.answers(heads, models, "sqpnp", 2020).set_index(["flaw", "feature"])
    auc = found["frame_auc"]
    assert auc["turned face", "pose, right model"] > 0.8 > auc["turned face", "shape alone"]
    assert auc["one donor", "shape alone"] > 0.95 and auc["one donor", "pose, right model"] > 0.75
    assert 0.4 < auc["many donors"].min() and auc["many donors"].max() < 0.65, "donors are held out"
    for study in ("embedded", "uadfv"):  # both of the embedded heads
        table = pd.read_csv(paths.root() / "results" / "headpose_cues" / f"{study}.csv", index_col=["flaw", "feature"])
        pd.testing.assert_frame_equal(table, found, atol=0.002, rtol=0)


def test_a_stored_svm_gives_the_margins_of_scikit_learn(tmp_path) -> None:
    rng = np.random.default_rng(4)
    features, labels = rng.normal(3, 5, (120, 12)), np.tile([0, 1], 60)
    classifier = pose_features.SVMS["standardized"]().fit(features + labels[:, None], labels)
    pose_features.save_svm(classifier, tmp_path / "svm.safetensors")
    stored = pose_features.load_svm(tmp_path / "svm.safetensors")
    other = rng.normal(3, 5, (50, 12))
    assert stored.decision_function(other) == pytest.approx(classifier.decision_function(other), abs=1e-9)
    with pytest.raises(DfdError, match=r"\(50, 3\); this SVM takes \(frames, 12\)"):
        stored.decision_function(other[:, :3])


def test_a_file_that_is_no_svm_is_refused(tmp_path) -> None:
    with pytest.raises(DfdError, match="no such file"):
        pose_features.load_svm(tmp_path / "nowhere.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(DfdError, match="damaged"):
        pose_features.load_svm(tmp_path / "text.safetensors")


def test_smoothing_takes_the_median_inside_a_clip() -> None:
    table = _table(people=1, each=3)
    points = np.zeros((6, 68, 2), np.float32)
    points[:, 0, 0] = [1, 9, 2, 50, 70, 60]
    found = frames.smoothed(frames.FrameSet(table, np.zeros((6, 2, 2, 3), np.uint8), points, np.ones((6, 2), int)))
    assert found[:, 0, 0].tolist() == [2, 2, 2, 60, 60, 60]
