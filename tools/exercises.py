"""The exercises, made from their solutions: python tools/exercises.py [run | grade FOLDER]

Without an argument it writes notebooks/exercises/*.ipynb from notebooks/solutions/*.ipynb. In a cell tagged `solution`
the lines from

    ### BEGIN SOLUTION: what to do, in words
    ...
    ### END SOLUTION

become `raise NotImplementedError("what to do, in words")`; a function keeps its first line, its types and its
docstring. Cells tagged `teacher` are left out. No output, count or version is kept, so a second run changes nothing.
It also writes notebooks/exercises/quiz.md from the questions in dfdlib/assets/quiz.yaml.

`run` first executes the solutions and keeps their outputs. `grade FOLDER` copies the answers of
FOLDER/<student>/ex*.ipynb into the solutions' notebooks, whose checks count instead of those in the student's copy, and
prints each student's results. It executes students' code: use a machine on which that may go wrong.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
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


def grade(folder: Path) -> Iterator[str]:
    """One line per submission: the checks that its answers pass, and the hint or error for those that fail."""
    submitted = sorted(folder.glob("*/ex*.ipynb"))
    if not submitted:
        raise DfdError(f"{folder} has no <student>/ex*.ipynb; put each submission into a folder named for its student.")
    for path in submitted:
        yield f"{path.parent.name}  {path.stem}  " + "; ".join(_graded(path))


def _graded(path: Path) -> Iterator[str]:
    try:
        notebook = nbformat.read(SOLUTIONS / path.name, as_version=4)
        answers = {cell.get("id"): cell.source for cell in nbformat.read(path, as_version=4).cells}
    except (OSError, ValueError, nbformat.ValidationError):
        yield "no notebook of these exercises"
        return
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.outputs = []
        if tagged(cell, "solution"):
            cell.source = answers.get(cell.id, "raise NotImplementedError('the cell is missing')")
    with contextlib.suppress(DeadKernelError):
        _execute(notebook, path, allow_errors=True, interrupt_on_timeout=True)
    yield from (_result(cell) for cell in notebook.cells if tagged(cell, "check"))


def _result(cell: NotebookNode) -> str:
    number = re.search(r'"(\d\d\.\d)"', cell.source)[1]
    failed = [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    right = any(output.get("text", "").startswith(f"{number} right") for output in cell.outputs)
    return f"{number} {failed[0] if failed else 'right' if right else 'not reached'}"


def _execute(notebook: NotebookNode, path: Path, **settings: bool) -> None:
    paths.import_from_here()
    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, kernel_name="python3", **settings)
    client.resources = {"metadata": {"path": str(path.parent)}}
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]  # hides a warning about TCP, which stays on this machine
    client.execute()


def main() -> None:
    """Do what the command line asks for."""
    words = sys.argv[1:]
    if words[:1] == ["grade"] and len(words) == 2:
        for line in grade(Path(words[1])):
            print(line)
    elif words in ([], ["run"]):
        for path in sources():
            if words:
                run(path)
            (EXERCISES / path.name).write_text(exercise(path), encoding="utf-8")
        (EXERCISES / "quiz.md").write_text(quiz(), encoding="utf-8")
    else:
        raise DfdError("The arguments are not understood; use python tools/exercises.py [run | grade FOLDER].")


if __name__ == "__main__":
    errors.or_sentence(main)
