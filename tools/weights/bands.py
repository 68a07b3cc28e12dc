"""Which band around one half was chosen, on validation people: python tools/weights/bands.py uadfv

Each person's clips, and frames as stills, are judged by what the other people's scores say about the band. It reads the
committed results/detector_validation, writes results/detector_bands, and tests nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from scipy.special import expit, logit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import errors
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging
from dfdlib.detector.judging import Spread
from dfdlib.evaluation import results

Edges = tuple[float, float]
COLUMNS = ("band", "unit", "label", "n", "fake", "unsure", "real")
Band = Callable[[pd.DataFrame, int], Edges]


def _half(known: Spread, used: int) -> float:
    """Half of a band as wide as both kinds scatter together (as many clips and frames of each)."""
    return math.sqrt((known.real.wanders(used) ** 2 + known.fake.wanders(used) ** 2) / 2)


def around_one_half(scores: pd.DataFrame, used: int) -> Edges:
    """The former band: one half, and to each side as far as scores scatter around the mean of their kind."""
    half = _half(judging.spread(scores), used)
    return 0.5 - half, 0.5 + half


def on_logits(scores: pd.DataFrame, used: int) -> Edges:
    """The same of logits, so that the scale of p_fake does not matter."""
    half = _half(judging.spread(scores.assign(p_fake=logit(scores["p_fake"]))), used)
    return float(expit(-half)), float(expit(half))


def by_kind(scores: pd.DataFrame, used: int) -> Edges:
    """The band of `dfd predict`: from where few fakes lie below to where few real clips lie above."""
    return judging.spread(scores).edges(used)


BANDS = {"around one half": around_one_half, "around one half, on logits": on_logits, "by kind (ships)": by_kind}


def compared(scores: pd.DataFrame) -> pd.DataFrame:
    """How often each verdict came, by band, unit and label; `scores` has frames.COLUMNS and p_fake of validation."""
    rows = []
    for band, edges in BANDS.items():
        for unit, used in (("clips", 32), ("stills", 1)):
            said = pd.concat([_judged(scores, person, edges, used) for person in scores["person"].unique()])
            counts = said.groupby("label")["said"].value_counts().unstack(fill_value=0)
            counts = counts.reindex(columns=["fake", "unsure", "real"], fill_value=0)
            rows.append(counts.reset_index().assign(band=band, unit=unit, n=counts.sum(axis=1).to_numpy()))
    return pd.concat(rows, ignore_index=True).rename_axis(columns=None)[list(COLUMNS)]


def _judged(scores: pd.DataFrame, person: str, edges: Band, used: int) -> pd.DataFrame:
    """The verdicts on a person's clips, or stills where `used` is 1: columns label and said."""
    between = edges(scores[scores["person"] != person], used)
    unit = ["clip_id", "label"] + ["frame"] * (used == 1)
    groups = scores[scores["person"] == person].groupby(unit, sort=False)["p_fake"]
    said = groups.agg(lambda p: judging.verdict(float(p.mean()), judging.interval(p.to_numpy()), between))
    return said.rename("said").reset_index()[["label", "said"]]


def main() -> None:
    """Compare the bands for the study that the command line names, and write the table."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name the one the detector was made with: bands.py uadfv")
    scores = results.committed_table(sys.argv[1], "detector_validation")
    found = results.write_table(sys.argv[1], "detector_bands", compared(scores.assign(p_fake=scores["resnet"])))
    print(found.to_string(index=False))


if __name__ == "__main__":
    errors.or_sentence(main)
