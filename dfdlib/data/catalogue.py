"""What a clip is, and what every data set's adapter checks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfdlib.core.errors import DfdError

LABELS = {"real": 0, "fake": 1}
SPOILED = 0.05  # a run goes on without damaged images as long as they are no larger share than this, or a single one


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


def clip_of_row(row: dict[str, str], folder: Path, dataset: str) -> Clip:
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


def leave_out(spoiled: Sequence[object], total: int, what: str, remedy: str) -> None:
    """Warn that a few of `total` things are left out; DfdError with the remedy where they are too many or all."""
    if not spoiled:
        return
    sentence = f"{len(spoiled)} of {total} {what}, the first is {spoiled[0]}"
    if len(spoiled) > max(1, SPOILED * total) or len(spoiled) == total:
        raise DfdError(f"{sentence}; {remedy}.")
    warnings.warn(f"{sentence}; they are left out.", stacklevel=3)


def check_labels(labels: Iterable[int]) -> None:
    """DfdError where a label is not 0 (real) or 1 (fake)."""
    wrong = [label for label in labels if label not in (0, 1)]
    if wrong:
        raise DfdError(f"The label {wrong[0]} is neither 0 (real) nor 1 (fake); correct the table.")
