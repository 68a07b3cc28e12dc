"""Scores of frames and videos, such as accuracy and AUC, with 95 % intervals from a bootstrap over people."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from dfdlib.core.errors import DfdError
from dfdlib.core.repro import rng
from dfdlib.data import catalogue
from dfdlib.evaluation import intervals
from dfdlib.evaluation.intervals import Estimate
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
            row = int(np.argmin(np.isfinite(table["p_fake"])))
            raise DfdError(f"p_fake is not a number in row {row} (from 0) of the score table; leave it out.")
    values, draws = _drawn_statistics(tables, statistic, resamples, seed)
    people, value = tables[0]["person"], float(values.mean())
    low, high = intervals.share_interval(value, draws, people, values)
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
    low, high = intervals.share_interval(float(values.mean()), mean(values, weights[1:], codes), people, higher.mean(1))
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


def once(table: pd.DataFrame, statistic: Statistic) -> float:
    """The statistic of the table as it is, each person counted once."""
    codes, names = pd.factorize(table["person"])
    return float(statistic(table["label"].to_numpy(), table["p_fake"].to_numpy(), np.ones((1, len(names))), codes)[0])


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
    spread = intervals.half_width(draws, intervals.effective_people(people), values)
    half, value = float(np.hypot(spread, _unseen(*sides, statistic))), float(values.mean())
    return Estimate(value, value - half, value + half, len(people), unit, people.nunique(), len(values))


def _unseen(a: list[pd.DataFrame], b: list[pd.DataFrame], statistic: str) -> float:
    """What the people in whom nothing differs leave open: the share of rows that may differ although none does.

    It is Clopper and Pearson's bound for as many independent rows as `share_interval` assumes, and falls with the
    number of people in whom something does differ.
    """
    people, assumed = a[0]["person"], intervals.independent_rows(1.0, 0.0, a[0]["person"])
    pairs = [(left["p_fake"].to_numpy(), right["p_fake"].to_numpy()) for left, right in zip(a, b, strict=True)]
    if statistic == "acc":
        pairs = [(left >= THRESHOLD, right >= THRESHOLD) for left, right in pairs]
    differ = people[np.any([left != right for left, right in pairs], axis=0)].nunique()
    return (1 - 0.025 ** (1 / assumed)) / (1 + differ / intervals.DOUBT)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value per row, such as an image's PSNR, with an interval over people."""
    codes, weights = _drawn(people, resamples, seed)
    draws, value = mean(values, weights[1:], codes), float(np.mean(values))
    half = intervals.half_width(draws, intervals.effective_people(people))
    return Estimate(value, value - half, value + half, len(values), unit, weights.shape[1])
