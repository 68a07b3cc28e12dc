"""Trainings by person that are kept one by one, and the numbers that follow from their score tables."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import OneCycleParams, ResNetParams, Study
from dfdlib.data import uadfv
from dfdlib.evaluation import judging, metrics, results
from dfdlib.experiments import fold_rows, fold_scores, person_folds
from dfdlib.headpose import worldmodel
from dfdlib.plots import resolution_figures
from dfdlib.resnet import selfblend
from tests.test_finetune import _frames, one_thread  # noqa: F401

NETWORK = ResNetParams(arch="resnet20", input_size=32, epochs=1, batch=4, bfloat16=False, learning_rates=(0.01,))
STUDY = Study("tiny", seed=5, bootstrap=100, jobs=1, resnet=NETWORK, one_cycle=OneCycleParams(epochs=2))
VARIANTS = ["native", "fsrcnn first", *(f"{way} {side}" for side in (24, 48, 64) for way in ("bicubic", "fsrcnn"))]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))


def _scores(seed: int, folds: int = 5) -> pd.DataFrame:
    """Twenty people with a real and a fake clip of three frames each; four people to a fold."""
    places = [(person, label, frame) for person in range(20) for label in (0, 1) for frame in range(3)]
    table = pd.DataFrame(places, columns=["person", "label", "frame"])
    table["pair"] = table["person"].map("{:04d}".format)
    table["clip_id"] = table["pair"] + table["label"].map({0: "", 1: "_fake"})
    table = table.assign(fold=table["person"] % 5, seed=seed, person=table["person"].map("person{:02d}".format))
    rng, side = np.random.default_rng(seed), 0.8 * table["label"] - 0.4
    for number, name in enumerate(VARIANTS):
        noise = rng.normal(0, 0.25, len(table)) + 0.5 * (name == "bicubic 24") * (table["label"] == 0)
        table[name] = np.clip(0.5 + side + noise + 0.01 * number, 0, 1).round(4)
    return table[table["fold"] < folds]


def _write(recipe: str, *parts: pd.DataFrame) -> None:
    path = fold_scores.path("tiny", recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(parts).sample(frac=1, random_state=0).to_csv(path, index=False)


@pytest.fixture
def scored() -> None:
    """Three complete seeds of one cycle and one that was stopped, one of the paper's recipe, and the head pose."""
    _write("one_cycle", *map(_scores, (1, 2, 6)), _scores(3, folds=4))
    _write("paper", _scores(4))
    pose = _scores(9)
    _write("headpose", pose[fold_scores.KEYS].assign(paper=0.6, yang=pose["native"]))


def test_a_stopped_experiment_goes_on_with_the_missing_fold(monkeypatch) -> None:
    trained, stop = [], 3

    def train_and_score(study, frames, recipe, fold):
        if len(trained) == stop:
            raise KeyboardInterrupt
        trained.append((study.seed, fold))
        return _scores(study.seed)[lambda table: table["fold"] == fold]

    monkeypatch.setattr(person_folds, "train_and_score", train_and_score)
    with pytest.raises(KeyboardInterrupt):
        list(person_folds.complete(STUDY, _frames(), "paper", [5, 6]))
    assert trained == [(5, 0), (5, 1), (5, 2)] and fold_scores.seeds("tiny", "paper", False) == {5: [0, 1, 2]}
    stop = 99
    steps = list(person_folds.complete(STUDY, _frames(), "paper", [5, 6]))
    assert steps == [(5, 3), (5, 4), (6, 0), (6, 1), (6, 2), (6, 3), (6, 4)]
    kept = fold_scores.tables("tiny", "paper", "fsrcnn 48", committed=False)
    for table, seed in zip(kept, (5, 6), strict=True):
        assert table["p_fake"].to_list() == _scores(seed).sort_values(["clip_id", "frame"])["fsrcnn 48"].to_list()


@pytest.mark.parametrize("recipe", fold_scores.RECIPES)
def test_nobody_is_scored_by_a_network_that_has_seen_them(monkeypatch, recipe: str) -> None:
    frames, seen = _frames(), []
    given = person_folds.RECIPES[recipe]
    monkeypatch.setitem(person_folds.RECIPES, recipe, lambda study, train: seen.append(train) or given(study, train))
    monkeypatch.setattr(person_folds, "variants", lambda: {"native": lambda crop: crop, "black": lambda crop: 0 * crop})
    monkeypatch.setattr(person_folds, "NETWORKS", {})
    table = person_folds.train_and_score(STUDY, frames, recipe, 2)
    assert not set(table["person"]) & set(seen[0].table["person"]) and len(table) + len(seen[0].table) == 24
    assert list(table) == [*fold_scores.KEYS, "fold", "seed", "native", "black"] and set(table["fold"]) == {2}
    assert table["black"].nunique() == 1, "a changed crop is scored as it was changed"
    assert table["native"].nunique() > 1 and table["native"].equals(table["native"].round(4))


def test_the_deep_network_is_trained_once_and_the_others_three_times(monkeypatch) -> None:
    asked, networks = {}, []

    def complete(study, frames, recipe, seeds):
        asked[recipe] = [*seeds]
        return []

    monkeypatch.setattr(person_folds, "complete", complete)
    monkeypatch.setattr(person_folds, "write_headpose", lambda *given: None)
    person_folds.train_all(STUDY, _frames())
    assert asked.pop("one_cycle_50") == [5] and set(map(tuple, asked.values())) == {(5, 6, 7)}
    assert {"one_cycle_50", *asked} == set(fold_scores.RECIPES)
    monkeypatch.setitem(person_folds.RECIPES, "one_cycle_50", lambda study, train: networks.append(study.resnet) or 0)
    with pytest.raises(AttributeError):  # the stand-in's result cannot score
        person_folds.train_and_score(STUDY, _frames(), "one_cycle_50", 0)
    assert networks == [replace(NETWORK, arch="resnetv2_50", weights="")]


def test_a_network_trained_once_is_told_beyond_the_margin_of_one_training(scored) -> None:
    _write("one_cycle_50", _scores(21))
    found = fold_rows.rows(STUDY, committed=False)
    gain = found["folds.one_cycle_50.frame_acc_gain"]
    deep, plain = (fold_scores.tables("tiny", name, "native", False)[0] for name in ("one_cycle_50", "one_cycle"))
    assert gain == metrics.difference([deep], [plain], "acc", "frames", STUDY.bootstrap) and gain.trainings == 1
    row = {"id": "folds.one_cycle_50.frame_acc_gain", "low": 0.05, "high": 0.09, "paper": None}
    assert judging.verdict(row) == "inconclusive" and judging.verdict(row | {"low": 0.101, "high": 0.2}) == "a gain"
    assert judging.beyond("folds.sr.one_cycle_50.24.frame_auc_gain") == judging.TRAINING_MARGIN
    assert judging.beyond("folds.sr.24.frame_auc_gain") == judging.beyond("folds.one_cycle.frame_acc") == 0


def test_without_fakes_the_network_sees_one_in_two_of_the_real_frames_and_blends_of_them(monkeypatch) -> None:
    frames, seen = _frames(), []
    blends = selfblend.blend_batches
    monkeypatch.setattr(selfblend, "blend_batches", lambda crops, *rest: seen.append(crops) or blends(crops, *rest))
    train = frames.rows(person_folds.folds(frames)[2][0])
    person_folds.no_fakes(STUDY, train)
    real = train.one_in(person_folds.EVERY)
    assert np.array_equal(seen[0], real.crops[real.labels == 0]) and len(seen) == STUDY.one_cycle.epochs


def test_without_fakes_is_compared_with_one_cycle_training_by_training(scored) -> None:
    assert "folds.no_fakes.frame_auc_gain" not in fold_rows.rows(STUDY, committed=False)
    _write("no_fakes", _scores(11), _scores(12), _scores(13, folds=3))
    found = fold_rows.rows(STUDY, committed=False)
    without, learned = (fold_scores.tables("tiny", name, "native", False) for name in ("no_fakes", "one_cycle"))
    gain = found["folds.no_fakes.frame_auc_gain"]
    assert gain == metrics.difference(without, learned[:2], "auc", "frames", STUDY.bootstrap) and gain.trainings == 2
    assert found["folds.resnet.no_fakes.frame_auc"].trainings == 2


def test_only_seeds_with_all_folds_count(scored) -> None:
    found = fold_scores.tables("tiny", "one_cycle", "native", committed=False)
    assert len(found) == 3 and fold_scores.seeds("tiny", "one_cycle", False)[3] == [0, 1, 2, 3]
    metrics.difference(found, found, "acc", "frames", 10)  # the same rows in the same order, though the file is mixed
    with pytest.raises(DfdError, match="no 'nativ'; choose one of: native, fsrcnn first"):
        fold_scores.tables("tiny", "one_cycle", "nativ", committed=False)
    _write("paper", _scores(4, folds=2))
    with pytest.raises(DfdError, match=r"seed 4 has folds \[0, 1\]"):
        fold_scores.tables("tiny", "paper", "native", committed=False)
    assert not [key for key in fold_rows.rows(STUDY, False) if "paper" in key and "headpose" not in key]


def test_without_the_tables_the_error_says_what_to_run() -> None:
    with pytest.raises(DfdError, match=r"it has no seed\); train the rest by `person_folds.complete`"):
        fold_scores.tables("tiny", "paper", "native", committed=False)
    with pytest.raises(DfdError, match="run `person_folds.write_headpose`"):
        fold_rows.rows(STUDY, committed=False)


def test_every_headline_number_is_recorded_with_its_trainings(scored) -> None:
    table = fold_rows.record_rows(STUDY).set_index("id")
    assert {row["id"] for row in results.rows("tiny")} == set(table.index)
    assert table.loc["folds.resnet.one_cycle.frame_acc", ["n", "people", "trainings"]].to_list() == [120, 20, 3]
    assert table.loc["folds.resnet.one_cycle.video_acc", "n"] == 40
    choice = metrics.paired_choice(fold_scores.tables("tiny", "one_cycle", "native", committed=False), 2)
    assert table.loc["folds.resnet.one_cycle.forced_choice", ["value", "n"]].to_list() == [choice.value, choice.n]
    native = fold_scores.tables("tiny", "paper", "native", False)[0]
    assert table.loc["folds.resnet.paper.frame_auc", "value"] == metrics.estimate(native, "auc", "frames", 2).value
    # The paper's head pose says 0.6 to all, so the mean's verdict is that of a ResNet with its threshold at 0.4.
    first = fold_scores.tables("tiny", "paper", "fsrcnn first", False)[0]
    right = ((first["p_fake"] + 0.6) / 2 >= 0.5) == first["label"]
    assert table.loc["folds.system.paper.frame_acc", "value"] == pytest.approx(right.mean())
    gain = table.loc["folds.system.paper.frame_acc_gain", "value"]
    assert gain == pytest.approx(right.mean() - table.loc["folds.resnet.paper.frame_acc", "value"])


def test_the_height_named_beforehand_is_tested_on_people_new_to_it_too(scored) -> None:
    found = fold_rows.rows(STUDY, committed=False)
    everybody, new = found["folds.sr.24.frame_auc_gain"], found["folds.sr.24.new_people.frame_auc_gain"]
    published = len({number for number in uadfv.TEST if number < 20})
    assert (everybody.people, new.people) == (20, 20 - published) and everybody.low > 0


def test_the_heights_are_corrected_for_being_three(scored) -> None:
    table = fold_rows.small_faces(STUDY, "one_cycle", committed=False)
    assert table["side"].to_list() == [24, 48, 64] and (table["holm"] >= table["p"]).all()
    assert table["gain"].to_numpy() == pytest.approx(table["fsrcnn"] - table["bicubic"])
    assert table["holm"][0] == pytest.approx(3 * table["p"][0]) and table["holm"][0] < 0.05 < table["holm"][1:].min()


def test_small_faces_and_attacks_are_recorded_for_every_recipe(scored) -> None:
    _write("no_fakes", *map(_scores, (11, 12, 13)))
    found = fold_rows.rows(STUDY, committed=False)
    for recipe in ("paper", "no_fakes"):
        table = fold_rows.small_faces(STUDY, recipe, committed=False)
        assert [found[f"folds.sr.{recipe}.{side}.frame_auc_gain"].value for side in (24, 48, 64)] == [*table["gain"]]
        attack = fold_rows.attack(STUDY, recipe, committed=False).set_index(["way", "height"])
        assert found[f"folds.attack.{recipe}.fsrcnn.miss_rate"].value == attack["missed"]["FSRCNN", 64]
    both = fold_rows.attacks(STUDY, committed=False)
    assert both.groupby("learned").size().to_list() == [7, 7, 7]
    blends = both[both["learned"].str.contains("blends")].drop(columns="learned").reset_index(drop=True)
    assert blends.equals(fold_rows.attack(STUDY, "no_fakes", committed=False))


def test_networks_without_fakes_are_compared_with_sharpness_frame_by_frame(scored) -> None:
    _write("no_fakes", *map(_scores, (11, 12)))
    trained = fold_scores.tables("tiny", "no_fakes", "native", False)
    plain = trained[0].assign(p_fake=np.linspace(0, 1, len(trained[0])))
    found = fold_rows.over_sharpness(STUDY, plain.sample(frac=1, random_state=0), committed=False)
    more = found["folds.no_fakes.over_sharpness.frame_auc_gain"]
    auc = [metrics.estimate(table, "auc", "frames", 2).value for table in (*trained, plain)]
    assert more.value == pytest.approx((auc[0] + auc[1]) / 2 - auc[2]) and more.trainings == 2
    choice = found["baselines.by_person.sharpness.forced_choice"]
    assert choice == metrics.paired_choice([plain], STUDY.bootstrap)


def test_an_attack_changes_fakes_only(scored) -> None:
    plain, small = (fold_scores.tables("tiny", "paper", name, False)[0] for name in ("native", "fsrcnn 48"))
    table = fold_rows.attacked("tiny", "paper", "fsrcnn 48", False)[0]
    fake = table["label"] == 1
    assert table["p_fake"][fake].equals(small["p_fake"][fake]) and table["p_fake"][~fake].equals(plain["p_fake"][~fake])


def test_misses_are_of_fakes_and_more_of_them_have_a_sign(scored) -> None:
    _write("paper", _scores(4).assign(**{"fsrcnn 64": lambda t: t["native"] - 0.3 * (t["person"] < "person07")}))
    table = fold_rows.attack(STUDY, "paper", committed=False)
    assert table["height"].to_list() == [128, 24, 48, 64, 24, 48, 64]
    plain = fold_scores.tables("tiny", "paper", "native", False)[0]
    share = (plain.loc[plain["label"] == 1, "p_fake"] < 0.5).mean()
    assert table["missed"][0] == pytest.approx(share) and table["missed_low"][0] < share < table["missed_high"][0]
    hit = table.query("way == 'FSRCNN' and height == 64").iloc[0]
    assert hit["more missed"] == pytest.approx(hit["missed"] - share) and hit["more missed"] > 0 > hit["auc change"]
    assert hit["more missed_low"] < hit["more missed"] < hit["more missed_high"]
    fig = resolution_figures.attack(pd.concat([table.assign(learned=name) for name in ("one way", "another")]))
    assert len(fig.axes) == 4 and fig.axes[2].get_title(loc="left") == "learned another"
    curves = {curve.get_label(): curve.get_ydata() for curve in fig.axes[0].lines if curve.get_label()[0] != "_"}
    assert set(curves) == {"FSRCNN", "bicubic"} and curves["FSRCNN"][2] == hit["missed"]
    assert curves["FSRCNN"][-1] == curves["bicubic"][-1] == table["missed"][0], "the crops as they are, at the right"
    plt.close(fig)


def test_seeds_and_people_spread_apart(scored) -> None:
    _write("one_cycle", *(_scores(1).assign(seed=seed) for seed in (1, 2)))
    found = fold_scores.spread("tiny", False).set_index("branch")
    assert found.loc["resnet.one_cycle", "sd_of_seeds"] == 0, "equal trainings"
    one = f"{found.loc['resnet.one_cycle', 'mean']:.1f}"
    assert found.loc["resnet.one_cycle", "each"] == f"{one}, {one}"
    table = _scores(1)
    right = ((table["native"] >= 0.5) == table["label"]).groupby(table["person"]).mean()
    assert found.loc["resnet.one_cycle", "sd_of_people"] == pytest.approx(100 * right.std())
    assert np.isnan(found.loc["resnet.paper", "sd_of_seeds"])


def test_changed_verdicts_are_counted_on_both_sides(scored) -> None:
    table = _scores(4)
    flipped = table["native"].where(table.index != 7, 1 - table["native"])
    _write("paper", table.assign(**{"fsrcnn first": flipped}))
    found = fold_rows.changed_verdicts(Study("tiny", "uadfv", bootstrap=50), "paper", committed=False)
    assert found.value == pytest.approx(1 / 120) and found.n == 120 and 0 <= found.low <= found.value <= found.high


def test_the_share_called_fake_is_told_by_class() -> None:
    rows = {"label": [0, 0, 0, 0, 1, 1], "p_fake": [0.9, 0.1, 0.1, 0.1, 0.9, 0.1], "person": list("abcdab")}
    table = pd.DataFrame(rows).assign(clip_id=list("abcdef"), frame=0)
    real, fake = fold_rows.called_fake([table, table], 50)
    assert (real.value, real.n, real.unit, real.trainings) == (0.25, 4, "real frames", 2)
    assert (fake.value, fake.n, fake.unit) == (0.5, 2, "fake frames") and real.low <= 0.25 <= real.high


def test_the_head_pose_is_scored_out_of_fold(monkeypatch) -> None:
    frames, rng = _frames(), np.random.default_rng(0)
    face = 100 + worldmodel.world_model(STUDY.headpose.world_model)[:, :2]
    points = face + rng.normal(0, 1, (24, 68, 2)) + 3 * frames.labels[:, None, None] * rng.normal(0, 1, (68, 2))
    frames = replace(frames, points=points, sizes=np.full((24, 2), 256))
    table = person_folds.write_headpose(STUDY, frames)
    assert list(table) == [*fold_scores.KEYS, "paper", "yang"] and len(table) == 24
    found = fold_scores.headpose("tiny", "yang", committed=False)
    assert metrics.estimate(found, "auc", "frames", 10).value > 0.9
    changed = replace(frames, table=frames.table.assign(label=1 - frames.labels))
    again = person_folds.write_headpose(STUDY, changed)
    assert again["yang"].to_numpy() == pytest.approx(1 - table["yang"].to_numpy(), abs=0.02), "labels decide, no row"


def test_the_committed_head_pose_is_of_all_clips() -> None:
    table = fold_scores.headpose("uadfv", "paper")
    assert (len(table), table["clip_id"].nunique(), table["person"].nunique()) == (3099, 98, 30)
    assert paths.published_results() in fold_scores.path("uadfv", "headpose", committed=True).parents


def test_the_distance_is_compared_with_each_training_on_the_same_frames(scored) -> None:
    trained = fold_scores.tables("tiny", "one_cycle", "native", committed=False)
    right = [((table["p_fake"] >= 0.5) == table["label"]).mean() for table in trained]
    known = trained[0].assign(p_fake=trained[0]["label"].astype(float))  # a distance that is always right
    found = fold_rows.over_networks(STUDY, known.sample(frac=1, random_state=0), committed=False)
    gain = found["identity.by_person.over_one_cycle.frame_acc_gain"]
    assert gain.value == pytest.approx(1 - np.mean(right)) and (gain.n, gain.trainings) == (120, 3)
    assert found["identity.by_person.over_paper.frame_acc_gain"].trainings == 1


def test_what_an_attack_changes_in_misses_and_verdicts_is_a_row(scored) -> None:
    found = fold_rows.rows(STUDY, committed=False)
    change, plain, attacked = (
        found[f"folds.attack.paper.{key}"].value
        for key in ("fsrcnn.miss_rate_change", "native.miss_rate", "fsrcnn.miss_rate")
    )
    assert change == pytest.approx(attacked - plain)
    native, first = (
        fold_scores.tables("tiny", "paper", name, False)[0]["p_fake"] for name in ("native", "fsrcnn first")
    )
    assert found["folds.sr.paper.changed_verdicts"].value == pytest.approx(((native >= 0.5) != (first >= 0.5)).mean())
