"""Celeb-DF, version 1 or 2, in the folders in which it is published. No video is opened: the names say everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dfdlib.core import disk
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue
from dfdlib.data.catalogue import Clip

FAKE = "(id[0-9]+)_(id[0-9]+)_([0-9]+)"
TEST_LIST = "List_of_testing_videos.txt"
LISTED_AS = {"Celeb-real": "1", "YouTube-real": "1", "Celeb-synthesis": "0"}  # the list's 1 is real, unlike our label
MOST_BYTES = 2**22  # of the list


def clips(folder: Path, study: Study) -> list[Clip]:
    """idX_NNNN.mp4 and NNNNN.mp4 are real, idX_idY_NNNN.mp4 is a fake: video NNNN of idX with the face of idY.

    Nobody in YouTube-real is identified: each of its videos counts as another person. With `split: person` the clips
    name no part. With "published" the published list is the test part, and other clips that share a pair with it are
    left out, because the list separates fakes from their originals. People are still on both sides.
    Raises DfdError where something is missing.
    """
    found = [
        Clip(path.stem, path, 0, path.stem, person, "celebdf")
        for (person, _), path in catalogue.videos(folder / "Celeb-real", "(id[0-9]+)_([0-9]+)")
    ]
    found += [
        Clip(path.stem, path, 0, path.stem, f"youtube{number}", "celebdf")
        for (number,), path in catalogue.videos(folder / "YouTube-real", "([0-9]+)")
    ]
    found += [
        Clip(path.stem, path, 1, f"{person}_{number}", person, "celebdf", donor)
        for (person, donor, number), path in catalogue.videos(folder / "Celeb-synthesis", FAKE)
    ]
    found = catalogue.with_original(found)
    return found if study.celebdf.split == "person" else _published(found, folder / TEST_LIST)


def _published(found: list[Clip], path: Path) -> list[Clip]:
    """The listed clips as the test part, then the other clips that share no pair with them."""
    listed = _listed(path, {_name(clip) for clip in found})
    tested = [replace(clip, split="test") for clip in found if _name(clip) in listed]
    pairs = {clip.pair for clip in tested}
    return tested + [clip for clip in found if clip.pair not in pairs]


def _name(clip: Clip) -> str:
    return f"{clip.path.parent.name}/{clip.path.name}"


def _listed(path: Path, known: set[str]) -> set[str]:
    """The names, such as "YouTube-real/00170.mp4", of the published test videos; each line is checked."""
    try:
        lines = disk.read_bytes(path, MOST_BYTES).decode("utf-8-sig").splitlines()
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is missing or not text ({disk.why(error)}); copy the published list there.") from None
    listed = {}
    for number, line in enumerate(lines, 1):
        label, _, name = line.strip().replace("\\", "/").partition(" ")
        if label and LISTED_AS.get(name.partition("/")[0]) != label:
            what = f'"{line.strip()[:80]}", neither 1 with a real video nor 0 with a fake one'
            raise DfdError(f"{path}: line {number} is {what}; copy the published list again.")
        listed[name] = None
    listed.pop("", None)
    if not listed:
        raise DfdError(f"{path} names no video; copy the published list again.")
    missing = [name for name in listed if name not in known]
    catalogue.leave_out(missing, len(listed), f"videos listed in {path} are missing", "copy them")
    return set(listed) & known
