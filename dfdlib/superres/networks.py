"""The super-resolution networks, all from luminance to luminance: FSRCNN and its alternatives."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dfdlib.core.errors import DfdError

SCALES = (2, 3, 4)
BORDER = 3  # pixels repeated around the image, since the layers' black padding would leave a dark frame


class FSRCNN(nn.Module):
    """Luminance (B, 1, H, W) in [0, 1] to (B, 1, H * scale, W * scale).

    FSRCNN(d, s, m): feature extraction 5x5 to d channels, shrinking 1x1 to s, m mappings 3x3, expanding
    1x1 to d, deconvolution 9x9. With m = 4 there are 7 convolutions and a deconvolution; the "5 convolutional
    layers and a deconvolutional" of Ivanov et al. either count the four kinds or mean m = 2. FSRCNN(56, 12, 4) has
    12,464 weights, not counting biases and slopes.
    """

    def __init__(self, scale: int = 2, d: int = 56, s: int = 12, m: int = 4) -> None:
        super().__init__()
        if scale not in SCALES:
            raise DfdError(f"FSRCNN enlarges by 2, 3 or 4, not by {scale}; choose one of these scales.")
        self.scale = scale
        sizes = [(1, d, 5), (d, s, 1), *[(s, s, 3)] * m, (s, d, 1)]
        layers = [(nn.Conv2d(i, o, k, padding=k // 2), nn.PReLU(o)) for i, o, k in sizes]
        self.features = nn.Sequential(*[part for layer in layers for part in layer])
        # Output size: (H - 1) * scale - 2 * padding + 9 + output_padding = H * scale.
        padding, output_padding = {2: (4, 1), 3: (3, 0), 4: (3, 1)}[scale]
        self.deconvolution = nn.ConvTranspose2d(d, 1, 9, scale, padding, output_padding)
        self._initialize()
        self.to(memory_format=torch.channels_last)  # the layout in which a CPU's convolutions are fastest

    @torch.no_grad()
    def _initialize(self) -> None:
        """Random features except channel 0, which passes the image on; only channel 0 is enlarged, bilinearly.

        The network starts as bilinear interpolation and learns to improve on it. With Dong et al.'s random
        deconvolution (std 0.001) it spends the first thousand steps on finding the image's brightness.
        """
        _carry_the_image([layer for layer in self.features if isinstance(layer, nn.Conv2d)], slope=0.25)  # of PReLU
        nn.init.zeros_(self.deconvolution.weight)
        nn.init.zeros_(self.deconvolution.bias)
        centre = self.deconvolution.padding[0] + (self.scale - 1) / 2  # of an input pixel among its 9 taps
        taps = (1 - (torch.arange(9) - centre).abs() / self.scale).clamp(min=0)
        self.deconvolution.weight[0, 0] = taps[:, None] * taps

    def forward(self, y: Tensor) -> Tensor:
        padded = nn.functional.pad(y, [BORDER] * 4, mode="replicate")  # (B, 1, H + 2 BORDER, W + 2 BORDER)
        kernel = subpixel_kernel(self.deconvolution)
        bias = self.deconvolution.bias.expand(self.scale**2)
        phases = nn.functional.conv2d(self.features(padded), kernel, bias, padding=kernel.shape[-1] // 2)
        large = nn.functional.pixel_shuffle(phases, self.scale)  # (B, 1, s (H + 2 BORDER), s (W + 2 BORDER))
        cut = BORDER * self.scale
        return large[..., cut:-cut, cut:-cut]


def subpixel_kernel(deconvolution: nn.ConvTranspose2d) -> Tensor:
    """Kernel (s * s, d, k, k) of the convolution that computes the deconvolution's output, one channel per phase.

    In one dimension, output s q + r of the deconvolution sums tap s j + r + padding times input q - j over j. So phase
    r is a convolution of the input with every s-th tap, and `pixel_shuffle` interleaves the phases. A CPU computes this
    form several times faster (Shi et al., arXiv 1609.07009, show that the two are equal).
    """
    (scale, _), (padding, _), (size, _) = deconvolution.stride, deconvolution.padding, deconvolution.kernel_size
    reach = max((padding + scale - 1) // scale, (size - 1 - padding) // scale)
    taps = scale * torch.arange(reach, -reach - 1, -1) + torch.arange(scale)[:, None] + padding  # (s, k)
    taps = torch.where((taps >= 0) & (taps < size), taps, size)  # `size` is the index of the zero padded next
    weight = nn.functional.pad(deconvolution.weight[:, 0], (0, 1, 0, 1))  # (d, 10, 10)
    phases = weight[:, taps][:, :, :, taps]  # (d, s, k, s, k)
    kernel = phases.permute(1, 3, 0, 2, 4).reshape(scale**2, -1, taps.shape[1], taps.shape[1])
    return kernel.contiguous(memory_format=torch.channels_last)


def count_weights(model: nn.Module) -> int:
    """Number of the convolutions' weights, without biases and slopes, as Dong et al. count."""
    return sum(p.numel() for name, p in model.named_parameters() if p.dim() == 4 and name.endswith("weight"))


class SRCNN(nn.Module):
    """Dong, Loy, He and Tang (arXiv 1501.00092), 9-1-5: bicubic interpolation first, then three convolutions.

    Luminance (B, 1, H, W) in [0, 1] to (B, 1, H * scale, W * scale); 8,032 weights without biases. The convolutions
    work on the large image, so each weight is applied scale * scale times as often as one of FSRCNN.
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
    """Shi et al. (arXiv 1609.05158), 5-3-3: convolutions on the small image, their phases interleaved at the end.

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
def _carry_the_image(layers: list[nn.Conv2d], slope: float = 0.0) -> None:
    """Random layers except channel 0, which passes the image on, so that training starts at the interpolation's error.

    `slope` is the initial slope, for negative values, of the activation after each layer.
    """
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, slope)
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
    """Multiplications and additions per pixel of the large image, without biases and slopes.

    Every weight is applied once to each pixel of the image on which its layer works; the zeros that pad the sub-pixel
    form of FSRCNN's deconvolution are not counted.
    """
    pixels = 1 if isinstance(model, SRCNN) else 1 / model.scale**2
    return 2 * count_weights(model) * pixels


@torch.no_grad()
def at_scale(model: FSRCNN, scale: int) -> FSRCNN:
    """A network for another scale that starts from a trained one (Dong et al., section 3.4).

    The convolutions are the trained ones. The deconvolution starts as the trained kernel, a function of the distance
    from the small pixel, sampled at the new scale's distances and cut off at nine taps.
    """
    other = FSRCNN(scale, *(model.features[i].out_channels for i in (0, 2)), len(model.features) // 2 - 3)
    other.features.load_state_dict(model.features.state_dict())
    distances = [(torch.arange(9) - m.deconvolution.padding[0] - (m.scale - 1) / 2) / m.scale for m in (model, other)]
    read = (1 - (distances[1][:, None] - distances[0]).abs() * model.scale).clamp(min=0)  # (9 new, 9 old), linear
    other.deconvolution.weight.copy_(read @ model.deconvolution.weight @ read.T)
    other.deconvolution.bias.copy_(model.deconvolution.bias)
    return other
