"""Numbers, score tables and other tables on disk."""

from __future__ import annotations

import functools
import itertools
import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dfdlib.core import cache, disk, paths, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import judging
from dfdlib.evaluation.intervals import Estimate

GROUPS = {"embedded": "embedded (synthetic)", "uadfv": "UADFV"}  # the studies' names in figures
PRESENT_RULE = "present rule"  # in the column `intervals` of tables some of whose rows are from an earlier rule
SCORE_COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split", "branch", "p_fake"]


def record(study_name: str, key: str, estimate: Estimate, digits: int = 6) -> Estimate:
    """Put a number with its interval into `results/<study>.json`, in place of an older one with the same id.

    A number without an interval, for instance from a single person or class, is not recorded.
    """
    if not math.isfinite(estimate.low + estimate.high + estimate.value):
        return estimate
    row = row_of(study_name, key, estimate, digits)

    def replaced(old: dict) -> dict:
        kept = {other["id"]: other for other in old["rows"]} | {key: row}
        return {"rows": sorted(kept.values(), key=lambda r: r["id"])}

    _change(study_name, replaced)
    return estimate


def recorder(study_name: str) -> Callable[[str, Estimate], Estimate]:
    """`record` for one study, so that a notebook names only the number."""
    return functools.partial(record, study_name)


def row_of(study_name: str, key: str, estimate: Estimate, digits: int = 6) -> dict:
    row = {"id": key} | {name: round(getattr(estimate, name), digits) for name in ("value", "low", "high")}
    row |= {"n": estimate.n, "unit": estimate.unit, "people": estimate.people, "paper": judging.PAPER.get(key)}
    row |= {"trainings": estimate.trainings} if estimate.trainings > 1 else {}
    row |= {"chance": round(estimate.chance, 6)} if estimate.chance is not None else {}
    return row | {
        "verdict": judging.verdict(row, is_synthetic(study_name)),
        "precision": judging.precision(row),
    }


def write_curves(study_name: str, curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Put training histories into `results/curves/<study>.csv`, one block of rows per run; returns that table."""
    table = pd.concat([history.assign(run=name) for name, history in curves.items()], ignore_index=True)
    return write_table(study_name, "curves", table.drop(columns="seconds"))


def write_table(study_name: str, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Put a table into `results/<name>/<study>.csv`, numbers with four decimals; returns the table as written."""
    path = paths.results(study_name) / name / f"{study_name}.csv"
    table = table.round(4)
    with disk.replacing(path) as partial:
        table.to_csv(partial, index=False)
    return table


def add_rows(path: Path, rows: pd.DataFrame, keys: list[str], order: list[str]) -> None:
    """Put rows into a table on disk in place of those with the same `keys`; sorted by `keys` and `order`.

    For experiments that add one training at a time. p_fake and the like should be rounded already.
    """
    with cache.locked(path):
        old = disk.read_frame(path) if path.is_file() else rows.iloc[:0]
        same = old.set_index(keys).index.isin(rows.set_index(keys).index)
        table = pd.concat([old[~same], rows], ignore_index=True) if len(old) else rows
        with disk.replacing(path) as partial:
            table.sort_values([*keys, *order]).to_csv(partial, index=False)


def table(study_name: str, name: str, committed: bool = False) -> pd.DataFrame:
    """A table that a run wrote, or with `committed` one that came with the repository; DfdError if it is missing."""
    if committed:
        return committed_table(study_name, name)
    path = paths.results(study_name) / name / f"{study_name}.csv"
    if not path.is_file():
        raise DfdError(f"There is no {path}; first run the notebook that writes it.")
    return disk.read_frame(path)


def committed_table(study_name: str, name: str) -> pd.DataFrame:
    """A table that came with the repository; DfdError if it is missing."""
    path = paths.published_results() / name / f"{study_name}.csv"
    if not path.is_file():
        raise DfdError(f"There is no {path}, a file of the repository; check it out again.")
    return disk.read_frame(path)


def note(study_name: str, **facts: Any) -> None:
    """Put facts about the run, such as where the first weights came from, into `results/<study>.json`."""
    _change(study_name, lambda old: {"facts": dict(sorted((old["facts"] | facts).items()))})


def record_run(study_name: str) -> None:
    """Put this run's versions and machine into `results/<study>.json`."""
    _change(study_name, lambda old: {"run": repro.run_record()})


def is_synthetic(study_name: str) -> bool:
    """Whether a study's data are the embedded ones, rendered faces."""
    known = (paths.studies() / f"{study_name}.yaml").is_file()
    return known and studies.load(study_name).dataset == "embedded"


def group(study_name: str) -> str:
    """A study's name in figures and tables; one of rendered faces says that it is synthetic."""
    return GROUPS.get(study_name, f"{study_name} (synthetic)" if is_synthetic(study_name) else study_name)


def rows(study_name: str, committed: bool = False) -> list[dict]:
    """The rows of `results/<study>.json`; empty if the study has not been run.

    `committed` reads the file that came with the repository, even if this run writes elsewhere.
    """
    return _document(study_name, committed)["rows"]


def rows_of(study_name: str, prefix: str, statistic: str, committed: bool = False) -> pd.DataFrame:
    """The rows `<prefix><name>.<statistic>` of a study: columns group, name, value, low, high, n, unit.

    UADFV's rows are those that came with the repository, whichever study runs.
    """
    found = {row["id"]: row for row in rows(study_name, committed or study_name == "uadfv")}
    chosen = {key: row for key, row in found.items() if key.startswith(prefix) and key.endswith(f".{statistic}")}
    table = pd.DataFrame(chosen.values(), columns=["id", "value", "low", "high", "n", "unit"])
    names = [key.removeprefix(prefix).removesuffix(f".{statistic}").replace("_", " ") for key in chosen]
    return table.drop(columns="id").assign(name=names, group=group(study_name))


def facts(study_name: str, committed: bool = False) -> dict[str, Any]:
    """The facts that `note` recorded."""
    return _document(study_name, committed)["facts"]


def machine(study_name: str, committed: bool = False) -> str:
    """The kind of processor on which the numbers were computed; empty if unknown."""
    return _document(study_name, committed)["run"].get("machine", "")


def clear(study_name: str) -> None:
    """Set a study's numbers and scores aside before a complete new run, so that no number of an older run remains.

    They go to build/<study>/previous, from which they can be restored if the run fails.
    """
    kept = paths.build() / study_name / "previous"
    kept.mkdir(parents=True, exist_ok=True)
    for name, path in (("numbers.json", _path(study_name)), ("scores.csv", _scores_path(study_name))):
        if path.is_file():
            shutil.move(path, kept / name)


def _path(study_name: str, committed: bool = False) -> Path:
    return (paths.published_results() if committed else paths.results(study_name)) / f"{study_name}.json"


def _document(study_name: str, committed: bool = False) -> dict[str, Any]:
    path = _path(study_name, committed)
    empty = {"study": study_name, "facts": {}, "run": {}, "rows": []}
    return empty | (json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})


def _change(study_name: str, change: Callable[[dict], dict]) -> None:
    """Change the study's document under a lock; `change` returns the new parts, given the old document."""
    path = _path(study_name)
    with cache.locked(path), disk.replacing(path) as partial:
        document = _document(study_name)
        partial.write_text(json.dumps(document | change(document), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_scores(study_name: str, branch: str, frames: pd.DataFrame) -> pd.DataFrame:
    """Put a branch's rows into `results/scores/<study>.csv`, in place of all its trainings', and return them as read.

    Scores are rounded to four decimals first, so that every number can be recomputed exactly from the file.
    """
    path = _scores_path(study_name)
    new = frames.assign(branch=branch, p_fake=frames["p_fake"].round(4))[SCORE_COLUMNS]
    with cache.locked(path):
        others = read_scores(path)
        others = others[others["branch"].map(lambda name: name != branch and not name.startswith(f"{branch}@"))]
        table = pd.concat([others, new], ignore_index=True) if len(others) else new
        with disk.replacing(path) as partial:
            table.sort_values(["branch", "clip_id", "frame"]).to_csv(partial, index=False)
    return scores(study_name, branch)


def scores(study_name: str, branch: str, split: str | None = None, committed: bool = False) -> pd.DataFrame:
    """The rows of a branch, or of one part of its split; DfdError if there are none."""
    path = _scores_path(study_name, committed)
    table = read_scores(path)
    chosen = table[table["branch"] == branch]
    if chosen.empty:
        raise DfdError(f"{path} has no scores of {branch!r}; first run the notebook that computes them.")
    return (chosen if split is None else chosen[chosen["split"] == split]).reset_index(drop=True)


def write_trainings(study_name: str, branch: str, frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Put the score tables of several trainings into the study's: the first as `branch`, then `branch@2`, `branch@3`.

    Returns all their rows as read from that file.
    """
    return [write_scores(study_name, _training(branch, i), table) for i, table in enumerate(frames, 1)]


def trainings(study_name: str, branch: str, split: str | None = None) -> list[pd.DataFrame]:
    """The rows of each training of a branch, or of one part of its split; DfdError if there are none."""
    known = set(read_scores(_scores_path(study_name))["branch"])
    others = itertools.takewhile(known.__contains__, (_training(branch, i) for i in itertools.count(2)))
    return [scores(study_name, name, split) for name in (branch, *others)]


def _training(branch: str, number: int) -> str:
    return branch if number == 1 else f"{branch}@{number}"


def _scores_path(study_name: str, committed: bool = False) -> Path:
    folder = paths.published_results() if committed else paths.results(study_name)
    return folder / "scores" / f"{study_name}.csv"


def read_scores(path: Path) -> pd.DataFrame:
    return disk.read_frame(path) if path.is_file() else pd.DataFrame(columns=SCORE_COLUMNS)


def named_rows(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of all tables one after another, with the table's name in the column `name`."""
    return pd.concat([table.assign(name=name) for name, table in tables.items()], ignore_index=True)
