"""How good FSRCNN is: beside bicubic interpolation, image by image, with paired intervals over people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dfdlib import faces, results, superres
from dfdlib.fsrcnn import FSRCNN
from dfdlib.metrics import Estimate, mean_over_people
from dfdlib.profile import Study


def score(enlarged: dict[str, np.ndarray], hr: np.ndarray, scale: int, people: pd.Series) -> pd.DataFrame:
    """The quality of several ways to enlarge the same images: columns way, person, psnr (dB), ssim."""
    tables = [
        superres.quality(images, hr, scale).assign(way=way, person=people.to_numpy())
        for way, images in enlarged.items()
    ]
    return pd.concat(tables, ignore_index=True)[["way", "person", "psnr", "ssim"]]


def estimates(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """From `score`'s ways "FSRCNN" and "bicubic": the mean of each and the mean of their paired difference."""
    ours, theirs = (table[table["way"] == way].reset_index(drop=True) for way in ("FSRCNN", "bicubic"))
    found = {}
    for name in ("psnr", "ssim"):
        rows = {name: ours[name], f"bicubic_{name}": theirs[name], f"{name}_gain": ours[name] - theirs[name]}
        for key, values in rows.items():
            found[key] = mean_over_people(values.to_numpy(), ours["person"], "images", resamples)
    return found


def record_name(study: Study) -> str:
    """The head of the study's ids in `results/`: scale and images, such as fsrcnn.x2.celeba."""
    return f"fsrcnn.x{study.superres.scale}." + ("celeba" if study.dataset == "uadfv" else "stills")


def record_all(study: Study, table: pd.DataFrame) -> None:
    """Record what `estimates` finds and print a line for each."""
    for name, found in estimates(table, study.bootstrap).items():
        results.record(study.name, f"{record_name(study)}_{name}", found)
        digits, unit = (2, " dB") if "psnr" in name else (3, "")
        value, low, high = (f"{number:.{digits}f}" for number in (found.value, found.low, found.high))
        print(f"{name:13s} {value} [{low}, {high}]{unit}, n = {found.n} {found.unit}")


FILTERS = {"scikit-image's resize": superres.downsample, "antialiased bicubic": superres.downsample_bicubic}


def by_downsampler(files: tuple[Path, ...], scale: int) -> pd.DataFrame:
    """Mean PSNR (dB) on the same images, made small in two ways (rows) and enlarged in three (columns).

    Of the two networks one has learned to undo scikit-image's filter (CelebA), the other the bicubic one (T91).
    """
    rows = {}
    for name, shrink in FILTERS.items():
        lr, hr = superres.pairs(files, scale, shrink)
        ways = {"bicubic": superres.enlarge_bicubic(lr, scale)}
        for images in ("celeba", "t91"):
            ways[f"FSRCNN, {images}"] = superres.enlarge(superres.shipped(scale, images), lr)
        rows[name] = {way: superres.quality(large, hr, scale)["psnr"].mean() for way, large in ways.items()}
    return pd.DataFrame(rows).T


def strip(model: FSRCNN, path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One image small, brought back in three ways and as it was, and the ways' errors of luminance (grey levels).

    A way's name carries its PSNR of luminance.
    """
    original = superres.crop_to_multiple(faces.read_image(path), model.scale)
    small = superres.downsample(original, model.scale)
    size, y = original.shape[1::-1], superres.luminance(original)
    ways = {
        "nearest": cv2.resize(small, size, interpolation=cv2.INTER_NEAREST),
        "bicubic": cv2.resize(small, size, interpolation=cv2.INTER_CUBIC),
        "FSRCNN": superres.upscale(small, model=model),
    }
    scores = {name: superres.psnr(superres.luminance(image), y, model.scale) for name, image in ways.items()}
    named = {f"{name}\n{scores[name]:.2f} dB": image for name, image in ways.items()}
    errors = {name: superres.luminance(image) - y for name, image in named.items()}
    return {f"low\n{small.shape[1]} x {small.shape[0]} px": small, **named, "original\n ": original}, errors
