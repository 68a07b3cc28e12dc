"""How the shipped detector's scores fall: a column for resolution, blur and JPEG, AUC above and shares below."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dfdlib.experiments.conditions import BLUR_SIDE, UNCHANGED
from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, REAL

PANELS = {  # by kind: title, the axis, and what the unchanged frames are on it
    "height": ("resolution", "height of the face, px (128: as it is)", "128"),
    "blur": ("blur", "sigma, % of the face's height", "none"),
    "jpeg": ("JPEG", "quality", "none"),
}
SHARES = {
    "real_called_fake": ("real frames", REAL, "o", -0.08),
    "fake_called_fake": ("fake frames", FAKE, "s", 0.08),
}


def conditions(table: pd.DataFrame) -> Figure:
    """The table of `conditions.table`: the unchanged frames on the left of each panel, worse ones to the right.

    Above the AUC of frames, filled where its paired difference from the unchanged ones excludes zero (not corrected);
    below the shares of real and of fake frames that are called fake. Bars are 95 % intervals.
    """
    fig, axes = canvas.grid(2, len(PANELS), 10.5, 6.4)
    unchanged, lowest = table[table["kind"] == UNCHANGED], min(0.4, table["frame_auc_low"].min() - 0.02)
    for (above, below), (kind, (title, words, first)) in zip(axes.T, PANELS.items(), strict=True):
        rows = pd.concat([unchanged, table[table["kind"] == kind]])
        above.set_title(title)
        _aucs(above, rows)
        for name, (label, colour, marker, shift) in SHARES.items():
            _bars(below, rows, name, colour, marker, shift, label)
        for axis, low in ((above, lowest), (below, -0.02)):
            axis.set(xlim=(-0.4, len(rows) - 0.6), ylim=(low, 1.02))
            axis.set_xticks(range(len(rows)), [first, *(_level(kind, level) for level in rows["level"][1:])])
        below.set_xlabel(words)
    axes[0, 0].set_ylabel("AUC of frames")
    axes[1, 0].set_ylabel("share called fake")
    axes[1, 1].legend(loc="upper right")
    return fig


def _level(kind: str, level: int) -> str:
    return f"{100 * level / BLUR_SIDE:.1f}" if kind == "blur" else str(level)


def _aucs(axis: Axes, rows: pd.DataFrame) -> None:
    axis.axhline(0.5, color="0.3", lw=1, ls="--")
    axis.axhline(rows["frame_auc"].iloc[0], color="0.6", lw=1)
    _bars(axis, rows, "frame_auc", "black", "o")
    told = (rows["frame_auc_gain_low"] > 0) | (rows["frame_auc_gain_high"] < 0)
    axis.plot(told.to_numpy().nonzero()[0], rows.loc[told, "frame_auc"], "o", color="black", ms=7, zorder=3)


def _bars(
    axis: Axes, rows: pd.DataFrame, name: str, colour: str, marker: str, shift: float = 0.0, label: str | None = None
) -> None:
    places = [place + shift for place in range(len(rows))]
    ends = [rows[name] - rows[f"{name}_low"], rows[f"{name}_high"] - rows[name]]
    inside = "white" if name == "frame_auc" else colour
    style = {"ms": 7, "mfc": inside, "capsize": 3, "lw": 1.5, "label": label}
    axis.errorbar(places, rows[name], yerr=ends, fmt=f"{marker}-", color=colour, **style)
