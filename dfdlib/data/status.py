"""What data are there, and what is missing, before anything long starts. Names are read and no video is opened."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dfdlib.core import cache, disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import DATASETS, Study
from dfdlib.data import sources, splits, uadfv
from dfdlib.data.catalogue import Clip

Counts = dict[str, int]


@dataclass(frozen=True)
class Source:
    """A data set that a study can use."""

    name: str
    variable: str
    use: str
    count: Callable[[Study], Counts]  # what is found; DfdError where something is missing
    datasets: tuple[str, ...] = ()  # of the studies that cannot do without it


@dataclass(frozen=True)
class Row:
    """What `dfd data status` says of a data set."""

    name: str
    variable: str
    folder: str  # or a file; empty where the variable is not set
    found: Counts
    missing: str  # a sentence, or nothing
    ready: bool
    needed: bool  # by the study
    use: str


def status(study: Study) -> list[Row]:
    """A row for each data set. Only names and sizes are looked at, so that 100,000 files take seconds."""
    return [_row(source, study) for source in SOURCES]


def refusal(study: Study, rows: Sequence[Row]) -> str:
    """Why the study cannot start, as a sentence; nothing where it can."""
    missing = [row.missing for row in rows if row.needed and not row.ready]
    return f"The study {study.name} cannot start: {' '.join(missing)}" if missing else ""


def _row(source: Source, study: Study) -> Row:
    needed = study.dataset in source.datasets
    place = os.environ.get(source.variable, "")
    if source.name == "embedded":
        place = str(paths.embedded())
    if not place:
        missing = f"{source.variable} is not set; data/README.md says what it names and how to get it."
        return Row(source.name, source.variable, "", {}, missing, False, needed, source.use)
    found: Counts = {}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found, missing, ready = source.count(study), "", True
        except (DfdError, OSError) as error:
            missing, ready = str(error), False
    missing = " ".join([missing, *(str(warning.message) for warning in said)]).strip()
    return Row(source.name, source.variable, str(Path(place).resolve()), found, missing, ready, needed, source.use)


def _clips(dataset: str) -> Callable[[Study], Counts]:
    """Counts the clips of a data set as a study on it would take them, and what its split makes of them."""

    def count(study: Study) -> Counts:
        people = study.people if dataset == study.dataset else 0
        if dataset == "uadfv":  # without the checksums, which read every video
            found = uadfv.listed(paths.uadfv())
        else:
            found = sources.clips(replace(study, dataset=dataset, people=people))
        empty = [clip.path for clip in found if clip.path.is_file() and not clip.path.stat().st_size]
        if empty:
            raise DfdError(f"{len(empty)} of {len(found)} clips are empty, the first is {empty[0]}; copy them again.")
        kept = splits.split(found, study.seed)
        more = {"stills": len(sources.stills(replace(study, dataset="embedded")))} if dataset == "embedded" else {}
        return _counted(found, kept) | more

    return count


def _counted(found: Sequence[Clip], kept: Sequence[Clip]) -> Counts:
    labels, parts = Counter(clip.label for clip in found), Counter(clip.split for clip in kept)
    counts = {"real": labels[0], "fake": labels[1]}
    counts |= {"pairs": len({clip.pair for clip in found}), "people": len({clip.person for clip in found})}
    counts |= {part: parts[part] for part in ("train", "val", "test")}
    return counts | ({"left out by the split": len(found) - len(kept)} if len(kept) < len(found) else {})


def _celeba(study: Study) -> Counts:
    count = sum(entry.name.endswith(".jpg") for entry in os.scandir(paths.celeba()))
    if count < sources.FEWEST_IMAGES:
        raise DfdError(f"{paths.celeba()} holds {count} .jpg images; DFD_CELEBA must name CelebA's image folder.")
    return {"images": count, "taken": min(count, study.superres.images)}


def _benchmark(_: Study) -> Counts:
    counts = {name: len(list((paths.superres_images() / name).glob("*.png"))) for name in ("T91", "Set5")}
    for name, count in counts.items():
        if not count:
            raise DfdError(f"There are no PNG files in {paths.superres_images() / name}; copy the benchmark's there.")
    return counts


def _file(variable: str) -> Counts:
    path = Path(os.environ[variable])
    if not path.is_file():
        raise DfdError(f"{variable} names {path}, which is not a file; set it to one, or leave it unset.")
    return {"bytes": path.stat().st_size}


TINY, WORLD = "DFD_TINY_IMAGENET", "DFD_WORLD_MODEL"
SOURCES = (
    Source("embedded", "DFD_DATA", "the default study; every other takes it in 02 or 07", _clips("embedded"), DATASETS),
    Source("UADFV", "DFD_UADFV", "the study uadfv, the paper's", _clips("uadfv"), ("uadfv",)),
    Source("CelebA", "DFD_CELEBA", "super-resolution of uadfv; real photographs in 07", _celeba, ("uadfv",)),
    Source("FaceForensics++", "DFD_FFPP", "the study ffpp", _clips("ffpp"), ("ffpp",)),
    Source("Celeb-DF", "DFD_CELEBDF", "the study celebdf", _clips("celebdf"), ("celebdf",)),
    Source("your videos", "DFD_VIDEOS", "the study yours; a further test in 07", _clips("folder"), ("folder",)),
    Source("T91 and Set5", "DFD_SR", "the benchmark of super-resolution in 02", _benchmark),
    Source("Tiny-ImageNet", TINY, "first weights, where `thorough` compares them", lambda _: _file(TINY)),
    Source("world model", WORLD, "a head of your own in 04", lambda _: _file(WORLD)),
)


def verify_embedded() -> list[str]:
    """Compare the embedded clips and stills with the sha256 in their tables; one sentence for each difference."""
    problems = []
    for table in ("clips.csv", "stills.csv"):
        for row in disk.read_table(paths.embedded() / table, {"file", "sha256"}):
            path = paths.embedded() / row["file"]
            if not path.is_file():
                problems.append(f"{row['file']} is missing")
            elif cache.sha256(path) != row["sha256"]:
                problems.append(f"{row['file']} has another sha256 than {table} says")
    return problems
