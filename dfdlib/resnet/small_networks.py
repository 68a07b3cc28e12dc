"""Two small networks of our own: the ResNet of CIFAR, and a slim ResNet-18 for two cores without a GPU."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ResNet20(nn.Module):
    """The CIFAR network of He et al. (arXiv 1512.03385, section 4.2) with n = 3: 269,722 parameters for 10 classes.

    Three stages of three blocks with 16, 32 and 64 channels; shortcuts without parameters (option A). Images may have
    any size, since the network averages over the last map.
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
        nn.init.zeros_(self.branch[-1].weight)  # as in ARCHITECTURES

    def forward(self, x: Tensor) -> Tensor:
        kept = x[:, :, :: self.step, :: self.step]
        kept = functional.pad(kept, (0, 0, 0, 0, self.more // 2, self.more // 2))
        return functional.relu(kept + self.branch(x))


class SlimResNet(nn.Module):
    """ResNet-18 with 24 to 192 instead of 64 to 512 channels and three 3 x 3 layers in place of the first layer.

    It needs about a sixth of the arithmetic, for two cores without a GPU, and takes 3 MB in 16 bits. Its tensors, their
    names and their first values are those of timm's resnet18(channels=(24, 48, 96, 192), stem_type="deep",
    stem_width=12), without the seconds that timm's and torchvision's imports take.
    """

    def __init__(self, outputs: int = 1000) -> None:
        super().__init__()
        stem = _conv3(3, 12, 2), nn.BatchNorm2d(12), nn.ReLU(True), _conv3(12, 12), nn.BatchNorm2d(12), nn.ReLU(True)
        self.conv1 = nn.Sequential(*stem, _conv3(12, 24))
        self.bn1 = nn.BatchNorm2d(24)
        for number, (before, after) in enumerate([(24, 24), (24, 48), (48, 96), (96, 192)], 1):
            first = _SlimBlock(before, after)
            self.add_module(f"layer{number}", nn.Sequential(first, _SlimBlock(after, after)))
        self.fc = nn.Linear(192, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, outputs) of images (B, 3, H, W)."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(images)), True), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class _SlimBlock(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        step, shorter = after // before, None
        if step > 1:
            shorter = nn.Sequential(nn.Conv2d(before, after, 1, step, bias=False), nn.BatchNorm2d(after))
        self.conv1, self.bn1 = _conv3(before, after, step), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = _conv3(after, after), nn.BatchNorm2d(after)
        self.downsample = shorter  # made first and named last, as in timm: the order of random numbers and of tensors
        nn.init.zeros_(self.bn2.weight)  # as in ARCHITECTURES

    def forward(self, x: Tensor) -> Tensor:
        kept = self.downsample(x) if self.downsample else x
        x = functional.relu(self.bn1(self.conv1(x)), True)
        return functional.relu(self.bn2(self.conv2(x)).add_(kept), True)


def _conv3(before: int, after: int, step: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, step, 1, bias=False)
