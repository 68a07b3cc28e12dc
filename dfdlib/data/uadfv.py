"""UADFV: its people, its files, its checksums and its published split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue
from dfdlib.data.catalogue import Clip

# People who appear in UADFV under several numbers, judged by eye; everybody else appears once. 17 is as close to 0 as
# clips of one person are: their descriptors are 0.49 apart (dlib takes 0.6 and less for one person).
PEOPLE = ((0, 17, 32, *range(40, 49)), (9, 13, 19), (5, 10, 12, 16), (24, 31), (14, 15), (21, 22))
# The published pair-disjoint test part (14 + 14 videos), from CatoGit's uadfv_test.csv.
TEST = (1, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 22)
PAIRS = 49
VALIDATION = (3, 18, 23, 24, 25, 26, 31)  # of the other 35, drawn once among people of at most three pairs


def clips(folder: Path, _: Study) -> list[Clip]:
    """The 98 clips: `real/NNNN.mp4` and the `fake/NNNN_fake.mp4` made from it, or folders of face crops so named."""
    found = [_clip(folder, kind, number) for number in range(PAIRS) for kind in catalogue.LABELS]
    missing = [clip.path for clip in found if not clip.path.exists()]
    if missing:
        what = f"lacks {len(missing)} of {len(found)} UADFV clips (the first: {missing[0]})"
        raise DfdError(f"{folder} {what}; copy what is missing.")
    return found


def _clip(folder: Path, kind: str, number: int) -> Clip:
    name = f"{number:04d}" + ("_fake" if kind == "fake" else "")
    video = folder / kind / f"{name}.mp4"
    person = next((min(group) for group in PEOPLE if number in group), number)
    return Clip(
        clip_id=name,
        path=video if video.exists() else folder / kind / name,
        label=catalogue.LABELS[kind],
        pair=f"{number:04d}",
        person=f"person{person:02d}",
        dataset="uadfv",
        donor="uadfv-donor" if kind == "fake" else None,  # every fake of UADFV wears the same donor's face
    )


def check(folder: Path) -> None:
    """DfdError where the folder's videos do not match the manifest; face crops are not in it."""
    problems = verify(folder) if any((folder / "real").glob("*.mp4")) else []
    if problems:
        what = f"is not the UADFV of the manifest: {problems[0]}"
        raise DfdError(f"{folder} {what}; copy it again (`dfd data verify {folder}` lists all).")


def verify(folder: Path) -> list[str]:
    """Compare a folder of UADFV videos with the committed sha256 manifest; one sentence for each difference."""
    lines = (paths.assets() / "uadfv_manifest.txt").read_text(encoding="utf-8").splitlines()
    return catalogue.differences(folder, (line.split()[:2] for line in lines), "the manifest")


def split(clips: Sequence[Clip], _: int) -> list[Clip]:
    """The published 35 + 35 / 14 + 14 split by pair, with the pairs of VALIDATION taken from the 35.

    According to PEOPLE nobody is in two parts, so near-duplicate clips stay together.
    """
    part = {f"{number:04d}": "test" if number in TEST else "val" for number in (*TEST, *VALIDATION)}
    return [replace(clip, split=part.get(clip.pair, "train")) for clip in clips]
