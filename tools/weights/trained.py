"""Train a network of a recipe, score it on validation, choose among seeds, and put its score on the shipped scale."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from dfdlib.core import training, weight_files
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.detector import looking
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import classifier
from tools.weights import faces, judged, learning
from tools.weights.learning import Recipe

EVERY = 4  # one validation frame in so many is scored after each epoch

# Read once a process, as they are the same for each seed; crops of another size or margin stay in memory beside them.
sources = functools.cache(judged.sources)
_real_faces = functools.cache(faces.real_faces)


@dataclass(frozen=True)
class Trained:
    """A network of one seed, and its scores of validation: columns source, label, p_fake and frames.COLUMNS."""

    seed: int
    network: nn.Module
    validation: pd.DataFrame
    history: pd.DataFrame = field(default_factory=pd.DataFrame)  # a row an epoch, on one validation frame in EVERY


def train(
    study: Study,
    recipe: Recipe,
    seed: int,
    on_epoch: training.OnEpoch = lambda row: None,
    teachers: Sequence[nn.Module] = (),
) -> Trained:
    """Train, or resume; nothing of the test part is read."""
    margin = round(sum(recipe.how.margin) / 2, 3)  # of OURS exactly that of `dfd predict`, so that crops are read once
    crops = replace(looking.FACE, size=recipe.network.input_size, margin=margin)
    found = sources(study, "val", crops, EVERY)

    def evaluate(model: nn.Module) -> tuple[dict, dict]:
        return judged.summary(scored(model, found, recipe.network)), {}

    network, history, _ = learning.train(recipe, _real_faces(study, "train"), evaluate, seed, on_epoch, teachers)
    scores = scored(network, sources(study, "val", crops), recipe.network)
    return Trained(seed, network, scores, history.assign(pairs=history["epoch"] * recipe.steps * recipe.pairs))


def scored(model: nn.Module, found: dict[str, FrameSet], params: ResNetParams) -> pd.DataFrame:
    """The score table of every source, with the column source."""
    tables = [
        part.scored(classifier.p_fake(classifier.logits(model, part.crops, params))).assign(source=name)
        for name, part in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def median(trained: list[Trained]) -> Trained:
    """That with the median of the mean AUC on validation; of an even number the lower of the middle two."""
    order = sorted(trained, key=lambda one: judged.summary(one.validation)["macro_auc"])
    return order[(len(order) - 1) // 2]


def calibrate(one: Trained) -> nn.Module:
    """The network with its logits scaled and shifted so that p_fake is 0.5 at validation's threshold.

    Their scale is the one that minimizes the cross-entropy on validation, each source and label counting the same.
    """
    offset, slope = judged.calibration(one.validation)
    last = one.network.get_submodule("classifier")
    with torch.no_grad():
        last.weight *= slope
        last.bias *= slope
        last.bias += torch.tensor([-0.5, 0.5]) * slope * offset
    return one.network


def save_network(model: nn.Module, path: Path) -> Path:
    """Write a network's tensors with numbers in 16 bits, which halves the file; returns `path`."""
    state = model.state_dict()
    return weight_files.write(
        path, {n: value.half() if value.is_floating_point() else value for n, value in state.items()}
    )
