"""Clips and stills: the embedded set, UADFV as videos or face crops, a folder of videos, CelebA."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from dfdlib import cache, paths
from dfdlib.errors import DfdError
from dfdlib.profile import Study

LABELS = {"real": 0, "fake": 1}
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
    """The study's clips, from the embedded set, `DFD_UADFV` or `DFD_VIDEOS`; DfdError where they are missing."""
    loaders = {"embedded": embedded, "uadfv": uadfv, "folder": video_folder}
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


def read_table(path: Path, columns: set[str]) -> list[dict[str, str]]:
    """The rows of a CSV file; DfdError where it is missing or lacks a column."""
    if not path.is_file():
        raise DfdError(f"There is no {path}; data/README.md says what the folder must hold.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            reader = csv.DictReader(file)
            rows = list(reader)
    except UnicodeDecodeError:
        raise DfdError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from None
    missing = sorted(columns - set(reader.fieldnames or ()))
    if missing:
        raise DfdError(f"{path} has no column {missing[0]!r}; it needs: {', '.join(sorted(columns))}.")
    if not rows:
        raise DfdError(f"{path} has no row below its header; add a row for each clip or image.")
    return rows


def _clip(row: dict[str, str], folder: Path, dataset: str) -> Clip:
    if row["label"] not in ("0", "1"):
        raise DfdError(f"{folder / 'clips.csv'}: label of {row['file']} is {row['label']!r}; 0 is real, 1 is fake.")
    if not (row["pair"] and row["person"]):
        raise DfdError(f"{folder / 'clips.csv'}: {row['file']} has no pair or no person; fill in both, or it may leak.")
    path = folder / row["file"]
    if not path.is_file():
        raise DfdError(f"{folder / 'clips.csv'} names {row['file']}, which is not in {folder}; add it or drop the row.")
    label, donor = int(row["label"]), row.get("donor") or None
    return Clip(row["clip_id"], path, label, row["pair"], row["person"], dataset, donor, row.get("split", ""))


def uadfv() -> list[Clip]:
    """UADFV from `DFD_UADFV`: `real/NNNN.mp4` and `fake/NNNN_fake.mp4`, or folders of face crops of these names.

    Videos are checked against the manifest first (`verify_uadfv`). A fake NNNN_fake is made from real NNNN.
    """
    folder = paths.uadfv()
    if any((folder / "real").glob("*.mp4")):
        problems = verify_uadfv(folder)
        if problems:
            raise DfdError(f"{folder} is not the UADFV of the manifest: {problems[0]} (`dfd data verify` lists all).")
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
    if len(found) < 10:
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
    if not damaged:
        return list(files)
    what = f"{len(damaged)} of {len(files)} images cannot be read, the first is {damaged[0]}"
    if len(damaged) > max(1, SPOILED * len(files)) or len(damaged) == len(files):
        raise DfdError(f"{what}; copy the folder again.")
    warnings.warn(f"{what}; they are left out.", stacklevel=2)
    return [path for path in files if path not in set(damaged)]


def _decodes(path: Path) -> bool:
    try:
        with Image.open(path) as image:  # OpenCV fills the rest of a truncated file with grey and says nothing
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return True


def check_labels(labels: Iterable[int]) -> None:
    """DfdError where a label is not 0 (real) or 1 (fake)."""
    wrong = [label for label in labels if label not in (0, 1)]
    if wrong:
        raise DfdError(f"The label {wrong[0]} is neither 0 (real) nor 1 (fake); correct the table.")
