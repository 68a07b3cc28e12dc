"""A study's networks and SVMs on data other than those they were trained on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dfdlib.core import cache, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import sources
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import detection, frames, geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.headpose import pose_features, worldmodel
from dfdlib.headpose.pose_features import StoredSvm
from dfdlib.resnet import finetune

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FEWEST_PEOPLE = 5  # with fewer, an interval over people is meaningless
UNKNOWN = Estimate(np.nan, np.nan, np.nan, 0, "")
EASY = "embedded-easy"  # the study on the rendered people's easy fakes, from which networks learn for the matrix
PRESS = 500  # photographs of CelebA used for tests
Expert = Callable[[FrameSet], pd.DataFrame]  # frames -> their score table


def elsewhere(study: Study, own: FrameSet) -> dict[str, FrameSet]:
    """Test frames by the name of their data: the study's own and the embedded ones, with hard and with easy fakes.

    With DFD_VIDEOS set also those of its clips, and with DFD_CELEBA its real photographs.
    """
    found = {study.name: own.part("test")}
    if study.dataset != "embedded":
        for name in ("embedded", EASY):
            rendered = replace(studies.load(name), faces=study.faces)  # as many frames of a clip as of the study's
            found[name] = frames.of_study(rendered).part("test")
    if os.environ.get("DFD_VIDEOS") and study.dataset != "folder":
        yours = studies.load("yours")
        clips = sources.clips(yours)
        found["yours"] = frames.stack(clips, frames.tracks(yours, clips))
    if os.environ.get("DFD_CELEBA") and study.dataset != "embedded":
        found["photographs"] = photographs(study.faces)
    return found


def photographs(params: FaceParams) -> FrameSet:
    """Real faces on the first PRESS photographs of DFD_CELEBA, each treated as a different person; cached.

    Photographs in which dlib finds no face are left out; the table's length shows how many remain.
    """
    files = tuple(sorted(paths.celeba().glob("*.jpg"))[:PRESS])
    points, crops, sizes = found_on(files, params)
    rows = [(f"photo{i}", 0, 0, f"photo{i}", f"photo{i}", "test") for i in range(len(points))]
    return FrameSet(pd.DataFrame(rows, columns=COLUMNS), crops, points, sizes)


@cache.stage
def found_on(files: tuple[Path, ...], params: FaceParams) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Landmarks (N, 68, 2), crops (N, S, S, 3) of the largest face of each image that has one, image sizes (N, 2)."""
    points, crops, sizes = [], [], []
    for image in map(detection.read_image, files):
        box = detection.largest(image, upsample=1)  # the faces are smaller than dlib's 80 pixels
        if box is not None:
            points.append(detection.landmarks(image, box))
            crops.append(geometry.crop(image, geometry.face_rectangle(points[-1], params.margin), params.size)[0])
            sizes.append(image.shape[1::-1])
    if not points:
        raise DfdError("No face was found in the photographs of DFD_CELEBA; check that they are CelebA's.")
    return np.stack(points), np.stack(crops), np.array(sizes)


def pose_scores(svm: StoredSvm | Pipeline, tested: FrameSet, model: np.ndarray, solver: str) -> pd.DataFrame:
    """The score table of frames by an SVM on the feature of Yang et al."""
    return tested.scored(pose_features.p_fake(svm, pose_features.frame_features(tested, model, solver)))


def experts(study: Study) -> dict[str, Expert]:
    """A study's classifiers by name: its ResNet in two ways, a small one without fakes, two SVMs on landmarks."""
    found, small = frames.of_study(study), finetune.small(study)
    world, solver = worldmodel.world_model(study.headpose.world_model), study.headpose.solver
    paper = finetune.paper_recipe(study, found)
    cycle, svm = finetune.one_cycle(study, found), pose_features.pose_svm(found, world, solver)
    without = finetune.no_fakes(small, found)
    name = {"resnet18": "ResNet-18", "resnet18_slim": "slim ResNet-18"}.get(small.resnet.arch, small.resnet.arch)
    trained: dict[str, Expert] = {
        "ResNet, paper's recipe": lambda tested: paper.score(tested, study),
        "ResNet, one cycle": lambda tested: cycle.score(tested, study),
    }
    if study.resnet.arch != small.resnet.arch:  # otherwise "ResNet, one cycle" is the counterpart of `without`
        same = finetune.one_cycle(small, found)
        trained[f"{name}, one cycle"] = lambda tested: same.score(tested, small)
    return trained | {
        f"{name}, no fakes seen": lambda tested: without.score(tested, small),
        "head pose (Yang et al.)": lambda tested: pose_scores(svm, tested, world, solver),
        "face shape": _shape_expert(found),
    }


def _shape_expert(learned: FrameSet) -> Expert:
    part = learned.part("train")
    reference = part.points[part.labels == 0].mean(0)
    svm = pose_features.SVMS["standardized"]().fit(pose_features.aligned_shape(part.points, reference), part.labels)
    return lambda t: t.scored(pose_features.p_fake(svm, pose_features.aligned_shape(t.points, reference)))


def matrix(study: Study, tests: dict[str, FrameSet]) -> pd.DataFrame:
    """Every classifier trained on the study's data or on the embedded ones, on every test; one row per combination.

    Columns network, learned, tested, intervals and those of `test_row`.
    """
    learned_from = (study,) if study.dataset == "embedded" else (study, studies.load(EASY))
    trained = {found.name: experts(found) for found in learned_from}
    rows = [
        {"network": name, "learned": learned, "tested": tested, "intervals": results.PRESENT_RULE}
        | test_row(expert(found), study.bootstrap)
        for learned, (tested, found) in itertools.product(trained, tests.items())
        for name, expert in trained[learned].items()
    ]
    return pd.DataFrame(rows)


def test_row(scores: pd.DataFrame, resamples: int) -> dict[str, float]:
    """Counts, the shares of real and of fake frames called fake, and AUC of frames and videos, all with intervals.

    nan where a class is missing; AUC and intervals are also nan for fewer than FEWEST_PEOPLE people.
    """
    row = {"frames": len(scores), "people": scores["person"].nunique()}
    for label, name in ((0, "real_called_fake"), (1, "fake_called_fake")):
        chosen = scores[scores["label"] == label].assign(label=1)  # "right" is then "called fake"
        share = metrics.estimate(chosen, "acc", "frames", resamples) if len(chosen) else UNKNOWN
        few = row["people"] < FEWEST_PEOPLE
        row |= (replace(share, low=np.nan, high=np.nan) if few else share).columns(name)
    for unit, table in (("frame", scores), ("video", metrics.to_videos(scores))):
        found = metrics.estimate(table, "auc", f"{unit}s", resamples) if tells(scores) else UNKNOWN
        row |= found.columns(f"{unit}_auc")
    return row


def tells(table: pd.DataFrame) -> bool:
    """Whether frames (columns label and person) show both classes and enough people for an interval."""
    return table["label"].nunique() == 2 and table["person"].nunique() >= FEWEST_PEOPLE


def over_earlier(scores: pd.DataFrame, earlier: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """The shipped detector's network minus the one that it replaced, frame by frame, on each test with enough people.

    Both tables have the columns tested and resnet. The difference is of AUC or, where all faces are real, of accuracy,
    which is then one minus the share of false alarms.
    """
    found = {}
    for name, part in scores.groupby("tested", sort=False):
        if part["person"].nunique() >= FEWEST_PEOPLE:
            pair = [t.assign(p_fake=t["resnet"]) for t in (part, earlier[earlier["tested"] == name])]
            statistic = "auc" if tells(part) else "acc"
            key = f"detector.over_earlier.{name}.frame_{statistic}_gain"
            found[key] = metrics.difference(*pair, statistic, "frames", resamples)
    return found


def over_sharpness(scores: pd.DataFrame, sharpness: pd.DataFrame, resamples: int) -> Estimate:
    """The shipped detector's network minus sharpness, whose scores of UADFV's test part are given: AUC of frames."""
    order = ["clip_id", "frame"]
    own = scores[scores["tested"] == "uadfv"].sort_values(order).assign(p_fake=lambda table: table["resnet"])
    return metrics.difference(own, sharpness.sort_values(order), "auc", "frames", resamples)


def text(found: pd.DataFrame) -> str:
    """The matrix as text: shares and AUC of frames, each with its interval if it has one."""
    table = found[["network", "learned", "tested", "people"]].copy()
    for name in ("real_called_fake", "fake_called_fake", "frame_auc"):
        table[name] = [with_interval(*numbers) for numbers in found[[name, f"{name}_low", f"{name}_high"]].to_numpy()]
    return table.to_string(index=False)


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """A number with its interval if it has one, such as "0.82 [0.62, 0.95]"; a dash for nan."""
    if np.isnan(value):
        return "-"
    return f"{value:.{digits}f}" + ("" if np.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]")


def record_auc(study: Study, key: str, scores: pd.DataFrame) -> str:
    """Record AUC of frames and videos under `key` and return them as text, each with its verdict against chance.

    For few people the text is each clip's mean p_fake, without both classes the share called fake.
    """
    if scores["person"].nunique() < FEWEST_PEOPLE:
        means = metrics.to_videos(scores)
        return "; ".join(f"{row.clip_id} mean p_fake {row.p_fake:.2f}" for row in means.itertuples())
    if scores["label"].nunique() < 2:
        return f"one class only; share called fake {(scores['p_fake'] >= metrics.THRESHOLD).mean():.2f}"
    units = {"frames": scores, "videos": metrics.to_videos(scores)}
    found = {unit: metrics.estimate(table, "auc", unit, study.bootstrap) for unit, table in units.items()}
    told = []
    for unit, estimate in found.items():
        results.record(study.name, f"{key}.{unit[:-1]}_auc", estimate)
        told.append(f"AUC {estimate}: {results.row_of(study.name, key, estimate)['verdict']}")
    return "; ".join(told)
