"""Scores of frames and videos, such as accuracy and AUC, with 95 % intervals from a bootstrap over people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from dfdlib.core.errors import DfdError
from dfdlib.core.repro import rng
from dfdlib.core.values import storable
from dfdlib.data import catalogue

# labels (N,), p_fake (N,), weights (resamples, N) -> the statistic of each resample (resamples,)
Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
THRESHOLD = 0.5  # p_fake from which a verdict is "fake"
BINS = 10  # for the calibration error


def accuracy(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of right verdicts at THRESHOLD."""
    return weights @ ((p_fake >= THRESHOLD) == labels) / weights.sum(1)


def auc(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve; nan where a class is missing."""
    alarm, hit = _curve(labels, p_fake, weights)
    return (np.diff(alarm) * (hit[:, 1:] + hit[:, :-1]) / 2).sum(1)


def eer(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Equal error rate: where false alarms equal misses, interpolated on the ROC curve; nan as `auc`."""
    alarm, hit = _curve(labels, p_fake, weights)
    gap = alarm - (1 - hit)  # rises from -1 to 1 along the curve
    rows, after = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)  # never the first point, whose gap is -1
    before = after - 1
    step = gap[rows, before] / (gap[rows, before] - gap[rows, after])
    return alarm[rows, before] + step * (alarm[rows, after] - alarm[rows, before])


def average_precision(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of the class fake: precision at each threshold weighted by its gain in hits; nan as `auc`."""
    alarm, hit = _curve(labels, p_fake, weights)
    hits = hit * (weights @ labels)[:, None]
    called = hits + alarm * (weights @ (1 - labels))[:, None]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called != 0)
    return (np.diff(hit) * precision[:, 1:]).sum(1)


def brier(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean squared distance of p_fake from the ground truth: 0 is perfect, a constant 0.5 gets 0.25."""
    return weights @ (p_fake - labels) ** 2 / weights.sum(1)


def calibration_error(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error: distance between mean p_fake and the share of fakes, over BINS equal bins of p_fake.

    The distances are weighted by the bins' counts (Guo et al., arXiv 1706.04599, equation 3, applied to p_fake).
    """
    return np.abs((weights * (p_fake - labels)) @ np.eye(BINS)[bin_of(p_fake)]).sum(1) / weights.sum(1)


def bin_of(p_fake: np.ndarray) -> np.ndarray:
    """The bin (N,) of each p_fake, numbered from 0; the last bin includes p_fake = 1."""
    return np.minimum((p_fake * BINS).astype(int), BINS - 1)


def _curve(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC curves of all resamples: false alarm and hit rates (resamples, thresholds + 1), strictest first.

    nan where a class is missing. Rows with equal p_fake share a threshold, so the AUC counts ties as half.
    """
    order = np.argsort(-p_fake, kind="stable")
    last = np.flatnonzero(np.diff(p_fake[order], append=-np.inf))
    rates = []
    for of_class in (1 - labels[order], labels[order]):
        counts = np.cumsum(weights[:, order] * of_class, axis=1)[:, last]
        total = np.where(counts[:, -1:] > 0, counts[:, -1:], np.nan)
        rates.append(np.hstack([np.zeros((len(weights), 1)), counts]) / total)
    return rates[0], rates[1]


STATISTICS: dict[str, Statistic] = {
    "acc": accuracy,
    "auc": auc,
    "eer": eer,
    "ap": average_precision,
    "ece": calibration_error,
    "brier": brier,
}


def _top_third(p_fake: pd.Series) -> float:
    return float(p_fake.nlargest(max(1, round(len(p_fake) / 3))).mean())


# How a clip's score follows from its frames'. The study uses the mean; notebook 05 compares the others.
AGGREGATES: dict[str, str | Callable[[pd.Series], float]] = {
    "mean": "mean",  # Yang et al.
    "median": "median",
    "top third": _top_third,  # FWA (Li and Lyu, arXiv 1811.00656)
    "majority": lambda p_fake: float((p_fake >= THRESHOLD).mean()),
}


def to_videos(frames: pd.DataFrame, how: str = "mean") -> pd.DataFrame:
    """The score table of the clips, from that of their frames; `how` is one of AGGREGATES."""
    keys = ["clip_id", "label", "pair", "person", "split"]
    return frames.groupby(keys, sort=True)["p_fake"].agg(AGGREGATES[how]).reset_index()


@storable
@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and what it was counted on."""

    value: float
    low: float
    high: float
    n: int
    unit: str
    people: int = 0  # over whom the interval was drawn; 0 for a plain count

    @property
    def counted(self) -> str:
        """What the number was counted on, such as "889 frames of 7 people"."""
        return f"{self.n} {self.unit}" + (f" of {self.people} people" if self.people else "")

    def columns(self, name: str) -> dict[str, float]:
        """The number and its interval as columns of a table: `name`, `name`_low, `name`_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.counted}"


def estimate(table: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """A statistic of a score table (columns label, p_fake, person) with its 95 % interval.

    People are drawn with replacement, each with all their rows (a cluster bootstrap; resamples without both classes are
    left out), and `share_interval` turns the spread into an interval. The accuracy of videos gets Wilson's interval for
    a plain count.
    """
    catalogue.check_labels(table["label"])
    if not np.isfinite(table["p_fake"]).all():
        raise DfdError("The score table has a p_fake that is not a number; find the frame and leave it out.")
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    compute = STATISTICS[statistic]
    value = float(compute(labels, p_fake, np.ones((1, len(table))))[0])
    if statistic == "acc" and unit == "videos":
        return proportion(round(value * len(table)), len(table), unit)
    people = table["person"].nunique()
    low, high = share_interval(value, bootstrap(table, compute, resamples, seed), people, len(table))
    return Estimate(value, low, high, len(table), unit, people)


def share_interval(value: float, draws: np.ndarray, people: int, rows: int) -> tuple[float, float]:
    """The 95 % interval of a number in [0, 1] from its bootstrap `draws` over people.

    Clopper and Pearson's interval for the number of independent rows that would spread as much as the draws do, reduced
    by Student's quantile for so few people (Korn and Graubard, Survey Methodology 24, 1998). With seven to forty
    people, percentiles of the draws cover the truth in 75 to 93 of 100 cases and this interval in 92 to 100 (simulated
    in benchmarks/coverage.md). If every draw is the same, as for a perfect score, each person counts as one row.
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
    """Half the width of a 95 % interval of a sum over people: Student's quantile times the spread of the draws.

    Draws of n people with replacement spread too little by a factor sqrt((n - 1) / n), which is corrected here. nan
    for one person.
    """
    if people < 2:
        return float("nan")
    return float(student.ppf(0.975, people - 1) * np.nanstd(draws) * np.sqrt(people / (people - 1)))


def detectable(found: Estimate) -> float:
    """The smallest true difference that would have been detected with a power of 80 %, from a difference's interval."""
    quantile = student.ppf(0.975, found.people - 1)
    return (quantile + student.ppf(0.8, found.people - 1)) * (found.high - found.low) / (2 * quantile)


def evaluate(frames: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """All STATISTICS of the frames, and accuracy and AUC of their videos."""
    found = {f"frame_{name}": estimate(frames, name, "frames", resamples) for name in STATISTICS}
    videos = to_videos(frames)
    return found | {f"video_{name}": estimate(videos, name, "videos", resamples) for name in ("acc", "auc")}


def bootstrap(table: pd.DataFrame, statistic: Statistic, resamples: int, seed: int) -> np.ndarray:
    """The statistic (resamples,) on each of `resamples` redrawn sets of people."""
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    return statistic(labels, p_fake, person_weights(table["person"], resamples, seed))


def person_weights(people: pd.Series, resamples: int, seed: int) -> np.ndarray:
    """How often each row counts in each resample of people: (resamples, rows)."""
    codes, names = pd.factorize(people)
    draws = rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return draws[:, codes].astype(float)


def difference(a: pd.DataFrame, b: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """Statistic of `a` minus that of `b` on the same rows, with the interval of the paired difference.

    If every draw is the same, for instance because no verdict differs, the interval reaches as far as the share of
    people who may differ although none of those observed does (Clopper and Pearson).
    """
    keys = [key for key in ("clip_id", "frame", "label") if key in a and key in b]
    if not a[keys].reset_index(drop=True).equals(b[keys].reset_index(drop=True)):
        raise DfdError("A paired difference needs two score tables of the same frames in the same order; sort them.")
    labels, p, q = a["label"].to_numpy(), a["p_fake"].to_numpy(), b["p_fake"].to_numpy()
    weights = np.vstack([np.ones(len(a)), person_weights(a["person"], resamples, seed)])  # the first: as observed
    compute, people = STATISTICS[statistic], a["person"].nunique()
    value, *draws = compute(labels, p, weights) - compute(labels, q, weights)
    half = half_width(np.array(draws), people)
    half = 1 - 0.025 ** (1 / people) if half == 0 else half
    return Estimate(float(value), float(value - half), float(value + half), len(a), unit, people)


def proportion(count: int, n: int, unit: str) -> Estimate:
    """The share `count` / `n` with Wilson's interval, which assumes independent cases; frames are not independent."""
    low, high = binomtest(count, n).proportion_ci(method="wilson")
    return Estimate(count / n, float(low), float(high), n, unit)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value per row, such as an image's PSNR, with an interval over people."""
    weights = person_weights(people, resamples, seed)
    value, half = float(np.mean(values)), half_width(weights @ values / weights.sum(1), people.nunique())
    return Estimate(value, value - half, value + half, len(values), unit, people.nunique())
