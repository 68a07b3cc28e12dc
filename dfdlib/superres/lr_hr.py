"""Low and high resolution: how images are shrunk, and PSNR and SSIM of enlarged images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dfdlib.core.errors import DfdError
from dfdlib.faces import detection

LEAST_ERROR = 1e-3  # a smaller mean squared error is raised to this one: the PSNR of equal images is infinite


def luminance(image: np.ndarray) -> np.ndarray:
    """Y (H, W) float in [16, 235] of a uint8 RGB image (ITU-R BT.601), which super-resolution papers evaluate."""
    from skimage.color import rgb2ycbcr

    return rgb2ycbcr(image)[..., 0]


def luminances(images: Iterable[np.ndarray]) -> np.ndarray:
    """Y (N, H, W) uint8 of N uint8 RGB images of one size."""
    return np.stack([luminance(image).round().astype(np.uint8) for image in images])


def downsample(image: np.ndarray, scale: int) -> np.ndarray:
    """A uint8 image shrunk by `scale` with scikit-image's `resize` and its default filter, as in the paper.

    The default filter is a Gaussian followed by linear interpolation, softer than an antialiased bicubic filter.
    """
    from skimage.transform import resize

    height, width = image.shape[0] // scale, image.shape[1] // scale
    small = resize(image, (height, width), anti_aliasing=True, preserve_range=True)
    return np.clip(small.round(), 0, 255).astype(np.uint8)


def downsample_bicubic(image: np.ndarray, scale: int) -> np.ndarray:
    """A uint8 image shrunk by antialiased bicubic interpolation, as in Matlab's imresize and most papers."""
    return resize_bicubic(image, (image.shape[0] // scale, image.shape[1] // scale))


def resize_bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 RGB image resized to (height, width) by bicubic interpolation (a = -0.5) with antialiasing."""
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    resized = nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=True, align_corners=False)
    return resized[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


def crop_to_multiple(image: np.ndarray, scale: int) -> np.ndarray:
    """The image without the last rows and columns that `scale` does not divide."""
    return image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]


def lr_hr_pairs(
    files: tuple[Path, ...], scale: int, shrink: Callable[[np.ndarray, int], np.ndarray] = downsample
) -> tuple[np.ndarray, np.ndarray]:
    """Luminance of low and high resolution, (N, h, w) and (N, scale * h, scale * w), uint8, of images of one size."""
    hr = [crop_to_multiple(detection.read_image(path), scale) for path in files]
    if len({image.shape for image in hr}) != 1:
        raise DfdError(f"{files[0].parent} has images of several sizes; training needs one size: crop them.")
    return luminances(shrink(image, scale) for image in hr), luminances(hr)


def to_tensor(y: np.ndarray) -> Tensor:
    """Luminance (N, H, W) uint8 as (N, 1, H, W) float32 in [0, 1]."""
    return torch.from_numpy(y.astype(np.float32) / 255)[:, None]


def enlarge_bicubic(lr: np.ndarray, scale: int) -> np.ndarray:
    """Luminance (N, H, W) uint8 enlarged by OpenCV's bicubic interpolation."""
    return np.stack([cv2.resize(y, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) for y in lr])


def psnr(a: np.ndarray, b: np.ndarray, shave: int = 0) -> float:
    """Peak signal-to-noise ratio in dB of two luminances (H, W), 8 bit, without `shave` border pixels."""
    from skimage.metrics import mean_squared_error

    return float(decibels(mean_squared_error(_inner(a, shave), _inner(b, shave))))


def decibels(error: float | pd.Series) -> float | pd.Series:
    """PSNR in dB of a mean squared error, or of many, of 8-bit luminances."""
    return 10 * np.log10(255**2 / np.maximum(error, LEAST_ERROR))


def ssim(a: np.ndarray, b: np.ndarray, shave: int = 0) -> float:
    """Structural similarity of two luminances (H, W), 8 bit, with Wang et al.'s Gaussian window (sigma 1.5)."""
    from skimage.metrics import structural_similarity

    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(_inner(a, shave), _inner(b, shave), data_range=255, **window))


def _inner(image: np.ndarray, shave: int) -> np.ndarray:
    return image[shave : image.shape[0] - shave, shave : image.shape[1] - shave]


def quality(enlarged: np.ndarray, hr: np.ndarray, scale: int) -> pd.DataFrame:
    """PSNR (dB) and SSIM of each enlarged image against its original, one row per image."""
    rows = [(psnr(a, b, scale), ssim(a, b, scale)) for a, b in zip(enlarged, hr, strict=True)]
    return pd.DataFrame(rows, columns=["psnr", "ssim"])
