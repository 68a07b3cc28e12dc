"""How the super-resolution networks are trained: pairs of squares, mean squared error, Adam, a decreasing rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from dfdlib.core import cache, paths, processes, repro, training
from dfdlib.core.studies import Study, SuperResParams
from dfdlib.superres import enlarging, lr_hr, networks
from dfdlib.superres.networks import FSRCNN


def patch_batches(lr: np.ndarray, hr: np.ndarray, params: SuperResParams, epoch: int, seed: int) -> Iterator:
    """One epoch of shuffled batches, the same square cut from each image: (B, 1, p, p) and (B, 1, sp, sp)."""
    rng = repro.rng(seed, epoch)
    order = rng.permutation(len(lr))
    high, wide = (min(params.patch, side) for side in lr.shape[1:])
    for start in range(0, len(order), params.batch):
        chosen = processes.own(order[start : start + params.batch])
        y = rng.integers(lr.shape[1] - high + 1)
        x = rng.integers(lr.shape[2] - wide + 1)
        small = np.s_[chosen, y : y + high, x : x + wide]
        large = np.s_[chosen, *(slice(edge.start * params.scale, edge.stop * params.scale) for edge in small[1:])]
        yield lr_hr.to_tensor(lr[small]), lr_hr.to_tensor(hr[large])


def random_squares(data: list[tuple[np.ndarray, np.ndarray]], scale: int, batch: int, patch: int, rng) -> tuple:  # noqa: ANN001
    """A batch of squares from images of any size, drawn by area, rotated and mirrored: (B, 1, p, p), (B, 1, sp, sp)."""
    area = np.array([lr.size for lr, _ in data], float)
    chosen = rng.choice(len(data), batch, p=area / area.sum())
    cut = [_square(*data[i], scale, patch, rng) for i in chosen]
    return tuple(lr_hr.to_tensor(np.stack(side)) for side in zip(*cut, strict=True))


def _square(lr: np.ndarray, hr: np.ndarray, scale: int, patch: int, rng) -> tuple[np.ndarray, ...]:  # noqa: ANN001
    y, x = (int(rng.integers(side - patch + 1)) for side in lr.shape)
    small = lr[y : y + patch, x : x + patch]
    large = hr[scale * y : scale * (y + patch), scale * x : scale * (x + patch)]
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    return tuple(np.rot90(part[:, ::-1] if mirrored else part, turns) for part in (small, large))


def mse(model: nn.Module, lr: Tensor, hr: Tensor) -> Tensor:
    """Mean squared error (Dong et al., equation 2)."""
    return nn.functional.mse_loss(model(lr), hr)


def adam(
    model: nn.Module,
    lr: float,
    batches: training.Batches,
    evaluate: training.Evaluate,
    epochs: int,
    folder: Path,
    on_epoch: training.OnEpoch = lambda row: None,
) -> pd.DataFrame:
    """Train a network in place by Adam, at a rate that falls from `lr` to 0 as half a cosine; returns the history.

    All but the features learn at a tenth of the rate (Dong et al., section 4.1). At a constant rate the mean brightness
    of the images fluctuates from step to step, which lowers PSNR.
    """
    rest = [values for name, values in model.named_parameters() if not name.startswith("features.")]
    groups = [{"params": model.features.parameters(), "lr": lr}, {"params": rest, "lr": lr / 10}]
    optimizer = torch.optim.Adam(groups)
    rate = lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    return training.fit(model, optimizer, batches, mse, evaluate, epochs, folder, on_epoch, by_epoch=rate)


def train_fsrcnn(
    study: Study, lr: np.ndarray, hr: np.ndarray, held_out: tuple[np.ndarray, np.ndarray], start: FSRCNN | None = None
) -> tuple[pd.DataFrame, FSRCNN]:
    """Train FSRCNN on luminances (N, h, w) and (N, sh, sw); the history and the network after its last epoch.

    `held_out` is a pair like (lr, hr), whose mean squared error is measured after each epoch; nothing depends on it.
    With `start`, a network of another scale, training starts from the layers of that network.
    """
    params = study.superres
    torch.manual_seed(study.seed)
    model = FSRCNN(params.scale, params.d, params.s, params.m)
    model = networks.at_scale(start, params.scale) if start else model
    first = {name: values.numpy() for name, values in model.state_dict().items()}
    key = cache.key(__name__, params, study.seed, first, lr, hr, held_out)[:12]

    def evaluate(model: nn.Module) -> tuple[dict[str, float], dict]:
        return {"test_mse": _error(model, *held_out)}, {}

    def batches(epoch: int) -> Iterator:
        return patch_batches(lr, hr, params, epoch, study.seed)

    folder = training.folder_of(paths.runs() / study.name / f"fsrcnn-{key}", params.epochs)
    return adam(model, params.lr, batches, evaluate, params.epochs, folder), model


def _error(model: FSRCNN, lr: np.ndarray, hr: np.ndarray) -> float:
    """Mean squared error, in squared grey levels (0-255)."""
    large = processes.gathered(lambda part: enlarging.enlarge(model, part), lr)
    return float(np.mean((large.astype(float) - hr) ** 2))
