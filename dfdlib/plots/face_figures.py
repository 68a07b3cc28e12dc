"""Figures of faces, landmarks and the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dfdlib.headpose import pnp
from dfdlib.plots import canvas

# The pipeline as the code runs it: stage, the dfdlib module that computes it.
STAGES = {
    "Video": "faces.video",
    "Face and\n68 landmarks": "faces.detection",
    "Crop": "faces.geometry",
    "FSRCNN": "superres.enlarging",
    "ResNet": "resnet.classifier",
    "v_a and v_c\nby solvePnP": "headpose.pnp",
    "SVM": "headpose.pose_features",
    "Decision\nmaker": "evaluation.arbiter",
}


def real_and_fake(reals: Sequence[np.ndarray], fakes: Sequence[np.ndarray], people: Sequence[str]) -> Figure:
    """Paper Fig. 1: the same person real (above) and fake (below), one column a person."""
    fig, axes = canvas.grid(2, len(reals), 1.7 * len(reals), 3.9)
    for column, (real, fake, person) in enumerate(zip(reals, fakes, people, strict=True)):
        canvas.show_image(axes[0, column], real, f"{person} real")
        canvas.show_image(axes[1, column], fake, f"{person} fake")
    return fig


def tracked(images: Sequence[np.ndarray], boxes: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Whole frames, each with the face rectangle (4,) that its crop is cut from."""
    fig, axes = canvas.grid(1, len(images), 2.3 * len(images), 2.6)
    for axis, image, (x0, y0, x1, y1), name in zip(axes[0], images, boxes, names, strict=True):
        canvas.show_image(axis, image, name)
        axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=canvas.THIRD, lw=2, clip_on=False)
        axis.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))  # all panels of one size
    return fig


def pipeline() -> Figure:
    """Paper Fig. 2: the stages of STAGES, each with the module that computes it."""
    fig, axes = canvas.grid(1, 1, 10.5, 3.2)
    places = [(0, 1), (1.5, 1), (3, 1.6), (4.5, 1.6), (6, 1.6), (3, 0.4), (6, 0.4), (7.5, 1)]
    for (name, module), (x, y) in zip(STAGES.items(), places, strict=True):
        box = FancyBboxPatch((x - 0.55, y - 0.34), 1.1, 0.68, boxstyle="round,pad=0.03", fc="#E8F1F8", ec=canvas.REAL)
        axes[0, 0].add_patch(box)
        axes[0, 0].text(x, y + 0.07, name, ha="center", va="center", fontsize=10)
        axes[0, 0].text(x, y - 0.25, f"dfdlib.{module}", ha="center", va="center", fontsize=7, color="0.35")
    for start, end in [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (4, 7), (6, 7)]:
        _arrow(axes[0, 0], places[start], places[end])
    axes[0, 0].set(xlim=(-0.7, 8.2), ylim=(-0.1, 2.1))
    axes[0, 0].axis("off")
    return fig


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    tail, head = (start[0] + 0.6, start[1]), (end[0] - 0.6, end[1])
    axis.annotate("", xy=head, xytext=tail, arrowprops={"arrowstyle": "->", "color": "0.3"})


def landmarks(image: np.ndarray, points: np.ndarray) -> Figure:
    """Paper Fig. 3: the 68 landmarks, numbered from 1; central, contour and unused points apart."""
    fig, axes = canvas.grid(1, 1, 7.5, 7.5)
    canvas.show_image(axes[0, 0], image)
    contour = np.setdiff1d(pnp.WHOLE, pnp.CENTRAL)
    unused = np.setdiff1d(np.arange(68), pnp.WHOLE)
    groups = [(pnp.CENTRAL, canvas.FAKE, "central: v_c and v_a"), (contour, canvas.REAL, "contour: v_a only")]
    for index, colour, label in [*groups, (unused, "0.85", "not used")]:
        axes[0, 0].plot(*points[index].T, "o", ms=5, mec="black", mew=0.5, color=colour, label=label)
    for number, point in enumerate(points, 1):
        place = (-11, -8) if number in (61, 65) else (3, 2)  # the mouth's inner corners lie beside 49 and 55
        style = {"fontsize": 7, "color": "white", "bbox": {"fc": "black", "pad": 0.3, "lw": 0}}
        axes[0, 0].annotate(str(number), point, place, textcoords="offset points", **style)
    low, high = points.min(0), points.max(0)
    pad = 0.12 * (high - low).max()
    axes[0, 0].set(xlim=(low[0] - pad, high[0] + pad), ylim=(high[1] + pad, low[1] - pad))
    axes[0, 0].legend(loc="lower left", ncols=3, bbox_to_anchor=(0, -0.06), fontsize=9)
    return fig


def point_table(points: np.ndarray) -> pd.DataFrame:
    """Landmarks (68, 2) as rows: number (from 1), x and y in pixels."""
    return pd.DataFrame({"number": np.arange(1, len(points) + 1), "x": points[:, 0], "y": points[:, 1]})
