"""The exercises on the site: predictions that can be made there, solutions folded beneath, and all of them by topic."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Container, Iterator
from pathlib import Path

import formulas
import markup
import nbformat
from nbformat import NotebookNode

from dfdlib.command import answers
from dfdlib.command.answers import Exercise, Part
from dfdlib.core import paths

MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)


def with_solutions(notebook: NotebookNode, path: Path, here: Container[str] = ()) -> NotebookNode:
    """An exercises' notebook whose answer cells carry their solution and, for a prediction, its options.

    here: the numbers of exercises that the site's Python can check; the cell of a stub carries its own.
    """
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
            number = re.search(r'"(\d\d\.\d)"', cell.source)[1]
            answer.metadata |= {"predict": found} if found else {"here": number} if number in here else {}
    return notebook


def _prediction(solution: str, check: NotebookNode) -> dict[str, object] | None:
    """The options, the answer and what speaks for or against each; None unless all of them are written out."""
    said = {node.value.value for node in ast.walk(ast.parse(solution)) if _returns_text(node)}
    number = re.search(r'checks\.choice\(\s*"(\S+)"', check.source)
    try:
        because = next(node.value for node in ast.parse(check.source).body if _assigns(node, "because"))
        reasons = dict(ast.literal_eval(because))
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


def predicted() -> set[str]:
    """The numbers of the predictions that can be made on the site without Python."""
    every = [path for path in (paths.notebooks() / "exercises").glob("*.ipynb") if path.stem.startswith("ex")]
    cells = [cell for path in every for cell in with_solutions(nbformat.read(path, as_version=4), path).cells]
    return {cell.metadata["predict"]["number"] for cell in cells if "predict" in cell.metadata}


def _returns_text(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Return) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]


def places() -> dict[str, str]:
    """Where each exercise is, by its number: the notebook in the repository and the heading."""
    return {one.number: f"notebooks/exercises/{part.stem}.ipynb#{_slug(one)}" for part, one in _every()}


def _every() -> Iterator[tuple[Part, Exercise]]:
    yield from ((part, one) for part in answers.parts() for one in part.exercises)


def _slug(one: Exercise) -> str:
    return markup.slug(f"{one.number} {one.title} ({one.kind}, {one.minutes} minutes)")


def by_topic(here: Container[str]) -> str:
    """All exercises as one table, HTML; its links start in notebooks/exercises. here: as in `with_solutions`."""
    typed = {task.exercise: f"../../tools/site/formulas.js#{markup.slug(task.title)}" for task in formulas.tasks()}
    files = {part.stem: paths.notebooks() / "exercises" / f"{part.stem}.ipynb" for part, _ in _every()}
    fronts = {stem: nbformat.read(path, as_version=4).cells[0].source for stem, path in files.items()}
    topics = {stem: re.search(r"\[Notebook \d\d, (.+?)\]", front) for stem, front in fronts.items()}
    foretold, rows = predicted(), []
    for part, one in _every():
        link = f'<a href="{part.stem}.ipynb#{_slug(one)}">{one.number} {html.escape(one.title)}</a>'
        ways = ["a prediction"] if one.number in foretold else ["in Python"] if one.number in here else []
        ways += [f'<a href="{typed[one.number]}">its formula</a>'] if one.number in typed else []
        row = (link, topics[part.stem][1], one.kind, one.minutes, ", ".join(ways))
        rows.append("".join(f"<td>{cell}</td>" for cell in row))
    head = "".join(f"<th>{name}</th>" for name in ("Exercise", "Topic", "What to do", "Minutes", "Without an install"))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
