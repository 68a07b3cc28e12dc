"""Where things are: from the repository's own place or from `DFD_*` variables, never from the working directory."""

from __future__ import annotations

import os
from pathlib import Path

from dfdlib.core.errors import DfdError


def root() -> Path:
    """The repository."""
    return Path(__file__).resolve().parents[2]


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
    """What git ignores and anybody may delete."""
    return root() / "build"


def cache() -> Path:
    """Cached stages."""
    return _from_env("DFD_CACHE", build() / "cache")


def runs() -> Path:
    """Checkpoints of training runs."""
    return _from_env("DFD_RUNS", build() / "runs")


def results(study: str) -> Path:
    """Numbers and score tables; committed for the embedded and the UADFV study."""
    committed = study in ("embedded", "uadfv")
    return _from_env("DFD_RESULTS", root() / "results" if committed else build() / study / "results")


def figures(study: str) -> Path:
    """Figures; committed for the embedded study alone, because the others show real faces."""
    return _from_env("DFD_FIGURES", root() / "figures" if study == "embedded" else build() / study / "figures")


def uadfv() -> Path:
    """The reader's copy of UADFV."""
    return _given("DFD_UADFV", "UADFV (folders real/ and fake/)")


def celeba() -> Path:
    """The reader's copy of CelebA's images."""
    return _given("DFD_CELEBA", "CelebA's images")


def ffpp() -> Path:
    """The reader's copy of FaceForensics++."""
    return _given("DFD_FFPP", "FaceForensics++ (original_sequences/ and manipulated_sequences/)")


def celebdf() -> Path:
    """The reader's copy of Celeb-DF."""
    return _given("DFD_CELEBDF", "Celeb-DF (Celeb-real/, YouTube-real/ and Celeb-synthesis/)")


def superres_images() -> Path:
    """The reader's copy of the super-resolution benchmark's images."""
    return _given("DFD_SR", "T91/ and Set5/, the benchmark's PNG images")


def videos() -> Path:
    """The reader's own videos."""
    return _given("DFD_VIDEOS", "your videos and their clips.csv")


def world_model() -> Path | None:
    """A world model of the reader's own to compare with, where DFD_WORLD_MODEL names one."""
    value = os.environ.get("DFD_WORLD_MODEL")
    return Path(value).resolve() if value else None


def _given(name: str, what: str) -> Path:
    value = os.environ.get(name)
    if not value:
        raise DfdError(f"{name} is not set; set it to the folder with {what} (data/README.md says how to get it).")
    folder = Path(value).resolve()
    if not folder.is_dir():
        raise DfdError(f"{name} names {folder}, which is not a folder; set it to the folder with {what}.")
    return folder
