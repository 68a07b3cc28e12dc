"""How the shipped classifier was trained: DFD_UADFV=... DFD_CELEBA=... python tools/weights/detector.py uadfv

The classifier learns real faces against blends of them and never sees a deepfake; it is then tested on data that it
never saw. dfdlib/assets/detector.md is its model card. The recipe was fixed before any test, and no choice depends on a
score. An interrupted run resumes; a complete run takes some hours.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, errors, paths, repro, studies, training, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import OneCycleParams, Study
from dfdlib.detector import shipped
from dfdlib.detector.shipped import NETWORK
from dfdlib.evaluation import results
from dfdlib.experiments import transfer
from dfdlib.faces import frames, geometry, video
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import classifier, finetune, selfblend
from dfdlib.resnet.finetune import Run


@dataclass(frozen=True)
class Recipe:
    """Data and changes of the crops; the blends are those of selfblend.Blend."""

    photographs: int = 3000  # of CelebA, after the first transfer.PRESS, which are kept for tests
    every: int = 2  # of UADFV's real frames; neighbours hardly differ
    cycle: OneCycleParams = OneCycleParams(peak=0.05, epochs=16)
    coarse: tuple[float, float] = (0.35, 1.0)  # size to which the window is reduced, the same for a face and its blend
    coarse_chance: float = 0.5
    quality: tuple[int, int] = (40, 100)  # of JPEG, the same for a face and its blend


def train(study: Study, recipe: Recipe, on_epoch: training.OnEpoch = lambda row: None) -> Run:
    """Train on the real frames of a study's training and validation parts and on photographs; one cycle, last epoch."""
    study = replace(study, resnet=NETWORK, one_cycle=recipe.cycle)
    own = frames.of_study(study)
    crops, points = real_faces(study, own, recipe)
    steps = math.ceil(len(crops) / (NETWORK.batch // 2))

    def ahead(epoch: int) -> Iterator:
        return video.ahead(face_batches(crops, points, recipe, epoch, study.seed))  # blended while the network learns

    what = finetune.cycle_recipe(
        study, (ahead, steps), "detector", recipe, cache.code_version("tools.weights.detector")
    )
    return finetune.run_recipe(study, own, own.part("test"), what, on_epoch)


def real_faces(study: Study, own: FrameSet, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, S, S, 3) and landmarks (N, 68, 2) in their pixels: nobody of the test part, no fake, no test photo."""
    part = own.part("train", "val")
    chosen = np.flatnonzero(part.labels == 0)[:: recipe.every]
    files = sorted(paths.celeba().glob("*.jpg"))[transfer.PRESS :][: recipe.photographs]
    points, crops, _ = transfer.found_on(tuple(files), study.faces)
    every = np.concatenate([part.points[chosen], points])
    return np.concatenate([part.crops[chosen], crops]), geometry.in_crop(every, study.faces)


def face_batches(crops: np.ndarray, points: np.ndarray, recipe: Recipe, epoch: int, seed: int) -> Iterator:
    """One epoch: batches of faces and a blend of each; random numbers follow from (seed, epoch, index)."""
    order, half = repro.rng(seed, epoch).permutation(len(crops)), NETWORK.batch // 2
    for start in range(0, len(order), half):
        made = [pair(crops[i], points[i], recipe, epoch, seed, i) for i in order[start : start + half].tolist()]
        images = np.stack([image for both in made for image in both])
        yield classifier.to_tensor(images), torch.tensor([0, 1]).repeat(len(made))


def pair(crop: np.ndarray, points: np.ndarray, recipe: Recipe, epoch: int, seed: int, i: int) -> list[np.ndarray]:
    """A face (s, s, 3) and a blend of it, with equal window, mirroring, brightness, resolution and JPEG quality."""
    fake = selfblend.blended(crop, points, repro.rng(seed, epoch, i, 1), selfblend.Blend())
    rng = repro.rng(seed, epoch, i, 2)
    share = rng.uniform(*recipe.coarse) if rng.random() < recipe.coarse_chance else 1.0
    quality = int(rng.integers(*recipe.quality))
    windows = (
        classifier.augmented(image, NETWORK.input_size, repro.rng(seed, epoch, i), classifier.Augment(seed))
        for image in (crop, fake)
    )
    return [geometry.jpeg(_coarse(window, share), quality) for window in windows]


def _coarse(window: np.ndarray, share: float) -> np.ndarray:
    if share == 1:
        return window
    side = round(window.shape[0] * share)
    small = cv2.resize(window, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, window.shape[1::-1], interpolation=cv2.INTER_CUBIC)


NAMES = {"resnet": "ResNet", "headpose": "head pose", "p_fake": "combined system"}
ABOUT = {
    "uadfv": "UADFV, the published test part",
    "embedded": "rendered people, hard fakes, test part (synthetic)",
    "embedded-easy": "rendered people, easy fakes, test part (synthetic)",
    "photographs": "photographs of CelebA, all real",
    "yours": "clips of DFD_VIDEOS",
}


def train_and_measure(study: Study, on_epoch: training.OnEpoch = lambda row: None) -> Iterator[str]:
    """Train the ResNet, write it to the runs' folder, test it with the shipped SVM; yields the table's lines."""
    run = train(study, Recipe(), on_epoch)
    network = finetune.network(run.weights, NETWORK)
    path = save_resnet(network, paths.runs() / study.name / "detector.safetensors")
    yield f"weights: {path} (sha256 {cache.sha256(path)})"
    scores = results.write_table(study.name, "detector_scores", scored(study, path))
    table = results.write_table(study.name, "detector", measure(scores, study.bootstrap))
    yield from table.round(3).to_string(index=False).splitlines()


def scored(study: Study, weights: Path | None = None) -> pd.DataFrame:
    """Scores of every test frame by each branch and by both, four decimals: tested, frames.COLUMNS, p_fake of each.

    No training data show the people of the tests, except that CelebA may have several photographs of one person. The
    head-pose SVM learned UADFV's fakes (of the training part); the ResNet learned no fake.
    """
    tables = []
    for name, found in transfer.elsewhere(study, frames.of_study(study)).items():
        scores = shipped.scores(found.crops, found.points, weights=weights).round(4)
        tables.append(pd.concat([found.table.assign(tested=name), scores], axis=1))
    return pd.concat(tables, ignore_index=True)


def measure(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Each branch, and both, on every test of `scored`: columns tested, branch and those of transfer.test_row."""
    rows = [
        {"tested": tested, "branch": title} | transfer.test_row(part.assign(p_fake=part[branch]), resamples)
        for tested, part in scores.groupby("tested", sort=False)
        for branch, title in NAMES.items()
    ]
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table of `measure` for the card: AUC of frames, and the shares of real and of fake frames called fake."""
    head = ("tested on", "what scores", "counted on", "AUC of frames", "real called fake", "fake called fake")
    rows = [head, ("---",) * len(head), *map(_row, table.to_dict("records"))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(row: dict) -> tuple[str, ...]:
    counted = f"{row['frames']} frames of {row['people']} {'person' if row['people'] == 1 else 'people'}"
    numbers = ("frame_auc", "real_called_fake", "fake_called_fake")
    ends = ("", "_low", "_high")
    found = (transfer.with_interval(*(row[name + end] for end in ends), digits=3) for name in numbers)
    return ABOUT.get(row["tested"], row["tested"]), row["branch"], counted, *found


def save_resnet(model: nn.Module, path: Path) -> Path:
    """Write a network's tensors with numbers in 16 bits, which halves the file; returns `path`."""
    state = model.state_dict()
    return weight_files.write(
        path, {n: value.half() if value.is_floating_point() else value for n, value in state.items()}
    )


def main() -> None:
    """Train and test for the study that the command line names."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name one with real faces: python tools/weights/detector.py uadfv")
    study = studies.load(sys.argv[1])
    repro.start(study.seed, study.threads)
    for line in train_and_measure(study, lambda row: print(*(f"{name} {value:g}" for name, value in row.items()))):
        print(line)


if __name__ == "__main__":
    errors.or_sentence(main)
