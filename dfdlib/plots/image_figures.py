"""Figures of images: faces, landmarks and the pipeline; shrunk and enlarged images, and their quality."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dfdlib.headpose import pnp
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, REAL, THIRD

# The pipeline as the code runs it: stages, and the dfdlib modules that compute them.
STAGES = {
    "Video": "faces.video",
    "Face and\n68 landmarks": "faces.detection",
    "Crop": "faces.geometry",
    "FSRCNN": "superres.enlarging",
    "ResNet": "resnet.classifier",
    "$v_a$ and $v_c$\nby solvePnP": "headpose.pnp",
    "SVM": "headpose.pose_features",
    "Decision\nmaker": "evaluation.arbiter",
}
ERROR = 20  # grey levels of luminance at which an error map is black


def real_and_fake(reals: Sequence[np.ndarray], fakes: Sequence[np.ndarray], people: Sequence[str]) -> Figure:
    """Paper Fig. 1: the same person real (above) and fake (below), one column per person."""
    fig, axes = canvas.grid(2, len(reals), 1.7 * len(reals), 3.9)
    for column, (real, fake, person) in enumerate(zip(reals, fakes, people, strict=True)):
        canvas.show_image(axes[0, column], real, f"{person} real")
        canvas.show_image(axes[1, column], fake, f"{person} fake")
    return fig


def tracked(
    images: Sequence[np.ndarray],
    names: Sequence[str],
    boxes: Sequence[np.ndarray | None],
    squares: Sequence[np.ndarray],
    crops: Sequence[np.ndarray],
) -> Figure:
    """Whole frames with the detector's box (4,), None for no face, and the square (4,) that each crop is cut from.

    The crops are drawn below. The last images may be frames without a face: there are fewer squares and crops.
    """
    fig, axes = canvas.grid(2, len(images), 2.2 * len(images), 4.9)
    cut = len(images) - len(squares)
    lines = zip(axes.T, images, names, boxes, [*squares, *[None] * cut], [*crops, *[None] * cut], strict=True)
    for (above, below), image, name, box, square, crop in lines:
        canvas.show_image(above, image, name if box is not None else f"{name}:\nno face found")
        for corners, style in ((box, "--"), (square, "-")):
            if corners is not None:
                x0, y0, x1, y1 = corners
                above.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], style, color="white" if style == "--" else THIRD)
        above.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))  # all panels of one size
        below.axis("off")
        if crop is not None:
            canvas.show_image(below, crop, "its crop")
    return fig


def pipeline() -> Figure:
    """Paper Fig. 2: the stages of STAGES, each with the module that computes it."""
    fig, axis = canvas.single(10.5, 3.2)
    places = [(0, 1), (1.5, 1), (3, 1.6), (4.5, 1.6), (6, 1.6), (3, 0.4), (6, 0.4), (7.5, 1)]
    for (name, module), (x, y) in zip(STAGES.items(), places, strict=True):
        box = FancyBboxPatch((x - 0.55, y - 0.34), 1.1, 0.68, boxstyle="round,pad=0.03", fc="#E8F1F8", ec=REAL)
        axis.add_patch(box)
        axis.text(x, y + 0.07, name, ha="center", va="center", fontsize=10)
        axis.text(x, y - 0.25, module, ha="center", va="center", fontsize=7, color="0.35")
    for start, end in [(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (4, 7), (6, 7)]:
        (x, y), (to_x, to_y) = places[start], places[end]
        arrow = {"arrowstyle": "->", "color": "0.3"}
        axis.annotate("", xy=(to_x - 0.6, to_y), xytext=(x + 0.6, y), arrowprops=arrow)
    axis.set(xlim=(-0.7, 8.2), ylim=(-0.1, 2.1))
    axis.axis("off")
    return fig


def landmarks(image: np.ndarray, points: np.ndarray) -> Figure:
    """Paper Fig. 3: the 68 landmarks, numbered from 1; central, contour and unused points apart."""
    fig, axis = canvas.single(7.5, 7.5)
    canvas.show_image(axis, image)
    contour, unused = np.setdiff1d(pnp.WHOLE, pnp.CENTRAL), np.setdiff1d(np.arange(68), pnp.WHOLE)
    groups = [(pnp.CENTRAL, FAKE, "central: $v_c$ and $v_a$"), (contour, REAL, "contour: $v_a$ only")]
    for index, colour, label in [*groups, (unused, "0.85", "not used")]:
        axis.plot(*points[index].T, "o", ms=5, mec="black", mew=0.5, color=colour, label=label)
    for number, point in enumerate(points, 1):
        place = (-11, -8) if number in (61, 65) else (3, 2)  # the mouth's inner corners are next to 49 and 55
        style = {"fontsize": 7, "color": "white", "bbox": {"fc": "black", "pad": 0.3, "lw": 0}}
        axis.annotate(str(number), point, place, textcoords="offset points", **style)
    low, high = points.min(0), points.max(0)
    pad = 0.12 * (high - low).max()
    axis.set(xlim=(low[0] - pad, high[0] + pad), ylim=(high[1] + pad, low[1] - pad))
    axis.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, -0.06), fontsize=9)
    return fig


def point_table(points: np.ndarray) -> pd.DataFrame:
    """Landmarks (68, 2) as rows: number (from 1), x and y in pixels."""
    return pd.DataFrame({"number": np.arange(1, len(points) + 1), "x": points[:, 0], "y": points[:, 1]})


def downsampled(hr: Sequence[np.ndarray], lr: Sequence[np.ndarray], scale: int) -> Figure:
    """Paper Fig. 4: originals, each with a square; below it the square in the original and in the shrunk image."""
    fig, axes = canvas.grid(3, len(hr), 1.9 * len(hr), 6.6)
    for (above, middle, below), large, small in zip(axes.T, hr, lr, strict=True):
        square = detailed(large)
        canvas.show_image(above, large, f"{large.shape[1]} x {large.shape[0]} px")
        _outline(above, square)
        canvas.show_image(middle, large[square], "its square")
        inner = tuple(slice(edge.start // scale, edge.stop // scale) for edge in square)
        canvas.show_image(below, small[inner], f"at {small.shape[1]} x {small.shape[0]} px")
    return fig


def detailed(image: np.ndarray, share: float = 0.25) -> tuple[slice, slice]:
    """Rows and columns of the square with the finest detail in the middle of an image (H, W, 3), a share of W wide.

    Its ends are multiples of 12, whole pixels at the scales 2, 3 and 4, where the image is large enough.
    """
    step = 12 if image.shape[1] >= 96 else 1
    side = max(round(share * image.shape[1]) // step, 1) * step
    lines = np.abs(cv2.Laplacian(image.mean(2), cv2.CV_64F))
    rows, columns = (range(n // 4 // step * step, max(3 * n // 4 - side, n // 4) + 1, step) for n in lines.shape)
    corners = [(y, x) for y in rows for x in columns]
    y, x = max(corners, key=lambda at: lines[at[0] : at[0] + side, at[1] : at[1] + side].sum())
    return slice(y, y + side), slice(x, x + side)


def _outline(axis: Axes, square: tuple[slice, slice]) -> None:
    (top, bottom), (left, right) = ((edge.start - 0.5, edge.stop - 0.5) for edge in square)
    axis.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="white", lw=1.5)


def enlarged(images: dict[str, np.ndarray], errors: dict[str, np.ndarray] | None = None) -> Figure:
    """Images, each under its name (which may include the PSNR).

    With maps of luminance errors there are two more rows: a square of each image, and the maps.
    """
    fig, axes = canvas.grid(3 if errors else 1, len(images), 2.3 * len(images), 8.0 if errors else 3.0)
    for axis, (name, image) in zip(axes[0], images.items(), strict=True):
        canvas.show_image(axis, image, name)
    for (top, middle, below), name in zip(axes.T if errors else (), images, strict=bool(errors)):
        square = _same_square(images, name)
        _outline(top, square)
        canvas.show_image(middle, images[name][square])
        below.axis("off")
        if name in errors:
            below.imshow(np.abs(errors[name]), cmap="gray_r", vmin=0, vmax=ERROR, interpolation="nearest")
            below.set_title(f"error: white 0, black {ERROR}+", fontsize=9)
    return fig


def _same_square(images: dict[str, np.ndarray], name: str) -> tuple[slice, slice]:
    """The square of the largest image, in the pixels of one that shows the same."""
    largest = max(images.values(), key=len)
    scale = len(largest) // len(images[name])
    return tuple(slice(edge.start // scale, edge.stop // scale) for edge in detailed(largest))


def mistakes(rows: dict[str, list[tuple[np.ndarray, str]]]) -> Figure:
    """Crops (s, s, 3) with their titles, a row of them for each kind of mistake."""
    widest = max(1, *map(len, rows.values()))
    fig, axes = canvas.grid(len(rows), widest, 1.6 * widest, 2.0 * len(rows) + 0.2)
    for line, (kind, shown) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.axis("off")
        for axis, (crop, title) in zip(line, shown, strict=False):
            canvas.show_image(axis, crop, title)
            axis.title.set_fontsize(9)
        line[0].text(-0.08, 0.5, kind, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=10)
    return fig
