"""The shipped network's scores by NumPy: PyTorch takes longer to import than a clip to judge, and 200 MB of memory.

It is resnet.architectures.SlimResNet with each batch normalization folded into the convolution before it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dfdlib.core import weight_files
from dfdlib.core.errors import DfdError

SIDE = 112  # pixels of a crop's middle that the network reads
MEAN, STD = (np.array(v, np.float32) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))  # as resnet.classifier's
EPSILON = 1e-5  # PyTorch's, in a batch normalization
CHANNELS = (24, 24, 48, 96, 192)  # before the first stage, and after each
BATCH = 8  # crops at a time, which bounds memory
Layer = tuple[np.ndarray, np.ndarray]  # weights, of convolutions (side, side, in, out), and shift (out,)


def p_fake(crops: np.ndarray, path: Path) -> np.ndarray:
    """Scores (N,) in [0, 1] of uint8 RGB crops (N, S, S, 3), S >= SIDE, by the weights in a file.

    Raises DfdError for smaller crops, and as `load` does.
    """
    if crops.shape[1] < SIDE:
        raise DfdError(f"The network reads {SIDE} x {SIDE} pixels; the crops have {crops.shape[1]}: give larger ones.")
    layers, edge = load(path), (crops.shape[1] - SIDE) // 2
    middle = crops[:, edge : edge + SIDE, edge : edge + SIDE]
    found = [_logits(middle[start : start + BATCH], layers) for start in range(0, len(crops), BATCH)]
    real, fake = np.concatenate(found).astype(float).T
    return 1 / (1 + np.exp(real - fake))


@functools.lru_cache(maxsize=2)
def load(path: Path) -> dict[str, Layer]:
    """The layers by their names; DfdError for a file that is missing, damaged or another network's."""
    advice = "check out or install dfdlib again"
    arrays = weight_files.arrays(path, advice, ("float16", "int64"))
    try:
        layers = {name: _folded(arrays, name, norm, shape) for name, norm, shape in _convolutions()}
        return layers | {"fc": _layer(arrays["fc.weight"].reshape(2, CHANNELS[-1]).T, arrays["fc.bias"])}
    except (KeyError, ValueError):
        raise DfdError(f"{path} holds another network; {advice}.") from None


def _convolutions() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """The name of each convolution, that of its batch normalization, and its shape (out, in, side, side)."""
    yield "conv1.0", "conv1.1", (12, 3, 3, 3)
    yield "conv1.3", "conv1.4", (12, 12, 3, 3)
    yield "conv1.6", "bn1", (24, 12, 3, 3)
    for stage, (before, after) in enumerate(itertools.pairwise(CHANNELS), 1):
        for block, first in enumerate((before, after)):
            yield f"layer{stage}.{block}.conv1", f"layer{stage}.{block}.bn1", (after, first, 3, 3)
            yield f"layer{stage}.{block}.conv2", f"layer{stage}.{block}.bn2", (after, after, 3, 3)
        if after > before:
            yield f"layer{stage}.0.downsample.0", f"layer{stage}.0.downsample.1", (after, before, 1, 1)


def _folded(arrays: dict[str, np.ndarray], name: str, norm: str, shape: tuple[int, ...]) -> Layer:
    parts = (arrays[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    gain, shift, mean, variance = (part.astype(float).reshape(shape[0]) for part in parts)
    factor = gain / np.sqrt(variance + EPSILON)
    return _layer(arrays[f"{name}.weight"].reshape(shape).transpose(2, 3, 1, 0) * factor, shift - factor * mean)


def _layer(*arrays: np.ndarray) -> Layer:
    return tuple(np.ascontiguousarray(array, np.float32) for array in arrays)


def _logits(crops: np.ndarray, layers: dict[str, Layer]) -> np.ndarray:
    """Logits (N, 2), real then fake, of uint8 RGB crops (N, SIDE, SIDE, 3)."""
    x = (crops / np.float32(255) - MEAN) / STD
    for name, step in (("conv1.0", 2), ("conv1.3", 1), ("conv1.6", 1)):
        x = _positive(_convolved(x, layers[name], step))
    x = _windows(x, 3, 2).max((-2, -1))  # of values from 0 on, which the zeros around them do not change
    for stage, block in itertools.product(range(1, len(CHANNELS)), range(2)):
        x = _block(x, layers, f"layer{stage}.{block}")
    weights, shift = layers["fc"]
    return x.mean((1, 2)) @ weights + shift


def _block(x: np.ndarray, layers: dict[str, Layer], name: str) -> np.ndarray:
    shorter = layers.get(f"{name}.downsample.0")
    step = 2 if shorter else 1
    kept = _convolved(x, shorter, step) if shorter else x
    inner = _positive(_convolved(x, layers[f"{name}.conv1"], step))
    return _positive(_convolved(inner, layers[f"{name}.conv2"]) + kept)


def _convolved(x: np.ndarray, layer: Layer, step: int = 1) -> np.ndarray:
    """Maps (N, H, W, in), with zeros around them, as (N, H / step, W / step, out)."""
    weights, shift = layer
    seen = _windows(x, len(weights), step).transpose(0, 1, 2, 4, 5, 3)  # (N, h, w, side, side, in)
    rows = seen.reshape(-1, weights[..., 0].size)
    return (rows @ weights.reshape(rows.shape[1], -1) + shift).reshape(*seen.shape[:3], -1)


def _windows(x: np.ndarray, side: int, step: int) -> np.ndarray:
    """The surroundings (N, h, w, channels, side, side) of every `step`-th pixel of maps, with zeros beyond the edge."""
    edge = side // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    return sliding_window_view(padded, (side, side), (1, 2))[:, ::step, ::step]


def _positive(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0, out=x)
