"""srbench tools"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from dfdlib.core import paths
from dfdlib.core.studies import Study
from dfdlib.data import sources
from dfdlib.experiments import superres_benchmark
from dfdlib.experiments.superres_benchmark import T91Recipe
from dfdlib.superres import fsrcnn_training, lr_hr
from dfdlib.superres.networks import FSRCNN, SCALES


def ship(model: nn.Module, name: str) -> Path:
    """Put a network's weights among the library's own."""
    path = paths.assets() / "superres" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    return path


def train_all(study: Study, recipe: T91Recipe, say: Callable[[str], None]) -> Iterator[Path]:
    """Train every network that is shipped, and put its weights into the library."""
    for network, scale in superres_benchmark.SHELF:
        yield ship(superres_benchmark.train_on_t91(network, scale, recipe, say)[0], f"t91_{network}_x{scale}")
    for model in train_faces(study):
        yield ship(model, f"celeba_fsrcnn_x{model.scale}")


def train_faces(study: Study) -> Iterator[FSRCNN]:
    """FSRCNN trained on the study's stills, made small by scikit-image; scales 3 and 4 start from scale 2."""
    stills, first = sources.stills(study), None
    for scale in SCALES:
        own = replace(study, superres=replace(study.superres, scale=scale))
        seen, held_out = (
            lr_hr.lr_hr_pairs(tuple(part["path"]), scale) for _, part in stills.groupby("split", sort=False)
        )
        _, model = fsrcnn_training.train_fsrcnn(own, *seen, held_out, start=first)
        first = first or model
        yield model
