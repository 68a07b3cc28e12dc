"""How often the 95 % intervals hold the truth, by simulation: test parts made of people whose true score is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dfdlib import metrics
from dfdlib.seeds import rng

# People, strength: 7 as in UADFV's test part, 9 as in the embedded one. A tuple counts each person's pairs of clips.
CASES = ((7, 0.9), ((4, 3, 2, 2, 1, 1, 1), 2.0), (9, 0.9), (9, 3.0), (17, 2.0), (40, 0.9))
FRAMES, MANY = 16, 4000  # frames a clip; people that stand for all


def people(count: int | tuple[int, ...], strength: float, *key: int) -> pd.DataFrame:
    """Scores of a real and a fake clip of each person (or of several): columns label, p_fake, person.

    People are easy or hard for the detector and clips lean to one side, so that the frames of a person are no
    independent witnesses. `strength` is the mean logit of p_fake for fakes, and minus that of reals.
    """
    draw, pairs = rng(*key), (count if isinstance(count, tuple) else (1,) * count)
    labels, who = np.tile(np.repeat([0, 1], FRAMES), sum(pairs)), np.repeat(np.arange(len(pairs)), pairs)
    skill = np.repeat(draw.normal(0, 0.5, len(pairs))[who], 2 * FRAMES)
    who, clip = np.repeat(who, 2 * FRAMES), np.repeat(draw.normal(0, 0.5, 2 * sum(pairs)), FRAMES)
    x = (2 * labels - 1) * (strength + skill) + clip + draw.normal(0, 1, len(labels))
    return pd.DataFrame({"label": labels, "p_fake": 1 / (1 + np.exp(-x)), "person": who.astype(str)})


def truth(statistic: str, strength: float) -> float:
    """The score of MANY people."""
    everybody = people(MANY, strength, 10_000)
    labels, p_fake = everybody["label"].to_numpy(), everybody["p_fake"].to_numpy()
    return float(metrics.STATISTICS[statistic](labels, p_fake, np.ones((1, len(everybody))))[0])


def of_score(statistic: str, count: int | tuple[int, ...], strength: float, trials: int) -> dict[str, float]:
    """Shares of `trials` test parts whose interval holds the truth: `ours`, and that of `percentiles` of the draws.

    Also how many times longer ours is, in the mean.
    """
    true, hits, lengths = truth(statistic, strength), np.zeros((trials, 2)), np.zeros((trials, 2))
    for trial in range(trials):
        table = people(count, strength, trial)
        found = metrics.estimate(table, statistic, "frames", 200, seed=trial)
        draws = metrics.bootstrap(table, metrics.STATISTICS[statistic], 200, trial)
        low, high = np.percentile(draws, [2.5, 97.5])
        hits[trial] = found.low <= true <= found.high, low <= true <= high
        lengths[trial] = found.high - found.low, high - low
    longer = lengths[:, 0].mean() / lengths[:, 1].mean()
    return {"ours": float(hits[:, 0].mean()), "percentiles": float(hits[:, 1].mean()), "longer": float(longer)}


def of_difference(count: int | tuple[int, ...], trials: int) -> float:
    """The same share for the paired difference of two detectors that are equally good."""
    hits = []
    for trial in range(trials):
        a, b = (people(count, 0.9, trial, side).assign(clip_id="c") for side in (0, 1))
        found = metrics.difference(a, b, "acc", "frames", 200, trial)
        hits.append(found.low <= 0 <= found.high)
    return float(np.mean(hits))
