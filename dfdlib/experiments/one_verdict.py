"""How an SVM gets exactly the share of the larger class: numbers in millimetres or pixels, and an old default.

The paper's head pose scores 50.1 % and "hasn't moved upper" by other world coordinates. A radial basis function of
numbers that differ by hundreds is zero between any two frames, unless gamma is scaled to them, as scikit-learn's
default does since version 0.22 (December 2019). Such an SVM remembers every training frame and gives all others one
verdict.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pandas as pd

from dfdlib.core import cache, repro
from dfdlib.evaluation import metrics
from dfdlib.experiments.fold_scores import KEYS
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.headpose.pnp import Poses

Setup = tuple[str, str, str]  # the feature, the gamma, and how far off the world coordinates are
SHORT = {  # parts of a setup in the name of its column
    "directions v_c, v_a (unit vectors)": "directions",
    "r and t of both poses (radians, mm)": "r_t",
    "R't of both poses (mm)": "camera",
    "drawn nose lines (pixels)": "lines",
    "1 / features": "old",
    "scaled to the data": "scaled",
}
FRAME = (1280, 720)  # pixels of the simulated video
SCALE, ROLL, DRIFT = (0.5, 1.5), 15, 20  # of the face in it: size against the crop, degrees, pixels of slow movement
NOSE = 500.0  # millimetres of the line that is drawn from the head in the direction of the nose
OFF = (0.0, 0.08)  # errors of hand-placed world coordinates, as shares of the head's width
GAMMAS = {"1 / features": "default before 0.22", "scaled to the data": "default"}  # names of pose_features.SVMS


def before_a_camera(points: np.ndarray, table: pd.DataFrame, side: int, seed: int = 0) -> np.ndarray:
    """Landmarks (N, 68, 2) of aligned crops of `side` pixels, put back into a simulated video of FRAME's size.

    Alignment has removed where the face was, how large and how inclined. Each pair of clips (column pair of `table`)
    gets a place, a size and a roll of its own, drawn at random and the same for the real clip and the fake, and a slow
    drift from frame to frame (column frame). They carry no information about the label.
    """
    out = np.empty_like(points)
    for number, rows in enumerate(table.groupby("pair").indices.values()):
        draw = repro.rng(seed, number)
        scale, roll = draw.uniform(*SCALE), np.radians(draw.uniform(-ROLL, ROLL))
        turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        place, phase = draw.uniform([0.3, 0.3], [0.7, 0.6]) * FRAME, draw.uniform(0, 2 * np.pi, 2)
        drift = DRIFT * scale * np.sin(table["frame"].to_numpy()[rows, None] / [30, 40] + phase)
        out[rows] = (points[rows] - side / 2) @ turn.T + (place + drift)[:, None]
    return out


def rotations_and_translations(whole: Poses, central: Poses) -> np.ndarray:
    """r_c, t_c, r_a, t_a (T, 12): radians and millimetres, from which the paper builds its "head pose vector"."""
    return np.hstack([central.rvec, central.tvec, whole.rvec, whole.tvec])


def camera_places(whole: Poses, central: Poses) -> np.ndarray:
    """R't of both poses (T, 6): where the camera is, in the head's millimetres."""
    return np.hstack([np.einsum("nji,nj->ni", poses.rotation, poses.tvec) for poses in (central, whole)])


def nose_lines(whole: Poses, central: Poses) -> np.ndarray:
    """Both ends of the drawn direction of both poses (T, 8), in pixels of FRAME."""
    camera, ends = pnp.camera_matrix(*FRAME), np.float64([[0, 0, 0], [0, 0, -NOSE]])
    poses = zip(np.stack([central.rvec, whole.rvec], 1), np.stack([central.tvec, whole.tvec], 1), strict=True)
    drawn = [
        [cv2.projectPoints(ends, r, t, camera, None)[0].ravel() for r, t in zip(*both, strict=True)] for both in poses
    ]
    return np.clip(np.array(drawn).reshape(len(drawn), 8), -1e5, 1e5)  # a flipped pose projects to infinity


FEATURES: dict[str, Callable[[Poses, Poses], np.ndarray]] = {
    "directions v_c, v_a (unit vectors)": pose_features.directions,
    "r and t of both poses (radians, mm)": rotations_and_translations,
    "R't of both poses (mm)": camera_places,
    "drawn nose lines (pixels)": nose_lines,
}


@cache.stage
def experiment(
    points: np.ndarray, table: pd.DataFrame, model: np.ndarray, side: int
) -> tuple[dict[Setup, float], pd.DataFrame]:
    """Each of FEATURES with each of GAMMAS and OFF, default solver, unscaled; trained outside the test part.

    Returns the accuracy on the training frames by setup, and the test frames with a column of verdicts for each setup,
    0 (real) or 1, see `column`.
    """
    seen = before_a_camera(points, table, side)
    sizes, test = np.tile(FRAME, (len(points), 1)), (table["split"] == "test").to_numpy()
    learned, verdicts = {}, table.loc[test, KEYS].reset_index(drop=True)
    for off in OFF:
        placed = worldmodel.hand_placed(model, off, 0) if off else model
        poses = pnp.whole_and_central(seen, sizes, placed, "iterative")
        for name, gamma in itertools.product(FEATURES, GAMMAS):
            setup, features, labels = (name, gamma, f"{off:.0%} off"), FEATURES[name](*poses), table["label"].to_numpy()
            svm = pose_features.SVMS[GAMMAS[gamma]]().fit(features[~test], labels[~test])
            learned[setup] = float((svm.predict(features[~test]) == labels[~test]).mean())
            verdicts[column(setup)] = svm.predict(features[test])
    return learned, verdicts


def column(setup: Setup) -> str:
    """The name of a setup's column, such as "r_t old 8%"."""
    feature, gamma, placed = setup
    return f"{SHORT[feature]} {SHORT[gamma]} {placed.removesuffix(' off')}"


def setups(learned: dict[Setup, float], verdicts: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """A row for each setup of `experiment`: columns feature, gamma, placed; train_acc; and those of `tested`.

    The first row is the constant predictor: the larger class of the test part.
    """
    rows = [constant(verdicts, resamples)]
    for setup, accuracy in learned.items():
        rows.append(_named(setup) | {"train_acc": accuracy} | tested(verdicts, column(setup), resamples))
    return pd.DataFrame(rows)


def tested(verdicts: pd.DataFrame, name: str, resamples: int) -> dict[str, float]:
    """test_acc of frames with its interval; called_fake, the share of the test frames called fake; n, their number."""
    said = verdicts[name].astype(float)
    right = metrics.estimate(verdicts[KEYS].assign(split="test", p_fake=said), "acc", "frames", resamples)
    return right.columns("test_acc") | {"called_fake": float(said.mean()), "n": len(verdicts)}


def _named(setup: Setup) -> dict[str, str]:
    return dict(zip(("feature", "gamma", "placed"), setup, strict=True))


def constant(test: pd.DataFrame, resamples: int) -> dict:
    """The row of the constant predictor: it calls every frame what most of the test part are."""
    same = test[KEYS].assign(same=float(test["label"].mean() > 0.5))
    return _named(("constant predictor", "", "")) | {"train_acc": float("nan")} | tested(same, "same", resamples)


def class_shares(table: pd.DataFrame) -> dict[str, float]:
    """The share of the larger class: of the test part's frames, and of all."""
    shares = {"test part": table.loc[table["split"] == "test", "label"].mean(), "all frames": table["label"].mean()}
    return {name: float(max(share, 1 - share)) for name, share in shares.items()}
