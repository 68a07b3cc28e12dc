"""The decision maker, the calibration, the ways from frames to videos, and the numbers from score tables alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import arbiter, metrics, recompute, statistics
from tests.test_metrics import _table


def _scores(count: int, strength: float, seed: int, split: str) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], count // 2)
    p_fake = expit(strength * (2 * labels - 1) + rng.normal(0, 1, count))
    return _table(labels, p_fake).assign(split=split)


def test_stacking_learns_which_branch_to_trust() -> None:
    rule = arbiter.stacked(_scores(400, 2.0, 1, "val"), _scores(400, 0.0, 2, "val"))
    low, high = rule(np.array([0.1, 0.9]), np.array([0.9, 0.1]))
    assert low < 0.3 and high > 0.7, "it follows the first branch, which is the good one"
    by_first = np.ptp(rule(np.array([0.01, 0.99]), np.array([0.5, 0.5])))
    by_second = np.ptp(rule(np.array([0.5, 0.5]), np.array([0.01, 0.99])))
    assert by_first > 0.9 and by_second < 0.6 * by_first
    with pytest.raises(DfdError, match="test frames to fit on"):
        arbiter.stacked(_scores(10, 1, 1, "test"), _scores(10, 1, 2, "test"))


def test_a_branch_that_knows_nothing_cannot_help_a_good_one() -> None:
    found = arbiter.with_chance(_scores(200, 2.0, 3, "val"), _scores(400, 2.0, 4, "test"), 30, 0).set_index("rule")
    assert found.loc["resnet", ["gain", "worst", "best"]].tolist() == [0, 0, 0]
    assert (found.loc[["mean", "either", "both"], "best"] < 0).all()
    # A fair coin beside a detector that is right in a share a: "either" and "both" are right in (a + 1/2) / 2.
    right = statistics.accuracy(*_arrays(_scores(400, 2.0, 4, "test")))[0]
    assert found.loc["either", "gain"] == pytest.approx((right + 0.5) / 2 - right, abs=0.03)
    assert found.loc["stacked", "gain"] == pytest.approx(0, abs=0.01)


def _arrays(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return table["label"].to_numpy(), table["p_fake"].to_numpy(), np.ones((1, len(table)))


def test_ways_from_frames_to_a_video_by_hand() -> None:
    frames = _table([1] * 6, [0.9, 0.8, 0.1, 0.2, 0.3, 0.6], clips=["a"] * 6).assign(person="x")
    expected = {"mean": 2.9 / 6, "median": 0.45, "top third": 0.85, "majority": 0.5}
    for how, value in expected.items():
        assert metrics.to_videos(frames, how)["p_fake"].tolist() == pytest.approx([value]), how


def test_the_temperature_undoes_what_was_done_to_the_logits() -> None:
    honest = _scores(4000, 0.0, 5, "val")
    labels = (np.random.default_rng(6).random(4000) < honest["p_fake"]).astype(int)  # p_fake means what it says
    honest = honest.assign(label=labels)
    sure = honest.assign(p_fake=expit(3 * logit(honest["p_fake"])))
    assert arbiter.temperature(honest) == pytest.approx(1, abs=0.12)
    assert arbiter.temperature(sure) == pytest.approx(3, abs=0.35)
    mended = arbiter.tempered(sure, 3.0)
    assert mended["p_fake"].to_numpy() == pytest.approx(honest["p_fake"].to_numpy(), abs=0.02)
    assert ((mended["p_fake"] >= 0.5) == (sure["p_fake"] >= 0.5)).all()
    ece = [statistics.calibration_error(*_arrays(table))[0] for table in (sure, mended)]
    assert ece[0] > 3 * ece[1]
    with pytest.raises(DfdError, match="test frames to fit on"):
        arbiter.temperature(honest.assign(split="test"))


def test_reliability_by_hand() -> None:
    found = arbiter.reliability(_table([0, 1, 1, 1], [0.05, 0.06, 0.95, 1.0]), 100)
    assert found["bin"].tolist() == [0, 9] and found["frames"].tolist() == [2, 2]
    assert found["p_fake"].tolist() == pytest.approx([0.055, 0.975]) and found["fakes"].tolist() == [0.5, 1.0]
    assert (found["low"] < found["fakes"]).all() and (found["high"] >= found["fakes"]).all()


@pytest.mark.parametrize("study", ["embedded", "uadfv"])
def test_the_committed_numbers_come_out_of_the_score_table_again(study: str) -> None:
    """In a process of its own: no torch and no OpenCV is loaded, and no number differs."""
    code = (
        "import sys; from dfdlib.evaluation import recompute; recompute.main(); "
        "assert not {'torch', 'cv2', 'dlib'} & set(sys.modules), 'it needs more than the table'"
    )
    command = [sys.executable, "-c", code, str(paths.root() / "results" / "scores" / f"{study}.csv")]
    environment = {"PATH": "", "PYTHONPATH": str(paths.root())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 30 and "recorded" not in done.stdout


def test_a_number_that_was_changed_by_hand_is_found(tmp_path) -> None:
    (tmp_path / "scores").mkdir()
    table = Path(shutil.copy(paths.root() / "results" / "scores" / "embedded.csv", tmp_path / "scores"))
    with pytest.raises(DfdError, match="has no numbers in .*; name a score table, such as"):
        recompute.recompute(table)
    committed = json.loads((paths.root() / "results" / "embedded.json").read_text())
    rows = [row for row in committed["rows"] if row["id"] == "resnet.frame_acc"]
    (tmp_path / "embedded.json").write_text(json.dumps({"rows": [rows[0] | {"value": 0.99}]}))
    assert "(recorded: 0.99 [" in recompute.recompute(table)[0]
