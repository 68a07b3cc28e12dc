"""The standard benchmark: train on the 91 images of T91, test on the five of Set5 (Dong et al., section 4)."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from dfdlib.core import cache, paths, processes, repro, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.evaluation import metrics, results
from dfdlib.faces import detection
from dfdlib.superres import enlarging, fsrcnn_training, lr_hr, networks
from dfdlib.superres.networks import SCALES

COPIES = (1.0, 0.9, 0.8, 0.7, 0.6)  # relative sizes of each training image's copies (Dong et al., section 4.1)
# PSNR on Set5, luminance, borders shaved: FSRCNN from Dong et al., Tables 3 and 4 (91 images); SRCNN is their 9-1-5.
# ESPCN is missing: Shi et al., Table 1, has it trained on 91 images at scale 3 only.
PUBLISHED = {
    ("bicubic", 2): 33.66, ("bicubic", 3): 30.39, ("bicubic", 4): 28.42,
    ("fsrcnn", 2): 36.94, ("fsrcnn", 3): 33.06, ("fsrcnn", 4): 30.55,
    ("fsrcnn_s", 2): 36.53, ("srcnn", 2): 36.33,
}  # fmt: skip


@dataclass(frozen=True)
class T91Recipe:
    """How a network is trained on T91."""

    epochs: int = 60  # of FSRCNN at scale 2
    fewer: int = 30  # of FSRCNN at the other scales, which start from scale 2, and of the other networks
    steps: int = 1000  # batches per epoch
    batch: int = 16
    patch: int = 24  # side of the squares cut from the small images, pixels
    lr: float = 1e-3
    seed: int = 2020


def image_files(name: str) -> tuple[Path, ...]:
    """The PNG files of T91 or Set5 in the folder that DFD_SR names."""
    folder = paths.superres_images() / name
    found = tuple(sorted(folder.glob("*.png")))
    if not found:
        raise DfdError(f"There are no PNG files in {folder}; DFD_SR must name a folder with T91/ and Set5/ in it.")
    return found


def benchmark_pairs(
    files: tuple[Path, ...], scale: int, copies: tuple[float, ...] = (1.0,)
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Luminances of low and high resolution, uint8, of each image and its smaller copies, shrunk as in Matlab."""
    found = []
    for image in map(detection.read_image, files):
        for copy in copies:
            size = tuple(round(side * copy) for side in image.shape[:2])
            hr = lr_hr.crop_to_multiple(lr_hr.resize_bicubic(image, size) if copy < 1 else image, scale)
            lr = lr_hr.downsample_bicubic(hr, scale)
            found.append(tuple(lr_hr.luminance(part).round().astype(np.uint8) for part in (lr, hr)))
    return found


def train_on_t91(
    network: str, scale: int, recipe: T91Recipe, say: Callable[[str], None] = lambda line: None
) -> tuple[nn.Module, Path]:
    """A network trained on T91, and its file of weights; FSRCNN at scales 3 and 4 starts from scale 2. Resumes."""
    name = f"t91_{network}_x{scale}"
    torch.manual_seed(recipe.seed)
    model = networks.NETWORKS[network](scale)
    if network == "fsrcnn" and scale != 2:
        model = networks.at_scale(train_on_t91(network, 2, recipe, say)[0], scale)
    epochs = recipe.epochs if (network, scale) == ("fsrcnn", 2) else recipe.fewer
    pairs = benchmark_pairs(image_files("T91"), scale, COPIES)
    squares = [(lr, hr) for lr, hr in pairs if min(lr.shape) >= recipe.patch]
    key = cache.key(fsrcnn_training.__name__, recipe, name, squares)[:12]

    def batches(epoch: int) -> Iterator:
        rng = repro.rng(recipe.seed, epoch)
        for _ in range(recipe.steps):
            batch = fsrcnn_training.random_squares(squares, scale, recipe.batch, recipe.patch, rng)
            yield [processes.own(side) for side in batch]

    def on_epoch(row: dict[str, float]) -> None:
        say(f"{name} epoch {row['epoch']:2d} of {epochs}: training error {row['train_loss']:.6f}, {row['seconds']} s")

    folder = training.folder_of(paths.runs() / "superres" / f"{name}-{key}", epochs)
    fsrcnn_training.adam(model, recipe.lr, batches, lambda model: ({}, {}), epochs, folder, on_epoch)
    return model, training.weights_of(folder, epochs)


SHELF = [("fsrcnn", 2), ("fsrcnn", 3), ("fsrcnn", 4), ("fsrcnn_s", 2), ("espcn", 2), ("srcnn", 2)]


def benchmark_table(study: Study) -> pd.DataFrame:
    """The table of `benchmark`, also written to results/superres_benchmark, for the study `uadfv` with DFD_SR set.

    Otherwise the table that came with the repository.
    """
    if study.dataset != "uadfv" or not os.environ.get("DFD_SR"):
        return results.committed_table("uadfv", "superres_benchmark")
    return results.write_table(study.name, "superres_benchmark", benchmark(study))


def benchmark(study: Study) -> pd.DataFrame:
    """The shipped networks on Set5, one row per network and scale, recorded in the study's results; needs DFD_SR.

    Columns network, scale, weights, operations (per output pixel), psnr with low and high (dB, over the five images),
    ssim, published (dB) and milliseconds (to enlarge 128 x 128 pixels, on the study's threads).
    """
    y = np.random.default_rng(0).integers(16, 235, (1, 128, 128)).astype(np.uint8)
    rows, jobs = [], {}
    for network, scale in [("bicubic", scale) for scale in SCALES] + SHELF:
        if network == "bicubic":
            enlarge, size = functools.partial(bicubic, scale=scale), {}
        else:
            model = enlarging.shipped_network(scale, "t91", network)
            enlarge = functools.partial(enlarging.enlarge, model)
            size = {"weights": networks.count_weights(model), "operations": networks.operations(model)}
        found = set5(enlarge, scale)
        psnr = metrics.mean_over_people(found["psnr"].to_numpy(), found["image"], "images", study.bootstrap)
        results.record(study.name, f"{network}.x{scale}.set5_psnr", psnr)
        score = {"psnr": psnr.value, "low": psnr.low, "high": psnr.high, "ssim": found["ssim"].mean()}
        rows.append({"network": network, "scale": scale} | size | score)
        jobs[network, scale] = functools.partial(enlarge, y)
    taken = milliseconds(jobs)
    return pd.DataFrame(rows).assign(published=[PUBLISHED.get(key) for key in jobs], milliseconds=taken.values())


def bicubic(lr: np.ndarray, scale: int) -> np.ndarray:
    """Luminance (N, h, w) uint8 enlarged as by Matlab's imresize: the benchmark's baseline."""
    return np.stack([lr_hr.resize_bicubic(y[..., None], (y.shape[0] * scale, y.shape[1] * scale))[..., 0] for y in lr])


def set5(enlarge: Callable[[np.ndarray], np.ndarray], scale: int) -> pd.DataFrame:
    """PSNR (dB) and SSIM of each image of Set5; `enlarge` enlarges uint8 luminance (1, h, w) by `scale`."""
    files = image_files("Set5")
    quality = [lr_hr.quality(enlarge(lr[None]), hr[None], scale) for lr, hr in benchmark_pairs(files, scale)]
    return pd.concat(quality, ignore_index=True).assign(image=[path.stem for path in files])


def displacement(model: nn.Module) -> float:
    """Largest shift of an enlarged image, in large pixels: a blob's centre of mass against its correct position.

    A pixel's centre at x belongs at (x + 0.5) * scale - 0.5. Many public versions of FSRCNN are off by half a pixel or
    more.
    """
    worst, (y, x) = 0.0, np.mgrid[:41, :41]
    for dy, dx in ((0, 0), (0.5, 0.25), (-0.3, 0.7)):
        blob = 60 + 120 * np.exp(-((y - 20 - dy) ** 2 + (x - 20 - dx) ** 2) / (2 * 4**2))
        large = enlarging.enlarge(model, blob.round().astype(np.uint8)[None])[0].astype(float)
        large = np.clip(large - 65, 0, None)  # the background far from the blob has no position
        centre = [(axis * large).sum() / large.sum() for axis in np.mgrid[: large.shape[0], : large.shape[1]]]
        wanted = (20 + np.array([dy, dx]) + 0.5) * model.scale - 0.5
        worst = max(worst, float(np.abs(centre - wanted).max()))
    return worst


def milliseconds(ways: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Median time of each way, measured in turns so that a busy moment of the machine affects all alike."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            taken[name].append(1e3 * (time.perf_counter() - start))
    return {name: float(np.median(times)) for name, times in taken.items()}
