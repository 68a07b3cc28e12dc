"""How the shipped super-resolution networks were trained.

    DFD_SR=... DFD_CELEBA=... python tools/weights/superres.py uadfv

The tool trains every network of superres_benchmark.SHELF on T91, and FSRCNN on the study's stills for each scale. It
puts the weights into dfdlib/assets/superres, whose README.md is their model card, and prints the files with their
sha256. An interrupted run resumes; a complete run takes some hours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, errors, paths, repro, studies, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import sources
from dfdlib.experiments import superres_benchmark
from dfdlib.experiments.superres_benchmark import T91Recipe
from dfdlib.superres import fsrcnn_training, lr_hr
from dfdlib.superres.networks import FSRCNN, SCALES


def train_all(study: Study, recipe: T91Recipe, say: Callable[[str], None]) -> Iterator[Path]:
    """Train every shipped network and put its weights into the library; yields the files."""
    for network, scale in superres_benchmark.SHELF:
        yield ship(superres_benchmark.train_on_t91(network, scale, recipe, say)[0], f"t91_{network}_x{scale}")
    for model in train_faces(study):
        yield ship(model, f"celeba_fsrcnn_x{model.scale}")


def train_faces(study: Study) -> Iterator[FSRCNN]:
    """FSRCNN trained on the study's stills, shrunk by scikit-image; scales 3 and 4 start from scale 2."""
    stills, first = sources.stills(study), None
    for scale in SCALES:
        own = replace(study, superres=replace(study.superres, scale=scale))
        seen, held_out = (
            lr_hr.lr_hr_pairs(tuple(part["path"]), scale) for _, part in stills.groupby("split", sort=False)
        )
        _, model = fsrcnn_training.train_fsrcnn(own, *seen, held_out, start=first)
        first = first or model
        yield model


def ship(model: nn.Module, name: str) -> Path:
    """Put a network's weights into the library's assets."""
    return weight_files.write(paths.assets() / "superres" / f"{name}.safetensors", model.state_dict())


def main() -> None:
    """Train all networks for the study that the command line names."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name one with stills: python tools/weights/superres.py uadfv")
    study = studies.load(sys.argv[1])
    repro.start(study.seed, study.threads)
    for path in train_all(study, T91Recipe(), print):
        print(path, cache.sha256(path))


if __name__ == "__main__":
    errors.or_sentence(main)
