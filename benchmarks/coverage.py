"""How often this study's 95 % intervals cover the true score, on simulated test parts; takes minutes on two cores.

    make benchmarks        (or: python benchmarks/coverage.py)

Writes benchmarks/coverage.md. tests/test_metrics.py does the same with fewer simulations.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core.repro import rng
from dfdlib.evaluation import metrics

TRIALS = 1000
# People, strength: 7 people as in UADFV's test part, 9 as in the embedded one. A tuple gives each person's clip pairs.
CASES = ((7, 0.9), ((4, 3, 2, 2, 1, 1, 1), 2.0), (9, 0.9), (9, 3.0), (17, 2.0), (40, 0.9))
FRAMES, MANY = 16, 4000  # frames per clip; people in the population


def people(count: int | tuple[int, ...], strength: float, *key: int) -> pd.DataFrame:
    """Scores of one or several pairs of a real and a fake clip of each person: columns label, p_fake, person.

    People are easy or hard for the detector and clips lean to one side, so a person's frames are not independent.
    `strength` is the mean logit of p_fake of fakes; that of reals is -`strength`.
    """
    draw, pairs = rng(*key), (count if isinstance(count, tuple) else (1,) * count)
    labels, who = np.tile(np.repeat([0, 1], FRAMES), sum(pairs)), np.repeat(np.arange(len(pairs)), pairs)
    skill = np.repeat(draw.normal(0, 0.5, len(pairs))[who], 2 * FRAMES)
    who, clip = np.repeat(who, 2 * FRAMES), np.repeat(draw.normal(0, 0.5, 2 * sum(pairs)), FRAMES)
    x = (2 * labels - 1) * (strength + skill) + clip + draw.normal(0, 1, len(labels))
    return pd.DataFrame({"label": labels, "p_fake": 1 / (1 + np.exp(-x)), "person": who.astype(str)})


def truth(statistic: str, strength: float) -> float:
    """The true score, from a simulation of MANY people."""
    everybody = people(MANY, strength, 10_000)
    labels, p_fake = everybody["label"].to_numpy(), everybody["p_fake"].to_numpy()
    return float(metrics.STATISTICS[statistic](labels, p_fake, np.ones((1, len(everybody))))[0])


def of_score(statistic: str, count: int | tuple[int, ...], strength: float, trials: int) -> dict[str, float]:
    """Shares of `trials` test parts whose interval covers the true score: `ours`, and `percentiles` of the draws.

    `longer` is the ratio of the mean lengths.
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
    """The share of `trials` whose interval covers 0, for the paired difference of two equally good detectors."""
    hits = []
    for trial in range(trials):
        a, b = (people(count, 0.9, trial, side).assign(clip_id="c") for side in (0, 1))
        found = metrics.difference(a, b, "acc", "frames", 200, trial)
        hits.append(found.low <= 0 <= found.high)
    return float(np.mean(hits))


def _counted(count: int | tuple[int, ...]) -> str:
    return f"{len(count)} with {', '.join(map(str, count))} pairs" if isinstance(count, tuple) else str(count)


def main() -> None:
    """Simulate every case and write the table."""
    cases = list(itertools.product(metrics.STATISTICS, CASES))
    scores = Parallel(n_jobs=2)(delayed(of_score)(name, *case, TRIALS) for name, case in cases)
    rows = [
        {"what": f"{name} of frames", "people": _counted(count), "true score": truth(name, strength)} | found
        for (name, (count, strength)), found in zip(cases, scores, strict=True)
    ]
    gaps = Parallel(n_jobs=2)(delayed(of_difference)(count, TRIALS) for count, _ in CASES)
    rows += [
        {"what": "difference of acc", "people": _counted(count), "true score": 0.0, "ours": share}
        for (count, _), share in zip(CASES, gaps, strict=True)
    ]
    text = (
        "# Coverage of the intervals\n\n"
        f"Share of {TRIALS} simulated test parts (real and fake clips of {FRAMES} frames) "
        "whose 95 % interval holds the true score; standard error 0.007 at 0.95. `percentiles` is the plain bootstrap "
        "over people, which is too short with few of them. The calibration error (ece) is the exception: where it "
        "is small, its estimate lies above it, as no estimate of it can be negative, and the interval does not mend "
        "that; read "
        "the Brier score beside it.\n\n"
    )
    lines = ["| what | people | true score | ours | percentiles | times longer |", "| --- " * 6 + "|"]
    for row in rows:
        plain = f"{row['percentiles']:.3f} | {row['longer']:.2f}" if "percentiles" in row else " | "
        lines.append(f"| {row['what']} | {row['people']} | {row['true score']:.3f} | {row['ours']:.3f} | {plain} |")
    Path(__file__).with_suffix(".md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
