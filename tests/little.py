"""A training of moments, for tests of the loop around it; also in processes that they start, so it imports little."""

from __future__ import annotations

import torch
from torch import nn


def problem(optimizer: str):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    kinds = {"sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9), "adam": lambda p: torch.optim.Adam(p, 0.01)}
    return model, kinds[optimizer](model.parameters())


def batches(epoch: int):
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(5):
        x = torch.randn(16, 4, generator=generator)
        yield x, (x.sum(1) > 0).long()


def loss(model, x, y):
    return nn.functional.cross_entropy(model(x), y)


def evaluate(model):
    return {"norm": float(sum(p.detach().double().norm() for p in model.parameters()))}, {
        "w": model[0].weight.detach().numpy()
    }
