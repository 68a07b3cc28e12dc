"""What joining both branches by each rule gains over the ResNet alone, from score tables: no image is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pandas as pd

from dfdlib.core.studies import Study
from dfdlib.evaluation import aloud, arbiter, metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import fold_scores

POSES = {"paper": "as in the paper", "yang": "of Yang et al."}
RECIPES = {"paper": "the paper's recipe", "one_cycle": "one cycle"}
RULES = [rule for rule in arbiter.RULES if rule != "resnet"]


def gains(study: Study) -> pd.DataFrame:
    """The committed tables' gains in accuracy of frames, each ResNet after FSRCNN on both sides.

    Columns design ("published split" or "by person", and the recipe), head pose, rule, value, low, high. The fitted
    rule needs validation frames, which the folds by person do not have.
    """
    found = [*_published(study), *_by_person(study)]
    return pd.DataFrame([(*key, gain.value, gain.low, gain.high) for key, gain in found], columns=COLUMNS)


COLUMNS = ["design", "head pose", "rule", "value", "low", "high"]
Gain = tuple[tuple[str, str, str], Estimate]


def _published(study: Study) -> Iterator[Gain]:
    branch = dict(list(results.committed_table(study.name, "scores").groupby("branch")))
    val, alone = (branch["resnet.sr"].query(f"split == '{part}'").reset_index(drop=True) for part in ("val", "test"))
    for name, pose in POSES.items():
        table = branch[f"headpose.{name}"]
        fitted = arbiter.stacked(val, table[table["split"] == "val"])
        for rule in (*RULES, "stacked"):
            both = arbiter.combine(alone, table, fitted if rule == "stacked" else rule)
            gain = metrics.difference(both, alone, "acc", "frames", study.bootstrap)
            yield ("published split, the paper's recipe", pose, rule), gain


def _by_person(study: Study) -> Iterator[Gain]:
    for (recipe, words), (name, pose) in itertools.product(RECIPES.items(), POSES.items()):
        alone = fold_scores.tables(study.name, recipe, "fsrcnn first")
        table = fold_scores.headpose(study.name, name)
        for rule in RULES:
            both = [arbiter.combine(scored, table, rule) for scored in alone]
            yield (f"by person, {words}", pose, rule), metrics.difference(both, alone, "acc", "frames", study.bootstrap)


def table(found: pd.DataFrame) -> pd.DataFrame:
    """The gains in percentage points with their intervals, as text: a row a head pose and rule, a column a design.

    A dash marks a rule that a design does not allow.
    """
    words = [aloud.number("gain", Estimate(row.value, row.low, row.high, 0, "")) for row in found.itertuples()]
    words = [text.replace(" percentage points", "") for text in words]
    wide = found.assign(text=words).pivot(index=["head pose", "rule"], columns="design", values="text")
    return wide[found["design"].unique()].reindex(found.set_index(["head pose", "rule"]).index.unique()).fillna("-")


def told(found: pd.DataFrame) -> str:
    """How many of these combinations have an interval above and below zero, and by which rules, in words."""
    parts = []
    for side, rows in {"above": found[found["low"] > 0], "below": found[found["high"] < 0]}.items():
        named = ", ".join(f'"{rule}" {count}' for rule, count in rows["rule"].value_counts(sort=False).items())
        parts.append(f"Intervals {side} zero: {len(rows)} of {len(found)}" + (f" ({named})." if named else "."))
    return " ".join(parts)
