"""Pre-train a network on Tiny-ImageNet: a substitute, labelled as such, where ImageNet's weights are unavailable."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from dfdlib.core import cache, disk, image_files, paths, processes, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.resnet import architectures, classifier, finetune

SIZE, BATCH, EPOCHS, PEAK = 56, 64, 20, 0.1  # windows of 56 of the 64 pixels; the rest as for one cycle
HELD_OUT = 20  # images per class
MOST_BYTES = 2**24  # of an archive member; an image of 64 x 64 pixels has a few kB
CLASS = re.compile(r"n0.*|.[0-9]+")  # the folder that names an image's class


def archive() -> Path | None:
    """The archive that DFD_TINY_IMAGENET names (<class>/<image>.JPEG or .jpg inside), or None if it is not set."""
    value = os.environ.get("DFD_TINY_IMAGENET")
    if value and not _is_tar(Path(value)):
        raise DfdError(f"DFD_TINY_IMAGENET names {value}, which is not a tar archive; name one or unset it.")
    return Path(value).resolve() if value else None


def _is_tar(path: Path) -> bool:
    try:
        with disk.decoding():
            return path.is_file() and tarfile.is_tarfile(path)
    except disk.DAMAGED:
        return False


def read_archive(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (N, 64, 64, 3) uint8 RGB, labels (N,) and class names; nothing is unpacked to disk.

    Links and devices are skipped, and a member's name is never used as a path. DfdError for a damaged archive, an
    archive without images, and an image of another size or without a class.
    """
    images, names = [], []
    try:
        for name, encoded in _members(path):
            names.append(next((part for part in name.split("/") if CLASS.fullmatch(part)), None))
            images.append(_decoded(encoded))
            if names[-1] is None or images[-1] is None:
                what = "has no class in its name" if names[-1] is None else "is not an image of 64 x 64 pixels"
                raise DfdError(f"{name} in {path} {what}; get the archive again.")
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is damaged or not a tar archive ({disk.why(error)}); get it again.") from None
    if not images:
        raise DfdError(f"{path} contains no image <class>/<image>.JPEG; get the archive again.")
    classes, labels = np.unique(names, return_inverse=True)
    return np.stack(images), labels, classes.tolist()


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the regular files with an image's name; ValueError for a member that is too large."""
    with disk.decoding(), tarfile.open(path) as tar:
        for member in tar:
            if member.size > MOST_BYTES:
                raise ValueError(f"a member of {member.size} bytes, which is too large")
            if member.isreg() and not member.issparse() and member.name.lower().endswith((".jpg", ".jpeg")):
                yield member.name, tar.extractfile(member).read()


def _decoded(encoded: bytes) -> np.ndarray | None:
    """An image (64, 64, 3) uint8 RGB, or None if the bytes are anything else."""
    try:
        image_files.check_image(encoded)
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, *disk.DAMAGED):
        return None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if image is not None and image.shape == (64, 64, 3) else None


def tiny_imagenet(study: Study, path: Path) -> tuple[Path, float]:
    """Weights of the study's network after EPOCHS epochs on the archive, and accuracy on HELD_OUT images per class."""
    params = replace(study.resnet, input_size=SIZE, batch=BATCH, weights="")
    key = cache.key(__name__, params, study.seed, path)
    folder = training.folder_of(paths.runs() / "pretrained" / f"{params.arch}-{key[:12]}", EPOCHS)
    done = training.weights_of(folder, EPOCHS)
    if not done.is_file():
        _train(study.seed, params, read_archive(path), folder)
    return done, float(training.epoch_arrays(folder, EPOCHS)["top1"])


def _train(seed: int, params: ResNetParams, data: tuple[np.ndarray, np.ndarray, list[str]], folder: Path) -> None:
    images, labels, classes = data
    held = pd.Series(labels).groupby(labels).cumcount().to_numpy() < HELD_OUT  # the first images of each class
    torch.manual_seed(seed)
    model = architectures.build(params, len(classes))[0]
    batches = classifier.epochs_of(images[~held], labels[~held], params, seed)

    def evaluate(model: nn.Module) -> tuple[dict, dict]:
        logits = processes.gathered(lambda part: classifier.logits(model, part, params), images[held])
        top1 = float((logits.argmax(1) == labels[held]).mean())
        return {"top1": top1}, {"top1": np.array(top1)}

    finetune.descend(model, finetune.Recipe(PEAK, EPOCHS, *batches, weight_decay=5e-4), params, evaluate, folder)
