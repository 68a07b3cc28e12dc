"""The exercises on the site: predictions that can be made there, solutions folded beneath, and all of them by topic."""

from __future__ import annotations

import ast
import html
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

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
            answer.metadata["predict"] = _prediction(sources[answer.id], checks[cell.id])
    return notebook


def _prediction(solution: str, check: NotebookNode) -> dict[str, object] | None:
    """The options, the answer and what speaks for or against each; None unless all of them are written out."""
    said = {node.value.value for node in ast.walk(ast.parse(solution)) if _returns_text(node)}
    because = next((node.value for node in ast.parse(check.source).body if _assigns(node, "because")), None)
    try:
        reasons = ast.literal_eval(because) if because else {}
    except ValueError:  # options that a draw decides
        return None
    if len(said) != 1 or not reasons:
        return None
    (answer,) = said
    printed = "".join(output.get("text", "") for output in check.outputs)
    right = re.search(r"^\S+ right: (.+)$", printed, re.MULTILINE)
    reasons |= {answer: right[1] if right else "this is what was measured."}
    return {"answer": answer, "options": sorted(reasons), "because": json.dumps(reasons, ensure_ascii=False)}


def _returns_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Return) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]


def by_topic() -> str:
    """All exercises as one table, HTML."""
    rows = []
    for path in sorted((paths.notebooks() / "exercises").glob("ex*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        topic = re.search(r"\*\*Needs\.\*\* \[Notebook \d\d, (.+?)\]", notebook.cells[0].source)[1]
        for one in exercises(notebook):
            link = f'<a href="{path.name}#{markup.slug(one.heading)}">{one.number} {html.escape(one.name)}</a>'
            rows.append(f"<tr><td>{link}</td><td>{topic}</td><td>{one.kind}</td><td>{one.minutes}</td></tr>")
    head = "<tr><th>Exercise</th><th>Topic</th><th>What to do</th><th>Minutes</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
