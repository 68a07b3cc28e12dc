"""Learning from blends beside learning from a data set's fakes: who is trained, on what, and what the gains are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths, studies
from dfdlib.core.studies import ResNetParams
from dfdlib.evaluation import results
from dfdlib.experiments import without_fakes
from dfdlib.faces.frames import COLUMNS, FrameSet

STUDY = replace(studies.load("smoke"), name="tiny", seed=5, trainings=2, bootstrap=50, resnet=ResNetParams(epochs=1))


@pytest.fixture(autouse=True)
def own_results(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))


def _frames(people: int, labels: tuple[int, ...] = (0, 1)) -> FrameSet:
    rows = [(f"{p}-{label}", 0, label, f"p{p}", f"p{p}", "test") for p in range(people) for label in labels]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return FrameSet(table, np.zeros((len(rows), 8, 8, 3), np.uint8), np.zeros((len(rows), 68, 2)), np.zeros((0, 2)))


class _Run:
    """Stands in for a training: right about a share of the people that its recipe and seed decide."""

    def __init__(self, wrong: int) -> None:
        self.wrong = wrong

    def score(self, seen: FrameSet, study: studies.Study) -> pd.DataFrame:
        p = np.where(seen.labels == 1, 0.9, 0.1)
        people = seen.table["person"].str.removeprefix("p").astype(int)
        return seen.scored(np.where(people < self.wrong, 0.5, p))


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """Both recipes are stubs; what they were given is noted."""
    given = []

    def recipe(name: str, wrong: int):
        def train(own: studies.Study, frames: FrameSet) -> _Run:
            given.append((name, own.seed, frames))
            return _Run(wrong + own.seed - STUDY.seed)

        return train

    monkeypatch.setattr(
        without_fakes, "RECIPES", {"no_fakes": recipe("no_fakes", 0), "one_cycle": recipe("one_cycle", 4)}
    )
    return given


def test_both_recipes_are_trained_with_the_same_seeds_on_the_same_frames(asked) -> None:
    frames = _frames(8)
    found = without_fakes.scores(STUDY, frames, {"own": frames, "real": _frames(8, (0,)), "few": _frames(4)})
    assert [(name, seed) for name, seed, _ in asked] == [
        ("no_fakes", 5),
        ("one_cycle", 5),
        ("no_fakes", 6),
        ("one_cycle", 6),
    ]
    assert all(given is frames for *_, given in asked)
    assert list(found) == without_fakes.COLUMNS and len(found) == 2 * 2 * (16 + 8 + 8)
    ids = [f"no_fakes.own.{name}" for name in ("frame_auc_gain", "no_fakes.frame_auc", "one_cycle.frame_auc")]
    assert list(without_fakes.numbers(found, 50)) == ids, "others have no AUC"


def test_a_gain_is_without_fakes_minus_with_and_the_mean_over_trainings(asked) -> None:
    frames = _frames(8)
    table = without_fakes.scores(STUDY, frames, {"own": frames})
    found = without_fakes.record(STUDY, table)
    # Of k people both frames score 0.5: of 8 x 8 pairs k x k tie. For k = 0, 1 (without) and 4, 5 (with fakes):
    tied = [(k * k) / 64 / 2 for k in (0, 1, 4, 5)]
    gain = found["no_fakes.own.frame_auc_gain"]
    assert gain.value == pytest.approx((tied[2] + tied[3]) / 2 - (tied[0] + tied[1]) / 2)
    assert (gain.n, gain.people, gain.trainings) == (16, 8, 2) and gain.low < gain.value < gain.high
    every = without_fakes.numbers(table, STUDY.bootstrap)
    levels = [every[f"no_fakes.own.{recipe}.frame_auc"].value for recipe in ("no_fakes", "one_cycle")]
    assert levels == pytest.approx([1 - (tied[0] + tied[1]) / 2, 1 - (tied[2] + tied[3]) / 2])
    assert {row["id"] for row in results.rows("tiny")} == {*found}
    written = pd.read_csv(paths.results("tiny") / "no_fakes" / "tiny.csv")
    again = without_fakes.numbers(written, STUDY.bootstrap)
    assert again == every and again.items() >= found.items(), "the numbers follow from the table on disk"


def test_scores_next_to_zero_keep_their_order(asked, monkeypatch) -> None:
    tiny = lambda self, seen, study: seen.scored(np.where(seen.labels == 1, 2e-9, 1e-9))  # noqa: E731
    monkeypatch.setattr(_Run, "score", tiny)
    frames = _frames(8)
    table = without_fakes.scores(STUDY, frames, {"own": frames}).round(4)
    kept = without_fakes.with_p_fake(table)
    assert kept["p_fake"].to_numpy() == pytest.approx(np.where(kept["label"] == 1, 2e-9, 1e-9), rel=1e-4)
    monkeypatch.setattr(_Run, "score", lambda self, seen, study: seen.scored(seen.labels.astype(np.float32)))
    sure = without_fakes.scores(STUDY, frames, {"own": frames})["logit"]
    assert set(sure) == {-without_fakes.MOST, without_fakes.MOST}, "no infinity"


def test_the_committed_gains_follow_from_the_committed_scores() -> None:
    found = without_fakes.numbers(
        results.committed_table("uadfv", without_fakes.TABLE), studies.load("uadfv").bootstrap
    )
    assert {"no_fakes.uadfv.frame_auc_gain", "no_fakes.embedded-easy.frame_auc_gain"} <= {*found}
    rows = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    for key, number in found.items():
        ends = [round(getattr(number, name), 6) for name in ("value", "low", "high")]
        assert ends == [rows[key][name] for name in ("value", "low", "high")], key
