"""The decision maker: rules that turn two branches' scores into one (the paper names none)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dfdlib.errors import DfdError

# Each rule takes p_fake of the ResNet and of the head pose, (N,) each, and gives p_fake of the whole, (N,).
RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": lambda resnet, headpose: (resnet + headpose) / 2,
    "either": np.maximum,  # fake as soon as one branch says so
    "both": np.minimum,  # fake only where both say so
    "resnet": lambda resnet, headpose: resnet,
}


def combine(resnet: pd.DataFrame, headpose: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The score table of the whole from two branches' tables; only frames that both branches scored.

    Raises DfdError for an unknown rule and where the branches share no frame.
    """
    if rule not in RULES:
        raise DfdError(f"There is no rule {rule!r} for the decision maker; choose one of: {', '.join(RULES)}.")
    keys = ["clip_id", "frame", "label", "pair", "person", "split"]
    joined = resnet.merge(headpose, on=keys, suffixes=("_resnet", "_headpose"))
    if joined.empty:
        raise DfdError("The two branches scored no frame in common; run both on the same clips.")
    joined["p_fake"] = RULES[rule](joined["p_fake_resnet"], joined["p_fake_headpose"])
    return joined[[*keys, "p_fake"]]
