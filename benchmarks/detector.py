"""What it costs to judge a face on one thread: the shipped network by NumPy and by PyTorch, and the head pose.

    make benchmarks        (or: python benchmarks/detector.py)

Writes benchmarks/detector.md. Finding and following the face comes on top: benchmarks/preprocessing.md.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import repro, studies
from dfdlib.detector import looking, network, shipped
from dfdlib.faces import frames
from dfdlib.resnet import classifier

FACES, ROUNDS = 32, 9
LIMIT = 30.0  # milliseconds a face for the shipped network, on one thread
NUMPY = "shipped network, by NumPy as in `dfd predict`"


def ways() -> dict[str, Callable[[], object]]:
    """What is measured, by name; each judges the same FACES faces of the embedded people (synthetic)."""
    found = frames.of_study(replace(studies.load("embedded"), faces=looking.FACE)).part("test")
    crops, points = found.crops[:FACES], found.points[:FACES]
    model = shipped.load_resnet()
    return {
        NUMPY: functools.partial(network.p_fake, crops, shipped.resnet_path()),
        "shipped network, by PyTorch": functools.partial(classifier.logits, model, crops, shipped.NETWORK),
        "head pose": functools.partial(shipped.by_pose, points),
    }


def measure() -> pd.DataFrame:
    """Median milliseconds of processor time a face, and the ratio to the network by NumPy."""
    torch.set_num_threads(1)
    found = ways()
    taken = {name: [] for name in found}
    with threadpoolctl.threadpool_limits(1):
        for way in found.values():  # read weights once, and the processor wakes up
            way()
        for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine affects all alike
            for name, way in found.items():
                start = time.process_time()
                way()
                taken[name].append((time.process_time() - start) / FACES * 1000)
    times = {name: np.array(values) for name, values in taken.items()}
    rows = [(name, np.median(values), np.median(values / times[NUMPY])) for name, values in times.items()]
    return pd.DataFrame(rows, columns=["what", "ms a face", "times the first"])


def page(table: pd.DataFrame) -> str:
    """The measurements as a page."""
    text = (
        f"# The shipped detector: one face\n\nMedians of {ROUNDS} rounds of {FACES} faces that took turns, processor "
    )
    text += f"time on one thread. {repro.machine()}. The network's limit is {LIMIT:.0f} ms.\n\n"
    lines = ["| " + " | ".join(table.columns) + " |", "| --- | --- | --- |"]
    lines += [f"| {what} | {taken:.1f} | {ratio:.2f} |" for what, taken, ratio in table.itertuples(index=False)]
    return text + "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write the page."""
    text = page(measure())
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
