"""Other networks, recipes, splits, first weights and heads, on tiny crops."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from dfdlib.command import recipes
from dfdlib.core import cache, paths, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import OneCycleParams, ResNetParams, Study
from dfdlib.experiments import comparisons, pretraining
from dfdlib.resnet import finetune, heads
from tests.test_finetune import _frames

PARAMS = ResNetParams(arch="resnet20", input_size=32, epochs=2, batch=8, bfloat16=False)
STUDY = Study("tiny", resnet=PARAMS, one_cycle=OneCycleParams(peak=0.05, epochs=2), bootstrap=50)


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    for name in ("DFD_RUNS", "DFD_CACHE", "DFD_RESULTS"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("DFD_TINY_IMAGENET", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_folds_score_each_frame_by_a_network_that_has_not_seen_it(monkeypatch) -> None:
    frames = _frames()
    trained = []
    original = finetune.labelled
    monkeypatch.setattr(finetune, "labelled", lambda part, study: trained.append(part) or original(part, study))
    scores = comparisons.in_folds(STUDY, frames, "person")
    assert len(trained) == 5 and list(scores["frame"]) == list(range(24)) and set(scores["split"]) == {"test"}
    assert sum(len(part.labels) for part in trained) == 4 * 24
    for part in trained:
        pairs = part.table.groupby("person").size()
        assert (pairs == 2).all(), "a person stands on both sides"
    assert len(comparisons.in_folds(STUDY, frames, "frame", folds=1)) == 5


def test_fwas_schedule_falls_by_five_percent_an_epoch_without_momentum(monkeypatch) -> None:
    seen = []
    fit = training.fit

    def watched(model, optimizer, batches, *rest, **more):  # noqa: ANN001, ANN002, ANN003, ANN202
        def each(epoch: int):  # noqa: ANN202
            for batch in batches(epoch):
                seen.append((epoch, optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
                yield batch

        return fit(model, optimizer, each, *rest, **more)

    monkeypatch.setattr(finetune.training, "fit", watched)
    finetune.fwa(replace(STUDY, resnet=replace(PARAMS, epochs=3)), _frames())
    assert {(epoch, round(lr, 9), m) for epoch, lr, m in seen} == {(1, 0.001, 0), (2, 0.00095, 0), (3, 0.0009025, 0)}


def test_the_last_layer_alone_learns_what_the_features_hold() -> None:
    frames = _frames()  # dark and bright: even a random network's features tell them apart
    scores = heads.linear(replace(STUDY, resnet=replace(PARAMS, arch="resnet18")), frames)
    assert set(scores["split"]) == {"test"} and ((scores["p_fake"] >= 0.5) == scores["label"]).all()


def test_a_gru_reads_clips_in_order_and_scores_test_frames_alone() -> None:
    frames = _frames()
    run = finetune.one_cycle(STUDY, frames)
    scores = heads.gru(STUDY, frames, run)
    assert list(scores["clip_id"]) == list(frames.part("test").table["clip_id"])
    again = heads.gru(STUDY, frames, run)
    assert again.equals(scores)


def test_heads_and_pretraining_take_their_folders_lock(monkeypatch, tmp_path) -> None:
    held, locked = [], cache.locked
    monkeypatch.setattr(cache, "locked", lambda path: held.append(path) or locked(path))
    heads.linear(STUDY, _frames())
    _archive(tmp_path / "tiny.tar.gz")
    monkeypatch.setattr(pretraining, "EPOCHS", 1)
    weights, _ = pretraining.tiny_imagenet(STUDY, tmp_path / "tiny.tar.gz")
    head = next((paths.runs() / "tiny").glob("head-*"))
    assert held == [head, weights.parent]


def test_a_gru_head_knows_only_the_frames_before() -> None:
    torch.manual_seed(0)
    head, sequence = heads.GruHead(6).eval(), torch.randn(1, 5, 6)
    changed = sequence.clone()
    changed[:, 3, 0] += 1
    with torch.inference_mode():
        a, b = head(sequence)[0], head(changed)[0]
    assert torch.equal(a[:3], b[:3]) and not torch.allclose(a[3:], b[3:])


def test_windows_are_runs_of_frames_and_short_clips_repeat_their_last() -> None:
    rng = np.random.default_rng(0)
    long = heads._window(np.arange(100, 140), rng)
    assert len(long) == heads.WINDOW and (np.diff(long) == 1).all()
    assert list(heads._window(np.array([7, 8]), rng)) == [7] + [8] * (heads.WINDOW - 1)


def _archive(path, size: int = 64) -> None:
    """Two classes, one green and one red, 25 images each."""
    rng = np.random.default_rng(0)
    with tarfile.open(path, "w:gz") as tar:
        for label, name in enumerate(("n01", "n02")):
            for index in range(25):
                image = rng.integers(0, 60, (size, size, 3)).astype(np.uint8)
                image[..., 1 + label] += 150
                data = cv2.imencode(".png" if size != 64 else ".jpg", image)[1].tobytes()
                member = tarfile.TarInfo(f"{name}/{name}_{index}.JPEG")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


def test_pretraining_learns_two_colours_and_is_not_repeated(tmp_path, monkeypatch) -> None:
    _archive(tmp_path / "tiny.tar.gz")
    monkeypatch.setattr(pretraining, "HELD_OUT", 5)
    monkeypatch.setattr(pretraining, "EPOCHS", 3)
    monkeypatch.setattr(pretraining, "BATCH", 8)
    images, labels, classes = pretraining.read_archive(tmp_path / "tiny.tar.gz")
    assert images.shape == (50, 64, 64, 3) and classes == ["n01", "n02"] and images[0, ..., 1].mean() > 120
    weights, top1 = pretraining.tiny_imagenet(STUDY, tmp_path / "tiny.tar.gz")
    assert weights.is_file() and top1 >= 0.9
    monkeypatch.setattr(pretraining, "_train", lambda *args: pytest.fail("trained again"))
    assert pretraining.tiny_imagenet(STUDY, tmp_path / "tiny.tar.gz") == (weights, top1)


def test_an_archive_that_is_none_or_of_other_images_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.tar").write_text("no")
    monkeypatch.setenv("DFD_TINY_IMAGENET", str(tmp_path / "x.tar"))
    with pytest.raises(DfdError, match="is not a tar archive"):
        pretraining.archive()
    monkeypatch.setenv("DFD_TINY_IMAGENET", str(tmp_path / "none.tar"))
    with pytest.raises(DfdError, match="is not a tar archive"):
        pretraining.archive()
    _archive(tmp_path / "large.tar.gz", size=70)
    with pytest.raises(DfdError, match="n01_0.JPEG in .* is not an image of 64 x 64"):
        pretraining.read_archive(tmp_path / "large.tar.gz")


def test_rows_name_what_they_compare_and_hold_intervals(monkeypatch) -> None:
    monkeypatch.setattr(comparisons, "NETWORKS", ("resnet20",))
    monkeypatch.setattr(finetune, "small", lambda study: study)
    table = comparisons.comparison_table(STUDY, _frames())
    assert list(table["kind"]) == ["split"] * 4 + ["network"] * 2 + ["recipe"] * 4
    assert (table["frame_auc_low"] <= table["frame_auc"]).all()
    told = comparisons.in_table(table, {"kind": "compared", "name": "which"})
    assert list(told.columns) == ["test videos", "accuracy of frames", "AUC of frames", "AUC of videos"]
    assert len(told) == len(table) and told["AUC of frames"].str.contains("[", regex=False).all()
    own = table[table["name"] == "resnet20"].iloc[0]
    assert own["parameters"] == 269_722 + 65 * 990  # 1000 outputs instead of 10


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(DfdError, match="no recipe 'magic'; choose one of: paper, one-cycle"):
        list(recipes.train_by_name("smoke", "magic"))
