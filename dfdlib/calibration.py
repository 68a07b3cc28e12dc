"""Does p_fake mean what it says? Reliability, and one temperature fitted on validation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, logit

from dfdlib.arbiter import SURE
from dfdlib.errors import DfdError
from dfdlib.metrics import BINS

COLDEST, HOTTEST = 0.05, 20.0  # temperatures that are looked at


def reliability(table: pd.DataFrame) -> pd.DataFrame:
    """Per bin of p_fake: frames, mean p_fake, share of fakes. Bins without a frame are left out."""
    bins = np.minimum((table["p_fake"] * BINS).astype(int), BINS - 1)
    found = table.groupby(bins).agg(frames=("label", "size"), p_fake=("p_fake", "mean"), fakes=("label", "mean"))
    return found.rename_axis("bin").reset_index()


def temperature(table: pd.DataFrame) -> float:
    """The T that minimizes the cross-entropy of sigmoid(logit(p_fake) / T) (Guo et al., arXiv 1706.04599).

    Give it validation frames; DfdError where a test frame is among them.
    """
    if (table["split"] == "test").any():
        raise DfdError("The temperature was given test frames to fit on; give it those of validation alone.")
    x, sign = _logits(table), 2 * table["label"].to_numpy() - 1
    found = minimize_scalar(
        lambda log_t: -log_expit(sign * x / np.exp(log_t)).mean(), bounds=np.log([COLDEST, HOTTEST]), method="bounded"
    )
    return float(np.exp(found.x))


def scaled(table: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """The table with p_fake at this temperature; no verdict at 0.5 changes."""
    return table.assign(p_fake=expit(_logits(table) / temperature))


def _logits(table: pd.DataFrame) -> np.ndarray:
    return logit(np.clip(table["p_fake"].to_numpy(), SURE, 1 - SURE))
