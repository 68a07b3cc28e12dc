"""A small ResNet on tiny crops, from the first epoch to the scores that the notebooks read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dfdlib.core import paths, studies, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import OneCycleParams, ResNetParams, Study
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import architectures, classifier, finetune

PARAMS = ResNetParams(arch="resnet20", input_size=32, epochs=2, batch=8, bfloat16=False)
STUDY = Study("tiny", resnet=PARAMS, one_cycle=OneCycleParams(epochs=3))


@pytest.fixture(autouse=True)
def one_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_RUNS", str(tmp_path))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _frames() -> FrameSet:
    """Dark fakes and bright reals: 16 to train on, 4 to validate, 4 to test."""
    parts = ["train"] * 16 + ["val"] * 4 + ["test"] * 4
    rows = [(f"c{i}", i, i % 2, f"p{i // 2}", f"p{i // 2}", part) for i, part in enumerate(parts)]
    noise = np.random.default_rng(0).integers(0, 60, (24, 36, 36, 3))
    crops = (noise + 150 * (1 - np.arange(24) % 2)[:, None, None, None]).astype(np.uint8)
    return FrameSet(pd.DataFrame(rows, columns=COLUMNS), crops, np.zeros((24, 68, 2)), np.full((24, 2), 36))


def test_a_run_keeps_every_epochs_scores_and_the_best_epochs_weights(monkeypatch) -> None:
    frames = _frames()
    run = finetune.fine_tune(STUDY, frames, 0.01)
    assert list(run.history["epoch"]) == [1, 2] and "random" in run.origin
    assert run.history.loc[0, "train_loss"] == pytest.approx(np.log(2), abs=0.5), "a fresh network tosses a coin"
    scores = run.scores(run.best)
    assert set(scores["split"]) == {"val", "test"} and len(scores) == 8
    for part in ("val", "test"):
        rows = scores[scores["split"] == part]
        right = ((rows["p_fake"] >= 0.5) == rows["label"]).mean()
        assert run.history.loc[run.best - 1, f"{part}_acc"] == right
        loss = -np.log(np.where(rows["label"] == 1, rows["p_fake"], 1 - rows["p_fake"])).mean()
        assert run.history.loc[run.best - 1, f"{part}_loss"] == pytest.approx(loss, rel=1e-4)

    again = run.score(run.held_out, STUDY)  # the weights on disk give the scores on disk
    assert again["p_fake"].to_numpy() == pytest.approx(scores["p_fake"].to_numpy(), abs=1e-6)
    assert [p.stem for p in run.folder.glob("epoch_*.safetensors")] == [f"epoch_{run.best:02d}"]

    monkeypatch.setattr(classifier, "crop_batches", lambda *args: pytest.fail("a finished run is trained again"))
    finished = finetune.fine_tune(STUDY, frames, 0.01)
    assert finished.history.equals(run.history)
    assert training.epoch_arrays(finished.folder, 1)["logits"].shape == (8, 2)


def test_best_epochs_are_chosen_on_validation_and_shown_on_test() -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3], "val_acc": [0.6, 0.9, 0.9], "test_acc": [0.9, 0.7, 0.8]})
    slow = finetune.Run(0.001, history, None, "", None)
    fast = finetune.Run(0.01, history.assign(val_acc=[0.5, 0.95, 0.6]), None, "", None)
    assert (slow.best, slow.best_on_test) == (2, 1)
    assert finetune.choose([slow, fast]) is fast and finetune.choose([slow, slow]) is slow


def test_a_network_that_reads_more_than_the_crops_have_is_refused() -> None:
    crops = _frames().crops  # of 36 pixels
    wide = replace(STUDY, resnet=replace(PARAMS, input_size=40))
    says = r"reads 40 x 40 pixels and the crops have 36 x 36; give larger crops .* or a smaller resnet.input_size"
    for training_of in (finetune.one_cycle, finetune.paper_recipe, finetune.no_fakes):
        with pytest.raises(DfdError, match=says):
            training_of(wide, _frames())
    with pytest.raises(DfdError, match=says):
        classifier.centre(crops, 40)
    with pytest.raises(DfdError, match=says):
        classifier.logits(architectures.build(wide.resnet)[0], crops, wide.resnet)
    assert classifier.centre(crops, 36).shape == crops.shape


def test_a_study_whose_network_reads_more_than_its_crops_is_refused(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(paths, "studies", lambda: tmp_path)
    (tmp_path / "wide.yaml").write_text("resnet: {input_size: 200}\n")
    with pytest.raises(DfdError, match="wide.yaml: resnet.input_size is 200; it must be at most faces.size, .* 128"):
        studies.load("wide")


def test_one_cycle_trains_on_validation_too_and_takes_its_last_epoch() -> None:
    frames = _frames()
    run = finetune.one_cycle(replace(STUDY, one_cycle=OneCycleParams(peak=0.02, epochs=3)), frames)
    assert len(run.history) == 3 and run.best == 3 and "val_acc" not in run.history
    assert set(run.scores(run.best)["split"]) == {"test"}
    plain = finetune.fine_tune(STUDY, frames, 0.02)
    assert run.folder != plain.folder


def test_one_cycle_without_validation_frames_scores_them(monkeypatch) -> None:
    trained = []
    original = finetune.labelled
    monkeypatch.setattr(finetune, "labelled", lambda part, study: trained.append(part) or original(part, study))
    run = finetune.one_cycle_validated(STUDY, _frames())
    assert set(trained[0].table["split"]) == {"train"}
    assert list(run.held_out.table["clip_id"]) == [f"c{i}" for i in range(16, 20)]
    assert run.best == STUDY.one_cycle.epochs, "no epoch is chosen"


def test_without_fakes_only_real_training_frames_are_read(monkeypatch) -> None:
    seen = []

    def batches(crops, points, params, epoch, seed):  # noqa: ANN001, ANN202
        seen.append(crops)
        yield classifier.to_tensor(classifier.centre(crops, 32)), torch.zeros(len(crops), dtype=torch.long)

    monkeypatch.setattr(finetune.selfblend, "blend_batches", batches)
    monkeypatch.setattr(finetune.geometry, "in_crop", lambda points, params: points)
    frames = _frames()
    run = finetune.no_fakes(replace(STUDY, one_cycle=OneCycleParams(peak=0.01, epochs=1)), frames)
    real = frames.crops[(frames.labels == 0) & (frames.table["split"] != "test").to_numpy()]
    assert np.array_equal(seen[0], real) and set(run.held_out.table["split"]) == {"test"}
