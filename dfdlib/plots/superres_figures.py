"""Figures of super-resolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, FOURTH, REAL, THIRD
from dfdlib.superres.networks import NAMES

ERROR = 20  # grey levels of luminance at which an error map is black
PANELS = {
    "psnr": "PSNR against bicubic (dB)\nmore is better",
    "landmark_error": "landmark error against bicubic\n(% of the eyes' distance), less is better",
    "identity": "identity against bicubic\n(cosine), more is better",
}


def downsampled(hr: Sequence[np.ndarray], lr: Sequence[np.ndarray], scale: int) -> Figure:
    """Paper Fig. 4: originals above, the same images made smaller below, pixels as squares."""
    fig, axes = canvas.grid(2, len(hr), 1.7 * len(hr), 4.4)
    for column, (large, small) in enumerate(zip(hr, lr, strict=True)):
        canvas.show_image(axes[0, column], large, f"{large.shape[1]} x {large.shape[0]} px")
        canvas.show_image(axes[1, column], small, f"{small.shape[1]} x {small.shape[0]} px (1/{scale})")
    return fig


def enlarged(images: dict[str, np.ndarray], errors: dict[str, np.ndarray] | None = None) -> Figure:
    """Images, each under its name (a name may carry the PSNR); below them maps of their luminance's errors, if any."""
    fig, axes = canvas.grid(2 if errors else 1, len(images), 2.3 * len(images), 5.2 if errors else 3.0)
    for axis, (name, image) in zip(axes[0], images.items(), strict=True):
        canvas.show_image(axis, image, name)
    for axis, name in zip(axes[1] if errors else (), images, strict=bool(errors)):
        axis.axis("off")
        if name in errors:
            axis.imshow(np.abs(errors[name]), cmap="gray_r", vmin=0, vmax=ERROR, interpolation="nearest")
            axis.set_title(f"error: white 0, black {ERROR}+", fontsize=9)
    return fig


def learning_curve(history: pd.DataFrame, bicubic_mse: float) -> Figure:
    """FSRCNN's error on held-out images per epoch, in dB, beside bicubic interpolation."""
    fig, axes = canvas.grid(1, 1, 5.5, 3.6)
    axes[0, 0].plot(history["epoch"], _to_db(history["test_mse"]), "o-", color=REAL, label="FSRCNN")
    axes[0, 0].axhline(_to_db(bicubic_mse), color=FAKE, ls="--", label="bicubic")
    axes[0, 0].set(xlabel="epoch", ylabel="PSNR of all held-out pixels (dB)", xticks=history["epoch"])
    axes[0, 0].legend()
    return fig


def _to_db(mse: float | pd.Series) -> float | pd.Series:
    return 10 * np.log10(255**2 / mse)


def shelf(table: pd.DataFrame) -> Figure:
    """Set5's PSNR at scale 2 over the work for a pixel: ours with intervals, what was published hollow."""
    fig, axes = canvas.grid(1, 1, 6.4, 4.2)
    axis, chosen = axes[0, 0], table[(table["scale"] == 2) & (table["network"] != "bicubic")]
    for row, colour, marker in zip(chosen.itertuples(), (FAKE, THIRD, FOURTH, REAL), "Dos^", strict=True):
        axis.plot(
            row.operations, row.psnr, marker, color=colour, label=f"{NAMES[row.network]}, {row.weights:.0f} weights"
        )
        if row.published > 0:
            axis.plot(row.operations, row.published, marker, color=colour, mfc="none", ms=10)
    axis.axhline(
        table.query("network == 'bicubic' and scale == 2")["psnr"].item(), color="0.4", ls="--", label="bicubic"
    )
    axis.set(xscale="log", xlabel="operations for one pixel of the large image", ylabel="PSNR on Set5, x2 (dB)")
    axis.set_xticks([2000, 4000, 8000, 16000], ["2,000", "4,000", "8,000", "16,000"], minor=False)
    axis.minorticks_off()
    axis.legend(fontsize=9)
    return fig


def face_gains(tables: dict[str, pd.DataFrame]) -> Figure:
    """Gains over bicubic interpolation with their intervals: a row a data set, a column a measure, a colour a scale."""
    fig, axes = canvas.grid(len(tables), len(PANELS), 4.2 * len(PANELS), 2.9 * len(tables))
    for row, (name, table) in enumerate(tables.items()):
        ways = [way for way in table["way"].unique() if way not in ("bicubic", "nearest")]
        for axis, (measure, title) in zip(axes[row], PANELS.items(), strict=True):
            _gains(axis, table[table["measure"] == measure], ways)
            axis.set_title(title if row == 0 else "", fontsize=10)
            axis.set_yticks(range(len(ways)), ways if measure == "psnr" else [""] * len(ways))
            axis.locator_params(axis="x", nbins=5)
            axis.set_ylim(-0.6, len(ways) - 0.4)
        axes[row, 0].set_ylabel(name)
    axes[0, 0].legend(fontsize=9, title="scale", loc="lower right")
    return fig


def _gains(axis, table: pd.DataFrame, ways: Sequence[str]) -> None:  # noqa: ANN001
    axis.axvline(0, color="0.5", lw=1)
    for offset, (scale, colour, marker) in enumerate(zip((2, 3, 4), (REAL, FAKE, THIRD), "osD", strict=True)):
        rows = table[table["scale"] == scale].set_index("way").reindex(ways).reset_index().dropna(subset="gain")
        y = [ways.index(way) + 0.22 * (offset - 1) for way in rows["way"]]
        half = np.stack([rows["gain"] - rows["low"], rows["high"] - rows["gain"]])
        axis.errorbar(rows["gain"], y, xerr=half, fmt=marker, color=colour, ms=5, label=f"x{scale}")
