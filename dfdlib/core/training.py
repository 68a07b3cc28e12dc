"""The one training loop: batch, loss, backward, step, rate, evaluate, save. A resumed run ends as an unbroken one."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from dfdlib.core import cache, disk, processes, weight_files
from dfdlib.core.errors import DfdError

Batches = Callable[[int], Iterable[Sequence[Tensor]]]  # epoch (from 1) -> batches, of each `processes.own` rows
Loss = Callable[..., Tensor]  # (model, *batch) -> scalar, a mean over the batch
Evaluate = Callable[[nn.Module], tuple[dict[str, float], dict[str, np.ndarray]]]  # numbers, and arrays to keep
OnEpoch = Callable[[dict[str, float]], None]  # receives each row of the history


def one_cycle(optimizer: torch.optim.Optimizer, peak: float, steps: int) -> lr_scheduler.OneCycleLR:
    """The one-cycle rate of Smith and Topin (arXiv 1708.07120) for a training of `steps` batches, with cosine slopes.

    It rises from peak / 25 to the peak in the first 30 % of the batches, then falls to peak / 10,000.
    """
    return lr_scheduler.OneCycleLR(
        optimizer, peak, steps, pct_start=0.3, div_factor=25, final_div_factor=400, cycle_momentum=False
    )


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    loss: Loss,
    evaluate: Evaluate,
    epochs: int,
    folder: Path,
    on_epoch: OnEpoch = lambda row: None,
    *,
    by_batch: lr_scheduler.OneCycleLR | None = None,
    by_epoch: lr_scheduler.LRScheduler | None = None,
    keep: Callable[[pd.DataFrame], int] = len,
) -> pd.DataFrame:
    """Train for `epochs` epochs, evaluate and save after each; returns the history, one row an epoch.

    The rate is the optimizer's own, or follows a schedule that moves after each batch or after each epoch. At the end
    the model has the weights of the epoch that `keep` names (by default the last), and only these stay on disk.

    `folder` holds `epoch_NN.safetensors` (weights), `epoch_NN.npz` (arrays of `evaluate`) and `last.safetensors`:
    weights, optimizer and history in one file, which a stop between two writes cannot separate. The epoch before is
    kept as `previous.safetensors`. A run that finds these files resumes after the last complete epoch. A digest finds
    damaged files; they are set aside with a warning. A second run in the same folder waits for the first, and finds it
    finished. Under torchrun (or accelerate launch) each process makes its own rows of each batch; losses, gradients and
    batch statistics are those of the whole batch. All evaluate, the first saves. The model stays on the device where it
    was trained.
    Raises DfdError when the loss is no longer finite; the checkpoints of earlier epochs stay.
    """
    from accelerate import Accelerator

    with cache.locked(folder):
        place = Accelerator(cpu=not torch.cuda.is_available())
        place.wait_for_everyone()  # until the first process has the lock
        history = _resume(model.to(place.device), optimizer, folder)
        _wind_on(by_batch, len(history) * by_batch.total_steps // epochs if by_batch else 0)
        _wind_on(by_epoch, len(history))
        shared = place.prepare_model(model)
        for epoch in range(len(history) + 1, epochs + 1):
            start, losses = time.perf_counter(), []
            model.train()
            for batch in batches(epoch):
                optimizer.zero_grad(set_to_none=True)
                rows = len(batch[0])
                if not rows:  # one that counts for nothing, as not every layer takes none; all must take each step
                    batch = [part.new_zeros((1, *part.shape[1:])) for part in batch]
                with processes.whole_batches(counted=rows > 0):
                    value = loss(shared, *(part.to(place.device) for part in batch))
                mean, factor = processes.average(value, rows)
                losses.append(_finite(mean, epoch))
                place.backward(factor * value)
                optimizer.step()
                if by_batch:
                    by_batch.step()  # sets the rate of the next batch
            if by_epoch:
                by_epoch.step()  # sets the rate of the next epoch
            numbers, arrays = evaluate(model)
            if place.is_main_process:
                row = {"epoch": epoch, "train_loss": float(np.mean(losses))}
                history.append(row | numbers | {"seconds": round(time.perf_counter() - start, 1)})
                _save(model, optimizer, arrays, history, folder)
                on_epoch(history[-1])
            place.wait_for_everyone()
        found = pd.DataFrame(history if place.is_main_process else _last(folder)[1])
        load_epoch(model, folder, keep(found))
        for path in {*folder.glob("epoch_*.safetensors")} - {weights_of(folder, keep(found))}:
            path.unlink(missing_ok=True)  # another process of this training may be faster
    return found


def _wind_on(rate: lr_scheduler.LRScheduler | None, steps: int) -> None:
    """Bring a resumed run's rate to where it was, by the same steps: every digit is then the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that the rate moved before the network did
        for _ in range(steps if rate else 0):
            rate.step()


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise DfdError(f"The training loss became {loss} in epoch {epoch}; lower the learning rate.")
    return loss


def folder_of(path: Path, epochs: int) -> Path:
    """The folder of a training of `epochs` epochs: `path`, or under torchrun one for this number of processes.

    Several processes add in another order than one, so their weights are others. One process that has no run of its own
    takes a finished one of several, with a warning.
    """
    if processes.count() > 1:
        return path.with_name(f"{path.name}-by-{processes.count()}")
    for other in () if path.is_dir() else sorted(path.parent.glob(f"{path.name}-by-*")):
        if len(_last(other)[1]) >= epochs:
            others = "several processes trained it; one alone gives slightly different numbers"
            warnings.warn(f"{other} is used: {others}.", stacklevel=2)
            return other
    return path


def best_epoch(history: pd.DataFrame, column: str) -> int:
    """The first epoch with the highest value in a column."""
    return int(history.loc[history[column].idxmax(), "epoch"])


def weights_of(folder: Path, epoch: int) -> Path:
    """The file of weights after an epoch."""
    return folder / f"epoch_{epoch:02d}.safetensors"


def load_epoch(model: nn.Module, folder: Path, epoch: int) -> nn.Module:
    """The model with the weights saved after `epoch`; DfdError where they are missing or damaged."""
    model.load_state_dict(weight_files.read(weights_of(folder, epoch), f"delete {folder} and train again")[0])
    return model


def epoch_arrays(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    """What `evaluate` kept after `epoch`; DfdError where it is missing or damaged."""
    path = folder / f"epoch_{epoch:02d}.npz"
    try:
        with disk.decoding(), np.load(path) as arrays:
            return dict(arrays)
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is missing or damaged ({disk.why(error)}); delete {folder} and train again.") from None


def _save(model: nn.Module, optimizer: torch.optim.Optimizer, arrays: dict, history: list, folder: Path) -> None:
    epoch, weights = len(history), model.state_dict()
    slots = {
        f"optimizer.{index}.{key}": value
        for index, slot in optimizer.state_dict()["state"].items()
        for key, value in slot.items()
        if value is not None
    }
    with disk.replacing(folder / f"epoch_{epoch:02d}.npz") as partial, partial.open("wb") as file:
        np.savez(file, **arrays)
    weight_files.write(weights_of(folder, epoch), weights)
    last = folder / "last.safetensors"
    if last.is_file():  # a second link: there is a complete file at every moment
        with disk.replacing(folder / "previous.safetensors") as partial:
            disk.copy(last, partial)
    weight_files.write(last, weights | slots, history=json.dumps(history))


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> list[dict[str, float]]:
    tensors, history = _last(folder)
    if not history:
        return []
    slots: dict[int, dict[str, Tensor]] = {}
    for name in [key for key in tensors if key.startswith("optimizer.")]:
        _, index, slot = name.split(".")
        slots.setdefault(int(index), {})[slot] = tensors.pop(name)
    model.load_state_dict(tensors)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    return history


def _last(folder: Path) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Tensors and history after the last complete epoch; both empty at the start of a training."""
    for path in (folder / "last.safetensors", folder / "previous.safetensors"):
        if path.is_file():
            try:
                tensors, metadata = weight_files.read(path, "the training goes on before it")
                return tensors, json.loads(metadata["history"])
            except DfdError as error:
                warnings.warn(f"{error} It is kept as {disk.set_aside(path).name}.", stacklevel=4)
    return {}, []
