"""`dfd exercises` and `dfd grade`: notebooks out, and for each submission its outcomes and points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dfdlib.command import answers, submissions
from dfdlib.command.answers import Exercise, Part
from dfdlib.command.submissions import Submission
from dfdlib.core import disk, errors, paths
from dfdlib.core.errors import DfdError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
# One thread, since a fork has no others; no window for figures; macOS forks only where this allows it.
ENVIRONMENT = dict.fromkeys(THREADS, "1") | {"MPLBACKEND": "agg", "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}


@dataclass(frozen=True)
class Outcome:
    """What came of one check: a word of feedback.WORDS, and the hint, the error or what was right."""

    status: str
    said: str = ""


@dataclass
class Student:
    """A student's outcomes by exercise; `id` is the number that the learning platform gives, or ""."""

    name: str
    id: str
    outcomes: dict[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Graded:
    """A class: the parts that count, students in order, a sentence for each file that was not graded."""

    parts: tuple[Part, ...]
    students: tuple[Student, ...]
    others: tuple[str, ...]
    shut: bool  # whether the system itself took network and files from the answers, not Python alone

    @property
    def exercises(self) -> list[Exercise]:
        """All exercises that count, each of which gives a point."""
        return [exercise for part in self.parts for exercise in part.exercises]

    def points(self, student: Student, part: Part | None = None) -> int:
        """The student's points, of one part or of all."""
        exercises = part.exercises if part else self.exercises
        return sum(points(student.outcomes[exercise.number]) for exercise in exercises)

    def unreadable(self) -> bool:
        """Whether a file that is a submission could not be read."""
        return any(outcome.status == "unreadable" for one in self.students for outcome in one.outcomes.values())

    def right(self, exercise: Exercise) -> int:
        """How many students had this exercise right."""
        return sum(student.outcomes[exercise.number].status == "right" for student in self.students)


def points(outcome: Outcome) -> int:
    """One for what is right; a prediction earns it by being made, since a wrong one before the measurement teaches."""
    return int(outcome.status in ("right", "predicted"))


def hand_out(folder: Path) -> tuple[list[str], list[str]]:
    """Copy the exercises' notebooks to a folder; returns the names of those copied and those that were there before.

    Their links lead to the repository's notebooks from there. DfdError where it is a file.
    """
    if folder.is_file():
        raise DfdError(f"{folder} is a file; name a folder for the notebooks, such as mine.")
    names = [path.name for path in sorted((paths.notebooks() / "exercises").glob("ex*.ipynb"))]
    there = [name for name in names if os.path.lexists(folder / name)]
    up = Path(os.path.relpath(paths.notebooks(), folder)).as_posix()
    for name in (name for name in names if name not in there):
        text = (paths.notebooks() / "exercises" / name).read_text(encoding="utf-8")
        with disk.replacing(folder / name, "name another folder") as partial:
            partial.write_text(text.replace("](../", f"]({up}/"), encoding="utf-8")
    return [name for name in names if name not in there], there


def grade(folder: Path, jobs: int, limit: float, show: Callable, known: Sequence[Part] | None = None) -> Graded:
    """Grade what is below a folder, `jobs` answers at a time, each check within `limit` seconds.

    show: as `progress.shown` gives. known: the parts, by default the repository's. DfdError where nothing can be
    graded, or the exercises themselves do not run.
    """
    known = answers.parts() if known is None else known
    found, others = submissions.collect(folder, known)
    if not found:
        left = f"; {'; '.join(others[:3])}" if others else ""
        raise DfdError(f"{folder} has no notebook of these exercises in a folder or file named for its student{left}.")
    names = _names(found)
    people = sorted(names.items(), key=lambda one: one[1].casefold())
    students = {name: Student(name, id) for (_, id), name in people}
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
    return Graded(tuple(used), tuple(students.values()), tuple(others), shut)


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
            before, answer = answers.answer(exercise, part, one.cells)
            if one.fault:
                outcome = Outcome("unreadable", one.fault)
            elif not answer:
                outcome = Outcome("missing", f"no cell defines {' and '.join(exercise.names)}")
            elif answers.is_stub(exercise, answer):
                outcome = Outcome("unanswered", answers.todo(exercise))
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
    paths.import_from_here()
    command = [sys.executable, "-m", "dfdlib.command.checking"]
    with tempfile.TemporaryDirectory(prefix="dfd-grade-", ignore_cleanup_errors=True) as folder:
        given, log = Path(folder) / "work.json", Path(folder) / "log"
        given.write_text(_work(part, tasks, jobs, limit), encoding="utf-8")
        environment = os.environ | ENVIRONMENT | {"TMPDIR": folder}
        with given.open(encoding="utf-8") as work, log.open("w", encoding="utf-8") as told:
            running = subprocess.Popen(command, stdin=work, stdout=subprocess.PIPE, stderr=told, env=environment)
        given.unlink()  # it is open, and nobody's answer is to read the others'
        with running:
            try:
                yield from map(json.loads, running.stdout)
            except BaseException:
                running.kill()
                raise
        if running.returncode:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"exit code {running.returncode}"
            raise DfdError(f"Our own solutions of {part.stem} do not run here ({why}); `make test` says more.")


def _work(part: Part, tasks: dict[str, dict], jobs: int, limit: float) -> str:
    """What `checking.main` reads: the exercises up to the last that has an answer, and the answers."""
    last = max(i for i, exercise in enumerate(part.exercises) if tasks[exercise.number])
    exercises = [
        {"number": one.number, "names": one.names, "setup": one.setup, "check": one.check}
        | {"solution": [cell.source for cell in one.solution]}
        for one in part.exercises[: last + 1]
    ]
    return json.dumps({"exercises": exercises, "tasks": tasks, "jobs": jobs, "limit": limit})
