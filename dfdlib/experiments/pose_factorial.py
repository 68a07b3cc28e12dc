"""The experiment on the head-pose branch: every combination of feature, scaling, solver and world model."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from dfdlib.core import cache, parallel, paths, repro
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data.catalogue import Clip
from dfdlib.evaluation import metrics
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, pose_features, worldmodel
from dfdlib.headpose.pnp import Poses
from dfdlib.headpose.pose_features import FOLDS

FACTORS = ["feature", "svm", "solver", "model"]
FOCALS = (0.5, 1.0, 2.0, 4.0, 8.0)  # 1 is the guess of Yang et al.; the larger, the more distant the camera
# For the interval of each of hundreds of cells; by a study's 2,000 its ends move by some four per cent of its width.
RESAMPLES = 300
PROTOCOLS = ("published", "frame", "pair", "person")


def folds(table: pd.DataFrame, protocol: str, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row numbers to train on and row numbers to score, for each fold; DfdError for an unknown protocol.

    "published": one fold, the study's own train and test part. "frame", "pair", "person": five folds over all frames,
    in which a frame, a pair or a person is on one side only; "frame" leaks on purpose. By person, a `table` with a
    column donor (`with_donors`) has nobody's face on both sides. Where there are too few groups for five folds,
    there are fewer folds and a warning; DfdError where not even two.
    """
    from sklearn.model_selection import StratifiedKFold

    if protocol not in PROTOCOLS:
        raise DfdError(f"There is no protocol {protocol!r}; choose one of: {', '.join(PROTOCOLS)}.")
    rows, labels = np.arange(len(table)), table["label"].to_numpy()
    if protocol == "published":
        yield tuple(rows[(table["split"] == part).to_numpy()] for part in ("train", "test"))
        return
    if protocol == "frame":
        count = min(FOLDS, np.bincount(labels, minlength=2).min())
        found = list(StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, labels)) if count > 1 else []
    else:
        found = pose_features.group_folds(labels, table[protocol].to_numpy())
    if not found:
        raise DfdError(f"There are too few real or fake clips for two folds by {protocol}; add clips of other people.")
    if len(found) < FOLDS:
        warnings.warn(f"{len(found)} folds by {protocol} instead of {FOLDS}: there are no more.", stacklevel=2)
    if protocol == "person" and "donor" in table:
        found = [(_strangers(table, *fold), fold[1]) for fold in found]
    yield from found


def with_donors(table: pd.DataFrame, clips: Sequence[Clip]) -> pd.DataFrame:
    """The table with the column donor: the person of the table whose face a fake shows, else "".

    A donor who is nobody in the table, as UADFV's, is in no real frame that an SVM could learn.
    """
    people = set(table["person"])
    worn = {clip.clip_id: clip.donor for clip in clips if clip.donor in people}
    return table.assign(donor=[worn.get(clip_id, "") for clip_id in table["clip_id"]])


def _strangers(table: pd.DataFrame, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The rows of `train` without the pairs in which anybody of `test` is seen or worn; all rows where none is left.

    A donor's real frames in training teach an SVM that this face is real, which is wrong of the fake that wears it.
    Pairs leave as a whole, so that the labels stay balanced: without scaling, an SVM follows the larger class.
    """
    faces = table[["person", "donor"]]
    tested = set(faces.iloc[test].to_numpy().ravel()) - {""}
    known = table["pair"][faces.isin(tested).any(axis=1)]
    kept = train[~table["pair"].iloc[train].isin(known).to_numpy()]
    if table["label"].iloc[kept].nunique() == 2:
        return kept
    lacking = "without them real or fake frames would be lacking"
    warnings.warn(f"a fold by person trains on donors of its test frames, too: {lacking}.", stacklevel=3)
    return train


def out_of_fold(
    features: np.ndarray, table: pd.DataFrame, protocol: str, seed: int, svm: str = "standardized"
) -> pd.DataFrame:
    """The score table of all frames that the protocol scores, each by an SVM that has not seen its fold.

    features: (T, numbers), one row per row of `table`; svm: a name in pose_features.SVMS, or "tuned", which searches
    C and gamma within the training frames.
    """
    scored, p_fake = np.zeros(len(table), bool), np.zeros(len(table))
    for train, test in folds(table, protocol, seed):
        labels, people = table["label"].to_numpy()[train], table["person"].to_numpy()[train]
        if svm == "tuned":
            classifier = pose_features.tuned(features[train], labels, people)
        else:
            classifier = pose_features.SVMS[svm]().fit(features[train], labels)
        scored[test], p_fake[test] = True, pose_features.p_fake(classifier, features[test])
    return table[scored].assign(p_fake=p_fake[scored]).reset_index(drop=True)


def summary(scores: pd.DataFrame, resamples: int) -> dict[str, float]:
    """One flat row: AUC and accuracy of frames and videos with their intervals, and the share called fake.

    A share near 0 or 1 reveals an SVM that gives every frame the same verdict.
    """
    row = {"called_fake": float((scores["p_fake"] >= metrics.THRESHOLD).mean())}
    for unit, table in (("frame", scores), ("video", metrics.to_videos(scores))):
        for name in ("auc", "acc"):
            row |= metrics.estimate(table, name, f"{unit}s", resamples).columns(f"{unit}_{name}")
    return row


def world_models(found: FrameSet, study: Study) -> dict[str, np.ndarray]:
    """The models (68, 3) to compare: the study's own, its mirror image, one from real faces, and hand-placed ones.

    "from real faces" uses the training part only. A file named by DFD_WORLD_MODEL is added, as it is and mirrored.
    """
    own = worldmodel.world_model(study.headpose.world_model)
    from_faces = worldmodel.from_landmarks(found.points[real_training(found)], own)
    models = {"own": own, "own, mirrored": worldmodel.mirrored(own), "from real faces": from_faces}
    placed = sorted({*study.headpose.placed, 0.08})
    models |= {f"placed, {share:.0%} off": worldmodel.hand_placed(own, share, study.seed) for share in placed}
    if paths.world_model():
        user = worldmodel.world_model(str(paths.world_model()))
        models |= {"user's": user, "user's, mirrored": worldmodel.mirrored(user)}
    return models


def real_training(found: FrameSet) -> np.ndarray:
    """Mask (T,) of the real frames of the training part."""
    return ((found.table["split"] == "train") & (found.table["label"] == 0)).to_numpy()


def solvers(study: Study) -> tuple[str, ...]:
    """The solvers to compare, in the order of pnp.SOLVERS."""
    chosen = {*study.headpose.solvers, "iterative", "sqpnp", study.headpose.solver}
    return tuple(name for name in pnp.SOLVERS if name in chosen)


@cache.stage
def solve_all(
    points: np.ndarray, sizes: np.ndarray, models: dict[str, np.ndarray], solvers: tuple[str, ...]
) -> dict[tuple[str, str], tuple[Poses, Poses]]:
    """Poses with each of `solvers` and each world model: (solver, model) -> (whole, central)."""
    every = itertools.product(solvers, models)
    return {(s, m): pnp.whole_and_central(points, sizes, models[m], s) for s, m in every}


@cache.stage
def factorial(
    table: pd.DataFrame, poses: dict[tuple[str, str], tuple[Poses, Poses]], protocol: str, seed: int, threads: int
) -> pd.DataFrame:
    """Every feature and SVM with every solver and model: columns FACTORS and those of `summary`."""
    cells = itertools.product(pose_features.FEATURES, pose_features.SVMS, poses)
    calls = ((table, poses[pair], (name, svm, *pair), protocol, seed) for name, svm, pair in cells)
    return pd.DataFrame(parallel.each(_cell, calls, threads))


def _cell(table: pd.DataFrame, poses: tuple, levels: tuple[str, ...], protocol: str, seed: int) -> dict:
    features = pose_features.FEATURES[levels[0]](*poses)
    scores = out_of_fold(features, table, protocol, seed, levels[1])
    return dict(zip(FACTORS, levels, strict=True)) | summary(scores, RESAMPLES)


def main_effects(cells: pd.DataFrame, score: str) -> pd.DataFrame:
    """For every level of every factor, the median and the range of a score over all levels of the other factors."""
    found = {factor: cells.groupby(factor, sort=False)[score].agg(["median", "min", "max"]) for factor in FACTORS}
    return pd.concat(found, names=["factor", "level"]).reset_index()


@cache.stage
def cameras(
    points: np.ndarray, sizes: np.ndarray, table: pd.DataFrame, models: dict[str, np.ndarray], solver: str, seed: int
) -> pd.DataFrame:
    """Each model with cameras of several focal lengths (FOCALS, multiples of the image's width), one row for each.

    Columns model, focal; residual_percent, the median reprojection error of the whole face in real frames, in percent
    of its width; real_distance and fake_distance, the median cosine distance of v_a and v_c; and those of `summary`
    for the feature of Yang et al., by person.
    """
    width, real = np.ptp(points[:, :17, 0], axis=1), (table["label"] == 0).to_numpy()
    rows = []
    for (name, model), focal in itertools.product(models.items(), FOCALS):
        poses = pnp.whole_and_central(points, sizes, model, solver, focal)
        distance = pose_features.cosine_distance(*poses)
        row = {"model": name, "focal": focal, "residual_percent": np.median(100 * (poses[0].residual / width)[real])}
        row |= {"real_distance": np.median(distance[real]), "fake_distance": np.median(distance[~real])}
        scores = out_of_fold(pose_features.yang_feature(*poses), table, "person", seed)
        rows.append(row | summary(scores, RESAMPLES))
    return pd.DataFrame(rows)


# Mistakes that a reader of the paper might suspect, each as a change of landmarks (T, 68, 2) and model (68, 3).
Mistake = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
MISTAKES: dict[str, Mistake] = {
    "none": lambda points, model: (points, model),
    "z mirrored": lambda points, model: (points, worldmodel.mirrored(model)),
    "y up": lambda points, model: (points, model * [1, -1, 1]),
    "landmarks off by one against the model": lambda points, model: (points, np.roll(model, 1, axis=0)),
    "numbers from 1 used as indices from 0": lambda points, model: (np.roll(points, -1, 1), np.roll(model, -1, 0)),
    "x and y exchanged": lambda points, model: (points[..., ::-1], model),
    "points placed by hand, 8 % off": lambda points, model: (points, worldmodel.hand_placed(model, 0.08, 0)),
    "points placed by hand, 20 % off": lambda points, model: (points, worldmodel.hand_placed(model, 0.2, 0)),
    "model's points in a random order": lambda points, model: (points, repro.rng(0).permutation(model)),
}


@cache.stage
def mistakes(
    points: np.ndarray, sizes: np.ndarray, table: pd.DataFrame, model: np.ndarray, protocol: str, seed: int
) -> pd.DataFrame:
    """The paper's recipe (default solver, raw directions, default SVM) with each of MISTAKES, one row for each.

    Columns mistake and those of `summary`. The last row has shuffled labels, which shows the level of chance.
    """

    def row(name: str, features: np.ndarray, labelled: pd.DataFrame) -> dict:
        scores = out_of_fold(features, labelled, protocol, seed, "default")
        return {"mistake": name} | summary(scores, RESAMPLES)

    features = {}
    for name, change in MISTAKES.items():
        seen, used = change(points, model)
        features[name] = pose_features.directions(*pnp.whole_and_central(seen, sizes, used, "iterative"))
    rows = [row(name, found, table) for name, found in features.items()]
    shuffled = table.assign(label=repro.rng(seed).permutation(table["label"]))
    return pd.DataFrame([*rows, row("labels shuffled", features["none"], shuffled)])
