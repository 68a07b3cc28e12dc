"""The shipped detector's network as an ONNX file for other programs: python tools/weights/onnx_file.py detector.onnx.

It reads RGB crops `crops` (N, 3, 128, 128), float32 from 0 to 255, and gives `p_fake` (N,). dfdlib itself needs no such
file. The tool needs the package onnx (python -m pip install onnx) and checks the file with OpenCV before it is kept.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage import data
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import disk, errors
from dfdlib.core.errors import DfdError
from dfdlib.detector import network, shipped
from dfdlib.resnet import classifier

ALIKE = 1e-4  # largest difference of p_fake between PyTorch and the file
OPSET = 13  # operators that OpenCV knows


class Scores(nn.Module):
    """p_fake (N,) of crops (N, 3, 128, 128) in 0 to 255: pixels are normalized, and the second output is the fake's."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in (classifier.MEAN, classifier.STD))

    def forward(self, crops: Tensor) -> Tensor:
        return self.model((crops / 255 - self.mean) / self.std).softmax(1)[:, 1]


def export(path: Path) -> float:
    """Write the file; returns the largest difference from PyTorch in scores of noise and of pieces of a portrait.

    Raises DfdError without the package onnx, and where the difference is above ALIKE: no file is left then.
    """
    if not importlib.util.find_spec("onnx"):
        raise DfdError("The package onnx is missing, which writes the file; install it: python -m pip install onnx.")
    model = Scores(shipped.load_resnet()).eval()
    crops = pictures(32)
    with disk.explained(path, "name a file elsewhere"), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs one package more
        names = {"input_names": ["crops"], "output_names": ["p_fake"]}
        sizes = {name: {0: "faces"} for name in ("crops", "p_fake")}
        torch.onnx.export(
            model, (torch.from_numpy(crops[:1]),), path, **names, dynamic_axes=sizes, opset_version=OPSET, dynamo=False
        )
    with torch.inference_mode():
        expected = model(torch.from_numpy(crops)).numpy()
    apart = float(np.abs(scores(path, crops) - expected).max())
    if apart > ALIKE:
        path.unlink()
        raise DfdError(f"The file's scores differ from PyTorch's by {apart:.1g}; other versions of onnx may agree.")
    return apart


def pictures(count: int) -> np.ndarray:
    """Crops (2 count, 3, 128, 128) in 0 to 255: noise, and pieces of a public-domain portrait that differ in size."""
    rng, side = np.random.default_rng(0), network.SIDE
    noise = rng.uniform(0, 255, (count, 3, side, side))
    portrait, pieces = data.astronaut(), []
    for _ in range(count):
        wide = int(rng.integers(side // 2, 2 * side))
        left, top = rng.integers(0, 512 - wide, 2)
        pieces.append(cv2.resize(portrait[top : top + wide, left : left + wide], (side, side)).transpose(2, 0, 1))
    return np.concatenate([noise, np.stack(pieces)]).astype(np.float32)


def scores(path: Path, crops: np.ndarray) -> np.ndarray:
    """p_fake (N,) that OpenCV computes from the file, of crops (N, 3, 128, 128) in 0 to 255."""
    reader = cv2.dnn.readNetFromONNX(str(path))
    found = []
    for crop in crops:
        reader.setInput(crop[None])
        found.append(float(reader.forward().ravel()[0]))
    return np.array(found)


def main() -> None:
    """Write the file that the command line names."""
    if len(sys.argv) != 2:
        raise DfdError("The file's name is missing: python tools/weights/onnx_file.py detector.onnx")
    path = Path(sys.argv[1])
    print(f"{path}: OpenCV's scores differ from PyTorch's by at most {export(path):.1g}")


if __name__ == "__main__":
    errors.or_sentence(main)
