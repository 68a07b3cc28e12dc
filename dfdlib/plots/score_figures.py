"""Figures of scores: training, histograms, ROC, intervals, calibration, resolution, Grad-CAM."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, REAL, THIRD

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


def training(histories: dict[str, pd.DataFrame]) -> Figure:
    """Paper Fig. 6: accuracy and loss per epoch, a column for each learning rate."""
    fig, axes = canvas.grid(2, len(histories), 4.6 * len(histories), 5.6)
    for (above, below), (name, history) in zip(axes.T, histories.items(), strict=True):
        for part, colour, style in [("val", REAL, "-"), ("test", FAKE, "--")]:
            above.plot(history["epoch"], history[f"{part}_acc"], style, color=colour, label=part)
            below.plot(history["epoch"], history[f"{part}_loss"], style, color=colour, label=part)
        below.plot(history["epoch"], history["train_loss"], ":", color="0.3", label="train")
        above.axhline(0.5, color="0.6", lw=1)
        above.set(title=name, ylim=(0.3, 1.02), ylabel="accuracy of frames")
        highest = history[["train_loss", "val_loss", "test_loss"]].max(axis=None)
        below.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, min(2, 1.1 * highest)))
        below.legend(fontsize=9)
        for axis in (above, below):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return fig


def two_histograms(values: np.ndarray, labels: np.ndarray, xlabel: str, bins: np.ndarray) -> Figure:
    """Histograms of a quantity in real and in fake frames, as shares (Yang et al., Fig. 3)."""
    fig, axis = canvas.single(5.5, 3.6)
    for label, name, colour in [(0, "real", REAL), (1, "fake", FAKE)]:
        chosen = np.clip(values[labels == label], bins[0], bins[-1])
        weights = np.full(len(chosen), 1 / max(len(chosen), 1))
        axis.hist(chosen, bins, weights=weights, histtype="step", lw=2, color=colour, label=name)
    axis.set(xlabel=xlabel, ylabel="share of frames")
    axis.legend()
    return fig


def unit_bins() -> np.ndarray:
    """Twenty bins from 0 to 1, for scores."""
    return np.linspace(0, 1, 21)


def roc(tables: dict[str, pd.DataFrame]) -> Figure:
    """ROC curves of score tables (columns label, p_fake), one line per branch."""
    from sklearn.metrics import roc_curve

    fig, axis = canvas.single(4.6, 4.4)
    styles = zip((REAL, FAKE, THIRD, FOURTH), ("-", "--", "-.", ":"), strict=True)
    for (name, table), (colour, style) in zip(tables.items(), styles, strict=False):
        false_alarm, hit, _ = roc_curve(table["label"], table["p_fake"])
        axis.plot(false_alarm, hit, style, color=colour, lw=2, label=name)
    axis.plot([0, 1], [0, 1], color="0.7", lw=1)
    axis.set(xlabel="share of real frames called fake", ylabel="share of fake frames called fake")
    axis.legend(fontsize=9, loc="lower right")
    return fig


def intervals(rows: pd.DataFrame, xlabel: str) -> Figure:
    """Numbers (columns name, value, low, high, paper) as dots with 95 % intervals; the paper's numbers as crosses."""
    fig, axis = canvas.single(9.0, 0.4 * len(rows) + 1.3)
    y = np.arange(len(rows))[::-1]
    errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
    axis.errorbar(rows["value"], y, xerr=errors, fmt="o", color=REAL, capsize=4, label="this study, 95 %")
    if rows["paper"].notna().any():
        axis.plot(rows["paper"], y, "X", ms=9, color=FAKE, label="paper")
    axis.axvline(0.5, color="0.6", lw=1)
    axis.set(yticks=y, yticklabels=rows["name"], xlim=(0.2, 1.02))
    axis.set_xlabel(xlabel, loc="left")
    axis.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


def forest(rows: pd.DataFrame) -> Figure:
    """Numbers (columns name, kind, value, low, high, paper) with 95 % intervals, a panel a kind, each with its scale.

    A grey line is chance, or no gain; a cross is the paper's number.
    """
    parts = {kind: rows[rows["kind"] == kind] for kind in ("accuracy", "AUC", "gain") if kind in set(rows["kind"])}
    with plt.rc_context(canvas.STYLE):
        heights = [len(part) + 1.2 for part in parts.values()]
        fig, axes = plt.subplots(
            len(parts), figsize=(9.0, 0.36 * sum(heights) + 0.6), squeeze=False, height_ratios=heights
        )
    for axis, (kind, part) in zip(axes[:, 0], parts.items(), strict=True):
        _forest(axis, part, 1 if kind == "AUC" else 100)
        labels = {
            "accuracy": "accuracy, per cent",
            "AUC": "AUC",
            "gain": "gain, points of accuracy or hundredths of AUC",
        }
        axis.set_xlabel(labels[kind])
        axis.axvline({"accuracy": 50, "AUC": 0.5, "gain": 0}[kind], color="0.6", lw=1)
    axes[0, 0].legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return fig


def _forest(axis: Axes, rows: pd.DataFrame, factor: float) -> None:
    y = np.arange(len(rows))[::-1]
    value, low, high, paper = (factor * rows[name] for name in ("value", "low", "high", "paper"))
    axis.errorbar(value, y, xerr=[value - low, high - value], fmt="o", color=REAL, capsize=4, label="this study, 95 %")
    axis.plot(paper, y, "X", ms=9, color=FAKE, label="the paper" if rows["paper"].notna().any() else None)
    names = rows["name"].str.replace(r", by person|(?<=, )accuracy of (?=frames|videos)", "", regex=True)
    axis.set(yticks=y, yticklabels=names, ylim=(-0.6, len(rows) - 0.4))


def matrix(table: pd.DataFrame) -> Figure:
    """AUC of frames (columns network, learned, tested, frame_auc, _low, _high): training data down, tests across."""
    table = table.dropna(subset="frame_auc").assign(row=table["network"] + "\nlearned on " + table["learned"])
    shown = table.pivot(index="row", columns="tested", values="frame_auc")
    fig, axis = canvas.single(2.2 * shown.shape[1] + 3.4, 0.75 * shown.shape[0] + 1.0)
    axis.imshow(shown, vmin=0, vmax=1, cmap="PuOr", aspect="auto")  # 0.5 is white, also in print
    for cell in table.itertuples():
        place = shown.columns.get_loc(cell.tested), shown.index.get_loc(cell.row)
        text = f"{cell.frame_auc:.2f}\n[{cell.frame_auc_low:.2f}, {cell.frame_auc_high:.2f}]"
        colour = "white" if abs(cell.frame_auc - 0.5) > 0.27 else "black"
        axis.text(*place, text, ha="center", va="center", fontsize=9, color=colour)
    axis.set_xticks(range(shown.shape[1]), [f"tested on\n{name}" for name in shown.columns])
    axis.set_yticks(range(shown.shape[0]), shown.index)
    axis.grid(False)
    return fig


def reliability(tables: dict[str, pd.DataFrame]) -> Figure:
    """Share of fakes over mean p_fake per bin, one line per table of `arbiter.reliability`; dots grow with frames."""
    fig, axis = canvas.single(5.2, 5.0)
    axis.plot([0, 1], [0, 1], color="0.6", lw=1)
    for (name, table), colour, marker in zip(tables.items(), (REAL, FAKE, THIRD, FOURTH), "oDs^", strict=False):
        axis.plot(table["p_fake"], table["fakes"], color=colour, lw=1)
        size = 200 * table["frames"] / table["frames"].sum() + 15
        axis.scatter(table["p_fake"], table["fakes"], s=size, color=colour, marker=marker, label=name, alpha=0.8)
    axis.set(xlabel="mean p_fake of the bin", ylabel="share of fakes in the bin")
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.legend(fontsize=9, loc="upper left", markerscale=0.6)
    return fig


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
    """The table of `fold_scores.attack`: the share of fakes missed and the AUC of frames, over the fakes' height."""
    fig, axes = canvas.grid(1, 2, 9.0, 3.4)
    ranges = {"missed": (-0.01, table["missed_high"].max() + 0.02), "auc": (table["auc_low"].min() - 0.02, 1.005)}
    for axis, (part, ylim) in zip(axes[0], ranges.items(), strict=True):
        _ways(axis, table, part, ylim)
        axis.set_ylabel({"missed": "share of fakes called real", "auc": "AUC of frames"}[part])
        axis.set_xlabel("height to which fakes are made small, pixels", loc="left")
    axes[0, 1].legend(fontsize=9, loc="lower left")
    return fig


def _ways(axis: Axes, table: pd.DataFrame, part: str, ylim: tuple[float, float] = (0.15, 1.03)) -> None:
    ticks = sorted(table["height"].unique())
    for shift, (way, (colour, marker)) in enumerate(STYLES.items()):
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
        line[0].set_ylabel("height of the face (px)")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), fontsize=9, loc="outside upper left", ncols=2)
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


def maps(crops: Sequence[np.ndarray], cams: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Crops (s, s, 3), and below them the same crops overlaid with their maps (s, s) in [0, 1]."""
    fig, axes = canvas.grid(2, len(crops), 1.5 * len(crops), 3.5)
    for (above, below), crop, cam, title in zip(axes.T, crops, cams, titles, strict=True):
        canvas.show_image(above, crop, title)
        above.title.set_fontsize(8)
        canvas.show_image(below, crop)
        below.imshow(cam, cmap="viridis", alpha=0.55, vmin=0, vmax=1)
    return fig
