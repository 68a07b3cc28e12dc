"""Recipes compared on validation alone, as detector.py is told: no face of a test part is read here."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from scipy import special

from dfdlib.core import training
from dfdlib.core.studies import Study
from dfdlib.detector import looking, shipped
from dfdlib.evaluation import metrics, results
from dfdlib.experiments import transfer
from tools.weights import judged
from tools.weights.learning import Recipe
from tools.weights.recipes import ABLATION, ABLATION_SEEDS, BASE, LEFT_OUT, OURS, RECIPES, SEEDS, TAUGHT, TEACHERS
from tools.weights.trained import Trained, scored, sources, train

WITH_POSE = "mean with head pose"
MEAN_OF_SCORES, MEAN_OF_WEIGHTS = "mean of all scores", "mean of all weights"


def compared(study: Study, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Each of RECIPES on validation, alone and in the mean with the head pose; yields the lines to print.

    Their curves, epoch by epoch, go to the table detector_curves.
    """
    by_pose = _by_pose(study)
    rows, curves = [{"recipe": "head pose alone"} | judged.summary(by_pose)], []
    for name, recipe in RECIPES.items():
        trained = train(study, recipe, 1, on_epoch)
        curves.append(trained.history.drop(columns="seconds").assign(recipe=name, seed=1))
        about = {"pairs": recipe.epochs * recipe.steps * recipe.pairs}
        rows.append({"recipe": name} | about | judged.summary(trained.validation))
        rows.append({"recipe": f"{name}, {WITH_POSE}"} | about | judged.summary(_mean(trained.validation, by_pose)))
    results.write_table(study.name, "detector_curves", pd.concat(curves))
    yield results.write_table(study.name, "detector_recipes", pd.DataFrame(rows)).round(3).T.to_string()


def ablated(study: Study, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Train each of ABLATION, then networks that TEACHERS teach; score validation alone.

    OURS and the taught networks have SEEDS seeds, the others ABLATION_SEEDS. The former two are also scored in the mean
    with the head pose, and those of OURS together (seed 0). The curves go to the table detector_ablation_curves, what
    `left_out` finds to detector_left_out. Yields the lines to print.
    """
    trained: dict[str, list[Trained]] = {}
    for name, recipe in ABLATION.items():
        seeds = range(1, 1 + (SEEDS if recipe is OURS else ABLATION_SEEDS))
        trained[name] = [train(study, recipe, seed, on_epoch) for seed in seeds]
    teachers = [one.network for name, count in TEACHERS.items() for one in trained[name][:count]]
    trained[TAUGHT] = [train(study, OURS, seed, on_epoch, teachers) for seed in range(1, 1 + SEEDS)]
    rows = []
    for name, runs in trained.items():
        rows += [{"recipe": name, "seed": one.seed} | judged.summary(one.validation) for one in runs]
        rows += _with_pose(study, name, runs) if name in (BASE, TAUGHT) else []
        rows += _joined(study, name, runs) if name == BASE else []
    named = ((name, one) for name, runs in trained.items() for one in runs)
    curves = [one.history.drop(columns="seconds").assign(recipe=name, seed=one.seed) for name, one in named]
    results.write_table(study.name, "detector_ablation_curves", pd.concat(curves))
    results.write_table(study.name, "detector_left_out", left_out(trained, study.bootstrap))
    yield results.write_table(study.name, "detector_ablation", pd.DataFrame(rows)).round(3).T.to_string()


def _with_pose(study: Study, name: str, runs: list[Trained]) -> list[dict]:
    """Rows of each network in the mean with the head pose."""
    by_pose = _by_pose(study)
    both = ((one.seed, _mean(one.validation, by_pose)) for one in runs)
    return [{"recipe": f"{name}, {WITH_POSE}", "seed": seed} | judged.summary(scores) for seed, scores in both]


def _joined(study: Study, name: str, runs: list[Trained]) -> list[dict]:
    """Rows of all networks together."""
    found = together(study, OURS, runs).items()
    return [{"recipe": f"{name}, {how}", "seed": 0} | judged.summary(scores) for how, scores in found]


def left_out(trained: dict[str, list[Trained]], resamples: int) -> pd.DataFrame:
    """Validation on each source of LEFT_OUT, and what is made from it, by networks that learned without it or with it.

    The threshold is each network's own, set without these faces for all. Columns tested, recipe, seed and those of
    transfer.test_row.
    """
    rows = []
    for recipe, source in LEFT_OUT.items():
        for name in (recipe, BASE, TAUGHT):
            for one in trained[name]:
                about = {"recipe": name, "seed": one.seed}
                rows += [about | row for row in _at_others_threshold(one.validation, source, resamples)]
    table = pd.DataFrame(rows)
    return table[["tested", *table.columns.drop("tested")]]


def _at_others_threshold(scores: pd.DataFrame, source: str, resamples: int) -> Iterator[dict]:
    """Tests of a source and what is made from it, at the threshold that the other sources' real faces set."""
    own = scores["source"].isin(judged.FAMILIES[source])
    shift = metrics.THRESHOLD - judged.threshold_for(scores[~own])
    for name, part in scores[own].groupby("source", sort=False):
        yield {"tested": name} | transfer.test_row(part.assign(p_fake=part["p_fake"] + shift), resamples)


def together(study: Study, recipe: Recipe, trained: list[Trained]) -> dict[str, pd.DataFrame]:
    """Validation by the mean of the networks' logits, and by one network that has the mean of their weights."""
    tables, states = [one.validation for one in trained], [one.network.state_dict() for one in trained]
    logits = np.mean([judged.logits(table["p_fake"]) for table in tables], axis=0)
    network = copy.deepcopy(trained[0].network)
    network.load_state_dict({name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]})
    of_weights = scored(network, sources(study, "val", looking.FACE), recipe.network)
    return {MEAN_OF_SCORES: tables[0].assign(p_fake=special.expit(logits)), MEAN_OF_WEIGHTS: of_weights}


@functools.cache
def _by_pose(study: Study) -> pd.DataFrame:
    """The head pose's score table of every source of validation."""
    found = sources(study, "val", looking.FACE).items()
    return pd.concat(part.scored(shipped.by_pose(part.points)).assign(source=name) for name, part in found)


def _mean(scores: pd.DataFrame, by_pose: pd.DataFrame) -> pd.DataFrame:
    """The mean of both branches, as `dfd predict --rule mean` takes it."""
    scaled = judged.on_shipped_scale(scores)
    return scaled.assign(p_fake=(scaled["p_fake"] + by_pose["p_fake"].to_numpy()) / 2)
