"""Fine-tune the ResNet on a study's frames at one learning rate, and read what each epoch scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn

from dfdlib import cache, paths, resnet, train
from dfdlib.frames import FrameSet
from dfdlib.profile import ResNetParams, Study


@dataclass(frozen=True)
class Run:
    """A finished training run. Its frames are those of `held_out`, in this order."""

    lr: float
    history: pd.DataFrame  # epoch, train_loss, val_loss, val_acc, test_loss, test_acc, seconds
    folder: Path
    origin: str  # where the first weights came from
    held_out: FrameSet  # validation and test frames

    @property
    def best(self) -> int:
        """The epoch with the highest accuracy on the validation frames (the first of equals)."""
        return train.best_epoch(self.history, "val_acc")

    @property
    def best_on_test(self) -> int:
        """The epoch that the paper's way of choosing picks: highest accuracy on the evaluated set itself."""
        return train.best_epoch(self.history, "test_acc")

    def scores(self, epoch: int) -> pd.DataFrame:
        """p_fake of every validation and test frame after an epoch."""
        return self.held_out.scored(resnet.p_fake(train.epoch_arrays(self.folder, epoch)["logits"]))

    def score(self, frames: FrameSet, study: Study) -> pd.DataFrame:
        """p_fake of other frames, or of the same ones changed, by the best epoch on validation."""
        return frames.scored(_p_fake(frames.crops, self.weights, cache.sha256(self.weights), study.resnet))

    @property
    def weights(self) -> Path:
        """The file with the weights of the best epoch on validation."""
        return self.folder / f"epoch_{self.best:02d}.safetensors"


def fine_tune(study: Study, frames: FrameSet, lr: float, on_epoch: Callable = lambda row: None) -> Run:
    """Train with SGD at `lr` for the study's epochs (paper, section II.A); resumes, and ends at once when done.

    After each epoch validation and test frames are scored. The test scores take no part in any choice but
    that of `Run.best_on_test`, which imitates the paper.
    """
    torch.manual_seed(study.seed)  # the last layer's first weights
    model, origin = resnet.build(study.resnet)
    part, held_out = frames.part("train"), frames.part("val", "test")
    how = resnet.Augment(study.seed)
    folder = paths.runs() / study.name / f"resnet-{_key(study, frames, lr, origin)}"
    history = train.fit(
        model,
        torch.optim.SGD(model.parameters(), lr=lr, momentum=study.resnet.momentum),
        lambda epoch: resnet.batches(part.crops, part.labels, study.resnet, epoch, how),
        lambda model, images, labels: resnet.loss(model, images, labels, study.resnet),
        lambda model: _evaluate(model, held_out, study),
        study.resnet.epochs,
        folder,
        on_epoch,
    )
    run = Run(lr, history, folder, origin, held_out)
    train.prune(folder, {run.best})
    return run


def choose(runs: Sequence[Run]) -> Run:
    """The run whose best epoch has the highest accuracy on validation (the first of equals)."""
    return max(runs, key=lambda run: run.history["val_acc"].max())


@cache.stage("resnet")
def _p_fake(crops: np.ndarray, weights: Path, sha256: str, params: ResNetParams) -> np.ndarray:
    model, _ = resnet.build(replace(params, weights=""))
    model.load_state_dict(load_file(weights))
    return resnet.p_fake(resnet.logits(model, crops, params))


def _evaluate(model: nn.Module, held_out: FrameSet, study: Study) -> tuple[dict, dict]:
    logits = resnet.logits(model, held_out.crops, study.resnet)
    numbers: dict[str, float] = {}
    for name in ("val", "test"):
        rows = (held_out.table["split"] == name).to_numpy()
        right = (resnet.p_fake(logits[rows]) >= 0.5) == held_out.labels[rows]
        numbers[f"{name}_loss"] = resnet.cross_entropy(logits[rows], held_out.labels[rows])
        numbers[f"{name}_acc"] = float(np.mean(right))
    return numbers, {"logits": logits}


def _key(study: Study, frames: FrameSet, lr: float, origin: str) -> str:
    code = cache.code_version("resnet", "train")
    recipe = replace(study.resnet, learning_rates=())  # a run is of one rate, whatever others the study names
    return joblib.hash((recipe, study.seed, lr, origin, frames.crops, frames.table, code))[:12]
