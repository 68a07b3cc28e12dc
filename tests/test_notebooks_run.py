"""The notebooks are run for real by nbval, with assertions on what they found.

papermill runs them in `make study`, and in tests/test_notebooks_twice.py.

Every run writes into folders of its own, so that nothing committed changes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from dfdlib.core import paths, repro
from tests.notebook_runs import in_order, nbval

pytestmark = pytest.mark.notebooks

EXPECTED = {  # id: where its value must lie on the embedded study
    "faces.found_share": (0.99, 1.0),
    "resnet.frame_acc": (0.4, 1.0),
    "resnet.frame_auc": (0.5, 1.0),
    "resnet.one_cycle.video_auc": (0.5, 1.0),
    "headpose.yang.frame_auc": (0.35, 0.9),
    "headpose.by_person.shape_without_pose.frame_auc": (0.35, 0.65),
    "baselines.sharpness.frame_auc": (0.25, 0.75),
    "baselines.by_person.sharpness.frame_auc": (0.4, 0.65),
    "headpose.transfer.uadfv.embedded.frame_auc": (0.3, 0.7),
    "resnet.gru.video_auc": (0.4, 1.0),
    "system.frame_acc": (0.35, 1.0),
    "system.ours.frame_acc": (0.5, 0.95),
    "gradcam.own_minus_others": (-0.2, 0.2),
    "fsrcnn.x2.stills_psnr_gain": (0.05, 6.0),
}
# Rows whose interval must lie above a half: folds in which the clip, or the donor, is on both sides
ABOVE_CHANCE = ("headpose.folds_by_frame.frame_auc", "shape.folds_by_frame.frame_auc")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def compared(folders: Path) -> str:
    """nbval's summary of the committed notebooks, run anew; caches and finished trainings may serve.

    Every notebook on every processor: on another kind than the committed ones', the cells tagged `trained` by their
    printed words alone, since PyTorch's arithmetic differs there in the last digit and training makes that a different
    second.
    """
    notebooks = in_order(paths.notebooks())
    made_on = {nbformat.read(path, as_version=4).metadata["dfd"]["machine"] for path in notebooks}
    with pytest.MonkeyPatch.context() as patch:
        if made_on != {repro.machine()}:
            patch.setenv("DFD_OTHER_PROCESSOR", "1")
        return nbval(folders / "embedded", "--nbval-lax", *notebooks)


@pytest.fixture(scope="session")
def embedded(compared: str, folders: Path) -> Path:
    """What the notebooks wrote while nbval ran them: `results` and `figures`."""
    return folders / "embedded"


@pytest.mark.parametrize("key", EXPECTED)
def test_the_notebooks_find_values_in_their_range(embedded: Path, key: str) -> None:
    rows = {row["id"]: row for row in json.loads((embedded / "results" / "embedded.json").read_text())["rows"]}
    low, high = EXPECTED[key]
    assert low <= rows[key]["value"] <= high
    assert rows[key]["low"] <= rows[key]["value"] <= rows[key]["high"]
    assert rows[key]["n"] > 0


@pytest.mark.parametrize("key", ABOVE_CHANCE)
def test_a_leak_makes_chance_look_like_skill(embedded: Path, key: str) -> None:
    rows = {row["id"]: row for row in json.loads((embedded / "results" / "embedded.json").read_text())["rows"]}
    assert rows[key]["low"] > 0.5


def test_committed_results_are_those_of_a_new_run(embedded: Path) -> None:
    new = json.loads((embedded / "results" / "embedded.json").read_text())
    committed = json.loads((paths.root() / "results" / "embedded.json").read_text())
    assert [row["id"] for row in new["rows"]] == [row["id"] for row in committed["rows"]]
    same_machine = committed["run"].get("machine") == new["run"]["machine"]
    for ours, theirs in zip(new["rows"], committed["rows"], strict=True):
        assert max(ours["low"], theirs["low"]) <= min(ours["high"], theirs["high"]), ours["id"]
        assert ours["verdict"] == theirs["verdict"], ours["id"]  # on every processor: benchmarks/processors.md
        if same_machine:
            assert ours["value"] == pytest.approx(theirs["value"], abs=0.002), ours["id"]


def test_every_figure_has_its_numbers(embedded: Path) -> None:
    pictures = sorted(path.stem for path in (embedded / "figures").glob("*.png"))
    assert [name for name in pictures if name.startswith(("fig01", "fig02", "fig03", "fig04", "fig05", "fig06"))]
    assert len(pictures) >= 6
    for name in pictures:
        assert len(pd.read_csv(embedded / "figures" / f"{name}.csv")), name
        assert (paths.root() / "figures" / f"{name}.png").is_file(), "committed by `make publish`"


def test_nbval_compares_the_committed_notebooks(compared: str) -> None:
    assert int(re.search(r"(\d+) passed", compared)[1]) >= 10 * len(in_order(paths.notebooks())), compared
    assert "failed" not in compared
