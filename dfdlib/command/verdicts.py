"""The command `dfd predict`: files in, a table, JSON or CSV out, progress on stderr, and an exit code."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfdlib.command import progress
from dfdlib.core import disk, errors, repro
from dfdlib.core.errors import SOME, DfdError
from dfdlib.detector import predict
from dfdlib.detector.predict import WORDS, Prediction, PredictParams
from dfdlib.evaluation import arbiter

WIDE = 110  # columns of a terminal below which branches and notes are left to --json and the report
CARE = "A score is not evidence: the detector was measured on small data sets. Do not use it to accuse anybody."


def predict_all(given: Sequence[Path], form: str, page: Path | None, frames: int, rule: str) -> int:
    """Judge all files, print them as "table", "json" or "csv", and write the page; returns the exit code.

    A file that cannot be judged does not stop the others. DfdError where no file can be, or there is none.
    """
    repro.limit(1)
    params = PredictParams(max_frames=frames, rule=rule)
    arbiter.rule_of(rule)
    paths = predict.files_to_judge(given)
    if page:
        _check_page(page)
    found = [p if page else predict.without_pictures(p) for p in _each(paths, params)]
    if page:
        from dfdlib.detector import report  # with Matplotlib, which takes a second

        report.write(page, found, rule)
    {"table": _table, "json": _json, "csv": _csv}[form](found)
    left = [p for p in found if p.verdict == "unusable"]
    _say(found, left, page)
    if len(left) == len(found):
        told = errors.printable(left[0].note) if len(left) == 1 else f"None of the {len(left)} files can be judged."
        raise DfdError(told)
    return SOME if left else 0


def _check_page(page: Path) -> None:
    """DfdError before the work, rather than after it, where the page cannot be written."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise DfdError(f"The report {page} must end in .html; give it such a name.")
    if page.is_dir():
        raise DfdError(f"The report {page} is a folder; name a file.")
    with disk.explained(page, "name another file"):
        page.parent.mkdir(parents=True, exist_ok=True)


def _each(paths: Sequence[Path], params: PredictParams) -> Iterator[Prediction]:
    """The predictions, one after the other, with progress on stderr: frames of a single file, else files."""
    console = Console(stderr=True)
    if len(paths) > 1:
        yield from progress.shown(console, "files")((predict.judge(path, params) for path in paths), len(paths))
        return
    with console.status("looking for a face") as status:
        yield predict.judge(paths[0], params, lambda done, total: status.update(f"frame {done} of {total}"))


def _table(found: Iterable[Prediction]) -> None:
    console = progress.console()
    table, wide = Table(), console.width >= WIDE
    table.add_column("File", overflow="fold", min_width=12)
    for column in ("Verdict", "p_fake", "95 % interval", *(("ResNet", "Head pose") if wide else ()), "Frames"):
        table.add_column(column, no_wrap=True)
    if wide:
        table.add_column("Note", overflow="fold")
    for p in found:
        name, note = (Text(errors.printable(text)) for text in (p.file, _note(p)))  # Text is never read as markup
        branches = [_number(value) for value in (p.resnet, p.headpose)] if wide else []
        ends = f"{p.low:.2f} to {p.high:.2f}" if p.low == p.low else ""
        frames = f"{p.used} of {p.looked_at}" if p.looked_at else ""
        row = (name, WORDS[p.verdict], _number(p.p_fake), ends, *branches, frames)
        table.add_row(*row, *([note] if wide else []))
    console.print(table)


def _note(p: Prediction) -> str:
    missed = ", ".join(f"{why} in {count}" for why, count in p.not_used.items())
    return "; ".join(part for part in (missed, p.note) if part)


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else ""


def _json(found: Iterable[Prediction]) -> None:
    print(json.dumps([p.row() for p in found], indent=2))


def _csv(found: Iterable[Prediction]) -> None:
    writer = csv.DictWriter(sys.stdout, predict.COLUMNS, lineterminator="\n")
    writer.writeheader()
    for p in found:
        row = p.row()
        writer.writerow(row | {"file": errors.printable(p.file), "not_used": json.dumps(row["not_used"])})


def _say(found: Sequence[Prediction], left: Sequence[Prediction], page: Path | None) -> None:
    """On stderr: the report's place, the files that could not be judged, and the warning."""
    if page:
        print(f"Report: {page}", file=sys.stderr)
    if left and len(found) > 1:
        print(f"{len(left)} of {len(found)} files could not be judged:", file=sys.stderr)
        for p in left:
            print(f"  {errors.printable(p.note)}", file=sys.stderr)
    if len(left) < len(found):
        print(CARE, file=sys.stderr)
