"""The exercises as our notebooks have them, and the cells of a submission that answer each. Nothing is run here."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat

from dfdlib.core import paths

HEADING = re.compile(r"^## (\d\d\.\d) (.+) \(([^,]+), (\d+) minutes\)$", re.MULTILINE)
TODO = re.compile(r'raise NotImplementedError\("(.+?)"\)')


@dataclass(frozen=True)
class Cell:
    """A code cell as plain Python, with the names that it defines for others and those that it takes from others."""

    id: str
    source: str

    @cached_property
    def _names(self) -> tuple[frozenset[str], frozenset[str]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of a backslash in a string
            try:
                top = symtable.symtable(self.source, "cell", "exec")
                stars = [node for node in ast.walk(ast.parse(self.source)) if isinstance(node, ast.ImportFrom)]
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return frozenset(), frozenset()
        made = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
        made |= {"*" for node in stars if node.names[0].name == "*"}
        return frozenset(made), frozenset(_taken(top))

    @property
    def defines(self) -> frozenset[str]:
        """Names bound at the cell's top level, and "*" where it imports all of a module; none if it is not Python."""
        return self._names[0]

    @property
    def needs(self) -> frozenset[str]:
        """Names that the cell or a function in it reads from outside, builtins left out."""
        return self._names[1] - frozenset(dir(builtins))


def _taken(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    yield from (s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global()))
    for inner in table.get_children():
        yield from _taken(inner)


@dataclass(frozen=True)
class Exercise:
    """One exercise: what comes before its answer, our answer, and the cells up to its check; sources of cells."""

    number: str
    title: str
    kind: str  # predict, implement, find the leak
    minutes: int
    setup: tuple[str, ...]
    solution: tuple[Cell, ...]
    check: tuple[str, ...]
    checked: str  # the id of the check's cell
    known: frozenset[str]  # names that are defined before the answer
    stubs: frozenset[str]  # sources of the cells that wait for an answer

    @property
    def names(self) -> list[str]:
        """What an answer has to define."""
        return sorted(set().union(*(cell.defines for cell in self.solution)))


@dataclass(frozen=True)
class Part:
    """The exercises of one notebook, and its cells as students get them, by their ids."""

    stem: str
    title: str
    exercises: tuple[Exercise, ...]
    given: dict[str, str] = field(repr=False)

    @property
    def number(self) -> str:
        return self.stem[2:4]


def parts(folder: Path | None = None) -> list[Part]:
    """All parts, from solutions/ and exercises/ in `folder`, the repository's notebooks by default."""
    folder = folder or paths.notebooks()
    return [_part(path, folder / "exercises" / path.name) for path in sorted(folder.glob("solutions/ex*.ipynb"))]


def _part(solved: Path, asked: Path) -> Part:
    given = {cell.id: cell.source for cell in nbformat.read(asked, as_version=4).cells if cell.cell_type == "code"}
    cells = nbformat.read(solved, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    about = {number: (title, kind, int(minutes)) for number, title, kind, minutes in HEADING.findall(text)}
    known: frozenset[str] = frozenset()
    groups, exercises = {"setup": [], "solution": [], "check": []}, []
    for cell in (cell for cell in cells if cell.cell_type == "code"):
        tags = cell.metadata.get("tags", [])
        kind = "solution" if "solution" in tags else "check" if groups["solution"] else "setup"
        groups[kind].append(Cell(cell.id, cell.source))
        if "check" in tags:
            number = re.search(r'"(\d\d\.\d)"', cell.source)[1]
            setup, check = (tuple(one.source for one in groups[name]) for name in ("setup", "check"))
            known = known.union(*(one.defines for one in groups["setup"]))
            stubs = frozenset(given[one.id].strip() for one in groups["solution"] if one.id in given)
            solution = tuple(groups["solution"])
            exercises.append(Exercise(number, *about[number], setup, solution, check, cell.id, known, stubs))
            known = known.union(*(one.defines for group in ("solution", "check") for one in groups[group]))
            groups = {"setup": [], "solution": [], "check": []}
    return Part(solved.stem, text.splitlines()[0].partition(": ")[2], tuple(exercises), given)


def answer(exercise: Exercise, part: Part, cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    """The sources of the student's cells that an answer needs, and of the answer itself; no answer: it is missing.

    An answer is looked for by the cell's id and by the names that it has to define. Of several cells that define a
    name, the one that counts is the one that a check sees when a notebook is run from the top. A cell of the student's
    own may define any name; a changed cell of ours, or the answer to another exercise, counts only for names that
    nothing before has.
    """
    end = next((i for i, cell in enumerate(cells) if cell.id == exercise.checked), len(cells))
    chosen = {i for name in exercise.names for i in _defining(name, exercise, cells, end)}
    own = {i for i, cell in enumerate(cells) if cell.id not in part.given and cell.source not in part.given.values()}
    before = {i for i in own if "*" in cells[i].defines} - chosen
    waiting = chosen | before
    while waiting:
        needed = set().union(*(cells[i].needs - cells[i].defines for i in waiting)) - set(exercise.names)
        waiting = set()
        for name in needed:
            places = [i for i, cell in enumerate(cells) if name in cell.defines and i not in chosen]
            if name in exercise.known:
                places = [i for i in places if i in own and i < end]
            waiting |= {*sorted(places, key=lambda i: (i in own, i < end, i))[-1:]} - before
        before |= waiting
    return [cells[i].source for i in sorted(before)], [cells[i].source for i in sorted(chosen)]


def _defining(name: str, exercise: Exercise, cells: Sequence[Cell], end: int) -> list[int]:
    """The cell that answers, as a list of one or none: changed ones before the stub, those before the check first."""
    home = {cell.id for cell in exercise.solution}
    places = [i for i, cell in enumerate(cells) if name in cell.defines or cell.id in home]
    changed = [cell.source.strip() not in exercise.stubs for cell in cells]
    return sorted(places, key=lambda i: (changed[i], name in cells[i].defines, i < end, i))[-1:]


def is_stub(exercise: Exercise, sources: Iterable[str]) -> bool:
    """Whether the answer is what was handed out."""
    return all(source.strip() in exercise.stubs for source in sources)


def todo(exercise: Exercise) -> str:
    """What an exercise asks for, as its stub says."""
    return "; ".join(found for stub in sorted(exercise.stubs) for found in TODO.findall(stub))
