"""Figures of super-resolution: the network's layers, its training, and the quality of enlarged images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from torch import nn

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FOURTH, THIRD
from dfdlib.superres import lr_hr
from dfdlib.superres.networks import FSRCNN, NAMES

WAYS = {"bicubic": FOURTH, "FSRCNN": THIRD}  # not the colours of real and fake
LINES = {"bicubic": "--", "FSRCNN": "-"}
SHELF = {"fsrcnn": (THIRD, "D"), "fsrcnn_s": ("#56B4E9", "o"), "espcn": ("#E69F00", "s"), "srcnn": ("0.2", "^")}
PANELS = {
    "psnr": "PSNR gained (dB)",
    "landmark_error": "landmarks nearer by\n(% of the distance between the eyes)",
    "identity": "identity gained (cosine)",
}


def layer_table(model: FSRCNN) -> pd.DataFrame:
    """FSRCNN's layers: what each does, the side of its filters, its channels in and out, and its weights."""
    convolutions = [layer for layer in model.features if isinstance(layer, nn.Conv2d)]
    words = ["features", "shrinking", *["mapping"] * (len(convolutions) - 3), "expanding", "deconvolution"]
    rows = [
        (word, layer.kernel_size[0], layer.in_channels, layer.out_channels, layer.weight.numel())
        for word, layer in zip(words, [*convolutions, model.deconvolution], strict=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "filter", "channels in", "channels out", "weights"])


def layers(model: FSRCNN) -> Figure:
    """FSRCNN from the small image to the large one: a block for each layer, higher with more channels."""
    table = layer_table(model)
    fig, axis = canvas.single(9.5, 3.4)
    blocks = [("small\nimage", 0, 1, 0), *table[["layer", "filter", "channels out", "weights"]].itertuples(index=False)]
    for x, (word, side, channels, weights) in enumerate(blocks):
        last = x == len(blocks) - 1
        height = 4.0 if last else 0.8 * channels**0.5
        colour = canvas.THIRD if last else "0.85" if x == 0 else "#E8F1F8"
        axis.add_patch(
            FancyBboxPatch((x - 0.22, -height / 2), 0.44, height, boxstyle="round,pad=0.02", fc=colour, ec="0.3")
        )
        axis.text(x, 3.9, f"{word}\n{side} x {side}" if side else word, ha="center", va="center", fontsize=9)
        size = f"{model.scale}H x {model.scale}W" if last else "H x W"
        below = f"{channels} channel{'s' * (channels > 1)}\n{size}" + (f"\n{weights:,}" if weights else "")
        axis.text(x, -3.3, below, ha="center", va="top", fontsize=8)
        if x:
            axis.annotate("", xy=(x - 0.26, 0), xytext=(x - 0.74, 0), arrowprops={"arrowstyle": "->", "color": "0.3"})
    axis.set(xlim=(-0.6, len(blocks) - 0.4), ylim=(-5.2, 4.6))
    axis.axis("off")
    return fig


def paired(table: pd.DataFrame) -> Figure:
    """PSNR (columns way, psnr) of the same images by FSRCNN and bicubic: both distributions, and their differences."""
    wide = {way: table.loc[table["way"] == way, "psnr"].to_numpy() for way in WAYS}
    fig, ((left, right),) = canvas.grid(1, 2, 9.0, 3.4)
    bins = np.histogram_bin_edges(np.concatenate(list(wide.values())), 24)
    for way, values in wide.items():
        left.hist(values, bins, histtype="step", lw=2, ls=LINES[way], color=WAYS[way], label=way)
    left.set(xlabel="PSNR of an image (dB)", ylabel="images")
    left.legend(fontsize=9)
    gain = wide["FSRCNN"] - wide["bicubic"]
    right.hist(gain, 24, color="0.75")
    right.axvline(0, color="0.5", lw=1)
    right.axvline(gain.mean(), color=WAYS["FSRCNN"], lw=2, label=f"mean {gain.mean():+.2f} dB")
    right.set(xlabel="FSRCNN minus bicubic, same image (dB)", ylabel="images", xlim=(min(0, gain.min()) - 0.1, None))
    right.legend(fontsize=9)
    return fig


def learning_curve(curves: dict[str, pd.DataFrame]) -> Figure:
    """FSRCNN's PSNR on held-out images per epoch, above that of bicubic interpolation, by the images' name.

    Columns epoch, test_mse and bicubic_mse. One line filled, further ones hollow.
    """
    fig, axis = canvas.single(5.5, 3.6)
    for number, (name, table) in enumerate(curves.items()):
        gain = lr_hr.decibels(table["test_mse"]) - lr_hr.decibels(table["bicubic_mse"])
        shape = {"ls": "--", "mfc": "white"} if number else {}
        axis.plot(table["epoch"], gain, marker="o", color=WAYS["FSRCNN"], label=f"FSRCNN, {name}", **shape)
    axis.axhline(0, color=WAYS["bicubic"], ls=":", label="bicubic")
    axis.set(xlabel="epoch", ylabel="PSNR of all held-out pixels,\nabove bicubic (dB)")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return fig


def shelf(table: pd.DataFrame) -> Figure:
    """PSNR on Set5 at scale 2 over the operations per pixel: ours filled, published values hollow."""
    fig, axis = canvas.single(6.4, 4.2)
    bicubic, chosen = (table.query(f"scale == 2 and network {sign} 'bicubic'") for sign in ("==", "!="))
    for row in chosen.itertuples():
        colour, marker = SHELF[row.network]
        label = f"{NAMES[row.network]}, {row.weights:,.0f} weights"
        axis.plot(row.operations, row.psnr, marker, color=colour, label=label)
        if row.published > 0:
            axis.plot(row.operations, row.published, marker, color=colour, mfc="none", ms=10)
    axis.plot([], [], "o", color="0.4", mfc="none", ms=10, label="as published")
    axis.axhline(bicubic["psnr"].item(), color=WAYS["bicubic"], ls="--", label="bicubic")
    axis.set(xscale="log", xlabel="operations for one pixel of the large image", ylabel="PSNR on Set5, x2 (dB)")
    axis.set_xticks([2000, 4000, 8000, 16000], ["2,000", "4,000", "8,000", "16,000"], minor=False)
    axis.minorticks_off()
    axis.legend(fontsize=9)
    return fig


def face_gains(tables: dict[str, pd.DataFrame]) -> Figure:
    """Gains over bicubic interpolation with intervals: a row per data set, a column per measure, a colour per scale.

    Better is to the right everywhere: of the landmark error (column gain, the smaller the better) the sign is turned.
    Each row says on how many images it rests (column images), of which some measures may have fewer than others.
    """
    fig, axes = canvas.grid(len(tables), len(PANELS), 4.2 * len(PANELS), 2.9 * len(tables))
    for row, (name, table) in enumerate(tables.items()):
        ways = [way for way in table["way"].unique() if way not in ("bicubic", "nearest")]
        for axis, (measure, title) in zip(axes[row], PANELS.items(), strict=True):
            rows = table[table["measure"] == measure]
            if measure == "landmark_error":
                rows = rows.assign(gain=-rows["gain"], low=-rows["high"], high=-rows["low"])
            _gains(axis, rows, ways)
            axis.set_title(title if row == 0 else "", fontsize=10)
            axis.set_yticks(range(len(ways)), ways if measure == "psnr" else [""] * len(ways))
            axis.locator_params(axis="x", nbins=5)
            axis.set_ylim(-0.6, len(ways) - 0.4)
        axes[row, 0].set_ylabel(f"{name}\n{_counted(table['images'])} images")
    axes[0, 0].legend(fontsize=9, title="scale", loc="lower right")
    return fig


def _counted(images: pd.Series) -> str:
    fewest, most = images.min(), images.max()
    return f"{most}" if fewest == most else f"{fewest} to {most}"


def _gains(axis: Axes, table: pd.DataFrame, ways: Sequence[str]) -> None:
    axis.axvline(0, color="0.5", lw=1)
    for offset, (scale, colour, marker) in enumerate(zip((2, 3, 4), ("0.2", "#E69F00", THIRD), "osD", strict=True)):
        rows = table[table["scale"] == scale].set_index("way").reindex(ways).reset_index().dropna(subset="gain")
        y = [ways.index(way) + 0.22 * (offset - 1) for way in rows["way"]]
        half = np.stack([rows["gain"] - rows["low"], rows["high"] - rows["gain"]])
        axis.errorbar(rows["gain"], y, xerr=half, fmt=marker, color=colour, ms=5, label=f"x{scale}")
