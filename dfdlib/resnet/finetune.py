"""Fine-tune the ResNet on a study's frames by one of several recipes, and read the scores of each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from dfdlib.core import cache, paths, processes, training, weight_files
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.faces import geometry
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, classifier, selfblend


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD on cross-entropy, with one cycle of the rate or a constant factor per epoch."""

    lr: float  # the peak of one cycle, otherwise the initial rate
    epochs: int
    batches: training.Batches  # of crops and labels
    steps: int  # batches per epoch
    cycle: bool = True
    decay: float = 1.0  # the factor per epoch without a cycle
    weight_decay: float = 0.0
    more: tuple = ()  # anything else that distinguishes this recipe from others


@dataclass(frozen=True)
class Run:
    """A finished training run. Its scores are of the frames of `held_out`, in this order."""

    lr: float  # for one cycle, its peak
    history: pd.DataFrame  # epoch, train_loss, then loss and acc of each held-out part (val_loss ...), seconds
    folder: Path
    origin: str  # of the initial weights
    held_out: FrameSet  # validation and test frames, or test frames only

    @property
    def best(self) -> int:
        """The epoch with the highest accuracy on validation (the first if several); without validation, the last."""
        return training.best_epoch(self.history, "val_acc") if "val_acc" in self.history else len(self.history)

    @property
    def best_on_test(self) -> int:
        """The epoch that the paper would choose: that with the highest accuracy on the evaluated set itself."""
        return training.best_epoch(self.history, "test_acc")

    def scores(self, epoch: int) -> pd.DataFrame:
        """p_fake of every held-out frame after an epoch."""
        return self.held_out.scored(classifier.p_fake(training.epoch_arrays(self.folder, epoch)["logits"]))

    def score(self, frames: FrameSet, study: Study) -> pd.DataFrame:
        """p_fake of other frames, or of the same frames changed, by the best epoch on validation."""
        return frames.scored(_p_fake(frames.crops, self.weights, network_alone(study.resnet)))

    @property
    def weights(self) -> Path:
        """The file with the weights of the best epoch on validation."""
        return training.weights_of(self.folder, self.best)


def trainings(study: Study) -> list[Study]:
    """The study once for each of its trainings: seed, seed + 1, ... Training is chaotic; each run is one draw."""
    return [replace(study, seed=study.seed + number) for number in range(study.trainings)]


def fine_tune(study: Study, frames: FrameSet, lr: float) -> Run:
    """Train with SGD at `lr` for the study's epochs (paper, section II.A); resumes, and returns at once when done.

    Validation and test frames are scored after each epoch. No choice depends on the test scores except
    `Run.best_on_test`, which imitates the paper.
    """
    recipe = Recipe(lr, study.resnet.epochs, *labelled(frames.part("train"), study), cycle=False)
    return run_recipe(study, frames, frames.part("val", "test"), recipe)


def paper_recipe(study: Study, frames: FrameSet) -> Run:
    """The paper's recipe: one run for each learning rate; rate and epoch are chosen on validation."""
    return choose([fine_tune(study, frames, lr) for lr in study.resnet.learning_rates])


def choose(runs: Sequence[Run]) -> Run:
    """The run whose best epoch has the highest accuracy on validation (the first if several)."""
    return max(runs, key=lambda run: run.history["val_acc"].max())


def one_cycle(study: Study, frames: FrameSet) -> Run:
    """Train the same network with a rate that rises and falls once (Smith and Topin, arXiv 1708.07120).

    The last epoch counts and nothing is chosen on validation, so validation frames are used for training too.
    """
    recipe = cycle_recipe(study, labelled(frames.part("train", "val"), study))
    return run_recipe(study, frames, frames.part("test"), recipe)


def one_cycle_validated(study: Study, frames: FrameSet) -> Run:
    """The same training without the validation frames, which are scored as its test part, to spare the real one."""
    recipe = cycle_recipe(study, labelled(frames.part("train"), study), "validated")
    return run_recipe(study, frames, as_test(frames.part("val")), recipe)


def no_fakes(study: Study, frames: FrameSet) -> Run:
    """Train by one cycle on real frames only and on fakes that `selfblend` makes from them; score the test part."""
    batches = blended(frames.part("train", "val"), study)
    return run_recipe(study, frames, frames.part("test"), cycle_recipe(study, batches, "no fakes"))


def fwa(study: Study, frames: FrameSet) -> Run:
    """Train by the schedule of FWA's code (in its repository's history): rate 0.001, 5 % less per epoch, no momentum.

    The last epoch counts. Only the schedule is FWA's: the fakes are those of the data set, whereas FWA makes its own.
    """
    study = replace(study, resnet=replace(study.resnet, momentum=0.0))
    batches = labelled(frames.part("train", "val"), study)
    recipe = Recipe(0.001, study.resnet.epochs, *batches, cycle=False, decay=0.95)
    return run_recipe(study, frames, frames.part("test"), recipe)


def small(study: Study) -> Study:
    """The study with a randomly initialised ResNet-18, which trains faster; with a network smaller yet, as it is."""
    own, resnet18 = (architectures.architecture(arch).parameters for arch in (study.resnet.arch, "resnet18"))
    return study if own < resnet18 else replace(study, resnet=replace(study.resnet, arch="resnet18", weights=""))


def labelled(part: FrameSet, study: Study) -> tuple[training.Batches, int]:
    """Batches of a part's crops with their labels, and the number per epoch."""
    return classifier.epochs_of(part.crops, part.labels, study.resnet, study.seed)


def blended(part: FrameSet, study: Study) -> tuple[training.Batches, int]:
    """Batches of a part's real crops, each with a fake that `selfblend` makes from it, and the number per epoch."""
    real = part.rows(np.flatnonzero(part.labels == 0))
    classifier.check_size(real.crops, study.resnet.input_size)
    points = geometry.in_crop(real.points, study.faces)

    def batches(epoch: int) -> Iterator:
        return selfblend.blend_batches(real.crops, points, study.resnet, epoch, study.seed)

    return batches, math.ceil(len(real.labels) / max(study.resnet.batch // 2, 1))


def as_test(part: FrameSet) -> FrameSet:
    """The same frames as a test part."""
    return replace(part, table=part.table.assign(split="test"))


def cycle_recipe(study: Study, batches: tuple[training.Batches, int], *more: object) -> Recipe:
    """One cycle with the study's epochs and peak; `more` distinguishes the recipe from others."""
    return Recipe(study.one_cycle.peak, study.one_cycle.epochs, *batches, more=more)


def run_recipe(
    study: Study, frames: FrameSet, held_out: FrameSet, recipe: Recipe, on_epoch: training.OnEpoch = lambda row: None
) -> Run:
    """Train a network by a recipe and score `held_out` after each epoch; `frames` distinguish this run from others.

    Resumes after the last complete epoch, and returns at once if a run with the same inputs and code is finished.
    """
    torch.manual_seed(study.seed)  # for the last layer's initial weights
    model, origin = architectures.build(study.resnet)
    folder = paths.runs() / study.name / f"resnet-{_key(study, frames, recipe, origin)}"
    folder = training.folder_of(folder, recipe.epochs)
    run = Run(recipe.lr, pd.DataFrame(), folder, origin, held_out)
    told = {"on_epoch": on_epoch, "keep": lambda history: replace(run, history=history).best}
    history = descend(model, recipe, study.resnet, lambda model: _evaluate(model, held_out, study), folder, **told)
    return replace(run, history=history)


def descend(
    model: nn.Module, recipe: Recipe, params: ResNetParams, evaluate: training.Evaluate, folder: Path, **more: Callable
) -> pd.DataFrame:
    """Train a model in place by a recipe and return the history. `more`: `on_epoch` and `keep` of `training.fit`."""

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return classifier.cross_entropy_loss(model, images, labels, params)

    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, params.momentum, weight_decay=recipe.weight_decay)
    if recipe.cycle:
        more["by_batch"] = training.one_cycle(optimizer, recipe.lr, recipe.epochs * recipe.steps)
    else:
        more["by_epoch"] = lr_scheduler.ExponentialLR(optimizer, recipe.decay)
    return training.fit(model, optimizer, recipe.batches, loss, evaluate, recipe.epochs, folder, **more)


def _evaluate(model: nn.Module, held_out: FrameSet, study: Study) -> tuple[dict, dict]:
    logits = processes.gathered(lambda crops: classifier.logits(model, crops, study.resnet), held_out.crops)
    numbers: dict[str, float] = {}
    for name in held_out.table["split"].unique():
        rows = (held_out.table["split"] == name).to_numpy()
        right = (classifier.p_fake(logits[rows]) >= 0.5) == held_out.labels[rows]
        numbers[f"{name}_loss"] = classifier.cross_entropy(logits[rows], held_out.labels[rows])
        numbers[f"{name}_acc"] = float(np.mean(right))
    return numbers, {"logits": logits}


def _key(study: Study, frames: FrameSet, recipe: Recipe, origin: str) -> str:
    # A run depends on its own rate, not on others that the study names, and on the initial weights actually found.
    network = replace(study.resnet, learning_rates=(), weights="")
    first = "random weights" if origin.startswith(architectures.RANDOM) else origin
    if study.resnet.weights not in ("", "imagenet"):
        first = cache.sha256(weight_files.named(study.resnet.weights))
    how = recipe.lr, recipe.epochs, recipe.cycle, recipe.decay, recipe.weight_decay, *recipe.more
    return cache.key(__name__, network, study.seed, first, frames.crops, frames.table, *how)[:12]


def network_alone(params: ResNetParams) -> ResNetParams:
    """The parameters that determine what the network computes, without those of training and initial weights."""
    return replace(params, weights="", weights_sha256="", learning_rates=())


def network(weights: Path, params: ResNetParams) -> nn.Module:
    """The network of a finished run from its weight file; DfdError if the file is missing or damaged."""
    model, _ = architectures.build(network_alone(params))
    model.load_state_dict(weight_files.read(weights, f"delete {weights.parent} and train again")[0])
    return model


@cache.stage
def _p_fake(crops: np.ndarray, weights: Path, params: ResNetParams) -> np.ndarray:
    return classifier.p_fake(classifier.logits(network(weights, params), crops, params))
