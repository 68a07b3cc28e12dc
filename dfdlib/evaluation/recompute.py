"""Every number that follows from a score table alone, computed again without images or torch. The command

    dfd recompute results/scores/uadfv.csv (or python -m dfdlib.evaluation.recompute, without what `dfd` imports)

compares them with results/uadfv.json; with --write before the table it puts them there, with today's verdicts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dfdlib.core import disk, errors, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate

# The paired differences on test frames: two branches and a statistic.
DIFFERENCES = {
    "sr.native.frame_acc_gain": ("resnet.sr", "resnet", "acc"),
    "sr.small.frame_auc_gain": ("resnet.small.fsrcnn", "resnet.small.bicubic", "auc"),
    "system.frame_acc_gain": ("system", "resnet", "acc"),
    "system.ours.frame_acc_gain": ("system.ours", "resnet.one_cycle", "acc"),
    "headpose.mirrored.frame_auc_gain": ("headpose.mirrored", "headpose.yang", "auc"),
}


def recompute(path: Path) -> list[str]:
    """Every number recomputed from a score table alone: a line for each, with the recorded number if it differs."""
    return [f"{row['id']:44s} {found}{recorded(row, found)}" for row, found in recomputed(path) if found]


def recorded(row: dict, found: Estimate) -> str:
    """The recorded number in brackets if the one that was found differs; otherwise empty."""
    same = all(round(getattr(found, name), 6) == row[name] for name in ("value", "low", "high"))
    return "" if same else f"   (recorded: {row['value']} [{row['low']}, {row['high']}])"


def recomputed(path: Path) -> Iterator[tuple[dict, Estimate | None]]:
    """The recorded rows, and each number anew where it follows from the score table alone."""
    numbers = path.parents[1] / f"{path.stem}.json"
    if not path.is_file() or not numbers.is_file():
        what = f"has no numbers in {numbers}" if path.is_file() else "is not a file"
        raise DfdError(f"{path.name} {what}; name a score table, such as results/scores/uadfv.csv.")
    table, resamples = results.read_scores(path), studies.load(path.stem).bootstrap
    tests: dict[str, list[pd.DataFrame]] = {}
    for branch, rows in table[table["split"] == "test"].groupby("branch"):  # sorted: trainings in their order
        tests.setdefault(branch.partition("@")[0], []).append(rows)
    for row in json.loads(numbers.read_text(encoding="utf-8"))["rows"]:
        yield row, _number(row["id"], tests, resamples)


def rewrite(path: Path) -> int:
    """Put the recomputed numbers, and every row's verdict by today's rules, into results/<study>.json; how many rows.

    For a change of how intervals or verdicts are made: no image is needed.
    """
    rows = [results.row_of(path.stem, row["id"], found or kept(row)) for row, found in recomputed(path)]
    put(path.parents[1] / f"{path.stem}.json", rows)
    return len(rows)


def kept(row: dict) -> Estimate:
    """The number of a row that does not follow from scores."""
    fields = ("value", "low", "high", "n", "unit", "people", "trainings", "chance")
    chance = {"chance": 0.5} if row["id"].endswith("_auc") else {}
    return Estimate(**chance | {name: row[name] for name in fields if name in row})


def put(numbers: Path, rows: list[dict]) -> None:
    """Write the rows into results/<study>.json in place of its own."""
    document = json.loads(numbers.read_text(encoding="utf-8")) | {"rows": rows}
    with disk.replacing(numbers) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


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


def tell(path: Path, write: bool = False) -> None:
    """Print each number of a score table computed again; `write`: and put them into results/."""
    print("\n".join(recompute(path.resolve())))
    if write:
        print(f"{rewrite(path.resolve())} rows written.")


def main() -> None:
    """Recompute the numbers of the score table that the command line names; with --write, also write them."""
    tell(Path(sys.argv[-1]), "--write" in sys.argv)


if __name__ == "__main__":
    try:
        errors.or_sentence(main)
    except BrokenPipeError:  # a reader such as `head` has seen enough; what is left must not be written at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
