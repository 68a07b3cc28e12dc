"""Small heads on a network's cached features: a last layer only (the quick path), and a GRU over a clip's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dfdlib.core import cache, paths, processes, repro, training
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, classifier, finetune
from dfdlib.resnet.finetune import Run

# Chosen once, before any test clip was scored.
HIDDEN, WINDOW, BATCH, EPOCHS, LR = 64, 16, 8, 30, 1e-3
LINEAR_BATCH, LINEAR_LR = 64, 1e-3


class GruHead(nn.Module):
    """Logits (B, T, 2) after each frame of feature sequences (B, T, F); the paper's section IV suggests an RNN."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norm, self.gru = nn.LayerNorm(features), nn.GRU(features, HIDDEN, batch_first=True)
        self.fc = nn.Linear(HIDDEN, 2)

    def forward(self, sequences: Tensor) -> Tensor:
        """Logits of each frame, which depend on that frame and those before it."""
        return self.fc(self.gru(self.norm(sequences))[0])


def gru(study: Study, frames: FrameSet, run: Run) -> pd.DataFrame:
    """p_fake of every test frame by a GRU on a run's features, trained on the other clips; the last epoch counts."""
    x = of_file(frames.crops, run.weights, finetune.network_alone(study.resnet))
    kept, test = _sides(frames)
    clips = [kept[rows] for rows in frames.table.iloc[kept].groupby("clip_id", sort=True).indices.values()]

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        rng = repro.rng(study.seed, epoch)
        windows = np.stack([_window(rows, rng) for rows in clips])[rng.permutation(len(clips))]
        return _tensors(x, frames.labels, windows, BATCH)

    model = _trained(study, lambda: GruHead(x.shape[1]), batches, LR, (x, frames.labels, kept))
    found = pd.Series(0.0, index=test)
    for rows in frames.table.iloc[test].groupby("clip_id").indices.values():
        found.iloc[rows] = _p_fake(model, x[test[rows]][None])
    return frames.part("test").scored(found.to_numpy())


def linear(study: Study, frames: FrameSet) -> pd.DataFrame:
    """p_fake of every test frame by a last layer only, trained on the features of the study's initial weights.

    The quick path: the trunk runs once over each crop and its features are kept, so an epoch is one small matrix
    product. No augmentation, no choice of an epoch.
    """
    x = of_first_weights(frames.crops, study.resnet, study.seed)
    kept, test = _sides(frames)
    batches = linear_batches(x, frames.labels, kept, study.seed)
    model = _trained(study, lambda: nn.Linear(x.shape[1], 2), batches, LINEAR_LR, (x, frames.labels, kept))
    return frames.part("test").scored(_p_fake(model, x[test]))


def linear_batches(x: np.ndarray, y: np.ndarray, kept: np.ndarray, seed: int) -> training.Batches:
    """Batches of the features x (N, F) and labels y (N,) of the rows `kept`, in a random order for each epoch."""
    return lambda epoch: _tensors(x, y, repro.rng(seed, epoch).permutation(kept), LINEAR_BATCH)


def _sides(frames: FrameSet) -> tuple[np.ndarray, np.ndarray]:
    test = (frames.table["split"] == "test").to_numpy()
    return np.flatnonzero(~test), np.flatnonzero(test)


def _window(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """WINDOW successive frames; a shorter clip repeats its last frame."""
    start = rng.integers(0, max(len(rows) - WINDOW, 0) + 1)
    return rows[np.minimum(np.arange(start, start + WINDOW), len(rows) - 1)]


def _tensors(x: np.ndarray, y: np.ndarray, index: np.ndarray, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(index), batch):
        rows = processes.own(index[start : start + batch])
        yield torch.from_numpy(x[rows]), torch.from_numpy(y[rows].astype(np.int64))


def _trained(
    study: Study, create: Callable[[], nn.Module], batches: training.Batches, lr: float, data: tuple
) -> nn.Module:
    """A new head after EPOCHS epochs of Adam on cross-entropy; `data` distinguish this training from others."""
    torch.manual_seed(study.seed)
    model = create()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    key = cache.key(__name__, type(model).__name__, data, study.seed)[:12]
    folder = training.folder_of(paths.runs() / study.name / f"head-{key}", EPOCHS)
    training.fit(model, optimizer, batches, _loss, lambda model: ({}, {}), EPOCHS, folder)
    return model


def _loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(model(inputs).flatten(0, -2), labels.flatten())


@torch.inference_mode()
def _p_fake(model: nn.Module, x: np.ndarray) -> np.ndarray:
    inputs = torch.from_numpy(x).to(next(model.parameters()).device)
    return classifier.p_fake(model.eval()(inputs).flatten(0, -2).cpu().numpy())


@cache.stage
def of_file(crops: np.ndarray, weights: Path, params: ResNetParams) -> np.ndarray:
    """Features (N, F) of crops from the weights of a finished run; cached."""
    return classifier.features_and_logits(finetune.network(weights, params), crops, params)[0]


def of_first_weights(crops: np.ndarray, params: ResNetParams, seed: int) -> np.ndarray:
    """Features (N, F) of crops from the weights with which fine-tuning would start; cached by these weights."""
    torch.manual_seed(seed)
    state = {name: values.numpy() for name, values in architectures.build(params)[0].state_dict().items()}
    return _of_state(crops, state, finetune.network_alone(params))


@cache.stage
def _of_state(crops: np.ndarray, state: dict[str, np.ndarray], params: ResNetParams) -> np.ndarray:
    model = architectures.build(params)[0]
    model.load_state_dict({name: torch.as_tensor(values) for name, values in state.items()})
    return classifier.features_and_logits(model, crops, params)[0]
