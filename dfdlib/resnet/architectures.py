"""The classifier's network by name, and where its first weights come from."""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import urllib.error
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from dfdlib.core import weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams


@functools.cache
def torchvision() -> ModuleType:
    """The module torchvision with its `models`."""
    if torch.version.cuda is None and not hasattr(torch.ops.torchvision, "nms"):
        _define_missing_operators()
    import torchvision as module
    import torchvision.models  # noqa: F401

    return module


@functools.cache
def _define_missing_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")  # cached: it undefines them when it is collected
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101")
ARCHITECTURES = (*TORCHVISION, "resnetv2_50", "resnet20", "resnet18_slim")
SLIMMER = ("resnet20", "resnet18_slim")  # than a ResNet-18; nobody published ImageNet weights of them
SLIM = (24, 48, 96, 192)  # channels of the slim ResNet-18's four stages, where ResNet-18 has 64 to 512
RANDOM = "random weights: no ImageNet weights were at hand"


class ResNet20(nn.Module):
    """The CIFAR network of He et al. (arXiv 1512.03385, section 4.2) with n = 3: 269,722 parameters for 10 classes.

    Three stages of three blocks with 16, 32 and 64 channels; shortcuts without parameters (option A). It takes images
    of any size, since it averages over the last map.
    """

    def __init__(self, outputs: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(True))
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.blocks = nn.Sequential(*(_Block(a, b) for a, b in zip(widths, widths[1:], strict=False)))
        self.fc = nn.Linear(64, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs) of images (B, 3, H, W)."""
        return self.fc(self.blocks(self.stem(images)).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.step, self.more = after // before, after - before
        first = nn.Conv2d(before, after, 3, self.step, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(True)
        self.branch = nn.Sequential(*first, nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        nn.init.zeros_(self.branch[-1].weight)  # as in `create`

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.step, :: self.step]
        kept = functional.pad(kept, (0, 0, 0, 0, self.more // 2, self.more // 2))
        return functional.relu(kept + self.branch(x))


def create(arch: str) -> nn.Module:
    """The network with random weights and the 1000 outputs of ImageNet.

    Residual branches start at zero, which keeps a deep network trainable from random weights (Goyal et al.,
    arXiv 1706.02677, section 5.1). Raises DfdError for a name that is not in ARCHITECTURES.
    """
    if arch not in ARCHITECTURES:
        raise DfdError(f"There is no network {arch!r}; choose one of: {', '.join(ARCHITECTURES)}.")
    if arch in TORCHVISION:
        return torchvision().models.get_model(arch, weights=None, zero_init_residual=True)
    return {"resnetv2_50": _timm, "resnet20": ResNet20, "resnet18_slim": _slim}[arch]()


def _timm(arch: str = "resnetv2_50", pretrained: bool = False, **more: Any) -> nn.Module:
    torchvision()  # timm imports it, and where it needs help to load, this has to come first
    import timm

    return timm.create_model(arch, pretrained=pretrained, zero_init_last=True, **more)


def _slim() -> nn.Module:
    """ResNet-18 with 24 instead of 64 channels and three 3 x 3 layers for the first one: 1.6 million parameters.

    About a sixth of the arithmetic, for two cores without a GPU, and 3 MB in 16 bit.
    """
    return _timm("resnet18", channels=SLIM, stem_type="deep", stem_width=SLIM[0] // 2)


def last_layer(model: nn.Module) -> nn.Module:
    """The last layer, which turns features into logits."""
    return model.fc if hasattr(model, "fc") else model.head.fc


def build(params: ResNetParams) -> tuple[nn.Module, str]:
    """The network with two outputs (logits of real and fake), and in words where its first weights come from.

    Order: the file named in the parameters (sha256 checked), the public ImageNet weights where they are cached or
    can be downloaded, then random weights, which the second value says plainly.
    """
    model = create(params.arch)
    origin = _load_first_weights(model, params)
    if hasattr(model, "fc"):
        model.fc = nn.Linear(model.fc.in_features, 2)
    else:
        model.reset_classifier(2)
    return model.to(memory_format=torch.channels_last), origin


def _load_first_weights(model: nn.Module, params: ResNetParams) -> str:
    if params.weights == "":
        return "random weights, as the study asks"
    if params.weights != "imagenet":
        path = Path(params.weights)
        load_trunk(model, weight_files.read_weights(path, params.weights_sha256), f"{path.name} for {params.arch}")
        return f"the file {path.name}"
    if params.arch in SLIMMER:
        return "random weights: nobody published ImageNet weights of this network"
    try:
        found, origin = _imagenet(params.arch)
    except (urllib.error.URLError, OSError):
        return RANDOM
    model.load_state_dict(found)
    return origin


def _imagenet(arch: str) -> tuple[dict[str, Tensor], str]:
    with contextlib.redirect_stderr(io.StringIO()):  # the downloaders print addresses and paths there
        if arch in TORCHVISION:
            weights = torchvision().models.get_model_weights(arch).IMAGENET1K_V1
            found = weights.get_state_dict(progress=False, check_hash=True)
            return found, "torchvision's ImageNet weights IMAGENET1K_V1"
        socket.getaddrinfo("huggingface.co", 443)  # fails at once without a network; the downloader tries for a minute
        return _timm(arch, pretrained=True).state_dict(), "timm's ImageNet weights a1h_in1k"


def load_trunk(model: nn.Module, found: dict[str, Tensor], what: str) -> None:
    """Load everything but the last layer; DfdError where the tensors are those of another network."""
    last = {f"{name}." for name, module in model.named_modules() if module is last_layer(model)}
    own = {key: value for key, value in model.state_dict().items() if not key.startswith(tuple(last))}
    own = {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}  # old files lack it
    for key, value in own.items():
        if key not in found or found[key].shape != value.shape:
            raise DfdError(f"The weights in {what} are those of another network ({key} differs); name the right file.")
    model.load_state_dict({key: found[key] for key in own}, strict=False)


def parameters_and_gmacs(arch: str, size: int) -> tuple[int, float]:
    """Parameters with the 1000-class head, and billions of multiply-adds for one image of `size` x `size` pixels."""
    model = create(arch).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, size, size))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() / 2e9
