"""A small copy of the embedded set, for tests that run whole notebooks."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

from dfdlib.core import paths

EMBEDDED = paths.root() / "data" / "embedded"


def copy(folder: Path, people: Sequence[str]) -> None:
    """Copy the clips of some people, hard and easy ones, and one still of each."""
    for table, most in (("clips.csv", 2), ("easy/clips.csv", 2), ("stills.csv", 1)):
        place = Path(table).parent
        with (EMBEDDED / table).open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        rows = [row for name in people for row in [row for row in rows if row["person"] == name][:most]]
        for row in rows:
            (folder / place / row["file"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(EMBEDDED / place / row["file"], folder / place / row["file"])
        with (folder / table).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    (folder / "truth").mkdir()
    for name in people:
        for kind in ("real", "fake"):
            shutil.copy(EMBEDDED / "truth" / f"{name}_{kind}.npz", folder / "truth")
