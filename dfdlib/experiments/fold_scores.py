"""The headline rows by person, from the score tables that `person_folds` wrote: no image and no torch is needed.

Everybody is scored by networks that have not seen them, and an AUC ranks the frames of all five folds together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import arbiter, metrics

KEYS = ["clip_id", "frame", "label", "pair", "person"]
FOLDS = 5
RECIPES = ("paper", "one_cycle", "no_fakes", "one_cycle_50")
SIDES = (24, 48, 64)  # pixels of the small faces; 24 was named before any of these scores was seen
SYSTEMS = {"system.paper": ("paper", "paper"), "system.ours": ("one_cycle", "yang")}  # the recipe and the head pose


def path(study_name: str, name: str, committed: bool = False) -> Path:
    """The score table of a recipe or of the head pose: of a run here, or the one that came with the repository."""
    folder = paths.published_results() if committed else paths.results(study_name)
    return folder / "person_folds" / f"{study_name}.{name}.csv"


def read(study_name: str, name: str, committed: bool = False) -> pd.DataFrame:
    """The score table at `path`; empty where there is none."""
    file = path(study_name, name, committed)
    return disk.read_frame(file) if file.is_file() else pd.DataFrame(columns=[*KEYS, "fold", "seed"])


def seeds(study_name: str, recipe: str, committed: bool = True) -> dict[int, list[int]]:
    """The folds that each seed of a recipe has scored; only seeds with all FOLDS are used."""
    table = read(study_name, recipe, committed)
    return {int(seed): sorted(set(own["fold"])) for seed, own in table.groupby("seed")}


def tables(study_name: str, recipe: str, variant: str, committed: bool = True) -> list[pd.DataFrame]:
    """The score table of all frames under a variant of the crops, such as "native", for each complete seed.

    DfdError where no seed is complete, or for an unknown variant.
    """
    found, scored = read(study_name, recipe, committed), seeds(study_name, recipe, committed)
    complete = [seed for seed, folds in scored.items() if len(folds) == FOLDS]
    if not complete:
        has = "; ".join(f"seed {seed} has folds {folds}" for seed, folds in scored.items()) or "it has no seed"
        file = path(study_name, recipe, committed)
        raise DfdError(f"{file} has no seed with all {FOLDS} folds ({has}); train the rest by `person_folds.complete`.")
    return [_scored(found[found["seed"] == seed], variant) for seed in complete]


def headpose(study_name: str, name: str, committed: bool = True) -> pd.DataFrame:
    """The score table of the head pose, "paper" or "yang"; DfdError where it has not been computed."""
    table = read(study_name, "headpose", committed)
    if table.empty:
        raise DfdError(f"There is no {path(study_name, 'headpose', committed)}; run `person_folds.write_headpose`.")
    return _scored(table, name)


def _scored(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """All rows in one order, as of a test part: out of fold, everybody is tested."""
    if variant not in table:
        known = ", ".join(column for column in table if column not in (*KEYS, "fold", "seed"))
        raise DfdError(f"The score table has no {variant!r}; choose one of: {known}.")
    table = table.sort_values(["clip_id", "frame"], ignore_index=True)
    return table[KEYS].assign(split="test", p_fake=table[variant])


def branches(study_name: str, committed: bool = True) -> dict[str, list[pd.DataFrame]]:
    """Score tables by branch, such as "resnet.paper", a table for each training; recipes without any are left out."""
    poses = {name: headpose(study_name, name, committed) for name in ("paper", "yang")}
    found = {f"headpose.{name}": [table] for name, table in poses.items()}
    trained = [recipe for recipe in RECIPES if FOLDS in map(len, seeds(study_name, recipe, committed).values())]
    for recipe in trained:
        found[f"resnet.{recipe}"] = tables(study_name, recipe, "native", committed)
        found[f"resnet.{recipe}.sr"] = tables(study_name, recipe, "fsrcnn first", committed)
    for name, (recipe, pose) in SYSTEMS.items():
        if recipe in trained:
            found[name] = [arbiter.combine(table, poses[pose], "mean") for table in found[f"resnet.{recipe}.sr"]]
    return found


def of_people(scored: Sequence[pd.DataFrame]) -> pd.Series:
    """The share of each person's frames that is judged right, over all trainings, in per cent; by person."""
    right = [(table["p_fake"] >= metrics.THRESHOLD) == table["label"] for table in scored]
    return 100 * pd.concat(right, axis=1).mean(axis=1).groupby(scored[0]["person"]).mean()


def spread(study_name: str, committed: bool = True) -> pd.DataFrame:
    """How far the accuracy of frames differs by seed and by person, as two standard deviations in percentage points.

    One row for each branch: of the seeds' accuracies over everybody (nan for a single training), which `each` lists,
    and of people's accuracies over all seeds, each person counting once.
    """
    found = []
    for branch, scored in branches(study_name, committed).items():
        right = [(table["p_fake"] >= metrics.THRESHOLD) == table["label"] for table in scored]
        by_seed, people = np.array([one.mean() for one in right]), of_people(scored)
        row = {"branch": branch, "seeds": len(scored), "mean": 100 * by_seed.mean(), "people": len(people)}
        row["each"] = ", ".join(f"{100 * accuracy:.1f}" for accuracy in by_seed)
        by_seed_sd = 100 * by_seed.std(ddof=1) if len(scored) > 1 else float("nan")
        found.append(row | {"sd_of_seeds": by_seed_sd, "sd_of_people": people.std()})
    return pd.DataFrame(found)
