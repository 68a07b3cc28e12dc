"""Any image enlarged by a trained network, and faces shrunk and enlarged again."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from dfdlib.core import cache, paths, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study, SuperResParams
from dfdlib.faces.frames import FrameSet
from dfdlib.superres import lr_hr, networks
from dfdlib.superres.networks import FSRCNN, SCALES

TILE, MARGIN = 256, 16  # pixels of the small image; a network looks no further than 8 pixels


@torch.inference_mode()
def enlarge(model: FSRCNN, lr: np.ndarray, batch: int = 8) -> np.ndarray:
    """Luminance (N, h, w) uint8 enlarged by the network to (N, sh, sw) uint8."""
    model.eval()
    device = next(model.parameters()).device
    parts = [model(lr_hr.to_tensor(lr[i : i + batch]).to(device))[:, 0] for i in range(0, len(lr), batch)]
    return (torch.cat(parts) * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()


def fsrcnn_path(study: Study) -> Path:
    """Where notebook 02 puts the study's trained network and notebook 05 finds it."""
    return paths.runs() / study.name / f"fsrcnn_x{study.superres.scale}.safetensors"


def save_fsrcnn(model: FSRCNN, study: Study) -> Path:
    """Write the network's weights to `fsrcnn_path` and return that path."""
    return weight_files.write(fsrcnn_path(study), model.state_dict())


def load_fsrcnn(path: Path, params: SuperResParams) -> FSRCNN:
    """The network with weights from a .safetensors file; DfdError if it is missing or of another network."""
    model = FSRCNN(params.scale, params.d, params.s, params.m)
    state, _ = weight_files.read(path, "run notebook 02 of this study first", ("float32",))
    try:
        model.load_state_dict(state)
    except RuntimeError:
        what = f"another network than FSRCNN{params.d, params.s, params.m}"
        raise DfdError(f"{path} contains the weights of {what}; run notebook 02 of this study again.") from None
    return model


def upscale(image: np.ndarray, scale: int = 2, model: nn.Module | None = None) -> np.ndarray:
    """A uint8 image, RGB (H, W, 3) or grey (H, W), enlarged: luminance by the network, colour by bicubic interpolation.

    The default model is the shipped FSRCNN that was trained on T91, photographs shrunk by antialiased bicubic
    interpolation (`shipped_network` has the others). Large images are processed in tiles, in bounded memory and with
    the same result. Raises DfdError for another scale, type or number of channels.
    """
    _check_image(image)
    model = shipped_network(scale) if model is None else model
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
def shipped_network(scale: int = 2, images: str = "t91", network: str = "fsrcnn") -> nn.Module:
    """A network whose weights came with the library; dfdlib/assets/superres/README.md is their model card.

    `images`, its training data: "t91" (any scale; at 2 also `network` "fsrcnn_s", "espcn" and "srcnn") or "celeba".
    """
    if scale not in SCALES:
        raise DfdError(f"The scale {scale} is not one of {SCALES}; choose one of these.")
    path = paths.assets() / "superres" / f"{images}_{network}_x{scale}.safetensors"
    if network not in networks.NETWORKS or not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.safetensors")))
        raise DfdError(f"No weights of {path.stem} are shipped; choose one of: {known}.")
    model = networks.NETWORKS[network](scale)
    model.load_state_dict(weight_files.read(path, "check out or install dfdlib again", ("float32",))[0])
    return model.eval()


def through(model: FSRCNN, crop: np.ndarray) -> np.ndarray:
    """A crop (S, S, 3) enlarged by FSRCNN and averaged to its old size: super-resolution first, as in the paper."""
    return cv2.resize(upscale(crop, model=model), crop.shape[1::-1], interpolation=cv2.INTER_AREA)


def small_and_back(crop: np.ndarray, side: int, model: FSRCNN | None = None) -> np.ndarray:
    """A crop (S, S, 3) reduced to `side` pixels, as of a smaller face, and enlarged to its old size.

    It is enlarged first by FSRCNN, if a model is given, and the rest of the way by bicubic interpolation.
    """
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    large = small if model is None else upscale(small, model=model)
    return cv2.resize(large, crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _studio_range(y: np.ndarray) -> np.ndarray:
    """OpenCV's luminance in [0, 255] as the [16, 235] that the network was trained on."""
    return (16 + y * (219 / 255)).round().astype(np.uint8)


def _full_range(y: np.ndarray) -> np.ndarray:
    return np.clip((y.astype(float) - 16) * (255 / 219), 0, 255).round().astype(np.uint8)


def enlarged_first(frames: FrameSet, study: Study) -> FrameSet:
    """The frames with each crop enlarged by the study's FSRCNN and averaged to its old size, as in the paper."""
    return frames.with_crops(_by_fsrcnn(frames.crops, None, fsrcnn_of(study), study.superres))


def small_faces(frames: FrameSet, study: Study, by_fsrcnn: bool) -> FrameSet:
    """The frames with each crop reduced to `study.small_face` pixels and enlarged by FSRCNN or by bicubic only."""
    if by_fsrcnn:
        return frames.with_crops(_by_fsrcnn(frames.crops, study.small_face, fsrcnn_of(study), study.superres))
    return frames.with_crops(np.stack([small_and_back(crop, study.small_face) for crop in frames.crops]))


def fsrcnn_of(study: Study) -> Path:
    """The file of the study's FSRCNN; DfdError if it is missing or of another network."""
    path = fsrcnn_path(study)
    load_fsrcnn(path, study.superres)
    return path


@cache.stage
def _by_fsrcnn(crops: np.ndarray, side: int | None, weights: Path, params: SuperResParams) -> np.ndarray:
    model = load_fsrcnn(weights, params)
    if side is None:
        return np.stack([through(model, crop) for crop in crops])
    return np.stack([small_and_back(crop, side, model) for crop in crops])
