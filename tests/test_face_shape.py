"""What of a fake's shape is its own face's, what all fakes share, and what pose adds: on tables with known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dfdlib.evaluation import metrics, results
from dfdlib.experiments import face_shape, landmark_scores
from dfdlib.faces.frames import COLUMNS


def _table(people: int = 12, each: int = 6) -> pd.DataFrame:
    rows = [
        (f"{person}-{label}", i, label, f"pair{person}", f"p{person}", "train")
        for person in range(people)
        for label in (0, 1)
        for i in range(each)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shapes(table: pd.DataFrame, share: float, shift: float, noise: float = 0.0) -> np.ndarray:
    """A face of each person; fakes have `share` of it, and are shifted alike by `shift`."""
    rng = np.random.default_rng(0)
    faces = {person: rng.normal(0, 1, 8) for person in table["person"].unique()}
    own, fake = np.stack([faces[person] for person in table["person"]]), table["label"].to_numpy()[:, None]
    return own * np.where(fake, share, 1) + shift * fake + rng.normal(0, noise, own.shape)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_the_slope_is_the_share_of_its_own_face_that_a_fake_keeps(share: float) -> None:
    table = _table()
    found = face_shape.following(_shapes(table, share, 5.0), table, 200, 0)
    for unit in ("clips", "frames"):
        assert found[f"follows.{unit}"].value == pytest.approx(share, abs=1e-9)
        assert found[f"follows.{unit}_ceiling"].value == pytest.approx(1)
    assert (found["follows.clips"].n, found["follows.frames"].n, found["follows.frames_ceiling"].n) == (12, 72, 60)


def test_what_all_fakes_share_is_the_common_shift() -> None:
    table = _table()
    same = face_shape.following(_shapes(table, 1.0, 2.0), table, 200, 0)["common_shift"]
    none = face_shape.following(_shapes(table, 0.0, 0.0), table, 200, 0)["common_shift"]
    half = face_shape.following(_shapes(table, 0.5, 1.0), table, 200, 0)["common_shift"]
    assert same.value == pytest.approx(1) and none.value < 0.2 and none.low >= 0
    assert none.value < half.low < half.value < half.high < same.value


def test_a_pair_of_which_one_clip_is_missing_is_left_out() -> None:
    table = _table()
    shape = _shapes(table, 0.6, 1.0)
    kept = (table["clip_id"] != "3-1").to_numpy()
    found = face_shape.following(shape[kept], table[kept].reset_index(drop=True), 50, 0)
    assert found["follows.clips"].n == found["common_shift"].n == 11 and found["follows.frames"].n == 66


def test_beyond_leaves_nothing_of_what_is_known_and_all_of_the_rest() -> None:
    table, rng = _table(people=20), np.random.default_rng(1)
    known = rng.normal(0, 1, (len(table), 4)) + 2 * table["label"].to_numpy()[:, None]
    derived = known @ rng.normal(0, 1, (4, 3)) + rng.normal(0, 0.3, (len(table), 3))
    hidden = rng.permutation(known)  # nothing to expect the features from
    auc = {
        name: metrics.estimate(face_shape.beyond(features, other, table, 0), "auc", "frames", 50).value
        for name, features, other in (("derived", derived, known), ("unknown", derived, hidden))
    }
    assert auc["unknown"] > 0.95 and abs(auc["derived"] - 0.5) < 0.2


def test_on_uadfv_the_inner_face_tells_more_than_the_contour_and_shape_more_than_pose() -> None:
    rows = {row["id"].removeprefix("shape."): row for row in results.rows("uadfv", committed=True)}
    value = {key.removesuffix(".frame_auc"): row["value"] for key, row in rows.items()}
    assert value["inner"] > 0.9 > 0.75 > value["contour"]
    assert value["shape_beyond_pose"] > value["pose_beyond_shape"]
    told = face_shape.in_words({f"shape.{key}": row for key, row in rows.items()})
    ends = (rows["follows.clips"][end] for end in ("value", "low", "high"))
    assert told["slope by clips"] == "{:.2f} [{:.2f}, {:.2f}]".format(*ends)


def test_numbers_of_landmarks_follow_from_the_columns_of_a_table() -> None:
    rows = _table(people=4, each=2)
    kept = rows[["clip_id", "frame", "label", "pair", "person"]].assign(right=rows["label"] * 0.8 + 0.1, same=0.3)
    features, shapes = (of(kept, 50) for of in landmark_scores.ESTIMATES.values())
    assert features["headpose.by_person.right.frame_acc"].value == 1
    assert features["headpose.by_person.same.video_acc"].value == 0.5
    assert shapes["shape.right.frame_auc"].value == 1 and shapes["shape.same.frame_auc"].value == 0.5


def test_a_slope_without_a_row_is_a_dash() -> None:
    told = face_shape.in_words({"shape.common_shift": {"value": 0.5, "low": 0.25, "high": 0.75}})
    assert told["share of one shift"] == "0.50 [0.25, 0.75]" and told["ceiling by clips"] == "-"
