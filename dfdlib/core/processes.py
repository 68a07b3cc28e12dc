"""Several processes under torchrun train as one: each makes its own rows of a batch, all use the whole batch's numbers.

What they compute differs from one process's result by the order of additions alone.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.overrides import TorchFunctionMode


def count() -> int:
    """How many processes torchrun has started; without it 1."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _place() -> tuple[int, int]:
    """This process's number from 0, and how many train together at this moment."""
    together = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size()) if together else (0, 1)


def own(rows: Any) -> Any:
    """This process's rows of a batch (an array, a tensor or a list), perhaps none; every row goes to one process."""
    first, every = _place()
    return rows[first::every]


def average(value: Tensor, rows: int) -> tuple[float, float]:
    """The mean over all processes' rows from `value`, the mean over this one's; and the factor for its backward pass.

    A process without rows counts for nothing, whatever its `value`. With this factor the mean of the processes'
    gradients is the gradient of the mean over all rows.
    """
    if _place()[1] == 1:
        return value.item(), 1.0
    total, number = _sum(torch.tensor([rows * value.item(), rows], dtype=torch.float64, device=value.device)).tolist()
    return total / number, rows * _place()[1] / number


def gathered(score: Callable[[np.ndarray], np.ndarray], items: np.ndarray) -> np.ndarray:
    """`score(items)`, one result per item in their order; each process scores a part, and all get the whole."""
    first, every = _place()
    if every == 1:
        return score(items)
    from accelerate import PartialState

    rows = (first + every * np.arange(math.ceil(len(items) / every))) % len(items)  # as many for each process
    part = torch.from_numpy(score(items[rows])).to(PartialState().device)
    parts = [torch.empty_like(part) for _ in range(every)]
    dist.all_gather(parts, part)
    return torch.stack(parts, 1).flatten(0, 1)[: len(items)].cpu().numpy()


def whole_batches(counted: bool = True) -> contextlib.AbstractContextManager:
    """Within it, batch normalization in training takes the statistics of all processes' rows, whatever the layer.

    Not `counted` are the rows of a process that has none of its own and takes part all the same.
    """
    return _WholeBatches(counted) if _place()[1] > 1 else contextlib.nullcontext()


class _WholeBatches(TorchFunctionMode):
    """`nn.SyncBatchNorm` needs a GPU, and layers of its own in the network."""

    def __init__(self, counted: bool) -> None:
        super().__init__()
        self.counted = counted

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is nn.functional.batch_norm and kwargs["training"]:
            return batch_norm(*args, **kwargs, counted=self.counted)
        return function(*args, **kwargs)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    counted: bool = True,
) -> Tensor:
    """`nn.functional.batch_norm` in training, x (B, C, ...), with mean and variance over all processes' rows."""
    axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
    values = x.to(torch.promote_types(x.dtype, torch.float32))
    rows = values.new_full((1,), x.numel() / x.shape[1])
    total, number = _AllSum.apply(counted * torch.cat([values.sum(axes), rows])).split([x.shape[1], 1])
    mean = total / number
    centred = values - mean.view(shape)
    variance = _AllSum.apply(counted * centred.square().sum(axes)) / number
    if running_mean is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(variance * number / (number - 1), momentum)
    scale = (variance + eps).rsqrt() * (1 if weight is None else weight)
    return (centred * scale.view(shape) + (0 if bias is None else bias.view(shape))).to(x.dtype)


class _AllSum(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all of theirs."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return _sum(x.clone())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _sum(gradient.clone(memory_format=torch.contiguous_format))


def _sum(x: Tensor) -> Tensor:
    dist.all_reduce(x)
    return x
