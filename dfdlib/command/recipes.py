"""The study's training runs by name, for the command `dfd train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from dfdlib.command import check
from dfdlib.core import repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics
from dfdlib.experiments import comparisons
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, finetune, heads
from dfdlib.resnet.finetune import Run

RECIPES: dict[str, Callable[[Study, FrameSet], Run | pd.DataFrame]] = {
    "paper": finetune.paper_recipe,
    "one-cycle": finetune.one_cycle,
    "one-cycle-validated": finetune.one_cycle_validated,  # without the validation frames, which it scores instead
    "no-fakes": lambda study, found: finetune.no_fakes(finetune.small(study), found),
    "fwa": finetune.fwa,
    "frozen": heads.linear,  # the quick path
}
ONCE = ("one-cycle-validated",)  # whatever number of trainings the study asks for: a check, and no claim


def train_by_name(name: str, recipe: str) -> Iterator[str]:
    """Train by a recipe, as often as the study asks, or all that `compare` compares; yields lines of test scores.

    Raises DfdError for a recipe that does not exist.
    """
    if recipe not in (*RECIPES, "compare"):
        raise DfdError(f"There is no recipe {recipe!r}; choose one of: {', '.join(RECIPES)}, compare.")
    study = studies.load(name)
    check.check_places(study)
    repro.start(study.seed, study.threads)
    found = frames.of_study(study)
    if recipe == "compare":
        for row in comparisons.comparison_rows(study, found):
            yield f"{row['kind']}: {row['name']}: accuracy of frames {row['frame_acc']:.3f}, AUC {row['frame_auc']:.3f}"
        return
    done = [RECIPES[recipe](own, found) for own in ([study] if recipe in ONCE else finetune.trainings(study))]
    yield f"first weights: {done[0].origin if isinstance(done[0], Run) else architectures.build(study.resnet)[1]}"
    scores = [comparisons.test_scores(one) for one in done]
    for key, estimate in metrics.evaluate(scores, study.bootstrap).items():
        yield f"{name} {recipe} {key}: {estimate}"
