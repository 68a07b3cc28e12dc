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
    committed_tables,
    conditions,
    face_regions,
    first_weights,
    fold_rows,
    fold_scores,
    identity,
    landmark_scores,
    native_price,
    swapped_region,
    transfer,
    without_fakes,
)

STUDIES = ("uadfv", "embedded")


def _scores(study: Study) -> dict[str, Estimate]:
    path = paths.published_results() / "scores" / f"{study.name}.csv"
    return {row["id"]: found for row, found in recompute.recomputed(path) if found}


def _first_weights(study: Study) -> dict[str, Estimate]:
    found = first_weights.estimates(_table(study, "first_weights"), study.bootstrap)
    return {f"first_weights.{key}": number for key, number in found.items()}


def _identity(study: Study) -> dict[str, Estimate]:
    table, templates = _table(study, "identity"), _table(study, "identity_templates")
    found = identity.numbers(table, templates, study.bootstrap)
    if _is_there(study, "person_folds"):
        found |= fold_rows.over_networks(study, identity.scores(table, "by person"))
        found |= fold_rows.equally_far(study, table)
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
    native_price.TABLE: lambda study: native_price.gains(_table(study, native_price.TABLE), study.bootstrap),
    without_fakes.TABLE: lambda study: without_fakes.numbers(_table(study, without_fakes.TABLE), study.bootstrap),
    "face_regions": lambda study: face_regions.by_id(_table(study, "face_regions"), study.bootstrap),
    "identity": _identity,
    "baselines": _baselines,
    "detector_earlier_scores": _detector_gains,
    landmark_scores.FEATURES: lambda study: landmark_scores.of_feature_table(
        _table(study, landmark_scores.FEATURES), study.bootstrap
    ),
    landmark_scores.SHAPES: lambda study: landmark_scores.of_shape_table(
        _table(study, landmark_scores.SHAPES), study.bootstrap
    ),
    "detector_conditions": lambda study: conditions.by_id(_table(study, "detector_conditions"), study.bootstrap),
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


def rows(study: Study, found: dict[str, Estimate]) -> list[tuple[dict, dict]]:
    """Each row of results/<study>.json as it is, and as it should be: computed again, or with today's verdict alone.

    A row that is new is empty as it is.
    """
    known = {row["id"]: row for row in results.rows(study.name, committed=True)}
    each = {key: found.get(key) or recompute.kept(known[key]) for key in sorted(known | found)}
    return [(known.get(key, {}), results.row_of(study.name, key, number)) for key, number in each.items()]


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
        pairs, files = rows(study, found), committed_tables.tables(study)
        lines = differing(pairs, files)
        if change:
            write(study, pairs, files)
        print(f"{study.name}: {len(found)} of {len(pairs)} numbers follow from scores; {len(lines)} rows differ.")
        print(f"Claims without scores: {', '.join(without_scores(study, found)) or 'none'}", *lines, sep="\n")
        wrong += lines
    if wrong and not change:
        raise DfdError(
            f"{len(wrong)} committed rows differ from their scores; `dfd recompute --write` puts them right."
        )
