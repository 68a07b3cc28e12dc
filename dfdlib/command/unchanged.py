"""Whether a study's last whole run would be repeated for nothing: all that it read and wrote is as it left it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from dfdlib.core import disk, paths, repro
from dfdlib.core.studies import Study

WRITTEN = ("DFD_CACHE", "DFD_RUNS", "DFD_RESULTS", "DFD_FIGURES", "DFD_SCHEDULER")  # variables that name no input


def is_unchanged(study: Study) -> bool:
    """Whether `remember` was called after a run of this study, and no file or setting has changed since."""
    path = _record(study)
    return path.is_file() and path.read_text(encoding="utf-8") == _noted(study, _read(study))


def begin(study: Study) -> str:
    """A run begins: until its end nothing is known. Returns the state of all that it reads, for `remember`."""
    _record(study).unlink(missing_ok=True)
    return _read(study)


def remember(study: Study, begun: str) -> None:
    """Note what a whole run wrote, and what it read as that was when it began: a file changed since is not read yet."""
    with disk.replacing(_record(study)) as partial:
        partial.write_text(_noted(study, begun), encoding="utf-8")


def _record(study: Study) -> Path:
    return paths.build() / study.name / "unchanged.json"


def _read(study: Study) -> str:
    """A digest of the settings, and of the names, sizes and times of change of what a run reads."""
    settings = (study, repro.library_versions(), repro.limits(), platform.python_version())
    return _digest(settings, *_files(_inputs()))


def _noted(study: Study, begun: str) -> str:
    written = [paths.results(study.name), paths.figures(study.name), paths.build() / study.name / "notebooks"]
    return json.dumps({"read": begun, "written": _digest(*_files(written))})


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _inputs() -> list[Path]:
    """The library, the notebooks, the studies, the published numbers, and what the reader's variables name."""
    own = [paths.root() / "dfdlib", *paths.notebooks().glob("*.ipynb"), paths.studies(), paths.published_results()]
    named = {name: value for name, value in os.environ.items() if name.startswith("DFD_") and name not in WRITTEN}
    return [*own, paths.embedded(), *(Path(named[name]).resolve() for name in sorted(named) if named[name])]


def _files(places: list[Path]) -> Iterator[tuple[str, int, int]]:
    for place in places:
        below = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in below:
            if path.is_file() and path.suffix not in (".pyc", ".lock"):
                state = path.stat()
                yield str(path), state.st_size, state.st_mtime_ns
