"""One training loop for both networks: a checkpoint after each epoch, resumable to the same result."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dfdlib.errors import DfdError

Batches = Callable[[int], Iterable]  # epoch (from 1) -> batches
Loss = Callable[..., Tensor]  # (model, *batch) -> scalar
Evaluate = Callable[[nn.Module], tuple[dict[str, float], dict[str, np.ndarray]]]  # numbers, and arrays to keep


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    loss: Loss,
    evaluate: Evaluate,
    epochs: int,
    folder: Path,
    on_epoch: Callable[[dict[str, float]], None] = lambda row: None,
) -> pd.DataFrame:
    """Train for `epochs` epochs, evaluate and save after each; returns the history, one row an epoch.

    `folder` holds `epoch_NN.safetensors` (weights), `epoch_NN.npz` (arrays of `evaluate`) and `last.safetensors`
    (weights, optimizer and history in one file, so that a stop between two writes cannot part them). A run
    that finds them goes on after the last whole epoch.
    Raises DfdError when the loss is no longer a number; the checkpoints of earlier epochs stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    history = _resume(model, optimizer, folder)
    for epoch in range(len(history) + 1, epochs + 1):
        start = time.perf_counter()
        row = {"epoch": epoch, "train_loss": _one_epoch(model, optimizer, batches(epoch), loss, epoch)}
        numbers, arrays = evaluate(model)
        history.append(row | numbers | {"seconds": round(time.perf_counter() - start, 1)})
        _save(model, optimizer, arrays, history, folder)
        on_epoch(history[-1])
    return pd.DataFrame(history)


def _one_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, data: Iterable, loss: Loss, epoch: int) -> float:
    model.train()
    losses = []
    for batch in data:
        optimizer.zero_grad(set_to_none=True)
        value = loss(model, *batch)
        if not math.isfinite(value.item()):
            raise DfdError(f"The training loss became {value.item()} in epoch {epoch}; lower the learning rate.")
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return float(np.mean(losses))


def load_epoch(model: nn.Module, folder: Path, epoch: int) -> nn.Module:
    """Load the weights saved after `epoch` into `model`."""
    model.load_state_dict(load_file(folder / f"epoch_{epoch:02d}.safetensors"))
    return model


def epoch_arrays(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """What `evaluate` kept after `epoch`."""
    with np.load(folder / f"epoch_{epoch:02d}.npz") as arrays:
        return dict(arrays)


def best_epoch(history: pd.DataFrame, column: str, highest: bool = True) -> int:
    """The first epoch with the best value in a column."""
    row = history[column].idxmax() if highest else history[column].idxmin()
    return int(history.loc[row, "epoch"])


def prune(folder: Path, keep: set[int]) -> None:
    """Delete the weights of every epoch but those in `keep`; the evaluations of all epochs stay."""
    for path in folder.glob("epoch_*.safetensors"):
        if int(path.stem.split("_")[1]) not in keep:
            path.unlink()


def _save(model: nn.Module, optimizer: torch.optim.Optimizer, arrays: dict, history: list, folder: Path) -> None:
    name = f"epoch_{len(history):02d}"
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    slots = {
        f"optimizer.{index}.{key}": value.contiguous()
        for index, slot in optimizer.state_dict()["state"].items()
        for key, value in slot.items()
        if value is not None
    }
    np.savez(folder / f"{name}.npz", **arrays)
    _write(folder / f"{name}.safetensors", weights, {})
    _write(folder / "last.safetensors", weights | slots, {"history": json.dumps(history)})


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> list[dict[str, float]]:
    last = folder / "last.safetensors"
    if not last.is_file():
        return []
    slots: dict[int, dict[str, Tensor]] = {}
    weights = load_file(last)
    for name in [key for key in weights if key.startswith("optimizer.")]:
        _, index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = weights.pop(name)
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    with safe_open(last, "pt") as file:
        return json.loads(file.metadata()["history"])
