"""The commands `dfd exercises` and `dfd grade`: notebooks out; points, a table, CSV and pages with hints back."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dfdlib.command import submissions
from dfdlib.command.submissions import Exercise, Part, Submission
from dfdlib.core import disk, errors, paths
from dfdlib.core.errors import DfdError

WORDS = {
    "right": "right",
    "hint": "not yet",
    "error": "an error",
    "time": "out of time",
    "died": "ended its process",
    "unanswered": "no answer",
    "missing": "missing",
    "unreadable": "unreadable",
    "absent": "not handed in",
}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True)
class Outcome:
    """What came of one check: a word of WORDS, and the hint, the error or what was right."""

    status: str
    said: str = ""


@dataclass
class Student:
    """A student's outcomes by exercise."""

    name: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Graded:
    """A class: the exercises that count, students in order, a sentence for each file that was not graded."""

    exercises: tuple[Exercise, ...]
    students: tuple[Student, ...]
    others: tuple[str, ...]
    shut: bool  # whether the system itself took network and files from the answers, not Python alone

    def points(self, student: Student) -> int:
        """The student's points, one for each exercise."""
        return sum(points(exercise, student.outcomes[exercise.number]) for exercise in self.exercises)

    def unreadable(self) -> bool:
        """Whether a file that is a submission could not be read."""
        return any(outcome.status == "unreadable" for one in self.students for outcome in one.outcomes.values())

    def right(self, exercise: Exercise) -> int:
        """How many students had this exercise right."""
        return sum(student.outcomes[exercise.number].status == "right" for student in self.students)


def points(exercise: Exercise, outcome: Outcome) -> int:
    """One for what is right; a prediction earns it by being made, since a wrong one before the measurement teaches."""
    return int(outcome.status == "right" or (exercise.kind == "predict" and outcome.status == "hint"))


def hand_out(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the exercises' notebooks to a folder; returns the names of those copied and those that were there before."""
    names = [path.name for path in sorted((paths.notebooks() / "exercises").glob("ex*.ipynb"))]
    there = [name for name in names if os.path.lexists(folder / name)]
    for name in (name for name in names if name not in there):
        with disk.replacing(folder / name, "name another folder") as partial:
            shutil.copyfile(paths.notebooks() / "exercises" / name, partial)
    return [name for name in names if name not in there], there


def contents() -> Table:
    """The exercises by topic, with their points and minutes."""
    table = Table("", "Exercise", "Kind", "Points", "Minutes", title="Exercises", title_justify="left")
    for part in submissions.parts():
        minutes = sum(exercise.minutes for exercise in part.exercises)
        table.add_row(part.stem[:4], Text(part.title, "bold"), "", str(len(part.exercises)), str(minutes))
        for one in part.exercises:
            table.add_row(one.number, one.title, one.kind, "1", str(one.minutes))
        table.add_section()
    return table


def grade(folder: Path, jobs: int, limit: float, show: Callable, known: Sequence[Part] | None = None) -> Graded:
    """Grade what is below a folder, `jobs` answers at a time, each check within `limit` seconds.

    show: as `progress.shown` gives. known: the parts, by default the repository's. DfdError where nothing can be
    graded, or the exercises themselves do not run.
    """
    known = submissions.parts() if known is None else known
    found, others = submissions.collect(folder, known)
    if not found:
        raise DfdError(f"{folder} holds no notebook of these exercises that names its student. {' '.join(others[:3])}")
    names = _names(found)
    students = {name: Student(name) for name in sorted(names.values(), key=str.casefold)}
    used = [part for part in known if any(one.part is part for one in found)]
    shut = True
    for student in students.values():
        student.outcomes |= {ex.number: Outcome("absent") for part in used for ex in part.exercises}
    for part in used:
        own = {names[one.student, one.id]: one for one in found if one.part is part}
        tasks = _tasks(part, own, students)
        for result in show(_checked(part, tasks, jobs, limit), sum(map(len, tasks.values()))):
            shut &= result.get("shut", True)
            outcome = Outcome(result["status"], errors.printable(result["said"]))
            students[result["key"]].outcomes[result["exercise"]] = outcome
    exercises = tuple(exercise for part in used for exercise in part.exercises)
    return Graded(exercises, tuple(students.values()), tuple(others), shut)


def _names(found: Iterable[Submission]) -> dict[tuple[str, str], str]:
    """What to call each student: by the name, and the platform's number where several have one name."""
    people = sorted({(one.student, one.id) for one in found})
    same = Counter(name for name, _ in people)
    return {(name, id): errors.printable(f"{name} ({id})" if same[name] > 1 and id else name) for name, id in people}


def _tasks(part: Part, own: dict[str, Submission], students: dict[str, Student]) -> dict[str, dict[str, dict]]:
    """What is to be run, by exercise and student; what needs no run goes to the outcomes at once."""
    tasks: dict[str, dict[str, dict]] = {exercise.number: {} for exercise in part.exercises}
    for name, one in own.items():
        for exercise in part.exercises:
            before, answer = submissions.answer(exercise, part, one.cells)
            if one.fault:
                outcome = Outcome("unreadable", one.fault)
            elif not answer:
                outcome = Outcome("missing", f"no cell defines {' and '.join(exercise.names)}")
            elif submissions.is_stub(exercise, answer):
                outcome = Outcome("unanswered", submissions.todo(exercise))
            else:
                tasks[exercise.number][name] = {"before": before, "answer": answer}
                continue
            students[name].outcomes[exercise.number] = outcome
    return tasks


def _checked(part: Part, tasks: dict[str, dict], jobs: int, limit: float) -> Iterator[dict]:
    """The results of a part's checks, from a process of its own (dfdlib/command/checking.py)."""
    if not any(tasks.values()):
        return
    if not hasattr(os, "fork"):
        raise DfdError("Grading needs Linux or macOS, since each answer gets a forked process; on Windows use WSL.")
    last = max(i for i, exercise in enumerate(part.exercises) if tasks[exercise.number])
    exercises = [
        {"number": one.number, "names": one.names, "setup": one.setup, "check": one.check}
        | {"solution": [cell.source for cell in one.solution]}
        for one in part.exercises[: last + 1]
    ]
    work = json.dumps({"exercises": exercises, "tasks": tasks, "jobs": jobs, "limit": limit})
    paths.import_from_here()
    environment = os.environ | dict.fromkeys(THREADS, "1") | {"MPLBACKEND": "agg"}
    command = [sys.executable, "-m", "dfdlib.command.checking"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as given, tempfile.TemporaryFile("w+", errors="replace") as log:
        given.write(work)
        given.seek(0)
        running = subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=log, env=environment, text=True)
        with running:
            try:
                yield from map(json.loads, running.stdout)
            finally:
                code = running.wait() if sys.exc_info()[0] is None else running.kill()
        if code:
            log.seek(0)
            why = (log.read().strip().splitlines() or [f"exit code {code}"])[-1]
            raise DfdError(f"Our own solutions of {part.stem} do not run here ({why}); `make test` says more.")


def not_right(student: Student) -> str:
    """Such as "not yet: 04.2, 04.3; no answer: 04.4"."""
    found: dict[str, list[str]] = {}
    for number, outcome in student.outcomes.items():
        found.setdefault(WORDS[outcome.status], []).append(number)
    return "; ".join(f"{word}: {', '.join(numbers)}" for word, numbers in found.items() if word != WORDS["right"])


def tables(graded: Graded) -> Iterator[Table]:
    """The class as two tables: students with their totals, and exercises with the share that had them right."""
    whole = len(graded.exercises)
    table = Table("Student", "Points", "Not right", title=f"Points of {whole}", title_justify="left")
    for student in graded.students:
        table.add_row(Text(student.name), str(graded.points(student)), Text(not_right(student)))
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
        writer.writerow(["student", *numbers, "points", "of", *(f"{number} outcome" for number in numbers)])
        for student in graded.students:
            found = [student.outcomes[number] for number in numbers]
            scores = [points(*pair) for pair in zip(graded.exercises, found, strict=True)]
            name = f"'{student.name}" if student.name[0] in "=+-@" else student.name  # no formula in a spreadsheet
            writer.writerow([name, *scores, sum(scores), len(scores), *(WORDS[outcome.status] for outcome in found)])


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


def check_places(folder: Path, *written: Path | None) -> None:
    """DfdError where something would be written among the submissions."""
    for path in (path for path in written if path):
        if folder.resolve() in (path.resolve(), *path.resolve().parents):
            raise DfdError(f"{path} lies among the submissions in {folder}, which are only read; name another place.")
