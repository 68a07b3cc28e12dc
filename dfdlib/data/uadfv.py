"""UADFV: its people, its published split, and its files in the folder that DFD_UADFV names."""

from __future__ import annotations

from pathlib import Path

from dfdlib.core import cache, paths
from dfdlib.core.errors import DfdError
from dfdlib.data import catalogue
from dfdlib.data.catalogue import Clip

# People who return in UADFV under several numbers, judged by eye; everybody else appears once.
PEOPLE = ((0, 32, *range(40, 49)), (9, 13, 19), (5, 10, 12, 16), (24, 31), (14, 15), (21, 22))
# The published pair-disjoint test part (14 + 14 videos), from CatoGit's uadfv_test.csv.
TEST = (1, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 22)
PAIRS = 49


def clips() -> list[Clip]:
    """UADFV from `DFD_UADFV`: `real/NNNN.mp4` and `fake/NNNN_fake.mp4`, or folders of face crops of these names.

    Videos are checked against the manifest first (`verify_uadfv`). A fake NNNN_fake is made from real NNNN.
    """
    folder = paths.uadfv()
    if any((folder / "real").glob("*.mp4")):
        problems = verify(folder)
        if problems:
            raise DfdError(f"{folder} is not the UADFV of the manifest: {problems[0]} (`dfd data verify` lists all).")
    return listed(folder)


def listed(folder: Path) -> list[Clip]:
    """The 98 clips by their names alone; DfdError where one is missing."""
    found = [_clip(folder, kind, number) for number in range(PAIRS) for kind in catalogue.LABELS]
    missing = [clip.path for clip in found if not clip.path.exists()]
    if missing:
        raise DfdError(
            f"{folder} lacks {len(missing)} of {len(found)} UADFV clips, the first is {missing[0]}; copy it."
        )
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


def verify(folder: Path) -> list[str]:
    """Compare a folder of UADFV videos with the committed sha256 manifest; one sentence for each difference."""
    problems = []
    for line in (paths.assets() / "uadfv_manifest.txt").read_text().splitlines():
        name, digest, size = line.split()
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != int(size):
            problems.append(f"{name} has {path.stat().st_size} bytes instead of {size}")
        elif cache.sha256(path) != digest:
            problems.append(f"{name} has another sha256 than the manifest's")
    return problems
