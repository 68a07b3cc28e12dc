"""The classifier: a ResNet with two outputs on face crops (paper, section II.A)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dfdlib.core import processes, repro, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams
from dfdlib.resnet import architectures

MEAN = (0.485, 0.456, 0.406)  # of ImageNet's pixels in [0, 1], RGB (torchvision's reference preprocessing)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Augment:
    """Random changes of a training crop, which depend on (seed, epoch, index) only."""

    seed: int
    brightness: float = 0.2  # the factor is drawn from 1 +- this
    flip: float = 0.5  # probability of a mirror image


def to_tensor(crops: np.ndarray) -> Tensor:
    """uint8 RGB crops (N, S, S, 3) as normalized float32 (N, 3, S, S) in channels_last."""
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    pixels = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


def stacked(images: list[np.ndarray], size: int) -> Tensor:
    """`to_tensor` of images (size, size, 3), of which there may be none."""
    return to_tensor(np.array(images, np.uint8).reshape(-1, size, size, 3))


def check_size(crops: np.ndarray, size: int) -> None:
    """DfdError if crops (N, S, S, ...) are smaller than the network's input."""
    if min(crops.shape[1:3]) < size:
        raise DfdError(
            f"The network reads {size} x {size} pixels and the crops have {crops.shape[1]} x {crops.shape[2]}; "
            "give larger crops (faces.size in a study) or a smaller resnet.input_size."
        )


def centre(crops: np.ndarray, size: int) -> np.ndarray:
    """The central `size` x `size` pixels of crops (N, S, S, 3) or masks (N, S, S); DfdError if S is smaller."""
    check_size(crops, size)
    start = (crops.shape[1] - size) // 2
    return crops[:, start : start + size, start : start + size]


def augmented(crop: np.ndarray, size: int, rng: np.random.Generator, how: Augment) -> np.ndarray:
    """A random window (size, size, 3) of one crop (S, S, 3), perhaps mirrored, a little brighter or darker; uint8."""
    row, column = rng.integers(0, crop.shape[0] - size + 1, 2)
    window = crop[row : row + size, column : column + size]
    if rng.random() < how.flip:
        window = window[:, ::-1]
    factor = rng.uniform(1 - how.brightness, 1 + how.brightness)
    return np.clip(window * factor, 0, 255).astype(np.uint8)


def epochs_of(crops: np.ndarray, labels: np.ndarray, params: ResNetParams, seed: int) -> tuple[training.Batches, int]:
    """`crop_batches` for every epoch, and the number per epoch; DfdError for crops that are too small."""
    check_size(crops, params.input_size)
    steps = len(range(0, len(crops) - 1, params.batch))
    return lambda epoch: crop_batches(crops, labels, params, epoch, Augment(seed)), steps


def crop_batches(crops: np.ndarray, labels: np.ndarray, params: ResNetParams, epoch: int, how: Augment) -> Iterator:
    """One epoch of shuffled training batches: normalized crops (B, 3, s, s) and labels (B,) int64.

    Under torchrun only this process's rows of each batch are made. A last batch of a single crop is left out, because
    its variance is undefined in batch normalization.
    """
    order = repro.rng(how.seed, epoch).permutation(len(crops))
    for start in range(0, len(order) - 1, params.batch):
        chosen = processes.own(order[start : start + params.batch])
        images = [augmented(crops[i], params.input_size, repro.rng(how.seed, epoch, int(i)), how) for i in chosen]
        yield stacked(images, params.input_size), torch.from_numpy(labels[chosen].astype(np.int64))


def cross_entropy_loss(model: nn.Module, images: Tensor, labels: Tensor, params: ResNetParams) -> Tensor:
    """Mean cross-entropy of a batch (paper, section II.A)."""
    with _autocast(params, images.device):
        logits = model(images)
    return nn.functional.cross_entropy(logits.float(), labels)


def logits(model: nn.Module, crops: np.ndarray, params: ResNetParams, batch: int = 64) -> np.ndarray:
    """Logits (N, 2) float32, real then fake, of uint8 RGB crops (N, S, S, 3)."""
    return features_and_logits(model, crops, params, batch)[1]


@torch.inference_mode()
def features_and_logits(
    model: nn.Module, crops: np.ndarray, params: ResNetParams, batch: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Input (N, F) and output (N, 2) of the last layer, both float32, for uint8 RGB crops (N, S, S, 3)."""
    model.eval()
    device = next(model.parameters()).device
    crops = centre(crops, params.input_size)
    features, found = [], []
    last = architectures.last_layer(model, params.arch)
    with last.register_forward_pre_hook(lambda _, read: features.append(_flat(read[0]))), _autocast(params, device):
        for start in range(0, len(crops), batch):
            found.append(_flat(model(to_tensor(crops[start : start + batch]).to(device))))
    return torch.cat(features).numpy(), torch.cat(found).numpy()


def _flat(values: Tensor) -> Tensor:
    return values.float().flatten(1).cpu()


def p_fake(logits: np.ndarray) -> np.ndarray:
    """Softmax probability (N,) of the second class from logits (N, 2)."""
    return 1 / (1 + np.exp(logits[:, 0].astype(float) - logits[:, 1]))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of logits (N, 2) and labels (N,)."""
    return float(nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels.astype(np.int64))))


def _autocast(params: ResNetParams, device: torch.device) -> torch.autocast:
    fast = repro.has_bfloat16() if device.type == "cpu" else True
    return torch.autocast(device.type, torch.bfloat16, enabled=params.bfloat16 and fast)
