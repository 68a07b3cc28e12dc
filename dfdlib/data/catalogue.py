"""What a clip is, what adapters of data sets share, and the adapter of a folder with a table, clips.csv."""

from __future__ import annotations

import itertools
import os
import posixpath
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

    clip_id: str  # of no other clip of the data set; it may contain "/", as a path does
    path: Path
    label: int  # 0 real, 1 fake
    pair: str  # a real clip and the fakes made from it
    person: str  # who is seen (in a fake: whose head)
    dataset: str
    donor: str | None = None
    split: str = ""  # train, val or test where the data set fixes it


def of_table(folder: Path, _: Study) -> list[Clip]:
    """The clips that a folder's clips.csv names: columns file, label, pair, person (clip_id, donor, split optional).

    A clip without a clip_id gets `names`'. DfdError where a row is wrong, or where two rows are of the same file or of
    files with the same bytes.
    """
    table = folder / "clips.csv"
    found = [_clip_of_row(row, table) for row in rows_of(table, {"label", "pair", "person"})]
    same = _same_bytes([clip.path for clip in found])
    if same:
        both = " and ".join(str(path.relative_to(folder)) for path in same[:2])
        raise DfdError(f"{table} lists {both}, which are the same video; keep one row, or a split may leak.")
    return found


def rows_of(table: Path, columns: Iterable[str] = ()) -> list[dict[str, str]]:
    """The rows of a clips.csv, each with its clip_id and with `file` as `inside` writes it.

    DfdError where a column is missing, a file is outside the folder, or a file or a clip_id is there twice.
    """
    rows = disk.read_table(table, {"file", *columns})
    files = [inside(table.parent, row["file"]) for row in rows]
    twice = [file for file, times in Counter(files).items() if times > 1]
    if twice:
        raise DfdError(f"{table} lists {twice[0]} more than once; keep the row with the right label.")
    ids = [row.get("clip_id") or name for row, name in zip(rows, names(files), strict=True)]
    check_ids(zip(ids, files, strict=True))
    return [
        {"clip_id": one} | row | {"clip_id": one, "file": file} for row, one, file in zip(rows, ids, files, strict=True)
    ]


def names(files: Sequence[str]) -> list[str]:
    """A clip_id for each of different files, POSIX paths below their folder: the path without the file's ending.

    Where this is not the file's alone ("a.mp4" and "a.mov"), the ending stays. The stem alone would make one clip of
    real/000.mp4 and fake/000.mp4.
    """
    short = [posixpath.splitext(file)[0] for file in files]
    times = Counter([*short, *(file for file, name in zip(files, short, strict=True) if file != name)])
    return [name if times[name] == 1 else file for file, name in zip(files, short, strict=True)]


def _same_bytes(files: Sequence[Path]) -> list[Path]:
    """The first files that are copies of each other; empty where none is. Only files of equal size are read."""
    sizes: dict[int, list[Path]] = {}
    for path in files:
        sizes.setdefault(path.stat().st_size, []).append(path)
    contents: dict[str, list[Path]] = {}
    for path in itertools.chain(*(some for size, some in sizes.items() if size and len(some) > 1)):
        contents.setdefault(cache.sha256(path), []).append(path)
    return next((some for some in contents.values() if len(some) > 1), [])


def check_ids(known: Iterable[tuple[str, object]]) -> None:
    """DfdError where two clips, (clip_id, path), have one clip_id: their frames and scores would be taken for one's."""
    paths: dict[str, object] = {}
    for clip_id, path in known:
        if clip_id in paths:
            what = f"{paths[clip_id]} and {path} have the same clip_id, {clip_id}"
            raise DfdError(f"{what}; rename one, or give each its own in a column clip_id of clips.csv.")
        paths[clip_id] = path


def _clip_of_row(row: dict[str, str], table: Path) -> Clip:
    name, folder = row["file"], table.parent
    if row["label"] not in ("0", "1"):
        raise DfdError(f"{table}: label of {name} is {row['label']!r}; 0 is real, 1 is fake.")
    if not (row["pair"] and row["person"]):
        raise DfdError(f"{table}: {name} has no pair or no person; fill in both, or the split may leak.")
    if not os.path.isfile(folder / name):  # also where the name is too long, unlike Path.is_file
        raise DfdError(f"{table} names {name}, which is not in {folder}; add it or drop the row.")
    label, donor, split = int(row["label"]), row.get("donor") or None, row.get("split", "")
    return Clip(row["clip_id"], folder / name, label, row["pair"], row["person"], folder.name, donor, split)


def inside(folder: Path, name: str) -> str:
    """A name in clips.csv as the POSIX path below its folder: "real/a.mp4" for "./real//a.mp4" too.

    DfdError where it leads out of the folder, also by a link; the file itself may be missing.
    """
    real, top = os.path.realpath(os.path.join(folder, name)), os.path.realpath(folder)
    if not real.startswith(os.path.join(top, "")) and real != top:
        raise DfdError(f"{folder / 'clips.csv'} names {name}, which leads out of {folder}; move the file inside.")
    plain = os.path.normpath(name)
    away = os.path.isabs(plain) or plain.startswith(os.pardir)
    if away or (plain != name and os.path.realpath(os.path.join(folder, plain)) != real):
        plain = os.path.relpath(real, top)
    return plain.replace(os.sep, "/")


def videos(folder: Path, pattern: str) -> list[tuple[tuple[str, ...], Path]]:
    """The .mp4 files of a folder, sorted, each with what the pattern's groups match in its name.

    Other videos there are left out with a warning; DfdError where they are many, or there is no .mp4 file.
    """
    if not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; data/README.md says how the data set must be laid out.")
    there = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    files = [path for path in there if path.suffix == ".mp4"]
    if not files:
        raise DfdError(f"{folder} holds no .mp4 file; copy the data set's videos there.")
    found = [(re.fullmatch(pattern, path.stem), path) for path in files]
    others = _other_videos(there)
    strange = [path for match, path in found if not match] + others
    leave_out(
        strange, len(files) + len(others), "videos are not named as in the data set", "move them out of the folder"
    )
    return [(match.groups(), path) for match, path in found if match]


def _other_videos(paths: Sequence[Path]) -> list[Path]:
    """Those with another ending than .mp4 that are videos all the same."""
    others = [path for path in paths if path.suffix != ".mp4" and path.is_file()]
    if not others:
        return []
    from dfdlib.data import media_files  # with PyAV, which no published folder needs

    return [path for path in others if media_files.kind(path) == "video"]


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
    sentence = f"{len(spoiled)} of {total} {what} (the first: {spoiled[0]})"
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
            problems.append(f"{name} has a different sha256 from the one in {source}")
    return problems


def check_labels(labels: Iterable[int]) -> None:
    """DfdError where a label is not 0 (real) or 1 (fake)."""
    wrong = [label for label in labels if label not in (0, 1)]
    if wrong:
        raise DfdError(f"The label {wrong[0]} is neither 0 (real) nor 1 (fake); correct the table.")
