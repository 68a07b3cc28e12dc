"""Every number that comes from a score table, computed again from that file alone: no images, no torch.

    python -m dfdlib.evaluation.recompute results/scores/uadfv.csv

The numbers go into results/<study>.json where they were; a file that does not change has been confirmed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dfdlib.core import errors, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import intervals, metrics, results
from dfdlib.evaluation.intervals import Estimate

# The paired differences: of which branches' test frames, and in what.
DIFFERENCES = {
    "sr.native.frame_acc_gain": ("resnet.sr", "resnet", "acc"),
    "sr.small.frame_auc_gain": ("resnet.small.fsrcnn", "resnet.small.bicubic", "auc"),
    "system.frame_acc_gain": ("system", "resnet", "acc"),
    "system.ours.frame_acc_gain": ("system.ours", "resnet.one_cycle", "acc"),
    "headpose.mirrored.frame_auc_gain": ("headpose.mirrored", "headpose.yang", "auc"),
}


def number(study: str, key: str, resamples: int) -> Estimate | None:
    """The number of this id from the score table; None where it does not come from one (or not from one alone)."""
    if key in DIFFERENCES:
        a, b, statistic = DIFFERENCES[key]
        tables = (results.scores(study, branch, "test") for branch in (a, b))
        return intervals.difference(*tables, statistic, "frames", resamples)
    branch, _, name = key.rpartition(".")
    unit, _, statistic = name.partition("_")
    if branch not in results.branches(study) or statistic not in metrics.STATISTICS:
        return None
    table = results.scores(study, branch, "test")
    table = metrics.to_videos(table) if unit == "video" else table
    return intervals.estimate(table, statistic, f"{unit}s", resamples)


def recompute(study: str) -> list[str]:
    """Put every such number into the study's results again; a line for each, with what stood there if it differs."""
    lines = []
    for row in results.rows(study):
        found = number(study, row["id"], studies.load(study).bootstrap)
        if found:
            results.record(study, row["id"], found)
            same = all(round(getattr(found, name), 6) == row[name] for name in ("value", "low", "high"))
            before = "" if same else f"   (before: {row['value']} [{row['low']}, {row['high']}])"
            lines.append(f"{row['id']:44s} {found}{before}")
    return lines


def main() -> None:
    """Recompute the study whose score table is named on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        raise DfdError("Name a score table: python -m dfdlib.evaluation.recompute results/scores/uadfv.csv")
    table = Path(sys.argv[1]).resolve()
    kept = paths.results(table.stem) / "scores" / table.name
    if table != kept.resolve():
        raise DfdError(f"{table} is not where this study keeps its scores; name {kept}.")
    print("\n".join(recompute(table.stem)))


if __name__ == "__main__":
    errors.or_sentence(main)
