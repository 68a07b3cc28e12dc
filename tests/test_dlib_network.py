"""dlib's face network in PyTorch: against dlib itself, against its layers' sizes, and as a start of a training."""

from __future__ import annotations

from dataclasses import replace

import dlib
import numpy as np
import pytest
import skimage.data
import torch
from torch import nn

from dfdlib.core import cache, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.experiments import first_weights
from dfdlib.faces import descriptors, detection
from dfdlib.resnet import architectures, classifier, dlib_network, finetune, gradcam, heads
from tests.test_finetune import _frames, one_thread  # noqa: F401

PARAMS = ResNetParams(dlib_network.NAME, input_size=112, epochs=1, batch=4, bfloat16=False)


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path):
    """In this test's process and for this test alone."""
    monkeypatch.setattr(architectures, "ARCHITECTURES", dict(architectures.ARCHITECTURES))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    dlib_network.register()


def _own(**changes: object) -> ResNetParams:
    weights = dlib_network.weights()
    given = {"weights": str(weights), "weights_sha256": cache.sha256(weights)} | changes
    return ResNetParams(**(vars(PARAMS) | given))


def _chips() -> np.ndarray:
    """A public-domain photograph's face as dlib turns and cuts it, its mirror image, and noise: (3, 150, 150, 3)."""
    image = np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352])
    points = [dlib.point(*map(int, point)) for point in detection.landmarks(image, detection.largest(image, 1))]
    chip = dlib.get_face_chip(image, dlib.full_object_detection(dlib.rectangle(0, 0, 255, 255), points), 150, 0.25)
    noise = np.random.default_rng(0).integers(0, 256, chip.shape).astype(np.uint8)
    return np.stack([chip, chip[:, ::-1], noise])


def test_the_features_are_dlibs_descriptors() -> None:
    params = _own(input_size=150)
    model, origin = architectures.build(params)
    found, logits = classifier.features_and_logits(model, _chips(), params)
    theirs = [descriptors._network().compute_face_descriptor(np.ascontiguousarray(chip)) for chip in _chips()]
    assert found == pytest.approx(np.array(theirs), abs=5e-6) and np.ptp(found, axis=0).max() > 0.1
    assert logits.shape == (3, 2) and origin == "the file dlib_face_recognition_resnet_model_v1.safetensors"


def test_it_has_the_size_of_its_layers_and_29_convolutions() -> None:
    model = dlib_network.DlibResNet()
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    inputs = [32] * 7 + [64] * 8 + [128] * 6 + [256] * 7
    outputs = [32] * 6 + [64] * 8 + [128] * 6 + [256] * 8
    weights = 7 * 7 * 3 * 32 + 9 * sum(a * b for a, b in zip(inputs, outputs, strict=True))
    each = 3 * (32 + sum(outputs))  # a bias, a scale and a shift of each channel
    assert len(convolutions) == 1 + len(inputs) == 29
    total = weights + each + 256 * 128 + 128 * 1000 + 1000
    documented = architectures.architecture(dlib_network.NAME).parameters
    assert sum(p.numel() for p in model.parameters()) == total == documented


def test_it_is_a_network_like_the_others_once_it_is_registered(monkeypatch) -> None:
    entry = architectures.architecture(dlib_network.NAME)
    dlib_network.register()
    assert architectures.architecture(dlib_network.NAME) is entry
    model = architectures.build(_own())[0]
    last = architectures.last_layer(model, PARAMS.arch)
    assert (last.in_features, last.out_features) == (128, 2)
    maps = []
    hook = architectures.last_map(model, PARAMS.arch).register_forward_hook(lambda *call: maps.append(call[-1]))
    with hook, torch.inference_mode():
        found = [model.eval()(torch.zeros(1, 3, *sides)) for sides in ((112, 112), (150, 150), (224, 131))]
        assert torch.allclose(found[1], last(model.descriptor(maps[1].mean((2, 3)))))
    assert [tuple(map_.shape) for map_ in maps] == [(1, 256, 1, 1), (1, 256, 2, 2), (1, 256, 3, 1)]
    assert gradcam.grad_cam(model, _chips(), PARAMS).shape == (3, 112, 112)
    assert not torch.equal(gradcam.randomized(model, 1).fc.weight, last.weight)
    monkeypatch.delitem(architectures.ARCHITECTURES, dlib_network.NAME)
    with pytest.raises(DfdError, match="There is no network 'dlib_resnet'"):
        architectures.build(PARAMS)


def test_a_picture_that_leaves_no_map_is_a_sentence() -> None:
    model = dlib_network.DlibResNet(2)
    assert model(torch.zeros(1, 3, 103, 103)).shape == (1, 2)
    with pytest.raises(DfdError, match="dlib_resnet got 102 pixels; set resnet.input_size to 103 or more"):
        model(torch.zeros(1, 3, 102, 200))
    with pytest.raises(RuntimeError):
        model.blocks(model.stem(torch.zeros(1, 3, 102, 102)))


def test_fine_tuning_reaches_every_parameter_and_no_image_depends_on_its_batch() -> None:
    model = architectures.build(_own())[0].train()
    images = classifier.to_tensor(classifier.centre(_chips(), 112))
    nn.functional.cross_entropy(model(images), torch.tensor([0, 1, 1])).backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
    assert not {name for name, _ in model.named_buffers()} - {"scale", "shift"}
    assert torch.allclose(model(images)[:1], model(images[:1]), atol=1e-5)


def test_a_damaged_or_missing_file_is_a_sentence(tmp_path, monkeypatch) -> None:
    advice = "is missing, damaged or of another version; pip install --force-reinstall face_recognition_models==0.3.0."
    damaged = bytearray(detection.model_file(f"{dlib_network.FILE}.dat").read_bytes())
    damaged[10**6] ^= 1
    (tmp_path / "damaged.dat").write_bytes(damaged)
    for name in ("damaged.dat", "none.dat"):
        with pytest.raises(DfdError, match=f"{name} {advice}"):
            dlib_network.converted(tmp_path / name)
    monkeypatch.setattr(detection.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DfdError, match="face_recognition_models is not installed"):
        dlib_network.weights()


def test_the_converted_file_is_the_same_when_it_is_made_again() -> None:
    made = dlib_network.weights()
    whole = made.read_bytes()
    assert len(weight_files.read(made, "")[0]) == 4 * 29 + 1
    made.write_bytes(whole[:-4] + b"\0\0\0\0")
    assert dlib_network.weights() == made and made.read_bytes() == whole
    before = made.stat().st_mtime_ns
    assert dlib_network.weights().stat().st_mtime_ns == before, "a whole file is written again"


def test_a_start_from_dlibs_weights_trains_dlibs_network(monkeypatch) -> None:
    monkeypatch.delitem(architectures.ARCHITECTURES, dlib_network.NAME)
    start, seen, original = first_weights.STARTS["dlib_trained"], [], finetune.run_recipe
    study = first_weights._from(Study("tiny", seed=5, resnet=PARAMS), start, 6)
    assert (study.seed, study.resnet) == (6, _own(learning_rates=(0.001,))) and start.trainings == 3
    assert set(first_weights.STARTS) < set(first_weights.WORDS)
    monkeypatch.setattr(finetune, "run_recipe", lambda *given: seen.extend((*given, original(*given))) or seen[-1])
    frames = replace(_frames(), crops=_frames().crops.repeat(4, 1).repeat(4, 2))
    scores = first_weights._trained(study, frames)
    recipe, run = seen[3:]
    assert len(scores) == 4 and scores["p_fake"].between(0, 1).all()
    assert recipe.more == (cache.code_version("dfdlib.resnet.dlib_network"),), "other code would train again"
    model = finetune.network(run.weights, finetune.network_alone(study.resnet))
    own, first = weight_files.read(dlib_network.weights(), "")[0], architectures.build(study.resnet)[0].state_dict()
    assert all(torch.equal(first[name], values) for name, values in own.items()), "it does not start from dlib's"
    moved = [name for name, values in own.items() if not torch.equal(model.state_dict()[name], values)]
    assert len(moved) >= 0.9 * len(own), "nearly all tensors learn; some steps are too small for their last digit"
    assert heads.of_first_weights(frames.crops[:2], study.resnet, 0).shape == (2, 128)
