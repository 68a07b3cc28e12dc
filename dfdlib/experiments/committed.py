"""Every number and interval that follows from the committed tables of scores, computed again: no image, no training.

`dfd recompute` without a table says what differs, in seconds. What no such table gives is named in results/README.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from dfdlib.core import disk, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import claims, recompute, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import (
    baselines,
    comparisons,
    face_regions,
    first_weights,
    fold_rows,
    fold_scores,
    identity,
    one_verdict,
    resolution,
    swapped_region,
    transfer,
)

STUDIES = ("uadfv", "embedded")
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
DETECTOR = {"network": "resnet", "head pose": "headpose", "mean of both": "p_fake"}  # columns of detector_scores


def _scores(study: Study) -> dict[str, Estimate]:
    path = paths.published_results() / "scores" / f"{study.name}.csv"
    return {row["id"]: found for row, found in recompute.recomputed(path) if found}


def _first_weights(study: Study) -> dict[str, Estimate]:
    found = first_weights.estimates(_table(study, "first_weights"), study.bootstrap)
    return {f"first_weights.{key}": number for key, number in found.items()}


def _identity(study: Study) -> dict[str, Estimate]:
    table = _table(study, "identity")
    found = identity.estimates(table, study.bootstrap)
    if _is_there(study, "person_folds"):
        scored = fold_scores.tables(study.name, "one_cycle", "native")[0]
        near = identity.with_distance(scored, table, "by person")
        found["identity.matched.one_cycle.frame_auc"] = identity.matched(near, study.bootstrap)
    return found


def _baselines(study: Study) -> dict[str, Estimate]:
    measured, distances = (_table(study, name) for name in ("baselines", "identity"))
    found = baselines.by_id(baselines.estimates(measured, distances, study.bootstrap))
    if fold_scores.FOLDS in map(len, fold_scores.seeds(study.name, "no_fakes").values()):
        found |= fold_rows.over_sharpness(study, baselines.scores(measured, "sharpness", "by person"))
    return found


def _detector_gains(study: Study) -> dict[str, Estimate]:
    now, before = (_table(study, name) for name in ("detector_scores", "detector_earlier_scores"))
    sharpness = baselines.scores(_table(study, "baselines"), "sharpness", "published")
    found = transfer.over_earlier(now, before, study.bootstrap)
    plain = transfer.over_sharpness(now, sharpness, study.bootstrap)
    return found | {"detector.over_sharpness.uadfv.frame_auc_gain": plain}


# By folder of results/: the numbers of <study>.json that follow from its table.
SOURCES: dict[str, Callable[[Study], dict[str, Estimate]]] = {
    "scores": _scores,
    "person_folds": fold_rows.rows,
    "first_weights": _first_weights,
    "face_regions": lambda study: face_regions.by_id(_table(study, "face_regions"), study.bootstrap),
    "identity": _identity,
    "baselines": _baselines,
    "detector_earlier_scores": _detector_gains,
    "gradcam_real": lambda study: swapped_region.by_id(_table(study, "gradcam_real"), study.bootstrap),
}


def _table(study: Study, name: str) -> pd.DataFrame:
    return results.committed_table(study.name, name)


def _is_there(study: Study, name: str) -> bool:
    return any((paths.published_results() / name).glob(f"{study.name}.*csv"))


def numbers(study: Study) -> dict[str, Estimate]:
    """The numbers of results/<study>.json that follow from a committed table, by id."""
    parts = [source(study) for name, source in SOURCES.items() if _is_there(study, name)]
    found = {key: number for part in parts for key, number in part.items()}
    return {key: number for key, number in found.items() if math.isfinite(number.low)}  # others are not recorded


def _tested(study: Study) -> dict[str, pd.DataFrame]:
    rows = _table(study, "scores").query("split == 'test'")
    return {branch: table.reset_index(drop=True) for branch, table in rows.groupby("branch")}


def _comparisons(study: Study) -> pd.DataFrame:
    tested = _tested(study)
    rows = [comparisons.scores_row(study, *key, tested[branch]) for key, branch in COMPARED.items()]
    return _with(_table(study, "comparisons"), ["kind", "name"], rows)


def _leak(study: Study) -> pd.DataFrame:
    pose = {"published": _tested(study)["headpose.yang"], "person": fold_scores.headpose(study.name, "yang")}
    rows = [comparisons.scores_row(study, f"by {split}", "headpose", scored) for split, scored in pose.items()]
    return _with(_table(study, "leak"), ["kind", "name"], rows)


def _transfer(study: Study) -> pd.DataFrame:
    tested, names = _tested(study), ["network", "learned", "tested"]
    rows = [
        dict(zip(names, (network, study.name, study.name), strict=True))
        | {"intervals": results.PRESENT_RULE}
        | transfer.test_row(tested[branch], study.bootstrap)
        for network, branch in TRANSFERRED.items()
    ]
    return _with(_table(study, "transfer"), names, rows)


def _detector(study: Study) -> pd.DataFrame:
    parts = dict(list(_table(study, "detector_scores").groupby("tested")))
    table = _table(study, "detector")
    rows = [
        {"tested": row.tested, "branch": row.branch}
        | transfer.test_row(parts[row.tested].assign(p_fake=parts[row.tested][DETECTOR[row.branch]]), study.bootstrap)
        for row in table.itertuples()
    ]
    return _with(table, ["tested", "branch"], rows)


def _one_verdict(study: Study) -> pd.DataFrame:
    found = one_verdict.constant(_tested(study)["headpose.paper"], study.bootstrap)
    return _with(_table(study, "headpose_one_verdict"), ["feature"], [found])


def _resolution(study: Study) -> pd.DataFrame:
    found = resolution.aucs(study, _table(study, "resolution_scores"))
    return _with(_table(study, "resolution"), ["height", "way", "quality"], found.to_dict("records"))


def _gains(study: Study) -> pd.DataFrame:
    return resolution.gains(study, _table(study, "resolution_scores"))


def _with(table: pd.DataFrame, keys: list[str], rows: list[dict]) -> pd.DataFrame:
    """The table with these rows in place of its own that have the same keys."""
    for row in rows:
        place = (table[keys] == [row[key] for key in keys]).all(axis=1)
        table.loc[place, [*row]] = [*row.values()]
    return table


def _changes(study: Study) -> pd.DataFrame:
    return resolution.change_table(study, _table(study, "resolution_scores"))


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


def rows(study: Study, found: dict[str, Estimate]) -> list[tuple[dict, dict]]:
    """Each row of results/<study>.json as it is, and as it should be: computed again, or with today's verdict alone.

    A row that is new is empty as it is.
    """
    known = {row["id"]: row for row in results.rows(study.name, committed=True)}
    each = {key: found.get(key) or recompute.kept(known[key]) for key in sorted(known | found)}
    return [(known.get(key, {}), results.row_of(study.name, key, number)) for key, number in each.items()]


def tables(study: Study) -> dict[Path, str]:
    """The text that the file of each of TABLES should have, as far as the study has it."""
    own = {name: table for name, table in TABLES.items() if study.name == "uadfv" or name in EACH}
    folder = paths.published_results()
    return {
        folder / name / f"{study.name}.csv": table(study).round(4).to_csv(index=False) for name, table in own.items()
    }


def differing(pairs: list[tuple[dict, dict]], files: dict[Path, str]) -> list[str]:
    """A line for each row of `rows` and each line of `tables` that is not as it should be."""
    found = [f"{new['id']}: {_ends(new)} (recorded: {_ends(old)})" for old, new in pairs if old != new]
    for path, text in files.items():
        lines = zip(path.read_text(encoding="utf-8").splitlines(), text.splitlines(), strict=True)
        found += [f"{path.parent.name}: {new} (recorded: {old})" for old, new in lines if old != new]
    return found


def _ends(row: dict) -> str:
    return " ".join(str(value) for key, value in row.items() if key != "id") or "nothing"


def write(study: Study, pairs: list[tuple[dict, dict]], files: dict[Path, str]) -> None:
    """Put the rows and the files into results/ as they should be."""
    recompute.put(paths.published_results() / f"{study.name}.json", [new for _, new in pairs])
    for path, text in files.items():
        with disk.replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")


def without_scores(study: Study, found: dict[str, Estimate]) -> list[str]:
    """The rows of the claim table that follow from no committed table, by id."""
    known = {row["id"] for row in results.rows(study.name, committed=True)}
    return [key for key in claims.CLAIMS if key in known - {*found}]


def tell(change: bool = False) -> None:
    """Print what differs in each study, and which claims have no scores; `change`: and put results/ right.

    DfdError if something differs and is not changed.
    """
    wrong = []
    for study in map(studies.load, STUDIES):
        found = numbers(study)
        pairs, files = rows(study, found), tables(study)
        lines = differing(pairs, files)
        if change:
            write(study, pairs, files)
        print(f"{study.name}: {len(found)} of {len(pairs)} numbers follow from scores; {len(lines)} rows differ.")
        print(f"Claims without scores: {', '.join(without_scores(study, found))}", *lines, sep="\n")
        wrong += lines
    if wrong and not change:
        raise DfdError(
            f"{len(wrong)} committed rows differ from their scores; `dfd recompute --write` puts them right."
        )
