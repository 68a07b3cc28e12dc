"""Draw the map of the library in README from the imports in its code: python tools/library_map.py

Writes figures/library_map.png, and its numbers to figures/library_map.csv: how many lines of each package import each
other package. tests/test_environment.py compares these numbers with the code.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths

# Top to bottom, in the order of pyproject's import contract; packages on one floor don't import each other.
FLOORS = (
    ("command",),
    ("detector",),
    ("plots",),
    ("experiments",),
    ("resnet", "superres", "headpose"),
    ("faces", "evaluation"),
    ("data",),
    ("core",),
)
HEIGHT, WIDTH, STEP = 0.94, 12.0, 1.32


def modules(package: str) -> list[Path]:
    """The files of a package's modules, sorted by name."""
    return sorted(p for p in (paths.root() / "dfdlib" / package).glob("*.py") if p.stem != "__init__")


def imports() -> pd.DataFrame:
    """Numbers of import lines between packages: columns importer, imported, lines."""
    rows = [
        (package, node.module.split(".")[1])
        for floor in FLOORS
        for package in floor
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dfdlib.")
    ]
    table = pd.DataFrame(rows, columns=["importer", "imported"]).query("importer != imported")
    return table.value_counts().rename("lines").reset_index().sort_values(["importer", "imported"], ignore_index=True)


def needed(table: pd.DataFrame) -> set[tuple[str, str]]:
    """The arrows, without those that a longer path implies."""
    below = {name: set(part["imported"]) for name, part in table.groupby("importer")}

    def reach(name: str) -> set[str]:
        return below.get(name, set()) | {far for near in below.get(name, ()) for far in reach(near)}

    return {(a, b) for a, direct in below.items() for b in direct if not any(b in reach(c) for c in direct - {b})}


def picture(table: pd.DataFrame) -> Figure:
    """Floors of boxes, one per package with its purpose and modules; arrows point to the packages imported."""
    fig, axis = plt.subplots(figsize=(WIDTH, 10.8))
    places: dict[str, tuple[float, float]] = {}
    for row, floor in enumerate(FLOORS):
        for column, package in enumerate(floor):
            wide = WIDTH / len(floor)
            places[package] = ((column + 0.5) * wide, -STEP * row)
            _box(axis, package, *places[package], wide - 0.3)
    for importer, imported in sorted(needed(table)):
        (x0, y0), (x1, y1) = places[importer], places[imported]
        top, bottom = (x0 + 0.2 * (x1 - x0), y0 - HEIGHT / 2 - 0.02), (x1 + 0.2 * (x0 - x1), y1 + HEIGHT / 2 + 0.02)
        axis.annotate("", xy=bottom, xytext=top, arrowprops={"arrowstyle": "-|>", "color": "0.35", "lw": 1.2})
    axis.set(xlim=(0, WIDTH), ylim=(-STEP * (len(FLOORS) - 1) - 0.6, 0.6))
    axis.axis("off")
    fig.tight_layout(pad=0.3)
    return fig


def _box(axis: Axes, package: str, x: float, y: float, wide: float) -> None:
    source = (paths.root() / "dfdlib" / package / "__init__.py").read_text(encoding="utf-8")
    about = textwrap.fill(ast.get_docstring(ast.parse(source)), int(15 * wide))
    names = textwrap.fill("  ".join(path.stem for path in modules(package)), int(11.5 * wide))
    style = {"boxstyle": "round,pad=0.03", "fc": "#E8F1F8", "ec": "#0072B2"}
    axis.add_patch(FancyBboxPatch((x - wide / 2, y - HEIGHT / 2), wide, HEIGHT, **style))
    axis.text(x, y + HEIGHT / 2 - 0.04, package, ha="center", va="top", fontsize=13, weight="bold")
    axis.text(x, y + HEIGHT / 2 - 0.29, about, ha="center", va="top", fontsize=9, color="0.25")
    axis.text(x, y - HEIGHT / 2 + 0.03, names, ha="center", va="bottom", fontsize=8.5, family="monospace")


def main() -> None:
    """Write the picture and its numbers."""
    table = imports()
    picture(table).savefig(paths.published_figures() / "library_map.png", dpi=130, metadata={"Software": None})
    table.to_csv(paths.published_figures() / "library_map.csv", index=False)


if __name__ == "__main__":
    main()
