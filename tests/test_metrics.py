"""Scores against scikit-learn and hand-computed cases; intervals against a formula and a simulation."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binomtest, ttest_1samp
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from benchmarks import coverage as simulated_coverage
from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import arbiter, intervals, metrics, statistics
from dfdlib.evaluation.intervals import Estimate


def _table(labels, p_fake, people=None, clips=None) -> pd.DataFrame:
    n = len(labels)
    return pd.DataFrame(
        {
            "clip_id": clips if clips is not None else [f"c{i}" for i in range(n)],
            "frame": range(n),
            "label": labels,
            "pair": "p",
            "person": people if people is not None else [f"person{i}" for i in range(n)],
            "split": "test",
            "p_fake": np.asarray(p_fake, float),
        }
    )


def test_auc_is_the_chance_that_a_fake_scores_higher() -> None:
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, 60), rng.integers(0, 8, 60) / 8  # with ties
    pairs = [(f > r) + 0.5 * (f == r) for f in p[labels == 1] for r in p[labels == 0]]
    assert statistics.auc(labels, p, np.ones((1, 60)))[0] == pytest.approx(np.mean(pairs), abs=1e-12)


def test_all_resamples_at_once_give_scikit_learns_scores_one_by_one() -> None:
    rng = np.random.default_rng(5)
    labels, p = rng.integers(0, 2, 200), rng.integers(0, 30, 200) / 30  # with ties
    weights = rng.integers(0, 3, (50, 200)).astype(float)  # some rows are left out
    for name, reference in {"auc": roc_auc_score, "ap": average_precision_score}.items():
        expected = [reference(labels, p, sample_weight=w) for w in weights]
        assert statistics.STATISTICS[name](labels, p, weights) == pytest.approx(expected, abs=1e-12), name
    crossings = []
    for w in weights:
        alarm, hit, _ = roc_curve(labels, p, sample_weight=w, drop_intermediate=False)
        rate = np.linspace(0, 1, 200_001)
        crossings.append(rate[np.argmin(np.abs(rate - (1 - np.interp(rate, alarm, hit))))])
    assert statistics.eer(labels, p, weights) == pytest.approx(crossings, abs=1e-4)


def _crowd(people: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Scores with ties of people with very different numbers of frames, their numbers, and weights of people."""
    rng = np.random.default_rng(people)
    codes = np.sort(rng.integers(0, people, 300))
    table = _table(rng.integers(0, 2, 300), rng.integers(0, 12, 300) / 12, people=codes.astype(str))
    drawn = rng.multinomial(people, np.full(people, 1 / people), size=40).astype(float)
    return table, pd.factorize(table["person"])[0], drawn


@pytest.mark.parametrize("people", [2, 7, 40])
def test_weights_of_people_give_what_their_rows_give(people: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table, codes, weights = _crowd(people)
    labels, p = table["label"].to_numpy(), table["p_fake"].to_numpy()
    for name, statistic in statistics.STATISTICS.items():
        by_rows = statistic(labels, p, weights[:, codes])
        assert statistic(labels, p, weights, codes) == pytest.approx(by_rows, abs=1e-12, nan_ok=True), name
    by_pairs = statistics.auc(labels, p, weights, codes)
    monkeypatch.setattr(statistics, "CROWD", 1)  # more people than that: by the curve
    assert statistics.auc(labels, p, weights, codes) == pytest.approx(by_pairs, abs=1e-12, nan_ok=True)


def test_the_auc_of_a_resample_is_scikit_learns_on_the_rows_that_were_drawn() -> None:
    table, codes, _ = _crowd(9)
    labels, p = table["label"].to_numpy(), table["p_fake"].to_numpy()
    draws = metrics.bootstrap(table, statistics.auc, 25, seed=3)
    for found, times in zip(draws, metrics.person_weights(table["person"], 25, seed=3).astype(int), strict=True):
        drawn = np.repeat(np.arange(len(p)), times)
        assert found == pytest.approx(roc_auc_score(labels[drawn], p[drawn]), abs=1e-12)
    pairs = statistics.concordance(labels, p, codes, 9)
    fakes, reals = p[(labels == 1) & (codes == 4)], p[(labels == 0) & (codes == 7)]
    assert pairs[4, 7] == sum((fake > real) + 0.5 * (fake == real) for fake in fakes for real in reals)


def test_many_rows_and_people_need_no_table_of_rows() -> None:
    """30,000 rows times 2,000 resamples would be half a gigabyte, and all pairs of rows seven."""
    rng = np.random.default_rng(6)
    labels, p, people = rng.integers(0, 2, 30_000), rng.random(30_000).round(3), rng.integers(0, 200, 30_000)
    table, most = _table(labels, p, people=people.astype(str)), {}
    for name in ("auc", "acc", "ece", "brier"):
        tracemalloc.start()
        found = metrics.estimate(table, name, "frames", 2000)
        most[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.low < found.value < found.high
    assert max(most.values()) < 50e6, most
    assert metrics.estimate(table, "auc", "frames", 2).value == pytest.approx(roc_auc_score(labels, p), abs=1e-12)


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table, codes, weights = _crowd(7)
    labels, p = table["label"].to_numpy(), table["p_fake"].to_numpy()
    for name in ("eer", "ap"):
        whole = statistics.STATISTICS[name](labels, p, weights, codes)
        monkeypatch.setattr(statistics, "AT_ONCE", 1)  # blocks of 16, 16 and 8
        assert np.array_equal(statistics.STATISTICS[name](labels, p, weights, codes), whole, equal_nan=True), name
        monkeypatch.undo()


def test_the_quantiles_are_scipys() -> None:
    """scipy.stats takes seconds to import; what it computes by scipy.special is used directly."""
    for count, n in ((0, 5), (1, 7), (27, 28), (40, 40)):
        low, high = binomtest(count, n).proportion_ci(method="wilson")
        found = intervals.proportion(count, n, "videos")
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-15)
    draws = np.random.default_rng(0).normal(0.7, 0.05, 200)
    half = student.ppf(0.975, 8) * draws.std() * np.sqrt(9 / 8)
    assert intervals.half_width(draws, 9) == pytest.approx(half, abs=1e-15)
    people = pd.Series(np.tile(np.arange(9), 23)[:200]).astype(str)
    half = intervals.half_width(draws, intervals.effective_people(people))
    drawn = (half / student.ppf(0.975, 199)) ** 2 / 0.21
    assumed = 1 / 200 + (1 / 9 - 1 / 200) * intervals.LIKENESS
    weight = 4 * 0.21 * 9 / intervals.DOUBT
    rows = (1 + weight) / (weight * drawn + assumed)
    expected = beta.ppf(0.025, 0.7 * rows, 0.3 * rows + 1), beta.ppf(0.975, 0.7 * rows + 1, 0.3 * rows)
    assert intervals.share_interval(0.7, draws, people) == pytest.approx(expected, abs=1e-14)


def test_people_with_more_rows_are_fewer_people() -> None:
    assert intervals.effective_people(pd.Series(["a", "b", "c"] * 4)) == pytest.approx(3)
    assert intervals.effective_people(pd.Series(["a"] * 4 + ["b"] * 2)) == pytest.approx(36 / 20)
    assert np.isnan(intervals.half_width(np.zeros(3), intervals.effective_people(pd.Series(["a"] * 4))))


@pytest.mark.parametrize("unit", ["frames", "videos"])
def test_nothing_jumps_where_the_last_error_goes(unit: str) -> None:
    """The interval of a perfect score is that of one with a single error, nearly: for scores and for differences."""
    pairs, rows = (4, 3, 2, 2, 1, 1, 1), 32 if unit == "frames" else 1
    people = np.repeat([f"p{i}" for i in range(7)], [2 * rows * pair for pair in pairs])
    labels = np.tile([0, 1], len(people) // 2)
    lows = []
    for wrong in (0, 1):
        p = np.where(np.arange(len(people)) < wrong, 1 - labels, labels) * 0.8 + 0.1
        table = _table(labels, p, people=people)
        lows.append(metrics.estimate(table, "acc", unit, 2000).low)
        gap = metrics.difference(table, _table(labels, labels * 0.8 + 0.1, people=people), "acc", unit, 2000)
        assert gap.low <= 0 <= gap.high
    assert abs(lows[1] - lows[0]) < 0.04, "99.7 % once had [97.6, 100] and 100 % had [66.4, 100]"
    assert lows[0] > (0.85 if unit == "frames" else 0.75)


def test_holm_and_p_values_by_hand() -> None:
    assert intervals.holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert intervals.holm([0.6, 0.7]) == pytest.approx([1, 1])
    for value, half in ((0.2, 0.1), (0.1, 0.1), (-0.05, 0.1)):
        found = intervals.p_value(Estimate(value, value - half, value + half, 100, "frames", 8))
        expected = 2 * student.sf(abs(value) / (half / student.ppf(0.975, 7)), 7)
        assert found == pytest.approx(expected, abs=1e-12)
    assert intervals.p_value(Estimate(0.1, 0.0, 0.2, 100, "frames", 8)) == pytest.approx(0.05)


def test_a_forced_choice_compares_a_fake_with_its_own_real_frame() -> None:
    rows = [("a", 0, 0, 0.4), ("a", 0, 1, 0.6), ("a", 1, 0, 0.9), ("a", 1, 1, 0.2), ("b", 0, 0, 0.5), ("b", 0, 1, 0.5)]
    rows += [("b", 9, 1, 0.0), ("c", 0, 0, 0.1), ("c", 0, 1, 0.2)]  # frame 9 of b has no real partner
    table = pd.DataFrame(rows, columns=["pair", "frame", "label", "p_fake"]).assign(person=lambda t: t["pair"])
    found = metrics.paired_choice(table, 200)
    assert found.value == pytest.approx((1 + 0 + 0.5 + 1) / 4) and (found.n, found.people, found.chance) == (4, 3, 0.5)
    assert found.low < found.value < found.high


def test_chance_is_what_one_verdict_for_all_gets() -> None:
    table = _table([0, 1, 1, 1], [0.1, 0.9, 0.9, 0.2])
    assert metrics.estimate(table, "acc", "frames", 20).chance == 0.75
    assert metrics.estimate(table, "auc", "frames", 20).chance == 0.5
    assert metrics.estimate(table, "brier", "frames", 20).chance is None


def test_accuracy_calls_half_fake() -> None:
    labels = np.array([0, 0, 1, 1])
    assert statistics.accuracy(labels, np.array([0.49, 0.5, 0.5, 0.1]), np.ones((1, 4))) == 0.5


def test_equal_error_rate_by_hand() -> None:
    # At a threshold of 0.5 one of four reals is called fake and one of four fakes is missed.
    p = np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9])
    assert statistics.eer(np.repeat([0, 1], 4), p, np.ones((1, 8))) == pytest.approx(0.25)
    assert statistics.eer(np.repeat([0, 1], 4), np.repeat([0.1, 0.9], 4), np.ones((1, 8))) == 0
    assert statistics.eer(np.repeat([0, 1], 4), np.full(8, 0.5), np.ones((1, 8))) == pytest.approx(0.5)


def test_resamples_without_both_classes_are_left_out() -> None:
    # Two people, one all real and one all fake: half of the resamples hold one of them alone.
    table = _table([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], people=["a", "a", "b", "b"])
    for name, right in {"auc": 1, "eer": 0, "ap": 1}.items():
        found = metrics.estimate(table, name, "frames", 80)
        draws = metrics.bootstrap(table, statistics.STATISTICS[name], 80, 0)
        assert found.value == right and found.people == 2, name
        assert 0.35 < np.isnan(draws).mean() < 0.65, name


def test_weights_count_rows_as_copies() -> None:
    rng = np.random.default_rng(1)
    labels, p, w = np.tile([0, 1], 20), rng.random(40), rng.integers(1, 4, 40)
    for name, statistic in statistics.STATISTICS.items():
        copies = statistic(np.repeat(labels, w), np.repeat(p, w), np.ones((1, w.sum())))
        assert statistic(labels, p, w[None].astype(float)) == pytest.approx(copies, abs=1e-9), name


def test_videos_are_means_of_frames() -> None:
    frames = _table([0, 0, 1], [0.2, 0.6, 0.9], clips=["a", "a", "b"]).assign(person="x")
    assert metrics.to_videos(frames)["p_fake"].tolist() == pytest.approx([0.4, 0.9])


def test_videos_of_a_person_are_not_independent_either() -> None:
    """UADFV's test part: 28 videos of 7 people. Wilson's interval for independent videos would be [49, 82]."""
    scores = pd.read_csv(paths.root() / "results" / "scores" / "uadfv.csv", dtype={"clip_id": str, "pair": str})
    test = scores.query("branch == 'headpose.paper' and split == 'test'")
    found = metrics.estimate(metrics.to_videos(test), "acc", "videos", 2000)
    assert (found.n, found.people) == (28, 7) and found.value == pytest.approx(19 / 28)
    assert 0.30 < found.low < 0.40 and 0.87 < found.high < 0.95


def test_frames_of_one_person_are_not_independent_witnesses() -> None:
    rng = np.random.default_rng(2)
    right = np.repeat(rng.random(20) < 0.8, 30)  # a person is right in all frames or in none
    table = _table(np.ones(600, int), np.where(right, 0.9, 0.1), people=np.repeat([f"p{i}" for i in range(20)], 30))
    clustered = metrics.estimate(table, "acc", "frames", 500)
    naive = metrics.estimate(table.assign(person=[f"p{i}" for i in range(600)]), "acc", "frames", 500)
    assert clustered.high - clustered.low > 3 * (naive.high - naive.low)


@pytest.mark.parametrize(("statistic", "unit"), simulated_coverage.WHAT)
@pytest.mark.parametrize("who", [*simulated_coverage.PEOPLE][::3])
@pytest.mark.parametrize("detector", ["weak", "strong", "leaning by clip"])
def test_the_interval_covers_the_truth(statistic: str, unit: str, who: str, detector: str) -> None:
    """Of 150 simulated test parts; of 1000, in benchmarks/coverage.md."""
    covered = simulated_coverage.of_score(statistic, unit, who, detector, 150)
    assert 0.90 <= covered["ours"] and covered["ours"] > covered["percentiles"]
    assert covered["width"] < 0.75, "it holds the truth by holding everything"
    assert covered.get("wilson", 0) < covered["ours"]


def test_the_interval_of_a_mean_and_of_a_difference_cover_the_truth() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for trial in range(200):
        values = np.repeat(rng.normal(0, 1, 9), 4) + rng.normal(0, 0.3, 36)
        found = metrics.mean_over_people(
            values, pd.Series(np.repeat(np.arange(9), 4).astype(str)), "images", 200, trial
        )
        hits += found.low <= 0 <= found.high
    assert 0.91 <= hits / 200 <= 0.99
    assert 0.91 <= simulated_coverage.of_difference("9, one pair each", "middling", 200) <= 1.0


def test_with_a_row_for_each_person_the_interval_is_that_of_a_count() -> None:
    table = _table(np.ones(60, int), np.repeat([0.9, 0.1], [48, 12]), people=[f"p{i}" for i in range(60)])
    found = metrics.estimate(table, "acc", "frames", 20_000)
    exact = binomtest(48, 60).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.005)


def test_a_perfect_score_keeps_an_interval() -> None:
    table = _table(np.tile([0, 1], 9), np.tile([0.1, 0.9], 9), people=np.repeat([f"p{i}" for i in range(9)], 2))
    found = metrics.estimate(table, "auc", "frames", 100)
    # Clopper and Pearson: with all right, a true share below this would be seen in 2.5 of 100 cases at most.
    rows = 18 / (1 + intervals.LIKENESS)  # two of each person
    assert (found.value, found.high) == (1, 1) and found.low**rows == pytest.approx(0.025)
    wrong = metrics.estimate(table.assign(p_fake=1 - table["p_fake"]), "auc", "frames", 100)
    assert (wrong.value, wrong.low) == (0, 0) and wrong.high == pytest.approx(1 - found.low)


def test_the_smallest_effect_is_seen_four_times_in_five() -> None:
    """Simulation: with a true mean as large as `detectable` says, 80 of 100 intervals exclude zero."""
    rng = np.random.default_rng(5)
    people = pd.Series(np.arange(12).astype(str))
    drawn = (metrics.mean_over_people(rng.normal(0, 1, 12), people, "", 200, k) for k in range(200))
    sizes = [intervals.detectable(one) for one in drawn]
    found = [metrics.mean_over_people(rng.normal(np.mean(sizes), 1, 12), people, "", 200, k) for k in range(300)]
    assert 0.72 <= np.mean([e.low > 0 for e in found]) <= 0.90


def test_calibration_by_hand() -> None:
    labels, p = np.array([0, 1, 1, 1]), np.array([0.25, 0.25, 0.95, 0.99])
    # The bin of 0.25: mean 0.25 against a share of 0.5, two of four; that of 0.9 to 1: 0.97 against 1, two of four.
    assert statistics.calibration_error(labels, p, np.ones((1, 4)))[0] == pytest.approx(0.5 * 0.25 + 0.5 * 0.03)
    expected = (0.25**2 + 0.75**2 + 0.05**2 + 0.01**2) / 4
    assert statistics.brier(labels, p, np.ones((1, 4)))[0] == pytest.approx(expected)


def test_a_paired_difference_cancels_what_is_shared() -> None:
    rng = np.random.default_rng(4)
    labels, p = np.tile([0, 1], 100), rng.random(200)
    a, b = _table(labels, p), _table(labels, p)
    same = metrics.difference(a, b, "auc", "frames", 50)
    assert same.value == 0 and same.high == -same.low > 0
    better = metrics.difference(_table(labels, p + 0.2 * labels), b, "auc", "frames", 80)
    gain = roc_auc_score(labels, p + 0.2 * labels) - roc_auc_score(labels, p)
    assert better.value == pytest.approx(gain) and better.low > 0
    with pytest.raises(DfdError, match="same frames in the same order"):
        metrics.difference(a, b.iloc[::-1], "auc", "frames", 10)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(DfdError, match="not a number"):
        metrics.estimate(_table([0, 1], [0.1, np.nan]), "auc", "frames", 10)


def test_rules_of_the_decision_maker() -> None:
    resnet, pose = _table([0, 1, 1], [0.2, 0.9, 0.6]), _table([0, 1, 1], [0.8, 0.7, 0.0])
    expected = {"mean": [0.5, 0.8, 0.3], "either": [0.8, 0.9, 0.6], "both": [0.2, 0.7, 0.0], "resnet": [0.2, 0.9, 0.6]}
    for rule, values in expected.items():
        assert arbiter.combine(resnet, pose, rule)["p_fake"].tolist() == pytest.approx(values), rule


def test_the_decision_maker_refuses_what_it_does_not_know() -> None:
    table = _table([0, 1], [0.2, 0.9])
    with pytest.raises(DfdError, match="no rule 'median'"):
        arbiter.combine(table, table, "median")
    with pytest.raises(DfdError, match="no frame in common"):
        arbiter.combine(table, table.assign(frame=[7, 8]), "mean")


def _trained(shares: list[float], people: int = 5) -> list[pd.DataFrame]:
    """A score table for each training, right in this share of each person's ten frames."""
    tables = []
    for share in shares:
        rows = [(f"p{person}", frame % 2, frame / 10 < share) for person in range(people) for frame in range(10)]
        table = pd.DataFrame(rows, columns=["person", "label", "right"])
        wrong = (table["label"] + 1) % 2
        tables.append(table.assign(p_fake=table["label"].where(table["right"], wrong).astype(float)))
    return tables


def test_equal_trainings_change_neither_number_nor_interval() -> None:
    rng = np.random.default_rng(0)
    table = _table(rng.integers(0, 2, 60), rng.random(60), people=[f"person{i % 6}" for i in range(60)])
    one, three = (metrics.estimate(scores, "acc", "frames", 500) for scores in (table, [table] * 3))
    assert (one.value, one.low, one.high) == (three.value, three.low, three.high)
    assert three.trainings == 3 and three.counted.endswith(" people, 3 trainings")


def test_trainings_that_differ_widen_the_interval_as_students_does() -> None:
    """All people score alike, so that only the trainings spread: the authority is SciPy's interval of their mean."""
    gains = [0.1, 0.3, 0.2]
    found = metrics.difference(_trained([0.5 + gain for gain in gains]), _trained([0.5] * 3), "acc", "frames", 200)
    expected = ttest_1samp(gains, 0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, expected.low, expected.high), abs=5e-4)
    near, far = (metrics.estimate(_trained(shares), "acc", "frames", 200) for shares in ([0.7] * 3, [0.6, 0.7, 0.8]))
    assert near.value == pytest.approx(far.value) and far.low < near.low and far.high > near.high


def test_trainings_of_other_frames_are_refused() -> None:
    a, b = (table.assign(clip_id=[*range(len(table))]) for table in _trained([0.5, 0.6]))
    with pytest.raises(DfdError, match="same frames in the same order"):
        metrics.estimate([a, b[::-1]], "acc", "frames", 100)


def test_the_page_of_coverage_compares_with_the_committed_scores_in_words() -> None:
    page = (paths.root() / "benchmarks" / "coverage.md").read_text(encoding="utf-8")
    assert page.endswith("\n\n" + simulated_coverage.of_uadfv())
    assert "| head pose, as in Yang et al. |" in page and "headpose." not in page
