"""Is an enlarged face still the same face? Landmarks and identity beside PSNR, image by image."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import cv2
import dlib
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed

from dfdlib import cache, data, faces, paths, results, superres
from dfdlib.fsrcnn import SCALES
from dfdlib.metrics import Estimate, mean_over_people
from dfdlib.profile import Study, SuperResParams

PLAIN = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "Lanczos": cv2.INTER_LANCZOS4,
}
MEASURES = {"psnr": "PSNR in dB", "ssim": "SSIM", "landmark_error": "landmark error in %", "identity": "identity"}
FACES = (27, 400)  # test faces looked at: of the embedded stills, of CelebA
OUTER_EYE_CORNERS = (36, 45)  # of the 68 landmarks, from 0


def measure(study: Study) -> pd.DataFrame:
    """`summary` of the study's test faces at every scale, kept in results/superres_faces; FSRCNN's gains are recorded.

    The shipped networks, and at the study's own scale the one that it trained itself.
    """
    test = data.stills(study).query("split == 'test'")
    test = test.iloc[:: max(1, len(test) // FACES[study.dataset == "uadfv"])]
    parts = []
    for scale in SCALES:
        folder = paths.assets() / "superres"
        networks = {"FSRCNN, T91": folder / f"t91_fsrcnn_x{scale}.safetensors"}
        networks["FSRCNN, CelebA"] = folder / f"celeba_fsrcnn_x{scale}.safetensors"
        if scale == study.superres.scale and study.dataset != "uadfv":  # whose own is the shipped one
            networks["FSRCNN, this study"] = superres.weights_path(study.name)
        table = compare(test, networks, replace(SuperResParams(), scale=scale))
        parts.append(summary(table, study.bootstrap).assign(scale=scale))
    found = pd.concat(parts, ignore_index=True)
    for row in found[found["way"] == "FSRCNN, CelebA"].itertuples():
        less = row.measure == "landmark_error"  # is better
        values = (-row.gain, -row.high, -row.low) if less else (row.gain, row.low, row.high)
        name = "landmarks" if less else row.measure
        estimate = Estimate(*values, row.images, "images", row.people)
        results.record(study.name, f"fsrcnn.x{row.scale}.faces_{name}_gain", estimate)
    return results.write_table(study.name, "superres_faces", found)


def compare(stills: pd.DataFrame, networks: dict[str, Path], params: SuperResParams) -> pd.DataFrame:
    """Each image made small by scikit-image and enlarged in every way; one row an image and way. Cached.

    `networks` adds ways to PLAIN, each a file of FSRCNN's weights for `params`. Columns way, person, psnr, ssim,
    landmark_error, identity, found. The landmarks' error is the mean distance to those in the original, in percent of
    the distance between its outer eye corners; identity is the cosine between dlib's face embeddings of both; `found`
    tells whether dlib finds a face in the enlarged image at all. Images whose original shows dlib no face have PSNR and
    SSIM only.
    """
    images = tuple(
        (path, cache.sha256(path), person) for path, person in zip(stills["path"], stills["person"], strict=True)
    )
    return _compare(images, tuple((name, path, cache.sha256(path)) for name, path in networks.items()), params)


@cache.stage("srfaces", "superres", "fsrcnn", "faces")
def _compare(images: tuple, networks: tuple, params: SuperResParams) -> pd.DataFrame:
    rows = Parallel(n_jobs=2)(delayed(_image)(path, person, networks, params) for path, _, person in images)
    return pd.DataFrame([row for found in rows for row in found])


def _image(path: Path, person: str, networks: tuple, params: SuperResParams) -> list[dict]:
    torch.set_num_threads(1)  # images are done beside each other
    original = superres.crop_to_multiple(faces.read_image(path), params.scale)
    small = superres.downsample(original, params.scale)
    ways = {name: cv2.resize(small, original.shape[1::-1], interpolation=how) for name, how in PLAIN.items()}
    ways |= {name: superres.upscale(small, model=superres.load(file, params)) for name, file, _ in networks}
    box = _largest(original)
    points = None if box is None else faces.landmarks(original, box)
    identity = None if box is None else embedding(original, points)
    rows = []
    for name, image in ways.items():
        a, b = (superres.luminance(picture).round().astype(np.uint8) for picture in (image, original))
        quality = {"psnr": superres.psnr(a, b, params.scale), "ssim": superres.ssim(a, b, params.scale)}
        same = {} if box is None else _same_face(image, box, points, identity)
        rows.append({"image": path.stem, "way": name, "person": person} | quality | same)
    return rows


def _same_face(image: np.ndarray, box: np.ndarray, points: np.ndarray, identity: np.ndarray) -> dict[str, float]:
    found = faces.landmarks(image, box)
    left, right = points[list(OUTER_EYE_CORNERS)]
    error = np.linalg.norm(found - points, axis=1).mean() / np.linalg.norm(right - left)
    cosine = float(embedding(image, found) @ identity)
    return {"landmark_error": 100 * float(error), "identity": cosine, "found": float(_largest(image) is not None)}


def _largest(image: np.ndarray) -> np.ndarray | None:
    """The largest face that dlib finds in the image at twice its size: CelebA's half-size faces are small for it."""
    boxes = faces.detect(image, upsample=1)
    return max(boxes, key=lambda box: box[2] - box[0], default=None)


def embedding(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """dlib's face embedding (128,) of a uint8 RGB image with landmarks (68, 2), at unit length."""
    shape = dlib.full_object_detection(
        dlib.rectangle(*(int(v) for v in (*points.min(0), *points.max(0)))),
        [dlib.point(*(round(float(v)) for v in point)) for point in points],
    )
    found = np.array(_embedder().compute_face_descriptor(np.ascontiguousarray(image), shape))
    return found / np.linalg.norm(found)


@functools.lru_cache(maxsize=1)
def _embedder() -> dlib.face_recognition_model_v1:
    return dlib.face_recognition_model_v1(str(faces.model_file("dlib_face_recognition_resnet_model_v1.dat")))


def summary(table: pd.DataFrame, resamples: int, against: str = "bicubic") -> pd.DataFrame:
    """One row a way and measure: mean, and the paired difference to `against` with its interval over people."""
    rows = []
    for measure in MEASURES:
        wide = table.pivot(index=["image"], columns="way", values=measure).dropna()
        people = table.drop_duplicates("image").set_index("image").loc[wide.index, "person"].reset_index(drop=True)
        for way in table["way"].unique():
            gain = (wide[way] - wide[against]).to_numpy()
            found = mean_over_people(gain, people, "images", resamples)
            rows.append((way, measure, wide[way].mean(), found.value, found.low, found.high, found.n, found.people))
    names = ["way", "measure", "mean", "gain", "low", "high", "images", "people"]
    return pd.DataFrame(rows, columns=names)
