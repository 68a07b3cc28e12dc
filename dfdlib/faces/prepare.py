"""From a folder of videos to face tracks: one file per clip, in parallel or on a cluster, resumable."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import filelock
import joblib
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from dfdlib.core import cache, disk, parallel
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.data import catalogue, media_files
from dfdlib.faces import face_tracks

LONGEST_NAME = 240  # bytes of a file name, which leave room for an ending; most file systems take 255
STOPS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM)  # the next clip fails too
DONE, SKIPPED, STOPPED = "done", "skipped", "stopped"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """The result for a clip: a line of the folder's ledger."""

    file: str  # below the folder of videos
    stamp: str  # its size, time of change, and the parameters and code: what the result depends on
    status: str  # done, skipped or stopped
    reason: str = ""
    out: str = ""  # below the output folder
    out_bytes: int = 0
    looked_at: int = 0
    with_face: int = 0
    seconds: float = 0.0
    trace: str = ""  # of a defect in this program, from the worker process; it goes to the log


@dataclass(frozen=True)
class _Job:
    """A clip to prepare."""

    path: Path
    target: Path
    file: str
    stamp: str
    params: FaceParams
    follow: bool


def prepare_folder(
    source: Path,
    out: Path,
    params: FaceParams,
    jobs: int = 1,
    scheduler: str = "",
    show: Callable[[Iterable[Row], int], Iterable[Row]] = lambda rows, total: rows,
    follow: bool = False,
    tell: Callable[[str], object] = lambda sentence: None,
) -> list[Row]:
    """Prepare every video below `source`; one row per clip, including those of earlier runs.

    A study with the same `params` then finds in `out` what it finds in the videos. `follow` is faster where all frames
    are looked at, and moves the landmarks a little. The work is done by `jobs` processes on this machine, or by all
    workers of a Dask cluster at `scheduler` ("tcp://host:port"), which must see both folders.
    A bad clip is skipped with its reason; a full disk stops the run. Finished clips stay in both cases, and the next
    run resumes. Where `source` has a clips.csv, only what it lists is prepared, and `out` gets its own clips.csv.
    `show` gets the rows as they come, and their number, to report them; `tell` gets a sentence on other files that are
    left out. DfdError where another run writes to `out`, or nothing can be written there.
    """
    check_out(source, out)
    with _alone(out):
        key = cache.key(__name__, params, follow)
        stamps = {name: stamp(source / name, key) for name in find_videos(source, tell)}
        known = {n: row for n, row in ledger(out).items() if stamps.get(n) == row.stamp and _there(row, out)}
        waiting = {
            name: _Job(source / name, out / target_of(name), name, stamps[name], params, follow)
            for name in stamps
            if name not in known
        }
        for row in show(_rows(waiting, jobs, scheduler), len(waiting)):
            if row.status == STOPPED:
                raise DfdError(row.reason)
            LOG.info("%s: %s%s", row.file, row.status, f" ({row.reason})" if row.reason else "")
            if row.trace:
                LOG.error("%s\n%s", row.file, row.trace)
            known[row.file] = replace(row, trace="")
            add_to_ledger(out, [known[row.file]])
        _write_clips(source, out, known)
        return [known[name] for name in stamps]


def check_out(source: Path, out: Path) -> None:
    """DfdError where the face tracks would be written among the videos."""
    if out.resolve() == source.resolve():
        raise DfdError(f"{out} is the folder of the videos itself; name another one for the face tracks.")


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Refuse at once to write where another run does: each would take the other's files for its own."""
    with disk.explained(out, "name another folder"):
        out.mkdir(parents=True, exist_ok=True)
        try:
            held = filelock.FileLock(out / "prepare.lock").acquire(timeout=0)
        except filelock.Timeout:
            raise DfdError(f"Another run is writing to {out}; wait for it to end or name another folder.") from None
    with held:
        yield


def find_videos(source: Path, tell: Callable[[str], object] = lambda sentence: None) -> list[str]:
    """The videos of a folder, in order: those of its clips.csv, or else every file below it that is one.

    `tell` gets a sentence on the other files. DfdError where there is no video.
    """
    if not source.is_dir():
        what = f"{source} is a file" if source.exists() else f"There is no folder {source}"
        raise DfdError(f"{what}; name the folder with the videos.")
    if (source / "clips.csv").is_file():
        return sorted(row["file"] for row in catalogue.rows_of(source / "clips.csv"))
    found, left = media_files.below(source, ("video",))
    if not found:
        only = f", only {media_files.reasons(left, source)}" if left else ""
        raise DfdError(f"{source} has no video in it{only}; name the folder with the videos.")
    if others := media_files.summary(left, source):
        LOG.info(others)
        tell(others)
    return sorted(str(file).removeprefix(os.path.join(source, "")) for file in found)


def stamp(path: Path, key: str) -> str:
    """What a clip's result depends on. A missing file has a stamp too, and is skipped later with its own sentence."""
    try:
        state = path.stat()
        return f"{state.st_size}-{state.st_mtime_ns}-{key[:16]}"
    except OSError as error:
        return f"{type(error).__name__}-{key[:16]}"


def ledger(out: Path) -> dict[str, Row]:
    """The last row of each clip; a line that a stop truncated, or that is not a row, is passed over."""
    path, rows = out / "prepared.jsonl", {}
    for line in path.read_text(errors="replace", encoding="utf-8").splitlines() if path.is_file() else ():
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            row = Row(**json.loads(line))
            if [type(value).__name__ for value in vars(row).values()] == list(Row.__annotations__.values()):
                rows[row.file] = row
    return rows


def add_to_ledger(out: Path, rows: Iterable[Row]) -> None:
    """Append rows to the ledger, on a new line even after a truncated one."""
    path = out / "prepared.jsonl"
    with disk.explained(path, "name another folder"), path.open("ab+") as book:
        book.seek(max(book.tell() - 1, 0))
        book.write(b"\n" * (book.read(1) not in (b"", b"\n")))
        book.writelines(json.dumps(vars(row)).encode() + b"\n" for row in rows)


def _there(row: Row, out: Path) -> bool:
    """Whether a row still applies: its file is there and has the same size."""
    path = out / row.out
    return row.status == SKIPPED or (path.is_file() and path.stat().st_size == row.out_bytes)


def target_of(name: str) -> str:
    """The output's name below its folder; very long names are cut, and a hash tells them apart."""
    place, file = os.path.split(name)
    raw = file.encode("utf-8", "surrogateescape")
    if len(raw) > LONGEST_NAME:
        file = raw[:200].decode("utf-8", "ignore") + "-" + hashlib.sha256(raw).hexdigest()[:12]
    return os.path.join(place, f"{file}.npz")


def _rows(waiting: dict[str, _Job], jobs: int, scheduler: str) -> Iterator[Row]:
    """The row of each clip as soon as it is done: in `jobs` processes (1: in this one), or on a cluster.

    When a process dies, the clips that had begun are tried once more, each alone; a clip that kills its process again
    is skipped. (A cluster tries them again by itself.)
    """
    left = dict(waiting)
    try:
        with _backend(scheduler):
            parallel = Parallel(-1 if scheduler else jobs, return_as="generator_unordered", batch_size=1)
            # the longest first, so that at the end no process waits for another's long clip
            ordered = sorted(waiting.values(), key=_size, reverse=True) if jobs > 1 or scheduler else waiting.values()
            for row in parallel(delayed(_safely)(job) for job in ordered):
                del left[row.file]
                yield row
        return
    except TerminatedWorkerError:
        LOG.warning("a worker process died; its clips are tried again, each alone")
    begun = [name for name in left if face_tracks.partial_track(left[name].target).exists()]
    for job in [left.pop(name) for name in begun or list(left)]:
        try:
            with _backend(""):
                yield from Parallel(2)([delayed(_safely)(job)])
        except TerminatedWorkerError:
            face_tracks.partial_track(job.target).unlink(missing_ok=True)
            reason = f"{job.path} makes the decoder crash; convert it to another format."
            yield Row(job.file, job.stamp, SKIPPED, reason)
    yield from _rows(left, jobs, scheduler)


def _size(job: _Job) -> int:
    """A clip's bytes, by which its time is estimated; 0 where there is no such file."""
    with contextlib.suppress(OSError):
        return job.path.stat().st_size
    return 0


@contextlib.contextmanager
def _backend(scheduler: str) -> Iterator[None]:
    if not scheduler:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            yield
        return
    with (
        parallel.connected(scheduler) as client,
        joblib.parallel_config("dask", client=client, wait_for_workers_timeout=60),
    ):
        yield


def _safely(job: _Job) -> Row:
    """The row of a clip, whatever it holds."""
    start = time.perf_counter()
    row = Row(job.file, job.stamp, SKIPPED)
    try:
        cv2.setNumThreads(1)
        looked_at, with_face = face_tracks.write_track(job.path, job.target, job.params, job.follow)
    except DfdError as error:
        return replace(row, reason=str(error))
    except OSError as error:
        if error.errno in STOPS and error.filename != str(job.path):
            where = f"{job.target.parent} can't be written to ({error.strerror})"
            return replace(row, status=STOPPED, reason=f"{where}; free space or name another folder.")
        if error.filename in (None, str(job.path)):
            return replace(row, reason=f"{job.path} can't be read ({error.strerror}); copy it again.")
        return replace(row, reason=f"{job.target} can't be written ({error.strerror}); move away what is there.")
    except Exception as error:  # a defect in this program must not cost the other clips
        what = f"{job.path} failed ({type(error).__name__}: {error}); report this."
        return replace(row, reason=what, trace=traceback.format_exc())
    seconds = round(time.perf_counter() - start, 3)
    size = job.target.stat().st_size
    return Row(job.file, job.stamp, DONE, "", target_of(job.file), size, looked_at, with_face, seconds)


def _write_clips(source: Path, out: Path, known: dict[str, Row]) -> None:
    """Where the videos have a clips.csv, write one with the same clip_id for the prepared clips: the study reads it."""
    if not (source / "clips.csv").is_file():
        return
    listed = catalogue.rows_of(source / "clips.csv")
    done = [row | {"file": known[row["file"]].out} for row in listed if known[row["file"]].status == DONE]
    with disk.replacing(out / "clips.csv", "name another folder") as partial:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(listed[0]))
            writer.writeheader()
            writer.writerows(done)
