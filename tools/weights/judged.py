"""What the shipped detector is chosen on (validation part) and tested on (test part): faces by source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
from scipy import special

from dfdlib.core import studies
from dfdlib.core.studies import FaceParams, Study
from dfdlib.evaluation import statistics
from dfdlib.experiments import transfer
from dfdlib.faces import frames, geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.superres import enlarging
from tools.weights import faces as real
from tools.weights.faces import Faces

FALSE_ALARMS = 0.02  # of validation's real faces, at the threshold
# What is made from the faces of a source, and so is left out with it
FAMILIES = {"uadfv": ("uadfv", "jpeg30", "super-resolved"), "lfw": ("lfw", "blurred"), "celeba": ("celeba",)}
SMALL = 32  # pixels to which a face is shrunk before FSRCNN enlarges it
BLUR = 1.5  # pixels of a crop of 128: deviation of the Gaussian


def sources(study: Study, part: str, params: FaceParams, every: int = 1) -> dict[str, FrameSet]:
    """Every source of a part, "val" or "test", by name; one frame in `every` of the clips and photographs.

    Of the rendered people, who are not learned from, validation takes all but the test part.
    """
    study = replace(study, faces=replace(params, max_frames=study.faces.max_frames))
    own = frames.of_study(study).part(part).one_in(every)
    parts = ("test",) if part == "test" else ("train", "val")
    found = {"uadfv": own}
    for name in ("embedded", transfer.EASY):
        rendered = replace(studies.load(name), faces=study.faces)
        found[name] = frames.of_study(rendered).part(*parts).one_in(2 * every)
    for photographs in (real.lfw(study.seed, part), real.celeba(part)):
        found[photographs.source] = as_frames(photographs.one_in(every), params, part)
    reals = found["lfw"].rows(np.arange(0, len(found["lfw"].labels), 2))
    found["blurred"] = reals.with_crops(_each(reals.crops, _blurred))
    found["jpeg30"] = own.with_crops(_each(own.crops, lambda crop: geometry.jpeg(crop, 30)))
    pristine = own.rows(np.flatnonzero(own.labels == 0)).one_in(2)
    found["super-resolved"] = pristine.with_crops(_each(pristine.crops, _enlarged))
    return found


def as_frames(faces: Faces, params: FaceParams, part: str) -> FrameSet:
    """Real faces as clips of one frame each."""
    rows = [(f"{faces.source}{i}", 0, 0, f"{faces.source}{i}", name, part) for i, name in enumerate(faces.people)]
    sizes = np.array([square.shape[1::-1] for square in faces.squares])
    return FrameSet(pd.DataFrame(rows, columns=COLUMNS), faces.cut(params), faces.points, sizes)


def _each(crops: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return np.stack([change(crop) for crop in crops])


def _blurred(crop: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(crop, (0, 0), BLUR * len(crop) / 128)


def _enlarged(crop: np.ndarray) -> np.ndarray:
    small = cv2.resize(crop, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    return cv2.resize(enlarging.upscale(small, 4), crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def summary(scores: pd.DataFrame) -> dict[str, float]:
    """Numbers by which recipes are compared, of a table with the columns source, label and p_fake.

    AUC of frames of each source with both labels, against its own reals; their mean; the threshold for FALSE_ALARMS
    on all reals, each source counting the same; and the shares called fake there: of fakes, and of each real source.
    """
    threshold = threshold_for(scores)
    numbers: dict[str, float] = {}
    for name, part in scores.groupby("source", sort=False):
        label, p_fake = part["label"].to_numpy(), part["p_fake"].to_numpy()
        numbers[f"alarms_{name}"] = float((p_fake[label == 0] >= threshold).mean())
        if label.any():
            numbers[f"auc_{name}"] = float(statistics.auc(label, p_fake, np.ones((1, len(label))))[0])
            numbers[f"caught_{name}"] = float((p_fake[label == 1] >= threshold).mean())
    aucs = [value for name, value in numbers.items() if name.startswith("auc_")]
    return {"macro_auc": float(np.mean(aucs)), "worst_auc": min(aucs), "threshold": threshold} | numbers


def threshold_for(scores: pd.DataFrame, share: float = FALSE_ALARMS) -> float:
    """The p_fake that `share` of the real faces reach, each source counting the same."""
    reals = scores[scores["label"] == 0].sort_values("p_fake", ascending=False)
    weights = 1 / reals.groupby("source")["p_fake"].transform("size") / reals["source"].nunique()
    return float(reals["p_fake"].iloc[int((weights.cumsum() <= share).sum())]) + 1e-9


def logits(p_fake: np.ndarray | pd.Series | float) -> np.ndarray | pd.Series | float:
    """The logits of scores, kept off 0 and 1, where they would be infinite."""
    return special.logit(np.clip(p_fake, 1e-7, 1 - 1e-7))


def calibration(scores: pd.DataFrame) -> tuple[float, float]:
    """Offset and slope so that sigmoid(slope * (logit(p_fake) + offset)) is 0.5 at the threshold of FALSE_ALARMS.

    The slope minimizes the cross-entropy, each source and label counting the same.
    """
    from scipy.optimize import minimize_scalar

    offset = -float(logits(threshold_for(scores)))
    margin = (logits(scores["p_fake"]) + offset) * (2 * scores["label"] - 1)
    weights = 1 / scores.groupby(["source", "label"])["p_fake"].transform("size")
    found = minimize_scalar(
        lambda log: -(weights * special.log_expit(np.exp(log) * margin)).sum(), bounds=np.log([0.05, 5])
    )
    return offset, float(np.exp(found.x))


def on_shipped_scale(scores: pd.DataFrame) -> pd.DataFrame:
    """The table with p_fake scaled by its own `calibration`, as that of `dfd predict` is."""
    offset, slope = calibration(scores)
    return scores.assign(p_fake=special.expit(slope * (logits(scores["p_fake"]) + offset)))
