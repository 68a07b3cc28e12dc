"""The decision maker, which turns the scores of two branches into one by a rule (the paper names none); calibration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dfdlib.core import cache
from dfdlib.core.errors import DfdError
from dfdlib.core.repro import rng
from dfdlib.evaluation import metrics, statistics

# A rule takes p_fake of the ResNet and of the head pose, (N,) each, and returns p_fake of the system, (N,).
Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
RULES: dict[str, Rule] = {
    "mean": lambda resnet, headpose: (resnet + headpose) / 2,
    "either": np.maximum,  # fake as soon as one branch says so
    "both": np.minimum,  # fake only where both say so
    "resnet": lambda resnet, headpose: resnet,
}
SURE = 1e-4  # probabilities are kept this far from 0 and 1, since score tables have four decimals
COLDEST, HOTTEST = 0.05, 20.0  # the range of temperatures searched
KEYS = ["clip_id", "frame", "label", "pair", "person", "split"]


def combine(resnet: pd.DataFrame, headpose: pd.DataFrame, rule: str | Rule) -> pd.DataFrame:
    """The system's score table from the tables of two branches, for the frames that both branches scored.

    Raises DfdError for an unknown rule and if the branches share no frame.
    """
    rule = rule_of(rule) if isinstance(rule, str) else rule
    joined = _joined(resnet, headpose)
    p_fake = rule(joined["p_fake_resnet"].to_numpy(), joined["p_fake_headpose"].to_numpy())
    return joined[KEYS].assign(p_fake=p_fake)


def rule_of(name: str) -> Rule:
    """One of RULES; DfdError for any other name."""
    if name not in RULES:
        raise DfdError(f"There is no rule {name!r} for the decision maker; choose one of: {', '.join(RULES)}.")
    return RULES[name]


def _joined(resnet: pd.DataFrame, headpose: pd.DataFrame) -> pd.DataFrame:
    joined = resnet.merge(headpose, on=KEYS, suffixes=("_resnet", "_headpose"))
    if joined.empty:
        raise DfdError("The two branches scored no frame in common; run both on the same clips.")
    return joined


def stacked(resnet: pd.DataFrame, headpose: pd.DataFrame) -> Rule:
    """The rule of a logistic regression on both branches' logits, fitted to the score tables of validation frames.

    Raises DfdError if the tables contain a test frame.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second; `dfd predict` needs only the rules

    joined = _joined(resnet, headpose)
    if (joined["split"] == "test").any():
        raise DfdError("Stacking was given test frames to fit on; give it validation frames only.")
    branches = _logit(joined[["p_fake_resnet", "p_fake_headpose"]].to_numpy())
    model = LogisticRegression().fit(branches, joined["label"])
    return lambda resnet, headpose: model.predict_proba(_logit(np.column_stack([resnet, headpose])))[:, 1]


def _logit(p_fake: np.ndarray) -> np.ndarray:
    from scipy.special import logit

    return logit(np.clip(p_fake, SURE, 1 - SURE))


@cache.stage
def with_chance(val: pd.DataFrame, test: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """What each rule gains from a second branch at chance level: one random number per clip, uniform in [0, 1).

    `val` and `test` are the ResNet's score tables. Columns rule, gain (mean change in the accuracy of test frames over
    `draws` such branches), worst and best (2.5th and 97.5th percentile).
    """
    right = statistics.accuracy(test["label"].to_numpy(), test["p_fake"].to_numpy(), np.ones((1, len(test))))[0]
    gains: dict[str, list[float]] = {}
    for draw in range(draws):
        fitted = stacked(val, _noise(val, seed, draw, 0))
        joined = _joined(test, _noise(test, seed, draw, 1))
        branches = (joined["p_fake_resnet"].to_numpy(), joined["p_fake_headpose"].to_numpy())
        for name, rule in {**RULES, "stacked": fitted}.items():
            verdicts = (rule(*branches) >= statistics.THRESHOLD) == joined["label"]
            gains.setdefault(name, []).append(float(verdicts.mean()) - right)
    rows = [(name, np.mean(found), *np.percentile(found, [2.5, 97.5])) for name, found in gains.items()]
    return pd.DataFrame(rows, columns=["rule", "gain", "worst", "best"])


def _noise(table: pd.DataFrame, *key: int) -> pd.DataFrame:
    clips = table["clip_id"].unique()
    values = pd.Series(rng(*key).random(len(clips)), clips)
    return table.assign(p_fake=table["clip_id"].map(values))


def reliability(table: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """One row per bin of p_fake: columns bin, frames, p_fake (mean), fakes (share), low, high (95 %, over people).

    Empty bins are left out; a bin with frames of a single person has no interval (nan).
    """
    rows = []
    for number, own in table.groupby(statistics.bin_of(table["p_fake"])):
        # Called fake throughout, so that the share of right verdicts is the share of fakes.
        fakes = metrics.estimate(own.assign(p_fake=1.0), "acc", "frames", resamples)
        rows.append({"bin": number, "frames": len(own), "p_fake": own["p_fake"].mean()} | fakes.columns("fakes"))
    return pd.DataFrame(rows).rename(columns={"fakes_low": "low", "fakes_high": "high"})


def temperature(table: pd.DataFrame) -> float:
    """The T that minimizes the cross-entropy of sigmoid(logit(p_fake) / T) (Guo et al., arXiv 1706.04599).

    `table` must hold validation frames; DfdError if it contains a test frame.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit

    if (table["split"] == "test").any():
        raise DfdError("The temperature was given test frames to fit on; give it validation frames only.")
    margin = _logit(table["p_fake"].to_numpy()) * (2 * table["label"].to_numpy() - 1)  # > 0 if right
    found = minimize_scalar(lambda log_t: -log_expit(margin / np.exp(log_t)).mean(), bounds=np.log([COLDEST, HOTTEST]))
    return float(np.exp(found.x))


def tempered(table: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """The table with p_fake at this temperature; verdicts at the threshold 0.5 do not change."""
    from scipy.special import expit

    return table.assign(p_fake=expit(_logit(table["p_fake"].to_numpy()) / temperature))
