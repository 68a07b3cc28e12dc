"""FSRCNN (Dong, Loy and Tang, ECCV 2016, arXiv 1608.00367), with PReLU after every convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dfdlib.errors import DfdError

SCALES = (2, 3, 4)
BORDER = 3  # pixels repeated around the image: the layers pad with black, which would leave a dark frame


class FSRCNN(nn.Module):
    """Luminance (B, 1, H, W) in [0, 1] to (B, 1, H * scale, W * scale).

    FSRCNN(d, s, m): feature extraction 5x5 to d channels, shrinking 1x1 to s, m mappings 3x3, expanding
    1x1 to d, deconvolution 9x9. With m = 4 these are 7 convolutions and a deconvolution; the "5 convolutional
    layers and a deconvolutional" of Ivanov et al. count the four kinds, or mean m = 2. FSRCNN(56, 12, 4) has
    12,464 weights without biases and slopes.
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
        """Random features beside channel 0, which carries the image through and alone is enlarged, bilinearly.

        The network starts as bilinear interpolation and learns what that lacks. With Dong et al.'s random
        deconvolution (std 0.001) the first thousand steps go into finding the image's brightness.
        """
        nn.init.zeros_(self.deconvolution.weight)
        nn.init.zeros_(self.deconvolution.bias)
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=0.25)  # PReLU starts at slope 0.25
                nn.init.zeros_(layer.bias)
                layer.weight[0] = 0
                layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
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
    """Kernel (s * s, d, k, k) of the convolution that computes the deconvolution's output, one channel a phase.

    Of one dimension: output s q + r of the deconvolution sums tap s j + r + padding times input q - j. So phase r is a
    convolution of the input with every s-th tap, and `pixel_shuffle` puts the phases beside each other. A CPU
    computes it several times faster (Shi et al., arXiv 1609.07009, show that the two are the same).
    """
    (scale, _), (padding, _), (size, _) = deconvolution.stride, deconvolution.padding, deconvolution.kernel_size
    reach = max((padding + scale - 1) // scale, (size - 1 - padding) // scale)
    taps = scale * torch.arange(reach, -reach - 1, -1) + torch.arange(scale)[:, None] + padding  # (s, k)
    taps = torch.where((taps >= 0) & (taps < size), taps, size)  # `size` is the zero that is padded next
    weight = nn.functional.pad(deconvolution.weight[:, 0], (0, 1, 0, 1))  # (d, 10, 10)
    phases = weight[:, taps][:, :, :, taps]  # (d, s, k, s, k)
    kernel = phases.permute(1, 3, 0, 2, 4).reshape(scale**2, -1, taps.shape[1], taps.shape[1])
    return kernel.contiguous(memory_format=torch.channels_last)


def count_weights(model: nn.Module) -> int:
    """Weights of the convolutions, without biases and slopes (as Dong et al. count)."""
    return sum(p.numel() for name, p in model.named_parameters() if p.dim() == 4 and name.endswith("weight"))
