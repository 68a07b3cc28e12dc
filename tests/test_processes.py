"""Two processes under torchrun against one: batch statistics, rows, training of real networks, folders."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn

from dfdlib.core import paths, processes, training
from dfdlib.core.studies import OneCycleParams, Study, SuperResParams
from dfdlib.resnet import architectures, classifier, finetune
from dfdlib.superres import fsrcnn_training, lr_hr, networks
from tests import little
from tests.test_finetune import PARAMS, _frames

STUDY = Study(
    "tiny",
    resnet=replace(PARAMS, arch="resnet18_slim", batch=7),
    one_cycle=OneCycleParams(peak=0.01, epochs=2),
    superres=SuperResParams(epochs=2, batch=3, patch=8, d=8, s=4, m=1),
)


class _WithRelu(nn.BatchNorm2d):
    """As in timm's pre-activation ResNet-50: a layer that calls the function itself, and does more."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, variance = self.running_mean, self.running_var
        return nn.functional.batch_norm(x, mean, variance, self.weight, self.bias, True, self.momentum, self.eps).relu()


LAYERS = {
    "2d": (lambda: nn.BatchNorm2d(3), (4, 5)),
    "1d": (lambda: nn.BatchNorm1d(3), ()),
    "without weights": (lambda: nn.BatchNorm2d(3, affine=False, momentum=0.3), (4, 5)),
    "with ReLU": (lambda: _WithRelu(3), (4, 5)),
}


def _normalized(layer: nn.Module, x: torch.Tensor, factors: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a layer makes of a batch, its gradients and its buffers."""
    x = x.clone().requires_grad_()
    y = layer(x)
    (y * factors).sum().backward()
    weights = {f"grad of {name}": values.grad for name, values in layer.named_parameters()}
    return {"y": y.detach(), "grad of x": x.grad} | weights | dict(layer.named_buffers())


def _difference(name: str, rows: int, kind: torch.dtype) -> float:
    """The largest between a layer on the whole batch and the same layer on this process's rows."""
    create, sides = LAYERS[name]
    generator = torch.Generator().manual_seed(rows)
    x, factors = (torch.randn(rows, 3, *sides, generator=generator).to(kind) for _ in range(2))
    x = 3 * x + 20  # where a variance from the sum of squares would lose digits
    layers = [create().to(kind if kind == torch.float64 else torch.float32) for _ in range(2)]
    whole = _normalized(layers[0], x, factors)
    with processes.whole_batches():
        part = _normalized(layers[1], processes.own(x), processes.own(factors))
    for weights in [name for name in part if name in ("grad of weight", "grad of bias")]:
        distributed.all_reduce(part[weights])  # as DistributedDataParallel does
    wanted = {name: processes.own(values) if name in ("y", "grad of x") else values for name, values in whole.items()}
    return max(((part[name] - wanted[name]).double() / wanted[name].abs().max()).abs().max().item() for name in wanted)


MOST = {"torch.float64": 1e-12, "torch.float32": 2e-5, "torch.bfloat16": 0.01}


def _in_double_precision(patch: Callable) -> None:
    """In single precision these few steps turn the last digit into the second, whatever the number of processes."""
    build, to_tensor, small = architectures.build, classifier.to_tensor, lr_hr.to_tensor
    patch(architectures, "build", lambda params: (build(params)[0].double(), architectures.RANDOM))
    patch(classifier, "to_tensor", lambda crops: to_tensor(crops).double())
    patch(lr_hr, "to_tensor", lambda y: small(y).double())
    patch(fsrcnn_training, "FSRCNN", lambda *args: networks.FSRCNN(*args).double())
    patch(classifier, "cross_entropy_loss", lambda model, x, y, _: nn.functional.cross_entropy(model(x), y))


def _train(folder: Path, patch: Callable = setattr) -> None:
    """Train two ResNets and an FSRCNN for a few steps; write what is found to `folder`.

    Of ten reals, in threes with their fakes, the tenth is alone in a batch, and so is the last of seven stills: the
    second process then has no row.
    """
    _in_double_precision(patch)
    made, augmented = [], classifier.augmented
    patch(classifier, "augmented", lambda *args: made.append(0) or augmented(*args))
    points = np.random.default_rng(1).uniform(5, 30, (24, 68, 2)).astype(np.float32)
    frames = replace(_frames(), points=points)
    runs = [finetune.fine_tune(STUDY, frames, 0.01), finetune.no_fakes(STUDY, frames)]
    hr = np.random.default_rng(2).integers(0, 255, (7, 24, 24)).astype(np.uint8)
    history, model = fsrcnn_training.train_fsrcnn(STUDY, hr[:, ::2, ::2], hr, (hr[:3, ::2, ::2], hr[:3]))
    told = {"augmented": len(made), "folders": [run.folder.name for run in runs]}
    told["histories"] = [h.drop(columns="seconds").to_dict("list") for h in (*(run.history for run in runs), history)]
    number = distributed.get_rank() if distributed.is_initialized() else 0
    (folder / f"told{number}.json").write_text(json.dumps(told))
    if number == 0:
        np.savez(folder / "logits.npz", *(training.epoch_arrays(run.folder, 2)["logits"] for run in runs))
        for index, tensors in enumerate((*(load_file(run.weights) for run in runs), model.state_dict())):
            save_file(
                {name: values.contiguous() for name, values in tensors.items()}, folder / f"weights{index}.safetensors"
            )


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_two_processes_train_what_one_trains(tmp_path: Path, monkeypatch, one_thread: None) -> None:
    monkeypatch.setenv("DFD_RUNS", str(tmp_path / "runs"))
    for count in "12":
        (tmp_path / count).mkdir()
    _train(tmp_path / "1", monkeypatch.setattr)
    several = ["torch.distributed.run", "--nproc-per-node", "2", "-m", "tests.test_processes", str(tmp_path / "2")]
    done = subprocess.run(
        [sys.executable, "-m", *several], cwd=paths.root(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, *two = (json.loads((tmp_path / file).read_text()) for file in ("1/told0.json", "2/told0.json", "2/told1.json"))
    assert [told["augmented"] for told in two] == [46, 26] and one["augmented"] == 72, "each makes its own rows"
    assert two[0]["folders"] == [f"{name}-by-2" for name in one["folders"]]
    for found, wanted in zip(two[0]["histories"], one["histories"], strict=True):
        assert found.keys() == wanted.keys() and "train_loss" in found
        assert all(found[name] == pytest.approx(wanted[name], rel=1e-6) for name in found)
    assert two[0]["histories"] == two[1]["histories"]
    for index in range(3):
        weights, same = (load_file(tmp_path / count / f"weights{index}.safetensors") for count in "12")
        assert all(torch.allclose(weights[name], same[name], rtol=0, atol=1e-7) for name in weights)
    logits, same = (np.load(tmp_path / count / "logits.npz") for count in "12")
    assert all(np.allclose(logits[name], same[name], rtol=0, atol=1e-5) for name in logits.files), "and in this order"
    for number in range(2):
        apart = json.loads((tmp_path / "2" / f"layers{number}.json").read_text())
        assert len(apart) == 24 and {name: x for name, x in apart.items() if x > MOST[name.split()[-1]]} == {}


def test_one_process_takes_a_finished_run_of_several_and_says_so(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "resnet-12ab"
    assert training.folder_of(path, 2) == path
    monkeypatch.setenv("WORLD_SIZE", "2")
    others = training.folder_of(path, 2)
    assert others.name == "resnet-12ab-by-2"
    monkeypatch.setenv("WORLD_SIZE", "1")
    for epochs, taken in ((1, path), (2, others)):
        training.fit(*little.problem("sgd"), little.batches, little.loss, little.evaluate, epochs, others)
        with contextlib.nullcontext() if taken == path else pytest.warns(UserWarning, match="-by-2 is used: several"):
            assert training.folder_of(path, 2) == taken
    path.mkdir()
    assert training.folder_of(path, 2) == path, "its own run goes first"


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    _train(target)
    if distributed.is_initialized():
        cases = itertools.product(LAYERS, (3, 8), (torch.float64, torch.float32, torch.bfloat16))
        apart = {f"{name}, {rows} rows, {kind}": _difference(name, rows, kind) for name, rows, kind in cases}
        (target / f"layers{distributed.get_rank()}.json").write_text(json.dumps(apart))
        distributed.destroy_process_group()
