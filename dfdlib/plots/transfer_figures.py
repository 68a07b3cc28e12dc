"""What was learned on one data set, tested on others: a panel for each test."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, REAL

DATA = {  # studies in words
    "uadfv": "UADFV",
    "embedded": "rendered faces\n(synthetic)",
    "embedded-easy": "rendered faces, easy\nfakes (synthetic)",
    "photographs": "CelebA photographs\n(all real)",
    "yours": "one FaceForensics++\nvideo and its fake",
}
PAIRS = (2, 5, 10, 20, 50)  # thousands: the ticks of `recipes`
WORDS = {name: words.replace("\n", " ") for name, words in DATA.items()}
WORDS |= {
    "lfw": "photographs of LFW, all real",
    "celeba": "photographs of CelebA, all real",
    "blurred": "blurred photographs, all real",
    "jpeg30": "UADFV after JPEG 30",
    "super-resolved": "UADFV's real frames, super-resolved",
}


def matrix(table: pd.DataFrame) -> Figure:
    """The table of `transfer.matrix`: a row for each network and its training data, a panel for each test.

    A panel shows the AUC of frames with its interval where the test has both classes and enough people, otherwise the
    shares of real (blue) and of fake frames (vermilion) that are called fake. Filled: tested at home.
    """
    rows = list(dict.fromkeys(zip(table["learned"], table["network"], strict=True)))
    tests = list(dict.fromkeys(table["tested"]))
    y = {row: place + 0.8 * list(dict.fromkeys(table["learned"])).index(row[0]) for place, row in enumerate(rows)}
    with plt.rc_context(canvas.STYLE):
        size = (2.6 + 2.0 * len(tests), 0.34 * len(rows) + 1.9)
        fig, axes = plt.subplots(1, len(tests), figsize=size, sharey=True, squeeze=False)
    for axis, tested in zip(axes[0], tests, strict=True):
        _panel(axis, table[table["tested"] == tested], y)
        axis.set_title(f"on {DATA.get(tested, tested)}", fontsize=9)
    axes[0, 0].set_yticks(list(y.values()), [network for _, network in rows])
    axes[0, 0].set_ylim(max(y.values()) + 0.6, -1.0)
    for learned in dict.fromkeys(learned for learned, _ in rows):
        first = min(place for row, place in y.items() if row[0] == learned)
        words = f"learned on {WORDS.get(learned, learned)}"
        place = axes[0, 0].get_yaxis_transform()
        axes[0, 0].text(-0.04, first - 0.75, words, transform=place, ha="right", va="center", weight="bold", fontsize=9)
    return fig


def _panel(axis: Axes, found: pd.DataFrame, y: dict[tuple[str, str], float]) -> None:
    known = found["frame_auc"].notna().any()
    kinds = {"frame_auc": "black"} if known else {"real_called_fake": REAL, "fake_called_fake": FAKE}
    for shift, (name, colour) in zip((-0.13, 0.13), kinds.items(), strict=False):
        for row in found[found[name].notna()].to_dict("records"):
            place = y[row["learned"], row["network"]] + (0 if known else shift)
            value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
            ends = None if np.isnan(low) else [[value - low], [high - value]]
            inside = colour if row["learned"] == row["tested"] else "white"
            axis.errorbar(value, place, xerr=ends, fmt="o", ms=5, color=colour, mfc=inside, capsize=2, lw=1.2)
    if known:
        axis.axvline(0.5, color="0.3", lw=1, ls="--")
    axis.set(xlim=(-0.04, 1.04), xticks=(0, 0.5, 1))
    axis.set_xlabel("AUC of frames" if known else "share called fake", fontsize=9)


def recipes(table: pd.DataFrame, panels: dict[str, str], more: pd.DataFrame) -> Figure:
    """Curves of the shipped detector's recipes over the pairs seen, a panel for each column of `panels`.

    table: a row an epoch, columns recipe, seed, pairs and those of `panels`, which has the titles: an even number of
    them. Of each recipe the seed that comes first is thick. `more` has the same columns, of further recipes; their
    curves are thin and grey.
    """
    fig, axes = canvas.grid(2, len(panels) // 2, 8.0, 5.4)
    by_recipe = table.groupby("recipe", sort=False)
    styles = list(zip((REAL, FAKE, canvas.THIRD, canvas.FOURTH, "black"), "osD^v", strict=True))
    for axis, (column, title) in zip(axes.flat, panels.items(), strict=True):
        for (name, rows), (colour, marker) in zip(by_recipe, styles[: len(by_recipe)], strict=True):
            _runs(axis, rows, column, {"color": colour}, {"marker": marker, "ms": 4, "label": name})
        for number, (_, run) in enumerate(more.groupby(["recipe", "seed"], sort=False)):
            label = {} if number else {"label": "recipes of Figure 49"}
            axis.plot(run["pairs"] / 1000, run[column], color="0.55", lw=0.7, ls=":", zorder=1.5, **label)
        axis.set(xlabel="pairs seen, thousands", xscale="log")
        axis.set_title(title, fontsize=9)
        axis.set_xticks(PAIRS, PAIRS)
        axis.minorticks_off()
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return fig


def _runs(axis: Axes, rows: pd.DataFrame, column: str, style: dict, first: dict) -> None:
    for seed, run in rows.groupby("seed", sort=False):
        own = first if seed == rows["seed"].iloc[0] else {"lw": 0.8, "alpha": 0.7}
        axis.plot(run["pairs"] / 1000, run[column], **style, **own)


def starts(rows: pd.DataFrame, paper: float, chance: float) -> Figure:
    """Accuracy by initial weights, and below it their gains (`first_weights.for_figure`), with 95 % intervals."""
    accuracy, gains = (rows[rows["kind"] == kind] for kind in ("accuracy", "gain"))
    heights = [part["start"].nunique() + 0.6 for part in (accuracy, gains) if len(part)]
    with plt.rc_context(canvas.STYLE):
        size = (9.0, 0.38 * sum(heights) + 0.6 * len(heights) + 0.7)
        fig, axes = plt.subplots(len(heights), figsize=size, squeeze=False, height_ratios=heights)
    _accuracies(axes[0, 0], accuracy, paper, chance)
    if len(gains):
        _means(axes[1, 0], gains, list(gains["start"])[::-1])
        axes[1, 0].axvline(0, color="0.6", lw=1)
        axes[1, 0].set_xlabel("gain in accuracy of frames, percentage points")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=9)
    return fig


def _accuracies(axis: Axes, rows: pd.DataFrame, paper: float, chance: float) -> None:
    """A dot at the mean of each start, and a ring for each training.

    Lines: the paper's accuracy, and the share of the larger class. A ring that is a start's only one is left out.
    """
    names = list(dict.fromkeys(rows["start"]))[::-1]
    means, each = (rows[(rows["training"] == "mean") == mean] for mean in (True, False))
    _means(axis, means, names)
    several = each[each["start"].duplicated(keep=False)]
    where = several["start"].map(names.index) + 0.25
    axis.plot(several["value"], where, "o", mfc="none", ms=6, color=REAL, label="one training")
    axis.axvline(paper, color=FAKE, ls="--", lw=1.5, label=f"the paper, {100 * paper:.1f} %")
    axis.axvline(chance, color="0.6", lw=1, label=f"the larger class, {100 * chance:.1f} %")
    axis.set_xlim(min(0.4, rows["low"].min()) - 0.02, 1.01)
    axis.set_xlabel("accuracy of frames, per cent")


def _means(axis: Axes, means: pd.DataFrame, names: list[str]) -> None:
    y, ends = means["start"].map(names.index), [means["value"] - means["low"], means["high"] - means["value"]]
    axis.errorbar(means["value"], y, xerr=ends, fmt="o", ms=5, color="0.15", capsize=3, label="mean, 95 % interval")
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(-0.6, len(names) - 0.3)
    canvas.per_cent(axis)


def ablation(table: pd.DataFrame, columns: dict[str, str]) -> Figure:
    """Changes of the shipped detector's recipe: a ring for each training, a bar at the mean, a panel for each column.

    table: a row for each training, columns recipe, seed and those of `columns`, which has the panels' titles: an even
    number of them. The grey band is the range of the recipe that comes first; a ring's height follows from its seed.
    """
    names = list(dict.fromkeys(table["recipe"]))
    y = table["recipe"].map(names.index) + 0.1 * (table["seed"] - 3)
    with plt.rc_context(canvas.STYLE):
        size = (9, 0.3 * len(names) + 2.2)
        fig, axes = plt.subplots(2, len(columns) // 2, figsize=size, sharey=True, squeeze=False)
    for axis, (column, title) in zip(axes.flat, columns.items(), strict=True):
        first = table.loc[table["recipe"] == names[0], column]
        axis.axvspan(first.min(), first.max(), color="0.9", zorder=0)
        axis.plot(table[column], y, "o", mfc="none", ms=5, color=REAL)
        means = table.groupby("recipe", sort=False)[column].agg(["mean", "size"]).reset_index()
        several = means[means["size"] > 1]["mean"]
        axis.plot(several, several.index, "|", ms=16, mew=2.5, color=FAKE)
        axis.set_title(title, fontsize=11)
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        if column.startswith("alarms"):
            canvas.per_cent(axis)
    fig.set_dpi(85)  # so many rows make a large file of a notebook
    axes[0, 0].set_yticks(range(len(names)), names)
    for axis in axes[:, 0]:
        axis.tick_params(axis="y", labelsize=9)
    axes[0, 0].set_ylim(len(names) - 0.4, -0.6)
    return fig
