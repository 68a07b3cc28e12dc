"""Where scores are inconclusive: three bands compared on validation people: python tools/weights/bands.py uadfv

Each person's clips, and frames as stills, are judged by a band that the other people's scores give. It reads the
committed results/detector_validation and no test score, and writes results/detector_bands. Run it after verdicts.py and
before card.py.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import errors, studies
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging
from dfdlib.evaluation import metrics, results
from tools.weights import judged

Edges = tuple[float, float]
FORMER = 1.645  # deviations, of which a normal value exceeds so many once in twenty times


def around_one_half(scores: pd.DataFrame, used: int) -> Edges:
    """The former band: one half, and to each side as far as scores scatter around the mean of their kind."""
    kinds = judging.spread(scores)
    each = [kind.clip**2 + kind.frame**2 / judging.runs_of(used) for kind in (kinds.real, kinds.fake)]
    half = FORMER * math.sqrt(sum(each) / 2)  # there are as many clips of each
    return metrics.THRESHOLD - half, metrics.THRESHOLD + half


def on_logits(scores: pd.DataFrame, used: int) -> Edges:
    """The same of logits, so that the scale of p_fake does not matter."""
    low, high = around_one_half(scores.assign(p_fake=judged.logits(scores["p_fake"])), used)
    return float(expit(low - metrics.THRESHOLD)), float(expit(high - metrics.THRESHOLD))


def by_kind(scores: pd.DataFrame, used: int) -> Edges:
    """The band of `dfd predict`."""
    return judging.spread(scores).edges(used)


BANDS = {"around one half": around_one_half, "around one half, on logits": on_logits, "by kind (ships)": by_kind}


@dataclass(frozen=True)
class Band:
    """A band as some people's scores give it; stands where `judging.counted` takes a Spread."""

    rule: Callable[[pd.DataFrame, int], Edges]
    scores: pd.DataFrame

    def edges(self, used: int) -> Edges:
        """Below the first and from the second on a p_fake over `used` frames is conclusive."""
        return self.rule(self.scores, used)


def compared(scores: pd.DataFrame) -> pd.DataFrame:
    """How often each verdict came, by band, unit and label; `scores` has frames.COLUMNS and p_fake of validation."""
    rows = []
    for name, rule in BANDS.items():
        for person, own in scores.groupby("person"):
            band = Band(rule, scores[scores["person"] != person])
            for stills in (False, True):
                rows += judging.counted(own.assign(tested=name), band, stills)
    found = pd.DataFrame(rows).rename(columns={"tested": "band"})
    found["unit"] = found["stills"].map({False: "clips", True: "stills"})
    return found.groupby(["band", "unit", "label"], sort=False)[["n", *judging.SAID]].sum().reset_index()


def main() -> None:
    """Compare the bands for the study that the command line names, and write the table."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name the one the detector was made with: bands.py uadfv")
    scores = results.committed_table(studies.load(sys.argv[1]).name, "detector_validation")
    found = results.write_table(sys.argv[1], "detector_bands", compared(scores.assign(p_fake=scores["resnet"])))
    print(found.to_string(index=False))


if __name__ == "__main__":
    errors.or_sentence(main)
