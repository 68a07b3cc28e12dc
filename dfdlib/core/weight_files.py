"""Weights in .safetensors files: written whole, checked when they are read, never a pickle.

PyTorch is imported where its tensors are wanted: reading arrays does without its seconds and its 200 MB.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from dfdlib.core import cache, disk, paths
from dfdlib.core.errors import DfdError

if TYPE_CHECKING:
    from torch import Tensor

    Read = tuple[dict[str, Tensor], dict[str, str]]  # tensors and metadata


def write(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> Path:
    """Write tensors whole or not at all, with the sha256 that `read` checks; returns `path`."""
    from safetensors.torch import save_file

    tensors = {name: values.contiguous() for name, values in tensors.items()}
    with disk.replacing(path) as partial:
        try:
            save_file(tensors, partial, metadata | {"sha256": digest(tensors, metadata)})
        except SafetensorError as error:
            raise OSError(str(error)) from None
    return path


def digest(tensors: Mapping[str, Tensor | np.ndarray], metadata: Mapping[str, str] = MappingProxyType({})) -> str:
    """sha256 of tensors and metadata with their names: safetensors itself keeps no checksum."""
    found = hashlib.sha256("".join(f"{name}{metadata[name]}" for name in sorted(metadata)).encode())
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(_bytes(tensors[name]))
    return found.hexdigest()


def _bytes(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    import torch

    return values.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()


def read(path: Path, advice: str, dtypes: tuple[str, ...] = ()) -> Read:
    """Tensors and metadata of a .safetensors file.

    With `dtypes` ("float32" and the like), every tensor must have one of these types and finite numbers. Raises
    DfdError, whose sentence ends in `advice`, for a file that is missing, truncated or of another kind, and for one
    that changed since `write` wrote it.
    """
    return _checked(path, advice, dtypes, "pt")


def arrays(path: Path, advice: str, dtypes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The tensors as NumPy's arrays; DfdError as `read`, and for a type that NumPy lacks."""
    return _checked(path, advice, dtypes, "np")[0]


def _checked(path: Path, advice: str, dtypes: tuple[str, ...], framework: str) -> tuple[dict, dict[str, str]]:
    try:
        return _read(path, dtypes, framework)
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is missing or damaged ({disk.why(error)}); {advice}.") from None


def _read(path: Path, dtypes: tuple[str, ...], framework: str) -> tuple[dict, dict[str, str]]:
    if not path.is_file():
        raise ValueError("no such file")
    with disk.decoding(), safe_open(path, framework) as file:
        # Copies: Windows replaces no file that is mapped into memory
        tensors = {name: copy.deepcopy(file.get_tensor(name)) for name in file.keys()}
        metadata = file.metadata() or {}
    sha256 = metadata.pop("sha256", "")  # files from elsewhere and shipped files have none
    if sha256 and sha256 != digest(tensors, metadata):
        raise ValueError("its tensors are not those that were saved")
    for name, values in tensors.items():
        known = str(values.dtype).removeprefix("torch.") in dtypes
        if dtypes and not (known and np.isfinite(np.asarray(values)).all()):
            raise ValueError(f"{name} holds other than finite {' or '.join(dtypes)}")
    return tensors, metadata


def named(name: str) -> Path:
    """The file that a study names: one in dfdlib/assets, or one elsewhere."""
    shipped = paths.assets() / name
    return shipped if shipped.is_file() else Path(name)


def read_state(path: Path, sha256: str = "") -> dict[str, Tensor]:
    """The state dict of a file from elsewhere: .safetensors, or .pth with plain tensors.

    Its sha256 must begin with `sha256`.

    Raises DfdError for a file that is missing, damaged or not the expected one.
    """
    import torch

    if not path.is_file():
        raise DfdError(f"There is no weight file {path}; name one that exists or leave `weights` empty.")
    if not cache.sha256(path).startswith(sha256):
        raise DfdError(f"{path} has a different sha256 from {sha256}; get the right file, or correct `weights_sha256`.")
    if path.suffix == ".safetensors":
        return read(path, "get the file again")[0]
    try:
        with disk.decoding():
            found = torch.load(path, map_location="cpu", weights_only=True)  # refuses pickles of anything but tensors
    except disk.DAMAGED:
        found = None
    if not isinstance(found, dict):
        raise DfdError(f"{path} is damaged or holds no plain tensors; get the file again.")
    return found
