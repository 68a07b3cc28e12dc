"""Exercises answered on the site: what they start from, and checks that say there what the notebooks say."""

from __future__ import annotations

import base64
import contextlib
import importlib
import io
import json
import re

import pytest

from dfdlib import checks
from dfdlib.command import answers
from dfdlib.core import paths
from tests import pages, test_exercises
from tests.mistakes import WRONG

running = pages.build.running
here = importlib.import_module("tape").here
SITE = paths.root() / "tools" / "site"
# Answered on the site neither by a prediction nor in Python, with what they need.
LEFT = {
    "01.4": "OpenCV",
    "01.7": "scikit-learn",
    "02.4": "OpenCV, SciPy and torch, which the answer is given",
    "03.4": "scikit-learn",
    "04.4": "the study's head models",
    "06.4": "SciPy",
}
EXERCISES = {one.number: one for part in answers.parts() for one in part.exercises}
HERE = sorted({*EXERCISES} - pages.build.practice.predicted() - {*LEFT})


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Each exercise's file, from the site; made for this test where the site has no Python."""
    found = sorted((pages.site(tmp_path_factory) / running.FOLDER).glob("0*.js"))
    if not found:
        return running.tasks()
    return {
        path.stem: base64.b64decode(json.loads(path.read_text().partition(" = ")[2].rstrip(";\n"))) for path in found
    }


def _said(task: bytes, answer: str) -> tuple[bool, str]:
    with contextlib.redirect_stdout(io.StringIO()) as told:
        right = here.run(here.read(task), answer, checks)
    return right, told.getvalue()


def _ours(number: str) -> str:
    return "\n\n\n".join(cell.source for cell in EXERCISES[number].solution)


def test_all_others_are_answered_in_python(tasks: dict[str, bytes]) -> None:
    assert len(HERE) == 31 and {*HERE} <= {*tasks} and not {*LEFT} & {*tasks}
    assert max(map(len, tasks.values())) < 5_000_000


@pytest.mark.parametrize("number", HERE)
def test_our_answer_is_right_by_the_tape(number: str, tasks: dict[str, bytes]) -> None:
    right, said = _said(tasks[number], _ours(number))
    assert right and f"{number} right: " in said and "not yet" not in said
    notebook = next((paths.notebooks() / "solutions").glob(f"ex{number[:2]}*.ipynb")).read_text(encoding="utf-8")
    for line in re.findall(rf"^{number} right: .*$", said, re.MULTILINE):
        assert json.dumps(line, ensure_ascii=False)[1:-1] in notebook, "the notebook says something else"


@pytest.mark.parametrize("number", HERE)
def test_what_is_handed_out_is_not_right(number: str, tasks: dict[str, bytes]) -> None:
    right, said = _said(tasks[number], "\n\n\n".join(sorted(EXERCISES[number].stubs)))
    assert not right and re.search(r"^Line \d+, in \w+$", said, re.MULTILINE) and "NotImplementedError: " in said


@pytest.mark.filterwarnings("ignore")  # of a division by zero, which a notebook only prints
@pytest.mark.parametrize(
    ("number", "stub", "body", "hint"), [wrong[:4] for wrong in WRONG if wrong[0] in HERE], ids=lambda v: str(v)[:24]
)
def test_a_typical_mistake_gets_the_notebooks_hint(
    number: str, stub: int, body: str, hint: str, tasks: dict[str, bytes]
) -> None:
    answer = test_exercises._answered(_ours(number), stub, body)
    checks._waiting.pop(number, None)
    right, said = _said(tasks[number], answer)
    if not re.search("NotHere|NameError", said):  # of another library, or of what the check defines
        assert right == ("counts as a prediction" in said)
        assert re.search(hint, f"{said} {checks._waiting.get(number, '')}", re.DOTALL)


def test_what_is_not_there_is_said_in_words(tasks: dict[str, bytes]) -> None:
    right, said = _said(tasks["01.6"], "def folds(per_person, count):\n    return cv2.norm(per_person)")
    assert not right and "Line 2, in folds\nNotHere: cv2 is in the notebook alone. Here are NumPy" in said
    right, said = _said(tasks["01.6"], "def folds(per_person, count)\n    return 1")
    assert not right and said == "Line 1\nSyntaxError: expected ':'\n"
    right, said = _said(tasks["01.6"], "import spicy")
    assert not right and "ModuleNotFoundError: there is no spicy here, only NumPy, pandas and" in said
    right, said = _said(tasks["01.6"], "def fold(per_person, count):\n    return 1")
    assert not right and said == "There is no function folds; the check looks for this name.\n"
    right, said = _said(tasks["01.6"], "def folds(per_person, count):\n    return folds(per_person, count)")
    assert not right and said.count("in folds") == 3 and "RecursionError" in said
    right, said = _said(tasks["05.2"], "print(len(resnet))\n" + _ours("05.2"))
    assert right and said.startswith("889\n"), "what the cells above the answer use is there too"
    right, said = _said(tasks["05.2"], "def auc(labels, p_fake):\n    return wall")
    assert not right and "'wall' is not defined here. Of the notebook's names" in said


def test_an_answer_cannot_change_what_the_check_compares(tasks: dict[str, bytes]) -> None:
    right, said = _said(tasks["01.2"], "a[:] = b[:] = 0\n\n\n" + _ours("01.2"))
    assert right and "300 pairs agree" in said


def test_a_value_of_every_kind_comes_back() -> None:
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None]}, index=pd.Index(["p", "q"], name="who"))
    both = table.assign(c=[1, 2]).set_index("c", append=True)
    for value in (table, both, table["a"], table.index, both.index, pd.RangeIndex(3), both.T):
        found = here.read(here.written(value))
        assert type(found) is type(value) and str(found) == str(value)
    values = [
        np.arange(6, dtype=np.uint8).reshape(2, 3),
        np.array(["a", "bc"]),
        np.float32(2.5),
        {"x": (1, [2.0], {3})},
    ]
    for value, found in zip(values, here.read(here.written(values)), strict=True):
        assert type(found) is type(value) and np.array_equal(np.asarray(found), np.asarray(value))


def test_without_npm_the_site_says_so_and_has_no_editors(monkeypatch, capsys) -> None:
    monkeypatch.setattr(running.shutil, "which", lambda _: None)
    monkeypatch.setattr(running.paths, "build", lambda: paths.root() / "nowhere")
    monkeypatch.setattr(running.Path, "mkdir", lambda *_, **__: None)
    monkeypatch.setattr(running.shutil, "copy", lambda *_: None)
    assert running.files() == {} and running.numbers({}) == set()
    assert capsys.readouterr().out.startswith("Exercises cannot be answered on this site, which needs Node.js with npm")


def test_the_lock_names_every_package_by_its_content_and_no_place() -> None:
    lock = json.loads((SITE / "here" / "package-lock.json").read_text())
    wanted = json.loads((SITE / "here" / "package.json").read_text())["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted
    others = {name: package for name, package in lock["packages"].items() if name}
    assert len(others) > 40 and all(package["integrity"].startswith("sha512-") for package in others.values())
    assert not [name for name, package in others.items() if "resolved" in package]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
