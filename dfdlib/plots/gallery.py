"""Every figure that needs no training, by its name: drawn in the notebooks, and by `dfd figures` without a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.faces.frames import FrameSet
from dfdlib.plots import canvas, from_pictures, from_tables, from_uadfv
from dfdlib.plots.source import Draw, Source


def figures(pictures: bool = True) -> dict[str, Draw]:
    """The functions that draw, by the names of their figures; without `pictures` those that show no face."""
    modules = (from_tables, from_uadfv, *([from_pictures] if pictures else []))
    found = {name: own for module in modules for name, own in vars(module).items() if name.startswith("fig")}
    return dict(sorted(found.items()))


def draw(name: str, study: Study, seen: FrameSet | None = None) -> Figure:
    """Draw a figure of a study's run and write it into the run's folder; `seen` are the study's frames."""
    fig, numbers, data = figures()[name](Source(study, given=seen))
    canvas.save_figure(fig, study, name, numbers, data)
    return fig


def draw_all(study: Study, committed: bool, folder: Path) -> Iterator[tuple[str, Path | DfdError]]:
    """Draw the figures of a study into a folder, or of its committed tables; yields each name and file.

    In place of the file is an error, where the study lacks the numbers. Faces are drawn of the embedded data alone.
    """
    of = Source(study, committed)
    for name, function in figures(pictures=study.dataset == "embedded").items():
        try:
            fig, numbers, data = function(of)
        except DfdError as error:
            yield name, error
            continue
        canvas.save_figure(fig, study, name, numbers, data, folder)
        plt.close(fig)
        yield name, folder / f"{name}.png"
