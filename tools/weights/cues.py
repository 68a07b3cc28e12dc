"""A second input for a network: how sharp each place of the picture is, at three scales.

Where a face was pasted, it is often softer than what lies around it. The energy of what a Gaussian blur takes away says
how sharp a place is, and its logarithm makes a ratio of two places a difference, which a convolution can read.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

SIGMAS = (0.8, 1.5, 3.0)  # pixels, of the Gaussians
AROUND = 9  # pixels: side of the square over which the energy is averaged
FLOOR = 1e-6  # of the energy, where a pixel's values go from -1 to 1


class WithSharpness(nn.Module):
    """A first convolution, and another that reads the maps of sharpness; its weights begin at zero."""

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, copy.deepcopy(first)
        nn.init.zeros_(self.second.weight)

    def forward(self, images: Tensor) -> Tensor:
        """The sum of both convolutions of images (B, 3, H, W)."""
        return self.first(images) + self.second(sharpness(images))


def sharpness(images: Tensor) -> Tensor:
    """Maps (B, 3, H, W), one for each of SIGMAS, of images (B, 3, H, W) in [-1, 1]; about -1.5 to 1.5."""
    grey = images.mean(1, keepdim=True)
    bands = torch.cat([grey - _blurred(grey, sigma) for sigma in SIGMAS], 1)
    energy = functional.avg_pool2d(bands**2, AROUND, 1, AROUND // 2, count_include_pad=False)
    return torch.log10(energy + FLOOR) / 2 + 1.5


def _blurred(grey: Tensor, sigma: float) -> Tensor:
    """Images (B, 1, H, W) after a Gaussian blur; beyond the border the border pixel is repeated."""
    far = round(3 * sigma)
    weights = torch.exp(-(torch.arange(-far, far + 1, device=grey.device) ** 2) / (2 * sigma**2)).to(grey)
    weights /= weights.sum()
    padded = functional.pad(grey, (far,) * 4, mode="replicate")
    return functional.conv2d(functional.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
