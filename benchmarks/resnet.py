"""How much faster the study's ResNet-50 runs than a plain one, as ratios measured in turns in one run.

    make benchmarks        (or: python benchmarks/resnet.py)

Writes benchmarks/resnet.md. Three ways of computing are compared: plain float32, float32 with channels last in memory
(the layout in which processors are fastest), and with bfloat16 in addition, as in the study. For the quick path, an
epoch of the last layer on kept features is compared with an epoch that recomputes them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import repro, studies
from dfdlib.core.studies import ResNetParams
from dfdlib.evaluation import metrics
from dfdlib.faces import frames
from dfdlib.resnet import architectures, classifier, finetune, heads

SIZE, BATCH, ROUNDS, CROPS = 224, 16, 7, 128  # torchvision's own input size, the study's batch
PLAIN = ResNetParams(weights="", input_size=SIZE, bfloat16=False)
WAYS = {
    "float32, plain": (PLAIN, torch.contiguous_format),
    "float32, channels last": (PLAIN, torch.channels_last),
    "bfloat16, channels last": (replace(PLAIN, bfloat16=True), torch.channels_last),
}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _jobs(crops: np.ndarray) -> dict[tuple[str, str], Callable[[], object]]:
    jobs: dict[tuple[str, str], Callable[[], object]] = {}
    labels = torch.arange(BATCH) % 2
    for name, (params, layout) in WAYS.items():
        torch.manual_seed(0)
        model = architectures.build(params)[0].to(memory_format=layout)
        optimizer = torch.optim.SGD(model.parameters(), 0.001, momentum=0.9)
        images = classifier.to_tensor(crops[:BATCH]).contiguous(memory_format=layout)

        def step(model=model, optimizer=optimizer, images=images, params=params) -> None:  # noqa: ANN001
            model.train()
            optimizer.zero_grad(set_to_none=True)
            classifier.cross_entropy_loss(model, images, labels, params).backward()
            optimizer.step()

        @torch.inference_mode()
        def infer(model=model, images=images, params=params) -> None:  # noqa: ANN001
            model.eval()
            with torch.autocast("cpu", torch.bfloat16, enabled=params.bfloat16):
                model(images)

        jobs["training step", name], jobs["inference", name] = step, infer
    return jobs


def _head_epochs(crops: np.ndarray) -> dict[tuple[str, str], Callable[[], object]]:
    """An epoch of the last layer over CROPS crops, with features computed each time and with kept features."""
    params, labels = replace(PLAIN, bfloat16=True), np.arange(CROPS) % 2
    model = architectures.build(params)[0]
    head = torch.nn.Linear(2048, 2)
    optimizer = torch.optim.Adam(head.parameters(), heads.LINEAR_LR)
    kept = classifier.features_and_logits(model, crops, params)[0]

    def epoch(features: np.ndarray) -> None:
        for x, y in heads.linear_batches(features, labels, np.arange(CROPS), 0)(1):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(head(x), y).backward()
            optimizer.step()

    return {
        ("epoch of the last layer", "features computed again"): lambda: epoch(
            classifier.features_and_logits(model, crops, params)[0]
        ),
        ("epoch of the last layer", "features kept"): lambda: epoch(kept),
    }


def measure() -> pd.DataFrame:
    """Median milliseconds of each job, and how many times faster it is than the first of its kind."""
    repro.start(0, 2)
    crops = np.random.default_rng(0).integers(0, 255, (CROPS, SIZE, SIZE, 3)).astype(np.uint8)
    jobs = _jobs(crops) | _head_epochs(crops)
    taken = {key: [] for key in jobs}
    for _ in range(ROUNDS):  # in turns, so that a busy moment of the machine affects all alike
        for key, work in jobs.items():
            taken[key].append(_seconds(work))
    first = {kind: key for key in reversed(list(jobs)) for kind in [key[0]]}
    rows = [
        (*key, np.median(t) * 1e3, np.median(np.array(taken[first[key[0]]]) / np.array(t))) for key, t in taken.items()
    ]
    return pd.DataFrame(rows, columns=["what", "how", "milliseconds", "times faster"]).sort_values(
        "what", kind="stable"
    )


def same_answers() -> float:
    """The largest difference in p_fake between plain float32 and bfloat16 with channels last, on noise crops."""
    crops = np.random.default_rng(1).integers(0, 255, (32, SIZE, SIZE, 3)).astype(np.uint8)
    found = []
    for params, layout in (WAYS["float32, plain"], WAYS["bfloat16, channels last"]):
        torch.manual_seed(0)
        model = architectures.build(params)[0].to(memory_format=layout)
        found.append(classifier.p_fake(classifier.logits(model, crops, params)))
    return float(np.abs(found[0] - found[1]).max())


def same_results() -> str:
    """Scores of the embedded study's one-cycle training (synthetic) in float32 and in bfloat16, and the difference."""
    study = studies.load("embedded")
    repro.start(study.seed, 2)
    found, crops = {}, frames.of_study(study)
    for name, (params, _) in WAYS.items():
        own = replace(study, resnet=replace(study.resnet, bfloat16=params.bfloat16))
        run = finetune.one_cycle(own, crops)  # its network is always channels last
        found[name] = run.scores(run.best)
    plain, fast = found["float32, channels last"], found["bfloat16, channels last"]
    lines = [
        f"- {name}: {score} {metrics.estimate(table, score, 'frames', study.bootstrap)}"
        for name, table in (("float32", plain), ("bfloat16", fast))
        for score in ("acc", "auc")
    ]
    gap = metrics.difference(fast, plain, "acc", "frames", study.bootstrap)
    return "\n".join([*lines, f"- bfloat16 minus float32, acc: {gap}"])


def main() -> None:
    """Measure, print and write the table."""
    table = measure()
    lines = ["| " + " | ".join(table.columns) + " |", "| --- | --- | --- | --- |"]
    lines += [f"| {r[0]} | {r[1]} | {r[2]:.1f} | {r[3]:.1f} |" for r in table.itertuples(index=False)]
    text = (
        f"# ResNet-50: plain, and as the study runs it\n\nMedians of {ROUNDS} rounds in turns, two threads, batches of "
        f"{BATCH} crops of {SIZE} x {SIZE} px; the epoch has {CROPS} crops. {repro.machine()}.\n\n"
    )
    text += (
        "\n".join(lines)
        + f"\n\nLargest difference in p_fake between the first way and the last: {same_answers():.4f}.\n\n"
        f"The embedded study's test frames (synthetic) after one-cycle training in each:\n\n{same_results()}\n"
    )
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
