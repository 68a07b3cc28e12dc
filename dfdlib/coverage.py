"""How often the 95 % intervals hold the truth, by simulation: test parts made of people whose true score is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dfdlib import metrics
from dfdlib.seeds import rng

CASES = ((7, 0.9), (9, 0.9), (17, 2.0), (40, 0.9))  # people, strength: 7 as in UADFV's test part, 9 as in the embedded
FRAMES, MANY = 16, 4000  # frames a clip; people that stand for all


def people(count: int, strength: float, *key: int) -> pd.DataFrame:
    """Scores of a real and a fake clip of each person: columns label, p_fake, person.

    People are easy or hard for the detector and clips lean to one side, so that the frames of a person are no
    independent witnesses. `strength` is the mean logit of p_fake for fakes, and minus that of reals.
    """
    draw = rng(*key)
    labels, who = np.tile(np.repeat([0, 1], FRAMES), count), np.repeat(np.arange(count), 2 * FRAMES)
    skill = np.repeat(draw.normal(0, 0.5, count), 2 * FRAMES)
    clip = np.repeat(draw.normal(0, 0.5, 2 * count), FRAMES)
    x = (2 * labels - 1) * (strength + skill) + clip + draw.normal(0, 1, len(labels))
    return pd.DataFrame({"label": labels, "p_fake": 1 / (1 + np.exp(-x)), "person": who.astype(str)})


def truth(statistic: str, strength: float) -> float:
    """The score of MANY people."""
    everybody = people(MANY, strength, 10_000)
    labels, p_fake = everybody["label"].to_numpy(), everybody["p_fake"].to_numpy()
    return float(metrics.STATISTICS[statistic](labels, p_fake, np.ones((1, len(everybody))))[0])


def of_score(statistic: str, count: int, strength: float, trials: int) -> dict[str, float]:
    """Shares of `trials` test parts whose interval holds the truth: `ours`, and that of `percentiles` of the draws."""
    true, hits = truth(statistic, strength), np.zeros((trials, 2))
    for trial in range(trials):
        table = people(count, strength, trial, count)
        found = metrics.estimate(table, statistic, "frames", 200, seed=trial)
        draws = metrics.bootstrap(table, metrics.STATISTICS[statistic], 200, trial)
        low, high = np.percentile(draws, [2.5, 97.5])
        hits[trial] = found.low <= true <= found.high, low <= true <= high
    return {"ours": float(hits[:, 0].mean()), "percentiles": float(hits[:, 1].mean())}


def of_difference(count: int, trials: int) -> float:
    """The same share for the paired difference of two detectors that are equally good."""
    hits = []
    for trial in range(trials):
        a, b = (people(count, 0.9, trial, count, side).assign(clip_id="c") for side in (0, 1))
        found = metrics.difference(a, b, "acc", "frames", 200, trial)
        hits.append(found.low <= 0 <= found.high)
    return float(np.mean(hits))
