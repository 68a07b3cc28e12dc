"""How far faces are from one: the distances that notebook 07 opens with."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dfdlib.plots import canvas
from dfdlib.plots.canvas import FAKE, REAL, THIRD

WIDTH = 0.025  # of a bin of distance
BINS = np.arange(0.15, 1.0, WIDTH)
STYLES = {"fake": (FAKE, "--"), "real": (REAL, "-"), "self-blended real": (THIRD, "-.")}
PANELS = {  # the frames, and their template: columns of `identity.measure`
    "test part": ("mean of the training fakes", "distance", "threshold"),
    "all frames": ("mean of all other people's fakes", "others_distance", "others_threshold"),
}


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """What `distances` draws: a row a bin, with columns frames, kind, distance (the bin's middle), share, count."""
    test, rows = table[table["split"] == "test"], []
    for frames, chosen in {"test part": test, "all frames": table}.items():
        kinds = {
            name: chosen.loc[chosen["label"] == label, PANELS[frames][1]] for label, name in ((1, "fake"), (0, "real"))
        }
        kinds |= {"self-blended real": test["blend"]} if frames == "test part" else {}
        for kind, values in kinds.items():
            counts = np.histogram(values.dropna().clip(BINS[0], BINS[-1]), BINS)[0]
            middles = zip(BINS[:-1] + WIDTH / 2, counts / max(counts.sum(), 1), counts, strict=True)
            rows += [(frames, kind, *numbers) for numbers in middles]
    return pd.DataFrame(rows, columns=["frames", "kind", "distance", "share", "count"])


def distances(table: pd.DataFrame) -> Figure:
    """Distances to the mean fake's face (columns of `identity.measure`, and blend): the test part, and by person."""
    fig, axes = canvas.grid(1, 2, 10.0, 3.8)
    drawn = shares(table)
    for axis, (frames, (template, _, threshold)) in zip(axes[0], PANELS.items(), strict=True):
        for kind, own in drawn[drawn["frames"] == frames].groupby("kind", sort=False):
            colour, line = STYLES[kind]
            axis.stairs(own["share"], BINS, color=colour, ls=line, lw=2, label=f"{kind}, {own['count'].sum():,} frames")
            if kind != "self-blended real":
                axis.stairs(own["share"], BINS, color=colour, alpha=0.15, fill=True)
        axis.axvline(table[threshold].mean(), color="0.3", ls=":", lw=1.5, label="threshold")
        axis.set(
            ylim=(0, 1.05 * drawn["share"].max()),
            xlabel="distance to the mean fake's face descriptor",
            xlim=(BINS[0], BINS[-1]),
        )
        axis.set_title(f"{frames}, {template}", fontsize=10)
        axis.legend(fontsize=9)
    axes[0, 0].set_ylabel("share of frames")
    return fig
