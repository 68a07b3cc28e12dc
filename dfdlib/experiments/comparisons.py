"""The paper's network compared with other networks, recipes, splits and initial weights: hours of training."""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dfdlib.core import cache, parallel
from dfdlib.core.studies import Study
from dfdlib.evaluation import aloud, arbiter, metrics, results
from dfdlib.experiments import pose_factorial, pretraining
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pose_features, worldmodel
from dfdlib.resnet import architectures, classifier, finetune, heads
from dfdlib.resnet.finetune import Run

NETWORKS = ("resnet18", "resnet20", "resnet50", "resnet101", "resnetv2_50")  # the paper's and others
FOLDS = 5
# The names in the tables, in words.
WORDS = {
    "split": "Splits (ResNet-18)",
    "network": "Networks",
    "recipe": "Recipes (ResNet-50 unless named)",
    "first weights": "Initial weights (ResNet-18)",
    "resnet18": "ResNet-18",
    "resnet20": "ResNet-20",
    "resnet50": "ResNet-50",
    "resnet50, then a GRU over a clip's frames": "ResNet-50, then a GRU over frames",
    "resnet101": "ResNet-101",
    "resnetv2_50": "ResNet-50 v2 (pre-activation)",
    "pairs, the published test part": "the published test part",
    "ResNet-18, FWA's: rate 0.001, 5 % less an epoch, no momentum": "ResNet-18, FWA's schedule without momentum",
    "the paper's, rate and epoch chosen on validation": "the paper's, chosen on validation",
    "by frame": "frames at random",
    "by pair": "pairs at random",
    "by published": "the published test part",
    "by person": "people, five folds",
    "resnet": "ResNet-18, one cycle",
    "headpose": "Head pose of Yang et al.",
    "mean": "Mean of both",
}
STEPS = 7  # training steps, of whose times the median is reported


def comparison_table(study: Study, frames: FrameSet) -> pd.DataFrame:
    """One row per comparison: columns kind, name, videos, each score with its interval, and `size` for networks.

    Every run uses the one-cycle recipe and the study's initial weights, unless its row says otherwise. Finished runs
    are reused, so an interruption costs little.
    """
    return pd.DataFrame(list(comparison_rows(study, frames)))


def comparison_rows(study: Study, frames: FrameSet) -> Iterator[dict]:
    """The rows of `comparison_table`, the quickest first."""
    small, row = finetune.small(study), functools.partial(scores_row, study)
    yield row("split", "pairs, the published test part", finetune.one_cycle(small, frames))
    yield row("split", "frames at random, one fold of five", in_folds(small, frames, "frame", folds=1))
    yield row("split", "pairs at random, one fold of five", in_folds(small, frames, "pair", folds=1))
    yield row("split", "people, five folds", in_folds(small, frames, "person"))
    for arch in NETWORKS:
        own = replace(study, resnet=replace(study.resnet, arch=arch, weights=_public(study.resnet.weights)))
        own = study if arch == study.resnet.arch else own
        run = finetune.one_cycle(own, frames)
        yield row("network", arch, run) | size(own)
        if arch == study.resnet.arch:
            yield row("network", f"{arch}, then a GRU over a clip's frames", heads.gru(own, frames, run))
    yield row("recipe", "the paper's, rate and epoch chosen on validation", finetune.paper_recipe(study, frames))
    yield row("recipe", "one cycle, the last epoch", finetune.one_cycle(study, frames))
    yield row("recipe", "ResNet-18, one cycle", finetune.one_cycle(small, frames))
    yield row("recipe", "ResNet-18, FWA's: rate 0.001, 5 % less an epoch, no momentum", finetune.fwa(small, frames))
    yield from starts(study, frames)


def scores_row(study: Study, kind: str, name: str, found: Run | pd.DataFrame) -> dict:
    """A row of the comparisons: the scores of the test part with their intervals."""
    scores = test_scores(found)
    columns = {"kind": kind, "name": name, "videos": scores["clip_id"].nunique(), "intervals": results.PRESENT_RULE}
    for key, estimate in metrics.evaluate(scores, study.bootstrap).items():
        columns |= estimate.columns(key)
    return columns


def test_scores(found: Run | pd.DataFrame) -> pd.DataFrame:
    """Scores of the test part, after a run's best epoch on validation if a run is given."""
    return found.scores(found.best).query("split == 'test'") if isinstance(found, Run) else found


def size(study: Study) -> dict[str, float]:
    """Parameters with the 1000-class head, billions of multiply-adds per crop, milliseconds per training step."""
    params = replace(study.resnet, weights="")
    parameters, operations = architectures.parameters_and_gmacs(params.arch, params.input_size)
    model, _ = architectures.build(params)
    images = torch.zeros(params.batch, 3, params.input_size, params.input_size)
    images, labels = images.contiguous(memory_format=torch.channels_last), torch.arange(params.batch) % 2
    optimizer, taken = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=params.momentum), []
    for _ in range(STEPS):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        classifier.cross_entropy_loss(model.train(), images, labels, params).backward()
        optimizer.step()
        taken.append(time.perf_counter() - start)
    return {"parameters": parameters, "gmacs": operations, "step_ms": 1000 * float(np.median(taken))}


def in_folds(study: Study, frames: FrameSet, unit: str, folds: int = FOLDS) -> pd.DataFrame:
    """Scores of the frames in the first `folds` of five folds, by networks that have not seen them.

    `unit` as in `pose_factorial.folds`: "frame" leaks, "person" does not. All rows belong to the part "test". One fold
    is trained at a time, or as many as the cluster has workers.
    """
    some = itertools.islice(pose_factorial.folds(frames.table, unit, study.seed), folds)
    calls = [(study, frames, *rows, unit, number) for number, rows in enumerate(some)]
    return pd.concat(parallel.each(_fold, calls, jobs=1)).sort_index()


def _fold(
    study: Study, frames: FrameSet, train_rows: np.ndarray, test_rows: np.ndarray, unit: str, number: int
) -> pd.DataFrame:
    recipe = finetune.cycle_recipe(study, finetune.labelled(frames.rows(train_rows), study), unit, number)
    run = finetune.run_recipe(study, frames, finetune.as_test(frames.rows(test_rows)), recipe)
    return run.scores(run.best).set_index(test_rows)


def starts(study: Study, frames: FrameSet) -> Iterator[dict]:
    """What pre-training gains a ResNet-18, with Tiny-ImageNet in place of ImageNet; empty without DFD_TINY_IMAGENET."""
    archive = pretraining.archive()
    if archive is None:
        return
    small = finetune.small(study)
    weights, _ = pretraining.tiny_imagenet(small, archive)
    recipes: dict[str, Callable[[Study, FrameSet], Run | pd.DataFrame]] = {
        "last layer alone": heads.linear,
        "one cycle": finetune.one_cycle,
        "no fakes seen": finetune.no_fakes,
        "the paper's recipe": finetune.paper_recipe,
    }
    random = replace(small, resnet=replace(small.resnet, weights=""))
    for name, own in {"Tiny-ImageNet": _from(small, weights), "random": random}.items():
        own = replace(own, resnet=replace(own.resnet, learning_rates=(max(study.resnet.learning_rates),)))
        for recipe, trained in recipes.items():
            yield scores_row(study, "first weights", f"{name}, {recipe}", trained(own, frames))


def _public(weights: str) -> str:
    """What other networks start from: the public weights too, where the study names them, but no file of its own."""
    return weights if weights == "imagenet" else ""


def _from(study: Study, weights: Path) -> Study:
    return replace(study, resnet=replace(study.resnet, weights=str(weights), weights_sha256=cache.sha256(weights)))


def leak_meter(study: Study, frames: FrameSet) -> pd.DataFrame:
    """A ResNet-18, the head pose of Yang et al. and their mean on four splits; rows as in `comparison_table`.

    The splits are one fold of five by frames and by pairs, all five folds by people, and the published test part, whose
    people appear in no other part either.
    """
    small = finetune.small(study)
    cycle = finetune.one_cycle(small, frames)
    scores = {
        "frame": in_folds(small, frames, "frame", folds=1),
        "pair": in_folds(small, frames, "pair", folds=1),
        "published": cycle.scores(cycle.best),
        "person": in_folds(small, frames, "person"),
    }
    world = worldmodel.world_model(study.headpose.world_model)
    features, found = pose_features.frame_features(frames, world, study.headpose.solver), []
    for split, faces in scores.items():
        pose = pose_factorial.out_of_fold(features, frames.table, split, study.seed).assign(split="test")
        for rule in ("resnet", "headpose", "mean"):
            both = arbiter.combine(faces, pose, (lambda r, h: h) if rule == "headpose" else rule)
            found.append(scores_row(study, f"by {split}", rule, both))
    return pd.DataFrame(found)


def in_words(found: pd.DataFrame) -> pd.DataFrame:
    """A table of comparisons with its kinds and names in words."""
    return found.assign(kind=found["kind"].replace(WORDS), name=found["name"].replace(WORDS))


def in_table(found: pd.DataFrame, index: dict[str, str]) -> pd.DataFrame:
    """A table of comparisons in words, each score with its interval; `index` maps columns to what its rows are called.

    Further columns: test videos, accuracy of frames, AUC of frames and of videos.
    """
    named, shown = in_words(found), {"test videos": found["videos"]}
    scores = {"frame_acc": "accuracy of frames", "frame_auc": "AUC of frames", "video_auc": "AUC of videos"}
    shown |= {words: aloud.column(found, key) for key, words in scores.items()}
    names = {words: named[column] for column, words in index.items()}
    return pd.DataFrame(names | shown).set_index(list(names))


def for_figure(found: pd.DataFrame, group: str = "kind") -> pd.DataFrame:
    """The comparisons' AUC of frames as rows for `score_figures.intervals`, grouped by "kind" or by "name".

    A star after a name: its interval is by an earlier rule, and its test videos are those in parentheses.
    """
    ends = {"frame_auc": "value", "frame_auc_low": "low", "frame_auc_high": "high"}
    name, words = "name" if group == "kind" else "kind", in_words(found)
    of_other_frames = " (" + found["videos"].astype(str) + " videos) *"
    words[name] += np.where(found["intervals"].str.startswith(results.PRESENT_RULE), "", of_other_frames)
    return words[[group, name, *ends]].rename(columns={group: "group", name: "name"} | ends)
