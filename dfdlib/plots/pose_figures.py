"""Figures of the head pose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdlib.experiments import pose_factorial
from dfdlib.headpose import pnp
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, REAL, THIRD

ENDS_MM = np.array([[0, 0, 0], [0, 0, -90.0]])  # of the drawn axis: out of the face, towards the viewer


def poses(image: np.ndarray, solved: dict[str, pnp.Poses], camera: np.ndarray) -> Figure:
    """Paper Fig. 5: the head's directions on the face, one panel for each set of world coordinates.

    Each value of `solved` contains two poses, from the whole face (v_a) and from its central points (v_c).
    """
    fig, axes = canvas.grid(1, len(solved), 3.6 * len(solved), 4.1)
    for axis, (name, both) in zip(axes[0], solved.items(), strict=True):
        _panel(axis, image, both, camera, name)
    axes[0, 0].legend(loc="lower left", fontsize=8)
    return fig


def _panel(axis: Axes, image: np.ndarray, both: pnp.Poses, camera: np.ndarray, title: str) -> None:
    canvas.show_image(axis, image, title)
    for index, (label, colour) in enumerate([("v_a, whole face", REAL), ("v_c, central points", FAKE)]):
        draw_direction(axis, both.rows([index]), camera, colour, label)
    axis.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))


def pose_table(solved: dict[str, tuple[pnp.Poses, pnp.Poses]]) -> pd.DataFrame:
    """The poses drawn by `poses` as rows: model, set of points, direction v, tvec (mm), residual (px)."""
    rows = [
        (name, part, *found.direction[0], *found.tvec[0], found.residual[0])
        for name, pair in solved.items()
        for part, found in zip(("whole", "central"), pair, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "points", "v_x", "v_y", "v_z", "t_x", "t_y", "t_z", "residual_px"])


def draw_direction(
    axis: Axes, pose: pnp.Poses, camera: np.ndarray, colour: str, label: str, place: Callable | None = None
) -> None:
    """An arrow out of the face along one pose; `place` converts the camera's pixels (2, 2) to the picture's."""
    ends = pnp.project(ENDS_MM, pose.rvec[0], pose.tvec[0], camera)
    start, tip = ends if place is None else place(ends)
    axis.annotate("", xy=tip, xytext=start, arrowprops={"arrowstyle": "->", "color": colour, "lw": 2.5})
    axis.plot([], [], color=colour, lw=2.5, label=label)


def error_by_yaw(table: pd.DataFrame) -> Figure:
    """Angular error of every frame over the head's true yaw, with the median in bins of five degrees."""
    fig, axis = canvas.single(6.0, 3.8)
    bins = np.round(table["yaw"] / 5) * 5
    for part, colour in (("whole", REAL), ("central", FAKE)):
        axis.plot(table["yaw"], table[part], ".", ms=3, alpha=0.3, color=colour)
        axis.plot(table.groupby(bins)[part].median(), "-", lw=2.5, color=colour, label=f"{part}, median")
    axis.set(xlabel="true yaw (degrees)", ylabel="angular error (degrees)", ylim=(0, 30))
    axis.legend()
    return fig


def factorial(cells: pd.DataFrame, score: str, xlabel: str, paper: float | None = None) -> Figure:
    """Every cell of the experiment as a dot, once for each factor; a bar is the median of a level."""
    levels = {factor: list(cells[factor].unique()) for factor in pose_factorial.FACTORS}
    fig, axes = canvas.grid(len(levels), 1, 7.5, 0.32 * sum(map(len, levels.values())) + 1.8)
    ratios = [len(found) for found in levels.values()]
    axes[0, 0].get_gridspec().set_height_ratios(ratios)
    for axis, (factor, found) in zip(axes[:, 0], levels.items(), strict=True):
        for y, level in enumerate(found):
            values = np.sort(cells.loc[cells[factor] == level, score].to_numpy())
            spread = 0.3 * np.sin(np.arange(len(values)) * 2.4)  # deterministic spread
            axis.plot(values, y + spread, ".", ms=3, alpha=0.4, color=REAL)
            axis.plot([np.median(values)] * 2, [y - 0.4, y + 0.4], color=FAKE, lw=2.5)
        axis.axvline(0.5 if paper is None else paper, color="0.3", lw=1, ls="--")
        axis.set(yticks=range(len(found)), yticklabels=found, ylim=(len(found) - 0.5, -0.5), ylabel=factor)
        axis.set_xlim(cells[score].min() - 0.02, cells[score].max() + 0.02)
    axes[-1, 0].set_xlabel(xlabel, loc="left")
    return fig


def by_feature(table: pd.DataFrame, xlabel: str) -> Figure:
    """Scores with intervals (columns group, name, value, low, high): a row per name, best first; a mark per group."""
    names = list(table.groupby("name")["value"].max().sort_values(ascending=False).index)
    groups = list(table["group"].unique())
    fig, axis = canvas.single(7.5, 0.5 * len(names) + 1.6)
    styles = zip((REAL, FAKE, THIRD, FOURTH), "osD^", strict=True)
    for shift, (group, (colour, mark)) in enumerate(zip(groups, styles, strict=False)):
        rows = table[table["group"] == group]
        y = [names.index(name) + 0.18 * (shift - (len(groups) - 1) / 2) for name in rows["name"]]
        errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axis.errorbar(rows["value"], y, xerr=errors, fmt=mark, color=colour, capsize=3, label=group)
    axis.axvline(0.5, color="0.6", lw=1)
    axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    axis.set_xlabel(xlabel, loc="left")
    axis.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(groups))
    return fig


def one_verdict(table: pd.DataFrame, claimed: float) -> Figure:
    """Training and test accuracy of each row of `one_verdict.experiment` with the intervals; a line at the claim."""
    rows = table.iloc[::-1].reset_index(drop=True)
    fig, axis = canvas.single(9.5, 0.36 * len(rows) + 1.4)
    y, names = np.arange(len(rows)), [_setup(row) for row in rows.itertuples()]
    errors = [rows["test_acc"] - rows["test_acc_low"], rows["test_acc_high"] - rows["test_acc"]]
    axis.plot(rows["train_acc"], y, "D", color=THIRD, mfc="none", ms=7, label="training frames")
    axis.errorbar(rows["test_acc"], y, xerr=errors, fmt="o", color=REAL, capsize=3, label="test frames, 95 %")
    axis.axvline(claimed, color=FAKE, lw=1.5, ls="--", label=f"paper, {claimed:.1%}")
    axis.set(yticks=y, yticklabels=names, xlim=(0.35, 1.03))
    axis.set_xlabel("accuracy of frames", loc="left")
    axis.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    return fig


def _setup(row: tuple) -> str:
    """The constant predictor has neither gamma nor placement; a table that was read has nan there."""
    if not isinstance(row.gamma, str) or not row.gamma:
        return row.feature
    return f"{row.feature}, gamma {row.gamma}, {row.placed}"


def reprojection(image: np.ndarray, points: np.ndarray, pixels: np.ndarray, model: np.ndarray) -> Figure:
    """Landmarks (68, 2) and the model's points projected by the solved pose (68, 2) on the face; the model (68, 3), mm.

    Beside the face the model is seen from the front (x, y) and from the side (z, y).
    """
    fig, axes = canvas.grid(1, 3, 10.0, 3.8)
    canvas.show_image(axes[0, 0], image, "landmarks and reprojection")
    axes[0, 0].plot(*points.T, "o", color=REAL, ms=4, mfc="none", label="dlib's landmarks")
    axes[0, 0].plot(*pixels.T, "+", color=FAKE, ms=6, label="model by $K(RX + t)$")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    views = ((0, "world model from the front"), (2, "from the side"))
    for axis, (across, title) in zip(axes[0, 1:], views, strict=True):
        for which, colour in ((pnp.WHOLE, REAL), (pnp.CENTRAL, FAKE)):
            axis.plot(model[which, across], model[which, 1], "o", color=colour, ms=4)
        axis.set(xlabel=f"{'xyz'[across]}, mm", ylabel="y, mm", aspect="equal", title=title)
        axis.invert_yaxis()
    return fig
