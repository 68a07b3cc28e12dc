"""Where things are: relative to the repository or named by `DFD_*` variables, whatever the working directory."""

from __future__ import annotations

import os
from pathlib import Path

from dfdlib.core.errors import DfdError


def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[2]


def import_from_here() -> None:
    """Make processes that this one starts, kernels included, import this checkout's dfdlib, not an installed one."""
    others = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place and place != str(root())]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root()), *others])


def _from_env(name: str, default: Path) -> Path:
    value = os.environ.get(name)
    return Path(value).resolve() if value else default


def assets() -> Path:
    """Small files that belong to the library: the world model, the manifest of UADFV."""
    return root() / "dfdlib" / "assets"


def notebooks() -> Path:
    """The numbered notebooks."""
    return root() / "notebooks"


def studies() -> Path:
    """The studies' parameter files."""
    return root() / "studies"


def embedded() -> Path:
    """The committed, rendered data."""
    return _from_env("DFD_DATA", root() / "data") / "embedded"


def build() -> Path:
    """Generated files, which git ignores and anybody may delete."""
    return root() / "build"


def cache() -> Path:
    """Cached stages."""
    return _from_env("DFD_CACHE", build() / "cache")


def runs() -> Path:
    """Checkpoints of training runs."""
    return _from_env("DFD_RUNS", build() / "runs")


def results(study: str) -> Path:
    """Numbers and score tables of a run on this machine."""
    return _from_env("DFD_RESULTS", build() / study / "results")


def figures(study: str) -> Path:
    """Figures of a run on this machine."""
    return _from_env("DFD_FIGURES", build() / study / "figures")


def published_results() -> Path:
    """Numbers and score tables that came with the repository; only `dfd publish` writes there."""
    return root() / "results"


def published_figures() -> Path:
    """Figures that came with the repository; only `dfd publish` writes there."""
    return root() / "figures"


def celeba() -> Path:
    """The reader's copy of CelebA's images."""
    return given("DFD_CELEBA", "CelebA's images")


def superres_images() -> Path:
    """The reader's copy of the super-resolution benchmark's images."""
    return given("DFD_SR", "T91/ and Set5/, the benchmark's PNG images")


def world_model() -> Path | None:
    """The reader's world model to compare with; None where DFD_WORLD_MODEL names none."""
    value = os.environ.get("DFD_WORLD_MODEL")
    return Path(value).resolve() if value else None


def given(name: str, what: str) -> Path:
    """The folder with `what` that the variable `name` names; DfdError where it names none."""
    value = os.environ.get(name)
    if not value:
        raise DfdError(f"{name} is not set; set it to the folder with {what} (data/README.md says how to get it).")
    folder = Path(value).resolve()
    if not folder.is_dir():
        raise DfdError(f"{name} names {folder}, which is not a folder; set it to the folder with {what}.")
    return folder
