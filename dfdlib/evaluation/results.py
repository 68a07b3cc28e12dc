"""Numbers, score tables and other tables on disk."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from dfdlib.core import cache, disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation.intervals import Estimate

TELLING = 0.10  # an interval wider than ten points holds too many numbers to confirm one of them
EVIDENT = 0.02  # an effect below two points of accuracy, which is half a test video, is none that is evident
GROUPS = {"embedded": "embedded (synthetic)", "uadfv": "UADFV"}  # how figures name the studies
SCORE_COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split", "branch", "p_fake"]
KEYS = ["branch", "clip_id", "frame"]
# The paper's three accuracies; it says neither "frames" nor "videos", so both of ours stand beside them.
PAPER = {
    "resnet.frame_acc": 0.949,
    "resnet.video_acc": 0.949,
    "headpose.paper.frame_acc": 0.501,
    "headpose.paper.video_acc": 0.501,
    "system.frame_acc": 0.955,
    "system.video_acc": 0.955,
}


def record(study: str, key: str, estimate: Estimate, digits: int = 6) -> Estimate:
    """Put a number with its interval into `results/<study>.json`, in place of an older one of the same id.

    One without an interval, as of a single person or a single class, is not kept.
    """
    if not math.isfinite(estimate.low + estimate.high + estimate.value):
        return estimate
    row = {
        "id": key,
        "value": round(estimate.value, digits),
        "low": round(estimate.low, digits),
        "high": round(estimate.high, digits),
        "n": estimate.n,
        "unit": estimate.unit,
        "people": estimate.people,
        "paper": PAPER.get(key),
    }
    row["verdict"] = verdict(row)
    with cache.locked(_path(study)):
        kept = {old["id"]: old for old in rows(study)} | {key: row}
        _write_json(study, {"rows": sorted(kept.values(), key=lambda r: r["id"])})
    return estimate


def record_all(study: str, branch: str, estimates: dict[str, Estimate]) -> None:
    """Record what `intervals.evaluate` found under `<branch>.<name>` and print a line for each."""
    for name, estimate in estimates.items():
        print(f"{branch}.{name:12s} {record(study, f'{branch}.{name}', estimate)}")


def write_curves(study: str, curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Put training histories into `results/curves/<study>.csv`, one block of rows a run; returns that table."""
    table = pd.concat([history.assign(run=name) for name, history in curves.items()], ignore_index=True)
    return write_table(study, "curves", table.drop(columns="seconds"))


def write_table(study: str, name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Put a table into `results/<name>/<study>.csv`, numbers with four decimals; returns it as written."""
    path = paths.results(study) / name / f"{study}.csv"
    table = table.round(4)
    with disk.replacing(path) as partial:
        table.to_csv(partial, index=False)
    return table


def committed_table(study: str, name: str) -> pd.DataFrame:
    """A table that came with the repository; DfdError where it did not."""
    path = paths.root() / "results" / name / f"{study}.csv"
    if not path.is_file():
        raise DfdError(f"There is no {path}; it belongs to the repository: check it out again.")
    return pd.read_csv(path)


def note(study: str, **facts: Any) -> None:
    """Put facts about the run (such as where the first weights came from) into `results/<study>.json`."""
    with cache.locked(_path(study)):
        _write_json(study, {"facts": dict(sorted((_document(study)["facts"] | facts).items()))})


def record_run(study: str) -> None:
    """Put versions and machine of this run into `results/<study>.json`."""
    from dfdlib.core import repro

    with cache.locked(_path(study)):
        _write_json(study, {"run": repro.run_record()})


def verdict(row: dict) -> str:
    """The paper's number against our interval, in words, or a gain against zero; else empty."""
    if row["id"] == "sr.native.frame_acc_gain":  # the paper's "no evident effect"
        return _no_effect(row["low"], row["high"])
    if row["id"].endswith("gain"):
        return "a gain" if row["low"] > 0 else "a loss" if row["high"] < 0 else "no effect seen: 0 lies in the interval"
    if row["paper"] is None:
        return ""
    if row["low"] <= row["paper"] <= row["high"]:
        wide = row["high"] - row["low"] > TELLING
        return "cannot be told at this n: the interval is too wide" if wide else "reproduced: within our interval"
    return "not reproduced: ours is " + ("higher" if row["low"] > row["paper"] else "lower")


def _no_effect(low: float, high: float) -> str:
    if low > 0 or high < 0:
        return "not reproduced: a gain" if low > 0 else "not reproduced: a loss"
    if max(-low, high) <= EVIDENT:
        return "reproduced: an effect of more than two points is excluded"
    return "cannot be told at this n: the interval is too wide"


def rows(study: str, committed: bool = False) -> list[dict]:
    """The rows of `results/<study>.json`; empty where the study has not been run.

    `committed` reads the file that came with the repository, also where this run writes elsewhere.
    """
    return _document(study, committed)["rows"]


def rows_of(study: str, prefix: str, statistic: str) -> pd.DataFrame:
    """The rows `<prefix><name>.<statistic>` of a study: columns group, name, value, low, high, n, unit.

    UADFV's rows are those that came with the repository, whatever study runs.
    """
    found = {row["id"]: row for row in rows(study, committed=study == "uadfv")}
    chosen = {key: row for key, row in found.items() if key.startswith(prefix) and key.endswith(f".{statistic}")}
    table = pd.DataFrame(chosen.values(), columns=["id", "value", "low", "high", "n", "unit"])
    names = [key.removeprefix(prefix).removesuffix(f".{statistic}").replace("_", " ") for key in chosen]
    return table.drop(columns="id").assign(name=names, group=GROUPS.get(study, study))


def facts(study: str, committed: bool = False) -> dict[str, Any]:
    """What `note` kept."""
    return _document(study, committed)["facts"]


def clear(study: str) -> None:
    """Set a study's numbers and scores aside before a whole new run, so that no number of an older one stays.

    They go to build/<study>/previous, from where a run that fails can be taken back.
    """
    kept = paths.build() / study / "previous"
    kept.mkdir(parents=True, exist_ok=True)
    for name, path in (("numbers.json", _path(study)), ("scores.csv", _scores_path(study))):
        if path.is_file():
            shutil.move(path, kept / name)


def _path(study: str, committed: bool = False) -> Path:
    return (paths.root() / "results" if committed else paths.results(study)) / f"{study}.json"


def _document(study: str, committed: bool = False) -> dict[str, Any]:
    path = _path(study, committed)
    empty = {"study": study, "facts": {}, "run": {}, "rows": []}
    return empty | (json.loads(path.read_text()) if path.is_file() else {})


def _write_json(study: str, change: dict) -> None:
    text = json.dumps(_document(study) | change, indent=1, allow_nan=False) + "\n"
    with disk.replacing(_path(study)) as partial:
        partial.write_text(text)


def write_scores(study: str, branch: str, frames: pd.DataFrame) -> pd.DataFrame:
    """Put a branch's rows into `results/scores/<study>.csv` and return them as a reader of that file sees them.

    Scores are rounded to four decimals first, so that every number comes out of the file again exactly.
    """
    path = _scores_path(study)
    rows = frames.assign(branch=branch, p_fake=frames["p_fake"].round(4))[SCORE_COLUMNS]
    with cache.locked(path):
        others = _read_scores(path)
        table = pd.concat([others[others["branch"] != branch], rows], ignore_index=True) if len(others) else rows
        with disk.replacing(path) as partial:
            table.sort_values(KEYS).to_csv(partial, index=False)
    return scores(study, branch)


def scores(study: str, branch: str, split: str | None = None) -> pd.DataFrame:
    """The rows of a branch, of one part of the split where it is named; DfdError where there are none."""
    table = _read_scores(_scores_path(study))
    rows = table[table["branch"] == branch] if len(table) else table
    if not len(rows):
        raise DfdError(f"{_scores_path(study)} has no scores of {branch!r}; run the notebook that makes them first.")
    return (rows if split is None else rows[rows["split"] == split]).reset_index(drop=True)


def branches(study: str) -> set[str]:
    """The branches that the study's score table holds."""
    return set(_read_scores(_scores_path(study))["branch"])


def _scores_path(study: str) -> Path:
    return paths.results(study) / "scores" / f"{study}.csv"


def _read_scores(path: Path) -> pd.DataFrame:
    text = {"clip_id": str, "pair": str, "person": str}  # "0001" is a name, not a number
    return pd.read_csv(path, dtype=text) if path.is_file() else pd.DataFrame(columns=SCORE_COLUMNS)


def side_by_side(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Score tables of the same frames under each other, named in a column `name`."""
    return pd.concat([table.assign(name=name) for name, table in tables.items()], ignore_index=True)
