"""Clips and stills: the embedded set, UADFV as videos or face crops, a folder of videos, CelebA.

`dfdlib.layouts` reads FaceForensics++ and Celeb-DF.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue, uadfv
from dfdlib.data.catalogue import Clip

FEWEST_IMAGES = 10  # of CelebA, below which the folder is not its own


def clips(study: Study) -> list[Clip]:
    """The study's clips, from the embedded set or the folder that a variable names; DfdError where they are missing."""
    from dfdlib.data import published

    loaders = {"embedded": embedded, "uadfv": uadfv.clips, "folder": video_folder}
    loaders |= {"ffpp": lambda: published.ffpp(study.ffpp), "celebdf": lambda: published.celebdf(study.celebdf)}
    found = loaders[study.dataset]()
    return _first_people(found, study.people) if study.people else found


def _first_people(found: list[Clip], people: int) -> list[Clip]:
    keep = {
        person
        for split in {c.split for c in found}  # one part, without a name, where the split is made later
        for person in sorted({c.person for c in found if c.split == split})[:people]
    }
    return [c for c in found if c.person in keep]


def embedded() -> list[Clip]:
    """The committed, rendered clips (synthetic)."""
    rows = disk.read_table(
        paths.embedded() / "clips.csv", {"clip_id", "file", "label", "pair", "person", "donor", "split"}
    )
    return [catalogue.clip_of_row(row, paths.embedded(), "embedded") for row in rows]


def video_folder() -> list[Clip]:
    """The reader's own videos, named in `DFD_VIDEOS/clips.csv`: file, label, pair, person (donor, split optional)."""
    folder = paths.videos()
    rows = disk.read_table(folder / "clips.csv", {"file", "label", "pair", "person"})
    twice = [file for file, times in Counter(row["file"] for row in rows).items() if times > 1]
    if twice:
        raise DfdError(f"{folder / 'clips.csv'} lists {twice[0]} more than once; keep the row with the right label.")
    return [catalogue.clip_of_row({"clip_id": Path(row["file"]).stem} | row, folder, folder.name) for row in rows]


def stills(study: Study) -> pd.DataFrame:
    """Still faces for super-resolution: columns `path`, `person`, `split` (train or test).

    The embedded stills keep the split by person of the clips; CelebA's images (`DFD_CELEBA`) are taken in
    the order of their names, the first 80 % to train on and the rest to test on, as in the paper.
    """
    if study.dataset == "uadfv":
        return _celeba(study.superres.images, study.superres.train_share)
    rows = disk.read_table(paths.embedded() / "stills.csv", {"file", "person", "split"})
    table = pd.DataFrame(rows)
    table["path"] = [paths.embedded() / name for name in table["file"]]
    train = table[table["split"] != "test"].head(study.superres.images)
    test = table[table["split"] == "test"].head(study.superres.images)
    return pd.concat([train.assign(split="train"), test])[["path", "person", "split"]].reset_index(drop=True)


def _celeba(images: int, train_share: float) -> pd.DataFrame:
    found = sorted(paths.celeba().glob("*.jpg"))[:images]
    found = readable(found) if found else found
    if len(found) < FEWEST_IMAGES:
        raise DfdError(f"{paths.celeba()} holds {len(found)} .jpg images; DFD_CELEBA must name CelebA's image folder.")
    n_train = round(train_share * len(found))
    split = ["train"] * n_train + ["test"] * (len(found) - n_train)
    # CelebA's identity file is not part of the images; every image counts as a person of its own.
    return pd.DataFrame({"path": found, "person": [p.stem for p in found], "split": split})


def readable(files: Sequence[Path]) -> list[Path]:
    """The image files that decode to their last row; a warning names the first damaged one and counts them all.

    DfdError where more than SPOILED of them are damaged, or all: then something is wrong with the copy.
    """
    damaged = [path for path in files if not _decodes(path)]
    catalogue.leave_out(damaged, len(files), "images cannot be read", "copy the folder again")
    return [path for path in files if path not in set(damaged)]


def _decodes(path: Path) -> bool:
    try:
        disk.check_image(disk.read_bytes(path))
    except disk.DAMAGED:
        return False
    return True
