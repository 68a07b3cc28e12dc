"""`dfd figures`: every figure that needs no training, from numbers that are there."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import results


def draw(study_name: str, folder: Path | None) -> None:
    """Draw the figures into a folder, build/figures by default, and print each file, and what was not drawn and why.

    From the study's run on this machine, if it was run to its end, otherwise from the numbers that came with the
    repository. DfdError where there are neither.
    """
    from dfdlib.plots import gallery  # loads PyTorch

    matplotlib.use("agg")
    study, left = studies.load(study_name), notebooks()
    committed = not results.machine(study_name) and bool(results.rows(study_name, committed=True))
    if not results.rows(study_name, committed):
        raise DfdError(f"The study {study_name} has no numbers yet; run it first: dfd run {study_name}")
    where = "the numbers that came with the repository" if committed else "the run on this machine"
    print(f"Figures of the study {study_name}, from {where}:")
    for name, drawn in gallery.draw_all(study, committed, folder or paths.build() / "figures"):
        notebook = left.pop(name)
        print(drawn if isinstance(drawn, Path) else f"{name} ({notebook}) was not drawn. {drawn}", flush=True)
    why = "a run trains what they show" + ("" if study.dataset == "embedded" else ", or they show the study's faces")
    print(f"Not drawn, since {why}: {', '.join(f'{name} ({notebook})' for name, notebook in left.items())}.")


def notebooks() -> dict[str, str]:
    """The notebook that makes each figure, as the table in figures/README.md has it."""
    lines = (paths.published_figures() / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| `fig")]
    return {name.strip("`"): notebook for name, *_, notebook in rows}
