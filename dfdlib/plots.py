"""One function a figure, one style; `save` writes the picture and the numbers that it shows."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from sklearn.metrics import roc_curve

from dfdlib import headpose, paths
from dfdlib.profile import Study

REAL, FAKE, THIRD, FOURTH = "#0072B2", "#D55E00", "#009E73", "#CC79A7"  # Okabe and Ito's colour-blind-safe set
STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 150,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.constrained_layout.use": True,
}
SYNTHETIC = "synthetic data: rendered faces"
MARK_INCHES = 0.18  # height of the line that says what a figure's data are
# The pipeline as the code runs it: stage, the dfdlib module that computes it.
STAGES = {
    "Video": "video",
    "Face and\n68 landmarks": "faces",
    "Crop": "faces",
    "FSRCNN": "superres",
    "ResNet": "resnet",
    "v_a and v_c\nby solvePnP": "headpose",
    "SVM": "headpose",
    "Decision\nmaker": "arbiter",
}


def save(fig: Figure, study: Study, name: str, numbers: pd.DataFrame, data: str = "") -> None:
    """Write `<name>.png` and `<name>.csv` into the study's figure folder.

    `data` says in the picture what its numbers come from; embedded data are marked synthetic without being told.
    """
    folder = paths.figures(study.name)
    folder.mkdir(parents=True, exist_ok=True)
    data = data or (SYNTHETIC if study.dataset == "embedded" else "")
    if data:
        strip = MARK_INCHES / fig.get_figheight()  # below the drawing, which is laid out again above it
        fig.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))
        fig.text(0.995, 0.25 * strip, data, ha="right", va="bottom", fontsize=7)
    fig.savefig(folder / f"{name}.png", metadata={"Software": None})  # no version: the same bytes every time
    numbers.to_csv(folder / f"{name}.csv", index=False, float_format="%.4f")


def stills_mark(study: Study) -> str:
    """What `save` should say of figures of notebook 02: all but UADFV's study take the embedded stills."""
    return "" if study.dataset == "uadfv" else SYNTHETIC


def grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(rows, columns, figsize=(width, height), squeeze=False)
    return fig, axes


def show_image(axis: Axes, image: np.ndarray, title: str = "") -> None:
    """An image without axes."""
    axis.imshow(image, cmap="gray", interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.axis("off")


def real_and_fake(reals: Sequence[np.ndarray], fakes: Sequence[np.ndarray], people: Sequence[str]) -> Figure:
    """Paper Fig. 1: the same person real (above) and fake (below), one column a person."""
    fig, axes = grid(2, len(reals), 1.7 * len(reals), 3.9)
    for column, (real, fake, person) in enumerate(zip(reals, fakes, people, strict=True)):
        show_image(axes[0, column], real, f"{person} real")
        show_image(axes[1, column], fake, f"{person} fake")
    return fig


def tracked(images: Sequence[np.ndarray], boxes: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    """Whole frames, each with the face rectangle (4,) that its crop is cut from."""
    fig, axes = grid(1, len(images), 2.3 * len(images), 2.6)
    for axis, image, (x0, y0, x1, y1), name in zip(axes[0], images, boxes, names, strict=True):
        show_image(axis, image, name)
        axis.plot([x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0], color=THIRD, lw=2, clip_on=False)
        axis.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))  # all panels of one size
    return fig


def pipeline() -> Figure:
    """Paper Fig. 2: the stages of STAGES, each with the module that computes it."""
    fig, axes = grid(1, 1, 10.5, 3.2)
    places = [(0, 1), (1.5, 1), (3, 1.6), (4.5, 1.6), (6, 1.6), (3, 0.4), (6, 0.4), (7.5, 1)]
    for (name, module), (x, y) in zip(STAGES.items(), places, strict=True):
        box = FancyBboxPatch((x - 0.55, y - 0.34), 1.1, 0.68, boxstyle="round,pad=0.03", fc="#E8F1F8", ec=REAL)
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
    fig, axes = grid(1, 1, 7.5, 7.5)
    show_image(axes[0, 0], image)
    contour = np.setdiff1d(headpose.WHOLE, headpose.CENTRAL)
    unused = np.setdiff1d(np.arange(68), headpose.WHOLE)
    groups = [(headpose.CENTRAL, FAKE, "central: v_c and v_a"), (contour, REAL, "contour: v_a only")]
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


def training(histories: dict[str, pd.DataFrame]) -> Figure:
    """Paper Fig. 6: accuracy and loss per epoch, a column for each learning rate."""
    fig, axes = grid(2, len(histories), 4.6 * len(histories), 5.6)
    for column, (name, history) in enumerate(histories.items()):
        for part, colour, style in [("val", REAL, "-"), ("test", FAKE, "--")]:
            axes[0, column].plot(history["epoch"], history[f"{part}_acc"], style, color=colour, label=part)
            axes[1, column].plot(history["epoch"], history[f"{part}_loss"], style, color=colour, label=part)
        axes[1, column].plot(history["epoch"], history["train_loss"], ":", color="0.3", label="train")
        axes[0, column].axhline(0.5, color="0.6", lw=1)
        axes[0, column].set(title=name, ylim=(0.3, 1.02), ylabel="accuracy of frames")
        highest = history[["train_loss", "val_loss", "test_loss"]].max(axis=None)
        axes[1, column].set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, min(2, 1.1 * highest)))
        axes[1, column].legend(fontsize=9)
    return fig


def two_histograms(values: np.ndarray, labels: np.ndarray, xlabel: str, bins: np.ndarray) -> Figure:
    """Shares of real and fake frames over a quantity (Yang et al., Fig. 3)."""
    fig, axes = grid(1, 1, 5.5, 3.6)
    for label, name, colour in [(0, "real", REAL), (1, "fake", FAKE)]:
        chosen = np.clip(values[labels == label], bins[0], bins[-1])
        weights = np.full(len(chosen), 1 / max(len(chosen), 1))
        axes[0, 0].hist(chosen, bins, weights=weights, histtype="step", lw=2, color=colour, label=name)
    axes[0, 0].set(xlabel=xlabel, ylabel="share of frames")
    axes[0, 0].legend()
    return fig


def unit_bins() -> np.ndarray:
    """Twenty bins from 0 to 1, for scores."""
    return np.linspace(0, 1, 21)


def roc(tables: dict[str, pd.DataFrame]) -> Figure:
    """ROC curves of score tables (columns label, p_fake), one line a branch."""
    fig, axes = grid(1, 1, 4.6, 4.4)
    for (name, table), colour, style in zip(
        tables.items(), [REAL, FAKE, THIRD, FOURTH], ["-", "--", "-.", ":"], strict=False
    ):
        false_alarm, hit, _ = roc_curve(table["label"], table["p_fake"])
        axes[0, 0].plot(false_alarm, hit, style, color=colour, lw=2, label=name)
    axes[0, 0].plot([0, 1], [0, 1], color="0.7", lw=1)
    axes[0, 0].set(xlabel="share of real frames called fake", ylabel="share of fake frames called fake")
    axes[0, 0].legend(fontsize=9, loc="lower right")
    return fig


def intervals(rows: pd.DataFrame, xlabel: str) -> Figure:
    """Numbers (columns name, value, low, high, paper) as dots with 95 % intervals; the paper's number as a cross."""
    fig, axes = grid(1, 1, 9.0, 0.4 * len(rows) + 1.3)
    y = np.arange(len(rows))[::-1]
    errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
    axes[0, 0].errorbar(rows["value"], y, xerr=errors, fmt="o", color=REAL, capsize=4, label="this study, 95 %")
    if rows["paper"].notna().any():
        axes[0, 0].plot(rows["paper"], y, "X", ms=9, color=FAKE, label="paper")
    axes[0, 0].axvline(0.5, color="0.6", lw=1)
    axes[0, 0].set(yticks=y, yticklabels=rows["name"], xlim=(0.2, 1.02))
    axes[0, 0].set_xlabel(xlabel, loc="left")
    axes[0, 0].legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


def matrix(table: pd.DataFrame) -> Figure:
    """AUC of frames (columns network, learned, tested, frame_auc, _low, _high): trained on, down; tested on, across."""
    table = table.dropna(subset="frame_auc").assign(row=table["network"] + "\nlearned on " + table["learned"])
    shown = table.pivot(index="row", columns="tested", values="frame_auc")
    fig, axes = grid(1, 1, 2.2 * shown.shape[1] + 3.4, 0.75 * shown.shape[0] + 1.0)
    axes[0, 0].imshow(shown, vmin=0, vmax=1, cmap="PuOr", aspect="auto")  # one half is white, in print too
    for cell in table.itertuples():
        place = shown.columns.get_loc(cell.tested), shown.index.get_loc(cell.row)
        text = f"{cell.frame_auc:.2f}\n[{cell.frame_auc_low:.2f}, {cell.frame_auc_high:.2f}]"
        dark = abs(cell.frame_auc - 0.5) > 0.27
        axes[0, 0].text(*place, text, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes[0, 0].set(xticks=range(shown.shape[1]), xticklabels=[f"tested on\n{name}" for name in shown.columns])
    axes[0, 0].set(yticks=range(shown.shape[0]), yticklabels=shown.index)
    axes[0, 0].grid(False)
    return fig
