"""`dfd grade` on a class of twelve made-up submissions of a part with three exercises, which is written here."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dfdlib.command import answers, cli, feedback, grading, submissions
from dfdlib.command.answers import Cell
from dfdlib.core import paths
from dfdlib.core.errors import DfdError

SPEC = importlib.util.spec_from_file_location("exercises", paths.root() / "tools" / "exercises.py")
exercises = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(exercises)

LIMIT = 5.0  # seconds: a check here takes hundredths; one submission waits for it
GUESS, DOUBLE, TOTAL = "cell-04", "cell-09", "cell-14"
SOLUTIONS = {
    GUESS: 'def guess() -> str:\n    return "more"',
    DOUBLE: "def double(x):\n    return 2 * x",
    TOTAL: "def total(values):\n    return sum(double(v) for v in values)",
}
CELLS = [
    "import numpy as np\n\nfrom dfdlib import checks",
    *("## 01.1 More or less (predict, 5 minutes)", SOLUTIONS[GUESS], "x"),
    'checks.choice("01.1", guess(), "more", "as measured.", {"less": "Count again."})',
    *("## 01.2 Twice (implement, 5 minutes)", "numbers = np.arange(4.0)", SOLUTIONS[DOUBLE], "x"),
    'checks.close("01.2", double(numbers), 2 * numbers, "twice.", {"this is the square.": numbers**2})',
    *("## 01.3 All of it (find the leak, 5 minutes)", 'print("before")', SOLUTIONS[TOTAL], "x"),
    'checks.close("01.3", total([1, 2]), 6, "all.")',
]
FETCH = "import socket\n\ndef double(x):\n    socket.create_connection(('127.0.0.1', {port}), 1)\n    return 2 * x"


def _source() -> nbformat.NotebookNode:
    """The part's notebook with solutions, marked and tagged as those of the repository are."""
    cells = [new_markdown_cell("# Exercises 01: numbers", id="title")]
    for index, text in enumerate(CELLS):
        name = f"cell-{index + 2:02d}"
        if text.startswith("## ") or text == "x":
            cells.append(new_markdown_cell(text, id=name))
            continue
        tags = ["check"] if text.startswith("checks.") else []
        if text in SOLUTIONS.values():
            head, body = text.split("\n", 1)
            text = f"{head}\n    ### BEGIN SOLUTION: return it\n{body}\n    ### END SOLUTION"
            tags = ["solution"]
        cells.append(new_code_cell(text, id=name, metadata={"tags": tags}))
    return new_notebook(cells=cells)


def test_the_cells_of_this_test_are_where_it_says() -> None:
    found = {
        cell.id: cell.source.split("\n")[0] for cell in _source().cells if "solution" in cell.metadata.get("tags", [])
    }
    assert found == {name: source.split("\n")[0] for name, source in SOLUTIONS.items()}


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory) -> Path:
    """A folder with solutions/ and exercises/, as `make exercises` writes them."""
    folder = tmp_path_factory.mktemp("notebooks")
    for kind in ("solutions", "exercises"):
        (folder / kind).mkdir()
    nbformat.write(_source(), folder / "solutions" / "ex01_counting.ipynb")
    asked = exercises.exercise(folder / "solutions" / "ex01_counting.ipynb")
    (folder / "exercises" / "ex01_counting.ipynb").write_text(asked)
    return folder


class Class:
    """Writes submissions into a folder."""

    def __init__(self, folder: Path, notebooks: Path) -> None:
        self.folder, self.asked = folder, notebooks / "exercises" / "ex01_counting.ipynb"

    def notebook(self, answers: dict[str, str], more: tuple[str, ...] = ()) -> nbformat.NotebookNode:
        notebook = nbformat.read(self.asked, as_version=4)
        for cell in notebook.cells:
            cell.source = answers.get(cell.id, cell.source)
        notebook.cells += [new_code_cell(source) for source in more]
        return notebook

    def hand_in(self, name: str, answers: dict[str, str], more: tuple[str, ...] = ()) -> Path:
        return self.write(name, self.notebook(answers, more))

    def write(self, name: str, notebook: nbformat.NotebookNode) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


HOSTILE = """
import dfdlib.checks, os, pathlib, shutil
for name in ("choice", "close", "named"):
    setattr(dfdlib.checks, name, lambda number, *_, **__: print(f"{{number}} right: I say so"))
checks = dfdlib.checks
print("x" * 2**25)
def double(x):
    for act in (lambda: shutil.rmtree("{folder}"), lambda: os.remove("{victim}"), lambda: open("{victim}", "w")):
        try:
            act()
        except OSError:
            pass
    return x
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory, notebooks: Path) -> tuple[grading.Graded, Path]:
    """The class of twelve, graded once; and its folder. Nothing in it is changed."""
    folder = tmp_path_factory.mktemp("class")
    made = Class(folder, notebooks)
    victim = made.hand_in("anna/ex01_counting.ipynb", SOLUTIONS)
    wrong = {GUESS: "def guess():\n    return 'less'", DOUBLE: "def double(x):\n    return x**2"}
    made.hand_in("bela_12345_67890_ex01_counting.ipynb", wrong | {TOTAL: "def total(values):\n    return nothing"})
    made.hand_in("Cleo Ray_123_assignsubmission_file_/ex01_counting.ipynb", {})
    made.hand_in("dora/ex01_counting.ipynb", SOLUTIONS | {DOUBLE: "def double(x):\n    while True:\n        pass"})
    hostile = {GUESS: "import os\nos._exit(0)", DOUBLE: HOSTILE.format(folder=folder, victim=victim)}
    made.hand_in("emil/ex01_counting.ipynb", hostile | {TOTAL: "def total(values):\n    return bytearray(2**44)"})
    helped = {
        DOUBLE: "def double(x):\n    return helper(x) * math.factor",
        TOTAL: "def total(v):\n    return math.fsum(v)*2",
    }
    helper = (
        "import types\nmath = types.SimpleNamespace(factor=2, fsum=sum)",
        "%%time\ndef helper(x):\n    return x",
        "while True: 1",
    )
    made.hand_in("finn_ex01_counting.ipynb", SOLUTIONS | helped, helper)
    deleted = made.notebook(SOLUTIONS)
    deleted.cells = [cell for cell in deleted.cells if cell.id != DOUBLE]
    made.write("gita/ex01_counting.ipynb", deleted)
    made.hand_in("hugo/my homework.ipynb", SOLUTIONS)
    made.hand_in("ivo_77_100_ex01_counting.ipynb", {})
    made.hand_in("ivolate_77_101_ex01_counting-1.ipynb", SOLUTIONS)
    (folder / "jana_ex01_counting (2).ipynb").write_text('{"cells": [')
    older = made.notebook(SOLUTIONS)
    (folder / "kim").mkdir()
    (folder / "nora").mkdir()
    nbformat.write(nbformat.convert(older, 3), folder / "kim" / "ex01.ipynb", version=nbformat.NO_CONVERT)
    other = made.notebook(SOLUTIONS)
    other.cells = other.cells[::-1]
    for cell in other.cells:
        cell.id = f"new-{cell.id}"
    made.write("lea/Ex1 final.ipynb", other)
    (folder / "anna" / "notes.txt").write_text("see page 3")
    made.hand_in("ex01_counting.ipynb", SOLUTIONS)
    made.write("mia/other.ipynb", new_notebook(cells=[new_code_cell("1 + 1")]))
    before = _digests(folder)
    found = grading.grade(folder, 4, LIMIT, lambda items, total: items, answers.parts(notebooks))
    assert _digests(folder) == before
    return found, folder


RIGHT = ("right", "right", "right")


@pytest.mark.parametrize(
    ("name", "expected", "points"),
    [
        ("anna", RIGHT, 3),
        ("bela", ("predicted", "hint", "error"), 1),
        ("Cleo Ray", ("unanswered", "unanswered", "unanswered"), 0),
        ("dora", ("right", "time", "right"), 2),
        ("emil", ("died", "hint", "error"), 0),
        ("finn", RIGHT, 3),
        ("gita", ("right", "missing", "right"), 2),
        ("hugo", RIGHT, 3),
        ("ivo", RIGHT, 3),
        ("jana", ("unreadable", "unreadable", "unreadable"), 0),
        ("kim", RIGHT, 3),
        ("lea", RIGHT, 3),
    ],
)
def test_each_of_the_twelve_gets_what_is_due(graded, name: str, expected: tuple, points: int) -> None:
    student = {one.name: one for one in graded[0].students}[name]
    assert tuple(outcome.status for outcome in student.outcomes.values()) == expected, student.outcomes
    assert graded[0].points(student) == points


def test_a_prediction_earns_its_point_by_being_one_of_the_answers(tmp_path, notebooks) -> None:
    made = Class(tmp_path, notebooks)
    said = {"wrong": "return 'LESS'", "printed": "print('more')", "nothing": "pass", "other": "return 'both'"}
    for name, body in said.items():
        made.hand_in(f"{name}/ex01.ipynb", {GUESS: f"def guess():\n    {body}"})
    found = grading.grade(made.folder, 2, LIMIT, lambda items, total: items, answers.parts(notebooks))
    earned = {one.name: (one.outcomes["01.1"].status, found.points(one)) for one in found.students}
    none = ("hint", 0)
    assert earned == {"wrong": ("predicted", 1), "printed": none, "nothing": none, "other": none}


def test_hints_and_errors_say_what_and_where(graded) -> None:
    said = {one.name: [outcome.said for outcome in one.outcomes.values()] for one in graded[0].students}
    assert said["bela"][0] == "'more' was measured, not 'less'. Count again."
    assert said["bela"][1:] == ["this is the square.", "NameError: name 'nothing' is not defined (line 2 of the cell)"]
    assert said["Cleo Ray"] == 3 * ["return it"] and said["gita"][1] == "no cell defines double"
    assert said["dora"][1] == "not done after 5 seconds"
    assert said["emil"][0] == "the answer ended its process (exit code 0)"
    assert said["emil"][2].startswith("MemoryError") and "1 of 4 values are off" not in said["emil"][1]


def test_what_is_not_graded_is_named(graded) -> None:
    others = "\n".join(graded[0].others)
    assert len(graded[0].others) == 5
    assert "nora: not graded: an empty folder, or" in others
    assert "ivo_77_100_ex01_counting.ipynb: an older version; ivolate_77_101_ex01_counting-1.ipynb is graded" in others
    assert "anna/notes.txt: not graded: not a notebook (.ipynb)" in others
    assert "ex01_counting.ipynb: not graded: nobody knows whose it is; put it into a folder" in others
    assert "mia/other.ipynb: not graded: it answers none of the exercises" in others


def test_the_class_in_tables_csv_and_pages(graded, tmp_path) -> None:
    found, _ = graded
    assert [found.right(one) for one in found.exercises] == [8, 6, 8]
    feedback.write_csv(tmp_path / "points.csv", found)
    rows = list(csv.DictReader((tmp_path / "points.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["student"]: row["id"] for row in rows if row["id"]} == {"bela": "12345", "Cleo Ray": "123", "ivo": "77"}
    assert (
        len(rows) == 12 and rows[0] | {"student": "anna", "points": "3", "of": "3", "01.2 outcome": "right"} == rows[0]
    )
    feedback.write_pages(tmp_path / "pages", found)
    assert len(list((tmp_path / "pages").iterdir())) == 13
    page = (tmp_path / "pages" / "bela.html").read_text()
    assert (
        "bela: 1 of 3 points" in page
        and "ex01, numbers 1 of 3" in page
        and "a prediction that counts</strong>" in page
        and "this is the square." in page
        and "name &#39;nothing&#39;" in page
    )
    summary = BeautifulSoup((tmp_path / "pages" / "class.html").read_text(), "html.parser")
    links = [link["href"] for link in summary.find_all("a")]
    assert len(links) == 12 and all((tmp_path / "pages" / link).is_file() for link in links)
    assert "01.2 Twice650 %" in summary.get_text().replace("\n", "")


def test_an_answer_reaches_neither_network_nor_files(tmp_path, notebooks) -> None:
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    start = "def double(x):\n    import subprocess; subprocess.run(['true'])"
    write = f"def total(values):\n    open({str(tmp_path / 'x')!r}, 'w')"
    own = "def guess():\n    open('x', 'w').write('y')\n    return 'more'"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        made.hand_in("a/ex01.ipynb", {GUESS: own, DOUBLE: FETCH.format(port=server.getsockname()[1]), TOTAL: write})
        made.hand_in(
            "b/ex01.ipynb",
            {DOUBLE: start, TOTAL: "def total(values):\n    os.kill(os.getppid(), 9)", "cell-02": "import os"},
        )
        found = grading.grade(made.folder, 2, LIMIT, lambda items, total: items, answers.parts(notebooks))
        with pytest.raises(TimeoutError):
            server.accept()
    first, second = (list(one.outcomes.values()) for one in found.students)
    assert first[0].status == "right" and not (tmp_path / "x").exists()
    assert first[1].said.startswith("PermissionError: socket.") and first[2].said.startswith(
        "PermissionError: open outside"
    )
    assert [one.said.split(" is shut")[0] for one in second[1:]] == [
        "PermissionError: subprocess.Popen",
        "PermissionError: os.kill",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python alone shuts the doors")
def test_the_kernel_shuts_what_python_cannot(tmp_path, notebooks) -> None:
    """OpenCV writes files by itself, past Python."""
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    outside = (
        f"import cv2\ndef double(x):\n    cv2.imwrite({str(tmp_path / 'x.png')!r}, np.zeros((2, 2)))\n    return 2 * x"
    )
    made.hand_in("a/ex01.ipynb", {DOUBLE: outside})
    found = grading.grade(made.folder, 1, 60, lambda items, total: items, answers.parts(notebooks))
    if not found.shut:
        pytest.skip("this kernel has no Landlock, or lets nobody have a network of his own")
    assert not (tmp_path / "x.png").exists() and made.folder.is_dir()


MORE_HOSTILE = {
    "signal 11": "def double(x):\n    import ctypes; ctypes.string_at(0)",
    "signal 11 ": "import sys\nsys.setrecursionlimit(10**8)\ndef double(x):\n    return max([x], key=double)",
    "exit code 7": "import os\ndef double(x):\n    os._exit(7)",
    "ended its process": "import os\ndef double(x):\n    os.close(3)\n    return 2 * x",
    "MemoryError": "def double(x):\n    return [bytearray(2**26) for _ in range(99)]",
    "SystemExit": "raise SystemExit(0)\ndef double(x): pass",
    "open is shut after 200 files": "def double(x):\n    for i in range(999): open(str(i), 'w').write('x' * 9)",
    "File too large": "def double(x):\n    open('x', 'wb').write(bytes(2**25))",
    "EOFError": "def double(x):\n    return input()",
    "os.fork is shut": "import os\ndef double(x):\n    while os.fork() >= 0: pass",
    "SyntaxError: expected ':' (line 1 of the cell)": "def double(x)\n    return 2 * x",
    "name 'double' is not defined": "def twice(x):\n    return 2 * x",
}


def test_hostile_answers_cost_their_own_check_alone_and_say_why(tmp_path, notebooks) -> None:
    made = Class(tmp_path, notebooks)
    for index, source in enumerate(MORE_HOSTILE.values()):
        made.hand_in(f"{index:02d}/ex01.ipynb", SOLUTIONS | {DOUBLE: source})
    found = grading.grade(tmp_path, 3, 30, lambda items, total: items, answers.parts(notebooks))
    for student, why in zip(found.students, MORE_HOSTILE, strict=True):
        first, second, third = student.outcomes.values()
        assert (first.status, third.status) == ("right", "right")
        assert second.status in ("error", "died") and why.strip() in second.said, (second, why)


@pytest.mark.parametrize(
    ("waits", "status", "said"),
    [
        (1.2, "right", ""),  # as a right answer on a busy machine does: it computes for hundredths of a second
        (99, "time", "not done after 2 seconds"),
    ],
)
def test_the_limit_is_of_computing_and_waiting_has_a_longer_one(waits, status, said, tmp_path, notebooks) -> None:
    made = Class(tmp_path, notebooks)
    slow = f"import time\ndef double(x):\n    time.sleep({waits})\n    return 2 * x"
    made.hand_in("a/ex01.ipynb", SOLUTIONS | {DOUBLE: slow})
    found = grading.grade(tmp_path, 1, 0.5, lambda items, total: items, answers.parts(notebooks))
    outcome = list(found.students[0].outcomes.values())[1]
    assert outcome.status == status and said in outcome.said, outcome


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("wrong home right check", "right"),  # a draft above the answer
        ("home_wrong right check", "right"),  # a second try below the first
        ("right home_wrong check", "hint"),
        ("home check wrong", "right"),  # a try after the check
        ("stub check right", "right"),  # the answer in a cell of the student's own
        ("stub check", "unanswered"),
    ],
)
def test_of_several_tries_the_check_s_own_counts(order: str, expected: str, notebooks) -> None:
    part = answers.parts(notebooks)[0]
    exercise, stub = part.exercises[1], part.given[DOUBLE]
    bad = SOLUTIONS[DOUBLE].replace("2 *", "3 *")
    made = {
        "home": Cell(DOUBLE, SOLUTIONS[DOUBLE]),
        "home_wrong": Cell(DOUBLE, bad),
        "stub": Cell(DOUBLE, stub),
        "right": Cell("r", SOLUTIONS[DOUBLE] + "\n"),
        "wrong": Cell("w", bad + "\n"),
        "check": Cell(exercise.checked, "x"),
    }
    _, found = answers.answer(exercise, part, [made[word] for word in order.split()])
    said = "unanswered" if answers.is_stub(exercise, found) else "right" if "2 *" in found[0] else "hint"
    assert len(found) == 1 and said == expected


def test_only_cells_that_an_answer_needs_are_run(notebooks) -> None:
    part = answers.parts(notebooks)[0]
    sources = {
        "a": "step = 1",
        DOUBLE: "def double(x):\n    return helper(x) + [pi for numbers in x][0]",
        "b": "from math import *",
        "c": "def helper(x):\n    y = 1\n    return x * step",
        "d": "step = 2\nnumbers = 3",
        part.exercises[1].checked: "x",
        "e": "x = y = 0\nwhile True: pass",
        "f": "numbers = 4",
    }
    before, found = answers.answer(part.exercises[1], part, [Cell(*pair) for pair in sources.items()])
    assert before == [sources[name] for name in "bcd"] and found == [sources[DOUBLE]]


@pytest.mark.parametrize(
    ("path", "student", "number"),
    [
        ("name_12345_67890_ex04_head_pose.ipynb", "name", "12345"),
        ("namelate_123_456_ex04_head_pose-1.ipynb", "name", "123"),
        ("doe_jane_LATE_123_456_ex04_head_pose.ipynb", "doe_jane", "123"),
        ("Name_123_assignsubmission_file_/ex04_head_pose.ipynb", "Name", "123"),
        ("Jörg Ö_9_assignsubmission_file_ex04_head_pose.ipynb", "Jörg Ö", "9"),
        ("Week 4_jdoe_attempt_2026-01-02-03-04-05_ex04_head_pose.ipynb", "jdoe", ""),
        ("all/anna_1_2_ex04.ipynb", "anna", "1"),
        ("anna/deep/er/x.ipynb", "anna", ""),
        ("anna_ex04_head_pose.ipynb", "anna", ""),
        ("ex04_head_pose_anna.ipynb", "anna", ""),
        ("alex4_ex04.ipynb", "alex4", ""),
        ("ex04-anna.ipynb", "anna", ""),
        ("ex04_head_pose-Copy1.ipynb", "", ""),
        ("ex04_head_pose (3).ipynb", "", ""),
    ],
)
def test_whose_a_file_is(path: str, student: str, number: str) -> None:
    assert submissions.owner(Path(path), ["ex04_head_pose"])[:2] == (student, number)


def test_two_students_of_one_name_are_two(tmp_path, notebooks) -> None:
    made = Class(tmp_path, notebooks)
    for number in (1, 2):
        made.hand_in(f"anna_{number}_5_ex01_counting.ipynb", {})
    found = grading.grade(tmp_path, 1, LIMIT, lambda items, total: items, answers.parts(notebooks))
    assert [student.name for student in found.students] == ["anna (1)", "anna (2)"]


def test_a_name_is_text_in_every_output(tmp_path, notebooks) -> None:
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    for name in ("<script>alert(1)<", "=1+1", "[bold]", "a b", "a-b"):
        made.hand_in(f"{name}/ex01.ipynb", {})
    found = grading.grade(made.folder, 1, LIMIT, lambda items, total: items, answers.parts(notebooks))
    feedback.write_pages(tmp_path / "pages", found)
    assert {"a-b.html", "a-b-2.html", "script-alert-1.html"} < {path.name for path in (tmp_path / "pages").iterdir()}
    assert not any("<script>" in path.read_text() for path in (tmp_path / "pages").iterdir())
    feedback.write_csv(tmp_path / "points.csv", found)
    assert "\n'=1+1," in (tmp_path / "points.csv").read_text()


def _dfd(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["dfd", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


def test_exercises_are_copied_and_nothing_is_overwritten(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "ex04_head_pose.ipynb").write_text("mine")
    assert _dfd(monkeypatch, "exercises", str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert f"skipped: {tmp_path / 'ex04_head_pose.ipynb'} is there already" in out and len(out.splitlines()) == 2
    assert (tmp_path / "ex04_head_pose.ipynb").read_text() == "mine"
    given = paths.notebooks() / "exercises" / "ex01_preprocessing.ipynb"
    copied = (tmp_path / given.name).read_text("utf-8")
    links = re.findall(r"\]\(([^)]*ipynb|[^)]*quiz\.md)\)", copied)
    assert len(links) >= 3 and all((tmp_path / link).is_file() for link in links), "a link leads nowhere"
    books = (nbformat.reads(text, as_version=4).cells for text in (copied, given.read_text("utf-8")))
    code, own = ([cell.source for cell in cells if cell.cell_type == "code"] for cells in books)
    assert code == own
    assert os.access(tmp_path / given.name, os.W_OK)
    assert _dfd(monkeypatch, "exercises") == 0
    out = capsys.readouterr().out
    assert out.startswith("To get the notebooks: dfd exercises FOLDER\n") and "From a vector to a matrix" in out


def test_a_place_that_can_t_be_used_is_one_sentence_before_anything_is_run(tmp_path, monkeypatch, capsys) -> None:
    file, folder = tmp_path / "one.ipynb", tmp_path / "empty"
    file.write_text("{}")
    folder.mkdir()
    said = {
        ("exercises", file): f"{file} is a file; name a folder for the notebooks, such as mine.",
        ("grade", file): f"{file} is a file; name the folder with the submissions.",
        ("grade", tmp_path / "no"): f"There is no folder {tmp_path / 'no'}; name the folder with the submissions.",
        ("grade", folder): f"{folder} has no notebook of these exercises in a folder or file named for its student.",
        ("grade", folder, "--csv", tmp_path): f"{tmp_path} is a folder, and the points need a file; name one, such as",
        ("grade", folder, "--pages", file): f"{file} is a file, and the pages need a folder; name another one.",
        ("recompute", tmp_path / "no"): "no is not a file; name a score table, such as results/scores/uadfv.csv.",
        ("recompute", file): "one.ipynb has no numbers in",
    }
    for words, sentence in said.items():
        assert _dfd(monkeypatch, *map(str, words)) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(f"dfd: {sentence}") and err.count("\n") == 1, words


def test_the_command_grades_prints_and_names(tmp_path, monkeypatch, capsys, notebooks) -> None:
    known = answers.parts(notebooks)
    monkeypatch.setattr(answers, "parts", lambda: known)
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    made.hand_in("anna/ex01.ipynb", SOLUTIONS)
    places = ["--csv", str(tmp_path / "new" / "points.csv"), "--pages", str(tmp_path / "pages")]
    assert _dfd(monkeypatch, "grade", str(made.folder), *places) == 0
    assert "anna" in capsys.readouterr().out and (tmp_path / "new" / "points.csv").is_file()
    (made.folder / "notes.txt").write_text("")
    assert _dfd(monkeypatch, "grade", str(made.folder)) == 3
    assert "notes.txt: not graded: not a notebook (.ipynb)\n" in capsys.readouterr().err
    assert _dfd(monkeypatch, "grade", str(made.folder), "--pages", str(made.folder / "pages")) == 2
    assert "lies among the submissions" in capsys.readouterr().err
    shutil.rmtree(made.folder / "anna")
    assert _dfd(monkeypatch, "grade", str(made.folder)) == 2
    assert "in a folder or file named for its student; notes.txt: not graded: not a notebook" in capsys.readouterr().err
    assert _dfd(monkeypatch, "grade", str(tmp_path / "none")) == 2


def test_two_parts_are_added_up_and_one_that_is_not_handed_in_counts(tmp_path, notebooks) -> None:
    for kind in ("solutions", "exercises"):
        source = notebooks / kind / "ex01_counting.ipynb"
        (tmp_path / kind).mkdir()
        shutil.copy(source, tmp_path / kind)
        other = source.read_text().replace("01.", "02.").replace("guess", "bet").replace("double", "twice")
        (tmp_path / kind / "ex02_more.ipynb").write_text(other.replace("total", "every"))
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    made.hand_in("anna/ex01.ipynb", SOLUTIONS)
    shutil.copy(tmp_path / "solutions" / "ex02_more.ipynb", made.folder / "anna" / "homework.ipynb")
    made.hand_in("bela/ex01.ipynb", SOLUTIONS)
    found = grading.grade(made.folder, 2, LIMIT, lambda items, total: items, answers.parts(tmp_path))
    assert [[found.points(one, part) for part in found.parts] for one in found.students] == [[3, 3], [3, 0]]
    assert [found.points(one) for one in found.students] == [6, 3]
    assert {found.students[1].outcomes[number].status for number in ("02.1", "02.2", "02.3")} == {"absent"}
    assert [feedback.not_right(one) for one in found.students] == ["", "not handed in: all of 02"]
    found.students[1].outcomes["02.2"] = found.students[1].outcomes["01.2"]
    assert feedback.not_right(found.students[1]) == "not handed in: 02.1, 02.3"
    (first, _) = feedback.tables(found)
    assert [column.header for column in first.columns] == ["Student", "ex01", "ex02", "Points", "Not right"]


def test_a_stop_halfway_ends_every_process_and_leaves_no_folder(tmp_path, notebooks, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    for name in "ab":
        made.hand_in(
            f"{name}/ex01.ipynb", {GUESS: SOLUTIONS[GUESS] if name == "a" else "while True: pass\ndef guess(): 1"}
        )
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *given, **named: started.append(popen(*given, **named)) or started[0]
    )

    def stop(items, total):
        yield next(items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grading.grade(made.folder, 1, 600, stop, answers.parts(notebooks))
    assert started[0].returncode == -signal.SIGKILL and not list((tmp_path / "temporary").iterdir())


def test_exercises_that_do_not_run_are_our_fault_and_said(tmp_path, notebooks) -> None:
    shutil.copytree(notebooks, tmp_path / "notebooks")
    broken = tmp_path / "notebooks" / "solutions" / "ex01_counting.ipynb"
    broken.write_text(broken.read_text().replace("import numpy as np", "import nothing_like_it"))
    made = Class(tmp_path / "class", notebooks)
    made.folder.mkdir()
    made.hand_in("anna/ex01.ipynb", SOLUTIONS)
    with pytest.raises(DfdError, match=r"solutions of ex01_counting do not run here \(ModuleNotFoundError: No module"):
        grading.grade(made.folder, 1, LIMIT, lambda items, total: items, answers.parts(tmp_path / "notebooks"))


@pytest.mark.notebooks
def test_our_own_solutions_get_every_point(tmp_path) -> None:
    for path in (paths.notebooks() / "solutions").glob("ex*.ipynb"):
        (tmp_path / "us").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "us")
    found = grading.grade(tmp_path, 2, 120, lambda items, total: items)
    assert (
        found.points(found.students[0]) == len(found.exercises) == sum(len(part.exercises) for part in answers.parts())
    )
