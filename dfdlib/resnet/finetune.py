"""Fine-tune the ResNet on a study's frames at one learning rate, and read what each epoch scored."""

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

from dfdlib.core import cache, paths, training, weight_files
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.faces import geometry
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, classifier, selfblend


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: SGD on cross-entropy, at a rate that cycles once, or falls by a factor an epoch."""

    lr: float  # of one cycle its peak, else the first
    epochs: int
    batches: training.Batches  # of crops and labels
    steps: int  # batches an epoch
    cycle: bool = True
    decay: float = 1.0  # the factor where it does not cycle
    weight_decay: float = 0.0
    more: tuple = ()  # what else tells this recipe from others


@dataclass(frozen=True)
class Run:
    """A finished training run. Its frames are those of `held_out`, in this order."""

    lr: float  # of the one-cycle schedule: its peak
    history: pd.DataFrame  # epoch, train_loss, then loss and acc of each held-out part (val_loss ...), seconds
    folder: Path
    origin: str  # where the first weights came from
    held_out: FrameSet  # validation and test frames, or test frames alone

    @property
    def best(self) -> int:
        """The epoch with the highest accuracy on validation (the first of equals); without validation, the last."""
        return training.best_epoch(self.history, "val_acc") if "val_acc" in self.history else len(self.history)

    @property
    def best_on_test(self) -> int:
        """The epoch that the paper's way of choosing picks: highest accuracy on the evaluated set itself."""
        return training.best_epoch(self.history, "test_acc")

    def scores(self, epoch: int) -> pd.DataFrame:
        """p_fake of every validation and test frame after an epoch."""
        return self.held_out.scored(classifier.p_fake(training.epoch_arrays(self.folder, epoch)["logits"]))

    def score(self, frames: FrameSet, study: Study) -> pd.DataFrame:
        """p_fake of other frames, or of the same ones changed, by the best epoch on validation."""
        return frames.scored(_p_fake(frames.crops, self.weights, network_alone(study.resnet)))

    @property
    def weights(self) -> Path:
        """The file with the weights of the best epoch on validation."""
        return training.weights_of(self.folder, self.best)


def fine_tune(study: Study, frames: FrameSet, lr: float) -> Run:
    """Train with SGD at `lr` for the study's epochs (paper, section II.A); resumes, and ends at once when done.

    After each epoch validation and test frames are scored. The test scores take no part in any choice but
    that of `Run.best_on_test`, which imitates the paper.
    """
    recipe = Recipe(lr, study.resnet.epochs, *labelled(frames.part("train"), study), cycle=False)
    return run_recipe(study, frames, frames.part("val", "test"), recipe)


def paper_recipe(study: Study, frames: FrameSet) -> Run:
    """The paper's recipe: both learning rates, one after the other; rate and epoch are chosen on validation."""
    return choose([fine_tune(study, frames, lr) for lr in study.resnet.learning_rates])


def choose(runs: Sequence[Run]) -> Run:
    """The run whose best epoch has the highest accuracy on validation (the first of equals)."""
    return max(runs, key=lambda run: run.history["val_acc"].max())


def one_cycle(study: Study, frames: FrameSet) -> Run:
    """Train the same network with a rate that rises and falls once (Smith and Topin, arXiv 1708.07120).

    Nothing is chosen, neither an epoch (the last one counts) nor anything else, so validation frames train too.
    """
    recipe = cycle_recipe(study, labelled(frames.part("train", "val"), study))
    return run_recipe(study, frames, frames.part("test"), recipe)


def one_cycle_validated(study: Study, frames: FrameSet) -> Run:
    """The same training without the validation frames, which it scores as its test part: to look without the test."""
    recipe = cycle_recipe(study, labelled(frames.part("train"), study), "validated")
    return run_recipe(study, frames, as_test(frames.part("val")), recipe)


def no_fakes(study: Study, frames: FrameSet) -> Run:
    """Train by one cycle on real frames alone, against fakes that `selfblend` makes of them; score the test part."""
    part = frames.part("train", "val")
    real = part.rows(np.flatnonzero(part.labels == 0))
    classifier.check_size(real.crops, study.resnet.input_size)
    points = geometry.in_crop(real.points, study.faces)
    steps = math.ceil(len(real.labels) / max(study.resnet.batch // 2, 1))

    def batches(epoch: int) -> Iterator:
        return selfblend.blend_batches(real.crops, points, study.resnet, epoch, study.seed)

    return run_recipe(study, frames, frames.part("test"), cycle_recipe(study, (batches, steps), "no fakes"))


def fwa(study: Study, frames: FrameSet) -> Run:
    """Train by the schedule of FWA's code (in its repository's history): rate 0.001, 5 % less an epoch, no momentum.

    The last epoch counts. Only the schedule is FWA's: here the fakes are the data set's, there they are made.
    """
    study = replace(study, resnet=replace(study.resnet, momentum=0.0))
    batches = labelled(frames.part("train", "val"), study)
    recipe = Recipe(0.001, study.resnet.epochs, *batches, cycle=False, decay=0.95)
    return run_recipe(study, frames, frames.part("test"), recipe)


def small(study: Study) -> Study:
    """The study with a ResNet-18 (its own network where that is slimmer) from random weights, which trains faster."""
    own, resnet18 = (architectures.architecture(arch).parameters for arch in (study.resnet.arch, "resnet18"))
    arch = study.resnet.arch if own < resnet18 else "resnet18"
    return replace(study, resnet=replace(study.resnet, arch=arch, weights=""))


def labelled(part: FrameSet, study: Study) -> tuple[training.Batches, int]:
    """Batches of a part's crops with their labels, and how many an epoch has."""
    return classifier.epochs_of(part.crops, part.labels, study.resnet, study.seed)


def as_test(part: FrameSet) -> FrameSet:
    """The same frames as a test part."""
    return replace(part, table=part.table.assign(split="test"))


def cycle_recipe(study: Study, batches: tuple[training.Batches, int], *more: object) -> Recipe:
    """One cycle of the study's length and peak."""
    return Recipe(study.one_cycle.peak, study.one_cycle.epochs, *batches, more=more)


def run_recipe(
    study: Study, frames: FrameSet, held_out: FrameSet, recipe: Recipe, on_epoch: training.OnEpoch = lambda row: None
) -> Run:
    """Train a network by a recipe and score `held_out` after each epoch; `frames` tell this run from others.

    Resumes after the last whole epoch, and ends at once where a run of the same inputs and code is finished.
    """
    torch.manual_seed(study.seed)  # the last layer's first weights
    model, origin = architectures.build(study.resnet)
    folder = paths.runs() / study.name / f"resnet-{_key(study, frames, recipe, origin)}"
    run = Run(recipe.lr, pd.DataFrame(), folder, origin, held_out)
    told = {"on_epoch": on_epoch, "keep": lambda history: replace(run, history=history).best}
    history = descend(model, recipe, study.resnet, lambda model: _evaluate(model, held_out, study), folder, **told)
    return replace(run, history=history)


def descend(
    model: nn.Module, recipe: Recipe, params: ResNetParams, evaluate: training.Evaluate, folder: Path, **more: Callable
) -> pd.DataFrame:
    """Train a model in place by a recipe; its history. Also takes `on_epoch` and `keep` of `training.fit`."""

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        return classifier.cross_entropy_loss(model, images, labels, params)

    optimizer = torch.optim.SGD(model.parameters(), recipe.lr, params.momentum, weight_decay=recipe.weight_decay)
    if recipe.cycle:
        more["by_batch"] = training.one_cycle(optimizer, recipe.lr, recipe.epochs * recipe.steps)
    else:
        more["by_epoch"] = lr_scheduler.ExponentialLR(optimizer, recipe.decay)
    return training.fit(model, optimizer, recipe.batches, loss, evaluate, recipe.epochs, folder, **more)


def _evaluate(model: nn.Module, held_out: FrameSet, study: Study) -> tuple[dict, dict]:
    logits = classifier.logits(model, held_out.crops, study.resnet)
    numbers: dict[str, float] = {}
    for name in held_out.table["split"].unique():
        rows = (held_out.table["split"] == name).to_numpy()
        right = (classifier.p_fake(logits[rows]) >= 0.5) == held_out.labels[rows]
        numbers[f"{name}_loss"] = classifier.cross_entropy(logits[rows], held_out.labels[rows])
        numbers[f"{name}_acc"] = float(np.mean(right))
    return numbers, {"logits": logits}


def _key(study: Study, frames: FrameSet, recipe: Recipe, origin: str) -> str:
    # A run is of one rate, whatever others the study names, and of the first weights found, not of those wished for.
    network = replace(study.resnet, learning_rates=(), weights="")
    first = "random weights" if origin.startswith("random weights") else origin
    if Path(study.resnet.weights).is_file() and not study.resnet.weights_sha256:
        first = cache.sha256(Path(study.resnet.weights))
    how = recipe.lr, recipe.epochs, recipe.cycle, recipe.decay, recipe.weight_decay, *recipe.more
    return cache.key(__name__, network, study.seed, first, frames.crops, frames.table, *how)[:12]


def network_alone(params: ResNetParams) -> ResNetParams:
    """The parameters that tell what the network computes, without those of its training and first weights."""
    return replace(params, weights="", weights_sha256="", learning_rates=())


def network(weights: Path, params: ResNetParams) -> nn.Module:
    """The network of a finished run from its weight file; DfdError where that is missing or damaged."""
    model, _ = architectures.build(network_alone(params))
    model.load_state_dict(weight_files.read(weights, f"delete {weights.parent} and train again")[0])
    return model


@cache.stage
def _p_fake(crops: np.ndarray, weights: Path, params: ResNetParams) -> np.ndarray:
    return classifier.p_fake(classifier.logits(network(weights, params), crops, params))
