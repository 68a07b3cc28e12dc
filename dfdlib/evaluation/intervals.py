"""95 % intervals from a bootstrap over people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from dfdlib.core.errors import DfdError
from dfdlib.core.repro import rng
from dfdlib.core.values import storable
from dfdlib.data import catalogue
from dfdlib.evaluation import metrics


@storable
@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and what it was counted on."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    people: int = 0  # that an interval over people was drawn over; 0 for a plain count

    @property
    def counted(self) -> str:
        """What it was counted on, such as "889 frames of 7 people"."""
        return f"{self.n} {self.unit}" + (f" of {self.people} people" if self.people else "")

    def columns(self, name: str) -> dict[str, float]:
        """The number and its ends as columns of a table: `name`, `name`_low, `name`_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.counted}"


def estimate(table: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """A statistic of a score table (columns label, p_fake, person) with its 95 % interval.

    People are drawn with replacement, each with all rows (bootstrap over clusters; resamples without both classes are
    left out), and `share_interval` makes the interval of what that spread. The accuracy of videos gets Wilson's
    interval for a plain count.
    """
    catalogue.check_labels(table["label"])
    if not np.isfinite(table["p_fake"]).all():
        raise DfdError("The score table holds a p_fake that is not a number; find the frame and leave it out.")
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    compute = metrics.STATISTICS[statistic]
    value = float(compute(labels, p_fake, np.ones((1, len(table))))[0])
    if statistic == "acc" and unit == "videos":
        return proportion(round(value * len(table)), len(table), unit)
    people = table["person"].nunique()
    low, high = share_interval(value, bootstrap(table, compute, resamples, seed), people, len(table))
    return Estimate(value, low, high, len(table), unit, people)


def share_interval(value: float, draws: np.ndarray, people: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a number in [0, 1] from its bootstrap `draws` over people.

    Clopper and Pearson's for as many independent rows as would spread as much as the draws do, cut by Student's
    quantile for so few people (Korn and Graubard, Survey Methodology 24, 1998). With seven to forty people percentiles
    of the draws cover the truth in 75 to 93 of 100 cases, this interval in 92 to 100 (simulated in
    benchmarks/coverage.md). Where every draw is the same, as for a perfect score, the people are the rows.
    """
    half = half_width(draws, people)
    if not np.isfinite(value) or people < 2:
        return float("nan"), float("nan")
    if half == 0 or not 0 < value < 1:
        count = people
    else:
        count = min(value * (1 - value) * (student.ppf(0.975, rows - 1) / half) ** 2, rows)
    right = value * count
    low = beta.ppf(0.025, right, count - right + 1) if value > 0 else 0.0
    high = beta.ppf(0.975, right + 1, count - right) if value < 1 else 1.0
    return float(low), float(high)


def half_width(draws: np.ndarray, people: int) -> float:
    """Half of a 95 % interval of a sum over people: Student's quantile times the draws' spread; nan for one person.

    Drawing n people with replacement spreads by a factor sqrt((n - 1) / n) too little, which is corrected here.
    """
    if people < 2:
        return float("nan")
    return float(student.ppf(0.975, people - 1) * np.nanstd(draws) * np.sqrt(people / (people - 1)))


def detectable(found: Estimate) -> float:
    """The smallest true difference that would have been seen with a chance of 80 %, from a difference's interval."""
    quantile = student.ppf(0.975, found.people - 1)
    return (quantile + student.ppf(0.8, found.people - 1)) * (found.high - found.low) / (2 * quantile)


def evaluate(frames: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """All of STATISTICS for frames, accuracy and AUC for their videos."""
    found = {f"frame_{name}": estimate(frames, name, "frames", resamples) for name in metrics.STATISTICS}
    videos = metrics.to_videos(frames)
    return found | {f"video_{name}": estimate(videos, name, "videos", resamples) for name in ("acc", "auc")}


def bootstrap(table: pd.DataFrame, statistic: metrics.Statistic, resamples: int, seed: int) -> np.ndarray:
    """The statistic on `resamples` redrawn sets of people, shape (resamples,)."""
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    return statistic(labels, p_fake, person_weights(table["person"], resamples, seed))


def person_weights(people: pd.Series, resamples: int, seed: int) -> np.ndarray:
    """How often each row counts in each resample of people, shape (resamples, rows)."""
    codes, names = pd.factorize(people)
    draws = rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return draws[:, codes].astype(float)


def difference(a: pd.DataFrame, b: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """Statistic of `a` minus that of `b` on the same rows, with the interval of the paired difference.

    Where every draw is the same, as where no verdict differs, the interval reaches as far as the share of people that
    may differ although none of these does (Clopper and Pearson).
    """
    keys = [key for key in ("clip_id", "frame", "label") if key in a and key in b]
    if not a[keys].reset_index(drop=True).equals(b[keys].reset_index(drop=True)):
        raise DfdError("A paired difference needs two score tables of the same frames in the same order; sort them.")
    labels, p, q = a["label"].to_numpy(), a["p_fake"].to_numpy(), b["p_fake"].to_numpy()
    weights = np.vstack([np.ones(len(a)), person_weights(a["person"], resamples, seed)])  # the first: as observed
    compute, people = metrics.STATISTICS[statistic], a["person"].nunique()
    value, *draws = compute(labels, p, weights) - compute(labels, q, weights)
    half = half_width(np.array(draws), people)
    half = 1 - 0.025 ** (1 / people) if half == 0 else half
    return Estimate(float(value), float(value - half), float(value + half), len(a), unit, people)


def proportion(count: int, n: int, unit: str) -> Estimate:
    """A share, `count` of `n`, with Wilson's interval (for n independent cases, which frames are not)."""
    low, high = binomtest(count, n).proportion_ci(method="wilson")
    return Estimate(count / n, float(low), float(high), n, unit)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value a row (such as an image's PSNR), with an interval over people."""
    weights = person_weights(people, resamples, seed)
    value, half = float(np.mean(values)), half_width(weights @ values / weights.sum(1), people.nunique())
    return Estimate(value, value - half, value + half, len(values), unit, people.nunique())
