"""The command `dfd predict`: files in, a table, JSON or CSV out, progress on stderr, and an exit code."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfdlib.command import progress
from dfdlib.core import disk, errors, repro
from dfdlib.core.errors import SOME, DfdError
from dfdlib.detector import predict, record
from dfdlib.detector.judging import WORDS, Face
from dfdlib.detector.looking import PredictParams
from dfdlib.detector.predict import Prediction
from dfdlib.evaluation import arbiter

WIDE = 110  # columns of a terminal below which the branches are left to --json and the report
MANY = 200  # files from which their number is said first
SCHEMA = 2  # of --json and --csv; 1 was a bare list
CARE = "A score is not evidence: the detector was measured on small data sets. Do not use it to accuse anybody."


def predict_all(given: Sequence[Path], form: str, page: Path | None, frames: int, rule: str, sure: bool = False) -> int:
    """Judge all files, print them as "table", "json" or "csv", and write the page; returns the exit code.

    A file that cannot be judged does not stop the others. More than MANY files are counted first, and on a terminal
    judged only after a yes, unless `sure`. DfdError where no file can be judged, or there is none, or the page can't be
    written; the verdicts are printed before it.
    """
    repro.limit(1)
    params = PredictParams(max_frames=frames, rule=rule)
    arbiter.rule_of(rule)
    if page:
        _check_page(page)
    with Console(stderr=True).status("looking for pictures and videos"):
        paths, others = predict.files_to_judge(given)
    for sentence in others:
        print(f"{sentence}.", file=sys.stderr)
    _agree(len(paths), sure)
    found = [p if page else predict.without_pictures(p) for p in _each(paths, params)]
    if form != "table" or len(found) > 1 or found[0].verdict != "unusable":  # of a single file a sentence is enough
        {"table": _table, "json": _json, "csv": _csv}[form](found, rule)  # before the page, which may fail
    unwritten = _unwritten(page, found, rule, _common(given)) if page else ""
    left = [p for p in found if p.verdict == "unusable"]
    _say(found, left, None if unwritten else page)
    if unwritten:
        raise DfdError(unwritten)
    if len(left) == len(found):
        told = errors.printable(left[0].note) if len(left) == 1 else f"None of the {len(left)} files can be judged."
        raise DfdError(told)
    return SOME if left else 0


def _unwritten(page: Path, found: Sequence[Prediction], rule: str, common: Path) -> str:
    """Write the page; why it can't be written, or ""."""
    from dfdlib.detector import report  # with Matplotlib, which takes a second

    try:
        report.write(page, found, rule, common)
    except DfdError as error:
        return str(error)
    except Exception as error:  # of a library that draws; the verdicts are printed already
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return errors.printable(f"The report {page} could not be written ({what}); report this.")
    return ""


def _check_page(page: Path) -> None:
    """DfdError before the work, rather than after it, where the page cannot be written."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise DfdError(f"The report {page} must end in .html; give it such a name.")
    if page.is_dir():
        raise DfdError(f"The report {page} is a folder; name a file.")
    with disk.explained(page, "name another file"):
        if not page.parent.is_dir():
            page.parent.mkdir(parents=True)
            print(f"Made the folder {page.parent} for the report.", file=sys.stderr)
        tempfile.TemporaryFile(dir=page.parent).close()


def _agree(count: int, sure: bool) -> None:
    """Say how many files there are where they are many; DfdError where a person at the terminal doesn't want that."""
    if count <= MANY:
        return
    said = f"There are {count:,} pictures and videos to judge."
    if sure or not sys.stdin.isatty():
        print(said, file=sys.stderr)
    elif not typer.confirm(f"{said} Go on?", err=True):
        raise DfdError("Nothing was judged; name fewer files or folders.")


def _each(paths: Sequence[Path], params: PredictParams) -> Iterator[Prediction]:
    """The predictions, one after the other, with progress on stderr: frames of a single file, else files."""
    console = Console(stderr=True)
    if len(paths) > 1:
        yield from progress.shown(console, "files")((predict.judge(path, params) for path in paths), len(paths))
        return
    with console.status("looking for a face") as status:
        yield predict.judge(paths[0], params, lambda done, total: status.update(f"frame {done} of {total}"))


def _common(given: Iterable[Path]) -> Path:
    """The folder that what was given has in common, to which the report's names are relative."""
    folders = [path.absolute() if path.is_dir() else path.absolute().parent for path in given]
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:  # on several drives
        return Path()


def _table(found: Sequence[Prediction], rule: str) -> None:
    """The verdicts; below, what else is to be known of each file, and what the detector was measured to be worth."""
    console = progress.console()
    table, wide = Table(show_lines=True), console.width >= WIDE
    table.add_column("File", overflow="fold", min_width=12)
    table.add_column("Verdict", overflow="fold", width=36 if wide else 24)
    for column in ("p_fake", "Varies\nover frames", *(("Network", "Head pose") if wide else ()), "Frames"):
        table.add_column(column, no_wrap=True)
    for p in found:
        table.add_row(
            *map(_text, [errors.printable(p.file), _verdict(p.verdict, p.face, p.beside), *_cells(p.face, wide)])
        )
        for number, face in enumerate(p.faces[1:], 2):
            name = f"  face {number}" + (f", frames {face.shown[0]} to {face.shown[-1]}" if face.looked_at > 1 else "")
            table.add_row(*map(_text, [name, _verdict(face.verdict, face, ""), *_cells(face, wide)]))
    console.print(table)
    for p in found:
        if note := _note(p):
            console.print(_text(f"{errors.printable(p.file)}: {note}"), soft_wrap=True)
    if judged := [p for p in found if p.verdict != "unusable"]:
        console.print(_record(judged, rule))


def _record(found: Iterable[Prediction], rule: str) -> Table:
    """What the detector said of data that it never saw, clips or stills or both, as the files are."""
    table = Table(title="What it said of people whom it never saw", title_justify="left", box=None, pad_edge=False)
    for column in ("Data", "signs", "inconclusive", "no sign"):
        table.add_column(column, overflow="fold", no_wrap=column != "Data")
    for what, *counts in record.lines(rule, {p.face.looked_at == 1 for p in found}):
        table.add_row(what, *map(str, counts))
    return table


def _text(cell: str) -> Text:
    """Text is never read as markup; the line breaks are the table's own, a name's are written as escapes."""
    return Text("\n".join(errors.printable(line) for line in cell.split("\n")))


def _verdict(said: str, face: Face, beside: str) -> str:
    words = face.note if face.note.startswith(WORDS[said]) else ": ".join(w for w in (WORDS[said], face.note) if w)
    return words + (f"\n({beside})" if beside else "")


def _cells(face: Face, wide: bool) -> list[str]:
    branches = [_number(value) for value in (face.resnet, face.headpose)] if wide else []
    ends = f"{face.low:.2f} to {face.high:.2f}" if face.low == face.low else ""
    return [_number(face.p_fake), ends, *branches, f"{face.used} of {face.looked_at}" if face.looked_at else ""]


def _note(p: Prediction) -> str:
    """What is to be known beside the verdict; a file that was not judged is told of on stderr."""
    return "" if p.verdict == "unusable" else "; ".join(part for part in (_missed(p.face), p.note) if part)


def _missed(face: Face) -> str:
    return ", ".join(f"{why} in {count} frame{'s' * (count > 1)}" for why, count in face.not_used.items())


def _number(value: float) -> str:
    return f"{value:.2f}" if value == value else ""


def _about() -> dict[str, object]:
    return {"version": SCHEMA, "software": f"dfdlib {version('dfdlib')}", "weights": record.weights()}


def _json(found: Iterable[Prediction], rule: str) -> None:
    about = _about() | {"rule": rule, "measured": record.entries(rule)}
    print(json.dumps(about | {"files": [p.row() for p in found]}, indent=2))


def _csv(found: Iterable[Prediction], rule: str) -> None:
    about = _about()
    writer = csv.DictWriter(sys.stdout, [*predict.COLUMNS, *about, "rule"], lineterminator="\n")
    writer.writeheader()
    for p in found:
        row = p.row() | about | {"rule": rule}
        nested = {name: json.dumps(value) for name, value in row.items() if isinstance(value, dict | list)}
        writer.writerow(row | nested | {"file": errors.printable(p.file)})


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
