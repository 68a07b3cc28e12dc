"""The classifier: a ResNet with two outputs on face crops (paper, section II.A)."""

from __future__ import annotations

import contextlib
import io
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dfdlib import cache, repro
from dfdlib._torchvision import torchvision
from dfdlib.errors import DfdError
from dfdlib.profile import ResNetParams

MEAN = (0.485, 0.456, 0.406)  # of ImageNet's pixels in [0, 1], RGB (torchvision's reference preprocessing)
STD = (0.229, 0.224, 0.225)
ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "resnet101")
RANDOM = "random weights: no ImageNet weights were at hand"


@dataclass(frozen=True)
class Augment:
    """Random changes of a training crop; each is drawn from (seed, epoch, index) alone."""

    seed: int
    brightness: float = 0.2  # factor drawn from 1 +- this
    flip: float = 0.5  # chance of a mirror image


def build(params: ResNetParams) -> tuple[nn.Module, str]:
    """The network with two outputs (logits of real and fake), and in words where its first weights come from.

    Order: the file named in the parameters (sha256 checked), torchvision's ImageNet weights where they are
    cached or can be downloaded, then random weights, which the second value says plainly.
    """
    if params.arch not in ARCHITECTURES:
        raise DfdError(f"There is no network {params.arch!r}; choose one of: {', '.join(ARCHITECTURES)}.")
    # Residual branches that start at zero keep a deep network trainable from random weights (Goyal et al.,
    # arXiv 1706.02677, section 5.1); loaded weights overwrite them.
    model = torchvision().models.get_model(params.arch, weights=None, zero_init_residual=True)
    origin = _load_first_weights(model, params)
    model.fc = nn.Linear(model.fc.in_features, 2)
    return model.to(memory_format=torch.channels_last), origin


def _load_first_weights(model: nn.Module, params: ResNetParams) -> str:
    if params.weights == "":
        return "random weights, as the study asks"
    if params.weights != "imagenet":
        model.load_state_dict(read_weights(Path(params.weights), params.weights_sha256))
        return f"the file {Path(params.weights).name}"
    try:
        weights = torchvision().models.get_model_weights(params.arch).IMAGENET1K_V1
        with contextlib.redirect_stderr(io.StringIO()):  # torch.hub prints an address and a path there
            model.load_state_dict(weights.get_state_dict(progress=False, check_hash=True))
        return "torchvision's ImageNet weights IMAGENET1K_V1"
    except (urllib.error.URLError, OSError):
        return RANDOM


def read_weights(path: Path, sha256: str = "") -> dict[str, Tensor]:
    """A state dict from a .safetensors file or a .pth file of plain tensors; DfdError where it is not the one."""
    if not path.is_file():
        raise DfdError(f"There is no weight file {path}; name one that exists or leave `weights` empty.")
    if sha256 and cache.sha256(path) != sha256:
        raise DfdError(f"{path} has another sha256 than the study asks for; get the right file or correct the study.")
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)  # refuses every pickle but tensors


def to_tensor(crops: np.ndarray) -> Tensor:
    """uint8 RGB crops (N, S, S, 3) as normalized float32 (N, 3, S, S) in channels_last."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    pixels = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


def centre(crops: np.ndarray, size: int) -> np.ndarray:
    """The central `size` x `size` pixels of crops (N, S, S, 3)."""
    start = (crops.shape[1] - size) // 2
    return crops[:, start : start + size, start : start + size]


def augmented(crop: np.ndarray, size: int, rng: np.random.Generator, how: Augment) -> np.ndarray:
    """A random `size` window of one crop (S, S, 3), perhaps mirrored, a little brighter or darker; uint8."""
    row, column = rng.integers(0, crop.shape[0] - size + 1, 2)
    window = crop[row : row + size, column : column + size]
    if rng.random() < how.flip:
        window = window[:, ::-1]
    factor = rng.uniform(1 - how.brightness, 1 + how.brightness)
    return np.clip(window * factor, 0, 255).astype(np.uint8)


def batches(crops: np.ndarray, labels: np.ndarray, params: ResNetParams, epoch: int, how: Augment) -> Iterator:
    """One epoch of shuffled training batches: normalized crops (B, 3, s, s) and labels (B,) int64.

    A last batch of a single crop is left out, because batch normalization has no variance there.
    """
    order = repro.rng(how.seed, epoch).permutation(len(crops))
    for start in range(0, len(order) - 1, params.batch):
        chosen = order[start : start + params.batch]
        images = [augmented(crops[i], params.input_size, repro.rng(how.seed, epoch, int(i)), how) for i in chosen]
        yield to_tensor(np.stack(images)), torch.from_numpy(labels[chosen].astype(np.int64))


def loss(model: nn.Module, images: Tensor, labels: Tensor, params: ResNetParams) -> Tensor:
    """Mean cross-entropy of a batch (paper, section II.A)."""
    with _autocast(params):
        logits = model(images)
    return nn.functional.cross_entropy(logits.float(), labels)


@torch.inference_mode()
def logits(model: nn.Module, crops: np.ndarray, params: ResNetParams, batch: int = 64) -> np.ndarray:
    """Logits (N, 2) float32, real then fake, of uint8 RGB crops (N, S, S, 3)."""
    model.eval()
    crops = centre(crops, params.input_size)
    found = []
    for start in range(0, len(crops), batch):
        with _autocast(params):
            found.append(model(to_tensor(crops[start : start + batch])).float())
    return torch.cat(found).numpy()


def p_fake(logits: np.ndarray) -> np.ndarray:
    """Softmax probability (N,) of the second class from logits (N, 2)."""
    return 1 / (1 + np.exp(logits[:, 0].astype(float) - logits[:, 1]))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of logits (N, 2) and labels (N,)."""
    return float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels.astype(np.int64))))


def _autocast(params: ResNetParams) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=params.bfloat16 and repro.has_bfloat16())
