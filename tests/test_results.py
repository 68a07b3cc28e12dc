"""Numbers, tables and figures on disk; the study's parameters; the cache; the command line."""

from __future__ import annotations

import functools
import json
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from dfdlib.command import run
from dfdlib.core import cache, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import aloud, claims, judging, metrics, readme_tables, recompute, reported, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.plots import canvas, image_figures, score_figures

COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split"]


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    for name in ("RESULTS", "FIGURES", "CACHE"):
        monkeypatch.setenv(f"DFD_{name}", str(tmp_path / name.lower()))


def test_a_number_is_kept_with_its_interval_and_verdict() -> None:
    results.record("x", "resnet.frame_acc", Estimate(0.93, 0.90, 0.96, 100, "frames"))
    results.record("x", "resnet.frame_acc", Estimate(0.83, 0.80, 0.86, 100, "frames"))
    results.record("x", "system.frame_acc", Estimate(0.97, 0.96, 0.98, 100, "frames"))
    rows = {row["id"]: row for row in results.rows("x")}
    assert rows["resnet.frame_acc"]["value"] == 0.83 and rows["resnet.frame_acc"]["paper"] == 0.949
    assert rows["resnet.frame_acc"]["verdict"] == "not compatible: ours is lower"
    assert rows["system.frame_acc"]["verdict"] == "not compatible: ours is higher"
    assert rows["system.frame_acc"]["precision"] == "±1.0 points, precise"
    results.record("x", "nothing", Estimate(float("nan"), float("nan"), float("nan"), 3, "frames"))
    assert "nothing" not in {row["id"] for row in results.rows("x")}
    results.clear("x")
    assert results.rows("x") == []
    assert json.loads((paths.build() / "x" / "previous" / "numbers.json").read_text())["rows"], "set aside, not lost"


@pytest.mark.parametrize(
    ("key", "low", "high", "paper", "words", "precise"),
    [
        ("resnet.frame_acc", 0.91, 0.96, 0.949, "compatible", "±2.5 points, precise"),
        ("resnet.frame_acc", 0.75, 0.95, 0.949, "compatible", "±10.0 points, imprecise"),
        ("resnet.frame_acc", 0.75, 0.85, 0.949, "not compatible: ours is lower", "±5.0 points, precise"),
        ("sr.native.frame_acc_gain", -0.01, 0.014, None, "compatible: at most 2 points", "±1.2 points, precise"),
        ("sr.native.frame_acc_gain", 0.005, 0.015, None, "compatible: at most 2 points", "±0.5 points, precise"),
        ("sr.native.frame_acc_gain", 0.005, 0.055, None, "not compatible: a gain", "±2.5 points, imprecise"),
        ("sr.native.frame_acc_gain", -0.03, 0.03, None, "compatible: inconclusive", "±3.0 points, imprecise"),
        ("system.frame_acc_gain", -0.03, 0.03, 0.006, "compatible; inconclusive", "±3.0 points, imprecise"),
        (
            "folds.system.paper.frame_acc_gain",
            -0.03,
            -0.01,
            0.006,
            "not compatible: ours is lower; a loss",
            "±1.0 points, precise",
        ),
        (
            "system.frame_acc_gain",
            -0.03,
            -0.01,
            0.006,
            "not compatible: ours is lower; inconclusive",
            "±1.0 points, precise",
        ),
        ("no_fakes.embedded.frame_auc_gain", -0.5, -0.09, None, "inconclusive", "±20.5 points, imprecise"),
        ("no_fakes.embedded.frame_auc_gain", -0.5, -0.11, None, "a loss", "±19.5 points, imprecise"),
        ("resnet.gru.frame_auc", 0.59, 0.8, None, "not told from chance", "±10.5 points, imprecise"),
        ("resnet.gru.frame_auc", 0.61, 0.8, None, "above chance", "±9.5 points, imprecise"),
        ("a.frame_auc_gain", -0.05, 0.01, None, "inconclusive", "±3.0 points, imprecise"),
        ("folds.attack.fsrcnn.miss_rate_change", 0.03, 0.09, None, "a rise", "±3.0 points, imprecise"),
        ("folds.attack.fsrcnn.miss_rate_change", -0.09, -0.03, None, "a fall", "±3.0 points, imprecise"),
        ("folds.attack.fsrcnn.miss_rate_change", -0.01, 0.01, None, "at most 2 points", "±1.0 points, precise"),
        ("folds.attack.fsrcnn.miss_rate_change", -0.05, 0.05, None, "inconclusive", "±5.0 points, imprecise"),
        ("folds.attack.fsrcnn.miss_rate", 0.1, 0.3, None, "", "±10.0 points, imprecise"),
        ("a.forced_choice", 0.9, 0.96, None, "", "±3.0 points, precise"),
        ("a.frame_auc", 0.55, 0.75, None, "above chance", "±10.0 points, imprecise"),
        ("a.frame_auc", 0.45, 0.75, None, "not told from chance", "±15.0 points, imprecise"),
        ("a.frame_auc", 0.25, 0.45, None, "below chance", "±10.0 points, imprecise"),
    ],
)
def test_the_two_words_of_a_number(key, low, high, paper, words, precise) -> None:
    row = {"id": key, "low": low, "high": high, "paper": paper, "chance": 0.5 if key.endswith("auc") else None}
    assert (judging.verdict(row), judging.precision(row)) == (words, precise)
    compared = paper is not None or key in judging.NO_EFFECT
    assert judging.verdict(row, synthetic=True) == (judging.SYNTHETIC if compared else words)


def test_every_row_of_the_claim_table_has_a_verdict_and_a_name_of_its_own() -> None:
    assert len({*claims.CLAIMS.values()}) == len(claims.CLAIMS)
    for study in ("uadfv", "embedded"):
        for row in claims.claim_table(study, committed=True):
            assert row[4] and row[5], row


def test_the_papers_numbers_stand_beside_every_row_that_repeats_them() -> None:
    assert judging.PAPER["folds.resnet.one_cycle.frame_acc"] == judging.PAPER["resnet.best_on_test.frame_acc"] == 0.949
    assert judging.PAPER["folds.headpose.paper.video_acc"] == 0.501
    assert judging.PAPER["folds.system.paper.frame_acc_gain"] == pytest.approx(0.955 - 0.949)
    assert "headpose.yang.frame_acc" not in judging.PAPER and "system.ours.frame_acc" not in judging.PAPER


def test_verdicts_are_written_anew_without_images(monkeypatch, tmp_path) -> None:
    frames = pd.DataFrame([(f"{i}", 0, i % 2, f"{i}", f"p{i // 4}", "test") for i in range(40)], columns=COLUMNS)
    table = results.write_scores("embedded", "resnet", frames.assign(p_fake=[0.1, 0.9] * 20))
    results.record("embedded", "resnet.frame_auc", Estimate(0.5, 0.4, 0.6, 40, "frames"))
    results.record("embedded", "other.frame_auc", Estimate(0.7, 0.6, 0.8, 40, "frames", 10, 1, 0.5))
    path = paths.results("embedded") / "scores" / "embedded.csv"
    assert recompute.rewrite(path) == 2
    rows = {row["id"]: row for row in results.rows("embedded")}
    assert rows["resnet.frame_auc"]["value"] == 1 and rows["resnet.frame_auc"]["verdict"] == "above chance"
    assert rows["resnet.frame_auc"]["low"] == pytest.approx(
        metrics.estimate(table, "auc", "frames", 2000).low, abs=1e-6
    )
    assert rows["other.frame_auc"]["value"] == 0.7 and rows["other.frame_auc"]["verdict"] == "above chance"


def test_trainings_come_back_in_their_order_and_older_ones_are_forgotten() -> None:
    table = pd.DataFrame([("0001", 9, 1, "0001", "person01", "test")], columns=COLUMNS)
    for shares in ((0.1, 0.2, 0.3), (0.4, 0.5)):
        results.write_scores("x", "resnet.other", table.assign(p_fake=0.9))
        back = results.write_trainings("x", "resnet", [table.assign(p_fake=share) for share in shares])
        assert [one["p_fake"].item() for one in back] == [*shares]
        assert [one["p_fake"].item() for one in results.trainings("x", "resnet", "test")] == [*shares]
    assert results.scores("x", "resnet")["p_fake"].item() == 0.4, "the first training's"
    assert len(results.trainings("x", "resnet.other")) == 1


def test_scores_come_back_as_they_were_written() -> None:
    table = pd.DataFrame([("0001", 9, 1, "0001", "person01", "test")], columns=COLUMNS).assign(p_fake=0.123456)
    back = results.write_scores("x", "resnet", table)
    results.write_scores("x", "headpose", table.assign(p_fake=0.5))
    assert back["clip_id"].tolist() == ["0001"] and back["p_fake"].tolist() == [0.1235]
    assert results.scores("x", "resnet", "test")["p_fake"].tolist() == [0.1235], "another branch left it alone"
    with pytest.raises(DfdError, match="no scores of 'system'"):
        results.scores("x", "system")


ODD_NAMES = [
    "NA",
    "N/A",
    "nan",
    "NaN",
    "null",
    "NULL",
    "None",
    "n/a",
    "#N/A",
    "<NA>",
    "",
    "0001",
    "1e5",
    "-inf",
    "True",
]


def test_clips_and_people_of_any_name_stay_in_the_tables(monkeypatch, tmp_path) -> None:
    rows = [(name, 0, label, name, name, "test") for name in ODD_NAMES for label in (0, 1)]
    table = pd.DataFrame(rows, columns=COLUMNS).assign(p_fake=0.5)
    back = results.write_scores("x", "resnet", table)
    for column in ("clip_id", "pair", "person"):
        assert sorted(back[column]) == sorted(table[column])
    assert back["person"].nunique() == len(ODD_NAMES) == metrics.estimate(back, "acc", "frames", 20).people
    assert len(metrics.to_videos(back)) == 2 * len(ODD_NAMES), "each with a label of its own"
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    path = tmp_path / "results" / "transfer" / "x.csv"
    path.parent.mkdir(parents=True)
    path.write_text("network,person,auc\nNA,null,0.5\nNone,nan,\n")
    found = results.committed_table("x", "transfer")
    assert found["network"].tolist() == ["NA", "None"] and found["person"].tolist() == ["null", "nan"]
    assert found["auc"].isna().tolist() == [False, True], "an empty number is missing"


def test_readmes_tables_are_those_of_the_results() -> None:
    readme_tables.check_readme()


def test_each_of_the_papers_claims_and_figures_has_a_verdict_and_a_reason() -> None:
    rows = [line.split(" | ") for line in claims.markdown_why("uadfv").splitlines()[2:]]
    recorded = {row["id"] for row in results.rows("uadfv", committed=True)}
    assert len(rows) == len(recorded & {*claims.WHY}) + len(claims.FIGURES) >= 10 and all(len(row) == 5 for row in rows)
    for name, (file, _) in claims.FIGURES.items():
        assert any(name in row[0] for row in rows) and (paths.root() / "figures" / f"{file}.png").is_file()


def test_the_frames_of_uadfvs_tested_videos_are_some_7100_as_said_beside_yangs_11058() -> None:
    """A clip's frames were taken at even steps, so that its last number and a step give its length."""
    frames = results.scores("uadfv", "resnet.one_cycle", "test", committed=True).groupby("clip_id")["frame"]
    lengths = frames.max() + frames.apply(lambda numbers: numbers.sort_values().diff().min())
    assert len(lengths) == 28 and round(lengths.sum(), -2) == 7100
    assert "the 28 videos tested here have some 7,100 frames" in reported.markdown_elsewhere()
    assert "93.75 % by face_recognition, 88.16 % by MTCNN, 74.50 % by BlazeFace" in reported.markdown_elsewhere()


def test_counts_name_people_where_there_are_names() -> None:
    assert Estimate(0.5, 0.4, 0.6, 3099, "frames", 30, 2).counted == "3,099 frames of 30 people, 2 trainings"
    assert Estimate(0.5, 0.4, 0.6, 1400, "images", 1400).counted == "1,400 images"
    assert Estimate(0.5, 0.4, 0.6, 1200, "frames", 1200).counted == "1,200 frames of 1,200 people"


def test_a_changed_number_in_readme_is_noticed(monkeypatch, tmp_path) -> None:
    (tmp_path / "results").mkdir()
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(paths, "root", lambda: tmp_path)
    results.record("uadfv", "resnet.frame_acc", Estimate(0.93, 0.90, 0.96, 100, "frames"))
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n<!-- table:uadfv -->\nold\n<!-- end -->\nafter\n")
    readme_tables.write_readme()
    assert (
        "| 94.9 % | 93.0 % | 90.0 % to 96.0 % (100 frames) | compatible | ±3.0 points, precise |" in readme.read_text()
    )
    readme_tables.check_readme()
    readme.write_text(readme.read_text().replace("93.0 %", "94.0 %"))
    with pytest.raises(DfdError, match="differ from results"):
        readme_tables.check_readme()


def test_facts_are_in_words_and_shares_in_per_cent() -> None:
    lines = claims.markdown_facts("uadfv").splitlines()
    assert lines[:2] == ["- test videos of the published split: 28", "- people in them: 7"]
    assert "- share of central poses that OpenCV's default solver flips: 2.0 %" in lines
    assert len(lines) == len(results.facts("uadfv", committed=True)) and "_" not in "".join(lines)


def test_every_study_file_is_read() -> None:
    for path in paths.studies().glob("*.yaml"):
        assert studies.load(path.stem).name == path.stem
    assert studies.load("uadfv").resnet.learning_rates == (0.001, 0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch: 3", "unknown parameter epoch; known here"),
        ("resnet: {lr: 0.1}", "unknown parameter resnet.lr"),
        ("seed: -1", "seed is -1; it must be greater than or equal to 0"),
        ("threads: 0", "threads is 0; it must be greater than or equal to 1"),
        ("faces: {max_frames: -3}", "faces.max_frames is -3; it must be greater than or equal to 1"),
        ("resnet: {epochs: many}", "resnet.epochs is 'many'; it must be a valid integer"),
        ("resnet: {learning_rates: [fast]}", r"resnet.learning_rates\[0\] is 'fast'; it must be a valid number"),
        ("resnet: 3", "resnet must be a block of"),
        ("- seed", "a study must be a block of"),
        ("seed: [", "mine.yaml is not YAML; correct it"),
        ("ffpp: {compression: c99}", "ffpp.compression is 'c99'; it must be 'c23', 'c40', 'c0' or 'raw'"),
        ("ffpp: {methods: [Deepfakes, Photoshop]}", r"ffpp.methods\[1\] is 'Photoshop'; it must be 'Deepfakes',"),
        ("ffpp: {methods: Deepfakes}", "ffpp.methods is 'Deepfakes'; it must be a list"),
        ("celebdf: {split: random}", "celebdf.split is 'random'; it must be 'person' or 'published'"),
        ("superres: {scale: 5}", "superres.scale is 5; it must be 2, 3 or 4"),
        ("sweep: {qualities: [101]}", r"sweep.qualities\[0\] is 101; it must be less than or equal to 100"),
        ("sweep: {heights: []}", "sweep.heights is empty; it must have at least one value"),
        ("sweep: {heights: [16, 200]}", "sweep.heights has 200; each must be smaller than faces.size, which is 128"),
        ("sweep: {heights: [16, 16]}", "sweep.heights or sweep.qualities has a value twice"),
        ("sweep: {qualities: [40]}", "sweep.qualities lacks 0"),
        ("small_face: 128", "small_face is 128; it must be smaller than faces.size, which is 128"),
        ("resnet: {arch: resnet51}", "resnet.arch is 'resnet51'; it must be 'resnet18', .* or 'efficientnet_lite0'"),
        ("resnet: {learning_rates: []}", "resnet.learning_rates is empty"),
        ("headpose: {solver: sqpmp}", "headpose.solver is 'sqpmp'; it must be 'iterative', .* or 'sqpnp, refined'"),
        ("resnet: {bfloat16: 1}", "resnet.bfloat16 is 1; it must be a valid boolean"),
        ("1: 2", r"unknown parameter \[1\]; known here: name, dataset"),
        ("a: !!timestamp x", "mine.yaml is not YAML; correct it"),
    ],
)
def test_a_wrong_study_file_is_one_sentence(monkeypatch, tmp_path, text: str, words: str) -> None:
    monkeypatch.setattr(paths, "studies", lambda: tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DfdError, match=words) as error:
        studies.load("mine")
    assert str(error.value).startswith(str(tmp_path / "mine.yaml")) and str(error.value).endswith(".")


def test_the_cache_knows_its_arguments_and_survives_an_error() -> None:
    calls = []

    @cache.stage
    def double(x: int) -> int:
        calls.append(x)
        if x == 3:
            raise DfdError("no")
        return 2 * x

    assert [double(2), double(2), double(x=2)] == [4, 4, 4] and calls == [2]
    with pytest.raises(DfdError):
        double(3)
    assert double(2) == 4 and calls == [2, 3]
    assert double.kept(2) == 4 and double.kept(3) is None


def test_code_version_ignores_words_and_sees_code() -> None:
    assert cache._bare('"""Doc."""\nx = 1  # why\n') == cache._bare("pass\nx  =  1\n")
    assert cache._bare("x = 1") != cache._bare("x = 2")


def test_a_figure_is_written_with_its_numbers_and_the_same_bytes_twice() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [1, 0.5]})
    history = history.assign(val_acc=[0.5, 0.8], test_acc=[0.5, 0.7], val_loss=[1, 0.6], test_loss=[1, 0.7])
    pictures = []
    for _ in range(2):
        fig = score_figures.training({"rate": history})
        canvas.save_figure(fig, Study("x", "embedded"), "fig", history)
        pictures.append((paths.figures("x") / "fig.png").read_bytes())
    assert pictures[0] == pictures[1]
    saved = pd.read_csv(paths.figures("x") / "fig.csv")
    drawn = {line.get_label(): line.get_ydata() for line in fig.axes[0].lines}
    assert drawn["validation"].tolist() == saved["val_acc"].tolist()
    assert drawn["test"].tolist() == saved["test_acc"].tolist()
    assert "synthetic" in fig.texts[0].get_text()
    assert fig.axes[0].get_ylabel() == "accuracy of frames" and fig.axes[1].get_xlabel() == "epoch"
    plt.close("all")


def test_the_curves_mark_the_epochs_that_one_may_choose() -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [1, 0.5, 0.4], "val_loss": 1.0, "test_loss": 1.0})
    history = history.assign(val_acc=[0.5, 0.9, 0.8], test_acc=[0.5, 0.6, 0.7])
    fig = score_figures.training({"mine": history, "other": history})
    marks = {line.get_label(): (*line.get_xdata(), *line.get_ydata()) for line in fig.axes[0].lines}
    assert marks["chosen on validation"] == (2, 0.6) and marks["chosen on test"] == (3, 0.7)
    assert [axis.get_title() for axis in fig.axes[:2]] == ["mine", "other"]
    plt.close("all")


def test_scores_are_a_table_in_words() -> None:
    results.record("x", "resnet.frame_acc", Estimate(0.5, 0.4, 0.6, 9, "frames", 3, 2))
    results.record("x", "resnet.frame_brier", Estimate(0.25, 0.2, 0.3, 9, "frames", 3, 2))
    lines = aloud.reader("x").table({"mine": "resnet", "none": "gru"}).splitlines()
    assert lines[0] == "|  | mine | none |" and lines[2].startswith(
        "| accuracy of frames | 50.0 % [40.0, 60.0] | a num"
    )
    assert lines[-2].startswith("| Brier score of frames | 0.250 [0.200, 0.300] |")
    assert lines[-1] == "| counted on | 9 frames of 3 people, 2 trainings |  |"


def test_the_pipeline_names_modules_that_exist() -> None:
    fig = image_figures.pipeline()
    written = {text.get_text() for text in fig.axes[0].texts}
    for name, module in image_figures.STAGES.items():
        assert name in written and (paths.root() / "dfdlib" / f"{module.replace('.', '/')}.py").is_file()
    plt.close("all")


def test_landmarks_are_coloured_by_their_use() -> None:
    fig = image_figures.landmarks(np.zeros((64, 64, 3), np.uint8), np.random.default_rng(0).uniform(5, 60, (68, 2)))
    counts = {line.get_label().split(":")[0]: len(line.get_xdata()) for line in fig.axes[0].lines}
    assert counts == {"central": 21, "contour": 17, "not used": 30}
    assert [t.get_text() for t in fig.axes[0].texts] == [str(n) for n in range(1, 69)]
    plt.close("all")


def test_every_figure_on_disk_is_in_the_index() -> None:
    index = (paths.root() / "figures" / "README.md").read_text()
    for path in (paths.root() / "figures").glob("*.png"):
        assert f"`{path.stem}`" in index
        assert path.with_suffix(".csv").is_file()


def test_steps_are_named_after_descriptions_and_headings() -> None:
    import nbformat.v4 as v4

    cells = [v4.new_markdown_cell("# One\ntext"), v4.new_code_cell("x = 1")]
    cells += [v4.new_code_cell("y = 2", metadata={"step": "slow step"})]
    assert [run.step_name(cells, i) for i in range(3)] == ["One", "One", "slow step"]


def test_the_command_line_explains_itself() -> None:
    done = subprocess.run([sys.executable, "-m", "dfdlib", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "run" in done.stdout and "readme" in done.stdout
    bad = subprocess.run([sys.executable, "-m", "dfdlib", "data", "verify", "/nowhere"], capture_output=True, text=True)
    assert bad.returncode == 2 and "There is no folder /nowhere" in bad.stderr and "Traceback" not in bad.stderr


def test_a_reader_says_a_number_with_its_interval_and_what_follows() -> None:
    results.record("uadfv-like", "resnet.frame_acc", Estimate(0.947, 0.903, 0.975, 99, "frames", 30, 2))
    results.record("uadfv-like", "a.frame_acc_gain", Estimate(-0.0001, -0.024, 0.019, 99, "frames", 30))
    results.record("uadfv-like", "a.frame_auc", Estimate(0.4, 0.3, 0.49, 9, "videos"))
    read = aloud.reader("uadfv-like")
    assert read("resnet.frame_acc") == "94.7 % [90.3, 97.5] (99 frames of 30 people, 2 trainings)"
    assert read.short("a.frame_acc_gain") == "+0.0 percentage points [-2.4, 1.9]"
    assert read("a.frame_auc") == "0.400 [0.300, 0.490] (9 videos)"
    assert read.against_chance("a.frame_auc") == "below chance"
    assert read.side("resnet.frame_acc", 0.949, "more", "less", "as much") == "as much"
    assert read.side("resnet.frame_acc", 0.902, "more", "less", "as much") == "more", (
        "the margin is not for the paper's"
    )
    results.record("uadfv-like", "resnet.frame_auc", Estimate(0.7, 0.59, 0.8, 9, "videos"))
    results.record("uadfv-like", "folds.resnet.paper.frame_auc", Estimate(0.7, 0.59, 0.8, 9, "videos"))
    read = aloud.reader("uadfv-like")
    found = [read.against_chance(key) for key in ("resnet.frame_auc", "folds.resnet.paper.frame_auc")]
    assert found == ["not told from chance", "above chance"], "a network trained once may come out otherwise"
    results.record("uadfv-like", "fsrcnn.x2.stills_psnr_gain", Estimate(1.857, 1.685, 2.029, 108, "images", 9))
    results.record("uadfv-like", "fsrcnn.x3.faces_identity_gain", Estimate(0.0002, -0.0008, 0.0012, 9, "images"))
    results.record("uadfv-like", "landmarks.real_error_percent", Estimate(2.937, 2.414, 3.46, 9, "frames"))
    assert aloud.reader("uadfv-like").short("fsrcnn.x2.stills_psnr_gain") == "+1.86 dB [1.69, 2.03]", "not a share"
    assert aloud.reader("uadfv-like").short("fsrcnn.x3.faces_identity_gain") == "+0.000 [-0.001, 0.001]"
    error = aloud.reader("uadfv-like").short("landmarks.real_error_percent")
    assert error == "2.94 % of the distance between the eyes [2.41, 3.46]"
    assert read("b.frame_auc") == aloud.MISSING and read.against_chance("b.frame_auc") == "not compared with chance"
    results.record("embedded", "a.frame_auc", Estimate(0.4, 0.3, 0.49, 9, "videos"))
    assert aloud.reader("embedded")("a.frame_auc").endswith("(9 videos; synthetic)")


def test_numbers_of_two_studies_stand_in_one_table() -> None:
    results.record("x", "a.frame_auc", Estimate(0.4, 0.3, 0.49, 9, "videos"))
    results.record("x", "a.frame_acc", Estimate(0.4, 0.3, 0.49, 9, "videos"))
    results.record("y", "b.frame_auc", Estimate(0.9, 0.8, 1.0, 9, "videos"))
    readers = {name: aloud.reader(name) for name in "xy"}
    lines = aloud.table(readers, {"A": "a", "B": "b", "C": "c"}, {"acc": "frame_acc", "AUC": "frame_auc"}).splitlines()
    assert lines[0] == "| | data | acc | AUC |" and lines[2] == "| A | x | 40.0 % [30.0, 49.0] | 0.400 [0.300, 0.490] |"
    assert lines[3:] == ["| B | y | - | 0.900 [0.800, 1.000] |"], "no line for what neither study has"
    assert list(aloud.beside("embedded")) == ["UADFV", "embedded (synthetic)"] and len(aloud.beside("uadfv")) == 1


def test_a_study_of_rendered_faces_says_so_in_its_name(monkeypatch, tmp_path) -> None:
    (tmp_path / "mine.yaml").write_text("dataset: embedded\n", encoding="utf-8")
    monkeypatch.setattr(paths, "studies", lambda: tmp_path)
    assert [results.group(name) for name in ("mine", "uadfv", "nowhere")] == ["mine (synthetic)", "UADFV", "nowhere"]


def test_columns_with_their_ends_are_read_as_numbers() -> None:
    table = pd.DataFrame({"a": [0.5, 0.5, np.nan], "a_low": [0.4, np.nan, 0], "a_high": [0.625, 0.6, 1]})
    assert aloud.column(table, "a") == ["50.0 % [40.0, 62.5]", "-", "-"]
    assert aloud.column(table, "a", "auc_gain")[0] == "+0.500 [0.400, 0.625]"


def test_claims_of_other_data_are_under_their_name() -> None:
    """A notebook of any study shows UADFV's: "this study" would be the wrong one."""
    assert claims.markdown_claims("uadfv").splitlines()[0].split(" | ")[2] == "UADFV"


def test_the_table_of_notebook_05_does_not_wait_for_07() -> None:
    """They run side by side: what 05 prints must not depend on which is faster."""
    one = Estimate(0.9, 0.8, 1.0, 9, "frames")
    results.record("x", "resnet.frame_acc", one)
    table = functools.partial(claims.markdown_table, "x", committed=False)
    before = table(later=False)
    results.record("x", f"{claims.LATER[0]}embedded-easy.frame_auc_gain", one)
    assert table(later=False) == before != table()
    source = (paths.notebooks() / "05_combined_evaluation.ipynb").read_text()
    assert "markdown_table(cfg.name, committed=False, later=False)" in source


def test_the_side_of_a_verdict() -> None:
    assert [judging.side(word) for word in ("above chance", "a gain", "a rise")] == [1, 1, 1]
    assert [judging.side(word) for word in ("below chance", "a loss", "a fall")] == [-1, -1, -1]
    assert [judging.side(word) for word in ("inconclusive", "compatible", "at most 2 points", "")] == [0] * 4


def test_a_rise_of_misses_is_no_gain_in_a_forest() -> None:
    kinds = claims.forest_frame("uadfv", committed=True, section="What the scores mean").set_index("name")["kind"]
    misses = kinds[kinds.index.str.endswith("change in misses")]
    assert len(misses) == 3 and set(misses) == {"change in misses"} and set(kinds) <= set(score_figures.PANELS)
