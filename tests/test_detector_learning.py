"""How the shipped detector's network may be taught: by other networks, and by maps of sharpness as a second input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from dfdlib.core import training
from dfdlib.detector import shipped
from dfdlib.resnet import architectures
from tools.weights import cues, learning


def _picture() -> np.ndarray:
    """Grey noise (64, 64) in [-1, 1] whose right half is soft."""
    noise = np.random.default_rng(0).uniform(-1, 1, (64, 64)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    soft[:, :32] = noise[:, :32]
    return soft


def _as_images(grey: np.ndarray) -> torch.Tensor:
    return torch.tensor(grey).repeat(1, 3, 1, 1)


def test_maps_of_sharpness_are_the_logarithm_of_the_energy_that_a_blur_takes_away() -> None:
    grey = _picture()
    maps = cues.sharpness(_as_images(grey))[0].numpy()
    for found, sigma in zip(maps, cues.SIGMAS, strict=True):
        side = 2 * round(3 * sigma) + 1
        lost = grey - cv2.GaussianBlur(grey, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
        energy = cv2.blur(lost**2, (cues.AROUND, cues.AROUND))
        inside = (slice(8, -8),) * 2  # OpenCV mirrors the energy at the border, the map leaves out what lies beyond
        assert found[inside] == pytest.approx((np.log10(energy + cues.FLOOR) / 2 + 1.5)[inside], abs=0.01)
    assert (maps[:, 8:-8, 8:24].mean((1, 2)) > maps[:, 8:-8, 40:56].mean((1, 2)) + 0.3).all()


def test_a_ratio_of_sharpness_is_a_difference_of_the_maps() -> None:
    """Between two places the difference is the same after the picture's contrast was halved."""
    maps = [cues.sharpness(_as_images(factor * _picture()))[0, 1, 32] for factor in (1, 0.5)]
    differences = [one[16] - one[48] for one in maps]
    assert differences[0] == pytest.approx(differences[1].item(), abs=0.02) and differences[0] > 0.3


def test_a_second_input_changes_nothing_at_first_and_is_learned() -> None:
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    images = torch.rand(2, 3, 64, 64)
    before = model(images)
    first = model.conv_stem.weight.clone()
    model.conv_stem = cues.WithSharpness(model.conv_stem)
    assert torch.equal(model(images), before) and torch.equal(model.conv_stem.first.weight, first)
    model(images)[:, 1].sum().backward()
    assert model.conv_stem.second.weight.grad.abs().sum() > 0


def _loss_of(monkeypatch: pytest.MonkeyPatch, folder: Path, teachers: list, recipe: learning.Recipe) -> tuple:
    """The loss and the network that `learning.train` gives to `training.fit`, and the run's folder."""
    given = {}

    def fit(model, optimizer, batches, loss, evaluate, epochs, folder, on_epoch, by_batch):
        given.update(model=model, loss=loss)
        return pd.DataFrame()

    monkeypatch.setattr(training, "fit", fit)
    monkeypatch.setattr(learning.paths, "runs", lambda: folder)
    ran = learning.train(recipe, [], lambda model: ({}, {}), 1, lambda row: None, teachers)[2]
    return given["loss"], given["model"], ran


class _Says(torch.nn.Module):
    """A network whose logits are the same for each image."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor([logits]), requires_grad=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(images), 2)


def test_teachers_mean_logits_stand_in_for_the_labels(monkeypatch, tmp_path) -> None:
    recipe = learning.Recipe(shipped.NETWORK)
    teachers = [_Says(0.0, 3.0), _Says(0.0, -1.0)]
    images, labels = torch.zeros(4, 3, 8, 8), torch.tensor([0, 1, 0, 1])
    assert learning.mean_logits(teachers, images).tolist() == [[0.0, 1.0]] * 4
    taught = _loss_of(monkeypatch, tmp_path, teachers, recipe)
    plain = _loss_of(monkeypatch, tmp_path, [], recipe)
    student = _Says(0.2, 0.5)
    wanted = torch.tensor([1.0, np.e]) / (1 + np.e)
    soft = -(wanted * torch.tensor([0.2, 0.5]).log_softmax(0)).sum()
    assert taught[0](student, images, labels).item() == pytest.approx(soft.item(), abs=1e-6)
    hard = torch.nn.functional.cross_entropy(student(images), labels)
    assert plain[0](student, images, labels).item() == pytest.approx(hard.item(), abs=1e-6)
    other = _loss_of(monkeypatch, tmp_path, teachers[:1], recipe)
    assert len({taught[2], plain[2], other[2]}) == 3, "another teaching is another run"


def test_a_recipe_with_maps_of_sharpness_trains_a_network_that_reads_them(monkeypatch, tmp_path) -> None:
    recipe = replace(learning.Recipe(shipped.NETWORK), sharpness=True)
    _, model, _ = _loss_of(monkeypatch, tmp_path, [], recipe)
    for network in (model.live, model.average):
        assert isinstance(network.conv_stem, cues.WithSharpness)
