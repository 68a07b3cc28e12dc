"""Training goes on after kills and damage to the result of an undisturbed run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from dfdlib.core import paths, training, weight_files
from dfdlib.core.errors import DfdError
from tests import little

EPOCHS = 8
CHILD = """
import sys, time
from pathlib import Path
from dfdlib.core import training
from tests import little

def slow(epoch):
    for batch in little.batches(epoch):
        time.sleep(0.02)
        yield batch

print("training", flush=True)
training.fit(*little.problem("adam"), slow, little.loss, little.evaluate, int(sys.argv[2]), Path(sys.argv[1]))
"""


def _fit(folder: Path, epochs: int = EPOCHS):
    model, optimizer = little.problem("adam")
    return training.fit(model, optimizer, little.batches, little.loss, little.evaluate, epochs, folder).drop(
        columns="seconds"
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    _fit(folder)
    return folder


def _same(one: Path, other: Path) -> bool:
    first, second = (load_file(folder / "last.safetensors") for folder in (one, other))
    return set(first) == set(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_a_training_killed_three_times_ends_as_if_it_never_was(tmp_path: Path, undisturbed: Path) -> None:
    command, seen = [sys.executable, "-c", CHILD, str(tmp_path), str(EPOCHS)], []
    for epochs in (1, 3, 5):
        with subprocess.Popen(command, cwd=paths.root(), stdout=subprocess.PIPE, text=True) as child:
            deadline = time.monotonic() + 60
            while len(list(tmp_path.glob("epoch_*.npz"))) < epochs and time.monotonic() < deadline:
                time.sleep(0.005)
            child.send_signal(signal.SIGKILL)
        seen.append(child.returncode)
    assert seen == [-signal.SIGKILL] * 3 and len(list(tmp_path.glob("epoch_*.npz"))) < EPOCHS
    assert len(_fit(tmp_path)) == EPOCHS
    assert _same(tmp_path, undisturbed)


def test_a_second_process_waits_for_a_training_and_finds_it_finished(tmp_path: Path, undisturbed: Path) -> None:
    told = CHILD + "\nprint(*histories, sep='\\n')"
    told = told.replace(
        "int(sys.argv[2]), Path(sys.argv[1]))", "int(sys.argv[2]), Path(sys.argv[1]), histories.append)"
    )
    command = [sys.executable, "-c", "histories = []" + told, str(tmp_path), str(EPOCHS)]
    both = [subprocess.Popen(command, cwd=paths.root(), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    trained = [child.communicate(timeout=120)[0].count("'train_loss'") for child in both]
    assert sorted(trained) == [0, EPOCHS] and [child.returncode for child in both] == [0, 0]
    assert _same(tmp_path, undisturbed)


def _flip(path: Path, where: float = 0.9) -> None:
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 4
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("hurt", [_flip, _cut, lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_is_named_and_the_one_before_serves(tmp_path: Path, undisturbed: Path, hurt) -> None:
    _fit(tmp_path, 5)
    hurt(tmp_path / "last.safetensors")
    with pytest.warns(UserWarning, match=r"last\.safetensors is missing or damaged .* goes on before it"):
        _fit(tmp_path)
    assert _same(tmp_path, undisturbed) and (tmp_path / "last.safetensors.damaged").is_file()


def test_with_both_checkpoints_damaged_it_begins_again(tmp_path: Path, undisturbed: Path) -> None:
    _fit(tmp_path, 3)
    _cut(tmp_path / "last.safetensors")
    _cut(tmp_path / "previous.safetensors")
    with pytest.warns(UserWarning, match="is missing or damaged") as told:
        _fit(tmp_path)
    assert ["previous.safetensors" in str(warning.message) for warning in told] == [False, True]
    assert _same(tmp_path, undisturbed)


def test_a_flipped_bit_in_kept_weights_and_arrays_is_a_sentence(tmp_path: Path) -> None:
    _fit(tmp_path, 2)
    _flip(tmp_path / "epoch_02.safetensors")
    with pytest.raises(DfdError, match=r"epoch_02\.safetensors is missing or damaged \(its tensors are not those"):
        training.load_epoch(little.problem("adam")[0], tmp_path, 2)
    _flip(tmp_path / "epoch_02.npz", 0.5)
    with pytest.raises(DfdError, match=r"epoch_02\.npz is missing or damaged"):
        training.epoch_arrays(tmp_path, 2)
    with pytest.raises(DfdError, match=r"epoch_09\.npz is missing or damaged"):
        training.epoch_arrays(tmp_path, 9)


def test_the_digest_sees_every_value_name_and_shapeless_number() -> None:
    tensors = {"a": torch.zeros(3), "b": torch.tensor(1), "c": torch.zeros(2, 2, dtype=torch.bfloat16)}
    changed = [
        tensors | {"a": torch.tensor([0, 0, 1e-30])},
        tensors | {"b": torch.tensor(2)},
        {"x": tensors["a"], "b": tensors["b"], "c": tensors["c"]},
    ]
    found = [weight_files.digest(one) for one in (tensors, *changed)]
    assert len(set(found)) == 4 and found[0] == weight_files.digest(dict(reversed(tensors.items())))


def test_an_epoch_that_finds_no_room_keeps_those_before(tmp_path: Path, undisturbed: Path, monkeypatch) -> None:
    def full(tensors, path, metadata):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    _fit(tmp_path, 4)
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(DfdError, match=r"epoch_05\.safetensors can't be written .*No space left.*; free space"):
        _fit(tmp_path)
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.partial")) and np.isfinite(training.epoch_arrays(tmp_path, 4)["w"]).all()
    _fit(tmp_path)
    assert _same(tmp_path, undisturbed)
