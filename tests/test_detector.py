"""The detector that comes along: its weights, its scores, how it was trained, and what its card says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from dfdlib.core import cache, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.detector import network, shipped
from dfdlib.evaluation import metrics, results
from dfdlib.faces import frames
from dfdlib.headpose import pnp, worldmodel
from dfdlib.resnet import architectures, classifier
from tools.weights import detector as detector_weights
from tools.weights import verdicts as verdict_weights

RECIPE = detector_weights.Recipe(photographs=3, every=1)
CARD = paths.assets() / "detector.md"


def _crops(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (count, 128, 128, 3)).astype(np.uint8)


def some_points(count: int) -> np.ndarray:
    """Landmarks (count, 68, 2) of the world model's head, each turned a little more, in a picture of 128 pixels."""
    camera, model = pnp.camera_matrix(128, 128), worldmodel.world_model("world_model.csv")
    far = np.array([0.0, 0.0, 250.0])
    return np.stack([pnp.project(model, np.array([0.05, 0.1 * i, 0.02]), far, camera) for i in range(count)]).astype(
        np.float32
    )


def _turned(points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T + shift).astype(np.float32)


def test_eyes_come_to_their_place_and_the_picture_does_not_matter() -> None:
    points = some_points(2)
    found = shipped.aligned(points)
    eyes = np.stack([found[:, eye].mean(1) for eye in shipped.EYES], axis=1)
    assert eyes == pytest.approx(np.broadcast_to(shipped.SVM_EYES, (2, 2, 2)), abs=1e-3)
    moved = _turned(points, 25, 3.0, (400, -70))
    assert shipped.aligned(moved) == pytest.approx(found, abs=1e-2)
    assert shipped.by_pose(moved) == pytest.approx(shipped.by_pose(points), abs=1e-3)


def test_eyes_at_one_place_are_refused() -> None:
    with pytest.raises(DfdError, match="Both eyes' landmarks lie at one place"):
        shipped.eye_map(np.ones((68, 2), np.float32))


def test_the_whole_is_the_rule_of_both_branches() -> None:
    crops, points = _crops(3), some_points(3)
    for rule, how in (("mean", lambda a, b: (a + b) / 2), ("both", np.minimum), ("resnet", lambda a, b: a)):
        found = shipped.scores(crops, points, rule)
        assert found["p_fake"].to_numpy() == pytest.approx(how(found["resnet"], found["headpose"]).to_numpy())
        assert found.to_numpy().min() >= 0 and found.to_numpy().max() <= 1
    with pytest.raises(DfdError, match="no rule 'wish' for the decision maker; choose one of: mean"):
        shipped.scores(crops, points, "wish")


def test_weights_go_to_16_bit_and_come_back_as_a_network(tmp_path) -> None:
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    detector_weights.save_resnet(model, tmp_path / "w.safetensors")
    again = shipped.load_resnet(tmp_path / "w.safetensors")
    image = torch.rand(1, 3, 112, 112)
    assert not torch.equal(again(image), model(image)), "half precision rounds"
    assert torch.allclose(again(image), model(image), atol=0.02)


@pytest.mark.parametrize("what", ["missing", "text", "other", "nan"])
def test_weights_that_are_not_the_networks_are_refused(tmp_path, what: str) -> None:
    path = tmp_path / f"{what}.safetensors"
    if what == "text":
        path.write_text("no weights")
    if what == "other":
        save_file({"a": torch.zeros(2)}, path)
    if what == "nan":
        model = architectures.build(shipped.NETWORK)[0]
        torch.nn.init.constant_(model.fc.bias, torch.nan)
        detector_weights.save_resnet(model, path)
    says = {
        "missing": "no such file",
        "text": "damaged",
        "other": "other than finite",
        "nan": "fc.bias holds other than",
    }
    with pytest.raises(DfdError, match=says[what]):
        shipped.load_resnet(path)


def test_scores_without_pytorch_are_pytorchs(tmp_path) -> None:
    """Of the shipped weights, and of others whose every tensor, also of batch normalizations, is random."""
    torch.manual_seed(0)
    model = architectures.build(shipped.NETWORK)[0].eval()
    for values in model.state_dict().values():
        values.copy_(torch.rand(values.shape).mul(0.5).add(0.1) if values.dim() == 1 else values)
    other = detector_weights.save_resnet(model, tmp_path / "w.safetensors")
    exact = replace(shipped.NETWORK, bfloat16=False)
    for path, crops in ((shipped.resnet_path(), _crops(11)), (other, _crops(3, 1)[:, :112, :112])):
        wanted = classifier.p_fake(classifier.logits(shipped.load_resnet(path), crops, exact))
        assert network.p_fake(crops, path) == pytest.approx(wanted, abs=1e-5)
    assert wanted.min() > 0.01 and wanted.max() < 0.99, "scores at the end of the scale would agree by themselves"
    assert shipped.scores(crops, some_points(3), weights=other)["resnet"].to_numpy() == pytest.approx(wanted, abs=1e-5)


def test_scores_need_the_networks_own_tensors_and_large_crops(tmp_path) -> None:
    model = architectures.build(shipped.NETWORK)[0]
    state = {name: values.half().contiguous() for name, values in model.state_dict().items()}
    for number, changed in enumerate(({"fc.bias": None}, {"conv1.3.weight": torch.zeros(12, 3, 3, 3).half()})):
        path = tmp_path / f"{number}.safetensors"
        save_file({name: values for name, values in (state | changed).items() if values is not None}, path)
        with pytest.raises(DfdError, match=f"{path.name} holds another network; check out or install dfdlib again"):
            network.p_fake(_crops(1), path)
    with pytest.raises(DfdError, match="reads 112 x 112 pixels; the crops have 100: give larger ones"):
        network.p_fake(_crops(1)[:, :100, :100], shipped.resnet_path())


@pytest.mark.parametrize("tool", ["detector", "superres", "verdicts"])
def test_the_tools_that_made_the_weights_run_by_name_and_ask_for_their_data(tmp_path, tool: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
    command = [sys.executable, str(paths.root() / "tools" / "weights" / f"{tool}.py")]
    for words, says in (([], "The study is missing"), (["uadfv"], "DFD_(UADFV|SR) is not set; set it to the folder")):
        done = subprocess.run([*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 2 and re.match(says, done.stderr) and done.stderr.count("\n") == 1


def test_all_weights_together_stay_below_10_mb() -> None:
    files = list(paths.assets().rglob("*.safetensors"))
    assert shipped.resnet_path() in files and sum(path.stat().st_size for path in files) < 1e7


def test_a_face_and_its_blend_differ_inside_the_face_alone() -> None:
    crop = np.full((128, 128, 3), 120, np.uint8)
    crop[::4] = 200  # stripes, which the blend's blur changes
    points = 64 + 20 * np.stack([np.cos(np.linspace(0, 6, 68)), np.sin(np.linspace(0, 6, 68))], 1)
    recipe = replace(RECIPE, coarse_chance=0.0, quality=(99, 100))
    real, fake = detector_weights.pair(crop, points.astype(np.float32), recipe, 1, 0, 0)
    changed = np.abs(real.astype(int) - fake.astype(int)).max(2)
    assert real.shape == (112, 112, 3) and changed[40:70, 40:70].max() > 20
    assert changed[:8].max() <= 4 and changed[:, :8].max() <= 4, "JPEG alone"


def test_a_batch_holds_each_face_and_its_blend_and_repeats_exactly() -> None:
    crops, points = _crops(5), np.stack([some_points(1)[0]] * 5) / 2 + 20
    first, second, other = (
        list(detector_weights.face_batches(crops, points, RECIPE, epoch, seed=3)) for epoch in (1, 1, 2)
    )
    images, labels = first[0]
    assert images.shape == (10, 3, 112, 112) and labels.tolist() == [0, 1] * 5
    assert torch.equal(images, second[0][0]) and not torch.equal(images, other[0][0])


def test_it_learns_from_real_faces_of_the_training_parts_and_photographs_behind_the_kept_ones(monkeypatch) -> None:
    folder = paths.embedded() / "stills"
    monkeypatch.setattr(paths, "celeba", lambda: folder)
    stills = sorted(folder.glob("*.jpg"))
    monkeypatch.setattr(detector_weights.transfer, "PRESS", len(stills) - 4)
    asked: list = []
    found_on = detector_weights.transfer.found_on
    monkeypatch.setattr(detector_weights.transfer, "found_on", lambda f, p: asked.append(f) or found_on(f, p))
    table = pd.DataFrame({"label": [0, 1, 0, 0, 1], "split": ["train", "train", "val", "test", "test"]})
    own = frames.FrameSet(table, _crops(5), some_points(5), np.full((5, 2), 256))
    crops, points = detector_weights.real_faces(Study("x"), own, RECIPE)
    assert asked == [tuple(stills[-4:-1])]
    assert np.array_equal(crops[:2], own.crops[[0, 2]]) and len(crops) == len(points) <= 2 + 3


def test_the_cards_file_is_the_shipped_one_and_its_numbers_are_those_of_the_run() -> None:
    card = CARD.read_text()
    assert cache.sha256(shipped.resnet_path()) in card
    table = results.committed_table("uadfv", "detector")
    assert detector_weights.markdown(table) in card
    assert verdict_weights.markdown() in card and verdict_weights.sentence() in re.sub(r"\s+", " ", card)
    scores = results.committed_table("uadfv", "detector_scores")
    for row in table[table["tested"].isin(["uadfv", "embedded"])].to_dict("records"):
        branch = next(key for key, title in detector_weights.NAMES.items() if title == row["branch"])
        part = scores[scores["tested"] == row["tested"]]
        found = metrics.STATISTICS["auc"](part["label"].to_numpy(), part[branch].to_numpy(), np.ones((1, len(part))))
        assert found[0] == pytest.approx(row["frame_auc"], abs=1e-3)
    assert "must not be used to accuse" in re.sub(r"\s+", " ", card)


def test_measured_again_on_rendered_people_the_scores_are_those_of_the_card() -> None:
    """The embedded test part (synthetic) is at hand everywhere, so the shipped weights can be checked on it."""
    found = frames.of_study(replace(studies.load("embedded"), faces=FaceParams())).part("test")  # all frames
    kept = results.committed_table("uadfv", "detector_scores").query("tested == 'embedded'")
    some = np.arange(0, len(kept), 9)
    again = shipped.scores(found.crops[some], found.points[some])
    for branch in detector_weights.NAMES:
        assert again[branch].to_numpy() == pytest.approx(kept[branch].to_numpy()[some], abs=0.02)
