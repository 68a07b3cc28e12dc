"""What `dfd exercises` and `dfd grade` show: the exercises, a class in tables, CSV, and a page for each student."""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dfdlib.command import answers
from dfdlib.command.grading import Graded, Student, points
from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError

WORDS = {
    "right": "right",
    "predicted": "a prediction that counts",  # though something else was measured
    "hint": "not yet",
    "error": "an error",
    "time": "out of time",
    "died": "ended its process",
    "unanswered": "no answer",
    "missing": "missing",
    "unreadable": "unreadable",
    "absent": "not handed in",
}


def contents() -> Table:
    """The exercises by topic, with their points and minutes."""
    table = Table("", "Exercise", "Kind", "Points", "Minutes", title="Exercises", title_justify="left")
    for part in answers.parts():
        minutes = sum(exercise.minutes for exercise in part.exercises)
        table.add_row(part.stem[:4], Text(part.title, "bold"), "", str(len(part.exercises)), str(minutes))
        for one in part.exercises:
            table.add_row(one.number, one.title, one.kind, "1", str(one.minutes))
        table.add_section()
    return table


def not_right(student: Student) -> str:
    """Such as "not yet: 04.2, 04.3; not handed in: all of 05"."""
    found: dict[str, list[str]] = {}
    for number, outcome in student.outcomes.items():
        found.setdefault(WORDS[outcome.status], []).append(number)
    whole = Counter(map(_part, student.outcomes))
    return "; ".join(f"{word}: {', '.join(_shortened(own, whole))}" for word, own in found.items() if word != "right")


def _part(number: str) -> str:
    return number.partition(".")[0]


def _shortened(numbers: list[str], whole: Counter[str]) -> Iterator[str]:
    """The numbers, but "all of 05" in place of those of a part that are all among them."""
    for part, some in itertools.groupby(numbers, _part):
        own = list(some)
        yield from own if len(own) < whole[part] else [f"all of {part}"]


def tables(graded: Graded) -> Iterator[Table]:
    """The class as two tables: students with their totals, and exercises with the share that had them right."""
    whole = len(graded.exercises)
    several = graded.parts if len(graded.parts) > 1 else ()
    names = [part.stem[:4] for part in several]
    table = Table("Student", *names, "Points", "Not right", title=f"Points of {whole}", title_justify="left")
    for student in graded.students:
        scores = [str(graded.points(student, part)) for part in (*several, None)]
        table.add_row(Text(student.name), *scores, Text(not_right(student)))
    yield table
    table = Table("", "Exercise", "Right", "Share", title="The class", title_justify="left")
    for one in graded.exercises:
        count = graded.right(one)
        table.add_row(
            one.number, one.title, f"{count} of {len(graded.students)}", f"{count / len(graded.students):.0%}"
        )
    yield table


def write_csv(path: Path, graded: Graded) -> None:
    """A row a student: points by exercise, their sum, and what there was to be had."""
    numbers = [exercise.number for exercise in graded.exercises]
    with disk.replacing(path, "name another file") as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["student", "id", *numbers, "points", "of", *(f"{number} outcome" for number in numbers)])
        for student in graded.students:
            found = [student.outcomes[number] for number in numbers]
            scores = [*map(points, found)]
            name = f"'{student.name}" if student.name[0] in "=+-@" else student.name  # no formula in a spreadsheet
            writer.writerow(
                [name, student.id, *scores, sum(scores), len(scores), *(WORDS[outcome.status] for outcome in found)]
            )


def write_pages(folder: Path, graded: Graded) -> None:
    """A page for each student, with hints and totals, and class.html for the teacher; names and hints are escaped."""
    from jinja2 import Environment

    page = Environment(autoescape=True).from_string((paths.assets() / "feedback.html").read_text(encoding="utf-8"))
    about = {
        "graded": graded,
        "words": WORDS,
        "points": points,
        "not_right": not_right,
        "pages": _pages(graded.students),
    }
    for student in (None, *graded.students):
        name = about["pages"][student.name] if student else "class.html"
        with disk.replacing(folder / name, "name another folder") as partial:
            partial.write_text(page.render(student=student, **about), encoding="utf-8")


def _pages(students: Iterable[Student]) -> dict[str, str]:
    """The page of each student: letters, digits, and a number where two names would share a page."""
    pages: dict[str, str] = {}
    for student in students:
        name = re.sub(r"\W+", "-", student.name).strip("-")[:80] or "student"
        taken = {page.casefold() for page in pages.values()} | {"class.html"}
        ends = ("", *(f"-{number}" for number in range(2, len(taken) + 2)))
        pages[student.name] = next(f"{name}{end}.html" for end in ends if f"{name}{end}.html".casefold() not in taken)
    return pages


def check_places(folder: Path, table: Path | None, pages: Path | None) -> None:
    """DfdError where the table or the pages can't be written, or would be among the submissions."""
    if table and table.is_dir():
        raise DfdError(f"{table} is a folder, and the points need a file; name one, such as {table / 'points.csv'}.")
    if pages and pages.is_file():
        raise DfdError(f"{pages} is a file, and the pages need a folder; name another one.")
    for path in (path for path in (table, pages) if path):
        if folder.resolve() in (path.resolve(), *path.resolve().parents):
            raise DfdError(f"{path} lies among the submissions in {folder}, which are only read; name another place.")
