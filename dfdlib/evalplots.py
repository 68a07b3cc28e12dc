"""Figures of the evaluation: calibration, resolution, and what the network looks at."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dfdlib.plots import FAKE, FOURTH, REAL, THIRD, grid, show_image

COLOURS = {"as small as it is": "0.45", "nearest": FOURTH, "bicubic": REAL, "FSRCNN": FAKE}
MARKERS = {"as small as it is": "v", "nearest": "s", "bicubic": "o", "FSRCNN": "D"}


def reliability(tables: dict[str, pd.DataFrame]) -> Figure:
    """Share of fakes against mean p_fake per bin, a line a table of `calibration.reliability`; dots as large as n."""
    fig, axes = grid(1, 1, 5.2, 5.0)
    axis = axes[0, 0]
    axis.plot([0, 1], [0, 1], color="0.6", lw=1)
    for (name, table), colour, marker in zip(tables.items(), (REAL, FAKE, THIRD, FOURTH), "oDs^", strict=False):
        axis.plot(table["p_fake"], table["fakes"], color=colour, lw=1)
        size = 200 * table["frames"] / table["frames"].sum() + 15
        axis.scatter(table["p_fake"], table["fakes"], s=size, color=colour, marker=marker, label=name, alpha=0.8)
    axis.set(
        xlabel="mean p_fake of the bin", ylabel="share of fakes in the bin", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03)
    )
    axis.legend(fontsize=9, loc="upper left", markerscale=0.6)
    return fig


def resolution(table: pd.DataFrame) -> Figure:
    """AUC of frames over the face's height: columns without and with JPEG, rows for what was trained; a line a way."""
    parts, qualities = ("test only", "train and test", "head pose"), sorted(table["quality"].unique())
    fig, axes = grid(len(parts), len(qualities), 4.8 * len(qualities), 2.7 * len(parts))
    for row, part in enumerate(parts):
        for column, quality in enumerate(qualities):
            axis, chosen = axes[row, column], table[table["quality"] == quality]
            _ways(axis, chosen, part)
            axis.set_title(f"{part}, {f'JPEG {quality}' if quality else 'no JPEG'}", fontsize=10)
    axes[-1, 0].set_xlabel("height of the face's crop in pixels", loc="left")
    axes[1, 0].set_ylabel("AUC of frames")
    axes[0, 0].legend(fontsize=8, loc="lower right")
    return fig


def _ways(axis: plt.Axes, table: pd.DataFrame, part: str) -> None:
    own = table["height"].max()
    for shift, (way, colour) in enumerate(COLOURS.items()):
        rows = table[(table["way"] == way) | (table["height"] == own)].sort_values("height")
        x = rows["height"] * 1.02 ** (shift - 1.5)  # beside each other, so that the intervals can be told apart
        ends = [rows[part] - rows[f"{part}_low"], rows[f"{part}_high"] - rows[part]]
        axis.errorbar(x, rows[part], ends, fmt=f"{MARKERS[way]}-", ms=4, lw=1.2, capsize=2, color=colour, label=way)
    axis.axhline(0.5, color="0.6", lw=1)
    ticks = sorted(table["height"].unique())
    axis.set(xscale="log", ylim=(0.15, 1.03))
    axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.minorticks_off()


def gains(table: pd.DataFrame) -> Figure:
    """Heat maps of FSRCNN's gain in AUC over bicubic: height by JPEG quality, one for each way of training."""
    fig, axes = grid(1, 2, 9.0, 0.7 * table["quality"].nunique() + 1.9)
    for axis, (name, part) in zip(axes[0], table.groupby("trained", sort=False), strict=True):
        cells = part.pivot(index="quality", columns="height", values="gain")
        ends = {key: part.pivot(index="quality", columns="height", values=key).to_numpy() for key in ("low", "high")}
        axis.imshow(cells, cmap="PuOr", vmin=-0.2, vmax=0.2, aspect="auto")
        for (i, j), value in np.ndenumerate(cells.to_numpy()):
            clear = ends["low"][i, j] > 0 or ends["high"][i, j] < 0
            axis.text(j, i, f"{value:+.3f}", ha="center", va="center", fontsize=9, weight="bold" if clear else "normal")
        axis.set_xticks(range(cells.shape[1]), cells.columns)
        axis.set_yticks(range(cells.shape[0]), [f"JPEG {q}" if q else "none" for q in cells.index])
        axis.set_title(name, fontsize=10)
        axis.grid(visible=False)
    axes[0, 0].set_xlabel("height of the face's crop in pixels", loc="left")
    return fig


def maps(crops: Sequence[np.ndarray], cams: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Crops (s, s, 3) above the same with their map (s, s) in [0, 1] laid over."""
    fig, axes = grid(2, len(crops), 1.5 * len(crops), 3.5)
    for axis, crop, title in zip(axes[0], crops, titles, strict=True):
        show_image(axis, crop, title)
        axis.title.set_fontsize(8)
    for axis, crop, cam in zip(axes[1], crops, cams, strict=True):
        show_image(axis, crop)
        axis.imshow(cam, cmap="viridis", alpha=0.55, vmin=0, vmax=1)
    return fig
