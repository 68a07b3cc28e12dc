"""Every data set that a study can name, its clips and their split; still faces for super-resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dfdlib.core import disk, image_files, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue, celebdf, ffpp, splits, uadfv
from dfdlib.data.catalogue import Clip

FEWEST_IMAGES = 10  # below which a folder cannot be CelebA's


def embedded_clips(folder: Path, study: Study) -> list[Clip]:
    """The rendered clips (synthetic) with the fakes that the study takes."""
    return catalogue.of_table(folder / "easy" if study.embedded.fakes == "easy" else folder, study)


def embedded_stills(study: Study) -> pd.DataFrame:
    """The committed, rendered stills (synthetic), with the split by person of the clips."""
    table = pd.DataFrame(disk.read_table(paths.embedded() / "stills.csv", {"file", "person", "split"}))
    table["path"] = [paths.embedded() / name for name in table["file"]]
    train = table[table["split"] != "test"].head(study.superres.images)
    test = table[table["split"] == "test"].head(study.superres.images)
    return pd.concat([train.assign(split="train"), test])[["path", "person", "split"]].reset_index(drop=True)


def celeba_stills(study: Study) -> pd.DataFrame:
    """CelebA's images in the order of their names, the first 80 % to train on and the rest to test on, as in the paper.

    CelebA's identity file does not come with the images, so every image counts as another person.
    """
    found = readable(celeba_images()[: study.superres.images])
    n_train = training_images(len(found), study)
    split = ["train"] * n_train + ["test"] * (len(found) - n_train)
    return pd.DataFrame({"path": found, "person": [p.stem for p in found], "split": split})


def training_images(count: int, study: Study) -> int:
    """How many of `count` images are trained on; DfdError where none is left to train or to test on."""
    n_train = round(study.superres.train_share * count)
    if not 0 < n_train < count:
        share = f"superres.train_share of {study.superres.train_share:g} leaves none of {count} images"
        raise DfdError(f"{share} for {'testing' if n_train else 'training'}; change it in the study {study.name}.")
    return n_train


def celeba_images() -> list[Path]:
    """The .jpg files of `DFD_CELEBA`, sorted; DfdError where there are too few for CelebA."""
    found = sorted(paths.celeba().glob("*.jpg"))
    if len(found) < FEWEST_IMAGES:
        raise DfdError(f"{paths.celeba()} holds {len(found)} .jpg images; DFD_CELEBA must name CelebA's image folder.")
    return found


def readable(files: Sequence[Path]) -> list[Path]:
    """The image files that decode to their last row; a warning names the first damaged file and counts them all.

    DfdError where more than SPOILED of them are damaged, or all: something is then wrong with the copy.
    """
    damaged = [path for path in files if not _decodes(path)]
    catalogue.leave_out(damaged, len(files), "images cannot be read", "copy the folder again")
    return [path for path in files if path not in set(damaged)]


def _decodes(path: Path) -> bool:
    try:
        image_files.check_image(disk.read_bytes(path))
    except disk.DAMAGED:
        return False
    return True


@dataclass(frozen=True)
class DataSet:
    """A data set that a study can name.

    `clips` lists a folder's clips by names alone and raises DfdError where something is missing. `check` reads the
    files and raises DfdError where they are not the data set's. `split` applies to clips that name no part.
    """

    title: str
    variable: str  # of the environment; it names the folder
    holds: str  # what that folder must hold
    use: str  # what it is for
    clips: Callable[[Path, Study], list[Clip]]
    split: splits.Split = splits.by_person
    check: Callable[[Path], None] = lambda folder: None
    stills: Callable[[Study], pd.DataFrame] = embedded_stills  # columns path, person, split (train or test)

    def folder(self) -> Path:
        """Its folder; DfdError where its variable is not set or names no folder. The embedded set needs no variable."""
        what = f"{self.title} ({self.holds})"
        return paths.embedded() if self.variable == "DFD_DATA" else paths.given(self.variable, what)


# Keyed by the word after `dataset:` in a study.
DATA_SETS = {
    "embedded": DataSet(
        "embedded", "DFD_DATA", "clips.csv", "the default study; every other takes it in 02 or 07", embedded_clips
    ),
    "uadfv": DataSet(
        "UADFV", "DFD_UADFV", "real/ and fake/", "the study uadfv, the paper's", uadfv.clips, uadfv.split,
        uadfv.check, celeba_stills
    ),
    "ffpp": DataSet(
        "FaceForensics++", "DFD_FFPP", "original_sequences/ and manipulated_sequences/", "the study ffpp", ffpp.clips
    ),
    "celebdf": DataSet(
        "Celeb-DF", "DFD_CELEBDF", "Celeb-real/, YouTube-real/ and Celeb-synthesis/", "the study celebdf",
        celebdf.clips, splits.by_person_and_donor
    ),
    "folder": DataSet(
        "your videos", "DFD_VIDEOS", "clips.csv", "the study yours; a further test in 07", catalogue.of_table
    ),
}  # fmt: skip


def data_set(study: Study) -> DataSet:
    """The study's data set; DfdError for a word that names none."""
    if study.dataset not in DATA_SETS:
        path = paths.studies() / f"{study.name}.yaml"
        raise DfdError(f"{path}: dataset is {study.dataset[:80]!r}; choose one of: {', '.join(DATA_SETS)}.")
    return DATA_SETS[study.dataset]


def clips(study: Study, check: bool = True) -> list[Clip]:
    """The study's clips; DfdError where they are missing or, with `check`, not those of the data set."""
    known = data_set(study)
    folder = known.folder()
    if check:
        known.check(folder)
    found = known.clips(folder, study)
    catalogue.check_ids((clip.clip_id, clip.path) for clip in found)
    return _first_people(found, study.people) if study.people else found


def _first_people(found: list[Clip], people: int) -> list[Clip]:
    keep = {
        person
        for split in {c.split for c in found}  # one part, without a name, where the split is made later
        for person in sorted({c.person for c in found if c.split == split})[:people]
    }
    return [c for c in found if c.person in keep]


def split(study: Study, found: Sequence[Clip]) -> list[Clip]:
    """The clips of the study with their parts, no pair in two of them; DfdError where that is impossible."""
    return splits.split(found, study.seed, data_set(study).split)


def stills(study: Study) -> pd.DataFrame:
    """Still faces for super-resolution: columns `path`, `person`, `split` (train or test)."""
    return data_set(study).stills(study)
