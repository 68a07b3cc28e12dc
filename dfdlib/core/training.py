"""One training loop for both networks: a checkpoint after each epoch, resumable to the same result."""

from __future__ import annotations

import json
import math
import os
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from dfdlib.core import disk, weight_files
from dfdlib.core.errors import DfdError

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
    (weights, optimizer and history in one file, so that a stop between two writes cannot part them), and the one
    before as `previous.safetensors`. A run that finds them goes on after the last epoch that is whole: damage is found
    by a digest, said in a warning and set aside. Under torchrun (or accelerate launch) the processes share each
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
    """Load the weights saved after `epoch` into `model`; DfdError where they are missing or damaged."""
    model.load_state_dict(weight_files.read_checked(folder / f"epoch_{epoch:02d}.safetensors")[0])
    return model


def epoch_arrays(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """What `evaluate` kept after `epoch`; DfdError where it is missing or damaged."""
    path = folder / f"epoch_{epoch:02d}.npz"
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError) as error:
        raise DfdError(f"{path} is missing or damaged ({error}); delete {folder} and train again.") from None


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
    with disk.replacing(folder / f"{name}.npz") as partial, partial.open("wb") as file:
        np.savez(file, **arrays)
    weight_files.write_checked(folder / f"{name}.safetensors", weights, {})
    last = folder / "last.safetensors"
    if last.is_file():  # a second name: there is a whole file at every moment
        with disk.replacing(folder / "previous.safetensors") as partial:
            os.link(last, partial)
    weight_files.write_checked(last, weights | slots, {"history": json.dumps(history)})


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> list[dict[str, float]]:
    weights, history = _last(folder)
    if not history:
        return []
    slots: dict[int, dict[str, Tensor]] = {}
    for name in [key for key in weights if key.startswith("optimizer.")]:
        _, index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = weights.pop(name)
    model.load_state_dict(weights)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return history


def _last(folder: Path) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Tensors and history after the last epoch that is whole; none at all where a training begins."""
    for path in (folder / "last.safetensors", folder / "previous.safetensors"):
        if path.is_file():
            try:
                tensors, metadata = weight_files.read_checked(path)
                return tensors, json.loads(metadata["history"])
            except DfdError as error:
                aside = disk.set_aside(path)
                warnings.warn(f"{error} It is kept as {aside.name}; the training goes on before it.", stacklevel=4)
    return {}, []


def _history(folder: Path) -> list[dict[str, float]]:
    return _last(folder)[1]


def rate(done: float, peak: float) -> float:
    """The one-cycle learning rate after a share `done` of the training: up for 30 % of it, then down, by cosines."""
    up, start, end = 0.3, peak / 25, peak / 1e4
    if done < up:
        return start + (peak - start) * (1 - math.cos(math.pi * done / up)) / 2
    return end + (peak - end) * (1 + math.cos(math.pi * (done - up) / (1 - up))) / 2


def decay(epoch: int, epochs: int) -> float:
    """The share of the first learning rate in an epoch (from 1): half a cosine from 1 towards 0.

    At a constant rate the picture's mean brightness trembles from step to step, which PSNR punishes.
    """
    return 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs))
