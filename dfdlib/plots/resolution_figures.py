"""Figures of small faces: scores by height and quality, the attack, and what FSRCNN gains."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FOURTH, THIRD

STYLES = {
    "as small as it is": ("0.45", "v"),
    "nearest": ("#E69F00", "s"),
    "bicubic": (FOURTH, "o"),
    "FSRCNN": (THIRD, "D"),
}
COMPARED = ("bicubic", "FSRCNN")  # whose intervals are drawn as bands
TRAINED = {
    "test only": "network as trained",
    "train and test": "last layer trained on such crops",
    "head pose": "head pose",
}


def resolution(table: pd.DataFrame) -> Figure:
    """AUC of frames over the face's height: a column per JPEG quality, a row per trained part, a line per way."""
    parts, qualities = ("test only", "train and test", "head pose"), sorted(table["quality"].unique())
    fig, axes = canvas.grid(len(parts), len(qualities), 4.8 * len(qualities), 2.7 * len(parts))
    for axis, (part, quality) in zip(axes.flat, itertools.product(parts, qualities), strict=True):
        _ways(axis, table[table["quality"] == quality], part)
        axis.set_title(f"{TRAINED[part]}, {f'JPEG {quality}' if quality else 'no JPEG'}", fontsize=10)
    axes[-1, 0].set_xlabel("height of the face's crop in pixels", loc="left")
    axes[1, 0].set_ylabel("AUC of frames")
    handles = axes[0, 0].get_legend_handles_labels()
    fig.legend(*handles, fontsize=9, loc="outside upper left", ncols=len(STYLES))
    return fig


def attack(table: pd.DataFrame) -> Figure:
    """The table of `fold_rows.attacks`: the share of fakes missed and the AUC of frames, over the fakes' height."""
    names = table["learned"].unique()
    fig, axes = canvas.grid(len(names), 2, 9.0, 3.0 * len(names) + 0.4)
    ranges = {"missed": (-0.01, table["missed_high"].max() + 0.02), "auc": (table["auc_low"].min() - 0.02, 1.005)}
    styles = {"bicubic": ("black", "o"), "FSRCNN": (THIRD, "D")}
    for line, name in zip(axes, names, strict=True):
        for axis, (part, ylim) in zip(line, ranges.items(), strict=True):
            _ways(axis, table[table["learned"] == name], part, ylim, styles)
            axis.set_ylabel({"missed": "share of fakes called real", "auc": "AUC of frames"}[part])
            axis.set_xticks(ticks := sorted(table["height"].unique()), [*map(str, ticks[:-1]), "as they\nare"])
        line[0].set_title(f"learned {name}", fontsize=10, loc="left")
    for axis in axes[-1]:
        axis.set_xlabel("height to which fakes are made small, pixels", loc="left")
    axes[0, 1].legend(fontsize=9, loc="lower left", title="brought back by", title_fontsize=9)
    return fig


def _ways(
    axis: Axes, table: pd.DataFrame, part: str, ylim: tuple[float, float] = (0.15, 1.03), styles: dict = STYLES
) -> None:
    ticks = sorted(table["height"].unique())
    for shift, (way, (colour, marker)) in enumerate(styles.items()):
        if way not in set(table["way"]):
            continue
        rows = table[(table["way"] == way) | (table["height"] == ticks[-1])].sort_values("height")
        x = rows["height"] * 1.02 ** (shift - 1.5)  # a small shift, so that intervals do not overlap
        axis.plot(x, rows[part], f"{marker}-", ms=5, lw=1.5, color=colour, label=way)
        if way in COMPARED:  # four bands would hide each other
            axis.fill_between(x, rows[f"{part}_low"], rows[f"{part}_high"], color=colour, alpha=0.18, lw=0)
    axis.axhline(0.5, color="0.6", lw=1)
    axis.set(xscale="log", ylim=ylim)
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()


def gains(tables: dict[str, pd.DataFrame]) -> Figure:
    """FSRCNN's gain in AUC over bicubic with 95 % intervals: a row per data set, a column per trained part.

    From tables of `resolution.gains`; filled without JPEG, hollow with JPEG.
    """
    heights = [table["height"].nunique() for table in tables.values()]
    with plt.rc_context(canvas.STYLE):
        size = (9.0, 0.42 * sum(heights) + 1.1 * len(tables) + 0.5)
        fig, axes = plt.subplots(len(tables), 2, figsize=size, squeeze=False, sharex=True, height_ratios=heights)
    for line, (name, table) in zip(axes, tables.items(), strict=True):
        for axis, (trained, part) in zip(line, table.groupby("trained", sort=False), strict=True):
            _gains(axis, part)
            axis.set_title(f"{name}: {TRAINED[trained]}", fontsize=10)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), fontsize=9, loc="outside upper left", ncols=2)
    fig.supylabel("height of the face (px)", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("AUC with FSRCNN minus AUC with bicubic")
    return fig


def _gains(axis: Axes, table: pd.DataFrame) -> None:
    heights = sorted(table["height"].unique())
    axis.axvline(0, color="0.5", lw=1)
    for place, (quality, rows) in enumerate(table.groupby("quality")):
        y = [heights.index(height) + 0.26 * place - 0.13 for height in rows["height"]]
        ends = [rows["gain"] - rows["low"], rows["high"] - rows["gain"]]
        style = {"fmt": "s" if quality else "o", "mfc": "white" if quality else THIRD, "ls": "none"}
        label = f"JPEG {quality}" if quality else "no JPEG"
        axis.errorbar(rows["gain"], y, xerr=ends, color=THIRD, ms=5, capsize=2, label=label, **style)
    axis.set_yticks(range(len(heights)), heights)
    axis.set_ylim(len(heights) - 0.5, -0.5)
