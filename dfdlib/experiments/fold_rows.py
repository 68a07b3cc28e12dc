"""The numbers by person, from the score tables of `fold_scores`: the headline rows, small faces, and fakes made small.

Everybody is scored by networks that have not seen them, and an AUC ranks the frames of all five folds together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dfdlib.core.studies import Study
from dfdlib.data import uadfv
from dfdlib.evaluation import intervals, metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import fold_scores, identity
from dfdlib.experiments.fold_scores import SIDES, tables

ATTACK_SIDE = 64  # of the attack's rows: half a crop, as FSRCNN then enlarges to its full size
ATTACKED = {  # what networks learned from, and how
    "one_cycle": "from UADFV's fakes, by one cycle",
    "paper": "from UADFV's fakes, by the paper's recipe",
    "no_fakes": "from blends alone, by one cycle",
}
MEASURES = {"frame_acc": ("acc", "frames"), "video_acc": ("acc", "videos"), "frame_auc": ("auc", "frames")}
# The paired differences, of accuracy or AUC: a branch, the one that it is compared with.
GAINS = {
    "no_fakes.frame_auc_gain": ("resnet.no_fakes", "resnet.one_cycle"),
    "one_cycle_50.frame_acc_gain": ("resnet.one_cycle_50", "resnet.one_cycle"),
    "sr.native.frame_acc_gain": ("resnet.one_cycle.sr", "resnet.one_cycle"),
    "sr.paper.native.frame_acc_gain": ("resnet.paper.sr", "resnet.paper"),
    "system.paper.frame_acc_gain": ("system.paper", "resnet.paper"),
    "system.ours.frame_acc_gain": ("system.ours", "resnet.one_cycle"),
}


def rows(study: Study, committed: bool = True) -> dict[str, Estimate]:
    """The numbers by id: accuracy of frames and videos, AUC of frames, forced choice, and the paired differences."""
    by_branch, found = fold_scores.branches(study.name, committed), {}
    for branch, scored in by_branch.items():
        if not branch.endswith(".sr"):
            found |= {f"folds.{branch}.{key}": _estimate(scored, key, study.bootstrap) for key in MEASURES}
            found[f"folds.{branch}.forced_choice"] = metrics.paired_choice(scored, study.bootstrap)
    for key, (branch, other) in GAINS.items():
        if {branch, other} <= set(by_branch):
            pairs = zip(by_branch[branch], by_branch[other], strict=False)  # as many trainings of each
            statistic = key.split("_")[-2]
            found[f"folds.{key}"] = metrics.difference(*zip(*pairs, strict=True), statistic, "frames", study.bootstrap)
    for recipe in (name for name in fold_scores.RECIPES if f"resnet.{name}" in by_branch):
        own = "" if recipe == "one_cycle" else f"{recipe}."  # the recipe for which the first height was named
        small, attacks = _small(study, recipe, committed), _attack_rows(study, recipe, committed)
        found |= {f"folds.sr.{own}{name}.frame_auc_gain": gain for name, gain in small.items()}
        found[f"folds.sr.{own}changed_verdicts"] = changed_verdicts(study, recipe, committed)
        found |= {f"folds.attack.{own}{key}": value for key, value in attacks.items()}
    return found


def record_rows(study: Study, committed: bool = False) -> pd.DataFrame:
    """Record `rows`; returns them as a table: id, value, low, high, n, unit, people, trainings."""
    found = {key: results.record(study.name, key, value) for key, value in rows(study, committed).items()}
    return pd.DataFrame([{"id": key} | vars(value) for key, value in found.items()])


def over_sharpness(study: Study, sharpness: pd.DataFrame, committed: bool = True) -> dict[str, Estimate]:
    """What networks that learned without fakes have more than sharpness, whose score table by person is given.

    And the forced choice by sharpness, to stand beside theirs.
    """
    trained = tables(study.name, "no_fakes", "native", committed)
    plain = sharpness.sort_values(["clip_id", "frame"], ignore_index=True)
    more = metrics.difference(trained, [plain] * len(trained), "auc", "frames", study.bootstrap)
    choice = metrics.paired_choice([plain], study.bootstrap)
    return {
        "folds.no_fakes.over_sharpness.frame_auc_gain": more,
        "baselines.by_person.sharpness.forced_choice": choice,
    }


def over_networks(study: Study, distance: pd.DataFrame, committed: bool = True) -> dict[str, Estimate]:
    """What the distance to one face has more than networks that learned from UADFV's fakes, in accuracy of frames.

    `distance` is its score table by person, see `identity.scores`.
    """
    plain, found = distance.sort_values(["clip_id", "frame"], ignore_index=True), {}
    for recipe in ("paper", "one_cycle"):
        trained = tables(study.name, recipe, "native", committed)
        more = metrics.difference([plain] * len(trained), trained, "acc", "frames", study.bootstrap)
        found[f"identity.by_person.over_{recipe}.frame_acc_gain"] = more
    return found


def equally_far(study: Study, distances: pd.DataFrame, committed: bool = True) -> dict[str, Estimate]:
    """AUC of each way of learning among frames equally far from the fakes' face; `distances` of `identity.measure`."""
    found = {}
    scored = {recipe: fold_scores.seeds(study.name, recipe, committed).values() for recipe in ATTACKED}
    for recipe in (name for name, folds in scored.items() if fold_scores.FOLDS in map(len, folds)):
        trained = tables(study.name, recipe, "native", committed)
        near = [identity.with_distance(scored, distances, "by person") for scored in trained]
        found[f"identity.matched.{recipe}.frame_auc"] = identity.matched(near, study.bootstrap)
    return {key: number for key, number in found.items() if number is not None}


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


def attacks(study: Study, committed: bool = True) -> pd.DataFrame:
    """`attack` on the networks of each recipe of ATTACKED, with the column `learned`: from what."""
    found = (attack(study, recipe, committed).assign(learned=words) for recipe, words in ATTACKED.items())
    return pd.concat(found, ignore_index=True)


def _levels(study: Study, recipe: str, variant: str, committed: bool) -> dict[str, float]:
    scored = attacked(study.name, recipe, variant, committed)
    auc = _estimate(scored, "frame_auc", study.bootstrap)
    row = missed(scored, study.bootstrap).columns("missed") | auc.columns("auc")
    if variant != "native":
        plain = tables(study.name, recipe, "native", committed)
        row |= _more_missed(scored, plain, study.bootstrap).columns("more missed")
        row |= metrics.difference(scored, plain, "auc", "frames", study.bootstrap).columns("auc change")
    return row


def _more_missed(scored: list[pd.DataFrame], plain: list[pd.DataFrame], resamples: int) -> Estimate:
    """The share of fake frames called real, minus that share in `plain`."""
    found = metrics.difference(_fakes(plain), _fakes(scored), "acc", "frames", resamples)
    return replace(found, unit="fake frames")


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


def _attack_rows(study: Study, recipe: str, committed: bool) -> dict[str, Estimate]:
    """Misses of fakes as they are and of attacked ones, and what an attack changes in AUC, at ATTACK_SIDE."""
    plain, found = tables(study.name, recipe, "native", committed), {}
    found["native.miss_rate"] = missed(plain, study.bootstrap)
    for way in ("fsrcnn", "bicubic"):
        scored = attacked(study.name, recipe, f"{way} {ATTACK_SIDE}", committed)
        found[f"{way}.miss_rate"] = missed(scored, study.bootstrap)
        found[f"{way}.miss_rate_change"] = _more_missed(scored, plain, study.bootstrap)
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
