"""Where a fake was changed: its frame minus the real one that it was made from; and whether Grad-CAM looks there."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd

from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import frames, geometry
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import classifier, finetune, gradcam

CONTOUR = slice(0, 17)  # a swap leaves these landmarks' surroundings as they were
SMOOTH, CLOSE, EDGE = (
    0.03,
    0.15,
    0.05,
)  # shares of the face's width: of the blur, the gaps to close, the seam to leave out
LOUD, STRONG = (
    2.0,
    0.25,
)  # a changed pixel exceeds twice the noise around the face, and a quarter of the largest changes
FINE = 224  # pixels of the network's input for which a ResNet's last map has 7 x 7 cells


def registered(fake: np.ndarray, real: np.ndarray, points: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The real image as it lies under the fake one; both uint8 RGB, `points` (68, 2) of the fake and of the real.

    First by the faces' contours, then by all pixels around the face (enhanced correlation coefficient: Evangelidis and
    Psarakis, IEEE TPAMI 30, 2008), which both frames share.
    """
    ours, theirs = (found[CONTOUR].astype(np.float32) for found in points)
    start = cv2.estimateAffinePartial2D(ours, theirs, method=cv2.LMEDS)[0].astype(np.float32)
    grey = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (fake, real))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
    try:
        start = cv2.findTransformECC(*grey, start, cv2.MOTION_AFFINE, stop, _around(fake, points[0]), 5)[1]
    except cv2.error:  # too little texture around the face: the contour's answer stays
        pass
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(real, start, fake.shape[1::-1], flags=how, borderMode=cv2.BORDER_REPLICATE)


def _around(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(H, W) uint8: 255 outside of the landmarks' hull and its seam, else 0."""
    hull = _hull(image.shape, points)
    return cv2.erode(255 - 255 * hull, None, iterations=max(1, int(EDGE * _width(points))))


def _hull(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    return cv2.fillConvexPoly(np.zeros(shape[:2], np.uint8), cv2.convexHull(points.round().astype(np.int32)), 1)


def _width(points: np.ndarray) -> float:
    return float(np.ptp(points[CONTOUR, 0]))


def changed(fake: np.ndarray, real: np.ndarray, points: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(H, W) float32, 1 in the region of the fake image that was changed: the convex hull of the changed pixels.

    The mean difference around the face is the noise (two encodings of one frame); of the connected regions that exceed
    it, the one that covers most of the inner face counts. All zero if there is none.
    """
    under, width = registered(fake, real, points), _width(points[0])
    gap = np.abs(fake.astype(np.float32) - under).max(2)
    gap = cv2.GaussianBlur(gap, (0, 0), SMOOTH * width)
    around = _around(fake, points[0]) > 0
    least = max(LOUD * np.percentile(gap[around], 90), STRONG * np.percentile(gap[~around], 90))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (int(CLOSE * width) | 1,) * 2)
    regions = cv2.connectedComponents(cv2.morphologyEx((gap > least).astype(np.uint8), cv2.MORPH_CLOSE, disc))[1]
    covered = np.bincount(regions[_hull(fake.shape, points[0][geometry.INNER]) > 0], minlength=regions.max() + 1)
    if not covered[1:].any():
        return np.zeros(fake.shape[:2], np.float32)
    y, x = np.nonzero(regions == 1 + covered[1:].argmax())
    return _hull(fake.shape, np.column_stack([x, y])).astype(np.float32)


def partners(found: FrameSet) -> np.ndarray:
    """(n, 2): the row of each fake frame whose real one is there too (the same pair and frame number), and its row."""
    table = found.table.reset_index()
    both = table[table["label"] == 1].merge(table[table["label"] == 0], on=["pair", "frame"])
    return both[["index_x", "index_y"]].to_numpy()


def masks(study: Study, found: FrameSet, rows: np.ndarray) -> np.ndarray:
    """The changed region of fake frames in the network's input (n, s, s) float32 in [0, 1]; `rows` as of `partners`."""
    cut = []
    for i, j in rows:
        images = (frames.image(study, found.table.iloc[row]) for row in (i, j))
        region = changed(*images, (found.points[i], found.points[j]))
        box = geometry.face_rectangle(found.points[i], study.faces.margin)
        cut.append(geometry.crop(region, box, study.faces.size)[0])
    return classifier.centre(np.array(cut), study.resnet.input_size).clip(0, 1)


def fine(study: Study, like: Study) -> Study:
    """The study with the network of `like` on crops of FINE pixels, so that Grad-CAM has 7 x 7 cells."""
    network = replace(like.resnet, input_size=FINE)
    faces = replace(study.faces, size=FINE * 8 // 7)
    return replace(study, faces=faces, resnet=network, one_cycle=like.one_cycle)


def energies(study: Study, found: FrameSet) -> pd.DataFrame:
    """How much of each test fake's map lies in its changed region: a row a frame.

    Columns clip_id, frame, person, p_fake; area, the region's share of the picture; and the share of the energy of the
    frame's own map, of another person's, and of a randomly initialised network's. The network is trained by one cycle.
    """
    test = found.part("test")
    rows = partners(test)
    fakes, run = test.rows(rows[:, 0]), finetune.one_cycle(study, found)
    network, regions = finetune.network(run.weights, study.resnet), masks(study, test, rows)
    maps = {"own": gradcam.grad_cam(network, fakes.crops, study.resnet)}
    maps["others"] = maps["own"][gradcam.others(fakes.table["person"])]
    maps["random"] = gradcam.grad_cam(gradcam.randomized(network, 0), fakes.crops, study.resnet)
    table = fakes.table[["clip_id", "frame", "person"]].assign(p_fake=run.score(fakes, study)["p_fake"].to_numpy())
    table["area"] = regions.mean((1, 2))
    return table.assign(**{name: gradcam.inside(cam, regions)["energy"].to_numpy() for name, cam in maps.items()})


def summary(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """Mean energy of each map minus the region's share of area, and own minus others'; intervals over people."""
    gains = {name: table[name] - table["area"] for name in ("own", "others", "random")}
    gains["own_minus_others"] = table["own"] - table["others"]
    found = {}
    for name, values in gains.items():
        seen = np.isfinite(values)
        found[name] = metrics.mean_over_people(values[seen].to_numpy(), table["person"][seen], "frames", resamples)
    return found


def by_id(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """`summary` by id, such as gradcam.real.own.excess."""
    found = summary(table, resamples).items()
    return {f"gradcam.real.{name}" + ("" if "minus" in name else ".excess"): gain for name, gain in found}
