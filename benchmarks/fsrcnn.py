"""How much faster the study's FSRCNN runs than a plain one, as ratios measured in turns in one run.

    make benchmarks        (or: python benchmarks/fsrcnn.py)

Writes benchmarks/fsrcnn.md. The plain form is torch's `ConvTranspose2d` on planes, as in most public versions. With the
same weights, the study computes a convolution whose output channels are shuffled into place, with channels last in
memory; a third form adds bfloat16. One and two threads are measured separately.
"""

from __future__ import annotations

import copy
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import repro, studies
from dfdlib.data import sources
from dfdlib.experiments import superres_benchmark
from dfdlib.superres import enlarging, lr_hr, networks

HEIGHT, WIDTH, ROUNDS = 218, 178, 15  # the small image has the size of CelebA's
BATCH, PATCH = 16, 48  # of a training step
PLAIN, FAST, BF16 = "ConvTranspose2d, planes", "sub-pixel, channels last", "the same in bfloat16"


def plain(model: networks.FSRCNN, y: Tensor) -> Tensor:
    """The network as published: its layers one after the other."""
    padded = nn.functional.pad(y, [networks.BORDER] * 4, mode="replicate")
    cut = networks.BORDER * model.scale
    return model.deconvolution(model.features(padded))[..., cut:-cut, cut:-cut]


class Bfloat16(nn.Module):
    """The study's form in bfloat16, with PReLU written out because torch's is slow in bfloat16."""

    def __init__(self, model: networks.FSRCNN) -> None:
        super().__init__()
        self.features = copy.deepcopy(model.features).to(torch.bfloat16)
        kernel = networks.subpixel_kernel(model.deconvolution).detach()
        self.kernel = kernel.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        self.bias = model.deconvolution.bias.detach().expand(model.scale**2).to(torch.bfloat16)
        self.scale = model.scale

    def forward(self, y: Tensor) -> Tensor:
        x = nn.functional.pad(y, [networks.BORDER] * 4, mode="replicate").to(torch.bfloat16)
        for layer in self.features:
            if isinstance(layer, nn.PReLU):
                positive = torch.relu(x)
                x = positive + layer.weight[:, None, None] * (x - positive)
            else:
                x = layer(x)
        phases = nn.functional.conv2d(x, self.kernel, self.bias, padding=self.kernel.shape[-1] // 2)
        cut = networks.BORDER * self.scale
        return nn.functional.pixel_shuffle(phases.float(), self.scale)[..., cut:-cut, cut:-cut]


def ways(scale: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Three ways to enlarge with the shipped network of a scale."""
    fast = enlarging.shipped_network(scale)
    slow = networks.NETWORKS["fsrcnn"](scale).to(memory_format=torch.contiguous_format)
    slow.load_state_dict(fast.state_dict())
    return {
        PLAIN: lambda y: plain(slow, y),
        FAST: fast,
        BF16: Bfloat16(fast),
    }


def ratios(jobs: dict[str, Callable[[], object]]) -> pd.DataFrame:
    """Median milliseconds of each job, measured in turns, and how many times faster it is than the first."""
    taken = pd.DataFrame([{name: _seconds(work) * 1e3 for name, work in jobs.items()} for _ in range(ROUNDS)])
    first = taken[next(iter(jobs))]
    rows = [(name, taken[name].median(), (first / taken[name]).median()) for name in jobs]
    return pd.DataFrame(rows, columns=["how", "milliseconds", "times faster"])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def inference(scale: int, threads: int) -> pd.DataFrame:
    """One luminance image of WIDTH x HEIGHT enlarged in three ways."""
    torch.set_num_threads(threads)
    y = torch.rand(1, 1, HEIGHT, WIDTH)
    found = ways(scale)

    def job(way: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        return lambda: torch.inference_mode()(way)(y)

    table = ratios({name: job(way) for name, way in found.items()})
    return table.assign(what=f"x{scale}", threads=threads)


def training(threads: int) -> pd.DataFrame:
    """One step of Adam on BATCH squares of PATCH pixels, plain and as the study does it."""
    torch.set_num_threads(threads)
    y, hr = torch.rand(BATCH, 1, PATCH, PATCH), torch.rand(BATCH, 1, 2 * PATCH, 2 * PATCH)
    models = [networks.FSRCNN(2).to(memory_format=torch.contiguous_format), networks.FSRCNN(2)]
    steps = [torch.optim.Adam(model.parameters(), 1e-4) for model in models]

    def step(index: int) -> None:
        steps[index].zero_grad(set_to_none=True)
        found = plain(models[0], y) if index == 0 else models[1](y)
        nn.functional.mse_loss(found, hr).backward()
        steps[index].step()

    table = ratios({PLAIN: lambda: step(0), FAST: lambda: step(1)})
    return table.assign(what="training step, x2", threads=threads)


def ceiling(scale: int, table: pd.DataFrame) -> str:
    """The arithmetic of one image, compared with that of this processor's matrix product in equal time, one thread."""
    torch.set_num_threads(1)
    size = 1024
    a, b = torch.rand(size, size), torch.rand(size, size)
    best = min(_seconds(lambda: a @ b) for _ in range(ROUNDS))
    peak = 2 * size**3 / best / 1e9
    work = networks.operations(enlarging.shipped_network(scale)) * scale**2 * HEIGHT * WIDTH / 1e9
    taken = table.set_index("how")["milliseconds"]
    ideal = 1e3 * work / peak  # milliseconds
    return (
        f"One image takes {work:.2f} GFLOP. This processor's matrix product reaches {peak:.0f} GFLOP/s on one thread, "
        f"at which the image would take {ideal:.1f} ms: the study's form reaches {100 * ideal / taken[FAST]:.0f} % of "
        f"that, the plain one {100 * ideal / taken[PLAIN]:.0f} %."
    )


@torch.inference_mode()
def same_answers() -> str:
    """Largest difference of the forms on an image, and the PSNR lost to bfloat16 on embedded stills (synthetic)."""
    torch.set_num_threads(1)
    found = {scale: ways(scale) for scale in networks.SCALES}
    y = torch.rand(1, 1, HEIGHT, WIDTH)
    worst = max(float((way[FAST](y) - way[PLAIN](y)).abs().max()) for way in found.values())
    stills = sources.stills(studies.load("embedded")).query("split == 'test'")["path"][::6]
    lr, hr = lr_hr.lr_hr_pairs(tuple(stills), 2, lr_hr.downsample_bicubic)
    score = {name: np.mean([lr_hr.psnr(_enlarged(way, a), b, 2) for a, b in zip(lr, hr, strict=True)])
             for name, way in found[2].items()}  # fmt: skip
    return (
        f"The two forms differ by at most {worst:.1e} (pixels from 0 to 1). PSNR on {len(lr)} embedded stills "
        f"(synthetic), x2: {score[FAST]:.3f} dB in float32, {score[BF16]:.3f} dB in bfloat16; the study "
        "computes in float32."
    )


def _enlarged(way: Callable[[Tensor], Tensor], lr: np.ndarray) -> np.ndarray:
    return (way(lr_hr.to_tensor(lr[None]))[0, 0].float().numpy() * 255).round().clip(0, 255).astype(np.uint8)


def shelf() -> pd.DataFrame:
    """Milliseconds of every shipped x2 network on the same image, with one thread."""
    torch.set_num_threads(1)
    y = np.random.default_rng(0).integers(16, 235, (1, HEIGHT, WIDTH)).astype(np.uint8)
    jobs = {"bicubic (OpenCV)": lambda: lr_hr.enlarge_bicubic(y, 2)}
    for network, name in networks.NAMES.items():
        jobs[name] = functools.partial(enlarging.enlarge, enlarging.shipped_network(2, "t91", network), y)
    rows = superres_benchmark.milliseconds(jobs, ROUNDS)
    return pd.DataFrame(rows.items(), columns=["way", "milliseconds"])


def markdown(table: pd.DataFrame) -> str:
    """A table as Markdown, numbers with two decimals."""
    rows = [table.columns, ["---"] * len(table.columns), *table.round(2).itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def main() -> None:
    """Measure, print and write the page."""
    torch.manual_seed(0)
    tables = [inference(scale, threads) for threads in (1, 2) for scale in networks.SCALES]
    tables += [training(threads) for threads in (1, 2)]
    columns = ["what", "threads", "how", "milliseconds", "times faster"]
    page = markdown(pd.concat(tables)[columns])
    lines = [
        "# FSRCNN: times as ratios",
        f"One small image of {WIDTH} x {HEIGHT} pixels, medians of {ROUNDS} rounds in turns; a training step has "
        f"{BATCH} squares of {PATCH} pixels. {repro.machine()}.",
        page,
        same_answers(),
        ceiling(2, tables[0]),
        "## The shelf, x2, one thread",
        markdown(shelf()),
    ]
    text = "\n\n".join(lines) + "\n"
    print(text)
    Path(__file__).with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
