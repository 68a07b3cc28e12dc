"""The exercises on the site: predictions that can be made there, solutions folded beneath, and all of them by topic."""

from __future__ import annotations

import ast
import html
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import formulas
import markup
import nbformat
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import paths

HEADING = re.compile(r"^## (\d\d\.\d+) (.+) \((.+), (\d+) minutes\)$", re.MULTILINE)
MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise as its heading names it."""

    number: str  # part and place, such as 04.2
    name: str
    kind: str  # predict, implement, find the mistake
    minutes: int
    heading: str  # the whole heading's text


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of one notebook in order."""
    found = [match for cell in notebook.cells for match in HEADING.finditer(cell.source)]
    return [Exercise(m[1], m[2], m[3], int(m[4]), m[0].removeprefix("## ")) for m in found]


def with_solutions(notebook: NotebookNode, path: Path) -> NotebookNode:
    """An exercises' notebook whose answer cells carry their solution and, for a prediction, its options."""
    solved = paths.notebooks() / "solutions" / path.name
    if not solved.exists():
        return notebook
    cells = nbformat.read(solved, as_version=4).cells
    sources = {cell.id: cell.source for cell in cells if "solution" in cell.metadata.get("tags", [])}
    checks = {cell.id: cell for cell in cells if "check" in cell.metadata.get("tags", [])}
    answer = None
    for cell in notebook.cells:
        if cell.id in sources:
            answer = cell
            cell.metadata["solution"] = MARKS.sub("", sources[cell.id])
        elif cell.id in checks and answer is not None:
            found = _prediction(sources[answer.id], checks[cell.id])
            answer.metadata |= {"predict": found} if found else {}
    return notebook


def _prediction(solution: str, check: NotebookNode) -> dict[str, object] | None:
    """The options, the answer and what speaks for or against each; None unless all of them are written out."""
    said = {node.value.value for node in ast.walk(ast.parse(solution)) if _returns_text(node)}
    number = re.search(r'checks\.choice\(\s*"(\S+)"', check.source)
    try:
        because = next(node.value for node in ast.parse(check.source).body if _assigns(node, "because"))
        reasons = {option: _first(why) for option, why in ast.literal_eval(because).items()}
    except (StopIteration, SyntaxError, ValueError):  # no reasons, a magic command, options that a draw decides
        return None
    if len(said) != 1 or not number:
        return None
    (answer,) = said
    printed = "".join(output.get("text", "") for output in check.outputs)
    right = re.search(r"^\S+ right: (.+)$", printed, re.MULTILINE)
    reasons |= {answer: right[1] if right else "this is what was measured."}
    about = {"number": number[1], "because": json.dumps(reasons, ensure_ascii=False)}
    return about | {"answer": answer, "options": sorted(reasons)}


def _first(why: str | Sequence[str]) -> str:
    return why if isinstance(why, str) else why[0]


def _returns_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Return) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]


def places() -> dict[str, str]:
    """Where each exercise is, by its number: the notebook in the repository and the heading."""
    return {one.number: f"{path}#{markup.slug(one.heading)}" for path, _, one in _every()}


def _every() -> Iterator[tuple[str, NotebookNode, Exercise]]:
    for path in sorted((paths.notebooks() / "exercises").glob("ex*.ipynb")):
        notebook = with_solutions(nbformat.read(path, as_version=4), path)
        yield from ((str(path.relative_to(paths.root())), notebook, one) for one in exercises(notebook))


def by_topic() -> str:
    """All exercises as one table, HTML; its links start in notebooks/exercises."""
    typed = {task.exercise: f"../../tools/site/formulas.js#{markup.slug(task.title)}" for task in formulas.tasks()}
    where, rows = places(), []
    for _, notebook, one in _every():
        topic = re.search(r"\[Notebook \d\d, (.+?)\]", notebook.cells[0].source)
        predicted = [cell.metadata["predict"]["number"] for cell in notebook.cells if "predict" in cell.metadata]
        link = f'<a href="../../{where[one.number]}">{one.number} {html.escape(one.name)}</a>'
        here = [f'<a href="{typed[one.number]}">its formula</a>'] if one.number in typed else []
        here += ["a prediction"] if one.number in predicted else []
        cells = (link, topic[1] if topic else "", one.kind, one.minutes, ", ".join(here))
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th>{name}</th>" for name in ("Exercise", "Topic", "What to do", "Minutes", "Without an install"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
