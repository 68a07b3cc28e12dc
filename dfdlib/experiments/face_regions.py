"""Artefact or identity: the same small network trained on the whole crop, without the face, on the face alone, and on
self-blended reals, which keep the identity of the person seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import disk, paths, studies
from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import finetune, selfblend

SEEDS = 3  # trainings of each way
EVERY = 2  # of a clip's frames one in so many is used: neighbours are nearly the same picture
GREY = 118  # of hidden pixels: about the mean of ImageNet's
Way = Callable[[Study, FrameSet], pd.DataFrame]  # study, frames -> scores of the test part


def face_only(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A crop (S, S, 3) uint8 that is GREY outside of the hull of its landmarks (68, 2), in the crop's pixels."""
    inside = selfblend.hull(points, len(crop), 0) > 0.5
    return np.where(inside, crop, np.uint8(GREY))


def face_hidden(crop: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The same crop, GREY inside of the hull."""
    inside = selfblend.hull(points, len(crop), 0) > 0.5
    return np.where(inside, np.uint8(GREY), crop)


def _whole(study: Study, frames: FrameSet) -> pd.DataFrame:
    run = finetune.one_cycle(study, frames)
    return run.scores(run.best)


def _changed(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Way:
    def trained(study: Study, frames: FrameSet) -> pd.DataFrame:
        points = geometry.in_crop(frames.points, study.faces)
        return _whole(study, frames.with_crops(np.stack([*map(change, frames.crops, points)])))

    return trained


def _blends(study: Study, frames: FrameSet) -> pd.DataFrame:
    run = finetune.no_fakes(study, frames)
    return run.scores(run.best)


WAYS: dict[str, Way] = {
    "whole crop": _whole,
    "face hidden": _changed(face_hidden),
    "face alone": _changed(face_only),
    "self-blended reals as fakes": _blends,
}


def small(study: Study) -> Study:
    """The study with the network and the recipe of the embedded one: a slim ResNet-18 from Tiny-ImageNet's weights."""
    own = studies.load("embedded")
    return replace(study, resnet=own.resnet, one_cycle=own.one_cycle)


def complete(study: Study, frames: FrameSet) -> Iterator[tuple[str, int]]:
    """Train what results/face_regions lacks, SEEDS of each of WAYS on the published split; yields way and seed.

    The table, written after each training, has a row a test frame and training: way, seed, COLUMNS, p_fake.
    """
    some = frames.one_in(EVERY)
    for seed in range(study.seed, study.seed + SEEDS):
        for way, train in WAYS.items():
            known = _read(study.name)
            if len(known) and ((known["way"] == way) & (known["seed"] == seed)).any():
                continue
            scores = train(small(replace(study, seed=seed)), some)[[*COLUMNS, "p_fake"]].round({"p_fake": 4})
            results.add_rows(
                _path(study.name), scores.assign(way=way, seed=seed), ["way", "seed"], ["clip_id", "frame"]
            )
            yield way, seed


def _path(study_name: str) -> Path:
    return paths.results(study_name) / "face_regions" / f"{study_name}.csv"


def _read(study_name: str) -> pd.DataFrame:
    path = _path(study_name)
    return disk.read_frame(path) if path.is_file() else pd.DataFrame()


def estimates(table: pd.DataFrame, resamples: int) -> dict[str, dict[str, Estimate]]:
    """AUC of frames and of videos by way, over its seeds, from the table of `complete`: frame_auc and video_auc.

    And frame_auc_gain, what a way has more than the first, the whole crop.
    """
    trained = {way: _trainings(table, way) for way in WAYS if way in set(table["way"])}
    found = {way: {"frame_auc": metrics.estimate(rows, "auc", "frames", resamples)} for way, rows in trained.items()}
    first = next(iter(trained))
    for way, rows in trained.items():
        found[way]["video_auc"] = metrics.estimate([*map(metrics.to_videos, rows)], "auc", "videos", resamples)
        if way != first:
            found[way]["frame_auc_gain"] = metrics.difference(rows, trained[first], "auc", "frames", resamples)
    return found


def _trainings(table: pd.DataFrame, way: str) -> list[pd.DataFrame]:
    return [rows.reset_index(drop=True) for _, rows in table[table["way"] == way].groupby("seed")]


def by_id(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """`estimates` by id, such as regions.face_hidden.frame_auc."""
    ways = estimates(table, resamples).items()
    return {f"regions.{way.replace(' ', '_')}.{key}": one for way, found in ways for key, one in found.items()}


def record(study: Study, table: pd.DataFrame) -> None:
    """Record `by_id`."""
    for key, estimate in by_id(table, study.bootstrap).items():
        results.record(study.name, key, estimate)
