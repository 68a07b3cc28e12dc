"""Recorded numbers as words: sentences that say what came out, whichever study was run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dfdlib.evaluation import judging, results
from dfdlib.evaluation.intervals import Estimate

UNITS = {  # of numbers that are neither shares nor AUC
    "psnr": " dB",
    "ssim": "",
    "identity": "",
    "nearer": "",
    "error_percent": " % of the distance between the eyes",
    "faces_landmarks": " % of the distance between the eyes",
}
SCORES = {
    "frame_acc": "accuracy of frames",
    "video_acc": "accuracy of videos",
    "frame_auc": "AUC of frames",
    "video_auc": "AUC of videos",
    "frame_eer": "equal error rate of frames",
    "frame_ap": "average precision of frames",
    "frame_ece": "calibration error of frames",
    "frame_brier": "Brier score of frames",
}
DIFFERENCES = ("gain", "change", "excess", "own_minus_others")  # ends of ids whose numbers are differences of shares
MISSING = "a number that this study does not have"


@dataclass(frozen=True)
class Reader:
    """The recorded rows of a study by their ids, and whether its data are rendered faces."""

    rows: dict[str, dict]
    synthetic: bool

    def __call__(self, key: str) -> str:
        """A number with its interval and what was counted, as in "94.7 % [90.3, 97.5] (3,099 frames of 30 people)"."""
        row = self.rows.get(key)
        if row is None:
            return MISSING
        synthetic = "; synthetic" if self.synthetic else ""
        return f"{self.short(key)} ({estimate(row).counted}{synthetic})"

    def short(self, key: str) -> str:
        """The number and its interval alone, as `number` writes them."""
        row = self.rows.get(key)
        return MISSING if row is None else number(key, estimate(row))

    def table(self, branches: dict[str, str]) -> str:
        """A Markdown table of SCORES with their intervals, a column a branch: its name in words, its name in ids."""
        head = ["", *branches]
        rows = [[words, *(self.short(f"{own}.{key}") for own in branches.values())] for key, words in SCORES.items()]
        first = [self.rows.get(f"{own}.{next(iter(SCORES))}") for own in branches.values()]
        rows.append(["counted on", *("" if row is None else estimate(row).counted for row in first)])
        mark = "\n\nAll of these numbers are synthetic: rendered faces." if self.synthetic else ""
        return markdown(head, rows) + mark

    def verdict(self, key: str) -> str:
        """The claim table's word for a number."""
        return self.rows.get(key, {}).get("verdict") or "not compared"

    def against_chance(self, key: str) -> str:
        """Whether the interval lies above, below or around chance, one half unless the row says otherwise."""
        row = self.rows.get(key)
        if row is None:
            return "not compared with chance"
        chance = row.get("chance") or 0.5
        return self.side(key, chance, "above chance", "below chance", "not told from chance")

    def side(self, key: str, of: float, above: str, below: str, unsure: str) -> str:
        """One of three phrases: the interval lies above a number, below it, or contains it (or there is no row).

        A row of a trained network is told from chance and from zero only beyond the margin of its verdict.
        """
        row = self.rows.get(key, {"low": of, "high": of})
        edge = judging.beyond(key) if of in (0, row.get("chance") or 0.5) else 0
        return above if row["low"] > of + edge else below if row["high"] < of - edge else unsure


def reader(study_name: str, committed: bool = False) -> Reader:
    """The rows that this run recorded, or with `committed` those that came with the repository."""
    rows = {row["id"]: row for row in results.rows(study_name, committed)}
    return Reader(rows, results.is_synthetic(study_name))


def beside(study_name: str) -> dict[str, Reader]:
    """UADFV's committed rows, then this run's, by the names used in figures; on UADFV this run's alone."""
    committed = {"uadfv": True} | {study_name: False}
    return {results.group(name): reader(name, kept) for name, kept in committed.items()}


def table(readers: dict[str, Reader], rows: dict[str, str], columns: dict[str, str]) -> str:
    """A Markdown table of numbers with their intervals: a line for each row and reader, a dash where there is none.

    `rows` and `columns` map words to the first and the last part of an id, as in {"ResNet": "resnet"}.
    """
    lines = [f"| | data | {' | '.join(columns)} |", "|---|---|" + "---|" * len(columns)]
    for (name, first), (data, read) in itertools.product(rows.items(), readers.items()):
        keys = [f"{first}.{last}" for last in columns.values()]
        cells = [read.short(key) if key in read.rows else "-" for key in keys]
        lines += [f"| {name} | {data} | {' | '.join(cells)} |"] if set(cells) != {"-"} else []
    return "\n".join(lines)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of texts."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def estimate(row: dict) -> Estimate:
    """The estimate that a row was recorded from, rounded as recorded."""
    names = ("value", "low", "high", "n", "unit", "people", "trainings")
    return Estimate(**{name: row[name] for name in names if name in row})


def number(key: str, found: Estimate) -> str:
    """A number and its interval: accuracy in per cent, its gain in percentage points, AUC and others as such.

    The end of `key`, a row's id, says which of these it is.
    """
    value, low, high, gain = found.value, found.low, found.high, key.endswith(DIFFERENCES)
    if unit := next((name for name in UNITS if key.removesuffix("_gain").endswith(name)), None):
        digits = 2 if UNITS[unit] else 3
        value, low, high = (round(end, digits) + 0.0 for end in (value, low, high))
        return f"{value:{'+' if gain else ''}.{digits}f}{UNITS[unit]} [{low:.{digits}f}, {high:.{digits}f}]"
    if re.search("(auc|_ap|_ece|_brier)(_gain)?$", key):
        return f"{value:{'+' if gain else ''}.3f} [{low:.3f}, {high:.3f}]"
    value, low, high = (round(100 * end, 1) + 0.0 for end in (value, low, high))  # + 0.0: no "-0.0"
    return (
        f"{value:+.1f} percentage points [{low:.1f}, {high:.1f}]" if gain else f"{value:.1f} % [{low:.1f}, {high:.1f}]"
    )


def column(table: pd.DataFrame, name: str, key: str = "") -> list[str]:
    """A column with its ends `name`_low and `name`_high as text, each as `number` writes it for `key`, else `name`.

    A dash where there is no number or no interval.
    """
    rows = table[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
    return ["-" if np.isnan(row).any() else number(key or name, Estimate(*row, 0, "")) for row in rows]


def say(text: str) -> None:
    """Show a sentence or a table in a notebook, formatted as Markdown."""
    from IPython import display

    display.display(display.Markdown(text))
