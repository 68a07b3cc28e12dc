"""What students hand in: whose each file is, of which part and version, and what is no submission."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from dfdlib.command.answers import Cell, Part
from dfdlib.core import errors
from dfdlib.core.errors import DfdError

MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)  # IPython's, which plain Python does not know
MOST_BYTES = 2**25  # of a notebook, 32 MiB: one with pictures in its outputs has a few
ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".7z", ".rar")
# How learning platforms name what they export: Moodle's folders and flat files, Canvas, Blackboard.
FOLDERS = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_[a-z]+_?")
FILES = (
    re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_[a-z]+_(?P<file>.+)"),
    re.compile(r"(?P<name>.+?)(?:_?late)?_(?P<id>\d+)_(?P<order>\d+)_(?P<file>.+)", re.IGNORECASE),
    re.compile(r".+_(?P<name>[^_]+)_attempt_(?P<order>[\d-]+)_(?P<file>.+)"),
)
STEM = re.compile(r"(?P<before>.*?)(?<![a-z])ex[ _-]?0?(?P<part>\d)(?!\d)(?P<after>.*)", re.IGNORECASE)
VERSION = re.compile(r"(?:[-_ ]?Copy|[-_ (]+)(\d{1,3})\)?$", re.IGNORECASE)


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


def collect(folder: Path, known: Sequence[Part]) -> tuple[list[Submission], list[str]]:
    """The newest submission of each student and part below `folder`, and a sentence about all else there.

    DfdError where there is no such folder.
    """
    if not folder.is_dir():
        what = f"{folder} is a file" if folder.exists() else f"There is no folder {folder}"
        raise DfdError(f"{what}; name the folder with the submissions.")
    newest: dict[tuple[str, str, str], Submission] = {}
    others = []
    for path in sorted(path for path in folder.rglob("*") if not _holds_something(path)):
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


def _holds_something(path: Path) -> bool:
    try:
        return path.is_dir() and not path.is_symlink() and any(path.iterdir())
    except OSError:  # a folder of somebody else's
        return False


def _submission(path: Path, relative: Path, known: Sequence[Part]) -> Submission | str:
    """The submission that a file is, or why it is none."""
    if path.is_dir() and not path.is_symlink():
        return "not graded: an empty folder, or one that can't be read"
    if path.is_symlink() or not path.is_file():
        return "not graded: a link or not a file"
    if path.suffix.lower() in ARCHIVES:
        return "not graded: an archive; unpack it there"
    if path.suffix.lower() != ".ipynb":
        return "not graded: not a notebook (.ipynb)"
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
