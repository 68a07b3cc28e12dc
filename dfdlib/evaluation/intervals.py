"""A number with its 95 % interval: from the spread of a bootstrap over few people, or for a plain count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special  # scipy.stats computes its quantiles by it, and takes seconds to import

from dfdlib.core.values import storable

# What `share_interval` assumes where errors are too few to tell; both chosen on simulations (benchmarks/coverage.py).
LIKENESS = 0.2  # the correlation of two rows of one person
DOUBT = 0.25  # this much of a person's worth of errors weighs as much as the assumption


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
    chance: float | None = None  # what a verdict that ignores the picture gets

    @property
    def counted(self) -> str:
        """What the number was counted on, such as "889 frames of 7 people, 3 trainings".

        Photographs of which each counts as another person, since nobody is named, are "452 images".
        """
        named = self.people and (self.unit, self.n) != ("images", self.people)
        people = f" of {self.people:,} people" if named else ""
        return f"{self.n:,} {self.unit}{people}" + (f", {self.trainings} trainings" if self.trainings > 1 else "")

    def columns(self, name: str) -> dict[str, float]:
        """The number and its interval as columns of a table: `name`, `name`_low, `name`_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.counted}"


def share_interval(
    value: float, draws: np.ndarray, people: pd.Series, trainings: Sequence[float] = ()
) -> tuple[float, float]:
    """The 95 % interval of a number in [0, 1] from its bootstrap `draws` over `people`, and the values of `trainings`.

    Clopper and Pearson's interval for the number of independent rows that would spread as much as the draws do, reduced
    by Student's quantile for so few people (Korn and Graubard, Survey Methodology 24, 1998). Near 0 and 1 the draws
    know too little of the spread, and at a perfect score nothing, so that this number is averaged with one that is
    assumed (`independent_rows`), without a jump at any score. (A few errors that are spread over people tell more than
    none does, so that their lower bound may be higher than a perfect score's.) `people`: each row's person. How often
    it covers the truth, and how often percentiles of the draws do, is simulated in benchmarks/coverage.py.
    """
    half = half_width(draws, effective_people(people), trainings)
    if not np.isfinite(value) or not np.isfinite(half):
        return float("nan"), float("nan")
    count = independent_rows(value, half, people)
    right = value * count
    low = special.betaincinv(right, count - right + 1, 0.025) if value > 0 else 0.0
    high = special.betaincinv(right + 1, count - right, 0.975) if value < 1 else 1.0
    return float(low), float(high)


def independent_rows(value: float, half: float, people: pd.Series) -> float:
    """How many independent rows would spread as much: by the draws, and by LIKENESS; the mean of their inverses.

    The draws' weight is the number of people whose rows the errors would fill, in units of DOUBT.
    """
    rows, count, spread = len(people), people.nunique(), value * (1 - value)
    if not rows:
        return float("nan")
    assumed = 1 / rows + (1 / count - 1 / rows) * LIKENESS  # the inverse number, after Kish's design effect
    if spread == 0:
        return 1 / assumed
    drawn = max((half / special.stdtrit(max(rows - 1, 1), 0.975)) ** 2 / spread, 1 / rows)
    weight = 4 * spread * count / DOUBT
    return (1 + weight) / (weight * drawn + assumed)


def effective_people(people: pd.Series) -> float:
    """How many people with equally many rows would give as sure a mean (Kish, Survey Sampling, 1965)."""
    counts = people.value_counts().to_numpy()
    return float("nan") if not len(counts) else float(counts.sum() ** 2 / (counts**2).sum())


def half_width(draws: np.ndarray, people: float, trainings: Sequence[float] = ()) -> float:
    """Half the width of a 95 % interval of a sum over people: Student's quantile times the spread of the draws.

    Draws of n people with replacement spread too little by a factor sqrt((n - 1) / n), which is corrected here. n is
    `effective_people`, a fraction where some have more rows. Where the sum is the mean over several `trainings`,
    the variance of this mean is added, and the degrees of freedom are those of Satterthwaite (Biometrics Bulletin 2,
    1946). nan for one person.
    """
    if people - 1 < 1e-9:
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


def p_value(found: Estimate) -> float:
    """The two-sided p value of a difference, from its interval: below 0.05 where that leaves out zero."""
    quantile = special.stdtrit(found.people - 1, 0.975)
    return float(2 * special.stdtr(found.people - 1, -abs(found.value) * 2 * quantile / (found.high - found.low)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Each p value corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979): where those
    below 0.05 are taken for differences, the chance of even one false one is at most 5 %.
    """
    p, order = np.asarray(p_values, float), np.argsort(p_values)
    found = np.empty(len(p))
    found[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1))
    return found


def proportion(count: int, n: int, unit: str) -> Estimate:
    """The share `count` / `n` with Wilson's interval, for independent cases; frames and videos of people are not."""
    z, share = special.ndtri(0.975), count / n
    middle, half = 2 * n * share + z**2, z * np.sqrt(4 * n * share * (1 - share) + z**2)
    low, high = (middle - half) / (2 * (n + z**2)), (middle + half) / (2 * (n + z**2))
    return Estimate(share, float(low) if count else 0.0, float(high) if count < n else 1.0, n, unit)
