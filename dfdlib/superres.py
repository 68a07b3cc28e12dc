"""Low-resolution faces: how they are made, how FSRCNN is trained on them, PSNR and SSIM, and upscaling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import joblib
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import resize
from torch import Tensor, nn

from dfdlib import cache, faces, paths, repro, train
from dfdlib.errors import DfdError
from dfdlib.fsrcnn import FSRCNN, SCALES, optimizer
from dfdlib.profile import Study, SuperResParams


def luminance(image: np.ndarray) -> np.ndarray:
    """Y (H, W) float in [16, 235] of a uint8 RGB image (ITU-R BT.601), as super-resolution papers score it."""
    return rgb2ycbcr(image)[..., 0]


def downsample(image: np.ndarray, scale: int) -> np.ndarray:
    """A uint8 image smaller by `scale`, by scikit-image's `resize` with its default filter, as in the paper.

    The default smooths by a Gaussian and interpolates linearly, so it is softer than an antialiased bicubic.
    """
    height, width = image.shape[0] // scale, image.shape[1] // scale
    small = resize(image, (height, width), anti_aliasing=True, preserve_range=True)
    return np.clip(small.round(), 0, 255).astype(np.uint8)


def downsample_bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    """The same by antialiased bicubic interpolation, as in Matlab's imresize and most super-resolution papers."""
    size = (image.shape[0] // scale, image.shape[1] // scale)
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    small = nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=True, align_corners=False)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """The image without the last rows and columns that `scale` does not divide."""
    return image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]


def pairs(
    files: tuple[Path, ...], scale: int, shrink: Callable[[np.ndarray, int], np.ndarray] = downsample
) -> tuple[np.ndarray, np.ndarray]:
    """Luminance of low and high resolution, (N, h, w) and (N, scale * h, scale * w), uint8, of images of one size."""
    hr = [crop_to_multiple(faces.read_image(path), scale) for path in files]
    if len({image.shape for image in hr}) != 1:
        raise DfdError(f"{files[0].parent} holds images of several sizes; training needs one size: crop them.")
    lr = [shrink(image, scale) for image in hr]
    return _luminances(lr), _luminances(hr)


def _luminances(images: list[np.ndarray]) -> np.ndarray:
    return np.stack([luminance(image).round().astype(np.uint8) for image in images])


def batches(lr: np.ndarray, hr: np.ndarray, params: SuperResParams, epoch: int, seed: int) -> Iterator:
    """One epoch of shuffled batches, the same square cut from each image: (B, 1, p, p) and (B, 1, sp, sp)."""
    rng = repro.rng(seed, epoch)
    order = rng.permutation(len(lr))
    high, wide = (min(params.patch, side) for side in lr.shape[1:])
    for start in range(0, len(order), params.batch):
        chosen = order[start : start + params.batch]
        y = rng.integers(lr.shape[1] - high + 1)
        x = rng.integers(lr.shape[2] - wide + 1)
        small = np.s_[chosen, y : y + high, x : x + wide]
        large = np.s_[chosen, *(slice(edge.start * params.scale, edge.stop * params.scale) for edge in small[1:])]
        yield _tensor(lr[small]), _tensor(hr[large])


def loss(model: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error (Dong et al., equation 2)."""
    return nn.functional.mse_loss(model(lr), hr)


def _tensor(y: np.ndarray) -> Tensor:
    return torch.from_numpy(y.astype(np.float32) / 255)[:, None]


@torch.inference_mode()
def enlarge(model: FSRCNN, lr: np.ndarray, batch: int = 8) -> np.ndarray:
    """Luminance (N, h, w) uint8 enlarged by the network to (N, sh, sw) uint8."""
    model.eval()
    parts = [model(_tensor(lr[i : i + batch]))[:, 0] for i in range(0, len(lr), batch)]
    return (torch.cat(parts) * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def enlarge_bicubic(lr: np.ndarray, scale: int) -> np.ndarray:
    """The same by OpenCV's bicubic interpolation."""
    height, width = lr.shape[1] * scale, lr.shape[2] * scale
    return np.stack([cv2.resize(y, (width, height), interpolation=cv2.INTER_CUBIC) for y in lr])


def psnr(a: np.ndarray, b: np.ndarray, shave: int) -> float:
    """Peak signal-to-noise ratio in dB of two luminances (H, W), 8 bit, without `shave` border pixels."""
    inner = np.s_[shave : a.shape[0] - shave, shave : a.shape[1] - shave]
    return float(peak_signal_noise_ratio(a[inner], b[inner], data_range=255))


def ssim(a: np.ndarray, b: np.ndarray, shave: int) -> float:
    """Structural similarity of two luminances (H, W), 8 bit, with Wang et al.'s Gaussian window (sigma 1.5)."""
    inner = np.s_[shave : a.shape[0] - shave, shave : a.shape[1] - shave]
    return float(
        structural_similarity(
            a[inner], b[inner], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def quality(enlarged: np.ndarray, hr: np.ndarray, scale: int) -> pd.DataFrame:
    """PSNR (dB) and SSIM of each enlarged image against its original, one row an image."""
    rows = [(psnr(a, b, scale), ssim(a, b, scale)) for a, b in zip(enlarged, hr, strict=True)]
    return pd.DataFrame(rows, columns=["psnr", "ssim"])


def weights_path(study: str) -> Path:
    """Where notebook 02 leaves the study's trained network and notebook 05 finds it."""
    return paths.runs() / study / "fsrcnn_x2.safetensors"


def save_weights(model: nn.Module, study: str) -> Path:
    """Write the network's weights to `weights_path`."""
    path = weights_path(study)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    return path


def load(path: Path, params: SuperResParams) -> FSRCNN:
    """The network with weights from a .safetensors file; DfdError where it is missing or of another network."""
    if not path.is_file():
        raise DfdError(f"There are no FSRCNN weights at {path}; run notebook 02 of this study first.")
    model = FSRCNN(params.scale, params.d, params.s, params.m)
    try:
        model.load_state_dict(load_file(path))
    except RuntimeError:
        raise DfdError(
            f"{path} holds the weights of another network than FSRCNN{params.d, params.s, params.m}."
        ) from None
    return model


def upscale(model: FSRCNN, image: np.ndarray) -> np.ndarray:
    """A uint8 RGB image (H, W, 3) enlarged by the network's scale: luminance by FSRCNN, colour by bicubic."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DfdError(f"An image of shape {image.shape} and type {image.dtype} can't be enlarged; give uint8 RGB.")
    size = (image.shape[1] * model.scale, image.shape[0] * model.scale)
    ycc = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_RGB2YCrCb)
    small = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., 0]
    ycc[..., 0] = _full_range(enlarge(model, _studio_range(small)[None])[0])
    return cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)


def through(model: FSRCNN, crop: np.ndarray) -> np.ndarray:
    """A crop (S, S, 3) enlarged by FSRCNN and averaged back to its size: super-resolution first, as in the paper."""
    return cv2.resize(upscale(model, crop), crop.shape[1::-1], interpolation=cv2.INTER_AREA)


def small_and_back(crop: np.ndarray, side: int, model: FSRCNN | None = None) -> np.ndarray:
    """A crop (S, S, 3) as a face of `side` pixels would have given it, brought back to its size.

    The way back goes by FSRCNN first where a model is given, and the rest of it by bicubic interpolation.
    """
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    large = small if model is None else upscale(model, small)
    return cv2.resize(large, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _studio_range(y: np.ndarray) -> np.ndarray:
    """OpenCV's luminance in [0, 255] as the [16, 235] that the network was trained on."""
    return (16 + y * (219 / 255)).round().astype(np.uint8)


def _full_range(y: np.ndarray) -> np.ndarray:
    return np.clip((y.astype(float) - 16) * (255 / 219), 0, 255).round().astype(np.uint8)


def check_scale(scale: int) -> None:
    """DfdError where the scale is not one of FSRCNN's."""
    if scale not in SCALES:
        raise DfdError(f"The scale {scale} is not one of {SCALES}; choose one of these.")


def fit(study: Study, lr: np.ndarray, hr: np.ndarray, held_out: tuple[np.ndarray, np.ndarray]) -> tuple:
    """Train FSRCNN on luminances (N, h, w) and (N, sh, sw); history and the network after its last epoch.

    `held_out` is a pair like (lr, hr); after each epoch its mean squared error is measured, and nothing is
    chosen by it. Resumes, and ends at once when done.
    """
    params = study.superres
    torch.manual_seed(study.seed)
    model = FSRCNN(params.scale, params.d, params.s, params.m)
    key = joblib.hash((params, study.seed, lr, hr, held_out, cache.code_version("fsrcnn", "superres", "train")))[:12]
    folder = paths.runs() / study.name / f"fsrcnn-{key}"
    steps = optimizer(model, params.lr)
    first_rates = [group["lr"] for group in steps.param_groups]

    def epoch_batches(epoch: int) -> Iterator:
        for group, rate in zip(steps.param_groups, first_rates, strict=True):
            group["lr"] = rate * decay(epoch, params.epochs)
        return batches(lr, hr, params, epoch, study.seed)

    def evaluate(model: nn.Module) -> tuple[dict[str, float], dict]:
        return {"test_mse": _error(model, *held_out)}, {}

    history = train.fit(model, steps, epoch_batches, loss, evaluate, params.epochs, folder)
    return history, train.load_epoch(model, folder, len(history))


def decay(epoch: int, epochs: int) -> float:
    """The share of the first learning rate in an epoch (from 1): half a cosine from 1 towards 0.

    At a constant rate the picture's mean brightness trembles from step to step, which PSNR punishes.
    """
    return 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs))


def _error(model: FSRCNN, lr: np.ndarray, hr: np.ndarray) -> float:
    """Mean squared error in grey levels (0-255), squared."""
    return float(np.mean((enlarge(model, lr).astype(float) - hr) ** 2))
