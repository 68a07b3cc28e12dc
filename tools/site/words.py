"""The ids of the study's numbers, such as headpose.yang.frame_ece, in words."""

from __future__ import annotations

import re
from functools import cache

from dfdlib.core import paths
from dfdlib.evaluation import results

PARTS = {
    "headpose": "head pose",
    "resnet": "ResNet",
    "gru": "GRU over a clip",
    "system": "combined system",
    "ours": "one cycle and Yang's pose",
    "yang": "as in Yang et al.",
    "paper": "as in the paper",
    "one_cycle": "one cycle of the rate",
    "folds": "by person",
    "sr": "super-resolution first",
    "no_fakes": "learned without fakes",
    "fsrcnn": "FSRCNN",
    "fsrcnn_s": "FSRCNN-s",
    "srcnn": "SRCNN",
    "espcn": "ESPCN",
    "gradcam": "Grad-CAM",
    "mirrored": "mirrored head model",
    "best_on_test": "epoch chosen on the evaluated set",
    "uadfv": "UADFV",
}
MEASURES = {
    "acc": "accuracy",
    "auc": "AUC",
    "eer": "equal error rate",
    "ap": "average precision",
    "ece": "calibration error",
    "brier": "Brier score",
    "psnr": "PSNR",
    "ssim": "SSIM",
}
MEASURED = rf"(?:frame|video)_(?:{'|'.join(MEASURES)})(?:_gain)?"


def branch(name: str) -> str:
    """What scores, such as headpose.yang, in words."""
    return ", ".join(PARTS.get(part, part.replace("_", " ")) for part in name.split("."))


def of(key: str) -> str:
    """An id in words: what was measured, then the measure."""
    first, _, last = key.rpartition(".")
    found = re.fullmatch(rf"(.*?)_?({'|'.join(MEASURES)})(_gain)?", last)
    measure = last.replace("_", " ")
    if found:
        what = found[1].replace("_", " ")
        what = f" of {what}s" if what in ("frame", "video") else f" ({what})" if what else ""
        measure = f"{'gain in ' if found[3] else ''}{MEASURES[found[2]]}{what}"
    return f"{branch(first)}, {measure}" if first else measure


@cache
def _known() -> re.Pattern:
    studies = (path.stem for path in (paths.root() / "results").glob("*.json"))
    keys = {row["id"] for study in studies for row in results.rows(study, committed=True)}
    every = "|".join(map(re.escape, sorted(keys, key=len, reverse=True)))
    shortened = rf"(?:[\w-]+\.)+{MEASURED}"  # printed without its beginning
    return re.compile(rf"(?<![\w.])({every}|{shortened})(?![\w.])( *)")


def readable(text: str) -> str:
    """A printed text with the ids of results in words; a column of ids stays a column."""
    found = list(_known().finditer(text))
    width = max((len(of(match[1])) for match in found), default=0) if len(found) > 1 else 0
    return _known().sub(lambda match: of(match[1]).ljust(width) + (" " * min(len(match[2]), 2)), text)
