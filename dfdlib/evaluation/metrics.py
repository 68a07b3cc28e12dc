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

# What `share_interval` assumes where errors are too few to tell; both chosen on simulations (benchmarks/coverage.py).
LIKENESS = 0.2  # the correlation of two rows of one person
DOUBT = 0.25  # this much of a person's worth of errors weighs as much as the assumption
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
    chance: float | None = None  # what a verdict that ignores the picture gets

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
    left out), and `share_interval` turns the spread into an interval. Of several trainings of one recipe the number is
    the mean, and the interval that of another training and other people.
    """
    tables = each(scores)
    for table in tables:
        catalogue.check_labels(table["label"])
        if not np.isfinite(table["p_fake"]).all():
            raise DfdError("The score table has a p_fake that is not a number; find the frame and leave it out.")
    values, draws = _drawn_statistics(tables, statistic, resamples, seed)
    people, value = tables[0]["person"], float(values.mean())
    low, high = share_interval(value, draws, people, values)
    share = float(tables[0]["label"].mean())  # of fakes: an SVM or network that gives one verdict is right as often
    chance = {"acc": max(share, 1 - share), "auc": 0.5}.get(statistic)
    return Estimate(value, low, high, len(people), unit, people.nunique(), len(tables), chance)


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
) -> tuple[np.ndarray, np.ndarray]:
    """The statistic of each training, and its mean over trainings in each resample of people."""
    codes, weights = _drawn(tables[0]["person"], resamples, seed)
    labels, compute = tables[0]["label"].to_numpy(), STATISTICS[statistic]
    found = np.array([compute(labels, table["p_fake"].to_numpy(), weights, codes) for table in tables])
    return found[:, 0], found[:, 1:].mean(0)


def share_interval(
    value: float, draws: np.ndarray, people: pd.Series, trainings: Sequence[float] = ()
) -> tuple[float, float]:
    """The 95 % interval of a number in [0, 1] from its bootstrap `draws` over `people`, and the values of `trainings`.

    Clopper and Pearson's interval for the number of independent rows that would spread as much as the draws do, reduced
    by Student's quantile for so few people (Korn and Graubard, Survey Methodology 24, 1998). Near 0 and 1 the draws
    know too little of the spread, and at a perfect score nothing, so that this number is averaged with one that is
    assumed (`_independent_rows`), without a jump at any score. (A few errors that are spread over people tell more than
    none does, so that their lower bound may be higher than a perfect score's.) `people`: each row's person. How often
    it covers the truth, and how often percentiles of the draws do, is simulated in benchmarks/coverage.py.
    """
    half = half_width(draws, effective_people(people), trainings)
    if not np.isfinite(value) or not np.isfinite(half):
        return float("nan"), float("nan")
    count = _independent_rows(value, half, people)
    right = value * count
    low = special.betaincinv(right, count - right + 1, 0.025) if value > 0 else 0.0
    high = special.betaincinv(right + 1, count - right, 0.975) if value < 1 else 1.0
    return float(low), float(high)


def _independent_rows(value: float, half: float, people: pd.Series) -> float:
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
    `effective_people`, a broken number where some have more rows. Where the sum is the mean over several `trainings`,
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
    """Each p value corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979): below 0.05 means that
    with a chance of 95 % none of those below it is there by luck.
    """
    p, order = np.asarray(p_values, float), np.argsort(p_values)
    found = np.empty(len(p))
    found[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1))
    return found


def paired_choice(frames: Scores, resamples: int, seed: int = 0) -> Estimate:
    """Which of the two is the fake? The share of pairs, a fake frame and the real one that it was made from (the same
    pair and frame number), in which the fake's p_fake is higher; ties count as half. Interval over people.
    """
    both = [
        table[table["label"] == 0].merge(table[table["label"] == 1], on=["pair", "frame"]) for table in each(frames)
    ]
    gaps = [pair["p_fake_y"] - pair["p_fake_x"] for pair in both]
    higher, people = np.array([(np.sign(gap) + 1) / 2 for gap in gaps]), both[0]["person_x"]
    codes, weights = _drawn(people, resamples, seed)
    values = higher.mean(0)
    low, high = share_interval(float(values.mean()), mean(values, weights[1:], codes), people, higher.mean(1))
    return Estimate(float(values.mean()), low, high, len(people), "pairs of frames", people.nunique(), len(both), 0.5)


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
    differences. Where the two differ in few people, others may differ as well: `_unseen` is added to the half width.
    """
    sides = [each(a), each(b)]
    _check_same_rows(sides[0][0], sides[1][0])
    (values, draws), (less, fewer) = (_drawn_statistics(side, statistic, resamples, seed) for side in sides)
    values, draws, people = values - less, draws - fewer, sides[0][0]["person"]
    spread = half_width(draws, effective_people(people), values)
    half, value = float(np.hypot(spread, _unseen(*sides, statistic))), float(values.mean())
    return Estimate(value, value - half, value + half, len(people), unit, people.nunique(), len(values))


def _unseen(a: list[pd.DataFrame], b: list[pd.DataFrame], statistic: str) -> float:
    """What the people in whom nothing differs leave open: the share of rows that may differ although none does.

    It is Clopper and Pearson's bound for as many independent rows as `share_interval` assumes, and falls with the
    number of people in whom something does differ.
    """
    people, assumed = a[0]["person"], _independent_rows(1.0, 0.0, a[0]["person"])
    pairs = [(left["p_fake"].to_numpy(), right["p_fake"].to_numpy()) for left, right in zip(a, b, strict=True)]
    if statistic == "acc":
        pairs = [(left >= THRESHOLD, right >= THRESHOLD) for left, right in pairs]
    differ = people[np.any([left != right for left, right in pairs], axis=0)].nunique()
    return (1 - 0.025 ** (1 / assumed)) / (1 + differ / DOUBT)


def proportion(count: int, n: int, unit: str) -> Estimate:
    """The share `count` / `n` with Wilson's interval, for independent cases; frames and videos of people are not."""
    z, share = special.ndtri(0.975), count / n
    middle, half = 2 * n * share + z**2, z * np.sqrt(4 * n * share * (1 - share) + z**2)
    low, high = (middle - half) / (2 * (n + z**2)), (middle + half) / (2 * (n + z**2))
    return Estimate(share, float(low) if count else 0.0, float(high) if count < n else 1.0, n, unit)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value per row, such as an image's PSNR, with an interval over people."""
    codes, weights = _drawn(people, resamples, seed)
    value, half = float(np.mean(values)), half_width(mean(values, weights[1:], codes), effective_people(people))
    return Estimate(value, value - half, value + half, len(values), unit, weights.shape[1])
