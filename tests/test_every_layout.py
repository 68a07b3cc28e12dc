"""A tiny study in each adapter's layout, made from embedded clips, goes through every cell of every notebook.

No kernel is started (tests/shells.py); two studies run at a time. Each study is as small as `dfd data status` accepts.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import cv2
import joblib
import numpy as np
import pytest
import yaml

from dfdlib.command import check, run
from dfdlib.core import paths, studies
from dfdlib.data import truth, uadfv
from dfdlib.experiments import transfer
from dfdlib.plots import canvas
from tests import few, shells
from tests.few import EMBEDDED

pytestmark = pytest.mark.notebooks

PERSONS = sorted(path.stem.removesuffix("_real") for path in (EMBEDDED / "clips").glob("*_real.mp4"))
FEW = ("p00", "p01", "p06", "p16", "p07", "p08")  # of the embedded set, two in each part of its split
TINY = {
    "jobs": 1,
    "bootstrap": 20,
    "small_face": 16,
    "faces": {"max_frames": 2, "size": 48},
    "superres": {"images": 8, "epochs": 1, "d": 8, "s": 4, "m": 1},
    "resnet": {"arch": "resnet20", "input_size": 32, "learning_rates": [0.01], "epochs": 1},
    "one_cycle": {"epochs": 1},
    "headpose": {"solvers": [], "placed": []},
    "sweep": {"heights": [16], "qualities": [0]},
}
RECORDED = {  # ids that every study must have: of each notebook with numbers, and of folds by person and by pair
    "faces.found_share",
    "fsrcnn.x2.faces_psnr_gain",
    "resnet.frame_acc",
    "headpose.by_person.pose_right_model_tuned.frame_auc",
    "headpose.folds_by_pair.frame_auc",
    "system.ours.frame_acc_gain",
    "gradcam.own_minus_others",
}


def _copy(number: int, kind: str, target: Path) -> None:
    """The clip of one of the embedded people, as often as the layout wants people."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(EMBEDDED / "clips" / f"{PERSONS[number % len(PERSONS)]}_{kind}.mp4", target)


def _uadfv_videos(folder: Path) -> None:
    for number in range(uadfv.PAIRS):
        _copy(number, "real", folder / "real" / f"{number:04d}.mp4")
        _copy(number, "fake", folder / "fake" / f"{number:04d}_fake.mp4")


def _uadfv_crops(folder: Path) -> None:
    """Two frames of each clip, with their rendered landmarks."""
    marks = {}
    for number in range(uadfv.PAIRS):
        for kind, end in (("real", ""), ("fake", "_fake")):
            name, stem = f"{kind}/{number:04d}{end}", f"{PERSONS[number % len(PERSONS)]}_{kind}"
            (folder / name).mkdir(parents=True)
            clip, known = cv2.VideoCapture(str(EMBEDDED / "clips" / f"{stem}.mp4")), truth.points(stem)
            for frame in range(2):
                cv2.imwrite(str(folder / name / f"{frame:03d}.jpg"), clip.read()[1])
                marks[f"{name}/{frame:03d}"] = known[frame].astype(np.float32)
    np.savez(folder / "landmarks68.npz", frame=np.array(list(marks)), points=np.stack(list(marks.values())))


def _ffpp(folder: Path) -> None:
    """Six groups of two videos, each made a fake with the face of the other; no official split."""
    for number in range(12):
        _copy(number, "real", folder / f"original_sequences/youtube/c23/videos/{number:03d}.mp4")
        made = folder / "manipulated_sequences/Deepfakes/c23/videos"
        _copy(number, "fake", made / f"{number:03d}_{number ^ 1:03d}.mp4")


def _celebdf(folder: Path) -> None:
    for number in range(6):
        _copy(number, "real", folder / f"Celeb-real/id{number}_0000.mp4")
        for donor in {*range(6)} - {number}:
            _copy(number, "fake", folder / f"Celeb-synthesis/id{number}_id{donor}_0000.mp4")
    _copy(6, "real", folder / "YouTube-real/00000.mp4")


def _own_videos(folder: Path) -> None:
    """As many people as a split by person needs, in the table of a German spreadsheet; the names repeat in folders."""
    rows = ["file;label;pair;person"]
    for number, kind in ((number, kind) for number in range(6) for kind in ("real", "fake")):
        _copy(number, kind, folder / kind / f"Käse, {number}.mp4")
        rows.append(f"{kind}/Käse, {number}.mp4;{int(kind == 'fake')};{number};Zoë {number}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n", encoding="cp1252")


# Fewer people leave one in training, because validation takes seven pairs outside the published test part.
UADFV = {"dataset": "uadfv", "people": 15, "faces": {"max_frames": 1, "size": 48}}
# The study's name: its parameters, the variable of its folder, and what makes the folder
LAYOUTS: dict[str, tuple[dict, str, Callable[[Path], None]]] = {
    "uadfv": (UADFV, "DFD_UADFV", _uadfv_videos),
    "crops": (UADFV, "DFD_UADFV", _uadfv_crops),
    "ffpp": ({"dataset": "ffpp"}, "DFD_FFPP", _ffpp),
    "celebdf": ({"dataset": "celebdf"}, "DFD_CELEBDF", _celebdf),
    "own": ({"dataset": "folder"}, "DFD_VIDEOS", _own_videos),
}


def _made(base: Path) -> None:
    """Every layout's folder and study, the tiny embedded set with its study, and a few images in CelebA's place."""
    (base / "studies").mkdir()
    few.copy(base / "data" / "embedded", FEW)  # which every study takes in notebook 02, 04 or 07
    for number, person in enumerate(PERSONS[:10]):
        (base / "celeba").mkdir(exist_ok=True)
        shutil.copy(EMBEDDED / "stills" / f"{person}_00.jpg", base / "celeba" / f"{number:06d}.jpg")
    for name, (parameters, _, make) in LAYOUTS.items():
        make(base / name)
        (base / "studies" / f"{name}.yaml").write_text(yaml.safe_dump(TINY | parameters))
    (base / "studies" / "embedded.yaml").write_text(yaml.safe_dump(TINY | {"dataset": "embedded"}))
    easy = TINY | {"dataset": "embedded", "embedded": {"fakes": "easy"}}
    (base / "studies" / f"{transfer.EASY}.yaml").write_text(yaml.safe_dump(easy))


def go_through(base: Path, study: str) -> str:
    """Run every cell of every notebook for a study in this process; the first failure in words, or nothing."""
    parameters, variable, _ = LAYOUTS[study]
    for name in [name for name in os.environ if name.startswith("DFD_")]:
        del os.environ[name]
    os.environ |= {f"DFD_{name.upper()}": str(base / name) for name in ("data", "cache", "runs", "results", "figures")}
    os.environ |= {variable: str(base / study), "IPYTHONDIR": str(base / "ipython")}
    os.environ |= {"DFD_CELEBA": str(base / "celeba")} if parameters["dataset"] == "uadfv" else {}
    paths.studies = lambda: base / "studies"
    uadfv.verify = lambda folder: []  # the manifest is that of the real videos
    canvas._svg = lambda fig: ""  # drawn as PNG already, which is enough to see that it can be
    canvas.STYLE["savefig.dpi"] = 50
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((base / f"{study}.log").open("w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(log))
        stack.enter_context(contextlib.redirect_stderr(log))
        stack.enter_context(joblib.parallel_config("sequential"))
        check.check(studies.load(study))
        return shells.first_failure(run.order(), study)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    _made(folder)
    return folder


@pytest.fixture(scope="module")
def running(base: Path) -> Iterator[dict[str, Future]]:
    """The studies under way, two at a time."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield {name: pool.submit(go_through, base, name) for name in LAYOUTS}


@pytest.mark.parametrize("study", LAYOUTS)
def test_a_study_in_this_layout_goes_through_every_notebook(study: str, running: dict[str, Future], base: Path) -> None:
    assert running[study].result() == ""
    recorded = {row["id"] for row in json.loads((base / "results" / f"{study}.json").read_text())["rows"]}
    assert recorded >= RECORDED, sorted(RECORDED - recorded)
