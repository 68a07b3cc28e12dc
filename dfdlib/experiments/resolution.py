"""Super-resolution where it could matter: faces of few pixels, enlarged in four ways, with and without JPEG."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfdlib.core import cache
from dfdlib.core.studies import FaceParams, ResNetParams, Study, SuperResParams
from dfdlib.evaluation import intervals
from dfdlib.faces import detection, geometry
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.resnet import classifier, finetune
from dfdlib.superres import enlarging, lr_hr

WAYS = ("as small as it is", "nearest", "bicubic", "FSRCNN")
GREY = 124  # of the canvas around a face that is not enlarged: ImageNet's mean, which the network sees as zero


@dataclass(frozen=True)
class Cell:
    """One condition."""

    height: int  # of the face's crop in pixels, before it is enlarged
    way: str  # one of WAYS
    quality: int  # of JPEG at that height; 0 is none


def conditions(study: Study) -> list[Cell]:
    """The study's conditions; at the crops' own height there is nothing to enlarge, and one way stands for all."""
    sweep, own = study.sweep, study.faces.size
    small = [Cell(*levels) for levels in itertools.product(sweep.heights, WAYS, sweep.qualities)]
    return small + [Cell(own, "bicubic", quality) for quality in sweep.qualities]


def degraded(crop: np.ndarray, cell: Cell, model: torch.nn.Module) -> np.ndarray:
    """A crop (S, S, 3) made small, compressed and brought back to its size by the cell's way."""
    size = crop.shape[1::-1]
    small = cv2.resize(crop, (cell.height, cell.height), interpolation=cv2.INTER_AREA)
    if cell.quality:
        small = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, cell.quality])[1], cv2.IMREAD_COLOR)
    if cell.way == "as small as it is":
        return _framed(small, crop.shape)
    if cell.way == "FSRCNN":
        small = enlarging.upscale(small, model=model)
    how = cv2.INTER_NEAREST if cell.way == "nearest" else cv2.INTER_CUBIC
    return cv2.resize(small, size, interpolation=how)


def _framed(small: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    canvas = np.full(shape, GREY, np.uint8)
    start = (shape[0] - small.shape[0]) // 2
    canvas[start : start + small.shape[0], start : start + small.shape[1]] = small
    return canvas


def landmarks(crops: np.ndarray, cell: Cell, params: FaceParams) -> np.ndarray:
    """dlib's landmarks (N, 68, 2) float32 on changed crops, in pixels of the crops before the change.

    The search starts from the crop without its margin, which needs no detector: a face of 16 pixels has none.
    """
    size = params.size
    inner = cell.height if cell.way == WAYS[0] else size  # how large the face's crop now stands in its canvas
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
    """Per test crop: p_fake of the network as it is and with a last layer trained on such crops, PSNR, landmarks."""
    torch.set_num_threads(1)  # cells run beside each other
    weights, params, sr_weights, sr_params = nets
    model = enlarging.load_fsrcnn(sr_weights, sr_params)
    (x_crops, y), crops = trained, tested
    seen, learned = (np.stack([degraded(c, cell, model) for c in found]) for found in (crops, x_crops))
    x, logits = _read(seen, weights, params)
    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(_read(learned, weights, params)[0], y)
    return {
        "test only": classifier.p_fake(logits),
        "train and test": head.predict_proba(x)[:, 1],
        "psnr": np.array([_psnr(a, b) for a, b in zip(seen, crops, strict=True)]),
        "points": landmarks(seen, cell, face),
    }


def _read(crops: np.ndarray, weights: Path, params: ResNetParams) -> tuple[np.ndarray, np.ndarray]:
    return classifier.features_and_logits(finetune.network(weights, params), crops, params)


def _psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.mean((lr_hr.luminance(a) - lr_hr.luminance(b)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def measure_cells(study: Study, frames: FrameSet) -> dict[Cell, dict[str, np.ndarray]]:
    """What `_measured` finds in every cell; cells run side by side, are cached one by one, and resume."""
    small = finetune.small(study)
    network = finetune.one_cycle(small, frames)
    trained, tested = frames.part("train", "val"), frames.part("test").crops
    nets = (network.weights, finetune.network_alone(small.resnet), enlarging.fsrcnn_of(study), study.superres)
    calls = [(cell, (trained.crops, trained.labels), tested, nets, study.faces) for cell in conditions(study)]
    done = [_measured.kept(*call) for call in calls]
    if any(cell is None for cell in done):  # else no processes need be started
        done = Parallel(n_jobs=study.jobs)(delayed(_measured)(*call) for call in calls)
    return dict(zip(conditions(study), done, strict=True))


def resolution_table(study: Study, frames: FrameSet, found: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """One row a cell: AUC of test frames with intervals, PSNR (dB), landmark error, AUC of the head pose.

    The landmark error is against the same search on the unchanged crop, in percent of the distance of the outer eye
    corners. The head pose is that of Yang et al. on the landmarks found, its SVM trained on unchanged crops.
    """
    test = frames.part("test")
    own = found[Cell(study.faces.size, "bicubic", 0)]["points"]
    svm, world = _pose_svm(study, frames)
    rows = []
    for cell, kept in found.items():
        points = geometry.in_frame(kept["points"], test.points, study.faces)
        poses = pnp.whole_and_central(points, test.sizes, world, study.headpose.solver)
        scores = {name: kept[name] for name in ("test only", "train and test")}
        scores["head pose"] = pose_features.p_fake(svm, pose_features.yang_feature(*poses))
        psnr = np.nan if cell.way == WAYS[0] else kept["psnr"].mean()  # there is no enlarged picture to compare
        row = vars(cell) | {"psnr": psnr, "landmark_error": geometry.landmark_error(kept["points"], own).mean()}
        for name, p_fake in scores.items():
            auc = intervals.estimate(test.scored(p_fake), "auc", "frames", study.bootstrap)
            row |= {name: auc.value, f"{name}_low": auc.low, f"{name}_high": auc.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _pose_svm(study: Study, frames: FrameSet) -> tuple:
    part, world = frames.part("train"), worldmodel.world_model(study.headpose.world_model)
    points = landmarks(part.crops, Cell(study.faces.size, "bicubic", 0), study.faces)
    points = geometry.in_frame(points, part.points, study.faces)
    poses = pnp.whole_and_central(points, part.sizes, world, study.headpose.solver)
    return pose_features.SVMS["standardized"]().fit(pose_features.yang_feature(*poses), part.labels), world


def gains(study: Study, frames: FrameSet, found: dict[Cell, dict[str, np.ndarray]]) -> pd.DataFrame:
    """AUC by FSRCNN minus AUC by bicubic on the same frames, with the paired interval and what could have been seen."""
    test, rows = frames.part("test"), []
    for cell in found:
        if cell.way == "FSRCNN":
            other = found[Cell(cell.height, "bicubic", cell.quality)]
            for name in ("test only", "train and test"):
                tables = (test.scored(kept[name]) for kept in (found[cell], other))
                gain = intervals.difference(*tables, "auc", "frames", study.bootstrap)
                seen = intervals.detectable(gain)
                rows.append((cell.height, cell.quality, name, gain.value, gain.low, gain.high, seen))
    return pd.DataFrame(rows, columns=["height", "quality", "trained", "gain", "low", "high", "detectable"])


def agreement(table: pd.DataFrame) -> tuple[int, int]:
    """In how many cells the way with the higher PSNR, FSRCNN or bicubic, has the higher AUC; of those without a tie."""
    ways = {way: table[table["way"] == way].set_index(["height", "quality"]) for way in ("FSRCNN", "bicubic")}
    signs = {
        name: np.sign(ways["FSRCNN"][name] - ways["bicubic"][name].reindex(ways["FSRCNN"].index))
        for name in ("psnr", "test only")
    }
    told = (signs["psnr"] != 0) & (signs["test only"] != 0)
    return int((signs["psnr"] == signs["test only"])[told].sum()), int(told.sum())
