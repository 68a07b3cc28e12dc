"""A folder of videos to face tracks: one file a clip, in parallel or on a cluster, resumable, whatever is in it."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import errno
import hashlib
import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from dfdlib.core import cache, disk
from dfdlib.core.errors import DfdError
from dfdlib.data import catalogue
from dfdlib.faces import face_tracks, tracking, video, workers
from dfdlib.faces.tracking import TrackParams

VIDEOS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".ts",
    ".wmv",
    ".flv",
    ".3gp",
    ".mxf",
    ".gif",
)
LONGEST_NAME = 240  # bytes of a file name that leave room for an ending; most file systems take 255
AHEAD_BYTES = 64 << 20  # of frames decoded before they are looked at
STOPS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
)  # the next clip would fail too
LOG = logging.getLogger(__name__)
DONE, SKIPPED, STOPPED = "done", "skipped", "stopped"


@dataclass(frozen=True)
class PrepareParams:
    """From a video to a face track."""

    max_frames: int = 32  # looked at, evenly spaced over the clip; 0 is all
    every: int = 1  # of these only every so-many-th
    margin: float = 0.1  # added on each side of the landmarks' rectangle, as a share of its size
    size: int = 128  # side of the square crop in pixels
    track: TrackParams = field(default_factory=TrackParams)


@dataclass(frozen=True)
class Row:
    """What became of a clip: a line of the folder's ledger."""

    file: str  # below the folder of videos
    stamp: str  # its size, time of change, and the parameters and code: what the result depends on
    status: str  # done, skipped or stopped
    reason: str = ""
    out: str = ""  # below the output folder
    out_bytes: int = 0
    looked_at: int = 0
    with_face: int = 0
    seconds: float = 0.0


def prepare_clip(path: Path, target: Path, params: PrepareParams) -> tuple[int, int]:
    """Write a clip's face track; (frames looked at, frames with a face). DfdError where there is none to write."""
    cv2.setNumThreads(1)
    known = video.index(path)
    wanted = video.sample_indices(len(known), params.max_frames or len(known))[:: params.every]
    depth = max(1, min(4, AHEAD_BYTES // (3 * known.size[0] * known.size[1] + 1)))
    size = known.size
    with face_tracks.writing_track(target, params.size, params.margin) as writer:
        for seen in tracking.follow(video.ahead(video.frames(path, known, wanted), depth), params.track):
            writer.add(seen)
            size = seen.image.shape[1::-1]
        if not writer.rows:
            raise DfdError(f"No face was found in the {writer.looked_at} frames of {path}; leave the clip out.")
        writer.close({"source": path.name, "size": size, "params": dataclasses.asdict(params)})
        return writer.looked_at, len(writer.rows)


def prepare_folder(
    source: Path,
    out: Path,
    params: PrepareParams,
    jobs: int = 1,
    scheduler: str = "",
    show: Callable[[Iterable[Row], int], Iterable[Row]] = lambda rows, total: rows,
) -> list[Row]:
    """Prepare every video below `source`; one row a clip, those of earlier runs included.

    `jobs` processes on this machine, or all workers of a Dask cluster at `scheduler` ("tcp://host:port"), which must
    see both folders. A bad clip is skipped with its reason; a full disk stops the run. Either way what is done stays,
    and the next run goes on. Where `source` has a clips.csv, only what it lists is prepared, and `out` gets its own.
    `show` may report on the rows as they come; it gets their number as well.
    """
    out.mkdir(parents=True, exist_ok=True)
    key = cache.key(__name__, params)
    stamps = {name: stamp(source / name, key) for name in find_videos(source)}
    known = {n: row for n, row in ledger(out).items() if stamps.get(n) == row.stamp and _there(row, out)}
    waiting = {name: stamps[name] for name in stamps if name not in known}
    for row in show(_rows(source, out, waiting, params, jobs, scheduler), len(waiting)):
        if row.status == STOPPED:
            raise DfdError(row.reason)
        LOG.info("%s: %s%s", row.file, row.status, f" ({row.reason})" if row.reason else "")
        add_to_ledger(out, [row])
        known[row.file] = row
    _write_clips(source, out, known)
    return [known[name] for name in stamps]


def find_videos(source: Path) -> list[str]:
    """The videos of a folder, in order: those of its clips.csv, or else every file below it with a video's ending."""
    if not source.is_dir():
        raise DfdError(f"There is no folder {source}; name the one that holds the videos.")
    if (source / "clips.csv").is_file():
        listed = sorted({row["file"] for row in disk.read_table(source / "clips.csv", {"file"})})
        for name in listed:  # what is written goes by the same names below the output folder
            catalogue.check_inside(source, name)
        return listed
    found = [
        os.path.relpath(os.path.join(place, name), source)
        for place, _, names in os.walk(source)
        for name in names
        if name.lower().endswith(VIDEOS)
    ]
    if not found:
        raise DfdError(f"{source} holds no video ({', '.join(VIDEOS)}); name the folder that holds them.")
    return sorted(found)


def stamp(path: Path, key: str) -> str:
    """What a clip's result depends on; a missing file has one too, and is skipped with its own sentence."""
    try:
        state = path.stat()
        return f"{state.st_size}-{state.st_mtime_ns}-{key[:16]}"
    except OSError as error:
        return f"{type(error).__name__}-{key[:16]}"


def ledger(out: Path) -> dict[str, Row]:
    """The last row of each clip; a line that was cut by a stop, or holds something else, is passed over."""
    path, rows = out / "prepared.jsonl", {}
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            row = Row(**json.loads(line))
            if [type(value).__name__ for value in vars(row).values()] == list(Row.__annotations__.values()):
                rows[row.file] = row
    return rows


def add_to_ledger(out: Path, rows: Iterable[Row]) -> None:
    """Put rows into the ledger, on lines of their own also after a line that was cut."""
    with (out / "prepared.jsonl").open("ab+") as book:
        book.seek(max(book.tell() - 1, 0))
        book.write(b"\n" * (book.read(1) not in (b"", b"\n")))
        book.writelines(json.dumps(dataclasses.asdict(row)).encode() + b"\n" for row in rows)


def _there(row: Row, out: Path) -> bool:
    """Whether what a row tells of is still so: its file lies there, in its length."""
    if row.status != DONE:
        return row.status == SKIPPED
    path = out / row.out
    return path.is_file() and path.stat().st_size == row.out_bytes


def target_of(name: str) -> str:
    """The output's name below its folder; very long ones are cut and told apart by a hash."""
    place, file = os.path.split(name)
    raw = file.encode("utf-8", "surrogateescape")
    if len(raw) > LONGEST_NAME:
        file = raw[:200].decode("utf-8", "ignore") + "-" + hashlib.sha256(raw).hexdigest()[:12]
    return os.path.join(place, f"{file}.npz")


def _rows(
    source: Path, out: Path, todo: dict[str, str], params: PrepareParams, jobs: int, scheduler: str
) -> Iterator[Row]:
    work = {name: (source / name, out / target_of(name), name, stamped, params) for name, stamped in todo.items()}

    def crashed(name: str) -> Row:
        face_tracks.partial_track(work[name][1]).unlink(missing_ok=True)
        reason = f"{source / name} makes the decoder crash; convert it to another format."
        return Row(name, todo[name], SKIPPED, reason)

    begun = lambda name: face_tracks.partial_track(work[name][1]).exists()  # noqa: E731
    yield from (row for _, row in workers.in_processes(_safely, work, jobs, scheduler, begun, crashed))


def _safely(path: Path, target: Path, name: str, stamped: str, params: PrepareParams) -> Row:
    """The row of a clip, whatever it holds."""
    start = time.perf_counter()
    try:
        looked_at, with_face = prepare_clip(path, target, params)
    except DfdError as error:
        return Row(name, stamped, SKIPPED, str(error))
    except OSError as error:
        if error.errno in STOPS and error.filename != str(path):
            reason = f"{target.parent} can't be written to ({error.strerror}); free space or name another folder."
            return Row(name, stamped, STOPPED, reason)
        return Row(name, stamped, SKIPPED, f"{path} can't be read ({error.strerror}); copy it again.")
    except Exception as error:  # a defect here must not cost the other clips
        LOG.warning("%s\n%s", path, traceback.format_exc())
        return Row(name, stamped, SKIPPED, f"{path} failed ({type(error).__name__}: {error}); report this.")
    seconds = round(time.perf_counter() - start, 3)
    return Row(name, stamped, DONE, "", target_of(name), target.stat().st_size, looked_at, with_face, seconds)


def _write_clips(source: Path, out: Path, known: dict[str, Row]) -> None:
    """A clips.csv for the prepared clips, where the videos have one: the study reads it as it reads that."""
    if not (source / "clips.csv").is_file():
        return
    rows = disk.read_table(source / "clips.csv", {"file"})
    kept = [row | {"file": known[row["file"]].out} for row in rows if known[row["file"]].status == DONE]
    partial = out / "clips.csv.partial"
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name is not None])
        writer.writeheader()
        writer.writerows(kept)
    partial.replace(out / "clips.csv")
