"""What super-resolution does to faces: PSNR, landmarks and identity against bicubic interpolation, image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dfdlib.core import cache, parallel, paths
from dfdlib.core.studies import Study, SuperResParams
from dfdlib.data import sources
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import descriptors, detection, geometry
from dfdlib.superres import enlarging, lr_hr
from dfdlib.superres.networks import FSRCNN, SCALES


def quality_by_way(enlarged: dict[str, np.ndarray], hr: np.ndarray, scale: int, people: pd.Series) -> pd.DataFrame:
    """The quality of the same images enlarged in several ways: columns way, person, psnr (dB), ssim."""
    found = {way: lr_hr.quality(images, hr, scale) for way, images in enlarged.items()}
    tables = [table.assign(way=way, person=people.to_numpy()) for way, table in found.items()]
    return pd.concat(tables, ignore_index=True)[["way", "person", "psnr", "ssim"]]


def estimates(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """From `quality_by_way`'s "FSRCNN" and "bicubic": the mean of each and of their paired difference."""
    ours, theirs = (table[table["way"] == way].reset_index(drop=True) for way in ("FSRCNN", "bicubic"))
    found = {}
    for name in ("psnr", "ssim"):
        rows = {name: ours[name], f"bicubic_{name}": theirs[name], f"{name}_gain": ours[name] - theirs[name]}
        for key, values in rows.items():
            found[key] = metrics.mean_over_people(values.to_numpy(), ours["person"], "images", resamples)
    return found


def record_quality(study: Study, table: pd.DataFrame) -> str:
    """Record the `estimates` under ids such as fsrcnn.x2.celeba_psnr; returns their beginning, fsrcnn.x2.celeba."""
    first = f"fsrcnn.x{study.superres.scale}.{'celeba' if study.dataset == 'uadfv' else 'stills'}"
    for name, found in estimates(table, study.bootstrap).items():
        results.record(study.name, f"{first}_{name}", found)
    return first


FILTERS = {"scikit-image's resize": lr_hr.downsample, "antialiased bicubic": lr_hr.downsample_bicubic}
LEARNED_FROM = {"FSRCNN from CelebA": "celeba", "FSRCNN from T91": "t91"}


def by_downsampler(stills: pd.DataFrame, scale: int, resamples: int) -> dict[str, dict[str, Estimate]]:
    """PSNR (dB) of the same images (columns path, person), by the filter that made them small and what enlarged them.

    One network has learned to undo scikit-image's filter (CelebA), the other the bicubic filter (T91). The last entry
    of each filter is the paired difference, T91's minus CelebA's.
    """
    found, people = {}, stills["person"].reset_index(drop=True)
    for name, shrink in FILTERS.items():
        lr, hr = lr_hr.lr_hr_pairs(tuple(stills["path"]), scale, shrink)
        large = {"bicubic": lr_hr.enlarge_bicubic(lr, scale)}
        for way, images in LEARNED_FROM.items():
            large[way] = enlarging.enlarge(enlarging.shipped_network(scale, images), lr)
        psnr = {way: lr_hr.quality(images, hr, scale)["psnr"].to_numpy() for way, images in large.items()}
        celeba, t91 = (psnr[way] for way in LEARNED_FROM)
        psnr["T91 minus CelebA"] = t91 - celeba
        found[name] = {way: metrics.mean_over_people(own, people, "images", resamples) for way, own in psnr.items()}
    return found


def strip(model: FSRCNN, path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One image shrunk, enlarged again in three ways, and as it was; and the ways' luminance errors (grey levels).

    The name of each way includes the PSNR of its luminance.
    """
    original = lr_hr.crop_to_multiple(detection.read_image(path), model.scale)
    small = lr_hr.downsample(original, model.scale)
    size, y = original.shape[1::-1], lr_hr.luminance(original)
    ways = {
        "nearest": cv2.resize(small, size, interpolation=cv2.INTER_NEAREST),
        "bicubic": cv2.resize(small, size, interpolation=cv2.INTER_CUBIC),
        "FSRCNN": enlarging.upscale(small, model=model),
    }
    scores = {name: lr_hr.psnr(lr_hr.luminance(image), y, model.scale) for name, image in ways.items()}
    named = {f"{name}\n{scores[name]:.2f} dB": image for name, image in ways.items()}
    errors = {name: lr_hr.luminance(image) - y for name, image in named.items()}
    return {f"small image\n{small.shape[1]} x {small.shape[0]} px": small, **named, "original\n ": original}, errors


PLAIN = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "Lanczos": cv2.INTER_LANCZOS4,
}
MEASURES = ("psnr", "ssim", "landmark_error", "identity")  # in dB, at most 1, in percent, at most 1
UPSAMPLE = 1  # dlib searches at twice the size: CelebA's half-size faces are small for it
SHIPPED = ("T91", "CelebA")  # training data of the shipped networks
FACES = (9, 400)  # test faces used: of the embedded stills, of CelebA


def face_quality(study: Study) -> pd.DataFrame:
    """`quality_gains` on the study's test faces at every scale, also written to results/superres_faces.

    Compares the shipped networks and, at the study's own scale, the network that it trained; records FSRCNN's gains.
    """
    test = sources.stills(study).query("split == 'test'")
    test = test.iloc[:: max(1, len(test) // FACES[study.dataset == "uadfv"])]
    parts, folder = [], paths.assets() / "superres"
    for scale in SCALES:
        shape = replace(SuperResParams(), scale=scale)  # of the shipped networks
        files = {f"FSRCNN, {name}": folder / f"{name.lower()}_fsrcnn_x{scale}.safetensors" for name in SHIPPED}
        networks = {name: (file, shape) for name, file in files.items()}
        if scale == study.superres.scale and study.dataset != "uadfv":  # whose own network is shipped
            networks["FSRCNN, this study"] = enlarging.fsrcnn_path(study), study.superres
        table = compare_ways(test, networks, scale)
        parts.append(quality_gains(table, study.bootstrap).assign(scale=scale))
    found = pd.concat(parts, ignore_index=True)
    for row in found[found["way"] == "FSRCNN, CelebA"].itertuples():
        less = row.measure == "landmark_error"  # the smaller the better
        values = (-row.gain, -row.high, -row.low) if less else (row.gain, row.low, row.high)
        name = "landmarks" if less else row.measure
        estimate = Estimate(*values, row.images, "images", row.people)
        results.record(study.name, f"fsrcnn.x{row.scale}.faces_{name}_gain", estimate)
    return results.write_table(study.name, "superres_faces", found)


def compare_ways(stills: pd.DataFrame, networks: dict[str, tuple[Path, SuperResParams]], scale: int) -> pd.DataFrame:
    """Each image shrunk by scikit-image and enlarged in every way; one row per image and way. Cached.

    `networks` adds ways to PLAIN, each a file of FSRCNN's weights and the network's parameters. Columns image, way,
    person, psnr, ssim, landmark_error, identity, found. The landmark error is the mean distance to the landmarks in the
    original, in percent of the distance between its outer eye corners; identity is the cosine between dlib's face
    embeddings of both; `found` says whether dlib finds a face in the enlarged image at all. Images in whose original
    dlib finds no face have PSNR and SSIM only.
    """
    images = tuple(zip(stills["path"], stills["person"], strict=True))
    return _compare_images(images, tuple((name, *network) for name, network in networks.items()), scale)


@cache.stage
def _compare_images(images: tuple, networks: tuple, scale: int) -> pd.DataFrame:
    rows = parallel.each(_image, [(path, person, networks, scale) for path, person in images], jobs=2)
    return pd.DataFrame([row for found in rows for row in found])


def _image(path: Path, person: str, networks: tuple, scale: int) -> list[dict]:
    original = lr_hr.crop_to_multiple(detection.read_image(path), scale)
    small = lr_hr.downsample(original, scale)
    ways = {name: cv2.resize(small, original.shape[1::-1], interpolation=how) for name, how in PLAIN.items()}
    ways |= {
        name: enlarging.upscale(small, model=enlarging.load_fsrcnn(file, params)) for name, file, params in networks
    }
    box = detection.largest(original, UPSAMPLE)
    points = None if box is None else detection.landmarks(original, box)
    identity = None if box is None else embedding(original, points)
    rows = []
    for name, image in ways.items():
        a, b = lr_hr.luminances([image, original])
        quality = {"psnr": lr_hr.psnr(a, b, scale), "ssim": lr_hr.ssim(a, b, scale)}
        same = {} if box is None else _same_face(image, box, points, identity)
        rows.append({"image": path.stem, "way": name, "person": person} | quality | same)
    return rows


def _same_face(image: np.ndarray, box: np.ndarray, points: np.ndarray, identity: np.ndarray) -> dict[str, float]:
    seen, found = detection.landmarks(image, box), detection.largest(image, UPSAMPLE)
    error = float(geometry.landmark_error(seen[None], points[None])[0])
    cosine = float(embedding(image, seen) @ identity)
    return {"landmark_error": error, "identity": cosine, "found": float(found is not None)}


def embedding(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """dlib's face descriptor (128,) of a uint8 RGB image with landmarks (68, 2), scaled to unit length."""
    found = descriptors.descriptor(image, points)
    return found / np.linalg.norm(found)


def quality_gains(table: pd.DataFrame, resamples: int, against: str = "bicubic") -> pd.DataFrame:
    """One row per way and measure: mean, and the paired difference from `against` with its interval over people."""
    rows = []
    for measure in MEASURES:
        wide = table.pivot(index=["image", "person"], columns="way", values=measure).dropna()
        people = wide.reset_index()["person"]
        for way in table["way"].unique():
            gain = (wide[way] - wide[against]).to_numpy()
            found = metrics.mean_over_people(gain, people, "images", resamples)
            rows.append((way, measure, wide[way].mean(), found.value, found.low, found.high, found.n, found.people))
    names = ["way", "measure", "mean", "gain", "low", "high", "images", "people"]
    return pd.DataFrame(rows, columns=names)
