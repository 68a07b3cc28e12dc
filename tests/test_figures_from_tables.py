"""`dfd figures`: from committed numbers it draws what is published; the notebooks draw by the same functions."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest

from dfdlib.command import cli, drawing
from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import results
from dfdlib.experiments import first_weights
from dfdlib.faces import frames
from dfdlib.plots import from_uadfv, gallery, score_figures
from dfdlib.plots.source import Source

EMBEDDED = studies.load("embedded")
READ_BACK = ("fig45_paired_gain",)  # whose cell draws what the notebook has just computed
TRAINED = ("fig13_enlarged", "fig21_small_face", "fig27_gradcam")
TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DFD_FIGURES", raising=False)
    yield
    plt.close("all")


def test_figures_from_committed_tables_are_the_published_ones(monkeypatch, tmp_path) -> None:
    own = gallery.figures(pictures=False)
    monkeypatch.setattr(gallery, "figures", lambda pictures: own)
    drawn = dict(gallery.draw_all(EMBEDDED, True, tmp_path))
    assert drawn == {name: tmp_path / f"{name}.png" for name in own} and all(map(Path.is_file, drawn.values()))
    for name in own:
        new, old = (folder / name for folder in (tmp_path, paths.published_figures()))
        pd.testing.assert_frame_equal(*(pd.read_csv(f"{path}.csv") for path in (new, old)), atol=1.5e-4, obj=name)
        said = [TEXT.findall(Path(f"{path}.svg").read_text(encoding="utf-8")) for path in (new, old)]
        assert said[0] == said[1] or name in READ_BACK, name
    assert not (tmp_path / "results").exists(), "nothing else is written"


def test_figures_of_landmarks_are_the_published_ones() -> None:
    clip = frames.clips(EMBEDDED)[:1]
    of = Source(EMBEDDED, True, frames.stack(clip, frames.tracks(EMBEDDED, clip)))
    for name in ("fig03_landmarks", "fig14_pose_error_by_yaw", "fig38_reprojection"):
        numbers = gallery.figures()[name](of)[1].select_dtypes("number")
        published = pd.read_csv(paths.published_figures() / f"{name}.csv")[list(numbers)].head(len(numbers))
        assert len(numbers) in (len(clip) * len(of.seen.table), 68)
        np.testing.assert_allclose(numbers, published, atol=0.05, err_msg=name)


def test_the_gains_by_first_weights_are_those_of_the_table_and_every_training_is_in_the_figure() -> None:
    table = results.committed_table("uadfv", first_weights.TABLE)
    found = first_weights.estimates(table, studies.load("uadfv").bootstrap)
    fig, rows, _ = from_uadfv.fig50_first_weights()
    gains = rows[rows["kind"] == "gain"].set_index("start")
    named = {words: f"{ours}.frame_acc_gain" for (ours, _), words in first_weights.GAINS.items()}
    named = {words: found[key] for words, key in named.items() if key in found}
    assert list(gains.index) == list(named) and len(named) >= 3
    for words, gain in named.items():
        assert gains.loc[words, ["value", "low", "high"]].tolist() == [gain.value, gain.low, gain.high]
    drawn = fig.axes[1].containers[0].lines[0].get_xdata()
    assert drawn.tolist() == gains["value"].tolist()
    single = rows[(rows["kind"] == "accuracy") & (rows["training"] != "mean")]
    assert len(single) == len(table[["name", "seed"]].drop_duplicates())


def test_every_row_of_what_the_scores_mean_has_its_recorded_value() -> None:
    recorded = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    fig, rows, _ = from_uadfv.fig51_meaning()
    ids = [key for own in from_uadfv.MEANING.values() for key in own.values()]
    assert rows["id"].tolist() == ids and rows["id"].is_unique
    for row in rows.to_dict("records"):
        assert {end: row[end] for end in ("value", "low", "high", "n")} == {
            end: recorded[row["id"]][end] for end in ("value", "low", "high", "n")
        }, row["id"]
    kinds = [kind for kind in score_figures.PANELS if kind in from_uadfv.MEANING]
    assert set(kinds) == set(from_uadfv.MEANING)
    for axis, kind in zip(fig.axes, kinds, strict=True):
        values = rows.loc[rows["kind"] == kind, "value"] * score_figures.PANELS[kind][1]
        assert axis.containers[0].lines[0].get_xdata() == pytest.approx(values.to_numpy())
        assert len(axis.get_yticks()) == len(values), "no two rows of a panel have one name"


def test_a_detectors_recipes_show_the_epochs_of_the_tables() -> None:
    fig, rows, said = from_uadfv.fig48_detector_recipes()
    assert "synthetic" in said and len(fig.axes) == len(from_uadfv.RECIPES)
    for axis, (column, title) in zip(fig.axes, from_uadfv.RECIPES.items(), strict=True):
        curves = [line.get_ydata().tolist() for line in axis.lines]
        assert sorted(curves) == sorted(run[column].tolist() for _, run in rows.groupby(["recipe", "seed"]))
        assert ("synthetic" in title) == (column in ("macro_auc", "auc_embedded-easy"))
    shipped = results.committed_table("uadfv", "detector_seed_curves")
    own = rows[rows["recipe"] == "taught by seven (ships)"].sort_values(["seed", "pairs"])
    expected = shipped.sort_values(["seed", "pairs"])["auc_embedded-easy"]
    assert own["auc_embedded-easy"].tolist() == expected.tolist()


def test_every_figure_of_the_list_is_drawn_but_those_of_a_trained_network() -> None:
    assert set(drawing.notebooks()) - set(gallery.figures()) == set(TRAINED)
    assert set(gallery.figures()) <= set(drawing.notebooks())
    assert not {"fig01_real_and_fake", "fig46_mistakes"} & set(gallery.figures(pictures=False)), "these show faces"


def test_notebooks_draw_by_the_same_functions() -> None:
    books = [nbformat.read(path, as_version=4) for path in sorted(paths.notebooks().glob("0*.ipynb"))]
    code = "\n".join(cell.source for book in books for cell in book.cells if cell.cell_type == "code")
    saved = set(re.findall(r'save_figure\(.*?"(fig\w+)"', code))
    drawn = set(re.findall(r'gallery\.draw\("(fig\w+)", cfg', code))
    assert saved == {*TRAINED, *READ_BACK}
    assert drawn == set(gallery.figures()) - set(READ_BACK)


def test_a_run_comes_before_the_committed_numbers(tmp_path) -> None:
    table = results.committed_table("embedded", "resolution")
    published = table["test only"].iloc[0]
    table = table.replace({"test only": {published: 0.25}})
    with pytest.raises(DfdError, match=r"resolution/embedded\.csv; first run the notebook"):
        Source(EMBEDDED).table("resolution")
    results.write_table("embedded", "resolution", table)
    assert gallery.figures()["fig22_resolution"](Source(EMBEDDED))[1]["test only"].iloc[0] == 0.25
    assert gallery.figures()["fig22_resolution"](Source(EMBEDDED, True))[1]["test only"].iloc[0] == published
    fig = gallery.draw("fig22_resolution", EMBEDDED)
    assert fig.axes and (tmp_path / "build" / "embedded" / "figures" / "fig22_resolution.svg").is_file()
    with pytest.raises(DfdError, match="first run the notebook that draws this figure"):
        Source(EMBEDDED).numbers("fig45_paired_gain")


def test_the_published_figures_are_read_back_for_their_own_study_alone() -> None:
    assert len(Source(EMBEDDED, True).numbers("fig45_paired_gain"))
    with pytest.raises(DfdError, match="numbers for embedded only"):
        Source(replace(EMBEDDED, name="uadfv"), True).numbers("fig45_paired_gain")


def _dfd(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["dfd", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_names_each_file_and_what_it_cannot_draw(monkeypatch, capsys, tmp_path) -> None:
    every = gallery.figures()
    some = {name: every[name] for name in ("fig06_training", "fig02_pipeline", "fig44_fsrcnn")}
    monkeypatch.setattr(gallery, "figures", lambda pictures: some)
    assert _dfd("figures", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    first = tmp_path / "build" / "figures" / "fig02_pipeline.png"
    assert "from the numbers that came with the repository" in out and f"\n{first}\n" in out
    assert first.is_file() and "fig13_enlarged (notebook 02)" in out.splitlines()[-1]
    assert out.splitlines()[-1].startswith(
        f"Copied from {paths.published_figures()}, since a run trains what they show:"
    )
    for name in TRAINED:
        assert all((first.with_name(f"{name}.{end}")).is_file() for end in ("png", "svg", "csv")), name
    results.record_run("embedded")  # a whole run, whose table of training curves is gone
    results.write_table("embedded", "leak", pd.DataFrame({"a": [1]}))
    monkeypatch.setattr(results, "rows", lambda *_: [{"id": "a"}])
    assert _dfd("figures", "embedded", "--out", str(tmp_path / "own"), monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert "from the run on this machine" in out and "fig06_training (notebook 03) was not drawn. There is no " in out
    assert sorted(path.name for path in (tmp_path / "own").glob("*.png")) == ["fig02_pipeline.png", "fig44_fsrcnn.png"]
    assert "Copied" not in out, "this run has drawn nothing that could be copied"
    last = out.splitlines()[-1]
    assert last.startswith("Missing, since only a run draws them:") and "fig13_enlarged (notebook 02)" in last


def test_a_study_without_numbers_is_told_so(monkeypatch, capsys) -> None:
    assert _dfd("figures", "yours", monkeypatch=monkeypatch) == 2
    assert "has no numbers yet; run it first: dfd run yours" in capsys.readouterr().err
