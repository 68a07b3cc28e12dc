"""FSRCNN, the ResNet and the training loop against counts, formulas and torch itself."""

from __future__ import annotations

import math
import re
import socket
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import nn

from dfdlib.core import cache, paths, training, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study, SuperResParams
from dfdlib.resnet import architectures, classifier, finetune, gradcam, small_networks
from dfdlib.superres import enlarging, lr_hr, networks
from tests import little


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks this small lose by a second thread, and much where the processor is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("shape", "weights"), [((56, 12, 4), 12_464), ((32, 5, 1), 3_937)])
def test_fsrcnn_has_the_published_number_of_weights(shape, weights: int) -> None:
    assert networks.count_weights(networks.FSRCNN(2, *shape)) == weights


@pytest.mark.parametrize("scale", networks.SCALES)
def test_fsrcnn_enlarges_any_size_exactly(scale: int) -> None:
    with torch.inference_mode():
        assert networks.FSRCNN(scale)(torch.zeros(1, 1, 7, 10)).shape == (1, 1, 7 * scale, 10 * scale)


def test_fsrcnn_refuses_other_scales() -> None:
    with pytest.raises(DfdError, match="not by 5"):
        networks.FSRCNN(5)


def test_psnr_by_hand() -> None:
    a, b = np.zeros((10, 10), np.uint8), np.full((10, 10), 5, np.uint8)
    assert lr_hr.psnr(a, b, 0) == pytest.approx(10 * math.log10(255**2 / 25))
    b[0] = 255  # a border row that shaving removes
    assert lr_hr.psnr(a, b, 1) == pytest.approx(10 * math.log10(255**2 / 25))


def test_ssim_is_one_for_equal_and_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 255, (32, 32)).astype(np.uint8)
    assert lr_hr.ssim(a, a, 2) == pytest.approx(1)
    assert lr_hr.ssim(a, 255 - a, 2) < 0


def test_ssim_of_flat_images_by_hand() -> None:
    # Without variance only the luminance term is left: (2ab + c) / (a^2 + b^2 + c), c = (0.01 * 255)^2.
    a, b, c = 100.0, 130.0, (0.01 * 255) ** 2
    images = (np.full((24, 24), value, np.uint8) for value in (a, b))
    assert lr_hr.ssim(*images, 2) == pytest.approx((2 * a * b + c) / (a * a + b * b + c))


def test_luminance_is_bt601() -> None:
    image = np.array([[[255, 0, 0], [255, 255, 255], [0, 0, 0]]], np.uint8)
    assert lr_hr.luminance(image)[0] == pytest.approx([16 + 65.481, 235, 16])


def test_upscaling_keeps_colour_and_size() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 2] = 200
    model = networks.FSRCNN(2)
    large = enlarging.upscale(image, model=model)
    assert large.shape == (40, 60, 3) and large.dtype == np.uint8
    with pytest.raises(DfdError, match=r"shape \(20, 30, 2\) can't be enlarged"):
        enlarging.upscale(image[..., :2], model=model)


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    path = tmp_path / "small.safetensors"
    weights = networks.FSRCNN(2, 32, 5, 1).state_dict()
    save_file({key: value.contiguous() for key, value in weights.items()}, path)
    with pytest.raises(DfdError, match="another network"):
        enlarging.load_fsrcnn(path, SuperResParams())
    with pytest.raises(DfdError, match="no such file.*run notebook 02"):
        enlarging.load_fsrcnn(tmp_path / "none.safetensors", SuperResParams())


def test_resnet50_is_torchvisions() -> None:
    model = architectures.torchvision().models.get_model("resnet50", weights=None)
    assert sum(p.numel() for p in model.parameters()) == 25_557_032


@pytest.mark.parametrize("arch", architectures.ARCHITECTURES)
def test_networks_have_the_documented_sizes(arch: str) -> None:
    entry = architectures.ARCHITECTURES[arch]
    assert sum(p.numel() for p in entry.create().parameters()) == entry.parameters
    published = {"resnet18": 11_689_512, "resnet101": 44_549_160, "resnetv2_50": 25_549_352}  # torchvision, timm
    assert published.get(arch, entry.parameters) == entry.parameters


def test_resnet20_has_the_size_of_its_layers_and_takes_any_image() -> None:
    model = small_networks.ResNet20(10)
    convolutions = 9 * (3 * 16 + 6 * 16 * 16 + 16 * 32 + 5 * 32 * 32 + 32 * 64 + 5 * 64 * 64)
    norms = 2 * (7 * 16 + 6 * 32 + 6 * 64)
    assert sum(p.numel() for p in model.parameters()) == convolutions + norms + 64 * 10 + 10 == 269_722
    assert model(torch.zeros(2, 3, 40, 56)).shape == (2, 10)


def _timms_slim() -> nn.Module:
    architectures.torchvision()  # timm needs the operators that it defines
    import timm

    return timm.create_model("resnet18", channels=(24, 48, 96, 192), stem_type="deep", stem_width=12)


@pytest.mark.parametrize("seed", [0, 1, 2020])
def test_the_slim_resnet_is_timms_bit_by_bit(seed: int) -> None:
    """Names, order and first values of the tensors, the random numbers left over, a training step, and a forward."""
    images, labels = torch.rand(4, 3, 48, 40, generator=torch.Generator().manual_seed(seed)), torch.arange(4) % 2
    found = []
    for make in (_timms_slim, small_networks.SlimResNet):
        torch.manual_seed(seed)
        model = make().to(memory_format=torch.channels_last)
        first = {name: values.clone() for name, values in model.state_dict().items()}
        left, optimizer = torch.rand(3), torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(2):  # in the first step the residual branches are zero
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
        with torch.inference_mode():
            found.append((first, dict(model.state_dict()), {"left": left, "logits": model.eval()(images)}))
    for theirs, ours in zip(*found, strict=True):
        assert list(theirs) == list(ours) and all(torch.equal(theirs[name], ours[name]) for name in theirs)


class _Same(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: what is odd goes to the right and to the bottom."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (k, step), pads = (self.kernel_size[0], self.stride[0]), []
        for side in reversed(x.shape[2:]):
            short = max((-(-side // step) - 1) * step + k - side, 0)
            pads += [short // 2, short - short // 2]
        return self._conv_forward(nn.functional.pad(x, pads), self.weight, self.bias)


class _LiteBlock(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, step: int, wider: int) -> None:
        super().__init__()
        inside, self.kept = before * wider, step == 1 and before == after
        if wider > 1:
            self._expand_conv, self._bn0 = nn.Conv2d(before, inside, 1, bias=False), _lite_norm(inside)
        self._depthwise_conv = _Same(inside, inside, kernel, step, groups=inside, bias=False)
        self._bn1 = _lite_norm(inside)
        self._project_conv, self._bn2 = nn.Conv2d(inside, after, 1, bias=False), _lite_norm(after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = self._bn2(self._project_conv(nn.functional.relu6(self._bn1(self._depthwise_conv(y)))))
        return x + y if self.kept else y


def _lite_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Lite0(nn.Module):
    """EfficientNet-Lite0 as the package's file names its tensors, written down anew from TensorFlow's definition."""

    STAGES = (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)
    STAGES += (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0, before, blocks = _Same(3, 32, 3, 2, bias=False), _lite_norm(32), 32, []
        for count, kernel, step, wider, after in self.STAGES:
            for number in range(count):
                blocks.append(_LiteBlock(before, after, kernel, 1 if number else step, wider))
                before = after
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = nn.Conv2d(320, 1280, 1, bias=False), _lite_norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu6(self._bn0(self._conv_stem((pixels - 127) / 128)))
        return nn.functional.relu6(self._bn1(self._conv_head(self._blocks(x)))).mean((2, 3))


def test_lite0_computes_what_the_packages_file_means(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    reference, path = _Lite0().eval(), tmp_path / "lite0.pth"
    for part in reference.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)  # else no feature depends on the picture
        if isinstance(part, nn.BatchNorm2d):
            lows = {part.weight: 0.8, part.bias: -0.2, part.running_mean: -0.2, part.running_var: 0.5}
            for values, low in lows.items():
                nn.init.uniform_(values, low, low + 0.5)
    torch.save(reference.state_dict(), path)
    entry = architectures.ARCHITECTURES["efficientnet_lite0"]
    public = replace(entry.imagenet, file=lambda: path, sha256=cache.sha256(path))
    monkeypatch.setitem(architectures.ARCHITECTURES, "efficientnet_lite0", replace(entry, imagenet=public))
    params = ResNetParams("efficientnet_lite0", weights="imagenet", input_size=48, bfloat16=False)
    model, origin = architectures.build(params)
    assert origin == entry.imagenet.name
    crops = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.uint8)
    with torch.inference_mode():
        expected = reference.features(torch.from_numpy(crops).permute(0, 3, 1, 2).float()).numpy()
    assert classifier.features_and_logits(model, crops, params)[0] == pytest.approx(expected, abs=2e-3)

    wrong = replace(public, sha256="0" * 64)
    monkeypatch.setitem(architectures.ARCHITECTURES, "efficientnet_lite0", replace(entry, imagenet=wrong))
    with pytest.raises(DfdError, match="a different sha256"):
        architectures.build(params)


def test_lite0s_weights_are_those_of_a_package_that_may_be_missing(monkeypatch) -> None:
    monkeypatch.setattr(architectures.importlib.util, "find_spec", lambda name: None)
    _, origin = architectures.build(ResNetParams("efficientnet_lite0", weights="imagenet"))
    assert origin == "randomly initialised: ImageNet weights were not available"


def test_operations_of_resnet50_are_those_of_the_literature() -> None:
    parameters, gmacs = architectures.parameters_and_gmacs("resnet50", 224)
    assert parameters == 25_557_032 and gmacs == pytest.approx(4.09, abs=0.02)  # torchvision's page of the weights


@pytest.mark.parametrize("arch", ["resnet18", "resnetv2_50", "resnet20"])
def test_features_are_what_the_last_layer_reads(arch: str) -> None:
    params = ResNetParams(arch=arch, weights="", input_size=32, bfloat16=False)
    model = architectures.build(params)[0].eval()
    crops = np.random.default_rng(0).integers(0, 255, (3, 40, 40, 3)).astype(np.uint8)
    features, logits = classifier.features_and_logits(model, crops, params)
    last = architectures.last_layer(model, arch)
    expected = features @ last.weight.detach().flatten(1).numpy().T + last.bias.detach().numpy()
    assert logits == pytest.approx(expected, abs=1e-5) and logits.shape == (3, 2)


@pytest.mark.parametrize("arch", architectures.ARCHITECTURES)
def test_a_file_of_any_network_is_read_by_that_network_alone(tmp_path, arch: str) -> None:
    path = tmp_path / "w.safetensors"
    save_file(architectures.ARCHITECTURES[arch].create().state_dict(), path)
    model, origin = architectures.build(ResNetParams(arch=arch, weights=str(path)))
    assert origin == "the file w.safetensors" and architectures.last_layer(model, arch).weight.shape[0] == 2
    other = "resnet20" if arch != "resnet20" else "resnet18"
    with pytest.raises(DfdError, match="w.safetensors for .* are those of another network"):
        architectures.build(ResNetParams(arch=other, weights=str(path)))


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_damaged_weight_files_are_named(tmp_path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(DfdError, match=f"{name} is .*damaged.*; get the file again"):
        weight_files.read_state(tmp_path / name)


def test_a_study_that_asks_for_random_weights_says_so() -> None:
    model, origin = architectures.build(ResNetParams(arch="resnet18", weights=""))
    assert model.fc.out_features == 2 and "random" in origin
    with pytest.raises(DfdError, match="no network 'vgg16'"):
        architectures.build(ResNetParams(arch="vgg16"))


def test_weight_files_are_checked(tmp_path) -> None:
    with pytest.raises(DfdError, match="no weight file"):
        architectures.build(ResNetParams(arch="resnet18", weights=str(tmp_path / "none.safetensors")))
    path = tmp_path / "w.safetensors"
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DfdError, match="a different sha256"):
        weight_files.read_state(path, "0" * 64)


def test_a_named_weight_file_is_loaded(tmp_path) -> None:
    donor = architectures.torchvision().models.get_model("resnet18", weights=None)
    save_file(donor.state_dict(), tmp_path / "w.safetensors")
    model, origin = architectures.build(ResNetParams(arch="resnet18", weights=str(tmp_path / "w.safetensors")))
    assert torch.equal(model.conv1.weight, donor.conv1.weight) and origin == "the file w.safetensors"


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Empty caches of torchvision's and timm's weights, and no network; the folder they lie in."""

    def no_network(*args, **kwargs):  # noqa: ANN002, ANN003, ANN202
        raise socket.gaierror("Temporary failure in name resolution")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args: pytest.fail("tries for a minute"))
    return tmp_path


@pytest.mark.parametrize(
    ("arch", "place"),
    [
        ("resnet18", "hub/checkpoints/resnet18-f37072fd.pth"),
        ("resnetv2_50", "hf/models--timm--resnetv2_50.a1h_in1k/snapshots/1/model.safetensors"),
    ],
)
def test_cached_imagenet_weights_are_used_without_a_network(offline, arch: str, place: str) -> None:
    entry = architectures.ARCHITECTURES[arch]
    wanted, (model, origin) = entry.create().state_dict(), architectures.build(ResNetParams(arch, weights="imagenet"))
    assert origin == "randomly initialised: ImageNet weights were not available"
    (offline / place).parent.mkdir(parents=True, exist_ok=True)
    torch.save(wanted, offline / place) if place.endswith("pth") else save_file(wanted, offline / place)
    if not place.endswith("pth"):
        refs = offline / place.partition("snapshots")[0] / "refs"
        refs.mkdir()
        (refs / "main").write_text("1")
    model, origin = architectures.build(ResNetParams(arch, weights="imagenet"))
    assert origin == entry.imagenet.name
    first = next(iter(wanted))
    assert torch.equal(model.state_dict()[first], wanted[first])

    (offline / place).write_bytes(b"half a file")
    with pytest.raises(DfdError, match=f"{Path(place).name} is .*damaged.*; get the file again"):
        architectures.build(ResNetParams(arch, weights="imagenet"))


def test_a_download_with_another_hash_is_a_sentence(offline, monkeypatch) -> None:
    def wrong(*args, **kwargs):  # noqa: ANN002, ANN003, ANN202
        raise RuntimeError('invalid hash value (expected "f37072fd", got "0123")')  # as torch.hub says it

    monkeypatch.setattr(torch.hub, "download_url_to_file", wrong)
    with pytest.raises(DfdError, match=r"download of torchvision's ImageNet.* is damaged \(invalid hash.*; try again"):
        architectures.build(ResNetParams("resnet18", weights="imagenet"))


def test_the_guides_lines_add_a_network(monkeypatch, tmp_path) -> None:
    """The lines as they are written there, then what a study does with a network."""
    guide = (paths.root() / "docs" / "your-own-network.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1]
    monkeypatch.setattr(architectures, "ARCHITECTURES", dict(architectures.ARCHITECTURES))
    exec(lines, {"__name__": "guide"})
    params = ResNetParams("tiny", input_size=32, weights="imagenet", batch=4)
    assert architectures.parameters_and_gmacs("tiny", 32)[0] == architectures.ARCHITECTURES["tiny"].parameters

    model, origin = architectures.build(params)
    before = {name: values.clone() for name, values in model.state_dict().items() if values.dim() > 1}
    crops = np.random.default_rng(0).integers(0, 255, (4, 36, 36, 3)).astype(np.uint8)
    recipe = finetune.Recipe(0.05, 1, *classifier.epochs_of(crops, np.array([0, 1, 0, 1]), params, 0))
    history = finetune.descend(model, recipe, params, lambda model: ({}, {}), tmp_path)
    assert architectures.RANDOM in origin and len(history) == recipe.steps == 1
    assert not any(torch.equal(values, model.state_dict()[name]) for name, values in before.items())
    assert classifier.logits(model, crops, params).shape == (4, 2)
    assert gradcam.grad_cam(model, crops, params).shape == (4, 32, 32)
    assert finetune.small(Study("x", resnet=params)).resnet.arch == "tiny", "it is slimmer than a ResNet-18"


def test_p_fake_is_the_softmax() -> None:
    logits = np.array([[0.3, -1.2], [2.0, 2.0], [-4.0, 5.0]], np.float32)
    expected = torch.softmax(torch.from_numpy(logits), 1)[:, 1].numpy()
    assert classifier.p_fake(logits) == pytest.approx(expected, abs=1e-6)


def test_augmentation_depends_on_seed_epoch_and_index_alone() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (6, 40, 40, 3)).astype(np.uint8)
    labels, params, how = np.tile([0, 1], 3), ResNetParams(input_size=32, batch=2), classifier.Augment(7)
    first, again, next_epoch = (
        [x for x, _ in classifier.crop_batches(crops, labels, params, e, how)] for e in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], next_epoch[0])
    assert first[0].shape == (2, 3, 32, 32)


SCHEDULES = {
    "constant": lambda steps: {},
    "one cycle": lambda steps: {"by_batch": training.one_cycle(steps, 0.05, 6 * 5)},
    "half a cosine": lambda steps: {"by_epoch": torch.optim.lr_scheduler.CosineAnnealingLR(steps, 6)},
    "factor": lambda steps: {"by_epoch": torch.optim.lr_scheduler.ExponentialLR(steps, 0.7)},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_killed_mid_epoch_resumes_to_the_same_result(tmp_path, optimizer: str, schedule: str) -> None:
    whole, half, resumed = (little.problem(optimizer) for _ in range(3))
    rates = {name: [] for name in ("whole", "half", "resumed")}

    def fit(problem: tuple, name: str, batches, folder: str) -> pd.DataFrame:  # noqa: ANN001
        def seen(epoch: int):  # noqa: ANN202
            for batch in batches(epoch):
                rates[name].append(problem[1].param_groups[0]["lr"])
                yield batch

        return training.fit(
            *problem, seen, little.loss, little.evaluate, 6, tmp_path / folder, **SCHEDULES[schedule](problem[1])
        )

    def killed(epoch: int):  # noqa: ANN202
        for index, batch in enumerate(little.batches(epoch)):
            if (epoch, index) == (4, 2):
                raise KeyboardInterrupt
            yield batch

    expected = fit(whole, "whole", little.batches, "whole")
    with pytest.raises(KeyboardInterrupt):
        fit(half, "half", killed, "half")
    found = fit(resumed, "resumed", little.batches, "half")
    assert rates["resumed"] == rates["whole"][15:] and rates["half"] == rates["whole"][:17], "the rate goes on"
    assert found.drop(columns="seconds").equals(expected.drop(columns="seconds"))
    for a, b in zip(whole[0].state_dict().values(), resumed[0].state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_finished_run_is_not_repeated(tmp_path) -> None:
    training.fit(*little.problem("sgd"), little.batches, little.loss, little.evaluate, 2, tmp_path)
    again = training.fit(
        *little.problem("sgd"), lambda epoch: pytest.fail("trained again"), little.loss, little.evaluate, 2, tmp_path
    )
    assert len(again) == 2


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(tmp_path) -> None:
    def broken(model, x, y):
        return little.loss(model, x, y) * (float("nan") if len(list(tmp_path.glob("epoch_*.npz"))) == 2 else 1)

    with pytest.raises(DfdError, match="became nan in epoch 3; lower the learning rate"):
        training.fit(*little.problem("sgd"), little.batches, broken, little.evaluate, 5, tmp_path)
    model = training.load_epoch(little.problem("sgd")[0], tmp_path, 2)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_the_best_epoch_and_what_is_kept(tmp_path) -> None:
    def best(history: pd.DataFrame) -> int:
        return training.best_epoch(history.assign(val_acc=[0.5, 0.9, 0.9]), "val_acc")

    model, optimizer = little.problem("sgd")
    training.fit(model, optimizer, little.batches, little.loss, little.evaluate, 3, tmp_path, keep=best)
    assert [p.name for p in sorted(tmp_path.glob("epoch_*.safetensors"))] == ["epoch_02.safetensors"]
    kept = [training.epoch_arrays(tmp_path, epoch)["w"] for epoch in (1, 2, 3)]
    assert np.array_equal(model[0].weight.detach().numpy(), kept[1]) and not np.array_equal(kept[1], kept[2])


@pytest.mark.parametrize("steps", [40, 101, 1000])
def test_one_cycle_rises_from_a_25th_to_its_peak_at_30_percent_and_ends_near_nothing(steps: int) -> None:
    optimizer, rates = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9), []
    schedule = training.one_cycle(optimizer, 0.05, steps)
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        assert optimizer.param_groups[0]["momentum"] == 0.9
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.05 / 25) and rates[-1] == pytest.approx(0.05 / 1e4)
    top = 0.3 * steps - 1  # torch counts its steps from 0, and the peak may lie between two
    assert abs(np.argmax(rates) - top) < 1 and max(rates) == pytest.approx(0.05, rel=0.01)
    up = np.clip(np.arange(steps) / top, 0, 1)
    down = np.clip((np.arange(steps) - top) / (steps - 1 - top), 0, 1)
    rising, falling = (0.05 / 25 + (0.05 - 0.05 / 25) * (1 - np.cos(np.pi * up)) / 2, (1 + np.cos(np.pi * down)) / 2)
    expected = np.where(np.arange(steps) <= top, rising, 0.05 / 1e4 + (0.05 - 0.05 / 1e4) * falling)
    assert rates == pytest.approx(expected, rel=1e-9)
