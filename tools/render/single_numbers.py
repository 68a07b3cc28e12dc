"""Every single number that a lazy detector could read off a crop or a clip, and how well it tells fake from real.

    python tools/render/single_numbers.py DATA [--json FILE]

Prints one row a number: AUC with the direction that the training people name (folds by person, donor out), the
AUC in the fixed direction "more is fake", and the share of pairs whose fake has more. Needs the study's own
environment. The bars are 0.25-0.75 (`BAR`) for the AUC; `JOINT` is a logistic regression on all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import check
import cv2
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core.studies import FaceParams
from dfdlib.faces import geometry

BAR = 0.25
JOINT = "all of them, logistic"
EVERY = 3  # of a clip's 16 frames one in three: neighbours are nearly the same picture
CENTRE = slice(32, 96)
FACES = FaceParams()
# top, bottom, left, right in a crop of 128 pixels
WINDOWS = {"brow": (24, 44, 40, 88), "eyes": (40, 60, 28, 100), "nose": (60, 84, 48, 80), "mouth": (84, 108, 40, 88)}


def of_crop(crop: np.ndarray) -> dict[str, float]:
    """The numbers of one crop (128,128,3) uint8 RGB."""
    grey = (crop @ [0.299, 0.587, 0.114]).astype(np.float32)  # not rounded, or the medians would be tied
    centre, found = grey[CENTRE, CENTRE], {}
    for name, part in (("centre", centre), ("crop", grey)):
        found[f"blur, {name}"] = np.log(cv2.Laplacian(part, cv2.CV_32F).var())
        for scale in (2, 4):
            small = cv2.resize(part, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
            found[f"blur at 1/{scale}, {name}"] = np.log(cv2.Laplacian(small, cv2.CV_32F).var())
        found[f"contrast, {name}"] = part.std()
        found[f"noise, {name}"] = _noise(part)
    ring = grey.copy()
    ring[CENTRE, CENTRE] = np.nan
    found["blur, centre over rim"] = found["blur, centre"] - np.log(np.nanvar(cv2.Laplacian(ring, cv2.CV_32F)))
    found["noise, centre over rim"] = found["noise, centre"] - _noise(grey[:20], grey[-20:])
    lab = cv2.cvtColor(crop, cv2.COLOR_RGB2LAB)[CENTRE, CENTRE].astype(float)
    for name, value in zip(("red", "green", "blue"), crop[CENTRE, CENTRE].mean((0, 1)), strict=True):
        found[f"mean {name}, centre"] = value
    for name, value in zip(("a", "b"), lab.mean((0, 1))[1:], strict=True):
        found[f"mean {name} (Lab), centre"] = value
    for name, value in zip(("red", "green", "blue"), crop.mean((0, 1)), strict=True):
        found[f"mean {name}, crop"] = value
    found["saturation, centre"] = np.ptp(crop[CENTRE, CENTRE].astype(float), axis=2).mean()
    found["colour spread, centre"] = lab[..., 1:].std()
    for quality in (75, 95):
        found[f"JPEG size at {quality}"] = len(cv2.imencode(".jpg", crop[..., ::-1], [1, quality])[1])
        found[f"JPEG size at {quality}, centre"] = len(
            cv2.imencode(".jpg", crop[CENTRE, CENTRE][..., ::-1], [1, quality])[1]
        )
    found["high frequencies, centre"] = _high(centre)
    return found


def held_back(crop: np.ndarray) -> dict[str, float]:
    """Numbers of a crop (128,128,3) that the making of the hard fakes never looked at."""
    x, found = crop.astype(np.float32), {}
    grey, lab = x @ np.float32([0.299, 0.587, 0.114]), cv2.cvtColor(x / 255, cv2.COLOR_RGB2LAB)
    for name, (top, bottom, left, right) in WINDOWS.items():
        found[f"blur, {name}"] = np.log(cv2.Laplacian(grey[top:bottom, left:right], cv2.CV_32F).var())
    found["chroma's blur, centre"] = np.log(cv2.Laplacian(lab[CENTRE, CENTRE, 1], cv2.CV_32F).var())
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *d)[CENTRE, CENTRE] for d in ((1, 0), (0, 1))]
    found["Tenengrad, centre"] = np.log(sum(slope.var() for slope in slopes))
    found["left against right, centre"] = np.abs(grey - grey[:, ::-1])[CENTRE, CENTRE].mean()
    found["light from the left, centre"] = grey[CENTRE, 32:64].mean() - grey[CENTRE, 64:96].mean()
    found["centre against rim, lightness"] = lab[CENTRE, CENTRE, 0].mean() - lab[8:40, 32:96, 0].mean()
    found["centre against rim, a"] = lab[CENTRE, CENTRE, 1].mean() - lab[8:40, 32:96, 1].mean()
    levels = np.bincount(crop[CENTRE, CENTRE].ravel(), minlength=256) / crop[CENTRE, CENTRE].size
    found["entropy, centre"] = -(levels[levels > 0] * np.log2(levels[levels > 0])).sum()
    found["PNG size"] = len(cv2.imencode(".png", crop)[1])
    found["WebP size at 80"] = len(cv2.imencode(".webp", crop[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])[1])
    high = (grey - cv2.GaussianBlur(grey, (0, 0), 1.0))[CENTRE, CENTRE]
    found["kurtosis of the detail, centre"] = np.log((high**4).mean() / (high**2).mean() ** 2)
    found["neighbours' correlation, centre"] = (high[:, 1:] * high[:, :-1]).mean() / (high**2).mean()
    found["8-pixel blocks, crop"] = _blocks(grey)
    return {f"held back: {name}": float(value) for name, value in found.items()}


def _blocks(grey: np.ndarray) -> float:
    """Steps between columns eight apart as a share of all steps."""
    steps = np.abs(np.diff(grey, axis=1)).mean(0)
    return float(max(steps[k::8].mean() for k in range(8)) / steps.mean())


def _noise(*parts: np.ndarray) -> float:
    """Immerkaer's estimate (1996), the median instead of the mean: log of the noise's spread."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    found = [np.abs(cv2.filter2D(p, cv2.CV_32F, kernel)[1:-1, 1:-1]).ravel() for p in parts]
    return float(np.log(np.median(np.concatenate(found)) + 0.05))


def _high(part: np.ndarray) -> float:
    """Log share of the spectrum's energy beyond a quarter of the sampling rate."""
    window = np.outer(np.hanning(len(part)), np.hanning(len(part)))
    power = np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2
    f = np.fft.fftfreq(len(part))
    return float(np.log(power[np.hypot(f[:, None], f) > 0.25].sum() / power.sum()))


def table(data: Path) -> pd.DataFrame:
    """One row a frame: clip_id, label, person, donor, split and every number."""
    rows = []
    for clip in check.manifest(data).itertuples():
        size = (data / clip.file).stat().st_size
        pictures = check.frames(data / clip.file)
        moving = np.abs(np.diff(pictures.astype(np.float32), axis=0)).mean()
        own = {"file size": np.log(size), "bit rate": np.log(size * 8 * clip.fps / clip.frames), "motion": moving}
        for picture in pictures[::EVERY]:
            points = check.landmarks.detect(picture)
            if points is not None:
                crop = geometry.crop(picture, geometry.face_rectangle(points, FACES.margin), FACES.size)[0]
                who = {k: getattr(clip, k) for k in ("clip_id", "label", "person", "donor", "split")}
                rows.append(who | own | of_crop(crop) | held_back(crop))
    return pd.DataFrame(rows)


NOT_NUMBERS = 5


def folds(frames: pd.DataFrame, count: int = 10) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, test) rows: people in folds; a training fake's donor, or a test fake's donor as a real, is left out."""
    people = sorted(frames["person"].unique())
    order = np.random.default_rng(2020).permutation(len(people))
    found = []
    for k in range(count):
        held = {people[i] for i in order[k::count]}
        test = frames["person"].isin(held)
        donors = set(frames.loc[test, "donor"]) - {""}
        train = ~frames["person"].isin(held | donors) & ~frames["donor"].isin(held | donors)
        found.append((np.flatnonzero(train), np.flatnonzero(test)))
    return found


def measure(frames: pd.DataFrame) -> pd.DataFrame:
    """One row a number: AUC "more is fake" (auc), AUC in the direction that the training people name (learned),
    share of pairs whose fake has more (pairs)."""
    names, labels, rows = list(frames.columns[NOT_NUMBERS:]), frames["label"].to_numpy(), []
    split = folds(frames)
    clips = frames.groupby(["person", "label"])[names].mean().unstack("label")
    for name in names:
        x, signed = frames[name].to_numpy(), np.zeros(len(frames))
        for train, test in split:
            signed[test] = np.sign(roc_auc_score(labels[train], x[train]) - 0.5) * x[test]
        more = (clips[name][1] > clips[name][0]).mean()
        # Signs may differ from fold to fold, so the AUC is taken fold by fold.
        learned = np.mean([roc_auc_score(labels[t], signed[t]) for _, t in split])
        rows.append({"number": name, "auc": roc_auc_score(labels, x), "learned": learned, "pairs": more})
    rows.append({"number": JOINT, "auc": np.nan, "learned": _joint(frames, names, split)})
    return pd.DataFrame(rows)


def _joint(frames: pd.DataFrame, names: list[str], split: list) -> float:
    labels, scores = frames["label"].to_numpy(), np.zeros(len(frames))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    for train, test in split:
        model.fit(frames[names].to_numpy()[train], labels[train])
        scores[test] = model.decision_function(frames[names].to_numpy()[test])
    return float(roc_auc_score(labels, scores))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    frames = table(args.data)
    found = measure(frames)
    print(f"{len(frames)} frames, {frames['clip_id'].nunique()} clips, {frames['person'].nunique()} people")
    print(found.to_string(index=False, float_format="%.3f"))
    alone = found[found["auc"].notna()]
    print("worst |AUC - 0.5|", f"{(alone['auc'] - 0.5).abs().max():.3f}", "bar", BAR)
    if args.json:
        args.json.write_text(json.dumps(found.to_dict("records"), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
