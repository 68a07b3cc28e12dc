"""The shipped detector under worse conditions: what is changed, what is counted, and what is committed."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import studies
from dfdlib.detector import looking, shipped
from dfdlib.evaluation import intervals, metrics, results
from dfdlib.experiments import committed, conditions, transfer
from dfdlib.experiments.conditions import CONDITIONS, LEVELS, UNCHANGED, Condition
from dfdlib.faces import geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.plots import canvas, condition_figures
from tools.weights import card
from tools.weights import detector as detector_weights

UADFV = studies.load("uadfv")
NAMES = [UNCHANGED, *(condition.name for condition in CONDITIONS)]


def _square(side: int = 128, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def _frames(count: int) -> FrameSet:
    rows = [(f"c{i}", i, i % 2, f"c{i}", f"p{i}", "test") for i in range(count)]
    crops = np.stack([_square(seed=i) for i in range(count)])
    table = pd.DataFrame(rows, columns=COLUMNS)
    return FrameSet(table, crops, np.zeros((count, 68, 2), np.float32), np.full((count, 2), 256))


def _toy(people: int = 8) -> pd.DataFrame:
    """Of each person a real frame with 0.2 and a fake one with 0.8, whatever the condition."""
    rows = [(f"p{p}-{label}", 0, label, f"p{p}", f"p{p}", "test") for p in range(people) for label in (0, 1)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(**dict.fromkeys(NAMES, np.where(table["label"] == 1, 0.8, 0.2)))


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_a_condition_changes_pixels_alone_and_leaves_what_is_given_as_it_was(condition: Condition) -> None:
    square, flat = _square(), np.full((128, 128, 3), 90, np.uint8)
    given = square.copy()
    found = condition.changed(square)
    assert found.shape == square.shape and found.dtype == np.uint8 and np.array_equal(square, given)
    assert np.abs(found.astype(int) - square).mean() > 1
    assert np.abs(condition.changed(flat).astype(int) - 90).max() <= 5, "a plain square loses a level of grey"
    assert np.array_equal(condition.changed(square), found), "nothing is drawn by chance"


def test_heights_are_those_of_the_square_and_keep_the_means_of_its_blocks_alone() -> None:
    square = _square()
    assert np.array_equal(Condition("height", 128).changed(square), square), "128 px is the square as it is read"
    for height, block in ((64, 2), (32, 4)):
        blocks = square.reshape(height, block, height, block, 3)
        turned = blocks[:, ::-1, :, ::-1].reshape(square.shape)  # other pixels, the same means
        found = [Condition("height", height).changed(each) for each in (square, turned)]
        assert np.array_equal(*found) and not np.array_equal(square, turned)
        steps = np.repeat(np.repeat(np.arange(height)[:, None] % 2 * 200, block, 0), 128, 1).astype(np.uint8)
        kept = Condition("height", height).changed(np.dstack([steps] * 3))
        assert np.ptp(kept) >= 200, "stripes as fine as the height allows are there still"
    stripes = np.broadcast_to((np.arange(128)[:, None, None] % 2 * 200).astype(np.uint8), square.shape)
    assert np.unique(Condition("height", 64).changed(np.ascontiguousarray(stripes))).tolist() == [100]


def test_sigma_is_a_share_of_the_squares_side() -> None:
    """A blurred edge rises as the Gaussian's bell does, so the bell's deviation can be read from it."""
    for side, level, sigma in ((256, 4, 4.0), (256, 2, 2.0), (128, 4, 2.0), (128, 2, 1.0), (512, 4, 8.0)):
        edge = np.zeros((side, side, 3), np.uint8)
        edge[:, side // 2 :] = 250
        rise = np.diff(Condition("blur", level).changed(edge)[side // 2, :, 0].astype(float)) / 250
        places = np.arange(side - 1) - (side // 2 - 1)
        assert rise.sum() == pytest.approx(1) and (rise * places).sum() == pytest.approx(0, abs=0.05)
        assert np.sqrt((rise * places**2).sum()) == pytest.approx(sigma, rel=0.05), (side, level)


def test_each_kind_goes_from_slight_to_strong() -> None:
    smooth = np.clip(np.cumsum(_square().astype(int) - 127, axis=1) // 8 + 127, 0, 255).astype(np.uint8)
    for kind, levels in LEVELS.items():
        lost = [np.square(Condition(kind, n).changed(smooth).astype(float) - smooth).mean() for n in levels]
        assert lost == sorted(lost) and lost[0] > 0, kind
    assert np.array_equal(Condition("jpeg", 30).changed(smooth), geometry.jpeg(smooth, 30)), "as in detector_scores"
    assert len(set(NAMES)) == len(NAMES) == 14


def test_every_frame_is_scored_as_it_is_and_under_each_condition() -> None:
    found, seen = _frames(3), []

    def mean(crops: np.ndarray) -> np.ndarray:
        seen.append(crops)
        return crops.mean((1, 2, 3)) / 255

    scored = conditions.scores(found, mean)
    assert list(scored) == [*COLUMNS, *NAMES] and scored[COLUMNS].equals(found.table)
    assert np.array_equal(seen[0], found.crops) and len(seen) == len(NAMES)
    for crops, name in zip(seen, NAMES, strict=True):
        assert scored[name].tolist() == (crops.mean((1, 2, 3)) / 255).round(4).tolist()
    own = next(condition for condition in CONDITIONS if condition.name == "blur_2")
    assert np.array_equal(seen[NAMES.index("blur_2")][1], own.changed(found.crops[1]))


def test_a_toy_table_is_counted_as_by_hand() -> None:
    scored = _toy()
    first = scored["person"] == "p1"
    scored.loc[first & (scored["label"] == 1), "height_24"] = 0.1  # below all 8 reals: 8 of 64 pairs are lost
    scored.loc[first & (scored["label"] == 0), "jpeg_10"] = 0.8  # as high as 8 fakes: half of 8 pairs
    found = conditions.estimates(scored, 50)
    assert {name: each["frame_auc"].value for name, each in found.items()} == pytest.approx(
        dict.fromkeys(NAMES, 1.0) | {"height_24": 1 - 8 / 64, "jpeg_10": 1 - 4 / 64}
    )
    gains = {name: each["frame_auc_gain"] for name, each in found.items() if name != UNCHANGED}
    assert "frame_auc_gain" not in found[UNCHANGED] and len(gains) == len(CONDITIONS)
    assert gains["height_24"].value == pytest.approx(-8 / 64) and gains["jpeg_10"].value == pytest.approx(-4 / 64)
    assert gains["blur_1"].value == 0 and gains["blur_1"].low < 0 < gains["blur_1"].high
    shares = {name: (each["real_called_fake"].value, each["fake_called_fake"].value) for name, each in found.items()}
    assert shares == dict.fromkeys(NAMES, (0, 1)) | {"height_24": (0, 7 / 8), "jpeg_10": (1 / 8, 1)}
    keys = set(conditions.by_id(scored, 50))
    assert {"detector.conditions.height_24.frame_auc_gain", "detector.conditions.unchanged.frame_auc"} <= keys
    assert len(keys) == 4 * len(NAMES) - 1


def test_the_table_counts_as_the_other_tests_of_the_detector_do_and_corrects_for_all_conditions() -> None:
    scored = _toy().assign(height_24=np.linspace(0.9, 0.1, 16), jpeg_50=np.linspace(0.1, 0.9, 16))
    table = conditions.table(scored, 50)
    assert table["condition"].tolist() == NAMES and table["level"].tolist()[:4] == [0, 96, 64, 48]
    for row in table.to_dict("records"):
        wanted = transfer.test_row(conditions.under(scored, row["condition"]), 50)
        own = {key: row[key] for key in wanted if not key.startswith("video_auc")}
        assert own == {key: wanted[key] for key in own} and row["frames"] == 16 and row["people"] == 8
        gain = metrics.difference(*(conditions.under(scored, n) for n in (row["condition"], UNCHANGED)), "auc", "f", 50)
        if row["condition"] != UNCHANGED:
            assert (row["frame_auc_gain"], row["frame_auc_gain_low"]) == (gain.value, gain.low)
            assert row["p"] == intervals.p_value(gain)
    known = table.iloc[1:]
    assert known["holm"].tolist() == intervals.holm(known["p"]).tolist() and np.isnan(table["holm"][0])
    assert known["holm"].min() == pytest.approx(min(1, 13 * known["p"].min()))


def test_the_committed_scores_are_those_of_the_detectors_other_tests_and_the_rows_follow_from_them() -> None:
    scored = results.committed_table("uadfv", "detector_conditions")
    assert list(scored) == [*COLUMNS, *NAMES] and len(scored) == 889 and set(scored["split"]) == {"test"}
    known = results.committed_table("uadfv", "detector_scores")
    for tested, name in (("uadfv", UNCHANGED), ("jpeg30", "jpeg_30")):
        part = known[known["tested"] == tested].reset_index(drop=True)
        pd.testing.assert_frame_equal(part[COLUMNS], scored[COLUMNS])
        assert np.abs(part["resnet"] - scored[name]).max() < 2e-4, "of one network, on one processor or another"
    rows = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    found = committed.SOURCES["detector_conditions"](UADFV)
    assert {key for key in rows if key.startswith("detector.conditions.")} == set(found)
    assert all(rows[key] == results.row_of("uadfv", key, number) for key, number in found.items())


def test_the_tool_writes_the_scores_of_the_test_part_and_the_cards_table(monkeypatch) -> None:
    smoke, kept = studies.load("smoke"), {}
    whole = _frames(6)
    whole.table.loc[4:, "split"] = "train"
    asked = []
    monkeypatch.setattr(detector_weights.frames, "of_study", lambda study: asked.append(study) or whole)
    monkeypatch.setattr(results, "write_table", lambda study, name, table: kept.setdefault((study, name), table))

    def by_number(crops: np.ndarray, points: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"resnet": np.linspace(0.2, 0.8, len(crops)), "p_fake": 0.5})

    monkeypatch.setattr(shipped, "scores", by_number)
    (said,) = detector_weights.COMPARISONS["conditions"](smoke, lambda row: None)
    (scored,) = kept.values()
    assert [*kept] == [("smoke", "detector_conditions")] and len(scored) == 4 and scored["jpeg_10"].max() == 0.8
    assert asked[0].faces == replace(looking.FACE, max_frames=smoke.faces.max_frames)
    assert said == card.conditions(conditions.table(scored, smoke.bootstrap)) and said.count("\n") == 15
    assert "| blurred, sigma 0.4 % of the face's side | 0.750 [" in said and "| JPEG of quality 90 |" in said
    assert said.splitlines()[2].split(" | ")[2] == "-", "the unchanged frames are compared with nothing"


def test_the_figure_shows_each_condition_and_fills_what_differs() -> None:
    table = conditions.table(_toy(), 50)
    lost = table["condition"] == "height_24"
    table.loc[lost, ["frame_auc", "frame_auc_low", "frame_auc_high"]] = 0.6, 0.5, 0.7
    table.loc[lost, ["frame_auc_gain", "frame_auc_gain_low", "frame_auc_gain_high"]] = -0.4, -0.5, -0.3
    fig = condition_figures.conditions(table)
    assert [axis.get_title() for axis in fig.axes[:3]] == ["resolution", "blur", "JPEG"]
    assert [axis.get_xlabel() for axis in fig.axes[3:]] == [words for _, words, _ in condition_figures.PANELS.values()]
    ticks = [[label.get_text() for label in axis.get_xticklabels()] for axis in fig.axes[3:]]
    assert ticks[0] == ["128", "96", "64", "48", "32", "24"]
    assert ticks[1] == ["none", "0.4", "0.8", "1.6"] and ticks[2] == ["none", "90", "70", "50", "30", "10"]
    filled = [
        [x for line in axis.lines if (line.get_marker(), line.get_mfc()) == ("o", "black") for x in line.get_xdata()]
        for axis in fig.axes[:3]
    ]
    assert filled == [[5], [], []], "of the AUCs only that of 24 px"
    assert fig.axes[0].containers[0].lines[2][0].get_segments()[5][:, 1] == pytest.approx([0.5, 0.7])
    colours = [line.lines[0].get_color() for line in fig.axes[3].containers]
    assert colours == [canvas.REAL, canvas.FAKE]
    plt.close(fig)
