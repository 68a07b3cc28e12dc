"""Scores of frames and videos, each with a 95 % interval from a bootstrap over people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from dfdlib import repro
from dfdlib.data import check_labels
from dfdlib.errors import DfdError

Statistic = Callable[[np.ndarray, np.ndarray, np.ndarray], float]  # labels, p_fake, weights -> number
THRESHOLD = 0.5  # p_fake from which a verdict is "fake"


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and what it was counted on."""

    value: float
    low: float
    high: float
    n: int
    unit: str

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], n = {self.n} {self.unit}"


def accuracy(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> float:
    """Share of right verdicts at THRESHOLD."""
    return float(np.average((p_fake >= THRESHOLD) == labels, weights=weights))


def auc(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> float:
    """Area under the ROC curve; nan where a class is missing."""
    if _one_class(labels, weights):
        return float("nan")
    return float(roc_auc_score(labels, p_fake, sample_weight=weights))


def eer(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> float:
    """Equal error rate: where false alarms and misses are as frequent, interpolated on the ROC curve.

    nan where a class is missing.
    """
    if _one_class(labels, weights):
        return float("nan")
    false_alarm, hit, _ = roc_curve(labels, p_fake, sample_weight=weights, drop_intermediate=False)
    gap = false_alarm - (1 - hit)  # rises from -1 to 1 along the curve
    after = int(np.argmax(gap >= 0))
    if after == 0:
        return float(false_alarm[0])
    step = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(false_alarm[after - 1] + step * (false_alarm[after] - false_alarm[after - 1]))


def average_precision(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray) -> float:
    """Average precision of the class fake; nan where a class is missing."""
    if _one_class(labels, weights):
        return float("nan")
    return float(average_precision_score(labels, p_fake, sample_weight=weights))


def _one_class(labels: np.ndarray, weights: np.ndarray) -> bool:
    return len(np.unique(labels[weights > 0])) < 2


STATISTICS: dict[str, Statistic] = {"acc": accuracy, "auc": auc, "eer": eer, "ap": average_precision}


def to_videos(frames: pd.DataFrame) -> pd.DataFrame:
    """One row a clip from a score table of frames; p_fake is the mean over its frames (Yang et al.)."""
    keys = ["clip_id", "label", "pair", "person", "split"]
    return frames.groupby(keys, sort=True)["p_fake"].mean().reset_index()


def estimate(table: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """A statistic of a score table (columns label, p_fake, person) with its 95 % interval.

    People are drawn with replacement, each with all rows (percentile bootstrap over clusters); resamples
    without both classes are left out. The accuracy of videos gets Wilson's interval, the right one for a
    plain count, which does not collapse where every video is right.
    """
    check_labels(table["label"])
    if not np.isfinite(table["p_fake"]).all():
        raise DfdError("The score table holds a p_fake that is not a number; find the frame and leave it out.")
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    value = STATISTICS[statistic](labels, p_fake, np.ones(len(table)))
    if statistic == "acc" and unit == "videos":
        low, high = binomtest(round(value * len(table)), len(table)).proportion_ci(method="wilson")
    else:
        draws = bootstrap(table, STATISTICS[statistic], resamples, seed)
        low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high), len(table), unit)


def evaluate(frames: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """Accuracy, AUC, equal error rate and average precision of frames, accuracy and AUC of their videos."""
    found = {f"frame_{name}": estimate(frames, name, "frames", resamples) for name in STATISTICS}
    videos = to_videos(frames)
    return found | {f"video_{name}": estimate(videos, name, "videos", resamples) for name in ("acc", "auc")}


def bootstrap(table: pd.DataFrame, statistic: Statistic, resamples: int, seed: int) -> np.ndarray:
    """The statistic on `resamples` redrawn sets of people, shape (resamples,)."""
    labels, p_fake = table["label"].to_numpy(), table["p_fake"].to_numpy()
    return np.array([statistic(labels, p_fake, w) for w in person_weights(table["person"], resamples, seed)])


def person_weights(people: pd.Series, resamples: int, seed: int) -> np.ndarray:
    """How often each row counts in each resample of people, shape (resamples, rows)."""
    codes, names = pd.factorize(people)
    draws = repro.rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return draws[:, codes].astype(float)


def difference(a: pd.DataFrame, b: pd.DataFrame, statistic: str, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """Statistic of `a` minus that of `b` on the same rows, with the interval of the paired difference."""
    if not a[["clip_id", "label"]].reset_index(drop=True).equals(b[["clip_id", "label"]].reset_index(drop=True)):
        raise DfdError("A paired difference needs two score tables of the same frames in the same order; sort them.")
    ones, function = np.ones(len(a)), STATISTICS[statistic]
    labels, p, q = a["label"].to_numpy(), a["p_fake"].to_numpy(), b["p_fake"].to_numpy()
    value = function(labels, p, ones) - function(labels, q, ones)
    weights = person_weights(a["person"], resamples, seed)
    draws = [function(labels, p, w) - function(labels, q, w) for w in weights]
    return Estimate(value, *(float(v) for v in np.nanpercentile(draws, [2.5, 97.5])), len(a), unit)


def proportion(count: int, n: int, unit: str) -> Estimate:
    """A share, `count` of `n`, with Wilson's interval (it takes the n as independent, which frames are not)."""
    low, high = binomtest(count, n).proportion_ci(method="wilson")
    return Estimate(count / n, float(low), float(high), n, unit)


def mean_over_people(values: np.ndarray, people: pd.Series, unit: str, resamples: int, seed: int = 0) -> Estimate:
    """The mean of one value a row (such as an image's PSNR), with an interval over people."""
    draws = person_weights(people, resamples, seed) @ values / person_weights(people, resamples, seed).sum(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(np.mean(values)), float(low), float(high), len(values), unit)
