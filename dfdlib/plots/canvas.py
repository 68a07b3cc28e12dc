"""The style of every figure; `save_figure` writes the picture and the numbers that it shows."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dfdlib.core import disk, paths
from dfdlib.core.studies import Study

REAL, FAKE, THIRD, FOURTH = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito's colour-blind-safe set
STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.hashsalt": "dfdlib",  # the same names of parts, so the same bytes, every time
    "svg.fonttype": "none",  # text stays text
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.constrained_layout.use": True,
}
SYNTHETIC = "synthetic data: rendered faces"
MARK_INCHES = 0.18  # height of the line that names a figure's data


def save_figure(
    fig: Figure, study: Study, name: str, numbers: pd.DataFrame, data: str | None = None, folder: Path | None = None
) -> None:
    """Write `<name>.png`, for print `<name>.svg`, and `<name>.csv` into a folder, by default that of the study's run.

    `data` is a line in the picture that names the source of its numbers; for embedded data the default is SYNTHETIC.
    An empty one is for a picture that shows no data.
    """
    folder = folder or paths.figures(study.name)
    if data is None:
        data = SYNTHETIC if study.dataset == "embedded" else ""
    if data:
        strip = MARK_INCHES / fig.get_figheight()  # below the drawing, which is laid out again above the strip
        fig.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))
        fig.text(0.995, 0.25 * strip, data, ha="right", va="bottom", fontsize=7)
    with disk.explained(folder / f"{name}.png", "set DFD_FIGURES to a folder elsewhere"):
        folder.mkdir(parents=True, exist_ok=True)
        with plt.rc_context(STYLE):  # without versions and dates, the same bytes every time
            _draw(fig, folder / f"{name}.png", folder / f"{name}.svg")
        numbers.to_csv(folder / f"{name}.csv", index=False, float_format="%.4f")


def _draw(fig: Figure, png: Path, svg: Path) -> None:
    """Write both files with one layout. `savefig` would draw each twice, once of it unseen, to lay it out."""
    canvas, dpi, engine = fig.canvas, fig.dpi, fig.get_layout_engine()
    fig.dpi = plt.rcParams["savefig.dpi"]
    FigureCanvasAgg(fig).print_png(png, metadata={"Software": None})
    fig.set_layout_engine("none")  # the SVG keeps the layout
    svg.write_text(_svg(fig), encoding="utf-8")
    fig.dpi = dpi
    fig.set_layout_engine(engine)
    fig.set_canvas(canvas)


def _svg(fig: Figure) -> str:
    """A figure as SVG, its clip paths and marks numbered: Matplotlib names them by floats, which may round."""
    file = io.StringIO()
    FigureCanvasSVG(fig).print_svg(file, metadata={"Creator": None, "Date": None})
    text = file.getvalue()
    for number, known in enumerate(dict.fromkeys(re.findall(r'id="([pm][0-9a-f]{10})"', text)), 1):
        text = text.replace(known, f"part{number}")
    return text


def stills_mark(study: Study) -> str:
    """`save_figure`'s `data` for the figures of notebook 02: all studies but UADFV's use the embedded stills."""
    return "" if study.dataset == "uadfv" else SYNTHETIC


def beside_uadfv(study: Study) -> str:
    """`save_figure`'s `data` for figures that show a study's numbers beside the committed ones of UADFV."""
    return f"{SYNTHETIC}; UADFV: real" if study.dataset == "embedded" else "UADFV: real"


def grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure, width x height inches, and its axes (rows, columns)."""
    with plt.rc_context(STYLE):
        return plt.subplots(rows, columns, figsize=(width, height), squeeze=False)


def single(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure, width x height inches, with one pair of axes."""
    fig, axes = grid(1, 1, width, height)
    return fig, axes[0, 0]


def per_cent(axis: Axes) -> None:
    """Write the shares along an x axis in per cent, as the text beside them does."""
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=None))


def show_image(axis: Axes, image: np.ndarray, title: str = "") -> None:
    """Show an image without axes."""
    axis.imshow(image, cmap="gray", interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.axis("off")
