"""Figures of the head pose."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdlib.data import truth
from dfdlib.headpose import pnp
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, THIRD

CONTOUR = np.setdiff1d(pnp.WHOLE, pnp.CENTRAL)
WHOLE, CENTRAL = THIRD, FOURTH  # the two sets of points; blue and vermilion are real and fake
TRUE = "white"
ENDS_MM = np.array([[0, 0, 0], [0, 0, -90.0]])  # of the drawn axis: out of the face, towards the viewer
PLATE_MM = np.array([[-60, -45, 0], [60, -45, 0], [60, 100, 0], [-60, 100, 0], [-60, -45, 0.0]])  # lies on the face


def poses(image: np.ndarray, solved: dict[str, pnp.Poses], camera: np.ndarray, true: pnp.Poses | None = None) -> Figure:
    """Paper Fig. 5: the head's poses on the face as a plate and its normal, a panel for each set of world coordinates.

    Each value of `solved` contains two poses, from the whole face (v_a) and from its central points (v_c). `true` is
    one more pose, drawn in every panel.
    """
    fig, axes = canvas.grid(1, len(solved), 3.6 * len(solved), 4.1)
    for axis, (name, both) in zip(axes[0], solved.items(), strict=True):
        _panel(axis, image, both if true is None else pnp.join(both, true), camera, name)
    axes[0, 0].legend(loc="lower left", fontsize=9, facecolor="0.75")
    return fig


def _panel(axis: Axes, image: np.ndarray, both: pnp.Poses, camera: np.ndarray, title: str) -> None:
    canvas.show_image(axis, image, title)
    styles = [("whole face, $v_a$", WHOLE), ("central points, $v_c$", CENTRAL), ("true pose", TRUE)]
    for index, (label, colour) in enumerate(styles[: len(both.rvec)]):
        pose = both.rows([index])
        axis.plot(*pnp.project(PLATE_MM, pose.rvec[0], pose.tvec[0], camera).T, color=colour, lw=1.5)
        draw_direction(axis, pose, camera, colour, label)
    axis.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))


def true_pose(shot: pd.Series, place: pnp.Poses) -> pnp.Poses:
    """The rendered pose of a frame of the embedded clips, at the translation of `place` (the camera is guessed)."""
    rvec = cv2.Rodrigues(truth.rotations(shot["clip_id"])[shot["frame"]])[0].T
    return pnp.Poses(rvec, place.tvec[:1], np.zeros(1))


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
    """Angular error of every frame over the head's true yaw; median and quartiles in bins of five degrees."""
    fig, axis = canvas.single(6.0, 3.8)
    bins = np.round(table["yaw"] / 5) * 5
    for part, name, colour in (("whole", "whole face", WHOLE), ("central", "central points", CENTRAL)):
        low, middle, high = (table.groupby(bins)[part].quantile(q) for q in (0.25, 0.5, 0.75))
        axis.plot(table["yaw"], table[part], ".", ms=3, alpha=0.4, color=colour)
        axis.fill_between(middle.index, low, high, color=colour, alpha=0.2, lw=0)
        axis.plot(middle, "-", lw=2.5, color=colour, label=f"{name}, median and quartiles")
    axis.set(xlabel="true yaw (degrees)", ylabel="error of the pose (degrees)", ylim=(0, 30))
    axis.legend(fontsize=9, title=f"{len(table)} frames", title_fontsize=9)
    return fig


def over_time(table: pd.DataFrame) -> Figure:
    """`known_poses.over_time`: yaw of both poses (above) and the angle between them (below), a column a solver.

    Frames in which a pose lies behind the camera are shaded.
    """
    solvers = list(table["solver"].unique())
    fig, axes = canvas.grid(2, len(solvers), 4.4 * len(solvers), 4.6)
    for column, solver in zip(axes.T, solvers, strict=True):
        rows = table[table["solver"] == solver]
        for axis in column:
            for frame in rows.loc[rows["behind"], "frame"]:
                axis.axvspan(frame - 0.5, frame + 0.5, color="0.85", lw=0)
        if "rendered" in rows:
            column[0].plot(rows["frame"], rows["rendered"], "-", color="black", lw=2, label="true (rendered)")
        for part, name, style, colour in (
            ("whole", "whole face", "o-", WHOLE),
            ("central", "central points", "s-", CENTRAL),
        ):
            column[0].plot(rows["frame"], rows[part], style, color=colour, ms=4, label=name)
        column[1].plot(rows["frame"], rows["apart"], "o-", color="0.3", ms=4)
        title = f"{solver} (OpenCV's default)" if solver == "iterative" else solver
        column[0].set(title=title, ylabel="yaw (degrees)", ylim=_limits(table))
        column[1].set(xlabel="frame", ylabel="angle between (degrees)", ylim=(-5, 185), yticks=range(0, 181, 45))
        column[1].locator_params(axis="x", integer=True)
        column[0].sharex(column[1])
    axes[0, -1].legend(fontsize=9)
    return fig


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    yaws = table.filter(["whole", "central", "rendered"])
    return yaws.min().min() - 3, yaws.max().max() + 3


def one_verdict(table: pd.DataFrame, claimed: float) -> Figure:
    """Training and test accuracy of each row of `one_verdict.setups` with the intervals, the share of the test frames
    that are called fake, and a line at the claim.
    """
    rows = table.iloc[::-1].reset_index(drop=True)
    fig, axis = canvas.single(9.5, 0.36 * len(rows) + 1.4)
    y, names = np.arange(len(rows)), [_setup(row) for row in rows.itertuples()]
    errors = [rows["test_acc"] - rows["test_acc_low"], rows["test_acc_high"] - rows["test_acc"]]
    axis.axvline(claimed, color=FAKE, lw=1.5, ls="--", label=f"the paper: {100 * claimed:.1f} %")
    axis.plot(rows["train_acc"], y, "D", color="0.5", mfc="none", ms=7, label="training frames")
    axis.errorbar(rows["test_acc"], y, xerr=errors, fmt="o", color="black", capsize=3, label="test frames, 95 %")
    for place, called in zip(y, rows["called_fake"], strict=True):
        axis.text(1.05, place, f"{100 * called:.0f}", va="center", fontsize=9)
    axis.text(1.065, len(rows) - 0.4, "called fake,\nper cent", fontsize=8, va="bottom", ha="center")
    axis.set(yticks=y, yticklabels=names, xlim=(0.35, 1.1))
    axis.set_xlabel("accuracy of frames, per cent", loc="left")
    canvas.per_cent(axis)
    axis.legend(fontsize=9, loc="lower right", bbox_to_anchor=(0.83, 1), ncols=3)
    return fig


def _setup(row: tuple) -> str:
    """The constant predictor has neither gamma nor placement; a table that was read has nan there."""
    if not isinstance(row.gamma, str) or not row.gamma:
        return f"{row.feature} (one verdict for all)"
    placed = "points right" if row.placed.startswith("0%") else "points " + row.placed.replace("%", " %")
    feature = row.feature.replace("v_c, v_a", "$v_c$, $v_a$").replace("R't", r"$R^\top t$")
    return f"{feature}; gamma {row.gamma.replace(' / ', '/')}; {placed}"


def reprojection(image: np.ndarray, points: np.ndarray, pixels: np.ndarray, model: np.ndarray) -> Figure:
    """Landmarks (68, 2) and the model's points projected by the solved pose (68, 2) on the face; the model (68, 3), mm.

    Beside the face the model is seen from the front (x, y) and from the side (z, y).
    """
    fig, axes = canvas.grid(1, 3, 10.0, 3.8)
    canvas.show_image(axes[0, 0], image, "landmarks and reprojection")
    axes[0, 0].plot(*points.T, "o", color="black", ms=4, mfc="none", label="dlib's landmarks")
    axes[0, 0].plot(*pixels.T, "x", color=FAKE, ms=5, label="model by $K(RX + t)$")
    axes[0, 0].legend(loc="upper left", fontsize=8)
    views = ((0, "world model from the front"), (2, "from the side"))
    for axis, (across, title) in zip(axes[0, 1:], views, strict=True):
        for which, name, colour in ((CONTOUR, "contour", WHOLE), (pnp.CENTRAL, "central points", CENTRAL)):
            axis.plot(model[which, across], model[which, 1], "o", color=colour, ms=4, label=name)
        axis.set(xlabel=f"{'xyz'[across]}, mm", ylabel="y, mm", aspect="equal", title=title)
        axis.invert_yaxis()
    axes[0, 2].set_xlabel("z, mm (the camera is on the left)")
    axes[0, 1].legend(fontsize=8, loc="center", bbox_to_anchor=(0.5, 0.21))  # between mouth and chin
    return fig
