"""Whether a study can start: asked by `dfd data status`, and by `dfd run` before anything long does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from dfdlib.core import cache, disk, paths, repro, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import sources, status
from dfdlib.data.status import SourceStatus
from dfdlib.headpose import worldmodel


def check(study: Study, whole: bool = True) -> None:
    """DfdError where the study cannot start; without `whole`, other data than the study's own may be missing."""
    own = sources.data_set(study).variable
    told = refusal(study, [row for row in status.status(study) if whole or row.variable == own])
    if told:
        raise DfdError(told)
    check_places(study)


def check_places(study: Study) -> None:
    """DfdError where a folder that the study writes to cannot be written, or its disk is full."""
    places = {"DFD_CACHE": paths.cache(), "DFD_RUNS": paths.runs()}
    places |= {"DFD_RESULTS": paths.results(study.name), "DFD_FIGURES": paths.figures(study.name)}
    for variable, place in places.items():
        disk.check_writable(place, f"set {variable} to a folder elsewhere")


def refusal(study: Study, rows: Sequence[SourceStatus]) -> str:
    """Why the study cannot start, in sentences; empty where it can. `rows` are those of `status.status`."""
    faults = [*(row.missing for row in rows if row.needed and not row.ready), *_faults(study)]
    return f"The study {study.name} cannot start: {' '.join(faults)}" if faults else ""


def _faults(study: Study) -> Iterator[str]:
    """What is wrong with the environment or the files that a study names, in sentences; names count from notebooks/."""
    checks: list[Callable[[], object]] = [
        repro.check_instructions,
        lambda: worldmodel.world_model(study.headpose.world_model),
        lambda: paths.world_model() and worldmodel.world_model(str(paths.world_model())),
        lambda: _check_weights(study.resnet.weights, study.resnet.weights_sha256),
    ]
    with contextlib.chdir(paths.notebooks()):
        for asked in checks:
            try:
                asked()
            except DfdError as error:
                yield str(error)


def _check_weights(name: str, sha256: str) -> None:
    path = weight_files.named(name)
    if name in ("", "imagenet"):
        return
    if not path.is_file():
        what = f"resnet.weights names {path.resolve()}, which is not a file"
        raise DfdError(f"{what}; name one, or imagenet, or leave it out for a randomly initialised network.")
    if sha256 and cache.sha256(path) != sha256:
        raise DfdError(f"{path} has a different sha256 from resnet.weights_sha256; copy the file again, or correct it.")
