"""The exercises: made from their solutions without a diff, and checks that know right from wrong and say why."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.util
import io
import os
import re
import runpy
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from dfdlib import checks
from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from tests.mistakes import WRONG

TOOL = paths.root() / "tools" / "exercises.py"
SPEC = importlib.util.spec_from_file_location("exercises", TOOL)
exercises = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(exercises)
SOURCES = exercises.sources()
every_part = pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is known before it, its solution, its stub and its check."""

    number: str
    known: dict
    solution: str
    check: str  # with the cells that belong to it, between the solution and the check
    left: dict  # what is known after it
    printed: list[str]  # by each of its cells


@pytest.fixture(scope="module", autouse=True)
def like_before():
    """Notebooks set threads and seeds for the whole process, and show figures; neither is to outlive these tests."""
    threads, given = (torch.get_num_threads(), cv2.getNumThreads()), os.environ.get("OMP_NUM_THREADS")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: plt.close("all"))
        yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    os.environ.pop("OMP_NUM_THREADS", None) if given is None else os.environ.update(OMP_NUM_THREADS=given)


def _read(path: Path) -> list:
    return nbformat.read(path, as_version=4).cells


def _code(path: Path) -> list:
    return [cell for cell in _read(path) if cell.cell_type == "code"]


def _run(source: str, namespace: dict) -> dict:
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def _heard(source: str, namespace: dict) -> str:
    """Run it; what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as told:
        _run(source, namespace)
    return told.getvalue()


def sections(path: Path) -> tuple[list, dict[str, list]]:
    """The code cells before the first exercise, and those of each exercise."""
    front, found, number = [], {}, ""
    for cell in _read(path):
        if heading := re.search(r"^## (\d\d\.\d) ", cell.source, re.MULTILINE):
            number = heading[1]
        if cell.cell_type == "code" and not number:
            front.append(cell)
        elif cell.cell_type == "code":
            found.setdefault(number, []).append(cell)
    return front, found


@functools.cache
def lessons(path: Path) -> dict[str, Exercise]:
    """The exercises of a part, each run alone: after the cells before the first exercise, and no other exercise."""
    front, found = sections(path)
    begun = _run("\n".join(cell.source for cell in front), {})
    return {number: _alone(number, cells, begun.copy()) for number, cells in found.items()}


def _alone(number: str, cells: list, namespace: dict) -> Exercise:
    kinds = [(set(cell.metadata.tags) & {"solution", "check"} or {""}).pop() for cell in cells]
    solution, check = kinds.index("solution"), kinds.index("check")
    printed = [_heard(cell.source, namespace) for cell in cells[:solution]]
    known = namespace.copy()
    printed += [_heard(cell.source, namespace) for cell in cells[solution:]]
    checked = "\n\n\n".join(cell.source for cell in cells[solution + 1 : check + 1])
    return Exercise(number, known, cells[solution].source, checked, namespace, printed)


def _lesson(number: str) -> Exercise:
    return lessons(next(path for path in SOURCES if path.stem.startswith(f"ex{number[:2]}")))[number]


def _answered(solution: str, stub: int, body: str) -> str:
    """The solution with what stands between one pair of marks replaced."""
    answers = iter(range(solution.count("### BEGIN SOLUTION")))

    def other(match: re.Match) -> str:
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), match[1])
        return lines if next(answers) == stub else match[0]

    return exercises.MARKED.sub(other, solution)


def test_the_generator_leaves_no_diff(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exercises, "EXERCISES", tmp_path)
    monkeypatch.setattr(sys, "argv", ["exercises.py"])
    for _ in range(2):
        exercises.main()
        made = {path.name: path.read_bytes() for path in tmp_path.glob("*")}
        committed = {path.name: path.read_bytes() for path in (paths.notebooks() / "exercises").glob("[!R]*")}
        assert made == committed, "run `make exercises`"
    assert len(made) == 8


@pytest.mark.parametrize(
    "cell",
    [
        "def f():\n    return 1",
        "def f():\n    ### BEGIN SOLUTION: say\n    return 1",
        "def f():\n    ### BEGIN SOLUTION: say\n    return 1\n### END SOLUTION",
        'def f():\n    ### BEGIN SOLUTION: say "x"\n    return 1\n    ### END SOLUTION',
    ],
)
def test_a_solution_without_whole_marks_is_refused(cell: str) -> None:
    with pytest.raises(DfdError, match="cell-07: put each answer between ### BEGIN SOLUTION"):
        exercises.stub(cell, "cell-07")


@every_part
def test_no_solution_leaks_into_an_exercise(path: Path) -> None:
    stubs = [cell for cell in _code(exercises.EXERCISES / path.name) if exercises.tagged(cell, "exercise")]
    text = "\n".join(cell.source for cell in _read(exercises.EXERCISES / path.name))
    solutions = [cell.source for cell in _code(path) if exercises.tagged(cell, "solution")]
    assert len(stubs) == len(solutions) >= 3
    assert "SOLUTION" not in text and "**These are the solutions" not in text
    for stub, solution in zip(stubs, solutions, strict=True):
        assert stub.source.count("raise NotImplementedError(") == solution.count("### BEGIN SOLUTION")
        for answer in exercises.MARKED.finditer(solution):
            lines = [line.strip() for line in answer[0].splitlines()[1:-1]]
            assert lines and not [line for line in lines if len(line) > 12 and line in text]


@every_part
def test_an_exercise_is_empty_and_the_same_everywhere(path: Path) -> None:
    notebook = nbformat.read(exercises.EXERCISES / path.name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.metadata == exercises.METADATA
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert {tag for cell in notebook.cells for tag in cell.metadata.tags} == {"exercise", "check"}


@every_part
def test_each_exercise_states_what_it_asks_and_is_checked(path: Path) -> None:
    cells = _read(exercises.EXERCISES / path.name)
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (\d\d\.\d) .+ \((predict|implement|find the \w+), (\d+) minutes\)$", text, re.MULTILINE)
    checked = [re.search(r'"(\d\d\.\d)"', c.source)[1] for c in cells if exercises.tagged(c, "check")]
    assert [number for number, _, _ in headings] == checked and len(checked) == 7
    assert headings[0][1] == "predict" and {kind for _, kind, _ in headings} > {"predict", "implement"}
    assert f"**Time.** {sum(int(minutes) for _, _, minutes in headings)} minutes" in text
    assert text.count("**Why it matters.**") == text.count("**Your answer**") == len(checked)
    assert "**Goals.**" in cells[0].source and "**Limits.**" in cells[-1].source
    rendered = any(word in cell.source for cell in cells if cell.cell_type == "code" for word in ("embedded", "world"))
    assert "(**synthetic**" in cells[0].source or not rendered, "the front page says what the data are"


@every_part
@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_prose_is_long_and_links_lead_somewhere(path: Path, folder: str) -> None:
    cells = _read(paths.notebooks() / folder / path.name)
    kinds = [cell.cell_type for cell in cells]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    assert len(text.split()) / len(lines) >= 8
    assert not [i for i in range(4, len(kinds)) if kinds[i] == kinds[i - 1] == "code"]
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert any(link.startswith("../0") for link in links)
    assert not [link for link in links if not (paths.notebooks() / folder / link).is_file()]


@pytest.mark.parametrize(
    ("number", "stub", "body", "hint"), WRONG, ids=[f"{wrong[0]}-{i}" for i, wrong in enumerate(WRONG)]
)
def test_a_typical_wrong_answer_gets_a_hint_that_helps(number: str, stub: int, body: str, hint: str, capsys) -> None:
    lesson = _lesson(number)
    namespace = _run(_answered(lesson.solution, stub, body), lesson.known.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's division by zero warns, and goes on
        try:
            _run(lesson.check, namespace)
            said = capsys.readouterr().out  # a wrong prediction counts
        except checks.Hint as error:
            said = str(error)
    assert re.search(
        rf"^{re.escape(number)} (not yet|counts as a prediction): .*{hint}", said, re.DOTALL | re.MULTILINE
    ), said


def test_wrong_answers_are_known_for_every_exercise() -> None:
    numbers = {number for path in SOURCES for number in lessons(path)}
    assert {number for number, *_ in WRONG} == numbers and len(numbers) == 49


@every_part
def test_an_untouched_exercise_stops_at_its_stub(path: Path) -> None:
    stubs = [cell.source for cell in _code(exercises.EXERCISES / path.name) if exercises.tagged(cell, "exercise")]
    for stub, lesson in zip(stubs, lessons(path).values(), strict=True):
        namespace = _run(stub, lesson.known.copy())
        with pytest.raises(NotImplementedError, match="^return "):
            _run(lesson.check, namespace)


ROW = np.array([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("found", "expected", "hint"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), r"shape \(2, 3\), and \(3, 2\) was asked for\. Its transpose would fit"),
        (np.ones(2), ROW, r"shape \(2,\), and \(3,\) was asked for\."),
        ([1, np.nan, 3], ROW, "1 of 3 values are not finite numbers"),
        (-ROW, ROW, "the size is right and the sign is wrong"),
        (2 * ROW, ROW, "every value is 2 times"),
        ([1, -2, 4], ROW, r"1 of 3 values are off, the first at \[2\], the worst by 1"),
        ([1, 2, 3], ROW, r"right everywhere but in the middle\. The size is right there and the sign is wrong"),
        (3, 2, "3 is too large"),
        (1.5, 2, "1.5 is too small"),
    ],
)
def test_a_number_that_nobody_foresaw_is_described(found, expected, hint: str) -> None:
    regions = {"in the middle": np.array([False, True, False])} if expected is ROW else {}
    with pytest.raises(checks.Hint, match=hint):
        checks.close("x", found, expected, "", regions=regions)


def test_names_are_compared_in_any_order(capsys) -> None:
    checks.named("x", ["b", "a"], ("a", "b"), "both.")
    checks.free_of("x", {"a fault": False}, "none.")
    assert capsys.readouterr().out == "x right: both.\nx right: none.\n"
    with pytest.raises(checks.Hint, match=r"x not yet: 'c' does not belong in the answer \(1 such\) and 1 of 2 are"):
        checks.named("x", ["a", "c"], ("a", "b"), "")


def test_the_tool_refuses_what_it_does_not_know(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])  # to which the tool adds
    monkeypatch.setattr(sys, "argv", [str(TOOL), "grade"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(TOOL), run_name="__main__")
    assert stop.value.code == 2 and capsys.readouterr().err.startswith("The arguments are not understood; use")


def _printed(cells: list) -> list[str]:
    """What each of these code cells prints."""
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]


@every_part
def test_the_solutions_print_what_is_committed(path: Path) -> None:
    for number, cells in sections(path)[1].items():
        assert _printed(cells) == _lesson(number).printed, "run `python tools/exercises.py run`"
        checked = [text for cell, text in zip(cells, _printed(cells), strict=True) if exercises.tagged(cell, "check")]
        assert checked and all(re.search(rf"^{number} right: ", text, re.MULTILINE) for text in checked)


@pytest.mark.notebooks
def test_a_part_runs_in_a_fresh_kernel_and_changes_no_output(tmp_path) -> None:
    (path,) = (path for path in SOURCES if path.stem.startswith("ex05"))
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    exercises.run(copy)
    assert _printed(_code(copy)) == _printed(_code(path))


@every_part
def test_only_predictions_count_when_they_are_wrong(path: Path) -> None:
    text = "\n".join(cell.source for cell in _read(path))
    kinds = dict(re.findall(r"^## (\d\d\.\d) .+ \((\w+)", text, re.MULTILINE))
    calls = [call for cell in _code(path) for call in ast.walk(ast.parse(cell.source)) if isinstance(call, ast.Call)]
    for call in (call for call in calls if ast.unparse(call.func) in ("checks.choice", "checks.close")):
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        is_choice = call.func.attr == "choice"
        counts = given.get("predicted") != "False" if is_choice else "measured" in given
        assert counts == (kinds[call.args[0].value] == "predict"), ast.unparse(call)


@every_part
def test_cells_are_short(path: Path) -> None:
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert max(len([line for line in source.splitlines() if line.strip()]) for source in cells) <= 15
