"""The headline rows by person, from the score tables that `person_folds` wrote: no image and no torch is needed.

Everybody is scored by networks that have not seen them, and an AUC ranks the frames of all five folds together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import uadfv
from dfdlib.evaluation import arbiter, intervals, metrics, results
from dfdlib.evaluation.intervals import Estimate

KEYS = ["clip_id", "frame", "label", "pair", "person"]
FOLDS = 5
RECIPES = ("paper", "one_cycle")
SIDES = (24, 48, 64)  # pixels of the small faces; 24 was named before any of these scores was seen
ATTACK_SIDE = 64  # of the attack's rows: half a crop, as FSRCNN then enlarges to its full size
MEASURES = {"frame_acc": ("acc", "frames"), "video_acc": ("acc", "videos"), "frame_auc": ("auc", "frames")}
# The paired differences of accuracy: a branch, the one that it is compared with.
GAINS = {
    "sr.native.frame_acc_gain": ("resnet.one_cycle.sr", "resnet.one_cycle"),
    "system.paper.frame_acc_gain": ("system.paper", "resnet.paper"),
    "system.ours.frame_acc_gain": ("system.ours", "resnet.one_cycle"),
}
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


def rows(study: Study, committed: bool = True) -> dict[str, Estimate]:
    """The numbers by id: accuracy of frames and videos, AUC of frames, forced choice, and the paired differences."""
    by_branch, found = branches(study.name, committed), {}
    for branch, scored in by_branch.items():
        if not branch.endswith(".sr"):
            found |= {f"folds.{branch}.{key}": _estimate(scored, key, study.bootstrap) for key in MEASURES}
            found[f"folds.{branch}.forced_choice"] = metrics.paired_choice(scored, study.bootstrap)
    for key, (branch, other) in GAINS.items():
        if branch in by_branch:
            pair = by_branch[branch], by_branch[other]
            found[f"folds.{key}"] = metrics.difference(*pair, "acc", "frames", study.bootstrap)
    if "resnet.one_cycle" in by_branch:
        small = _small(study, "one_cycle", committed)
        found |= {f"folds.sr.{name}.frame_auc_gain": gain for name, gain in small.items()}
        found |= {f"folds.attack.{key}": value for key, value in _attack_rows(study, committed).items()}
    return found


def record_rows(study: Study, committed: bool = False) -> pd.DataFrame:
    """Record `rows`; returns them as a table: id, value, low, high, n, unit, people, trainings."""
    found = {key: results.record(study.name, key, value) for key, value in rows(study, committed).items()}
    return pd.DataFrame([{"id": key} | vars(value) for key, value in found.items()])


def _estimate(scored: Sequence[pd.DataFrame], key: str, resamples: int) -> Estimate:
    statistic, unit = MEASURES[key]
    counted = [metrics.to_videos(table) for table in scored] if unit == "videos" else scored
    return metrics.estimate(counted, statistic, unit, resamples)


def _small(study: Study, recipe: str, committed: bool) -> dict[str, Estimate]:
    """FSRCNN's AUC minus bicubic's for faces of each of SIDES, and of the first for people new to that height."""
    found = {}
    for side in SIDES:
        pair = [tables(study.name, recipe, f"{way} {side}", committed) for way in ("fsrcnn", "bicubic")]
        found[str(side)] = metrics.difference(*pair, "auc", "frames", study.bootstrap)
        if side == SIDES[0]:
            pair = [[new_people(table) for table in scored] for scored in pair]
            found[f"{side}.new_people"] = metrics.difference(*pair, "auc", "frames", study.bootstrap)
    return found


def new_people(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the people of the published test part, on whom the first of SIDES was noticed."""
    seen = set(table.loc[table["pair"].isin([f"{number:04d}" for number in uadfv.TEST]), "person"])
    return table[~table["person"].isin(seen)].reset_index(drop=True)


def small_faces(study: Study, recipe: str, committed: bool = True) -> pd.DataFrame:
    """Small faces enlarged by FSRCNN or by bicubic interpolation: AUC of frames, the gain, p and Holm's p for SIDES.

    24 pixels was named beforehand, from the published split; 48 and 64 are corrected with it.
    """
    gains = list(map(_small(study, recipe, committed).get, map(str, SIDES)))
    table = pd.DataFrame({"side": SIDES})
    for way in ("bicubic", "fsrcnn"):
        scored = (tables(study.name, recipe, f"{way} {side}", committed) for side in SIDES)
        table[way] = [_estimate(own, "frame_auc", study.bootstrap).value for own in scored]
    table = table.join(pd.DataFrame([gain.columns("gain") for gain in gains]))
    p = [intervals.p_value(gain) for gain in gains]
    return table.assign(detectable=[intervals.detectable(gain) for gain in gains], p=p, holm=intervals.holm(p))


def attacked(study_name: str, recipe: str, variant: str, committed: bool = True) -> list[pd.DataFrame]:
    """Score tables in which the fakes alone went through a variant, and the real frames are as they were."""
    pairs = zip(*(tables(study_name, recipe, name, committed) for name in ("native", variant)), strict=True)
    return [left.assign(p_fake=left["p_fake"].where(left["label"] == 0, sent["p_fake"])) for left, sent in pairs]


def attack(study: Study, recipe: str, committed: bool = True) -> pd.DataFrame:
    """The attack of Coccomini et al. (arXiv 2407.02670): fakes made small and brought back, so that they pass as real.

    A row for the crops as they are, and one for each of SIDES and ways: `missed`, the share of fakes called real, and
    `auc` of frames, each with interval and with the paired change from the crops as they are.
    """
    own = pd.DataFrame([{"height": study.faces.size, "way": "bicubic"} | _levels(study, recipe, "native", committed)])
    found = [
        {"height": side, "way": way} | _levels(study, recipe, f"{way.lower()} {side}", committed)
        for way in ("FSRCNN", "bicubic")
        for side in SIDES
    ]
    return pd.concat([own, pd.DataFrame(found)], ignore_index=True)


def _levels(study: Study, recipe: str, variant: str, committed: bool) -> dict[str, float]:
    scored = attacked(study.name, recipe, variant, committed)
    auc = _estimate(scored, "frame_auc", study.bootstrap)
    row = missed(scored, study.bootstrap).columns("missed") | auc.columns("auc")
    if variant != "native":
        plain = tables(study.name, recipe, "native", committed)
        found = metrics.difference(_fakes(plain), _fakes(scored), "acc", "frames", study.bootstrap)
        row |= found.columns("more missed")
        row |= metrics.difference(scored, plain, "auc", "frames", study.bootstrap).columns("auc change")
    return row


def _fakes(scored: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    return [table[table["label"] == 1].reset_index(drop=True) for table in scored]


def missed(scored: Sequence[pd.DataFrame], resamples: int) -> Estimate:
    """The share of fake frames that are called real."""
    return _wrong(_fakes(scored), "fake frames", resamples)


def called_fake(scored: Sequence[pd.DataFrame], resamples: int) -> tuple[Estimate, Estimate]:
    """The shares of real frames and of fake frames that are called fake."""
    real = [table[table["label"] == 0].reset_index(drop=True) for table in scored]
    found = metrics.estimate(_fakes(scored), "acc", "fake frames", resamples)
    return _wrong(real, "real frames", resamples), found


def _wrong(scored: Sequence[pd.DataFrame], unit: str, resamples: int) -> Estimate:
    right = metrics.estimate(scored, "acc", "frames", resamples)
    ends = (1 - end for end in (right.value, right.high, right.low))
    return Estimate(*ends, right.n, unit, right.people, right.trainings)


def _attack_rows(study: Study, committed: bool) -> dict[str, Estimate]:
    """Misses of fakes as they are and of attacked ones, and what an attack changes in AUC, at ATTACK_SIDE."""
    plain, found = tables(study.name, "one_cycle", "native", committed), {}
    found["native.miss_rate"] = missed(plain, study.bootstrap)
    for way in ("fsrcnn", "bicubic"):
        scored = attacked(study.name, "one_cycle", f"{way} {ATTACK_SIDE}", committed)
        found[f"{way}.miss_rate"] = missed(scored, study.bootstrap)
        found[f"{way}.frame_auc"] = _estimate(scored, "frame_auc", study.bootstrap)
        found[f"{way}.frame_auc_gain"] = metrics.difference(scored, plain, "auc", "frames", study.bootstrap)
    return found


def changed_verdicts(study: Study, recipe: str, committed: bool = True) -> Estimate:
    """The share of verdicts that super-resolution first changes, at the crops' own size, as a mean over trainings."""
    native, enlarged = (tables(study.name, recipe, name, committed) for name in ("native", "fsrcnn first"))
    fake = [np.array([table["p_fake"] >= metrics.THRESHOLD for table in scored]) for scored in (native, enlarged)]
    changed = (fake[0] != fake[1]).mean(axis=0)
    share = metrics.mean_over_people(changed, native[0]["person"], "frames", study.bootstrap)
    return replace(share, low=max(share.low, 0.0), trainings=len(native))


def of_people(scored: Sequence[pd.DataFrame]) -> pd.Series:
    """The share of each person's frames that is judged right, over all trainings, in per cent; by person."""
    right = [(table["p_fake"] >= metrics.THRESHOLD) == table["label"] for table in scored]
    return 100 * pd.concat(right, axis=1).mean(axis=1).groupby(scored[0]["person"]).mean()


def spread(study_name: str, committed: bool = True) -> pd.DataFrame:
    """How far the accuracy of frames differs by seed and by person, as two standard deviations in percentage points.

    One row for each branch: of the seeds' accuracies over everybody (nan for a single training), and of people's
    accuracies over all seeds, each person counting once.
    """
    found = []
    for branch, scored in branches(study_name, committed).items():
        right = [(table["p_fake"] >= metrics.THRESHOLD) == table["label"] for table in scored]
        by_seed, people = np.array([one.mean() for one in right]), of_people(scored)
        row = {"branch": branch, "seeds": len(scored), "mean": 100 * by_seed.mean(), "people": len(people)}
        by_seed_sd = 100 * by_seed.std(ddof=1) if len(scored) > 1 else float("nan")
        found.append(row | {"sd_of_seeds": by_seed_sd, "sd_of_people": people.std()})
    return pd.DataFrame(found)
