"""`dfd figures`: every figure that needs no training, from numbers that are there; the others as a run drew them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable
from pathlib import Path

import matplotlib

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import results


def draw(study_name: str, folder: Path | None) -> None:
    """Draw the figures into a folder, build/figures by default, and print each file, and what is missing and why.

    From the study's run on this machine, if it was run to its end, otherwise from the numbers that came with the
    repository. What shows a network trained in a run is copied from there. DfdError where there are neither.
    """
    from dfdlib.plots import gallery  # loads PyTorch

    matplotlib.use("agg")
    study, left = studies.load(study_name), notebooks()
    committed = not results.machine(study_name) and bool(results.rows(study_name, committed=True))
    if not results.rows(study_name, committed):
        raise DfdError(f"The study {study_name} has no numbers yet; run it first: dfd run {study_name}")
    where = "the numbers that came with the repository" if committed else "the run on this machine"
    print(f"Figures of the study {study_name}, from {where}:")
    folder = folder or paths.build() / "figures"
    for name, drawn in gallery.draw_all(study, committed, folder):
        notebook = left.pop(name)
        print(drawn if isinstance(drawn, Path) else f"{name} ({notebook}) was not drawn. {drawn}", flush=True)
    source = paths.published_figures() if committed else paths.figures(study_name)
    published = study.dataset == "embedded"  # no other study's figures came with the repository
    copied = _copied(left, source, folder) if published or not committed else []
    if copied:
        print(f"Copied from {source}, since a run trains what they show: {_listed(copied, left)}.")
    if missing := [name for name in left if name not in copied]:
        print(f"Missing, since only a run draws them: {_listed(missing, left)}.")


def _listed(names: Iterable[str], notebook: dict[str, str]) -> str:
    return ", ".join(f"{name} ({notebook[name]})" for name in names)


def _copied(names: Iterable[str], source: Path, folder: Path) -> list[str]:
    """Copy the files of figures from the folder of a run; returns the names of those that are there."""
    files = {name: sorted(source.glob(f"{name}.*")) for name in names}
    for file in itertools.chain(*files.values()):
        if source.resolve() != folder.resolve():
            shutil.copy2(file, folder)
    return [name for name, found in files.items() if found]


def notebooks() -> dict[str, str]:
    """The notebook that makes each figure, as the table in figures/README.md has it."""
    lines = (paths.published_figures() / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| `fig")]
    return {name.strip("`"): notebook for name, *_, notebook in rows}
