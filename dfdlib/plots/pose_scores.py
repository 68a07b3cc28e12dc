"""Figures of the head pose's scores: every combination, features beside each other, the cue's histogram."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdlib.experiments import pose_factorial
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, REAL, THIRD

UADFV, OTHER = ("black", "o"), ("0.55", "s")  # colour and mark of the data that the numbers come from
WORDS = {  # for levels of the experiment and names of results
    "v_c, v_a": "both directions, $v_c$ and $v_a$ (the paper)",
    "v_a - v_c": "difference of the directions",
    "r_a - r_c": "difference of the rotation vectors",
    "R_a - R_c": "difference of the rotation matrices",
    "v, t differences": "differences of direction and translation",
    "r, t differences": "differences of rotation vector and translation",
    "R, t differences": "differences of matrix and translation (Yang et al.)",
    "default": "unscaled, today's gamma",
    "default before 0.22": "unscaled, gamma 1/features (before 0.22)",
    "standardized": "standardised",
    "iterative": "iterative (OpenCV's default)",
    "own": "ours",
    "own, mirrored": "ours, mirrored",
    "from real faces": "estimated from real faces",
    "pose right model": "pose by our model (feature of Yang et al.)",
    "pose right model tuned": "pose by our model, tuned SVM",
    "pose mirrored model": "pose by the mirrored model",
    "pose model from faces": "pose by the model from real faces",
    "pose of smoothed landmarks": "pose of landmarks smoothed over time",
    "residuals of both fits": "residuals of our model and its mirror image",
    "both poses and residuals": "poses and residuals of both models",
    "shape without pose": "face shape without pose",
    "inner": "shape of the inner face",
    "contour": "shape of the contour",
    "all": "shape of all points",
    "pose beyond shape": "pose, less what shape explains",
    "shape beyond pose": "shape, less what pose explains",
}
RECIPE = {"feature": "v_c, v_a", "svm": "default", "solver": "iterative", "model": "own"}  # the paper's, as it is read
DISTANCES = np.linspace(0, 0.1, 41)  # bins of the cosine distance; the last one has what lies beyond
YANG_RANGES = {"real": (0, 0.02), "fake": (0.02, 0.08)}  # Yang et al., Fig. 3: all real faces, most fakes
YANG = {"feature": "R, t differences", "svm": "standardized", "solver": "sqpnp", "model": "own"}


def factorial(studies: dict[str, pd.DataFrame], score: str, xlabel: str, paper: float = 0.501) -> Figure:
    """Every cell of the experiment as a dot, once for each factor; a bar is the median of a level.

    A column of panels for each study (title: cells), a row for each factor; rings are the paper's RECIPE.
    """
    every = pd.concat(studies.values())
    levels = {factor: list(every[factor].unique()) for factor in pose_factorial.FACTORS}
    height = 0.32 * sum(map(len, levels.values())) + 2.0
    with plt.rc_context(canvas.STYLE):
        rows = {"height_ratios": [len(found) for found in levels.values()]}
        fig, axes = plt.subplots(
            len(levels), len(studies), figsize=(9.5, height), squeeze=False, sharex=True, sharey="row", gridspec_kw=rows
        )
    for column, (title, cells) in zip(axes.T, studies.items(), strict=True):
        column[0].set_title(title, fontsize=11)
        for axis, (factor, found) in zip(column, levels.items(), strict=True):
            _levels(axis, cells, factor, found, score)
            axis.axvline(paper, color=FAKE, lw=1.2, ls="--", label=f"the paper: {100 * paper:.1f} %")
    for axis, (factor, found) in zip(axes[:, 0], levels.items(), strict=True):
        axis.set_yticks(range(len(found)), [WORDS.get(level, level.replace("%", " %")) for level in found])
        axis.set(ylim=(len(found) - 0.5, -0.5), ylabel={"svm": "SVM", "model": "world model"}.get(factor, factor))
    axes[-1, 0].set_xlabel(xlabel, loc="left")
    canvas.per_cent(axes[-1, 0])  # of all panels, which share it
    fig.align_ylabels(axes[:, 0])
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=4, fontsize=9)
    fig.set_dpi(75)  # thousands of dots make a large file of a notebook
    return fig


def _levels(axis: Axes, cells: pd.DataFrame, factor: str, found: list[str], score: str) -> None:
    names = iter(("one combination", "median", "the paper's recipe"))
    labels = {part: next(names) for part in ("dot", "bar", "ring")}
    own = cells[(cells[list(RECIPE)] == pd.Series(RECIPE)).all(axis=1)]
    for y, level in enumerate(found):
        values = np.sort(cells.loc[cells[factor] == level, score].to_numpy())
        spread = 0.3 * np.sin(np.arange(len(values)) * 2.4)  # deterministic spread
        axis.plot(values, y + spread, ".", ms=3, alpha=0.4, color="0.4", label=labels.pop("dot", None))
        if len(values):
            axis.plot([np.median(values)] * 2, [y - 0.4, y + 0.4], color="black", lw=2.5, label=labels.pop("bar", None))
    ring = {"ms": 9, "mew": 2, "mfc": "none", "color": FAKE, "ls": "", "label": labels["ring"]}
    axis.plot(own[score], [found.index(level) for level in own[factor]], "o", **ring)


def highlights(cells: pd.DataFrame) -> pd.DataFrame:
    """Combinations worth a look with their intervals: columns name, value, low, high (accuracy of frames)."""
    chosen = {
        "the paper's recipe": RECIPE,
        "the paper's recipe, gamma 1/features": RECIPE | {"svm": "default before 0.22"},
        "the paper's recipe, standardised": RECIPE | {"svm": "standardized"},
        "Yang et al.": YANG,
        "Yang et al., mirrored model": YANG | {"model": "own, mirrored"},
        "Yang et al., model from real faces": YANG | {"model": "from real faces"},
    }
    rows = {name: cells[(cells[list(own)] == pd.Series(own)).all(axis=1)] for name, own in chosen.items()}
    rows["lowest with the paper's feature"] = cells[cells["feature"] == RECIPE["feature"]].nsmallest(1, "frame_acc")
    rows |= {"lowest of all": cells.nsmallest(1, "frame_acc"), "highest of all": cells.nlargest(1, "frame_acc")}
    table = pd.concat(rows, names=["name"]).reset_index("name")
    return table[["name", *pose_factorial.FACTORS, "called_fake"]].assign(
        value=table["frame_acc"], low=table["frame_acc_low"], high=table["frame_acc_high"]
    )


def by_feature(table: pd.DataFrame, xlabel: str, line: float = 0.5) -> Figure:
    """Scores with intervals (columns group, name, value, low, high): a row per name, best first; a mark per group."""
    names = list(table.groupby("name")["value"].max().sort_values(ascending=False).index)
    groups = list(table["group"].unique())
    fig, axis = canvas.single(8.0, 0.45 * len(names) + 1.6)
    styles = (UADFV, OTHER, (THIRD, "D"), (FOURTH, "^"))
    for shift, (group, (colour, mark)) in enumerate(zip(groups, styles, strict=False)):
        rows = table[table["group"] == group]
        y = [names.index(name) + 0.24 * (shift - (len(groups) - 1) / 2) for name in rows["name"]]
        errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axis.errorbar(rows["value"], y, xerr=errors, fmt=mark, color=colour, capsize=3, label=f"{group}, 95 %")
    label = "chance" if line == 0.5 else f"the paper: {100 * line:.1f} %"
    axis.axvline(line, color="0.3" if line == 0.5 else FAKE, lw=1.2, ls="--", label=label)
    axis.set(yticks=range(len(names)), yticklabels=[WORDS.get(name, name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel(xlabel, loc="left")
    if line != 0.5:
        canvas.per_cent(axis)
    axis.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(groups) + 1)
    return fig


def cosine_distances(tables: dict[str, pd.DataFrame]) -> Figure:
    """Histograms of 1 - cos(v_a, v_c) in real and fake frames, as shares (Yang et al., Fig. 3), one below the other.

    `tables` has label and cosine_distance by the data's name. Bars above each panel are the ranges that Yang et al.
    saw, dashed lines the medians.
    """
    size = (6.5, 0.6 + 2.3 * len(tables))
    fig, axes = plt.subplots(len(tables), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    for axis, (name, table) in zip(axes[:, 0], tables.items(), strict=True):
        for kind, (start, end) in YANG_RANGES.items():
            colour = (REAL, FAKE)[kind == "fake"]
            place = {"transform": axis.get_xaxis_transform(), "clip_on": False, "solid_capstyle": "butt"}
            axis.plot([start, end], [1.03, 1.03], color=colour, lw=6, **place)
            _distances(axis, table.loc[table["label"] == (kind == "fake"), "cosine_distance"], kind, colour)
        axis.set_title(name, pad=12)
        axis.set(ylabel="share of frames", xlim=(0, DISTANCES[-1]))
        axis.legend(fontsize=9)
    axes[-1, 0].set(xlabel="1 - cos($v_a$, $v_c$)")
    return fig


def _distances(axis: Axes, distance: pd.Series, kind: str, colour: str) -> None:
    weights = np.full(len(distance), 1 / max(len(distance), 1))
    label = f"{kind}, {len(distance):,} frames"
    axis.hist(
        distance.clip(0, DISTANCES[-1]), DISTANCES, weights=weights, histtype="step", lw=2, color=colour, label=label
    )
    axis.axvline(distance.median(), color=colour, ls="--", lw=1.2)
