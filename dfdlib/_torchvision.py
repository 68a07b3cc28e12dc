"""Import torchvision also where its compiled operators cannot load (its wheel beside the CPU build of torch).

The wheel is linked for CUDA. Without it torchvision fails at import, because it registers a fake for the operator
`nms` that was never defined. Defining the two schemas first makes models and transforms work. Where the real
extension loads, nothing is defined here.
"""

from __future__ import annotations

import functools
from types import ModuleType

import torch


@functools.cache
def torchvision() -> ModuleType:
    """The module torchvision with its `models`."""
    if torch.version.cuda is None and not hasattr(torch.ops.torchvision, "nms"):
        _define_missing_operators()
    import torchvision as module
    import torchvision.models  # noqa: F401

    return module


@functools.cache
def _define_missing_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")  # cached: it undefines them when it is collected
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
