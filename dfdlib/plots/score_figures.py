"""Figures of scores: training, histograms, ROC, intervals, calibration, people, resolution, Grad-CAM."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfdlib.core.training import best_epoch
from dfdlib.evaluation import metrics
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, REAL, THIRD

PARTS = {"val": ("validation", THIRD, "-"), "test": ("test", FOURTH, "--")}
PANELS = {  # of a forest, by kind: the axis' label, the factor of the numbers, and where a line says "nothing"
    "accuracy": ("accuracy, per cent", 100, 50),
    "AUC": ("AUC", 1, 0.5),
    "gain in accuracy": ("gain in accuracy, percentage points", 100, 0),
    "gain in AUC": ("gain in AUC, hundredths", 100, 0),
    "change in misses": ("change in the share of fakes that are missed, percentage points", 100, 0),
    "gain": ("gain, points of accuracy or hundredths of AUC", 100, 0),
    "slope": ("slope, or share", 1, 0),
    "verdicts": ("share of the verdicts, per cent", 100, 0),
}
LABEL = 46  # characters in a line of a forest's label
LINES = ("0.15", FOURTH, THIRD)  # of what is neither real nor fake


def training(histories: dict[str, pd.DataFrame]) -> Figure:
    """Paper Fig. 6: accuracy and loss per epoch, a column for each run; the epochs that one may choose are marked."""
    fig, axes = canvas.grid(2, len(histories), 2.9 * len(histories), 5.4)
    losses = pd.concat(histories.values())[["train_loss", "val_loss", "test_loss"]]
    for (above, below), (name, history) in zip(axes.T, histories.items(), strict=True):
        for part, (words, colour, style) in PARTS.items():
            above.plot(history["epoch"], history[f"{part}_acc"], style, color=colour, label=words)
            below.plot(history["epoch"], history[f"{part}_loss"], style, color=colour, label=words)
        below.plot(history["epoch"], history["train_loss"], ":", color="0.3", label="training")
        _chosen_epochs(above, history)
        above.axhline(0.5, color="0.6", lw=1)
        above.set(title=name, ylim=(0.3, 1.02))
        below.set(xlabel="epoch", ylim=(0, min(2, 1.1 * losses.max(axis=None))))
        for axis in (above, below):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("accuracy of frames")
    axes[1, 0].set_ylabel("cross-entropy")
    axes[0, -1].legend(fontsize=9, loc="lower right")
    axes[1, 0].legend(fontsize=9, loc="upper left")
    return fig


def _chosen_epochs(axis: Axes, history: pd.DataFrame) -> None:
    """Mark on the test curve the best epoch on validation, and the best on test, which the paper would take."""
    accuracy = history.set_index("epoch")["test_acc"]
    for part, marker, words in (("val", "o", "chosen on validation"), ("test", "*", "chosen on test")):
        epoch = best_epoch(history, f"{part}_acc")
        axis.plot(epoch, accuracy[epoch], marker, ms=12, mfc="none", mew=1.6, color="0.1", ls="none", label=words)


def score_histograms(tables: dict[str, pd.DataFrame], resamples: int = 1000) -> Figure:
    """Shares of real and of fake frames by p_fake, a panel for each score table; bands: 95 % of draws of people."""
    fig, axes = canvas.grid(1, len(tables), 4.4 * len(tables), 3.5)
    bins = np.linspace(0, 1, 11)
    for axis, (name, table) in zip(axes[0], tables.items(), strict=True):
        for label, words, colour in [(0, "real", REAL), (1, "fake", FAKE)]:
            rows = table[table["label"] == label]
            inside = np.eye(10)[np.clip(np.digitize(rows["p_fake"], bins) - 1, 0, 9)]  # (frames, bins)
            drawn = metrics.person_weights(rows["person"], resamples, 0) @ inside
            low, high = np.percentile(drawn / drawn.sum(1, keepdims=True), [2.5, 97.5], axis=0)
            axis.stairs(high, bins, baseline=low, fill=True, color=colour, alpha=0.18)
            axis.stairs(inside.mean(0), bins, lw=2, color=colour, label=f"{words}, {len(rows)} frames")
        axis.axvline(metrics.THRESHOLD, color="0.6", lw=1)
        axis.set(title=name, xlabel="p_fake", xlim=(0, 1), ylim=(0, None))
        axis.legend(fontsize=9, loc="upper center")
    axes[0, 0].set_ylabel("share of frames")
    return fig


def roc(studies: dict[str, dict[str, pd.DataFrame]]) -> Figure:
    """ROC curves of score tables (columns label, p_fake): a panel per study, one line per branch, with its AUC."""
    from sklearn.metrics import roc_auc_score, roc_curve

    fig, axes = canvas.grid(1, len(studies), 4.4 * len(studies), 4.4)
    for axis, (title, tables) in zip(axes[0], studies.items(), strict=True):
        styles = zip((THIRD, FOURTH, "black", "0.5"), ("-", "--", "-.", ":"), strict=True)
        for (name, table), (colour, style) in zip(tables.items(), styles, strict=False):
            false_alarm, hit, _ = roc_curve(table["label"], table["p_fake"])
            area = roc_auc_score(table["label"], table["p_fake"])
            axis.plot(false_alarm, hit, style, color=colour, lw=2, label=f"{name}: AUC {area:.3f}")
        people = next(iter(tables.values()))["person"].nunique()
        axis.plot([0, 1], [0, 1], color="0.7", lw=1)
        axis.set(xlabel="share of real frames called fake", ylabel="share of fake frames called fake")
        axis.set_title(f"{title}, {people} people", fontsize=10)
        axis.legend(fontsize=8, loc="lower right")
    return fig


def intervals(rows: pd.DataFrame, xlabel: str) -> Figure:
    """Numbers (columns group, name, value, low, high) as dots with 95 % intervals, each group below its name."""
    groups = list(rows.groupby("group", sort=False))
    lines = [
        line
        for group, own in groups
        for line in ((group, None), *((row.name, row) for row in own.itertuples(index=False)))
    ]
    fig, axis = canvas.single(8.0, 0.3 * len(lines) + 1.0)
    y = np.arange(len(lines))[::-1]
    for place, (_, row) in zip(y, lines, strict=True):
        if row is not None:
            errors = [[row.value - row.low], [row.high - row.value]]
            axis.errorbar(row.value, place, xerr=errors, fmt="o", ms=5, color="0.15", capsize=3)
    axis.set_yticks(y, [words for words, _ in lines])
    for label, (_, row) in zip(axis.get_yticklabels(), lines, strict=True):
        label.set_weight("bold" if row is None else "normal")
    axis.axvline(0.5, color="0.6", lw=1)
    axis.set(xlim=(min(0.49, rows["low"].min() - 0.02), 1.01), ylim=(-0.7, len(lines) - 0.3))
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(xlabel)
    return fig


def forest(rows: pd.DataFrame) -> Figure:
    """Numbers (columns name, kind, value, low, high, paper) with 95 % intervals, a panel a kind, each with its scale.

    `kind` is one of PANELS. A grey line is chance, or no gain; a cross is the paper's number. With a column `data`,
    each of its values has a mark of its own, one below the other.
    """
    rows = rows if "data" in rows else rows.assign(data="this study")
    parts = {kind: rows[rows["kind"] == kind] for kind in PANELS if kind in set(rows["kind"])}
    with plt.rc_context(canvas.STYLE):
        heights = [part["name"].nunique() + 1.2 for part in parts.values()]
        size = (9.0, 0.4 * sum(heights) + 0.6)
        fig, axes = plt.subplots(len(parts), figsize=size, squeeze=False, height_ratios=heights)
    for axis, (kind, part) in zip(axes[:, 0], parts.items(), strict=True):
        label, factor, nothing = PANELS[kind]
        _forest(axis, part, list(rows["data"].unique()), factor)
        axis.set_xlabel(label, loc="right")
        axis.axvline(nothing, color="0.6", lw=1)
    marks = {label: mark for axis in axes[:, 0] for mark, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    fig.legend(marks.values(), marks.keys(), fontsize=9, loc="outside upper right", ncols=3)  # wider than the axes
    return fig


def _forest(axis: Axes, rows: pd.DataFrame, data: list[str], factor: float) -> None:
    names = list(rows["name"].unique())
    for place, (own, colour, marker) in enumerate(zip(data, (REAL, "0.35"), "os", strict=False)):
        part = rows[rows["data"] == own]
        y = len(names) - 1 - part["name"].map(names.index) + 0.3 * (len(data) - 1) / 2 - 0.3 * place
        value, low, high, paper = (factor * part[name] for name in ("value", "low", "high", "paper"))
        style = {"fmt": marker, "ms": 5, "color": colour, "capsize": 3, "label": f"{own}, 95 %"}
        axis.errorbar(value, y, xerr=[value - low, high - value], **style)
        known = {"label": "the paper"} if part["paper"].notna().any() else {}
        axis.plot(paper, y, "x", ms=7, mew=1.8, color=FAKE, zorder=4, **known)
    short = [re.sub(r", by person|(?<=, )accuracy of (?=frames|videos)", "", name) for name in names]
    short = [textwrap.fill(name, LABEL) for name in short]
    axis.set(yticks=range(len(names))[::-1], yticklabels=short, ylim=(-0.6, len(names) - 0.4))


def reliability(panels: dict[str, dict[str, pd.DataFrame]]) -> Figure:
    """Share of fakes over mean p_fake per bin, by tables of `arbiter.reliability`, a column of axes a panel.

    The band is the first table's intervals; below, how many frames are in each bin.
    """
    with plt.rc_context(canvas.STYLE):
        fig, axes = plt.subplots(
            2, len(panels), figsize=(4.4 * len(panels), 5.4), squeeze=False, sharex=True, height_ratios=(3, 1)
        )
    for (above, below), (title, tables) in zip(axes.T, panels.items(), strict=True):
        above.plot([0, 1], [0, 1], color="0.6", lw=1)
        first = next(iter(tables.values()))
        above.fill_between(first["p_fake"], first["low"], first["high"], color=LINES[0], alpha=0.12, lw=0)
        for shift, ((name, table), colour, marker) in enumerate(zip(tables.items(), LINES, "oDs", strict=False)):
            above.plot(table["p_fake"], table["fakes"], f"{marker}-", ms=5, lw=1.5, color=colour, label=name)
            below.bar(table["bin"] / 10 + 0.02 + 0.025 * shift, table["frames"], 0.02, color=colour, align="edge")
        above.set(title=title, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        below.set_xlabel("p_fake")
    axes[0, 0].set_ylabel("share of fakes in the bin")
    axes[1, 0].set_ylabel("frames")
    axes[0, 0].legend(fontsize=9, loc="upper left")
    return fig


def by_person(accuracy: pd.DataFrame) -> Figure:
    """Accuracy in per cent of each person (rows) by each branch (columns), people in the order of the first branch."""
    accuracy = accuracy.sort_values(list(accuracy.columns), ascending=False)
    fig, axis = canvas.single(8.5, 3.6)
    for shift, (name, colour, marker) in enumerate(zip(accuracy.columns, LINES, "oDs", strict=False)):
        x = np.arange(len(accuracy)) + 0.25 * (shift - 1)  # side by side
        axis.plot(x, accuracy[name], marker, ms=4.5, color=colour, label=name)
    axis.axhline(50, color="0.6", lw=1)
    axis.set(xticks=range(len(accuracy)), ylabel="right frames, per cent")
    axis.set_ylim(min(45, accuracy.min().min() - 5), 103)
    axis.set_xticklabels(accuracy.index.str.removeprefix("person"), fontsize=8)
    axis.set_xlabel("person, by number")
    axis.legend(fontsize=9, loc="lower left")
    return fig


def maps(
    crops: Sequence[np.ndarray],
    cams: Sequence[np.ndarray],
    titles: Sequence[str],
    others: Sequence[np.ndarray] = (),
    masks: Sequence[np.ndarray | None] = (),
) -> Figure:
    """Crops (s, s, 3), and below them the same crops overlaid with their maps (s, s) in [0, 1].

    `others`: maps of other faces, a third row; `masks` (s, s): outlined on the crop and on both maps.
    """
    rows = {"frame": [None] * len(crops), "its own map": cams} | (
        {"another person's" + "\nmap": others} if len(others) else {}
    )
    fig, axes = canvas.grid(len(rows), len(crops), 1.5 * len(crops) + 0.3, 1.65 * len(rows) + 0.3)
    for line, (name, drawn) in zip(axes, rows.items(), strict=True):
        for axis, crop, cam, mask in itertools.zip_longest(line, crops, drawn, masks):
            canvas.show_image(axis, crop)
            if cam is not None:
                axis.imshow(cam, cmap="viridis", alpha=0.55, vmin=0, vmax=1)
            if mask is not None:
                axis.contour(mask, [0.5], colors="white", linewidths=1.5)
        line[0].text(-0.06, 0.5, name, transform=line[0].transAxes, rotation=90, ha="right", va="center", fontsize=9)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    return fig
