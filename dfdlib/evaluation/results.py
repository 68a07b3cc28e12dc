"""Numbers, score tables and other tables on disk. The command

    python -m dfdlib.evaluation.results results/scores/uadfv.csv

recomputes every number that follows from a score table alone, without images or torch, and compares it with
results/uadfv.json.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dfdlib.core import cache, disk, errors, paths, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import judging, metrics
from dfdlib.evaluation.metrics import Estimate

GROUPS = {"embedded": "embedded (synthetic)", "uadfv": "UADFV"}  # the studies' names in figures
SCORE_COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split", "branch", "p_fake"]
# The paired differences on test frames: two branches and a statistic.
DIFFERENCES = {
    "sr.native.frame_acc_gain": ("resnet.sr", "resnet", "acc"),
    "sr.small.frame_auc_gain": ("resnet.small.fsrcnn", "resnet.small.bicubic", "auc"),
    "system.frame_acc_gain": ("system", "resnet", "acc"),
    "system.ours.frame_acc_gain": ("system.ours", "resnet.one_cycle", "acc"),
    "headpose.mirrored.frame_auc_gain": ("headpose.mirrored", "headpose.yang", "auc"),
}
# The paper's three accuracies. It does not say whether they are of frames or of videos, so both of ours are compared.
ACCURACIES = {"resnet": 0.949, "headpose.paper": 0.501, "system": 0.955}
# Branches that repeat one of them; "folds." has everybody's videos, in folds by person.
LIKE = {branch: branch for branch in ACCURACIES} | {
    "resnet.best_on_test": "resnet",
    "pretraining.paper_recipe": "resnet",
}
LIKE |= {f"folds.{name}": name.partition(".")[0] for name in ("resnet.paper", "resnet.one_cycle", "system.paper")}
LIKE |= {"folds.headpose.paper": "headpose.paper"}
PAPER = {f"{ours}.{unit}_acc": ACCURACIES[its] for ours, its in LIKE.items() for unit in ("frame", "video")}
PAPER |= {f"{ours}.frame_acc_gain": 0.006 for ours in ("system", "folds.system.paper")}  # 95.5 % minus 94.9 %


def record(study_name: str, key: str, estimate: Estimate, digits: int = 6) -> Estimate:
    """Put a number with its interval into `results/<study>.json`, in place of an older one with the same id.

    A number without an interval, for instance from a single person or class, is not recorded.
    """
    if not math.isfinite(estimate.low + estimate.high + estimate.value):
        return estimate
    row = _row(study_name, key, estimate, digits)

    def replaced(old: dict) -> dict:
        kept = {other["id"]: other for other in old["rows"]} | {key: row}
        return {"rows": sorted(kept.values(), key=lambda r: r["id"])}

    _change(study_name, replaced)
    return estimate


def _row(study_name: str, key: str, estimate: Estimate, digits: int = 6) -> dict:
    row = {"id": key} | {name: round(getattr(estimate, name), digits) for name in ("value", "low", "high")}
    row |= {"n": estimate.n, "unit": estimate.unit, "people": estimate.people, "paper": PAPER.get(key)}
    row |= {"trainings": estimate.trainings} if estimate.trainings > 1 else {}
    row |= {"chance": round(estimate.chance, 6)} if estimate.chance is not None else {}
    return row | {
        "verdict": judging.verdict(row, _is_synthetic(study_name)),
        "precision": judging.precision(row),
    }


def record_all(study_name: str, branch: str, estimates: dict[str, Estimate]) -> None:
    """Record the numbers of `metrics.evaluate` under `<branch>.<name>` and print a line for each."""
    for name, estimate in estimates.items():
        print(f"{branch}.{name:12s} {record(study_name, f'{branch}.{name}', estimate)}")


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


def _is_synthetic(study_name: str) -> bool:
    known = (paths.studies() / f"{study_name}.yaml").is_file()
    return known and studies.load(study_name).dataset == "embedded"


def rows(study_name: str, committed: bool = False) -> list[dict]:
    """The rows of `results/<study>.json`; empty if the study has not been run.

    `committed` reads the file that came with the repository, even if this run writes elsewhere.
    """
    return _document(study_name, committed)["rows"]


def rows_of(study_name: str, prefix: str, statistic: str) -> pd.DataFrame:
    """The rows `<prefix><name>.<statistic>` of a study: columns group, name, value, low, high, n, unit.

    UADFV's rows are those that came with the repository, whichever study runs.
    """
    found = {row["id"]: row for row in rows(study_name, committed=study_name == "uadfv")}
    chosen = {key: row for key, row in found.items() if key.startswith(prefix) and key.endswith(f".{statistic}")}
    table = pd.DataFrame(chosen.values(), columns=["id", "value", "low", "high", "n", "unit"])
    names = [key.removeprefix(prefix).removesuffix(f".{statistic}").replace("_", " ") for key in chosen]
    return table.drop(columns="id").assign(name=names, group=GROUPS.get(study_name, study_name))


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
        others = _read_scores(path)
        others = others[others["branch"].map(lambda name: name != branch and not name.startswith(f"{branch}@"))]
        table = pd.concat([others, new], ignore_index=True) if len(others) else new
        with disk.replacing(path) as partial:
            table.sort_values(["branch", "clip_id", "frame"]).to_csv(partial, index=False)
    return scores(study_name, branch)


def scores(study_name: str, branch: str, split: str | None = None) -> pd.DataFrame:
    """The rows of a branch, or of one part of its split; DfdError if there are none."""
    path = _scores_path(study_name)
    table = _read_scores(path)
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
    known = set(_read_scores(_scores_path(study_name))["branch"])
    others = itertools.takewhile(known.__contains__, (_training(branch, i) for i in itertools.count(2)))
    return [scores(study_name, name, split) for name in (branch, *others)]


def _training(branch: str, number: int) -> str:
    return branch if number == 1 else f"{branch}@{number}"


def _scores_path(study_name: str) -> Path:
    return paths.results(study_name) / "scores" / f"{study_name}.csv"


def _read_scores(path: Path) -> pd.DataFrame:
    return disk.read_frame(path) if path.is_file() else pd.DataFrame(columns=SCORE_COLUMNS)


def named_rows(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of all tables one after another, with the table's name in the column `name`."""
    return pd.concat([table.assign(name=name) for name, table in tables.items()], ignore_index=True)


def recompute(path: Path) -> list[str]:
    """Every number recomputed from a score table alone: a line for each, with the recorded number if it differs."""
    lines = []
    for row, found in _recomputed(path):
        if found:
            same = all(round(getattr(found, name), 6) == row[name] for name in ("value", "low", "high"))
            recorded = "" if same else f"   (recorded: {row['value']} [{row['low']}, {row['high']}])"
            lines.append(f"{row['id']:44s} {found}{recorded}")
    return lines


def _recomputed(path: Path) -> Iterator[tuple[dict, Estimate | None]]:
    """The recorded rows, and each number anew where it follows from the score table alone."""
    numbers = path.parents[1] / f"{path.stem}.json"
    if not path.is_file() or not numbers.is_file():
        raise DfdError(f"There is no {path} or no {numbers}; name a score table, such as results/scores/uadfv.csv.")
    table, resamples = _read_scores(path), studies.load(path.stem).bootstrap
    tests: dict[str, list[pd.DataFrame]] = {}
    for branch, rows in table[table["split"] == "test"].groupby("branch"):  # sorted: trainings in their order
        tests.setdefault(branch.partition("@")[0], []).append(rows)
    for row in json.loads(numbers.read_text(encoding="utf-8"))["rows"]:
        yield row, _number(row["id"], tests, resamples)


def rewrite(path: Path) -> int:
    """Put the recomputed numbers, and every row's verdict by today's rules, into results/<study>.json; how many rows.

    For a change of how intervals or verdicts are made: no image is needed.
    """
    fields, rows = ("value", "low", "high", "n", "unit", "people", "trainings", "chance"), []
    for row, found in _recomputed(path):
        chance = {"chance": 0.5} if row["id"].endswith("_auc") else {}
        kept = Estimate(**chance | {name: row[name] for name in fields if name in row})
        rows.append(_row(path.stem, row["id"], found or kept))
    numbers = path.parents[1] / f"{path.stem}.json"
    document = json.loads(numbers.read_text(encoding="utf-8")) | {"rows": rows}
    with disk.replacing(numbers) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return len(rows)


def _number(key: str, tests: dict[str, list[pd.DataFrame]], resamples: int) -> Estimate | None:
    """The number of this id from the test frames of each branch; None if it does not follow from them alone."""
    if key in DIFFERENCES:
        a, b, statistic = DIFFERENCES[key]
        return metrics.difference(tests[a], tests[b], statistic, "frames", resamples)
    branch, _, name = key.rpartition(".")
    unit, _, statistic = name.partition("_")
    if branch not in tests or statistic not in metrics.STATISTICS:
        return None
    tables = [metrics.to_videos(table) if unit == "video" else table for table in tests[branch]]
    return metrics.estimate(tables, statistic, f"{unit}s", resamples)


def main() -> None:
    """Recompute the numbers of the score table that the command line names; with --write, also write them."""
    path = Path(sys.argv[-1]).resolve()
    print("\n".join(recompute(path)))
    if "--write" in sys.argv:
        print(f"{rewrite(path)} rows written.")


if __name__ == "__main__":
    errors.or_sentence(main)
