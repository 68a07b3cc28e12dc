"""What a clip is, what adapters of data sets share, and the adapter of a folder with a table, clips.csv."""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfdlib.core import cache, disk
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study

LABELS = {"real": 0, "fake": 1}
SPOILED = 0.05  # a run leaves out damaged or unknown files up to this share of all, or a single one


@dataclass(frozen=True)
class Clip:
    """One clip. `path` is a video file or a folder of face crops; `donor` is whose face a fake shows, where known."""

    clip_id: str
    path: Path
    label: int  # 0 real, 1 fake
    pair: str  # a real clip and the fakes made from it
    person: str  # who is seen (in a fake: whose head)
    dataset: str
    donor: str | None = None
    split: str = ""  # train, val or test where the data set fixes it


def of_table(folder: Path, _: Study) -> list[Clip]:
    """The clips that a folder's clips.csv names: columns file, label, pair, person (clip_id, donor, split optional).

    DfdError where a row is wrong, or where two rows are of the same file or of files with the same bytes.
    """
    table = folder / "clips.csv"
    rows = disk.read_table(table, {"file", "label", "pair", "person"})
    twice = [file for file, times in Counter(row["file"] for row in rows).items() if times > 1]
    if twice:
        raise DfdError(f"{table} lists {twice[0]} more than once; keep the row with the right label.")
    found = [_clip_of_row(row, table) for row in rows]
    same = _same_bytes([clip.path for clip in found])
    if same:
        names = " and ".join(str(path.relative_to(folder)) for path in same[:2])
        raise DfdError(f"{table} lists {names}, which are the same video; keep one row, or a split may leak.")
    return found


def _same_bytes(files: Sequence[Path]) -> list[Path]:
    """The first files that are copies of each other; empty where none is. Only files of equal size are read."""
    sizes: dict[int, list[Path]] = {}
    for path in files:
        sizes.setdefault(path.stat().st_size, []).append(path)
    contents: dict[str, list[Path]] = {}
    for path in itertools.chain(*(some for size, some in sizes.items() if size and len(some) > 1)):
        contents.setdefault(cache.sha256(path), []).append(path)
    return next((some for some in contents.values() if len(some) > 1), [])


def check_ids(clips: Sequence[Clip]) -> None:
    """DfdError where two clips have the same clip_id: their frames and scores would be taken for one clip's."""
    known: dict[str, Clip] = {}
    for clip in clips:
        other = known.setdefault(clip.clip_id, clip)
        if other is not clip:
            what = f"{other.path} and {clip.path} have the same clip_id, {clip.clip_id}"
            raise DfdError(f"{what}; rename one, or give each its own in a column clip_id of clips.csv.")


def _clip_of_row(row: dict[str, str], table: Path) -> Clip:
    name, folder = row["file"], table.parent
    if row["label"] not in ("0", "1"):
        raise DfdError(f"{table}: label of {name} is {row['label']!r}; 0 is real, 1 is fake.")
    if not (row["pair"] and row["person"]):
        raise DfdError(f"{table}: {name} has no pair or no person; fill in both, or it may leak.")
    check_inside(folder, name)
    if not os.path.isfile(folder / name):  # also where the name is too long, unlike Path.is_file
        raise DfdError(f"{table} names {name}, which is not in {folder}; add it or drop the row.")
    clip_id, donor, split = row.get("clip_id") or Path(name).stem, row.get("donor") or None, row.get("split", "")
    return Clip(clip_id, folder / name, int(row["label"]), row["pair"], row["person"], folder.name, donor, split)


def check_inside(folder: Path, name: str) -> None:
    """DfdError where a name in clips.csv leads out of its folder, also by a link; the file itself may be missing."""
    if not Path(os.path.realpath(folder / name)).is_relative_to(os.path.realpath(folder)):
        raise DfdError(f"{folder / 'clips.csv'} names {name}, which leads out of {folder}; put the file there.")


def videos(folder: Path, pattern: str) -> list[tuple[tuple[str, ...], Path]]:
    """The .mp4 files of a folder, sorted, each with what the pattern's groups match in its name."""
    if not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; data/README.md says how the data set must be laid out.")
    files = sorted(p for p in folder.iterdir() if p.suffix == ".mp4" and not p.name.startswith("."))
    if not files:
        raise DfdError(f"{folder} holds no .mp4 file; copy the data set's videos there.")
    found = [(re.fullmatch(pattern, path.stem), path) for path in files]
    strange = [path for match, path in found if not match]
    leave_out(strange, len(files), "videos have another name than the data set's", "move them out of the folder")
    return [(match.groups(), path) for match, path in found if match]


def with_original(clips: list[Clip]) -> list[Clip]:
    """The clips without those fakes whose original is missing."""
    there = {clip.pair for clip in clips if not clip.label}
    missing = [clip.path for clip in clips if clip.pair not in there]
    fakes = sum(clip.label for clip in clips)
    leave_out(missing, fakes, "fakes have no original video", "copy the originals too")
    return [clip for clip in clips if clip.pair in there]


def leave_out(spoiled: Sequence[object], total: int, what: str, remedy: str) -> None:
    """Warn that a few of `total` items are left out; DfdError with the remedy where they are too many, or all."""
    if not spoiled:
        return
    sentence = f"{len(spoiled)} of {total} {what}, the first is {spoiled[0]}"
    if len(spoiled) > max(1, SPOILED * total) or len(spoiled) == total:
        raise DfdError(f"{sentence}; {remedy}.")
    warnings.warn(f"{sentence}; they are left out.", stacklevel=3)


def differences(folder: Path, known: Iterable[tuple[str, str]], source: str) -> list[str]:
    """Compare files with the (name, sha256) known from `source`; one sentence for each difference."""
    problems = []
    for name, digest in known:
        if not (folder / name).is_file():
            problems.append(f"{name} is missing")
        elif cache.sha256(folder / name) != digest:
            problems.append(f"{name} has another sha256 than {source} says")
    return problems


def check_labels(labels: Iterable[int]) -> None:
    """DfdError where a label is not 0 (real) or 1 (fake)."""
    wrong = [label for label in labels if label not in (0, 1)]
    if wrong:
        raise DfdError(f"The label {wrong[0]} is neither 0 (real) nor 1 (fake); correct the table.")
