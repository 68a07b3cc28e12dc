"""The headline rows by person: every clip of a study scored by a network that has seen nobody of its fold.

One training is a recipe, a seed and a fold. Its scores go to results/person_folds at once, so that a stopped
experiment goes on where it was, and every number follows from that table without images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dfdlib.core import disk, parallel, training
from dfdlib.core.studies import Study
from dfdlib.evaluation import results
from dfdlib.experiments import fold_scores, pose_factorial
from dfdlib.experiments.fold_scores import KEYS, SIDES
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.resnet import finetune
from dfdlib.resnet.finetune import Run
from dfdlib.superres import enlarging

SEEDS = 3  # of each recipe but those of NETWORKS: training is chaotic, and each run is one draw
EVERY = 2  # of a clip's frames one in so many is trained on: neighbours are nearly the same picture; all are scored


def variants() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What becomes of a crop (S, S, 3) before it is scored, by name. The shipped FSRCNN of CelebA enlarges."""
    model = enlarging.shipped_network(2, "celeba")
    found = {"native": lambda crop: crop, "fsrcnn first": lambda crop: enlarging.through(model, crop)}
    for side in SIDES:
        found[f"bicubic {side}"] = lambda crop, side=side: enlarging.small_and_back(crop, side)
        found[f"fsrcnn {side}"] = lambda crop, side=side: enlarging.small_and_back(crop, side, model)
    return found


def paper(study: Study, train: FrameSet) -> Run:
    """The paper's recipe: rate and epoch are chosen on the people of one fold in five of the training frames."""
    learned, chosen_on = pose_features.group_folds(train.labels, train.table["person"].to_numpy())[0]
    own, held_out = train.rows(learned), train.rows(chosen_on).one_in(EVERY)
    held_out = replace(held_out, table=held_out.table.assign(split="val"))
    batches = finetune.labelled(own.one_in(EVERY), study)
    recipes = [finetune.Recipe(lr, study.resnet.epochs, *batches, cycle=False) for lr in study.resnet.learning_rates]
    return finetune.choose([finetune.run_recipe(study, own, held_out, recipe) for recipe in recipes])


def one_cycle(study: Study, train: FrameSet) -> Run:
    """One cycle of the rate; the last epoch counts, so that nothing is chosen and everybody is trained on."""
    return _cycle(study, train, finetune.labelled(train.one_in(EVERY), study))


def no_fakes(study: Study, train: FrameSet) -> Run:
    """The same cycle on the same real frames, each with a fake that is blended from it, and on no other fake."""
    return _cycle(study, train, finetune.blended(train.one_in(EVERY), study), "no fakes")


def _cycle(study: Study, train: FrameSet, batches: tuple[training.Batches, int], *more: str) -> Run:
    held_out = finetune.as_test(train.rows(np.arange(2)))  # nothing is chosen by its scores
    return finetune.run_recipe(study, train, held_out, finetune.cycle_recipe(study, batches, *more))


RECIPES: dict[str, Callable[[Study, FrameSet], Run]] = {
    "one_cycle": one_cycle,
    "paper": paper,
    "no_fakes": no_fakes,
    "one_cycle_50": one_cycle,
}
NETWORKS = {"one_cycle_50": "resnetv2_50"}  # one reading of the paper's, trained once, randomly initialised


def folds(frames: FrameSet) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to train on and to score, for each of five folds by person."""
    return pose_features.group_folds(frames.labels, frames.table["person"].to_numpy())


def train_and_score(study: Study, frames: FrameSet, recipe: str, fold: int) -> pd.DataFrame:
    """One training: columns fold, seed, KEYS and p_fake under each of `variants`, four decimals."""
    if recipe in NETWORKS:
        study = replace(study, resnet=replace(study.resnet, arch=NETWORKS[recipe], weights=""))
    train, test = (frames.rows(rows) for rows in folds(frames)[fold])
    run = RECIPES[recipe](study, train)
    table = test.table[KEYS].assign(fold=fold, seed=study.seed)
    for name, change in variants().items():
        changed = test.with_crops(np.stack([change(crop) for crop in test.crops]))
        table[name] = run.score(changed, study)["p_fake"].round(4).to_numpy()
    return table


def complete(study: Study, frames: FrameSet, recipe: str, seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Train what the table lacks, seed by seed, as many folds at once as `study.jobs`; yields seed and fold."""
    for seed in seeds:
        own = replace(study, seed=seed)
        missing = [fold for fold in range(len(folds(frames))) if (seed, fold) not in _done(study.name, recipe)]
        calls = [(own, frames, recipe, fold) for fold in missing]
        for fold, _ in zip(missing, parallel.each(_kept, calls, study.jobs), strict=True):
            yield seed, fold


def _kept(study: Study, frames: FrameSet, recipe: str, fold: int) -> int:
    found = train_and_score(study, frames, recipe, fold)
    results.add_rows(fold_scores.path(study.name, recipe), found, ["seed", "fold"], ["clip_id", "frame"])
    return fold


def _done(study_name: str, recipe: str) -> set[tuple[int, int]]:
    scored = fold_scores.seeds(study_name, recipe, committed=False)
    return {(seed, fold) for seed, folds in scored.items() for fold in folds}


def write_headpose(study: Study, frames: FrameSet) -> pd.DataFrame:
    """Score all frames by SVMs on the head pose that have seen nobody of a frame's fold, and keep the table.

    "paper" is the paper's feature (OpenCV's default solver, default SVM), "yang" that of Yang et al.
    """
    world, solved = worldmodel.world_model(study.headpose.world_model), {}
    for solver in {"iterative", study.headpose.solver}:
        solved[solver] = pnp.whole_and_central(frames.points, frames.sizes, world, solver)
    features = {
        "paper": (pose_features.paper_feature(*solved["iterative"]), "default"),
        "yang": (pose_features.yang_feature(*solved[study.headpose.solver]), "standardized"),
    }
    table = frames.table[KEYS].reset_index(drop=True)
    for name, (feature, svm) in features.items():
        scored = pose_factorial.out_of_fold(feature, frames.table, "person", study.seed, svm)
        table[name] = scored["p_fake"].round(4)
    with disk.replacing(fold_scores.path(study.name, "headpose")) as partial:
        table.sort_values(["clip_id", "frame"]).to_csv(partial, index=False)
    return table


def train_all(study: Study, frames: FrameSet) -> None:
    """The recipes with each of SEEDS, and the head pose, as far as they are missing: a day on two cores."""
    small = finetune.small(study)
    write_headpose(study, frames)
    for recipe in RECIPES:
        trainings = 1 if recipe in NETWORKS else SEEDS
        for _ in complete(small, frames, recipe, range(study.seed, study.seed + trainings)):
            pass
