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

STYLES = {"as small as it is": ("0.45", "v"), "nearest": (FOURTH, "s"), "bicubic": (REAL, "o"), "FSRCNN": (FAKE, "D")}


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
        axis.set_title(f"{part}, {f'JPEG {quality}' if quality else 'no JPEG'}", fontsize=10)
    axes[-1, 0].set_xlabel("height of the face's crop in pixels", loc="left")
    axes[1, 0].set_ylabel("AUC of frames")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    return fig


def attack(table: pd.DataFrame) -> Figure:
    """The table of `fold_scores.attack`: the share of fakes missed and the AUC of frames, over the fakes' height."""
    fig, axes = canvas.grid(1, 2, 9.0, 3.4)
    ranges = {"missed": (-0.01, table["missed_high"].max() + 0.02), "auc": (table["auc_low"].min() - 0.02, 1.005)}
    for axis, (part, ylim) in zip(axes[0], ranges.items(), strict=True):
        _ways(axis, table, part, ylim, {"bicubic": ("black", "o"), "FSRCNN": (THIRD, "D")})
        axis.set_ylabel({"missed": "share of fakes called real", "auc": "AUC of frames"}[part])
        axis.set_xlabel("height to which fakes are made small, pixels", loc="left")
        axis.set_xticks(ticks := sorted(table["height"].unique()), [*map(str, ticks[:-1]), "as they\nare"])
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
        ends = [rows[part] - rows[f"{part}_low"], rows[f"{part}_high"] - rows[part]]
        axis.errorbar(x, rows[part], ends, fmt=f"{marker}-", ms=4, lw=1.2, capsize=2, color=colour, label=way)
    axis.axhline(0.5, color="0.6", lw=1)
    axis.set(xscale="log", ylim=ylim)
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()


def gains(table: pd.DataFrame) -> Figure:
    """Heat maps of FSRCNN's gain in AUC over bicubic, height by JPEG quality: one map for each way of training."""
    fig, axes = canvas.grid(1, 2, 9.0, 0.7 * table["quality"].nunique() + 1.9)
    for axis, (name, part) in zip(axes[0], table.groupby("trained", sort=False), strict=True):
        wide = part.pivot(index="quality", columns="height", values=["gain", "low", "high"])
        cells, clear = wide["gain"], ((wide["low"] > 0) | (wide["high"] < 0)).to_numpy()
        axis.imshow(cells, cmap="PuOr", vmin=-0.2, vmax=0.2, aspect="auto")
        for (i, j), value in np.ndenumerate(cells.to_numpy()):
            weight = "bold" if clear[i, j] else "normal"
            axis.text(j, i, f"{value:+.3f}", ha="center", va="center", fontsize=9, weight=weight)
        axis.set_xticks(range(cells.shape[1]), cells.columns)
        axis.set_yticks(range(cells.shape[0]), [f"JPEG {q}" if q else "none" for q in cells.index])
        axis.set_title(name, fontsize=10)
        axis.grid(visible=False)
    axes[0, 0].set_xlabel("height of the face's crop in pixels", loc="left")
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
