"""How the shipped detector's scores fall with resolution, blur and JPEG: the same frames, real and fake, made worse.

A condition changes the face's square as the network reads it: around dlib's landmarks and a tenth more on each side,
brought to 128 x 128 px. In UADFV's test part that square is 147 to 198 px high (median 168) in the 256-px pictures at
hand. Whether a face was found, and where, does not change. The network alone is tested: `dfd predict` would enlarge
squares below 48 px by FSRCNN.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd

from dfdlib.evaluation import intervals, metrics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.superres import enlarging

UNCHANGED = "unchanged"
BLUR_SIDE = 256  # of the square's side, sigma 1 is one part in so many, whatever the square's size in pixels
SHARES = {"real_called_fake": 0, "fake_called_fake": 1}  # with the label of the frames that are counted


@dataclass(frozen=True)
class Condition:
    """One change of a face's square."""

    kind: str  # one of LEVELS
    level: int

    @property
    def name(self) -> str:
        """Its column in `scores`, such as "height_64"."""
        return f"{self.kind}_{self.level}"

    def changed(self, square: np.ndarray) -> np.ndarray:
        """A uint8 RGB square (S, S, 3) under the condition, of the same size."""
        return CHANGES[self.kind](square, self.level)


def _blurred(square: np.ndarray, level: int) -> np.ndarray:
    return cv2.GaussianBlur(square, (0, 0), level * len(square) / BLUR_SIDE)


CHANGES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "height": enlarging.small_and_back,  # averaged to a side of so many pixels, and back by bicubic interpolation
    "blur": _blurred,  # a Gaussian whose sigma is so many parts in BLUR_SIDE of the square's side
    "jpeg": geometry.jpeg,  # of this quality, at the square's size
}
LEVELS = {"height": (96, 64, 48, 32, 24), "blur": (1, 2, 4), "jpeg": (90, 70, 50, 30, 10)}  # from slight to strong
CONDITIONS = tuple(Condition(kind, level) for kind, levels in LEVELS.items() for level in levels)


# Kind, level and column in `scores` of the unchanged frames and of each condition
COLUMN_NAMES = ((UNCHANGED, 0, UNCHANGED), *((c.kind, c.level, c.name) for c in CONDITIONS))


def scores(found: FrameSet, p_fake: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    """Scores of N frames, four decimals: COLUMNS, UNCHANGED, and a column for each of CONDITIONS.

    p_fake: a detector, from uint8 RGB crops (N, S, S, 3) to scores (N,) in [0, 1].
    """
    columns = {UNCHANGED: p_fake(found.crops)}
    for condition in CONDITIONS:
        columns[condition.name] = p_fake(np.stack([condition.changed(crop) for crop in found.crops]))
    return found.table[COLUMNS].assign(**columns).round(4)


def under(scored: pd.DataFrame, name: str) -> pd.DataFrame:
    """One column of `scores` as a score table, with p_fake."""
    return scored[COLUMNS].assign(p_fake=scored[name])


def called_fake(scored: pd.DataFrame, label: int, resamples: int) -> Estimate:
    """The share of a label's frames that the shipped threshold calls fake, as in `transfer.test_row`."""
    chosen = scored[scored["label"] == label].assign(label=1)  # "right" is then "called fake"
    return replace(metrics.estimate(chosen, "acc", "frames", resamples), chance=None)


def estimates(scored: pd.DataFrame, resamples: int) -> dict[str, dict[str, Estimate]]:
    """By column of `scores`: AUC of frames, both SHARES and, but for UNCHANGED, the paired AUC minus UNCHANGED's."""
    found, before = {}, under(scored, UNCHANGED)
    for name in (UNCHANGED, *(condition.name for condition in CONDITIONS)):
        own = under(scored, name)
        found[name] = {"frame_auc": metrics.estimate(own, "auc", "frames", resamples)}
        found[name] |= {share: called_fake(own, label, resamples) for share, label in SHARES.items()}
        if name != UNCHANGED:
            found[name]["frame_auc_gain"] = metrics.difference(own, before, "auc", "frames", resamples)
    return found


def by_id(scored: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """`estimates` by id, such as detector.conditions.height_64.frame_auc_gain."""
    each = estimates(scored, resamples).items()
    return {f"detector.conditions.{name}.{key}": number for name, own in each for key, number in own.items()}


def table(scored: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """A row for UNCHANGED (level 0) and for each of CONDITIONS, from `scores`: `estimates` with their ends.

    Columns condition, kind, level, frames, people, p and `holm`, which is the gain's p corrected for all conditions.
    """
    found, rows = estimates(scored, resamples), []
    for kind, level, name in COLUMN_NAMES:
        about = {"condition": name, "kind": kind, "level": level}
        about |= {"frames": found[name]["frame_auc"].n, "people": found[name]["frame_auc"].people}
        columns = (number.columns(key) for key, number in found[name].items())
        rows.append(about | dict(itertools.chain.from_iterable(each.items() for each in columns)))
    p = [intervals.p_value(found[condition.name]["frame_auc_gain"]) for condition in CONDITIONS]
    return pd.DataFrame(rows).assign(p=[np.nan, *p], holm=[np.nan, *intervals.holm(p)])
