"""dlib's face-recognition network in PyTorch, with dlib's own weights: another network, to be named as such.

Davis King trained it to tell people apart, on some three million faces, half of them celebrities' (README of
github.com/davisking/dlib-models, which puts the file in the public domain). Importing this registers nothing.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dfdlib.core import cache, paths, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.faces import detection
from dfdlib.resnet import architectures, classifier

NAME, FILE = "dlib_resnet", "dlib_face_recognition_resnet_model_v1"
SHA256 = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"  # in face_recognition_models 0.3.0
# `anet_type` in dlib's examples/dnn_face_recognition_ex.cpp, from the input on: a block's channels, and whether it
# halves the map's sides.
BLOCKS = [(32, False)] * 3 + [(64, True)] + [(64, False)] * 3 + [(128, True)] + [(128, False)] * 2
BLOCKS += [(256, True)] + [(256, False)] * 2 + [(256, True)]
RGB = (122.782, 117.001, 104.298)  # taken off the pixels, which are then divided by 256 (dlib/dnn/input.h)
SMALLEST = 103  # pixels of an image's side; of a smaller one the last block leaves no map
# What dlib writes of a layer after its name (dlib/dnn/layers.h), and AFTER that of any layer (core.h), by `_read`'s
# letters. A real number is two integers; the place of weights or biases in the tensor of both is five.
LAYERS = {"con_4": "t" + 25 * "i", "affine_": "t" + 11 * "i", "fc_2": "iit" + 19 * "i", "relu_": "", "add_prev_": ""}
LAYERS |= {"max_pool_2": 6 * "i", "avg_pool_2": 6 * "i"}
AFTER = "bbbttt"  # the tensors are those of the last training step, and empty


class Affine(nn.Module):
    """A scale and a shift of each channel.

    dlib trained with batch normalization and published it folded into these two, without its statistics. Fine-tuning
    goes on with both as ordinary parameters: nothing is normalized, and no image depends on the others of its batch.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Scale 1 and shift 0, which change nothing."""
        nn.init.ones_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same shape (B, C, H, W)."""
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class _Block(nn.Module):
    """Two convolutions beside a shortcut without parameters; where the block halves, the shortcut averages 2 x 2."""

    def __init__(self, before: int, after: int, halves: bool) -> None:
        super().__init__()
        self.halves, self.more = halves, after - before
        first = nn.Conv2d(before, after, 3, 1 + halves, 1 - halves), Affine(after), nn.ReLU(True)
        self.branch = nn.Sequential(*first, nn.Conv2d(after, after, 3, padding=1), Affine(after))
        nn.init.zeros_(self.branch[-1].weight)  # as in ARCHITECTURES

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        if self.halves:  # dlib fills what one side lacks with zeros: last channels, lowest row, right column
            x = functional.pad(functional.avg_pool2d(x, 2), (0, 0, 0, 0, 0, self.more))
            y = functional.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        return functional.relu(x + y)


class DlibResNet(nn.Module):
    """dlib's network of 29 convolutions, and a last layer on its 128 features, the face descriptor.

    They are what dlib computes where the crop is dlib's own: an upright face in 150 x 150 pixels. The last map has 2 x
    2 cells then, and at 112 pixels a single one, so that Grad-CAM shows nothing.
    """

    def __init__(self, outputs: int = 1000) -> None:
        super().__init__()
        mean, std, rgb = (torch.tensor(values).view(3, 1, 1) for values in (classifier.MEAN, classifier.STD, RGB))
        self.register_buffer("scale", std * 255 / 256, persistent=False)
        self.register_buffer("shift", (mean * 255 - rgb) / 256, persistent=False)
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 7, 2), Affine(32), nn.ReLU(True), nn.MaxPool2d(3, 2))
        before = [32, *(channels for channels, _ in BLOCKS)]
        self.blocks = nn.Sequential(*(_Block(a, *block) for a, block in zip(before, BLOCKS, strict=False)))
        self.descriptor = nn.Linear(256, 128, bias=False)
        self.fc = nn.Linear(128, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs) of `classifier.to_tensor`'s images (B, 3, H, W); DfdError below SMALLEST pixels."""
        if min(images.shape[2:]) < SMALLEST:
            raise DfdError(f"{NAME} got {min(images.shape[2:])} pixels; set resnet.input_size to {SMALLEST} or more.")
        maps = self.blocks(self.stem(images * self.scale + self.shift))
        return self.fc(self.descriptor(maps.mean((2, 3))))


def register() -> None:
    """Make NAME a network of ARCHITECTURES in this process, as docs/your-own-network.md does; again changes nothing."""
    architectures.ARCHITECTURES.setdefault(NAME, architectures.Architecture(DlibResNet, "fc", "blocks", 5_743_592))


def weights() -> Path:
    """A file with `converted` for a study's `resnet.weights`, made if it is missing or damaged; DfdError as there."""
    made = paths.cache() / NAME / cache.code_version(__name__)[:12] / f"{FILE}.safetensors"
    try:
        weight_files.read(made, "it is made again")
    except DfdError:
        weight_files.write(made, converted(detection.model_file(f"{FILE}.dat")))
    return made


def converted(source: Path) -> dict[str, Tensor]:
    """The tensors of a DlibResNet, but for its last layer, from dlib's file; DfdError if it is not the known one."""
    if not source.is_file() or cache.sha256(source) != SHA256:
        advice = "pip install --force-reinstall face_recognition_models==0.3.0"
        raise DfdError(f"{source} is missing, damaged or of another version; {advice}.")
    *rest, last = _parameters(io.BytesIO(source.read_bytes()))
    flat = np.concatenate([*rest, last.reshape(256, 128).T.ravel()])  # dlib's last weights are (in, out)
    own = [(name, p) for name, p in DlibResNet().named_parameters() if not name.startswith("fc.")]
    pieces = torch.from_numpy(flat).split([p.numel() for _, p in own])
    return {name: piece.reshape(p.shape).clone() for (name, p), piece in zip(own, pieces, strict=True)}


def _parameters(file: io.BytesIO) -> list[np.ndarray]:
    """The layers' parameters from the input on, float32 in one row each: weights (out, in, h, w), then biases.

    dlib/dnn/core.h: a layer writes a version, then the layer below it, then itself. So all versions come first, from
    the highest layer down to the lowest (whose version is 3; 1 is a label, of which nothing follows), then all layers.
    """
    for kind in "isiiii":  # of the loss
        _read(file, kind)
    above = list(iter(lambda: _read(file, "i"), 3)).count(2)
    for kind in "siiiiiiii":  # of the input: RGB and two sides
        _read(file, kind)
    found = _layer(file)
    _read(file, "i")  # how many rows of the input belong to one image
    return found + [values for _ in range(above) for values in _layer(file)]


def _layer(file: io.BytesIO) -> list[np.ndarray]:
    stored = [_read(file, kind) for kind in LAYERS[_read(file, "s")] + AFTER]
    return [values for values in stored if isinstance(values, np.ndarray) and values.size]


def _read(file: io.BytesIO, kind: str) -> int | str | bytes | np.ndarray:
    """An integer (i), string (s), digit for yes or no (b), or tensor (t): dlib/serialize.h, dlib/dnn/tensor.h."""
    if kind == "b":
        return file.read(1)
    if kind == "s":
        return file.read(_read(file, "i")).decode("ascii")
    if kind == "t":
        _, *shape = (_read(file, "i") for _ in range(5))  # after a version
        return np.frombuffer(file.read(4 * math.prod(shape)), "<f4")
    first = file.read(1)[0]  # the sign in the top bit, and how many bytes follow, the lowest first
    size = int.from_bytes(file.read(first & 15), "little")
    return -size if first & 128 else size
