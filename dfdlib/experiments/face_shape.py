"""Shape or misplacement? What of a fake's face shape comes from its donor, and what pose features add to shape.

Everything follows from landmarks. That fakes share a shape may be the donor's face, or points that dlib misplaces in a
common way on synthesized faces; a fake that follows its own real clip has neither alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from dfdlib.core import cache
from dfdlib.evaluation import intervals, metrics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import known_flaws, pose_factorial
from dfdlib.headpose import pose_features

PARTS = {"inner": known_flaws.INNER_FACE, "contour": np.arange(17), "all": np.arange(68)}  # of the 68 landmarks


def shapes(points: np.ndarray, reference: np.ndarray, part: str) -> np.ndarray:
    """One of PARTS of landmarks (T, 68, 2), aligned by itself to that of `reference` (68, 2): (T, 2n), pixels."""
    return pose_features.aligned_shape(points[:, PARTS[part]], reference[PARTS[part]])


def scores(
    points: np.ndarray, table: pd.DataFrame, pose: np.ndarray, reference: np.ndarray, seed: int
) -> dict[str, pd.DataFrame]:
    """The score tables, in five folds by person, of each of PARTS, of pose beyond shape and of shape beyond pose.

    points: landmarks (T, 68, 2); pose: features (T, numbers); reference: (68, 2), the mean real face of the training
    part.
    """
    every = {part: shapes(points, reference, part) for part in PARTS}
    scored = {part: pose_factorial.out_of_fold(own, table, "person", seed) for part, own in every.items()}
    scored["pose_beyond_shape"] = beyond(pose, every["all"], table, seed)
    return scored | {"shape_beyond_pose": beyond(every["all"], pose, table, seed)}


def beyond(features: np.ndarray, known: np.ndarray, table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The score table of an SVM on what a ridge regression on `known` (T, m) leaves of `features` (T, n), by person.

    Both learn in the training folds alone.
    """
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels, p_fake = table["label"].to_numpy(), np.zeros(len(table))
    for train, test in pose_factorial.folds(table, "person", seed):
        expected = make_pipeline(StandardScaler(), Ridge()).fit(known[train], features[train]).predict(known)
        svm = pose_features.SVMS["standardized"]().fit((features - expected)[train], labels[train])
        p_fake[test] = pose_features.p_fake(svm, (features - expected)[test])
    return table.assign(p_fake=p_fake)


@cache.stage
def following(shape: np.ndarray, table: pd.DataFrame, resamples: int, seed: int) -> dict[str, Estimate]:
    """How far fakes follow their own real frames, and how much of fake minus real is the same in all.

    follows.clips, follows.frames: the slope of a fake's shape on that of its real clip (means), or of its real frame of
    the same number; 1 is the real face's own shape, 0 one that has nothing of it. The ceilings are the same slopes of
    real on real: the second half of a clip on the first, a frame on the one before. common_shift: the share of the sum
    of squares of fake minus real, clip means, that the mean difference explains.
    """
    frames = table.reset_index(names="row")[["row", "label", "pair", "person", "frame"]]
    real, fake = (frames[frames["label"] == label] for label in (0, 1))
    order = real.groupby("pair").cumcount()
    late = order >= real.groupby("pair")["row"].transform("size") / 2
    before = real.assign(row=real.groupby("pair")["row"].shift()).dropna().astype({"row": int})
    paired = {
        "follows.clips": (_clips(shape, real), _clips(shape, fake)),
        "follows.clips_ceiling": (_clips(shape, real[~late]), _clips(shape, real[late])),
        "follows.frames": (_frames(shape, real), _frames(shape, fake)),
        "follows.frames_ceiling": (_frames(shape, before), _frames(shape, real)),
    }
    found = {
        name: _over_people(_slope, *both, "pairs of clips" if "clips" in name else "pairs of frames", resamples, seed)
        for name, both in paired.items()
    }
    shift = _over_people(_common, *paired["follows.clips"], "pairs of clips", resamples, seed)
    return found | {"common_shift": replace(shift, low=max(shift.low, 0.0))}


def _clips(shape: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    """The mean shape of each clip, by pair and person."""
    return pd.DataFrame(shape[rows["row"]]).groupby([rows["pair"].to_numpy(), rows["person"].to_numpy()]).mean()


def _frames(shape: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    """The shape of each frame, by pair, person and number."""
    return pd.DataFrame(shape[rows["row"]], index=pd.MultiIndex.from_frame(rows[["pair", "person", "frame"]]))


def _over_people(
    statistic: Callable[..., np.ndarray], x: pd.DataFrame, y: pd.DataFrame, unit: str, resamples: int, seed: int
) -> Estimate:
    """A statistic of the shapes x and y that have the same index, with its 95 % interval over people."""
    x, y = x.align(y, join="inner", axis=0)
    people = pd.Series(x.index.get_level_values(1))
    if not len(x):  # no real frame has a fake with its number
        return Estimate(*[float("nan")] * 3, 0, unit)
    weights = np.vstack([np.ones(len(x)), metrics.person_weights(people, resamples, seed)])
    values = statistic(x.to_numpy(float), y.to_numpy(float), weights)
    half = intervals.half_width(values[1:], intervals.effective_people(people))
    return Estimate(float(values[0]), values[0] - half, values[0] + half, len(x), unit, people.nunique())


def _slope(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The slope (resamples,) of y on x (n, numbers), one for all numbers, each about its own mean."""
    total, of_x, of_y = weights.sum(1), weights @ x, weights @ y
    product = weights @ (x * y).sum(1) - (of_x * of_y).sum(1) / total
    return product / (weights @ (x * x).sum(1) - (of_x**2).sum(1) / total)


def _common(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share (resamples,) of the sum of squares of y - x that its mean explains."""
    change = y - x
    return ((weights @ change) ** 2).sum(1) / weights.sum(1) / (weights @ (change**2).sum(1))


def in_words(rows: dict[str, dict]) -> pd.Series:
    """The slopes, their ceilings and the share of one shift, each with its interval, as text; from recorded rows.

    A dash where there is no row, as in a study whose fakes have no real frame of their number.
    """
    ids = {"slope by clips": "follows.clips", "ceiling by clips": "follows.clips_ceiling"}
    ids |= {"slope by frames": "follows.frames", "ceiling by frames": "follows.frames_ceiling"}
    ids |= {"share of one shift": "common_shift"}
    told = {words: rows.get(f"shape.{key}") for words, key in ids.items()}
    shown = "{value:.2f} [{low:.2f}, {high:.2f}]"
    return pd.Series({words: shown.format(**row) if row else "-" for words, row in told.items()})
