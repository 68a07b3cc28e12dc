"""CSV files that people write: every way in which one can be wrong is a sentence."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from dfdlib.errors import DfdError


def read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a CSV file; DfdError where it is missing, no table, or lacks a column."""
    if not path.is_file():
        raise DfdError(f"There is no {path}; data/README.md says what the folder must hold.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            reader = csv.DictReader(_without_nul(path, file))
            header, rows = list(reader.fieldnames or ()), list(reader)
    except UnicodeDecodeError:
        raise DfdError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise DfdError(f"{path} is no table ({error}); save it as CSV in UTF-8.") from None
    _check_table(path, header, rows)
    missing = sorted(columns - set(header))
    if missing:
        raise DfdError(f"{path} has no column {missing[0]!r}; it needs: {', '.join(sorted(columns))}.")
    if not rows:
        raise DfdError(f"{path} has no row below its header; add a row for each clip or image.")
    return rows


def _without_nul(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise DfdError(f"{path} holds a NUL byte: it is damaged or no table; save it as CSV in UTF-8.")
        yield line


def _check_table(path: Path, header: list[str], rows: list[dict[str, str]]) -> None:
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise DfdError(f"{path} has the column {twice[0]!r} more than once; keep one of them.")
    for number, row in enumerate(rows, 1):
        if None in row:
            raise DfdError(f"{path}: row {number} has more cells than the header; put cells with commas in quotes.")
        row.update({name: "" for name, cell in row.items() if cell is None})  # a row that ends early
