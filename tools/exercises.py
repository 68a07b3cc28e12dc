"""The exercises, made from their solutions: python tools/exercises.py [run]

Without an argument it writes notebooks/exercises/*.ipynb from notebooks/solutions/*.ipynb. In a cell tagged `solution`
the lines from

    ### BEGIN SOLUTION: what to do, in words
    ...
    ### END SOLUTION

become `raise NotImplementedError("what to do, in words")`; a function keeps its first line, its types and its
docstring. Cells tagged `teacher` are left out. No output, count or version is kept, so a second run changes nothing.
It also writes notebooks/exercises/quiz.md from the questions in dfdlib/assets/quiz.yaml.

`run` first executes the solutions and keeps their outputs. Submissions are graded by `dfd grade`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import errors, paths
from dfdlib.core.errors import DfdError

MARKED = re.compile(r'^( *)### BEGIN SOLUTION: (?P<todo>[^"\\\n]+)\n(?:.*\n)*?\1### END SOLUTION$', re.MULTILINE)
SOLUTIONS, EXERCISES = paths.notebooks() / "solutions", paths.notebooks() / "exercises"
CELL_TIMEOUT = 120  # seconds; each cell takes a few
QUIZ = """# The quiz

Five questions for each part. Answer first, then unfold. In a notebook, `checks.quiz("04")` shows those of one part
(after `from dfdlib import checks`). Every number comes from a table in `results/` or from the paper, and a test looks
it up; numbers of the embedded set are marked as synthetic. This page is made by `make exercises`.
"""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """The notebooks with solutions, in order."""
    return sorted(SOLUTIONS.glob("ex*.ipynb"))


def tagged(cell: NotebookNode, tag: str) -> bool:
    """Whether a cell has this tag."""
    return tag in cell.metadata.get("tags", [])


def stub(source: str, where: str) -> str:
    """A solution cell with each marked part replaced by an error that says what to do; DfdError if none is marked."""
    found, count = MARKED.subn(r'\1raise NotImplementedError("\g<todo>")', source)
    if not count or "SOLUTION" in found:
        marks = "### BEGIN SOLUTION: what to do (without double quotes) and ### END SOLUTION"
        raise DfdError(f"{where}: put each answer between {marks}, both with the same indentation.")
    return found


def exercise(path: Path) -> str:
    """The exercises of one notebook with solutions, as the text of an .ipynb file."""
    notebook = nbformat.read(path, as_version=4)
    cells = []
    for cell in (cell for cell in notebook.cells if not tagged(cell, "teacher")):
        if tagged(cell, "solution"):
            cell.source, cell.metadata.tags = stub(cell.source, f"{path.name}, {cell.id}"), ["exercise"]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
    notebook.cells, notebook.metadata = cells, nbformat.from_dict(METADATA)
    return nbformat.writes(notebook) + "\n"


def quiz() -> str:
    """All questions with their answers folded, as the text of a Markdown file."""
    from dfdlib import checks

    parts = []
    for part, path in zip(checks.PARTS, sources(), strict=True):
        study = next(paths.notebooks().glob(f"{part}_*.ipynb")).name
        title = nbformat.read(EXERCISES / path.name, as_version=4).cells[0].source.splitlines()[0].split(": ", 1)[1]
        parts.append(f"## [{part}](../{study}): {title}\n\n{checks.quiz(part)!r}\n")
    return QUIZ + "\n" + "\n".join(parts)


def run(path: Path) -> None:
    """Execute one notebook with solutions and keep its outputs."""
    from dfdlib.command import publish
    from dfdlib.core import repro

    notebook = nbformat.read(path, as_version=4)
    _execute(notebook, path)
    nbformat.write(notebook, path)
    publish.write_clean(path, path, repro.machine())


def _execute(notebook: NotebookNode, path: Path) -> None:
    paths.import_from_here()
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, kernel_name="python3")
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]  # hides a warning about TCP, which stays on this machine
    client.execute()


def main() -> None:
    """Do what the command line asks for."""
    words = sys.argv[1:]
    if words in ([], ["run"]):
        for path in sources():
            if words:
                run(path)
            (EXERCISES / path.name).write_text(exercise(path), encoding="utf-8")
        (EXERCISES / "quiz.md").write_text(quiz(), encoding="utf-8")
    else:
        raise DfdError("The arguments are not understood; use python tools/exercises.py [run].")


if __name__ == "__main__":
    errors.or_sentence(main)
