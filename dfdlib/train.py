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
from accelerate import Accelerator
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
    that finds them goes on after the last whole epoch. Under torchrun (or accelerate launch) the processes share each
    batch, and the first of them evaluates and saves; the model stays where it was trained.
    Raises DfdError when the loss is no longer a number; the checkpoints of earlier epochs stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Accelerator(cpu=not torch.cuda.is_available())
    history = _resume(model, optimizer, folder)
    shared = place.prepare_model(model)
    _follow(optimizer, place.device)
    for epoch in range(len(history) + 1, epochs + 1):
        start = time.perf_counter()
        row = {"epoch": epoch, "train_loss": _one_epoch(shared, optimizer, batches(epoch), loss, epoch, place)}
        if place.is_main_process:
            numbers, arrays = evaluate(model)
            history.append(row | numbers | {"seconds": round(time.perf_counter() - start, 1)})
            _save(model, optimizer, arrays, history, folder)
            on_epoch(history[-1])
        place.wait_for_everyone()
    return pd.DataFrame(history if place.is_main_process else _history(folder))


def _one_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, data: Iterable, loss: Loss, epoch: int, place: Accelerator
) -> float:
    model.train()
    losses = []
    for batch in data:
        optimizer.zero_grad(set_to_none=True)
        value = loss(model, *(part[place.process_index :: place.num_processes].to(place.device) for part in batch))
        if not math.isfinite(value.item()):
            raise DfdError(f"The training loss became {value.item()} in epoch {epoch}; lower the learning rate.")
        place.backward(value)
        optimizer.step()
        losses.append(value.item())
    return float(np.mean(losses))


def _follow(optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    """Move what a resumed optimizer remembers to where the model now is."""
    for slot in optimizer.state.values():
        slot.update({key: value.to(device) for key, value in slot.items() if key != "step" and value is not None})


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
    return _history(folder)


def _history(folder: Path) -> list[dict[str, float]]:
    with safe_open(folder / "last.safetensors", "pt") as file:
        return json.loads(file.metadata()["history"])
