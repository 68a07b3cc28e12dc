"""Weights in .safetensors files: written whole, checked when they are read, never a pickle."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from dfdlib.core import cache, disk
from dfdlib.core.errors import DfdError


def write_checked(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    with disk.replacing(path) as partial:
        try:
            save_file(tensors, partial, metadata | {"sha256": digest(tensors)})
        except SafetensorError as error:
            raise OSError(str(error)) from None


def digest(tensors: dict[str, Tensor]) -> str:
    """sha256 of tensors with their names: safetensors itself keeps no checksum."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def read_checked(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; DfdError for a file that is missing, cut or changed by a bit."""
    try:
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("sha256") != digest(tensors):
            raise ValueError("its tensors are not those that were saved")
        return tensors, metadata
    except (SafetensorError, ValueError, OSError) as error:
        raise DfdError(f"{path} is missing or damaged ({error}); delete it and train again.") from None


def read_weights(path: Path, sha256: str = "") -> dict[str, Tensor]:
    """A state dict from a .safetensors file or a .pth file of plain tensors; DfdError where it is not the one."""
    if not path.is_file():
        raise DfdError(f"There is no weight file {path}; name one that exists or leave `weights` empty.")
    if sha256 and cache.sha256(path) != sha256:
        raise DfdError(f"{path} has another sha256 than the study asks for; get the right file or correct the study.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)  # refuses every pickle but tensors
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError):
        raise DfdError(f"{path} is damaged or holds no plain tensors; get the file again.") from None


def read_float32(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file; DfdError where it is damaged or holds other than finite float32."""
    try:
        tensors = load_file(path)
    except (SafetensorError, *disk.DAMAGED):
        raise DfdError(f"{path} is damaged or no .safetensors file; make it again.") from None
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
            raise DfdError(f"{path}: {name} holds something else than finite 32-bit numbers; make it again.")
    return tensors
