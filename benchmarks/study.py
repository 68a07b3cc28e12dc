"""Where the minutes of `make study` go: each job of the embedded study with its limit, and the cells that take longest.

python benchmarks/study.py: from what the last `dfd run embedded` left in build/embedded. `make publish` does so after a
run from nothing; of a run that found its trainings finished it makes no page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths, repro

LIMITS = {"01": 30, "02": 120, "03": 30, "04": 90, "05": 45, "06": 110, "07": 35, "00": 10}  # seconds, notebooks
LIMITS |= {"paper": 120, "one-cycle": 75, "one-cycle-validated": 75, "no-fakes": 75}  # trainings
WHOLE = {True: 240, False: 480}  # seconds for all on two cores, with AVX-512 and without
SHOWN = 5.0  # seconds from which a cell is listed


def jobs(found: pd.DataFrame) -> list[tuple]:
    """A row for each job: name, when it began, seconds, limit, and whether it was kept."""
    rows = []
    for job in found.sort_values("start").itertuples():
        name = job.name.removeprefix("training ")
        limit = LIMITS[name if name in LIMITS else name[:2]]
        rows.append((job.name, f"{job.start:.0f}", f"{job.seconds:.0f}", limit, _kept(job.seconds, limit)))
    return rows


def _kept(seconds: float, limit: float) -> str:
    return "kept" if seconds <= limit else "**exceeded**"


def cells(folder: Path) -> list[tuple]:
    """A row for each cell that took SHOWN seconds or more: notebook, step, seconds; the longest first."""
    rows = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            seconds = cell.metadata.get("papermill", {}).get("duration") or 0
            first = cell.metadata.get("step") or cell.source.partition("\n")[0]
            if seconds >= SHOWN:
                rows.append((path.stem[:2], f"`{first[:60]}`", f"{seconds:.0f}"))
    return sorted(rows, key=lambda row: -float(row[2]))


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def page(folder: Path) -> str:
    """The page of the run that left its notebooks and seconds.csv in a folder."""
    found = pd.read_csv(folder / "seconds.csv")
    done = (found["start"] + found["seconds"]).max()
    newer = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").is_file() else False
    limit = WHOLE[newer]
    text = (
        "# Seconds of `make study`\n\nThe embedded study (synthetic) after the install, from an empty cache, two jobs "
    )
    text += f"at once on two cores. {repro.machine()}, a processor with{'' if newer else 'out'} AVX-512.\n\n"
    text += f"All was done after **{done:.0f} s**; the limit of {limit} s is {_kept(done, limit)}.\n\n"
    text += table(("job", "begins at, s", "takes, s", "limit, s", ""), jobs(found))
    text += f"\nCells of {SHOWN:.0f} s and more, while another job was running:\n\n"
    return text + table(("notebook", "cell", "s"), cells(folder / "notebooks"))


def main() -> None:
    """Write the page."""
    repro.start(0, 1)
    folder = paths.build() / "embedded"
    if "training paper" not in (folder / "seconds.csv").read_text(encoding="utf-8"):
        print("The last run found its trainings finished; delete build/cache and build/runs, and run it again.")
        return
    text = page(folder)
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text, flush=True)


if __name__ == "__main__":
    main()
