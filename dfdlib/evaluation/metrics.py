"""Scores of frames and videos, such as accuracy and AUC, with 95 % intervals from a bootstrap over people."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special  # scipy.stats computes its quantiles by it, and takes seconds to import

from dfdlib.core.errors import DfdError
from dfdlib.core.repro import rng
from dfdlib.core.values import storable
from dfdlib.data import catalogue
from dfdlib.evaluation.statistics import STATISTICS, THRESHOLD, Statistic, mean

Scores = pd.DataFrame | Sequence[pd.DataFrame]  # a score table, or one for each training of a recipe


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
    trainings: int = 1  # of one recipe, whose mean the number is

    @property
    def counted(self) -> str:
        """What the number was counted on, such as "889 frames of 7 people, 3 trainings"."""
        people = f" of {self.people} people" if self.people else ""
        return f"{self.n} {self.unit}{people}" + (f", {self.trainings} trainings" if self.trainings > 1 else "")

    def columns(self, name: str) -> dict[str, float]:
        """The number and its interval as columns of a table: `name`, `name`_low, `name`_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.counted}"


def estimate(scores: Scores, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """A statistic of a score table (columns label, p_fake, person) with its 95 % interval.

    People are drawn with replacement, each with all their rows (a cluster bootstrap; resamples without both classes are
    left out), and `share_interval` turns the spread into an interval. The accuracy of videos gets Wilson's interval for
    a plain count. Of several trainings of one recipe the number is the mean, and the interval that of another training
    and other people.
    """
    tables = each(scores)
    for table in tables:
        catalogue.check_labels(table["label"])
        if not np.isfinite(table["p_fake"]).all():
            raise DfdError("The score table has a p_fake that is not a number; find the frame and leave it out.")
    rows = len(tables[0])
    if statistic == "acc" and unit == "videos" and len(tables) == 1:
        right = (tables[0]["p_fake"] >= THRESHOLD) == tables[0]["label"]
        return proportion(int(right.sum()), rows, unit)
    values, draws, people = _drawn_statistics(tables, statistic, resamples, seed)
    low, high = share_interval(float(values.mean()), draws, people, rows, values)
    return Estimate(float(values.mean()), low, high, rows, unit, people, len(tables))


def each(scores: Scores) -> list[pd.DataFrame]:
    """The score tables of the trainings, one or several; DfdError if they are not of the same rows."""
    tables = [scores] if isinstance(scores, pd.DataFrame) else list(scores)
    for other in tables[1:]:
        _check_same_rows(tables[0], other)
    return tables


def part(scores: Scores, name: str) -> list[pd.DataFrame]:
    """The rows of one part of the split, such as "val", of each training."""
    return [table[table["split"] == name] for table in each(scores)]


def _check_same_rows(a: pd.DataFrame, b: pd.DataFrame) -> None:
    keys = [key for key in ("clip_id", "frame", "label") if key in a and key in b]
    if not a[keys].reset_index(drop=True).equals(b[keys].reset_index(drop=True)):
        raise DfdError("A comparison needs score tables of the same frames in the same order; sort them.")


def _drawn_statistics(
    tables: Sequence[pd.DataFrame], statistic: str, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """The statistic of each training, its mean over trainings in each resample of people, and how many people."""
    codes, weights = _drawn(tables[0]["person"], resamples, seed)
    labels, compute = tables[0]["label"].to_numpy(), STATISTICS[statistic]
    found = np.array([compute(labels, table["p_fake"].to_numpy(), weights, codes) for table in tables])
    return found[:, 0], found[:, 1:].mean(0), weights.shape[1]


def share_interval(
    value: float, draws: np.ndarray, people: int, rows: int, trainings: Sequence[float] = ()
) -> tuple[float, float]:
    """The 95 % interval of a number in [0, 1] from its bootstrap `draws` over people, and the values of `trainings`.

    Clopper and Pearson's interval for the number of independent rows that would spread as much as the draws do, reduced
    by Student's quantile for so few people (Korn and Graubard, Survey Methodology 24, 1998). With seven to forty
    people, percentiles of the draws cover the truth in 75 to 93 of 100 cases and this interval in 92 to 100 (simulated
    in benchmarks/coverage.md). If every draw is the same, as for a perfect score, each person counts as one row.
    """
    half = half_width(draws, people, trainings)
    if not np.isfinite(value) or people < 2:
        return float("nan"), float("nan")
    if half == 0 or not 0 < value < 1:
        count = people
    else:
        count = min(value * (1 - value) * (special.stdtrit(rows - 1, 0.975) / half) ** 2, rows)
    right = value * count
    low = special.betaincinv(right, count - right + 1, 0.025) if value > 0 else 0.0
    high = special.betaincinv(right + 1, count - right, 0.975) if value < 1 else 1.0
    return float(low), float(high)


def half_width(draws: np.ndarray, people: int, trainings: Sequence[float] = ()) -> float:
    """Half the width of a 95 % interval of a sum over people: Student's quantile times the spread of the draws.

    Draws of n people with replacement spread too little by a factor sqrt((n - 1) / n), which is corrected here. Where
    the sum is the mean over several `trainings`, the variance of this mean is added, and the degrees of freedom are
    those of Satterthwaite (Biometrics Bulletin 2, 1946). nan for one person.
    """
    if people < 2:
        return float("nan")
    spread, freedom = np.nanstd(draws) * np.sqrt(people / (people - 1)), people - 1
    if len(trainings) > 1 and (more := np.var(trainings, ddof=1) / len(trainings)) > 0:
        parts, spread = np.array([spread**2, more]), np.hypot(spread, np.sqrt(more))
        freedom = spread**4 / (parts**2 / [people - 1, len(trainings) - 1]).sum()
    return float(special.stdtrit(freedom, 0.975) * spread)


def detectable(found: Estimate) -> float:
    """The smallest true difference that would have been detected with a power of 80 %, from a difference's interval."""
    quantile = special.stdtrit(found.people - 1, 0.975)
    return (quantile + special.stdtrit(found.people - 1, 0.8)) * (found.high - found.low) / (2 * quantile)


def evaluate(frames: Scores, resamples: int) -> dict[str, Estimate]:
    """All STATISTICS of the frames, and accuracy and AUC of their videos."""
    tables = each(frames)
    videos = [to_videos(table) for table in tables]
    found = {f"frame_{name}": estimate(tables, name, "frames", resamples) for name in STATISTICS}
    return found | {f"video_{name}": estimate(videos, name, "videos", resamples) for name in ("acc", "auc")}


def bootstrap(table: pd.DataFrame, statistic: Statistic, resamples: int, seed: int) -> np.ndarray:
    """The statistic (resamples,) on each of `resamples` redrawn sets of people."""
    people, weights = _drawn(table["person"], resamples, seed)
    return statistic(table["label"].to_numpy(), table["p_fake"].to_numpy(), weights[1:], people)


def _drawn(people: pd.Series, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each row's person, numbered from 0, and how often each counts: (resamples + 1, people), first once each."""
    codes, names = pd.factorize(people)
    return codes, _draws(len(names), resamples, seed)


@functools.lru_cache(maxsize=4)  # a table has several statistics, a comparison many tables of the same people
def _draws(people: int, resamples: int, seed: int) -> np.ndarray:
    draws = rng(seed).multinomial(people, np.full(people, 1 / people), size=resamples)
    weights = np.vstack([np.ones(people), draws])
    weights.flags.writeable = False
    return weights


def person_weights(people: pd.Series, resamples: int, seed: int) -> np.ndarray:
    """How often each row counts in each resample of people: (resamples, rows)."""
    codes, weights = _drawn(people, resamples, seed)
    return weights[1:, codes]


def difference(a: Scores, b: Scores, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """Statistic of `a` minus that of `b` on the same rows, with the interval of the paired difference.

    Of several trainings the first of `a` is compared with the first of `b`, and so on; the number is the mean of these
    differences. If every draw is the same, for instance because no verdict differs, the interval reaches as far as the
    share of people who may differ although none of those observed does (Clopper and Pearson).
    """
    sides = [each(a), each(b)]
    _check_same_rows(sides[0][0], sides[1][0])
    (values, draws, people), (less, fewer, _) = (_drawn_statistics(side, statistic, resamples, seed) for side in sides)
    values, draws = values - less, draws - fewer
    half = half_width(draws, people, values)
    half = 1 - 0.025 ** (1 / people) if half == 0 else half
    value, rows = float(values.mean()), len(sides[0][0])
    return Estimate(value, value - half, value + half, rows, unit, people, len(values))


def proportion(count: int, n: int, unit: str) -> Estimate:
    """The share `count` / `n` with Wilson's interval, which assumes independent cases; frames are not independent."""
    z, share = special.ndtri(0.975), count / n
    middle, half = 2 * n * share + z**2, z * np.sqrt(4 * n * share * (1 - share) + z**2)
    low, high = (middle - half) / (2 * (n + z**2)), (middle + half) / (2 * (n + z**2))
    return Estimate(share, float(low) if count else 0.0, float(high) if count < n else 1.0, n, unit)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value per row, such as an image's PSNR, with an interval over people."""
    codes, weights = _drawn(people, resamples, seed)
    value, half = float(np.mean(values)), half_width(mean(values, weights[1:], codes), weights.shape[1])
    return Estimate(value, value - half, value + half, len(values), unit, weights.shape[1])
