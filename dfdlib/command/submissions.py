"""What students hand in: whose each file is, of which part, and which of its cells answer what. Nothing is run here."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat

from dfdlib.core import errors, paths
from dfdlib.core.errors import DfdError

HEADING = re.compile(r"^## (\d\d\.\d) (.+) \(([^,]+), (\d+) minutes\)$", re.MULTILINE)
TODO = re.compile(r'raise NotImplementedError\("(.+?)"\)')
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)  # IPython's, which plain Python does not know
MOST_BYTES = 2**25  # of a notebook, 32 MiB: one with pictures in its outputs has a few
# How learning platforms name what they export: Moodle's folders and flat files, Canvas, Blackboard.
FOLDERS = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_[a-z]+_?")
FILES = (
    re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+_(?P<file>.+)"),
    re.compile(r"(?P<name>.+?)(?:_?late)?_(?P<id>\d+)_(?P<order>\d+)_(?P<file>.+)", re.IGNORECASE),
    re.compile(r".+_(?P<name>[^_]+)_attempt_(?P<order>[\d-]+)_(?P<file>.+)"),
)
STEM = re.compile(r"(?P<before>.*?)ex[ _-]?0?(?P<part>\d)(?!\d)(?P<after>.*)", re.IGNORECASE)
VERSION = re.compile(r"(?:[-_ ]?Copy|[-_ (]+)(\d{1,3})\)?$", re.IGNORECASE)


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


@dataclass(frozen=True)
class Submission:
    """One student's notebook of one part; `fault` says why it has no cells."""

    student: str
    id: str  # the platform's number, or ""
    part: Part
    path: Path
    cells: tuple[Cell, ...]
    fault: str
    order: tuple


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
            exercises.append(Exercise(number, *about[number], setup, solution, check, known, stubs))
            known = known.union(*(one.defines for group in ("solution", "check") for one in groups[group]))
            groups = {"setup": [], "solution": [], "check": []}
    return Part(solved.stem, text.splitlines()[0].partition(": ")[2], tuple(exercises), given)


def collect(folder: Path, known: Sequence[Part]) -> tuple[list[Submission], list[str]]:
    """The newest submission of each student and part below `folder`, and a sentence about each other file there.

    DfdError where there is no such folder.
    """
    if not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; name the one that holds the submissions.")
    newest: dict[tuple[str, str, str], Submission] = {}
    others = []
    for path in sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()):
        found = _submission(path, path.relative_to(folder), known)
        if isinstance(found, str):
            others.append(f"{path.relative_to(folder)}: {found}")
            continue
        key = (found.student, found.id, found.part.stem)
        old, new = sorted([newest.get(key, found), found], key=lambda one: one.order)
        if old is not new:
            others.append(f"{old.path.relative_to(folder)}: an older version; {new.path.name} is graded")
        newest[key] = new
    return list(newest.values()), [errors.printable(sentence) for sentence in others]


def _submission(path: Path, relative: Path, known: Sequence[Part]) -> Submission | str:
    """The submission that a file is, or why it is none."""
    if path.is_symlink() or not path.is_file():
        return "not graded: a link or no file"
    if path.suffix.lower() != ".ipynb":
        return "not graded: no notebook (.ipynb)"
    if ".ipynb_checkpoints" in relative.parts:
        return "not graded: a copy that Jupyter keeps by itself"
    cells, fault = read(path)
    student, number, order, name = owner(relative, [part.stem for part in known])
    part = _part_of(cells, name, known)
    if part is None:
        return f"not graded: {fault or 'it answers none of the exercises'}"
    if not student:
        return "not graded: nobody knows whose it is; put it into a folder named for its student"
    return Submission(student, number, part, path, cells, fault, (*order, path.stat().st_mtime_ns))


def owner(relative: Path, stems: Sequence[str]) -> tuple[str, str, tuple, str]:
    """Student, the platform's number, order among versions, and the file's own name, from a path below the folder.

    `stems`: names of the exercises' notebooks, which are no part of a student's name.
    """
    for pattern in FILES:
        if found := pattern.fullmatch(relative.stem):
            named = {"id": "", "order": "", **found.groupdict()}
            number = tuple(int(digits) for digits in re.findall(r"\d+", named["order"]))
            return named["name"], named["id"], (number, _version(named["file"])), named["file"]
    version = ((), _version(relative.stem))
    if len(relative.parts) > 1:
        folder = FOLDERS.fullmatch(relative.parts[0])
        return (*(folder.groups() if folder else (relative.parts[0], "")), version, relative.stem)
    return _left_over(relative.stem, stems), "", version, relative.stem


def _version(stem: str) -> int:
    found = VERSION.search(stem)
    return int(found[1]) if found else 0


def _left_over(stem: str, stems: Sequence[str]) -> str:
    """What a flat file's name says beside the exercises' own name; all of it where it does not name them."""
    found = STEM.fullmatch(stem)
    if not found:
        return stem
    after = VERSION.sub("", found["after"])
    for one in stems:
        after = after.removeprefix(one[4:] if one[2:4] == f"0{found['part']}" else "")
    return " ".join(filter(None, (text.strip("-_ .") for text in (found["before"], after))))


def read(path: Path) -> tuple[tuple[Cell, ...], str]:
    """The code cells of a notebook of any format, and "" or why it cannot be read."""
    if path.stat().st_size > MOST_BYTES:
        return (), f"larger than {MOST_BYTES >> 20} MiB"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ids that older formats lack
            notebook = nbformat.reads(path.read_text(encoding="utf-8-sig"), as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        return tuple(Cell(str(cell.get("id", "")), MAGIC.sub(r"\1pass", str(cell.source))) for cell in code), ""
    except Exception:  # whatever a damaged file makes nbformat raise
        return (), "it cannot be read as a notebook"


def _part_of(cells: Iterable[Cell], name: str, known: Sequence[Part]) -> Part | None:
    """The part that most answers belong to, else the one that the file's name says."""
    made = Counter(one for cell in cells for one in cell.defines)
    counts = {part.stem: sum(made[one] > 0 for ex in part.exercises for one in ex.names) for part in known}
    best = max(known, key=lambda part: counts[part.stem], default=None)
    if best and counts[best.stem]:
        return best
    found = STEM.fullmatch(name)
    return next((part for part in known if found and part.number == f"0{found['part']}"), None)


def answer(exercise: Exercise, part: Part, cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    """The sources of the student's cells that an answer needs, and of the answer itself; no answer: it is missing.

    An answer is looked for by the cell's id and by the names that it has to define. A cell of the student's own counts
    wherever it is; a changed cell of ours, or the answer to another exercise, only for names that nothing before has.
    """
    chosen = {index for name in exercise.names for index in _defining(name, exercise, cells)}
    own = [i for i, cell in enumerate(cells) if cell.id not in part.given and cell.source not in part.given.values()]
    before = {i for i in own if "*" in cells[i].defines} - chosen
    waiting = chosen | before
    while waiting:
        needed = set().union(*(cells[i].needs - cells[i].defines for i in waiting)) - set(exercise.names)
        waiting = set()
        for name in needed:
            places = [i for i, cell in enumerate(cells) if name in cell.defines and i not in chosen]
            allowed = [i for i in places if i in own] or [i for i in places if name not in exercise.known]
            waiting |= {*allowed[-1:]} - before
        before |= waiting
    return [cells[i].source for i in sorted(before)], [cells[i].source for i in sorted(chosen)]


def _defining(name: str, exercise: Exercise, cells: Sequence[Cell]) -> list[int]:
    """The cell, as a list of one or none, that answers: its own if it was changed, else the last that defines it."""
    home = {cell.id for cell in exercise.solution}
    places = [i for i, cell in enumerate(cells) if name in cell.defines or cell.id in home]
    places.sort(
        key=lambda i: (cells[i].source.strip() not in exercise.stubs, name in cells[i].defines, cells[i].id in home, i)
    )
    return places[-1:]


def is_stub(exercise: Exercise, sources: Iterable[str]) -> bool:
    """Whether the answer is what was handed out."""
    return all(source.strip() in exercise.stubs for source in sources)


def todo(exercise: Exercise) -> str:
    """What an exercise asks for, as its stub says."""
    return "; ".join(found for stub in sorted(exercise.stubs) for found in TODO.findall(stub))
