"""What the checks say of answers of a wrong kind, in a nudge and more on request; and that no hint tells the method."""

from __future__ import annotations

import ast
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from dfdlib import checks
from tests.test_exercises import SOURCES, _answered, _lesson, _run, lessons, like_before  # noqa: F401

ROW = np.array([1.0, -2.0, 3.0])
STUBS = [
    (number, stub)
    for path in SOURCES
    for number, lesson in lessons(path).items()
    for stub in range(lesson.solution.count("### BEGIN SOLUTION"))
]


def _hint(number: str, stub: int, body: str) -> checks.Hint:
    lesson = _lesson(number)
    namespace = _run(_answered(lesson.solution, stub, body), lesson.known.copy())
    with warnings.catch_warnings(), pytest.raises(checks.Hint) as caught:
        warnings.simplefilter("ignore")
        _run(lesson.check, namespace)
    assert str(caught.value).startswith(f"{number} not yet: ")
    return caught.value


@pytest.mark.parametrize(("number", "stub"), STUBS, ids=[f"{number}-{stub}" for number, stub in STUBS])
def test_an_answer_of_a_wrong_kind_gets_a_hint_in_every_exercise(number: str, stub: int) -> None:
    assert "your function prints" in _hint(number, stub, "print(1)").nudge
    assert "the answer is None" in _hint(number, stub, "pass").nudge
    assert "True" in _hint(number, stub, "return True").nudge
    if number != "02.1":  # there a number is a prediction, and counts
        assert _hint(number, stub, "return 3").nudge
    assert _hint(number, stub, "return {'a': 'b'}").nudge


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        (True, "the answer is True; a number or an array was asked for"),
        (ROW > 0, "a ndarray; a number"),
        (["1", "2", "3"], "a list; a number"),
        ("x", "a str; a number"),
        ([1, None, 3], "the answer is None"),
        ([[1], [1, 2]], "a list; a number"),
        ({"a": 1}, "a dict; a number"),
        (torch.ones(3, requires_grad=True), "a Tensor; a number"),
        (1j, r"the answer is 1j; a number"),
    ],
)
def test_what_is_no_number_is_named(found, hint: str) -> None:
    with pytest.raises(checks.Hint, match=hint):
        checks.close("x", found, ROW, "")


@pytest.mark.parametrize(
    ("found", "hint"),
    [
        (None, "the answer is None"),
        (True, "the answer is True; names were asked for"),
        (np.int64(3), r"the answer is np.int64\(3\); names were asked for"),
        ([True, False], "made of True and False. Asked for are the names"),
        (pd.Series({"a": 2, "b": 2}), "made of numbers. Asked for are the names that they belong to"),
        (pd.DataFrame({"a": [1]}), "a DataFrame; names were asked for"),
        ([("a", 1)], "a list; names were asked for"),
        ([{"a"}], "a list; names, as strings, were asked for"),
    ],
)
def test_what_is_no_name_is_named(found, hint: str) -> None:
    with pytest.raises(checks.Hint, match=hint):
        checks.named("x", found, ["a", "b"], "")


@pytest.mark.parametrize("said", [True, 0.68, ["yes"], np.ones(2), "maybe"])
def test_what_is_none_of_the_answers_is_told_them(said) -> None:
    with pytest.raises(checks.Hint, match="is none of the answers; return one of 'no', 'yes'"):
        checks.choice("x", said, "yes", "", {"no": "why?"})


def test_a_choice_is_read_whatever_its_case(capsys) -> None:
    checks.choice("x", " FSRCNN\n", "fsrcnn", "so it is.", {"no": "why?"})
    assert capsys.readouterr().out == "x right: so it is.\n"


def test_a_wrong_prediction_counts_and_is_told_what_was_measured(capsys) -> None:
    checks.choice("x", "no", "yes", "", {"no": "why?"})
    checks.close("x", 3.0, 6.0, "", {"this is the half.": 3.0}, measured="6 dB were measured.")
    checks.close("x", 7, 6, "", measured="6 dB were measured.")
    checks.more("x")
    assert capsys.readouterr().out.splitlines() == [
        "x counts as a prediction: 'yes' was measured, not 'no'. why?",
        "x counts as a prediction: 6 dB were measured. This is the half.",
        "x counts as a prediction: 6 dB were measured. 7 is too large.",
        "There is no hint to say more about; run a check first.",
    ]
    for nothing in (None, "six", [6, 6], np.nan):
        with pytest.raises(checks.Hint):
            checks.close("x", nothing, 6.0, "", measured="6 dB were measured.")


def test_a_wrong_choice_that_is_no_prediction_is_a_hint_without_the_answer() -> None:
    with pytest.raises(checks.Hint, match=r"^x not yet: it is not 'no'\. why\?$"):
        checks.choice("x", "no", "yes", "", {"no": "why?"}, predicted=False)


def test_a_function_gets_copies_and_its_parts_are_counted() -> None:
    data = np.zeros(3)

    def spoils(given: np.ndarray) -> np.ndarray:
        given += 1
        return given

    assert checks.ask("x", spoils, data).sum() == 3 and data.sum() == 0
    assert checks.ask("x", lambda: (1, 2), parts=2) == (1, 2)
    assert [*checks.ask("x", lambda: np.array([1, 2]), parts=2)] == [1, 2]  # as np.quantile gives
    with pytest.raises(checks.Hint, match="the answer is 7; 2 results, in this order, were asked for"):
        checks.ask("x", lambda: 7, parts=2)


def test_a_notebook_shows_the_nudge_and_tells_more_on_request(capsys) -> None:
    with pytest.raises(checks.Hint) as caught:
        checks.free_of("x.1", {"one word is wrong. Which of 0.5 and 1.5 is it? Look twice.": True}, "")
    shown = caught.value._render_traceback_()
    assert shown == ["x.1 not yet: one word is wrong. (`checks.more()` says more.)"]
    assert str(caught.value) == "x.1 not yet: one word is wrong. Which of 0.5 and 1.5 is it? Look twice."
    with pytest.raises(checks.Hint):
        checks.close("x.2", 1, 2, "")
    checks.more("x.1")
    checks.more()
    checks.free_of("x.1", {}, "right.")
    checks.free_of("x.2", {}, "right.")
    checks.more("x.1")
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "x.1: Which of 0.5 and 1.5 is it? Look twice."
    assert told[1].startswith("x.2: the nudge is all that is known")
    assert told[-1] == "There is no hint to say more about; run a check first."


def test_the_length_of_an_answer_tells_a_wrong_join() -> None:
    with pytest.raises(checks.Hint, match="joined by one key"):
        checks.close("x", np.ones(9), ROW, "", lengths={"joined by one key.": 9})
    with pytest.raises(checks.Hint, match="values are off"):
        checks.close("x", [1, -2, 4], ROW, "", lengths={"joined by one key.": 3})


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_check_can_be_run_again_after_all_others(path, capsys) -> None:
    left = {name: value for lesson in lessons(path).values() for name, value in lesson.left.items()}
    for number, lesson in lessons(path).items():
        _run(lesson.solution + "\n\n\n" + lesson.check, left.copy())
        assert f"{number} right: " in capsys.readouterr().out


def _hints(check: str) -> list[str]:
    """The literal hints of a check: sentences among its strings."""
    strings = [node.value for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Constant)]
    return [text for text in strings if isinstance(text, str) and len(text.split()) > 3]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_hint_tells_the_method(path) -> None:
    for lesson in lessons(path).values():
        answers = " ".join(match for match in re.findall(r"BEGIN SOLUTION.*?END SOLUTION", lesson.solution, re.DOTALL))
        called = set(re.findall(r"\b([a-z_]{3,})\(", answers))
        for hint in _hints(lesson.check):
            assert not re.search(r"\bnp\.|\w\(|\w\[|\*\*| = ", hint), hint
            assert not re.search(r"`(" + "|".join(called or {"-"}) + ")`", hint), hint
            assert not re.search(
                r"\b(take|use|divide|multiply|subtract|cut|join|call) (it|the|each|by|off|at)\b", hint
            ), hint
            nudge, *place = re.split(r"(?<=[.?]) ", hint, maxsplit=1)
            assert not re.search(r"\b(neither|and not|but not)\b", nudge), (
                "the nudge is a symptom, and no list of steps"
            )
            points = re.compile(r"\?$|question|definition|asked for|places", re.IGNORECASE)
            assert all(map(points.search, place)), f"the rest asks, or points to the question: {hint}"
