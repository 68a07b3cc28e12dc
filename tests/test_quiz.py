"""The quiz: well formed, shown with its answers folded, and every number of it looked up where it says it is from."""

from __future__ import annotations

import math
import re

import pytest

from dfdlib import checks
from dfdlib.core import paths
from dfdlib.evaluation import results

PAPER = {"94.9 %", "95.5 %", "50.1 %", "0.6", "20", "0.9", "0.001"}  # its accuracies, gain, epochs, momentum and rate
QUESTIONS = [(part, i) for part in checks.PARTS for i in range(5)]
each = pytest.mark.parametrize(("part", "i"), QUESTIONS, ids=[f"{part}-{i + 1}" for part, i in QUESTIONS])


def cell(study: str, name: str, where: str, column: str) -> float:
    """The one value that a query finds in a committed table."""
    return results.committed_table(study, name).query(where)[column].item()


def accuracy(study: str, name: str, where: str) -> float:
    """The share of right verdicts among the rows of a committed table that a query finds."""
    rows = results.committed_table(study, name).query(where)
    return ((rows["p_fake"] >= 0.5) == rows["label"]).mean()


def _looked_up(source: str) -> float:
    kind, _, rest = source.partition(" ")
    if kind == "row":
        study, name, field, *_ = rest.split()
        return next(row for row in results.rows(study, committed=True) if row["id"] == name)[field]
    if kind == "fact":
        study, name = rest.split()
        return results.facts(study, committed=True)[name]
    if kind == "table":
        (names, where, column) = (part.strip() for part in rest.split("|"))
        return cell(*names.split(), where, column)
    assert kind == "computed", source
    known = {"log10": math.log10, "cell": cell, "accuracy": accuracy, "__builtins__": {}}
    return eval(rest, known)  # noqa: S307, expressions of a committed file


def _texts(one: dict) -> str:
    return " ".join([one["question"], *one["options"], one["why"]])


@each
def test_a_question_is_well_formed(part: str, i: int) -> None:
    one = checks.quiz(part)[i]
    assert set(one) <= {"question", "options", "right", "why", "numbers"} and len(checks.quiz(part)) == 5
    assert len(one["options"]) == len(set(one["options"])) == 3
    assert 1 <= one["right"] <= len(one["options"])
    assert one["question"].strip()[-1] in "?" and len(one["why"].split()) >= 15


@each
def test_every_number_is_where_it_says(part: str, i: int) -> None:
    one = checks.quiz(part)[i]
    words = re.sub(r"\$[^$]*\$", "", _texts(one))
    found = {match[0] for match in re.finditer(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?: %)?", words)}
    found = {number.rstrip(",") for number in found}
    declared = one.get("numbers", {})
    assert found == set(declared), "each number has its source, and each source its number"
    others = [option for k, option in enumerate(one["options"], 1) if k != one["right"]]
    for number, source in declared.items():
        if source == "distractor":
            assert any(number in option for option in others) and number not in one["question"] + one["why"]
        elif source == "paper":
            assert number in PAPER
        elif source != "definition":
            digits = number.removesuffix(" %").replace(",", "")
            scale = 100 if number.endswith("%") or source.endswith(" points") else 1
            assert f"{scale * _looked_up(source):.{len(digits.partition('.')[2])}f}" == digits, source


def test_right_answers_are_in_every_place() -> None:
    places = [one["right"] for part in checks.PARTS for one in checks.quiz(part)]
    assert {1, 2, 3} == set(places) and max(places.count(place) for place in (1, 2, 3)) <= 17


def test_synthetic_numbers_are_marked() -> None:
    for part in checks.PARTS:
        for one in checks.quiz(part):
            if "embedded" in str(one.get("numbers")):
                assert "(synthetic)" in _texts(one)


def test_the_answers_are_folded_in_a_notebook_and_on_the_page() -> None:
    shown = checks.quiz("04")._repr_markdown_()
    assert shown.count("<details><summary>Answer</summary>") == shown.count("</details>") == 5
    for block in shown.split("<details>")[1:]:
        assert re.match(r"<summary>Answer</summary>\n\n\*\*\([abc]\)\*\* \w", block)
    page = (paths.notebooks() / "exercises" / "quiz.md").read_text("utf-8")
    assert shown in page and page.count("\n## [0") == 7
    assert repr(checks.quiz(4)) == shown
    with pytest.raises(checks.Hint, match="a quiz for each of 01 to 07"):
        checks.quiz("08")
