"""Several frames instead of one: neighbours of a video frame are enlarged, registered to it and averaged.

The paper points to EvoNet (its reference 16), which fuses several low-resolution images of a static scene. A face in a
video moves, so its neighbours must be registered first, here by dense optical flow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from dfdlib.core import cache, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study, SuperResParams
from dfdlib.data import sources
from dfdlib.data.catalogue import Clip
from dfdlib.evaluation import metrics, results
from dfdlib.faces import detection, frames, video
from dfdlib.superres import enlarging, lr_hr

NEIGHBOURS = 2  # frames before, and as many after
TRUST = 4.0  # grey levels; where a registered neighbour differs by more, it hardly counts
AROUND = 0.25  # of the face box's side, added on each side
WINDOWS = 4  # per clip
COMPARED = (("bicubic, fused", "bicubic"), ("FSRCNN", "bicubic"), ("FSRCNN, fused", "FSRCNN"))


def fuse(lr: np.ndarray, enlarge: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The middle frame of luminances (T, h, w), enlarged to (sh, sw) with the help of the others; all uint8.

    Each frame is enlarged and warped onto the middle frame along the flow between the two. The mean weights each pixel
    by exp(-(difference / TRUST)^2), with differences smoothed over a few pixels, so a wrong registration has no effect.
    The middle frame has weight one.
    """
    if lr.ndim != 3 or len(lr) % 2 == 0:
        raise DfdError(f"Frames of shape {lr.shape} have no middle frame; give an odd number of luminances (T, h, w).")
    large = enlarge(lr)
    middle = large[len(lr) // 2]
    total, weights = middle.astype(np.float32), np.ones(middle.shape, np.float32)
    for index, other in enumerate(large):
        if index != len(lr) // 2:
            carried = register(other, middle)
            difference = cv2.GaussianBlur(cv2.absdiff(carried, middle.astype(np.float32)), (0, 0), 1.5)
            weight = np.exp(-((difference / TRUST) ** 2))
            total, weights = total + weight * carried, weights + weight
    return (total / weights).round().clip(0, 255).astype(np.uint8)


def register(image: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """An image (H, W) uint8 warped onto another by dense optical flow (DIS, Kroeger et al.); float32."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(onto, image, None)
    y, x = np.mgrid[: onto.shape[0], : onto.shape[1]].astype(np.float32)
    source = image.astype(np.float32)
    return cv2.remap(source, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@cache.stage
def compare_fusion(clips: list[Clip], weights: Path, params: SuperResParams) -> pd.DataFrame:
    """PSNR (dB) of single and fused frames around the faces of clips, enlarged by FSRCNN and bicubic interpolation.

    One row per window and way: columns clip_id, person, window, way, psnr. The frames are shrunk by scikit-image, as
    CelebA's images are.
    """
    model, scale = enlarging.load_fsrcnn(weights, params), params.scale
    ways = {
        "bicubic": lambda lr: lr_hr.enlarge_bicubic(lr, scale),
        "FSRCNN": lambda lr: enlarging.enlarge(model, lr),
    }
    rows = []
    for clip in clips:
        for number, hr in enumerate(windows(clip.path, scale)):
            lr, truth = lr_hr.luminances(lr_hr.downsample(image, scale) for image in hr), lr_hr.luminances(hr)
            for name, enlarge in ways.items():
                for way, image in ((name, enlarge(lr[NEIGHBOURS, None])[0]), (f"{name}, fused", fuse(lr, enlarge))):
                    rows.append((clip.clip_id, clip.person, number, way, lr_hr.psnr(image, truth[NEIGHBOURS], scale)))
    return pd.DataFrame(rows, columns=["clip_id", "person", "window", "way", "psnr"])


def windows(path: Path, scale: int) -> Iterator[np.ndarray]:
    """WINDOWS runs of 2 * NEIGHBOURS + 1 frames of a clip, cut to the middle frame's largest face: (T, H, W, 3)."""
    known, length = video.index(path), 2 * NEIGHBOURS + 1
    last = len(known) - length
    starts = np.linspace(0, last, WINDOWS).round().astype(int) if last >= 0 else []
    wanted = {int(start) + offset for start in starts for offset in range(length)}
    images = dict(video.frames(path, known, wanted)) if wanted else {}
    for start in starts:
        box = detection.largest(images[start + NEIGHBOURS])
        if box is not None:
            cut = _around(box, images[start].shape, scale)
            yield np.stack([images[start + offset][cut] for offset in range(length)])


def _around(box: np.ndarray, shape: tuple[int, ...], scale: int) -> tuple[slice, slice]:
    reach = AROUND * (box[2] - box[0])
    left, top = (max(int(side - reach), 0) for side in box[:2])
    right, bottom = (min(int(side + reach), full) for side, full in zip(box[2:], shape[1::-1], strict=True))
    return np.s_[top : bottom - (bottom - top) % scale, left : right - (right - left) % scale]


def fusion_gains(study: Study) -> pd.DataFrame:
    """Gains by fusion on the study's real test clips, also written to results/superres_frames: one row per comparison.

    Columns way, against, psnr (dB), gain with low and high over people, windows, people. UADFV's crops are single
    frames far apart; in their place it uses the videos that DFD_VIDEOS names or, without them, the repository's table.
    """
    if study.dataset == "uadfv" and not os.environ.get("DFD_VIDEOS"):
        return results.committed_table("uadfv", "superres_frames")
    own = study.dataset != "uadfv"
    clips = [c for c in frames.clips(study) if c.split == "test"] if own else sources.clips(Study("yours", "folder"))
    weights = paths.assets() / "superres" / "celeba_fsrcnn_x2.safetensors"
    table = compare_fusion([clip for clip in clips if clip.label == 0], weights, SuperResParams(scale=2))
    wide = table.pivot(index=["clip_id", "person", "window"], columns="way", values="psnr").reset_index()
    rows = []
    for way, against in COMPARED:
        gain = (wide[way] - wide[against]).to_numpy()
        found = metrics.mean_over_people(gain, wide["person"], "windows", study.bootstrap)
        rows.append((way, against, wide[way].mean(), found.value, found.low, found.high, found.n, found.people))
    names = ["way", "against", "psnr", "gain", "low", "high", "windows", "people"]
    return results.write_table(study.name, "superres_frames", pd.DataFrame(rows, columns=names))
