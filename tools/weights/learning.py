"""How the shipped detector's network learns: pairs of a real face and a fake made from it, AdamW, a moving average."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dfdlib.core import cache, paths, processes, repro, training
from dfdlib.core.studies import ResNetParams
from dfdlib.faces import video
from dfdlib.resnet import architectures, classifier
from tools.weights import blends, cues
from tools.weights.blends import How, Pair
from tools.weights.faces import Faces

THREADS = 1  # two would add in another order, so that other weights come out
ALIKE = 64  # faces among which the donor with the most alike landmarks is taken


@dataclass(frozen=True)
class Recipe:
    """Data, network and schedule of a training."""

    network: ResNetParams
    how: How = field(default_factory=How)
    shares: tuple[tuple[str, float], ...] = (("uadfv", 0.35), ("lfw", 0.4), ("celeba", 0.25))  # of the pairs
    epochs: int = 16
    steps: int = 250  # batches per epoch
    pairs: int = 16  # per batch
    peak: float = 1e-3
    weight_decay: float = 0.01
    kept: float = 0.995  # of the moving average, per step
    frozen: tuple[str, ...] = ()  # layers that stay as ImageNet left them, by the beginnings of their names
    sharpness: bool = False  # whether the network has a second input, see cues.py


class Averaged(nn.Module):
    """A network that learns, and the moving average of its weights, which is what counts in the end."""

    def __init__(self, network: nn.Module, kept: float) -> None:
        super().__init__()
        self.live, self.average, self.kept = network, copy.deepcopy(network).requires_grad_(False), kept
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 2); of the network that learns while it does, else of the average."""
        if not self.training:
            return self.average(images)
        self._follow()
        return self.live(images)

    @torch.no_grad()
    def _follow(self) -> None:
        self.steps += 1
        kept = min(self.kept, (1 + self.steps.item()) / (10 + self.steps.item()))
        for old, new in zip(self.average.state_dict().values(), self.live.state_dict().values(), strict=True):
            old.lerp_(new, 1 - kept) if old.is_floating_point() else old.copy_(new)


def train(
    recipe: Recipe,
    faces: Sequence[Faces],
    evaluate: training.Evaluate,
    seed: int,
    on_epoch: training.OnEpoch,
    teachers: Sequence[nn.Module] = (),
) -> tuple[nn.Module, pd.DataFrame, Path]:
    """Train, or resume; the averaged network of the last epoch, the history, and the run's folder.

    With teachers it learns the softmax of their mean logits instead of the labels (Hinton et al., arXiv 1503.02531).
    """
    repro.start(seed, THREADS)
    network, origin = architectures.build(recipe.network)
    if recipe.sharpness:
        network.conv_stem = cues.WithSharpness(network.conv_stem)
    on_epoch({"first_weights": origin})
    learning = [values for name, values in network.named_parameters() if not name.startswith(recipe.frozen)]
    for values in {*network.parameters()} - {*learning}:
        values.requires_grad_(False)
    model = Averaged(network, recipe.kept)
    optimizer = torch.optim.AdamW(learning, recipe.peak, weight_decay=recipe.weight_decay)
    rate = training.one_cycle(optimizer, recipe.peak, recipe.epochs * recipe.steps)
    code = cache.code_version("tools.weights.learning")
    taught = [values.numpy() for teacher in teachers for values in teacher.state_dict().values()]
    what = cache.key("dfdlib.core.training", recipe, seed, origin, code, [f.points for f in faces], *taught)[:12]
    folder = training.folder_of(paths.runs() / "detector" / what, recipe.epochs)

    def loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if teachers:
            labels = mean_logits(teachers, images).softmax(1)
        return classifier.cross_entropy_loss(model, images, labels, recipe.network)

    def batches(epoch: int) -> Iterator:
        return video.ahead(batches_of(faces, recipe, epoch, seed))  # made while the network learns

    def of_average(model: nn.Module) -> tuple[dict, dict]:
        return evaluate(model.eval().average)

    history = training.fit(model, optimizer, batches, loss, of_average, recipe.epochs, folder, on_epoch, by_batch=rate)
    return model.average, history, folder


@torch.no_grad()
def mean_logits(networks: Sequence[nn.Module], images: Tensor) -> Tensor:
    """The mean of the networks' logits (B, 2)."""
    return torch.stack([network.eval()(images) for network in networks]).mean(0)


def batches_of(faces: Sequence[Faces], recipe: Recipe, epoch: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch: batches of real faces and a fake made from each; random numbers follow from (seed, epoch, number)."""
    shares = np.array([dict(recipe.shares)[one.source] for one in faces])
    chosen = repro.rng(seed, epoch).choice(len(faces), recipe.steps * recipe.pairs, p=shares / shares.sum())
    shapes = [shapes_of(one.points) for one in faces]
    size = recipe.how.size
    for start in range(0, len(chosen), recipe.pairs):
        images = []
        for number in processes.own(np.arange(start, start + recipe.pairs)):
            rng = repro.rng(seed, epoch, int(number))
            images += _pair(faces[chosen[number]], shapes[chosen[number]], rng, recipe.how)
        yield classifier.stacked(images, size), torch.tensor([0, 1]).repeat(len(images) // 2)


def _pair(faces: Faces, shapes: np.ndarray, rng: np.random.Generator, how: How) -> tuple[np.ndarray, np.ndarray]:
    return pair_of(int(rng.integers(len(shapes))), faces, shapes, rng, how)


def pair_of(
    i: int, faces: Faces, shapes: np.ndarray, rng: np.random.Generator, how: How
) -> tuple[np.ndarray, np.ndarray]:
    """A real crop of face i and a fake made from it; the donor is, of ALIKE drawn faces, the one most like it."""

    def donor(rng: np.random.Generator) -> Pair:
        among = rng.integers(0, len(shapes), ALIKE)
        far = ((shapes[among] - shapes[i]) ** 2).sum(1)
        far[[faces.people[j] == faces.people[i] for j in among]] = np.inf
        j = among[far.argmin()]
        return faces.squares[j], faces.points[j]

    return blends.pair((faces.squares[i], faces.points[i]), donor, rng, how)


def shapes_of(points: np.ndarray) -> np.ndarray:
    """Landmarks (N, 68, 2) without place and size: (N, 136), so that faces can be compared."""
    centred = points - points.mean(1, keepdims=True)
    return (centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)).reshape(len(points), -1)
