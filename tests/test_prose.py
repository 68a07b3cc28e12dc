"""The intervals that notebooks, documents and cards state in prose are committed ones."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths

NUMBER = r"([+-]?\d+(?:\.\d+)?)"
STATED = re.compile(rf"{NUMBER}(?:\s*(?:%|dB|percentage\s+points|points))?\s*\[{NUMBER},\s*{NUMBER}\]")
PAGES = [
    *sorted(paths.notebooks().glob("0*.ipynb")),
    *(paths.root() / name for name in ("README.md", "ETHICS.md", "results/README.md", "data/README.md")),
    *sorted((paths.root() / "docs").glob("*.md")),
    *sorted(paths.assets().rglob("*.md")),
]
KEPT = 5e-5  # tables have four decimals, so that a number may be rounded twice


@functools.cache
def _committed() -> np.ndarray:
    """Every number with its interval: rows value, low, high of results/ and of the figures' tables."""
    rows = [row for path in paths.published_results().glob("*.json") for row in json.loads(path.read_text())["rows"]]
    found = [(row["value"], row["low"], row["high"]) for row in rows if row["low"] is not None]
    for path in [*paths.published_results().glob("*/*.csv"), *paths.published_figures().glob("*.csv")]:
        table = pd.read_csv(path)
        for name in table.select_dtypes("number"):
            for ends in ((f"{name}_low", f"{name}_high"), ("low", "high")):
                if {*ends} <= {*table} and name not in ends:
                    found += table[[name, *ends]].dropna().itertuples(index=False, name=None)
    return np.array(found, float)


def _prose(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def unknown(text: str) -> Iterator[str]:
    """The stated numbers, as shares or in per cent, that no committed row rounds to, all three at once."""
    for stated in STATED.finditer(text):
        shown = np.array([float(number) for number in stated.groups()])
        half = np.array([0.5 * 10.0 ** -len(number.partition(".")[2]) for number in stated.groups()])
        near = (np.abs(_committed() * unit - shown) <= half + unit * KEPT for unit in (1, 100))
        if not any(rows.all(1).any() for rows in near):
            yield stated.group()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_interval_in_prose_is_a_committed_one(path: Path) -> None:
    assert not list(unknown(_prose(path)))


def test_a_stale_end_of_an_interval_is_found() -> None:
    low, high = (f"{_committed()[0, column]:.4f}" for column in (1, 2))
    right = f"{_committed()[0, 0]:.4f} [{low}, {high}]"
    assert not list(unknown(right))
    assert list(unknown(right.replace(low, f"{float(low) - 0.0123:.4f}")))
