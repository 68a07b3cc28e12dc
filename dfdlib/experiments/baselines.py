"""What the simplest scores reach: a constant, sharpness, mean colour, the size as JPEG, the distance to one face.

A detector has learned something only where it is above these, so every table of scores shows them too.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd

from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import identity, transfer
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.headpose import pose_features

QUALITY = 95  # of the JPEG whose size is taken
FEATURES = {  # columns of `measure` by the baseline that learns from them
    "constant": [],
    "sharpness": ["sharpness"],
    "mean colour": ["red", "green", "blue"],
    "size as JPEG": ["kilobytes"],
}
DISTANCE = "distance to the mean fake's face"
PROTOCOLS = ("published", "by person")


def sharpness(crop: np.ndarray) -> float:
    """Natural logarithm of the Laplacian's variance in the central half of a uint8 RGB crop (S, S, 3)."""
    edge = len(crop) // 4
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[edge : len(crop) - edge, edge : len(crop) - edge]
    return float(np.log(cv2.Laplacian(np.ascontiguousarray(grey), cv2.CV_64F).var() + 1e-6))


def jpeg_kilobytes(crop: np.ndarray) -> float:
    """Size of a uint8 RGB crop as JPEG of QUALITY, in thousands of bytes."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return len(encoded) / 1000


def measure(study: Study, frames: FrameSet) -> pd.DataFrame:
    """Columns COLUMNS, sharpness, red, green, blue (means from 0 to 255) and kilobytes; kept in results/baselines."""
    table = frames.table[COLUMNS].assign(sharpness=[*map(sharpness, frames.crops)])
    table[["red", "green", "blue"]] = frames.crops.mean((1, 2))
    return results.write_table(study.name, "baselines", table.assign(kilobytes=[*map(jpeg_kilobytes, frames.crops)]))


def scores(table: pd.DataFrame, name: str, protocol: str) -> pd.DataFrame:
    """The score table of a baseline from that of `measure`: "published" (the test part) or "by person" (all frames).

    A logistic regression on the standardized FEATURES learns from the training part, or from the people of the other
    folds; the constant predictor says the larger class of those frames each time.
    """
    people, labels = table["person"].to_numpy(), table["label"].to_numpy()
    if protocol == "published":
        train, test = (np.flatnonzero(table["split"] == part) for part in ("train", "test"))
        folds = [(train, test)]
    else:
        folds = pose_features.group_folds(labels, people)
    p_fake = np.full(len(table), np.nan)
    for learned, scored in folds:
        p_fake[scored] = _learned(table[FEATURES[name]].to_numpy(), labels, learned, scored)
    found = table[COLUMNS].assign(p_fake=p_fake)
    return found[np.isfinite(p_fake)].reset_index(drop=True)


def _learned(x: np.ndarray, labels: np.ndarray, learned: np.ndarray, scored: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not x.shape[1]:
        return np.full(len(scored), float(labels[learned].mean() >= 0.5))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[learned], labels[learned])
    return model.predict_proba(x[scored])[:, 1]


Found = dict[tuple[str, str], dict[str, Estimate]]  # by baseline and protocol: frame_auc and frame_acc


def estimates(table: pd.DataFrame, distances: pd.DataFrame, resamples: int) -> Found:
    """AUC and accuracy of frames of every baseline under both PROTOCOLS, with intervals over people.

    `table` is that of `measure`, `distances` that of `identity.measure`.
    """
    found = {}
    for protocol in PROTOCOLS:
        by_name = {name: scores(table, name, protocol) for name in FEATURES}
        by_name[DISTANCE] = identity.scores(distances, protocol)
        for name, scored in by_name.items() if min(map(len, by_name.values())) else ():
            both = {f"frame_{s}": metrics.estimate(scored, s, "frames", resamples) for s in ("auc", "acc")}
            if name == "constant":  # whose AUC is 0.5 whoever is seen
                both["frame_auc"] = replace(both["frame_auc"], value=0.5, low=np.nan, high=np.nan)
            found[name, protocol] = both
    return found


def committed(resamples: int) -> Found:
    """UADFV's `estimates`, from the tables that came with the repository."""
    return estimates(results.committed_table("uadfv", "baselines"), identity.committed()[0], resamples)


def rows(found: Found, protocol: str) -> pd.DataFrame:
    """The baselines as rows for any table: columns name, frames, people, frame_auc and frame_acc, _low and _high."""
    return pd.DataFrame(
        [
            {"name": name, "frames": both["frame_acc"].n, "people": both["frame_acc"].people}
            | both["frame_auc"].columns("frame_auc")
            | both["frame_acc"].columns("frame_acc")
            for (name, own), both in found.items()
            if own == protocol
        ]
    )


def text(found: Found, protocol: str) -> str:
    """`rows` as text, an interval behind each number that has one."""
    table = rows(found, protocol)
    shown = table[["name", "frames", "people"]].copy()
    for name in ("frame_auc", "frame_acc"):
        ends = table[[name, f"{name}_low", f"{name}_high"]].to_numpy()
        shown[name] = [transfer.with_interval(*numbers, digits=3) for numbers in ends]
    return shown.to_string(index=False)


def by_id(found: Found) -> dict[str, Estimate]:
    """The estimates by id, such as baselines.sharpness.frame_auc and baselines.by_person.sharpness.frame_auc.

    The distance is left out, as `identity.record` has it.
    """
    prefixes = {"published": "baselines", "by person": "baselines.by_person"}
    return {
        f"{prefixes[protocol]}.{name.replace(' ', '_')}.{statistic}": estimate
        for (name, protocol), both in found.items()
        for statistic, estimate in both.items()
        if name != DISTANCE
    }


def record(study: Study, found: Found) -> None:
    """Record `by_id`."""
    for key, estimate in by_id(found).items():
        results.record(study.name, key, estimate)
