"""Clips and stills: the embedded set, UADFV as videos or face crops, a folder of videos, CelebA.

`dfdlib.layouts` reads FaceForensics++ and Celeb-DF.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dfdlib import cache, paths, safe
from dfdlib.errors import DfdError
from dfdlib.profile import Study
from dfdlib.tables import read_table

LABELS = {"real": 0, "fake": 1}
FEWEST_IMAGES = 10  # of CelebA, below which the folder is not its own
SPOILED = 0.05  # a run goes on without damaged images as long as they are no larger share than this, or a single one
# People who return in UADFV under several numbers, judged by eye; everybody else appears once.
UADFV_PEOPLE = ((0, 32, *range(40, 49)), (9, 13, 19), (5, 10, 12, 16), (24, 31), (14, 15), (21, 22))
# The published pair-disjoint test part (14 + 14 videos), from CatoGit's uadfv_test.csv.
UADFV_TEST = (1, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 19, 21, 22)
UADFV_PAIRS = 49


@dataclass(frozen=True)
class Clip:
    """One clip. `path` is a video file or a folder of face crops; `donor` gave a fake its face, where known."""

    clip_id: str
    path: Path
    label: int  # 0 real, 1 fake
    pair: str  # a real clip and the fakes made from it
    person: str  # who is seen (in a fake: whose head)
    dataset: str
    donor: str | None = None
    split: str = ""  # train, val or test where the data set fixes it


def clips(study: Study) -> list[Clip]:
    """The study's clips, from the embedded set or the folder that a variable names; DfdError where they are missing."""
    from dfdlib import layouts  # which takes Clip from here

    loaders = {"embedded": embedded, "uadfv": uadfv, "folder": video_folder}
    loaders |= {"ffpp": lambda: layouts.ffpp(study.ffpp), "celebdf": lambda: layouts.celebdf(study.celebdf)}
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
    rows = read_table(paths.embedded() / "clips.csv", {"clip_id", "file", "label", "pair", "person", "donor", "split"})
    return [_clip(row, paths.embedded(), "embedded") for row in rows]


def video_folder() -> list[Clip]:
    """The reader's own videos, named in `DFD_VIDEOS/clips.csv`: file, label, pair, person (donor, split optional)."""
    folder = paths.videos()
    rows = read_table(folder / "clips.csv", {"file", "label", "pair", "person"})
    twice = [file for file, times in Counter(row["file"] for row in rows).items() if times > 1]
    if twice:
        raise DfdError(f"{folder / 'clips.csv'} lists {twice[0]} more than once; keep the row with the right label.")
    return [_clip({"clip_id": Path(row["file"]).stem} | row, folder, folder.name) for row in rows]


def _clip(row: dict[str, str], folder: Path, dataset: str) -> Clip:
    if row["label"] not in ("0", "1"):
        raise DfdError(f"{folder / 'clips.csv'}: label of {row['file']} is {row['label']!r}; 0 is real, 1 is fake.")
    if not (row["pair"] and row["person"]):
        raise DfdError(f"{folder / 'clips.csv'}: {row['file']} has no pair or no person; fill in both, or it may leak.")
    path = _inside(folder, row["file"])
    label, donor = int(row["label"]), row.get("donor") or None
    return Clip(row["clip_id"], path, label, row["pair"], row["person"], dataset, donor, row.get("split", ""))


def _inside(folder: Path, name: str) -> Path:
    """The file of a table's row; DfdError where it is missing or leads out of the folder, also by a link."""
    check_inside(folder, name)
    path = folder / name
    try:
        found = path.is_file()
    except OSError:  # a name that is too long
        found = False
    if not found:
        raise DfdError(f"{folder / 'clips.csv'} names {name}, which is not in {folder}; add it or drop the row.")
    return path


def check_inside(folder: Path, name: str) -> None:
    """DfdError where a name of the folder's clips.csv leads out of the folder, also by a link; it may be missing."""
    try:
        inside = (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a name that is too long, or links that go round
        inside = True
    if not inside:
        raise DfdError(f"{folder / 'clips.csv'} names {name}, which leads out of {folder}; put the file there.")


def uadfv() -> list[Clip]:
    """UADFV from `DFD_UADFV`: `real/NNNN.mp4` and `fake/NNNN_fake.mp4`, or folders of face crops of these names.

    Videos are checked against the manifest first (`verify_uadfv`). A fake NNNN_fake is made from real NNNN.
    """
    folder = paths.uadfv()
    if any((folder / "real").glob("*.mp4")):
        problems = verify_uadfv(folder)
        if problems:
            raise DfdError(f"{folder} is not the UADFV of the manifest: {problems[0]} (`dfd data verify` lists all).")
    return uadfv_listed(folder)


def uadfv_listed(folder: Path) -> list[Clip]:
    """The 98 clips by their names alone; DfdError where one is missing."""
    found = [_uadfv_clip(folder, kind, number) for number in range(UADFV_PAIRS) for kind in LABELS]
    missing = [clip.path for clip in found if not clip.path.exists()]
    if missing:
        raise DfdError(
            f"{folder} lacks {len(missing)} of {len(found)} UADFV clips, the first is {missing[0]}; copy it."
        )
    return found


def _uadfv_clip(folder: Path, kind: str, number: int) -> Clip:
    name = f"{number:04d}" + ("_fake" if kind == "fake" else "")
    video = folder / kind / f"{name}.mp4"
    person = next((min(group) for group in UADFV_PEOPLE if number in group), number)
    return Clip(
        clip_id=name,
        path=video if video.exists() else folder / kind / name,
        label=LABELS[kind],
        pair=f"{number:04d}",
        person=f"person{person:02d}",
        dataset="uadfv",
        donor="uadfv-donor" if kind == "fake" else None,  # every fake of UADFV wears the same donor's face
    )


def verify_uadfv(folder: Path) -> list[str]:
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


def stills(study: Study) -> pd.DataFrame:
    """Still faces for super-resolution: columns `path`, `person`, `split` (train or test).

    The embedded stills keep the split by person of the clips; CelebA's images (`DFD_CELEBA`) are taken in
    the order of their names, the first 80 % to train on and the rest to test on, as in the paper.
    """
    if study.dataset == "uadfv":
        return _celeba(study.superres.images, study.superres.train_share)
    rows = read_table(paths.embedded() / "stills.csv", {"file", "person", "split"})
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
    leave_out(damaged, len(files), "images cannot be read", "copy the folder again")
    return [path for path in files if path not in set(damaged)]


def leave_out(spoiled: Sequence[object], total: int, what: str, remedy: str) -> None:
    """Warn that a few of `total` things are left out; DfdError with the remedy where they are too many or all."""
    if not spoiled:
        return
    sentence = f"{len(spoiled)} of {total} {what}, the first is {spoiled[0]}"
    if len(spoiled) > max(1, SPOILED * total) or len(spoiled) == total:
        raise DfdError(f"{sentence}; {remedy}.")
    warnings.warn(f"{sentence}; they are left out.", stacklevel=3)


def _decodes(path: Path) -> bool:
    try:
        safe.check_image(safe.read_bytes(path))
    except safe.DAMAGED:
        return False
    return True


def check_labels(labels: Iterable[int]) -> None:
    """DfdError where a label is not 0 (real) or 1 (fake)."""
    wrong = [label for label in labels if label not in (0, 1)]
    if wrong:
        raise DfdError(f"The label {wrong[0]} is neither 0 (real) nor 1 (fake); correct the table.")
