"""How the embedded study's first weights were trained: its slim network on Tiny-ImageNet.

    DFD_TINY_IMAGENET=... python tools/weights/tiny_imagenet.py

The tool puts the weights into dfdlib/assets, in 16 bits and without the last layer, which fine-tuning replaces; beside
them is their model card. It prints the accuracy on held-out images and the file's sha256. An interrupted run resumes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, errors, paths, repro, studies, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.experiments import pretraining

NAME = "tiny_imagenet_resnet18_slim.safetensors"


def ship(weights: Path) -> Path:
    """Put the trunk of trained weights into the library's assets; returns the file."""
    tensors, _ = weight_files.read(weights, "train again")
    kept = {name: values for name, values in tensors.items() if not name.startswith("fc.")}
    small = {name: values.to(torch.float16) if values.is_floating_point() else values for name, values in kept.items()}
    return weight_files.write(paths.assets() / NAME, small)


def main() -> None:
    """Train the embedded study's network on the archive that DFD_TINY_IMAGENET names."""
    archive = pretraining.archive()
    if archive is None:
        raise DfdError("DFD_TINY_IMAGENET is not set; data/README.md says what it names and how to get it.")
    study = studies.load("embedded")
    repro.start(study.seed, study.threads)
    weights, top1 = pretraining.tiny_imagenet(study, archive)
    print(f"accuracy on held-out images: {top1:.3f}")
    path = ship(weights)
    print(f"{path.name} {cache.sha256(path)}")


if __name__ == "__main__":
    errors.or_sentence(main)
