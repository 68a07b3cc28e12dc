"""Low-resolution faces: how they are made, PSNR and SSIM, and how any image is enlarged."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.transform import resize
from torch import Tensor, nn

from dfdlib import faces, paths, safe, srnets
from dfdlib.errors import DfdError
from dfdlib.fsrcnn import FSRCNN, SCALES
from dfdlib.profile import SuperResParams

TILE, MARGIN = 256, 16  # pixels of the small image; a network looks no further than 8 pixels


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
    return resize_bicubic(image, (image.shape[0] // scale, image.shape[1] // scale))


def resize_bicubic(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A uint8 RGB image of another size (height, width), by bicubic interpolation (a = -0.5) with antialiasing."""
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    resized = nn.functional.interpolate(planes, size=size, mode="bicubic", antialias=True, align_corners=False)
    return resized[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()


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


def to_tensor(y: np.ndarray) -> Tensor:
    """Luminance (N, H, W) uint8 as (N, 1, H, W) float32 in [0, 1]."""
    return torch.from_numpy(y.astype(np.float32) / 255)[:, None]


@torch.inference_mode()
def enlarge(model: FSRCNN, lr: np.ndarray, batch: int = 8) -> np.ndarray:
    """Luminance (N, h, w) uint8 enlarged by the network to (N, sh, sw) uint8."""
    model.eval()
    parts = [model(to_tensor(lr[i : i + batch]))[:, 0] for i in range(0, len(lr), batch)]
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
        model.load_state_dict(_weights(path))
    except RuntimeError:
        what = f"another network than FSRCNN{params.d, params.s, params.m}"
        raise DfdError(f"{path} holds the weights of {what}; run notebook 02 of this study again.") from None
    return model


def _weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file; DfdError where it is damaged or holds other than finite float32."""
    try:
        tensors = load_file(path)
    except (SafetensorError, *safe.DAMAGED):
        raise DfdError(f"{path} is damaged or no .safetensors file; make it again.") from None
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
            raise DfdError(f"{path}: {name} holds something else than finite 32-bit numbers; make it again.")
    return tensors


def upscale(image: np.ndarray, scale: int = 2, model: nn.Module | None = None) -> np.ndarray:
    """A uint8 image, RGB (H, W, 3) or grey (H, W), enlarged: luminance by the network, colour by bicubic interpolation.

    Without a model this is the shipped FSRCNN that was trained on T91, photographs made small by antialiased bicubic
    interpolation (`shipped` has the others). Large images go through in tiles, in bounded memory and with the same
    result. Raises DfdError for another scale, type or number of channels.
    """
    _check_image(image)
    model = shipped(scale) if model is None else model
    if image.ndim == 2:
        return _full_range(_tiled(model, _studio_range(image)))
    size = (image.shape[1] * model.scale, image.shape[0] * model.scale)
    ycc = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), cv2.COLOR_RGB2YCrCb)
    small = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[..., 0]
    ycc[..., 0] = _full_range(_tiled(model, _studio_range(small)))
    return cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB)


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8:
        raise DfdError(f"An image of type {image.dtype} can't be enlarged; convert it to uint8, 0 to 255.")
    if image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)) or 0 in image.shape:
        raise DfdError(f"An image of shape {image.shape} can't be enlarged; give RGB (H, W, 3) or grey (H, W).")


def _tiled(model: nn.Module, y: np.ndarray) -> np.ndarray:
    """`enlarge` of one luminance (h, w) in squares of TILE pixels, each computed with MARGIN pixels around it."""
    scale, (height, width) = model.scale, y.shape
    large = np.empty((height * scale, width * scale), np.uint8)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            y0, x0 = max(top - MARGIN, 0), max(left - MARGIN, 0)
            part = enlarge(model, y[None, y0 : top + TILE + MARGIN, x0 : left + TILE + MARGIN])[0]
            part = part[(top - y0) * scale :, (left - x0) * scale :][: TILE * scale, : TILE * scale]
            large[top * scale :, left * scale :][: part.shape[0], : part.shape[1]] = part
    return large


@functools.cache
def shipped(scale: int = 2, images: str = "t91", network: str = "fsrcnn") -> nn.Module:
    """A network whose weights came with the library; dfdlib/assets/superres/README.md is their card.

    `images` it was trained on: "t91" (any scale; at 2 also `network` "fsrcnn_s", "espcn" and "srcnn") or "celeba".
    """
    check_scale(scale)
    path = paths.assets() / "superres" / f"{images}_{network}_x{scale}.safetensors"
    if network not in srnets.NETWORKS or not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.safetensors")))
        raise DfdError(f"No weights of {path.stem} are shipped; choose one of: {known}.")
    model = srnets.NETWORKS[network](scale)
    model.load_state_dict(_weights(path))
    return model.eval()


def through(model: FSRCNN, crop: np.ndarray) -> np.ndarray:
    """A crop (S, S, 3) enlarged by FSRCNN and averaged back to its size: super-resolution first, as in the paper."""
    return cv2.resize(upscale(crop, model=model), crop.shape[1::-1], interpolation=cv2.INTER_AREA)


def small_and_back(crop: np.ndarray, side: int, model: FSRCNN | None = None) -> np.ndarray:
    """A crop (S, S, 3) as a face of `side` pixels would have given it, brought back to its size.

    The way back goes by FSRCNN first where a model is given, and the rest of it by bicubic interpolation.
    """
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    large = small if model is None else upscale(small, model=model)
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
