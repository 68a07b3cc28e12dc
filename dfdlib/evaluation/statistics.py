"""Statistics of scores, such as accuracy and AUC, for all resamples of people at once.

Each takes labels (N,), 0 or 1; p_fake (N,); weights (resamples, people), how often each person counts; and people (N,),
which numbers each row's person from 0. Without `people` each row has a weight of its own. It returns (resamples,).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

Array = np.ndarray
Statistic = Callable[..., Array]
THRESHOLD = 0.5  # p_fake from which a verdict is "fake"
BINS = 10  # for the calibration error
CROWD = 2000  # people from whom on a table of all their pairs takes more than the curves
AT_ONCE = 2**17  # numbers in a block of curves, which the processor's cache then takes


def mean(values: Array, weights: Array, people: Array | None = None) -> Array:
    """The mean (resamples,) of one value per row (N,)."""
    return _total(values, weights, people) / _total(np.ones(len(values)), weights, people)


def _total(values: Array, weights: Array, people: Array | None) -> Array:
    """The weighted sum (resamples,) of one value per row (N,)."""
    return weights @ (values if people is None else np.bincount(people, values, weights.shape[1]))


def accuracy(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Share of right verdicts at THRESHOLD."""
    return mean((p_fake >= THRESHOLD) == labels, weights, people)


def auc(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Area under the ROC curve; nan where a class is missing.

    It is the share of pairs, a fake and a real, in which the fake's p_fake is higher. How many of them each two people
    have among them is counted once, and a resample weights these counts.
    """
    if people is None or weights.shape[1] > CROWD:
        return _area(labels, p_fake, weights, people)
    higher = ((weights @ concordance(labels, p_fake, people, weights.shape[1])) * weights).sum(1)
    pairs = _total(labels, weights, people) * _total(1 - labels, weights, people)
    return np.divide(higher, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def concordance(labels: Array, p_fake: Array, people: Array, count: int) -> Array:
    """Pairs in which a fake of person i has a higher p_fake than a real of person j: (count, count).

    Equal ones count as half. `people` (N,) numbers each row's person from 0 to count - 1.
    """
    order = np.argsort(p_fake, kind="stable")  # searching for rising values is several times faster
    labels, p_fake, people = labels[order], p_fake[order], people[order]
    fake, real = labels == 1, labels == 0
    found = np.zeros((count, count))
    for person in np.unique(people[real]):
        own = p_fake[real & (people == person)]
        twice = np.searchsorted(own, p_fake[fake], "left") + np.searchsorted(own, p_fake[fake], "right")
        found[:, person] = np.bincount(people[fake], twice / 2, count)
    return found


def _in_blocks(statistic: Statistic) -> Statistic:
    """The statistic of so many resamples at a time that their curves need AT_ONCE numbers."""

    @functools.wraps(statistic)
    def blockwise(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
        rows = max(16, AT_ONCE // len(labels))  # a block sorts the rows again
        blocks = (weights[start : start + rows] for start in range(0, len(weights), rows))
        return np.concatenate([statistic(labels, p_fake, block, people) for block in blocks])

    return blockwise


@_in_blocks
def _area(labels: Array, p_fake: Array, weights: Array, people: Array | None) -> Array:
    alarm, hit = _curve(labels, p_fake, weights, people)
    return (np.diff(alarm) * (hit[:, 1:] + hit[:, :-1]) / 2).sum(1)


@_in_blocks
def eer(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Equal error rate: where false alarms equal misses, interpolated on the ROC curve; nan as `auc`."""
    alarm, hit = _curve(labels, p_fake, weights, people)
    gap = alarm - (1 - hit)  # rises from -1 to 1 along the curve
    rows, after = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)  # never the first point, whose gap is -1
    before = after - 1
    step = gap[rows, before] / (gap[rows, before] - gap[rows, after])
    return alarm[rows, before] + step * (alarm[rows, after] - alarm[rows, before])


@_in_blocks
def average_precision(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Average precision of the class fake: precision at each threshold weighted by its gain in hits; nan as `auc`."""
    alarm, hit = _curve(labels, p_fake, weights, people)
    hits = hit * _total(labels, weights, people)[:, None]
    called = hits + alarm * _total(1 - labels, weights, people)[:, None]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called != 0)
    return (np.diff(hit) * precision[:, 1:]).sum(1)


def brier(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Mean squared distance of p_fake from the ground truth: 0 is perfect, a constant 0.5 gets 0.25."""
    return mean((p_fake - labels) ** 2, weights, people)


def calibration_error(labels: Array, p_fake: Array, weights: Array, people: Array | None = None) -> Array:
    """Expected calibration error: distance between mean p_fake and the share of fakes, over BINS equal bins of p_fake.

    The distances are weighted by the bins' counts (Guo et al., arXiv 1706.04599, equation 3, applied to p_fake).
    """
    gap, bins = p_fake - labels, bin_of(p_fake)
    distances = [np.abs(_total(gap * (bins == one), weights, people)) for one in range(BINS)]
    return np.sum(distances, axis=0) / _total(np.ones(len(labels)), weights, people)


def bin_of(p_fake: Array) -> Array:
    """The bin (N,) of each p_fake, numbered from 0; the last bin includes p_fake = 1."""
    return np.minimum((p_fake * BINS).astype(int), BINS - 1)


def _curve(labels: Array, p_fake: Array, weights: Array, people: Array | None) -> tuple[Array, Array]:
    """ROC curves of all resamples: false alarm and hit rates (resamples, thresholds + 1), strictest first.

    nan where a class is missing. Rows with equal p_fake share a threshold, so the AUC counts ties as half.
    """
    order = np.argsort(-p_fake, kind="stable")
    last = np.flatnonzero(np.diff(p_fake[order], append=-np.inf))
    of_rows = weights[:, order if people is None else people[order]]
    rates = []
    for of_class in (1 - labels[order], labels[order]):
        counts = np.cumsum(of_rows * of_class, axis=1)[:, last]
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
