"""The study's training runs by name, for the command `dfd train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from dfdlib import compare, detectormeasure, finetune, frames, heads, metrics, networks, profile, repro, srbench
from dfdlib.errors import DfdError
from dfdlib.finetune import Run
from dfdlib.frames import FrameSet
from dfdlib.profile import Study

RECIPES: dict[str, Callable[[Study, FrameSet], Run | pd.DataFrame]] = {
    "paper": finetune.paper,
    "one-cycle": finetune.one_cycle,
    "one-cycle-validated": finetune.one_cycle_validated,  # without the validation frames, which it scores instead
    "no-fakes": lambda study, found: finetune.no_fakes(finetune.small(study), found),
    "fwa": compare.fwa,
    "frozen": heads.linear,  # the quick path
}


def carry_out(name: str, recipe: str) -> Iterator[str]:
    """Train by a recipe, or all that `compare` compares; one line of scores on the test part for each run.

    "superres" and "detector" train the networks that the library ships, and name their files.

    Raises DfdError for a recipe that does not exist.
    """
    if recipe not in (*RECIPES, "compare", "superres", "detector"):
        raise DfdError(
            f"There is no recipe {recipe!r}; choose one of: {', '.join(RECIPES)}, compare, superres, detector."
        )
    study = profile.load(name)
    repro.start(study.seed, study.threads)
    if recipe == "superres":
        yield from map(str, srbench.train_all(study, srbench.Recipe(), print))
        return
    if recipe == "detector":
        yield from detectormeasure.train_and_measure(study)
        return
    found = frames.load(study)
    if recipe == "compare":
        for row in compare.rows(study, found):
            yield f"{row['kind']}: {row['name']}: accuracy of frames {row['frame_acc']:.3f}, AUC {row['frame_auc']:.3f}"
        return
    done = RECIPES[recipe](study, found)
    yield f"first weights: {done.origin if isinstance(done, Run) else networks.build(study.resnet)[1]}"
    scores = done.scores(done.best).query("split == 'test'") if isinstance(done, Run) else done
    for key, estimate in metrics.evaluate(scores, study.bootstrap).items():
        yield f"{name} {recipe} {key}: {estimate}"
