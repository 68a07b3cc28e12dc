"""Is it better to learn from a data set's fakes or from none? The same network both ways, on the same frames.

The scores are a table, results/no_fakes, from which the gains follow without images.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from scipy import special

from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import transfer
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import finetune
from dfdlib.resnet.finetune import Run

TABLE = "no_fakes"
MOST = 99.0  # of a logit, which is infinite for a p_fake of exactly 0 or 1
RECIPES: dict[str, Callable[[Study, FrameSet], Run]] = {"no_fakes": finetune.no_fakes, "one_cycle": finetune.one_cycle}
COLUMNS = ["recipe", "seed", "tested", "clip_id", "frame", "label", "pair", "person", "split", "logit"]


def scores(study: Study, frames: FrameSet, tests: dict[str, FrameSet]) -> pd.DataFrame:
    """Scores with COLUMNS by both RECIPES, of all trainings, on every test.

    `study` names the network; `frames` are its frames, of which the training part and validation are learned from. In
    place of p_fake is its logit, since on other data most scores may be next to 0: with four decimals they would
    tie, and one AUC was a tenth off.
    """
    found = []
    for own in finetune.trainings(study):
        for recipe, train in RECIPES.items():
            run = train(own, frames)
            for tested, seen in tests.items():
                found.append(run.score(seen, own).assign(recipe=recipe, seed=own.seed, tested=tested))
    table = pd.concat(found, ignore_index=True)
    return table.assign(logit=special.logit(table["p_fake"].astype(float)).clip(-MOST, MOST))[COLUMNS]


def with_p_fake(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `scores` with p_fake."""
    return table.assign(p_fake=special.expit(table["logit"]))


def gains(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """`no_fakes.<tested>.frame_auc_gain`: AUC without fakes minus that with them, the mean over paired trainings.

    Tests with one label or few people have none.
    """
    return {
        f"no_fakes.{tested}.frame_auc_gain": metrics.difference(*sides.values(), "auc", "frames", resamples)
        for tested, sides in _sides(table).items()
    }


def numbers(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """The `gains`, and both AUCs: `no_fakes.<tested>.<recipe>.frame_auc`."""
    return gains(table, resamples) | {
        f"no_fakes.{tested}.{recipe}.frame_auc": metrics.estimate(own, "auc", "frames", resamples)
        for tested, sides in _sides(table).items()
        for recipe, own in sides.items()
    }


def _sides(table: pd.DataFrame) -> dict[str, dict[str, list[pd.DataFrame]]]:
    """By test and recipe the score table of each training."""
    telling = with_p_fake(table).groupby("tested", sort=False).filter(transfer.tells)
    return {
        tested: {name: [one for _, one in part[part["recipe"] == name].groupby("seed")] for name in RECIPES}
        for tested, part in telling.groupby("tested", sort=False)
    }


def record(study: Study, table: pd.DataFrame) -> dict[str, Estimate]:
    """Put the table into results/no_fakes and record its gains, which are returned; `dfd recompute` gives the AUCs."""
    results.write_table(study.name, TABLE, table)
    return {key: results.record(study.name, key, gain) for key, gain in gains(table, study.bootstrap).items()}
