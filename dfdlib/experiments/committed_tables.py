"""The committed tables of comparisons, computed again from committed scores: no image, no training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import results
from dfdlib.evaluation.results import committed_table
from dfdlib.experiments import comparisons, fold_scores, one_verdict, resolution, transfer, without_fakes

# The rows of three tables whose scores were kept: the row's name, and the branch in results/scores.
COMPARED = {
    ("network", "resnet50"): "resnet.one_cycle",
    ("network", "resnet50, then a GRU over a clip's frames"): "resnet.gru",
    ("recipe", "the paper's, rate and epoch chosen on validation"): "resnet",
    ("recipe", "one cycle, the last epoch"): "resnet.one_cycle",
}
TRANSFERRED = {
    "ResNet, paper's recipe": "resnet",
    "ResNet, one cycle": "resnet.one_cycle",
    "head pose (Yang et al.)": "headpose.yang",
}
# The same of results/no_fakes: the row's name, and the recipe there; the first training is in the table transfer.
LEARNED = {"ResNet-18, one cycle": "one_cycle", "ResNet-18, no fakes seen": "no_fakes"}
SETUP = ["feature", "gamma", "placed"]
DETECTOR = {"network": "resnet", "head pose": "headpose", "mean of both": "p_fake"}  # columns of detector_scores


def _tested(study: Study) -> dict[str, pd.DataFrame]:
    rows = committed_table(study.name, "scores").query("split == 'test'")
    return {branch: table.reset_index(drop=True) for branch, table in rows.groupby("branch")}


def _comparisons(study: Study) -> pd.DataFrame:
    tested = _tested(study)
    rows = [comparisons.scores_row(study, *key, tested[branch]) for key, branch in COMPARED.items()]
    return _with(committed_table(study.name, "comparisons"), ["kind", "name"], rows)


def _leak(study: Study) -> pd.DataFrame:
    pose = {"published": _tested(study)["headpose.yang"], "person": fold_scores.headpose(study.name, "yang")}
    rows = [comparisons.scores_row(study, f"by {split}", "headpose", scored) for split, scored in pose.items()]
    return _with(committed_table(study.name, "leak"), ["kind", "name"], rows)


def _transfer(study: Study) -> pd.DataFrame:
    tested, both = _tested(study), without_fakes.with_p_fake(committed_table(study.name, without_fakes.TABLE))
    both = both[both["seed"] == study.seed]
    scored = {(network, study.name): tested[branch] for network, branch in TRANSFERRED.items()}
    for network, recipe in LEARNED.items():
        # Of the rendered fakes the table has the easy ones alone.
        parts = both[(both["recipe"] == recipe) & (both["tested"] != "embedded")].groupby("tested", sort=False)
        scored |= {(network, name): part.reset_index(drop=True) for name, part in parts}
    rows = [
        {"network": network, "learned": study.name, "tested": name, "intervals": results.PRESENT_RULE}
        | transfer.test_row(table, study.bootstrap)
        for (network, name), table in scored.items()
    ]
    return _with(committed_table(study.name, "transfer"), ["network", "learned", "tested"], rows)


def _detector(study: Study) -> pd.DataFrame:
    parts = dict(list(committed_table(study.name, "detector_scores").groupby("tested")))
    table = committed_table(study.name, "detector")
    rows = [
        {"tested": row.tested, "branch": row.branch}
        | transfer.test_row(parts[row.tested].assign(p_fake=parts[row.tested][DETECTOR[row.branch]]), study.bootstrap)
        for row in table.itertuples()
    ]
    return _with(table, ["tested", "branch"], rows)


def _one_verdict(study: Study) -> pd.DataFrame:
    table, verdicts = (committed_table(study.name, f"headpose_{name}") for name in ("one_verdict", "verdicts"))
    rows = [one_verdict.constant(verdicts, study.bootstrap)]
    for setup in table[SETUP].iloc[1:].itertuples(index=False):
        found = one_verdict.tested(verdicts, one_verdict.column(setup), study.bootstrap)
        rows.append(setup._asdict() | found)
    return _with(table.fillna({"gamma": "", "placed": ""}), SETUP, rows)


def _resolution(study: Study) -> pd.DataFrame:
    found = resolution.aucs(study, committed_table(study.name, "resolution_scores"))
    return _with(committed_table(study.name, "resolution"), ["height", "way", "quality"], found.to_dict("records"))


def _gains(study: Study) -> pd.DataFrame:
    return resolution.gains(study, committed_table(study.name, "resolution_scores"))


def _with(table: pd.DataFrame, keys: list[str], rows: list[dict]) -> pd.DataFrame:
    """The table with these rows in place of its own that have the same keys; DfdError where it has none."""
    for row in rows:
        place = (table[keys] == [row[key] for key in keys]).all(axis=1)
        if not place.any():
            named = ", ".join(str(row[key]) for key in keys)
            raise DfdError(f"A committed table of results/ has no row {named}; check it out again or add the row.")
        table.loc[place, [*row]] = [*row.values()]
    return table


def _changes(study: Study) -> pd.DataFrame:
    return resolution.change_table(study, committed_table(study.name, "resolution_scores"))


# UADFV's tables whose rows, or some of them, follow from committed scores; of the embedded study, only EACH.
TABLES: dict[str, Callable[[Study], pd.DataFrame]] = {
    "comparisons": _comparisons,
    "leak": _leak,
    "transfer": _transfer,
    "detector": _detector,
    "headpose_one_verdict": _one_verdict,
    "resolution": _resolution,
    "resolution_gains": _gains,
    "resolution_changes": _changes,
}
EACH = ("resolution", "resolution_gains", "resolution_changes")


def tables(study: Study) -> dict[Path, str]:
    """The text that the file of each of TABLES should have, as far as the study has it."""
    own = {name: table for name, table in TABLES.items() if study.name == "uadfv" or name in EACH}
    folder = paths.published_results()
    return {
        folder / name / f"{study.name}.csv": table(study).round(4).to_csv(index=False) for name, table in own.items()
    }
