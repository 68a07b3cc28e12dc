"""What one would use instead of FSRCNN: the smaller FSRCNN-s, ESPCN and SRCNN, all from luminance to luminance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dfdlib.fsrcnn import FSRCNN, count_weights


class SRCNN(nn.Module):
    """Dong, Loy, He and Tang (arXiv 1501.00092), 9-1-5: bicubic interpolation first, then three convolutions.

    Luminance (B, 1, H, W) in [0, 1] to (B, 1, H * scale, W * scale); 8,032 weights without biases. It works on the
    large image, so that each weight counts scale * scale times as often as one of FSRCNN.
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.features = nn.Sequential(_conv(1, 64, 9), nn.ReLU(), _conv(64, 32, 1), nn.ReLU())
        self.reconstruction = _conv(32, 1, 5)
        _carry_the_image([self.features[0], self.features[2], self.reconstruction])
        self.to(memory_format=torch.channels_last)

    def forward(self, y: Tensor) -> Tensor:
        large = nn.functional.interpolate(y, scale_factor=self.scale, mode="bicubic", antialias=True)
        return self.reconstruction(self.features(large))


class ESPCN(nn.Module):
    """Shi et al. (arXiv 1609.05158), 5-3-3: convolutions on the small image, its phases shuffled together at the end.

    Luminance (B, 1, H, W) in [0, 1] to (B, 1, H * scale, W * scale); 21,184 weights without biases at scale 2.
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.features = nn.Sequential(_conv(1, 64, 5), nn.Tanh(), _conv(64, 32, 3), nn.Tanh())
        self.reconstruction = _conv(32, scale**2, 3)
        self.to(memory_format=torch.channels_last)

    def forward(self, y: Tensor) -> Tensor:
        return nn.functional.pixel_shuffle(self.reconstruction(self.features(y)), self.scale)


def _conv(inputs: int, outputs: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode="replicate")


@torch.no_grad()
def _carry_the_image(layers: list[nn.Conv2d]) -> None:
    """Channel 0 passes the image on, the last layer takes it alone: training starts at the interpolation's error."""
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        layer.weight[0] = 0
        layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1


NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "fsrcnn": FSRCNN,
    "fsrcnn_s": lambda scale: FSRCNN(scale, 32, 5, 1),
    "espcn": ESPCN,
    "srcnn": SRCNN,
}
NAMES = {"fsrcnn": "FSRCNN", "fsrcnn_s": "FSRCNN-s", "espcn": "ESPCN", "srcnn": "SRCNN"}


def operations(model: nn.Module) -> float:
    """Multiplications and additions for one pixel of the large image, biases and slopes left out.

    Every weight meets each pixel of the image that its layer works on once; the zeros with which the sub-pixel form of
    FSRCNN's deconvolution is filled up are not counted.
    """
    pixels = 1 if isinstance(model, SRCNN) else 1 / model.scale**2
    return 2 * count_weights(model) * pixels


@torch.no_grad()
def at_scale(model: FSRCNN, scale: int) -> FSRCNN:
    """A network for another scale that starts from a trained one (Dong et al., section 3.4).

    The convolutions are the trained ones. The deconvolution starts as the trained kernel, a function of the distance
    from the small pixel, read at the new scale's distances; beyond what nine taps reach it is cut off.
    """
    other = FSRCNN(scale, *(model.features[i].out_channels for i in (0, 2)), len(model.features) // 2 - 3)
    other.features.load_state_dict(model.features.state_dict())
    distances = [(torch.arange(9) - m.deconvolution.padding[0] - (m.scale - 1) / 2) / m.scale for m in (model, other)]
    read = (1 - (distances[1][:, None] - distances[0]).abs() * model.scale).clamp(min=0)  # (9 new, 9 old), linear
    other.deconvolution.weight.copy_(read @ model.deconvolution.weight @ read.T)
    other.deconvolution.bias.copy_(model.deconvolution.bias)
    return other
