"""Super-resolution where it could matter: small faces, enlarged in four ways, with and without JPEG."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd
import torch

from dfdlib.core import cache, parallel
from dfdlib.core.studies import FaceParams, ResNetParams, Study, SuperResParams
from dfdlib.evaluation import aloud, intervals, metrics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import detection, geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.headpose import pose_features, worldmodel
from dfdlib.resnet import classifier, finetune
from dfdlib.superres import enlarging, lr_hr

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

WAYS = ("as small as it is", "nearest", "bicubic", "FSRCNN")
PARTS = ("test only", "train and test", "head pose")  # whose scores are kept
GREY = 124  # of the canvas around a face that is not enlarged: ImageNet's mean, which is zero for the network


@dataclass(frozen=True)
class Cell:
    """One condition of the experiment."""

    height: int  # of the face's crop in pixels, before it is enlarged
    way: str  # one of WAYS
    quality: int  # of JPEG at that height; 0 is no JPEG


def conditions(study: Study) -> list[Cell]:
    """The study's conditions; at the crops' own height nothing is enlarged, so one way represents all."""
    sweep, own = study.sweep, study.faces.size
    small = [Cell(*levels) for levels in itertools.product(sweep.heights, WAYS, sweep.qualities)]
    return small + [Cell(own, "bicubic", quality) for quality in sweep.qualities]


def degraded(crop: np.ndarray, cell: Cell, model: torch.nn.Module) -> np.ndarray:
    """A crop (S, S, 3) shrunk, compressed and enlarged to its old size in the cell's way."""
    small = cv2.resize(crop, (cell.height, cell.height), interpolation=cv2.INTER_AREA)
    if cell.quality:
        small = geometry.jpeg(small, cell.quality)
    if cell.way == "as small as it is":
        return _framed(small, crop.shape)
    if cell.way == "FSRCNN":
        small = enlarging.upscale(small, model=model)
    how = cv2.INTER_NEAREST if cell.way == "nearest" else cv2.INTER_CUBIC
    return cv2.resize(small, crop.shape[1::-1], interpolation=how)


def _framed(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    canvas = np.full(shape, GREY, np.uint8)
    start = (shape[0] - small.shape[0]) // 2
    canvas[start : start + small.shape[0], start : start + small.shape[1]] = small
    return canvas


def landmarks_on_crops(crops: np.ndarray, cell: Cell, params: FaceParams) -> np.ndarray:
    """dlib's landmarks (N, 68, 2) float32 on degraded crops, in pixels of the original crops.

    The search starts from the crop without its margin instead of a detected box: dlib detects no face of 16 pixels.
    """
    size = params.size
    inner = cell.height if cell.way == WAYS[0] else size  # the side of the face's crop in its canvas
    start, share = (size - inner) // 2, params.margin / (1 + 2 * params.margin)
    box = start + inner * np.array([share, share, 1 - share, 1 - share])
    found = np.stack([detection.landmarks(crop, box) for crop in crops])
    return (found - start + 0.5) * (size / inner) - 0.5


@cache.stage
def _measured(
    cell: Cell,
    trained: tuple[np.ndarray, np.ndarray],
    tested: np.ndarray,
    nets: tuple[Path, ResNetParams, Path, SuperResParams],
    face: FaceParams,
) -> dict[str, np.ndarray]:
    """For test crops: p_fake of the network as it is and with a last layer trained on such crops, PSNR, landmarks."""
    weights, params, sr_weights, sr_params = nets
    enlarger, network = enlarging.load_fsrcnn(sr_weights, sr_params), finetune.network(weights, params)
    learned, seen = (np.stack([degraded(crop, cell, enlarger) for crop in crops]) for crops in (trained[0], tested))
    (x, _), (features, logits) = (classifier.features_and_logits(network, crops, params) for crops in (learned, seen))
    pairs = ([lr_hr.luminance(crop) for crop in pair] for pair in zip(seen, tested, strict=True))
    return {
        "test only": classifier.p_fake(logits),
        "train and test": refitted(x, trained[1]).predict_proba(features)[:, 1],
        "psnr": np.array([lr_hr.psnr(*pair) for pair in pairs]),
        "points": landmarks_on_crops(seen, cell, face),
    }


def refitted(features: np.ndarray, labels: np.ndarray) -> Pipeline:
    """A logistic regression on standardized features (N, F), in place of the network's last layer."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(features, labels)


def measure_cells(study: Study, found: FrameSet) -> dict[Cell, dict[str, np.ndarray]]:
    """The results of `_measured` for every cell; cells run in parallel and are cached one by one."""
    small = finetune.small(study)
    network = finetune.one_cycle(small, found)
    trained, tested = found.part("train", "val"), found.part("test").crops
    nets = (network.weights, finetune.network_alone(small.resnet), enlarging.fsrcnn_of(study), study.superres)
    learned = trained.crops, trained.labels
    calls = [(cell, learned, tested, nets, study.faces) for cell in conditions(study)]
    done = [_measured.kept(*call) for call in calls]
    if any(cell is None for cell in done):  # otherwise no process needs to be started
        done = parallel.each(_measured, calls, study.jobs)
    return dict(zip(conditions(study), done, strict=True))


def score_table(study: Study, found: FrameSet, cells: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """p_fake of each test frame (a row), a column for each cell and each of PARTS, with four decimals.

    The head pose is that of Yang et al. on the landmarks found; its SVM learned original crops.
    """
    test, train, own = found.part("test"), found.part("train"), Cell(study.faces.size, "bicubic", 0)
    world, solver = worldmodel.world_model(study.headpose.world_model), study.headpose.solver
    learned = _seen_at(landmarks_on_crops(train.crops, own, study.faces), train, study.faces)
    svm = pose_features.pose_svm(learned, world, solver)
    columns = {}
    for cell, kept in cells.items():
        features = pose_features.frame_features(_seen_at(kept["points"], test, study.faces), world, solver)
        p_fake = kept | {"head pose": pose_features.p_fake(svm, features)}
        columns |= {column(cell, part): p_fake[part].round(4) for part in PARTS}
    return pd.concat([test.table, pd.DataFrame(columns, index=test.table.index)], axis=1)


def column(cell: Cell, part: str) -> str:
    """The name in `score_table` of one of PARTS under a cell."""
    return f"{cell.height} px, {cell.way}, JPEG {cell.quality}, {part}"


def scores_of(scored: pd.DataFrame, cell: Cell, part: str) -> pd.DataFrame:
    """One column of `score_table` as a score table, with p_fake."""
    return scored[COLUMNS].assign(p_fake=scored[column(cell, part)])


def resolution_table(study: Study, scored: pd.DataFrame, cells: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """`aucs` with two columns more: PSNR (dB) and landmark error, means over the test frames.

    The landmark error is measured against the same search on the original crop, in percent of the distance between the
    outer eye corners.
    """
    own, table = cells[Cell(study.faces.size, "bicubic", 0)]["points"], aucs(study, scored)
    errors = [geometry.landmark_error(kept["points"], own).mean() for kept in cells.values()]
    # Where a face stays small there is no enlarged image to compare.
    psnr = [np.nan if cell.way == WAYS[0] else kept["psnr"].mean() for cell, kept in cells.items()]
    table.insert(3, "psnr", psnr)
    table.insert(4, "landmark_error", errors)
    return table


def aucs(study: Study, scored: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell of `score_table`: AUC of test frames by each of PARTS, with intervals."""
    rows = []
    for cell in conditions(study):
        row = dict(vars(cell))
        for part in PARTS:
            found = metrics.estimate(scores_of(scored, cell, part), "auc", "frames", study.bootstrap)
            row |= found.columns(part)
        rows.append(row)
    return pd.DataFrame(rows)


def change_table(study: Study, scored: pd.DataFrame) -> pd.DataFrame:
    """A row for each cell, with paired differences in AUC: `retraining` and `against whole`, each with its ends.

    `retraining`: with the last layer trained again, minus the network as trained. `against whole`: the network as
    trained, minus the same at full size without JPEG; nan for that cell.
    """
    whole, rows = Cell(study.faces.size, "bicubic", 0), []
    for cell in conditions(study):
        pairs = {"retraining": ((cell, "train and test"), (cell, "test only"))}
        if cell != whole:
            pairs["against whole"] = ((cell, "test only"), (whole, "test only"))
        row = dict(vars(cell))
        for name, pair in pairs.items():
            row |= _difference(study, scored, *pair).columns(name)
        rows.append(row)
    return pd.DataFrame(rows)


def by_height(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A column of `change_table` as text with its intervals: a row for each height, a column for each method."""
    words = {"way": "method", "quality": "JPEG (0: none)"}
    told = table.assign(told=aloud.column(table, name, "auc_gain")).rename(columns=words)
    return told.pivot(index="height", columns=list(words.values()), values="told").fillna("-")


def _difference(study: Study, scored: pd.DataFrame, one: tuple[Cell, str], other: tuple[Cell, str]) -> Estimate:
    pair = (scores_of(scored, *each) for each in (one, other))
    return metrics.difference(*pair, "auc", "frames", study.bootstrap)


def _seen_at(points: np.ndarray, original: FrameSet, params: FaceParams) -> FrameSet:
    """The frames with landmarks (N, 68, 2) found in their crops, converted to the frames' pixels."""
    return replace(original, points=geometry.in_frame(points, original.points, params))


def gains(study: Study, scored: pd.DataFrame) -> pd.DataFrame:
    """AUC with FSRCNN minus AUC with bicubic on the same frames: paired interval and smallest detectable difference.

    The table is that of `corrected`.
    """
    rows = []
    for cell in conditions(study):
        if cell.way == "FSRCNN":
            for part in ("test only", "train and test"):
                gain = _difference(study, scored, (cell, part), (replace(cell, way="bicubic"), part))
                row = {"height": cell.height, "quality": cell.quality, "trained": part} | gain.columns("gain")
                rows.append(row | {"detectable": intervals.detectable(gain), "people": gain.people})
    return corrected(pd.DataFrame(rows).rename(columns={"gain_low": "low", "gain_high": "high"}))


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """`gains` with each cell's p, and with p corrected for the number of cells.

    Column `holm` bounds the chance of a single false cell (Holm), `bh` the share of false ones among those that are
    named (Benjamini and Hochberg).
    """
    from scipy.stats import false_discovery_control  # takes seconds to import

    each = zip(table["gain"], table["low"], table["high"], table["people"], strict=True)
    p = [intervals.p_value(Estimate(*ends, 0, "frames", people)) for *ends, people in each]
    return table.assign(p=p, holm=intervals.holm(p), bh=false_discovery_control(p))


def agreement(table: pd.DataFrame) -> tuple[int, int]:
    """Cells where the way of higher PSNR, FSRCNN or bicubic, has the higher AUC, and cells without a tie; counts."""
    wide = table.pivot(index=["height", "quality"], columns="way", values=["psnr", "test only"])
    psnr, auc = (np.sign(wide[name]["FSRCNN"] - wide[name]["bicubic"]).dropna() for name in ("psnr", "test only"))
    told = (psnr != 0) & (auc != 0)
    return int((psnr == auc)[told].sum()), int(told.sum())
