"""Which data are there, and which are missing, before anything long starts. No video is opened."""

from __future__ import annotations

import functools
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue, sources
from dfdlib.data.catalogue import Clip

Counts = dict[str, int]


@dataclass(frozen=True)
class Source:
    """What `dfd data status` counts: a data set, or other data that a variable names."""

    name: str
    variable: str
    use: str
    count: Callable[[Study], Counts]  # what is found; DfdError where something is missing
    needed: Callable[[Study], bool] = lambda study: False
    taken: Callable[[Study], bool] = lambda study: False  # where its variable is set


@dataclass(frozen=True)
class SourceStatus:
    """What `dfd data status` says of a source."""

    name: str
    variable: str
    folder: str  # or a file; empty where the variable is not set
    found: Counts
    missing: str  # a sentence, or nothing
    ready: bool
    needed: bool  # by the study, or taken by it as the variable is set
    use: str


def status(study: Study) -> list[SourceStatus]:
    """One row for each source. Only names and sizes are read, so that 100,000 files take seconds.

    Raises DfdError where the study names no data set.
    """
    sources.data_set(study)
    return [_row(source, study) for source in all_sources()]


def all_sources() -> list[Source]:
    """The data sets, then the other data."""
    return [*(_of_data_set(word) for word in sources.DATA_SETS), *OTHERS]


def _of_data_set(word: str) -> Source:
    known = sources.DATA_SETS[word]
    count = functools.partial(_clips, word)
    further = word == "folder"  # a further test for every other study
    return Source(
        known.title, known.variable, known.use, count, lambda s: word in ("embedded", s.dataset), lambda s: further
    )


def _row(source: Source, study: Study) -> SourceStatus:
    place = os.environ.get(source.variable, "")
    place = str(paths.embedded()) if source.variable == "DFD_DATA" else place
    needed = source.needed(study) or bool(place and source.taken(study))
    row = SourceStatus(source.name, source.variable, place, {}, "", False, needed, source.use)
    if not place:
        return replace(row, missing=f"{row.variable} is not set; data/README.md says what it names and how to get it.")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            row = replace(row, found=source.count(study), ready=True)
        except (DfdError, OSError) as error:
            row = replace(row, missing=str(error))
    missing = " ".join([row.missing, *(str(warning.message) for warning in said)]).strip()
    return replace(row, folder=str(Path(place).resolve()), missing=missing)


def _clips(word: str, study: Study) -> Counts:
    """Count the clips of a data set as a study on it would take them, and the parts of its split.

    A further test on your videos needs no split. DfdError where a study on the clips would fail.
    """
    own = replace(study, dataset=word, people=study.people if word == study.dataset else 0)
    found = sources.clips(own, check=False)  # checksums would read every video
    empty = [clip.path for clip in found if clip.path.is_file() and not clip.path.stat().st_size]
    if empty:
        raise DfdError(f"{len(empty)} of {len(found)} clips are empty (the first: {empty[0]}); copy them again.")
    if word == "folder" != study.dataset:
        return _counted(found, found)
    kept = sources.split(own, found)
    check_people(kept)
    counts = _counted(found, kept)
    return counts | ({"stills": len(sources.stills(own))} if word == "embedded" else {})


def check_people(kept: Sequence[Clip]) -> None:
    """DfdError where the clips of a split are of too few people for folds and for intervals over people."""
    both = "A study needs real and fake clips of at least two people each"
    for label, name in enumerate(("real", "fake")):
        people = {clip.person for clip in kept if clip.label == label}
        if len(people) < 2:
            raise DfdError(f"{both}, and all {name} ones are of {min(people)}; add clips of others.")
    for part in ("train", "val", "test"):
        people = {clip.person for clip in kept if clip.split == part}
        if len(people) < 2:
            what = f"the {part} part has clips of {min(people)} only"
            needed = "Each of a study's three parts needs at least two people, six in all"
            raise DfdError(f"{needed}, and {what}; add clips of others.")
    pairs = ({(clip.person, clip.pair) for clip in kept if clip.label == label} for label in (0, 1))
    if not set.intersection(*pairs):
        raise DfdError("No fake shares pair and person with a real clip; give each fake those of its original.")


def _counted(found: Sequence[Clip], kept: Sequence[Clip]) -> Counts:
    labels, parts = Counter(clip.label for clip in found), Counter(clip.split for clip in kept)
    counts = {"real": labels[0], "fake": labels[1]}
    counts |= {"pairs": len({clip.pair for clip in found}), "people": len({clip.person for clip in found})}
    counts |= {part: parts[part] for part in ("train", "val", "test") if parts[part]}
    return counts | ({"left out by the split": len(found) - len(kept)} if len(kept) < len(found) else {})


def _celeba(study: Study) -> Counts:
    count = len(sources.celeba_images())
    taken = min(count, study.superres.images)
    if _takes_celeba(study):
        sources.training_images(taken, study)
    return {"images": count, "taken": taken}


def _benchmark(_: Study) -> Counts:
    counts = {name: len(list((paths.superres_images() / name).glob("*.png"))) for name in ("T91", "Set5")}
    for name, count in counts.items():
        if not count:
            raise DfdError(f"There are no PNG files in {paths.superres_images() / name}; copy the benchmark's there.")
    return counts


def _file(variable: str, _: Study) -> Counts:
    path = Path(os.environ[variable])
    if not path.is_file():
        raise DfdError(f"{variable} names {path}, which is not a file; set it to one, or leave it unset.")
    return {"bytes": path.stat().st_size}


def _takes_celeba(study: Study) -> bool:
    return sources.data_set(study).stills is sources.celeba_stills


TINY, WORLD = "DFD_TINY_IMAGENET", "DFD_WORLD_MODEL"
OTHERS = (
    Source(
        "CelebA", "DFD_CELEBA", "super-resolution of uadfv; real photographs in 07", _celeba, _takes_celeba,
        lambda study: study.dataset != "embedded",
    ),
    Source(
        "T91 and Set5", "DFD_SR", "the benchmark of super-resolution in 02", _benchmark,
        taken=lambda study: study.dataset == "uadfv",
    ),
    Source(
        "Tiny-ImageNet", TINY, "first weights, where `thorough` compares them", functools.partial(_file, TINY),
        taken=lambda study: study.thorough,
    ),
    Source("world model", WORLD, "a head of your own in 04", functools.partial(_file, WORLD), taken=lambda study: True),
)  # fmt: skip


def verify_embedded() -> list[str]:
    """Compare the embedded clips and stills with the sha256 in their tables; one sentence for each difference."""
    problems = []
    for table in ("clips.csv", "easy/clips.csv", "stills.csv"):
        path = paths.embedded() / table
        rows = disk.read_table(path, {"file", "sha256"})
        problems += catalogue.differences(path.parent, ((row["file"], row["sha256"]) for row in rows), table)
    return problems
