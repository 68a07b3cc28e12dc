"""Scores of frames and videos: accuracy, AUC, equal error rate, average precision, calibration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

# labels (N,), p_fake (N,), weights (resamples, N) -> the statistic of each resample (resamples,)
Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
THRESHOLD = 0.5  # p_fake from which a verdict is "fake"
BINS = 10  # of the calibration error


def accuracy(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of right verdicts at THRESHOLD."""
    return weights @ ((p_fake >= THRESHOLD) == labels) / weights.sum(1)


def auc(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve; nan where a class is missing."""
    alarm, hit = _curve(labels, p_fake, weights)
    return (np.diff(alarm) * (hit[:, 1:] + hit[:, :-1]) / 2).sum(1)


def eer(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Equal error rate: where false alarms and misses are as frequent, interpolated on the ROC curve.

    nan where a class is missing.
    """
    alarm, hit = _curve(labels, p_fake, weights)
    gap = alarm - (1 - hit)  # rises from -1 to 1 along the curve
    rows, after = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)  # never the first point, whose gap is -1
    before = after - 1
    step = gap[rows, before] / (gap[rows, before] - gap[rows, after])
    return alarm[rows, before] + step * (alarm[rows, after] - alarm[rows, before])


def average_precision(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average precision of the class fake: precision at each threshold, weighted by the gain in hits there.

    nan where a class is missing.
    """
    alarm, hit = _curve(labels, p_fake, weights)
    hits = hit * (weights @ labels)[:, None]
    called = hits + alarm * (weights @ (1 - labels))[:, None]
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called != 0)
    return (np.diff(hit) * precision[:, 1:]).sum(1)


def brier(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean squared distance of p_fake from the truth: 0 is perfect, 0.25 is what always saying 0.5 gets."""
    return weights @ (p_fake - labels) ** 2 / weights.sum(1)


def calibration_error(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error: in BINS equal bins of p_fake, mean p_fake against the share of fakes.

    The distances are weighted by the bins' counts (Guo et al., arXiv 1706.04599, equation 3, of p_fake).
    """
    return np.abs((weights * (p_fake - labels)) @ np.eye(BINS)[bin_of(p_fake)]).sum(1) / weights.sum(1)


def bin_of(p_fake: np.ndarray) -> np.ndarray:
    """The number (N,) of the bin of each p_fake, from 0; the last bin holds 1 too."""
    return np.minimum((p_fake * BINS).astype(int), BINS - 1)


def _curve(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC curves of all resamples: false alarm and hit rates (resamples, thresholds + 1), strictest first.

    nan where a class is missing. Rows of equal p_fake share a threshold, which makes the AUC count ties as half.
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


# From the frames of a clip to its score. The study's scores are means; the others are compared in notebook 05.
AGGREGATES: dict[str, str | Callable[[pd.Series], float]] = {
    "mean": "mean",  # Yang et al.
    "median": "median",
    "top third": _top_third,  # FWA (Li and Lyu, arXiv 1811.00656)
    "majority": lambda p_fake: float((p_fake >= THRESHOLD).mean()),
}


def to_videos(frames: pd.DataFrame, how: str = "mean") -> pd.DataFrame:
    """One row a clip from a score table of frames; `how` is one of AGGREGATES."""
    keys = ["clip_id", "label", "pair", "person", "split"]
    return frames.groupby(keys, sort=True)["p_fake"].agg(AGGREGATES[how]).reset_index()
