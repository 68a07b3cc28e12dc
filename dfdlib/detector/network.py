"""The shipped network's scores by NumPy: PyTorch takes longer to import than a clip to judge, and 200 MB of memory.

It is EfficientNet-Lite0 (Liu and Tan, 2020; timm's tf_efficientnet_lite0) with each batch normalization folded into the
convolution before it, and two outputs.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dfdlib.core import weight_files
from dfdlib.core.errors import DfdError

SIDE = 128  # pixels of a crop's middle that the network reads
MEAN, SCALE = np.float32(127), np.float32(1 / 128)  # of its pixels, as in its training by TensorFlow
EPSILON = 1e-3  # in a batch normalization
STEM, HEAD = 32, 1280  # channels
STAGES = (  # blocks, side of the depthwise filters, step, factor of the inner channels, channels after
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
BATCH = 4  # crops at a time, which bounds memory
Layer = tuple[np.ndarray, np.ndarray]  # weights, (in, out), depthwise (side, side, channels), and shift (out,)


@dataclass(frozen=True)
class _Block:
    """Where a block's tensors are, and what it does to its maps."""

    name: str
    before: int
    inner: int
    after: int
    side: int
    step: int

    @property
    def layers(self) -> list[tuple[str, str, tuple[int, ...]]]:
        """Each convolution with its batch normalization and its shape (out, in, side, side)."""
        deep = (self.inner, 1, self.side, self.side)
        if self.inner == self.before:
            parts = [("conv_dw", deep), ("conv_pw", (self.after, self.inner, 1, 1))]
        else:
            parts = [("conv_pw", (self.inner, self.before, 1, 1)), ("conv_dw", deep)]
            parts.append(("conv_pwl", (self.after, self.inner, 1, 1)))
        return [(f"{self.name}.{part}", f"{self.name}.bn{i}", shape) for i, (part, shape) in enumerate(parts, 1)]


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
    ends = [("conv_stem", "bn1", (STEM, 3, 3, 3)), ("conv_head", "bn2", (HEAD, STAGES[-1][-1], 1, 1))]
    try:
        layers = {n: _folded(arrays, n, norm, s) for n, norm, s in [*ends, *(x for b in _blocks() for x in b.layers)]}
        return layers | {
            "classifier": _layer(arrays["classifier.weight"].reshape(2, HEAD).T, arrays["classifier.bias"])
        }
    except (KeyError, ValueError):
        raise DfdError(f"{path} holds another network; {advice}.") from None


def _blocks() -> Iterator[_Block]:
    before = STEM
    for stage, (count, side, step, factor, after) in enumerate(STAGES):
        for number in range(count):
            yield _Block(f"blocks.{stage}.{number}", before, before * factor, after, side, 1 if number else step)
            before = after


def _folded(arrays: dict[str, np.ndarray], name: str, norm: str, shape: tuple[int, ...]) -> Layer:
    parts = (arrays[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
    gain, shift, mean, variance = (part.astype(float).reshape(shape[0]) for part in parts)
    factor = gain / np.sqrt(variance + EPSILON)
    weights = arrays[f"{name}.weight"].reshape(shape).transpose(2, 3, 1, 0) * factor
    weights = weights[:, :, 0] if name.endswith("_dw") else weights.reshape(-1, shape[0])
    return _layer(weights, shift - factor * mean)


def _layer(*arrays: np.ndarray) -> Layer:
    return tuple(np.ascontiguousarray(array, np.float32) for array in arrays)


def _logits(crops: np.ndarray, layers: dict[str, Layer]) -> np.ndarray:
    """Logits (N, 2), real then fake, of uint8 RGB crops (N, SIDE, SIDE, 3)."""
    x = _clipped(_stem((crops - MEAN) * SCALE, layers["conv_stem"]))
    for block in _blocks():
        x = _through(x, block, layers)
    x = _clipped(_mixed(x, layers["conv_head"])).mean((1, 2))
    return _mixed(x, layers["classifier"])


def _through(x: np.ndarray, block: _Block, layers: dict[str, Layer]) -> np.ndarray:
    kept = x
    for name, _, _ in block.layers[:-1]:
        x = _clipped(_filtered(x, layers[name], block.step) if name.endswith("_dw") else _mixed(x, layers[name]))
    x = _mixed(x, layers[block.layers[-1][0]])
    return np.add(x, kept, out=x) if x.shape == kept.shape else x


def _stem(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Maps (N, H, W, 3) as (N, H / 2, W / 2, out)."""
    seen = np.concatenate(
        [x[:, i::2, j::2][:, : SIDE // 2, : SIDE // 2] for x in [_padded(x, 3, 2)] for i, j in _taps(3)], -1
    )
    return _mixed(seen, layer)


def _mixed(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Each pixel's channels (..., in) as (..., out)."""
    weights, shift = layer
    found = x.reshape(-1, len(weights)) @ weights
    found += shift
    return found.reshape(*x.shape[:-1], -1)


def _filtered(x: np.ndarray, layer: Layer, step: int) -> np.ndarray:
    """Maps (N, H, W, C), each channel by its own filter, as (N, H / step, W / step, C)."""
    weights, shift = layer
    height, width = (-(-n // step) for n in x.shape[1:3])
    padded = _padded(x, len(weights), step)
    found = np.empty((len(x), height, width, x.shape[3]), np.float32)
    found[:] = shift
    part = np.empty_like(found)
    for i, j in _taps(len(weights)):
        seen = padded[:, i : i + step * height : step, j : j + step * width : step]
        found += np.multiply(seen, weights[i, j], out=part)
    return found


def _taps(side: int) -> Iterator[tuple[int, int]]:
    return itertools.product(range(side), repeat=2)


def _padded(x: np.ndarray, side: int, step: int) -> np.ndarray:
    """Zeros around maps (N, H, W, C), as TensorFlow's "same" padding lays them: one more below and right if odd."""
    more = [max((-(-n // step) - 1) * step + side - n, 0) for n in x.shape[1:3]]
    return np.pad(x, ((0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)))


def _clipped(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6, out=x)
