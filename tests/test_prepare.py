"""A folder of videos becomes face tracks: in parallel, again without work, on a cluster, past bad and deadly clips."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dfdlib.command import cli
from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import sources
from dfdlib.data.catalogue import Clip
from dfdlib.faces import face_tracks, frames, prepare, workers
from dfdlib.faces.prepare import DONE, SKIPPED, PrepareParams
from tests.media import astronaut, noise_frames, write_video

PARAMS = PrepareParams(max_frames=3, size=64)


def _clips(folder: Path, count: int = 2) -> Path:
    portrait = astronaut(256)
    for number in range(count):
        write_video(folder / "in" / f"clip{number}.mp4", [np.roll(portrait, 4 * (number + i), 1) for i in range(5)])
    return folder / "in"


def test_each_clip_becomes_a_track_that_reads_back(tmp_path) -> None:
    rows = prepare.prepare_folder(_clips(tmp_path), tmp_path / "out", PARAMS)
    assert [(row.file, row.status, row.looked_at) for row in rows] == [(f"clip{i}.mp4", DONE, 3) for i in (0, 1)]
    track = face_tracks.read_track(tmp_path / "out" / rows[1].out, "clip1")
    assert track.crops.shape == (3, 64, 64, 3) and track.points.shape == (3, 68, 2)
    assert track.frames.tolist() == [0, 2, 4] and track.size == (256, 256) and track.sampled == 3
    inside = (track.points[0] - track.corners[0]) * track.scale[0]
    assert inside.min() > 0 and inside.max() < 64, "landmarks and crop fit together"


def test_processes_give_the_same_tracks_as_one(tmp_path) -> None:
    source = _clips(tmp_path, 3)
    prepare.prepare_folder(source, tmp_path / "one", PARAMS, jobs=1)
    prepare.prepare_folder(source, tmp_path / "two", PARAMS, jobs=2)
    for path in (tmp_path / "one").glob("*.npz"):
        assert path.read_bytes()[:4] == b"PK\x03\x04"
        a, b = (face_tracks.read_track(folder / path.name, "x") for folder in (tmp_path / "one", tmp_path / "two"))
        assert np.array_equal(a.crops, b.crops) and np.array_equal(a.points, b.points)


def test_a_second_run_does_only_what_is_missing_or_changed(tmp_path) -> None:
    source, out = _clips(tmp_path, 4), tmp_path / "out"
    prepare.prepare_folder(source, out, PARAMS)
    (out / "clip1.mp4.npz").unlink()
    (out / "clip2.mp4.npz").write_bytes((out / "clip2.mp4.npz").read_bytes()[:1000])
    write_video(source / "clip3.mp4", [astronaut(256)] * 4)
    before = (out / "clip0.mp4.npz").stat().st_mtime_ns
    again: list[str] = []
    prepare.prepare_folder(
        source, out, PARAMS, show=lambda rows, total: (again.append(row.file) or row for row in rows)
    )
    assert sorted(again) == ["clip1.mp4", "clip2.mp4", "clip3.mp4"]
    assert (out / "clip0.mp4.npz").stat().st_mtime_ns == before


def test_a_ledger_cut_in_a_line_costs_that_line_alone(tmp_path) -> None:
    source, out = _clips(tmp_path), tmp_path / "out"
    prepare.prepare_folder(source, out, PARAMS)
    text = (out / "prepared.jsonl").read_text()
    (out / "prepared.jsonl").write_text(text[: len(text) - 20])
    assert list(prepare.ledger(out)) == [json.loads(text.splitlines()[0])["file"]]
    assert {row.status for row in prepare.prepare_folder(source, out, PARAMS)} == {DONE}
    assert len(prepare.ledger(out)) == 2, "a row after the cut line is read"


def test_bad_clips_are_skipped_with_their_reason_and_the_others_done(tmp_path) -> None:
    source = _clips(tmp_path)
    (source / "empty.mp4").touch()
    (source / "text.avi").write_text("no video " * 50)
    write_video(source / "sub" / "noise.mp4", noise_frames(3))
    rows = {row.file: row for row in prepare.prepare_folder(source, tmp_path / "out", PARAMS, jobs=2)}
    assert {name for name, row in rows.items() if row.status == DONE} == {"clip0.mp4", "clip1.mp4"}
    assert "empty file" in rows["empty.mp4"].reason and "not a video" in rows["text.avi"].reason
    assert "No face was found" in rows["sub/noise.mp4"].reason
    assert not list((tmp_path / "out").rglob("*.partial"))


def _die_at_clip1(path: Path, target: Path, name: str, stamped: str, params: PrepareParams) -> prepare.Row:
    face_tracks.partial_track(target).touch()
    if name == "clip1.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    face_tracks.partial_track(target).unlink()
    return prepare.Row(name, stamped, DONE)


def test_a_clip_that_kills_its_process_is_skipped_and_the_others_done(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(prepare, "_safely", _die_at_clip1)
    rows = prepare.prepare_folder(_clips(tmp_path, 5), tmp_path / "out", PARAMS, jobs=2)
    assert [row.file for row in rows if row.status == SKIPPED] == ["clip1.mp4"]
    assert "makes the decoder crash" in rows[1].reason
    assert [row.status for row in rows].count(DONE) == 4


def _full(path: Path, *_: object) -> None:
    raise OSError(28, "No space left on device", str(path.parent / "x.partial"))


def test_a_full_disk_stops_with_a_sentence_and_what_is_done_stays(tmp_path, monkeypatch) -> None:
    source, out = _clips(tmp_path, 3), tmp_path / "out"
    real = prepare.prepare_clip
    monkeypatch.setattr(prepare, "prepare_clip", lambda p, t, q: _full(t) if p.stem == "clip2" else real(p, t, q))
    with pytest.raises(DfdError, match=r"out can't be written to \(No space left on device\); free space"):
        prepare.prepare_folder(source, out, PARAMS)
    monkeypatch.setattr(prepare, "prepare_clip", real)
    again: list[str] = []
    prepare.prepare_folder(
        source, out, PARAMS, show=lambda rows, total: (again.append(row.file) or row for row in rows)
    )
    assert again == ["clip2.mp4"]


def _table(source: Path) -> None:
    rows = [f"clip{i}.mp4,{i % 2},pair{i // 2},person{i // 2}" for i in range(6)]
    (source / "clips.csv").write_text("file,label,pair,person\n" + "\n".join(rows) + "\n")


def test_a_study_runs_on_prepared_clips(tmp_path, monkeypatch) -> None:
    source, out = _clips(tmp_path, 6), tmp_path / "out"
    (source / "clip5.mp4").write_bytes(b"broken")
    _table(source)
    prepare.prepare_folder(source, out, PARAMS)
    assert [row["file"] for row in disk.read_table(out / "clips.csv", {"file"})] == [
        f"clip{i}.mp4.npz" for i in range(5)
    ]
    monkeypatch.setenv("DFD_VIDEOS", str(out))
    clips = sources.video_folder()
    study = Study("x", "folder", faces=FaceParams(max_frames=2, size=64))
    found = frames.stack(clips, frames.tracks(study, clips))
    assert found.crops.shape == (10, 64, 64, 3)
    with pytest.raises(DfdError, match="has crops of 64 px and the study takes 128; prepare it again with --size 128"):
        frames.tracks(Study("x", "folder"), clips)


def test_a_damaged_track_is_named(tmp_path) -> None:
    prepare.prepare_folder(_clips(tmp_path, 1), tmp_path / "out", PARAMS)
    path = tmp_path / "out" / "clip0.mp4.npz"
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], b"", b"text", whole[:400] + bytes([whole[400] ^ 4]) + whole[401:]):
        path.write_bytes(bad)
        with pytest.raises(DfdError, match="is damaged or no prepared clip .*; delete it and prepare it again"):
            frames.tracks(Study("x", "folder", faces=FaceParams(size=64)), [Clip("a", path, 0, "p", "q", "test")])


def test_long_and_odd_names_keep_their_tracks_apart(tmp_path) -> None:
    source = _clips(tmp_path, 1)
    names = ["x" * 240 + "1.mp4", "x" * 240 + "2.mp4", "ü\n, \"'.mp4", "\u202etxt.mp4"]
    for name in names:
        shutil.copy(source / "clip0.mp4", source / name)
    rows = prepare.prepare_folder(source, tmp_path / "out", PARAMS)
    assert {row.status for row in rows} == {DONE} and len({row.out for row in rows}) == len(names) + 1


def test_the_command_lists_what_it_skipped_and_fails_only_when_nothing_is_left(tmp_path) -> None:
    source = _clips(tmp_path, 1)
    (source / "bad\n.mp4").write_bytes(b"broken")
    done = CliRunner().invoke(cli.app, ["data", "prepare", str(source), str(tmp_path / "out"), "--jobs", "1"])
    assert done.exit_code == 3, done.output
    assert "A study needs" in done.output and "1 of 2 clips prepared, 1 skipped" in done.output.replace("\n", " ")
    assert "skipped: " in done.output and "bad\\n.mp4 is not a video" in done.output
    assert "bad" in (tmp_path / "out" / "prepare.log").read_text()
    (source / "clip0.mp4").unlink()
    with pytest.raises(DfdError, match="None of the 1 clips"):
        CliRunner().invoke(
            cli.app, ["data", "prepare", str(source), str(tmp_path / "o2"), "--jobs", "1"], catch_exceptions=False
        )


def test_a_folder_without_videos_and_a_missing_one(tmp_path) -> None:
    with pytest.raises(DfdError, match="holds no video"):
        prepare.prepare_folder(tmp_path, tmp_path / "out", PARAMS)
    with pytest.raises(DfdError, match="There is no folder .*nowhere"):
        prepare.prepare_folder(tmp_path / "nowhere", tmp_path / "out", PARAMS)


def test_no_scheduler_is_one_sentence() -> None:
    with pytest.raises(DfdError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        workers.connected("tcp://127.0.0.1:1")


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers with one thread each, in processes of their own, under nannies."""
    dask = [sys.executable, "-m", "distributed.cli.dask_worker"]
    file = tmp_path / "scheduler.json"
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--no-show"]
    common = ["--scheduler-file", str(file)]
    worker = [
        *dask,
        *common,
        "--nthreads",
        "1",
        "--nworkers",
        "1",
        "--no-dashboard",
        "--local-directory",
        str(tmp_path),
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": paths.root()}
    started = [subprocess.Popen(command, **quiet) for command in ([*scheduler, *common], worker, worker)]
    try:
        deadline = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


@pytest.mark.filterwarnings("default")  # Dask's clients leave sockets to the garbage collector
def test_a_cluster_gives_the_same_and_survives_the_death_of_a_worker(tmp_path, cluster) -> None:
    source = _clips(tmp_path, 12)
    client = workers.connected(cluster)
    client.wait_for_workers(2, timeout=60)
    victim = next(iter(client.run(os.getpid).values()))
    client.close()
    out = tmp_path / "out"

    def kill() -> None:
        while not list(out.glob("*.npz")):
            time.sleep(0.02)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    rows = prepare.prepare_folder(source, out, PARAMS, scheduler=cluster)
    killer.join()
    assert [row.status for row in rows] == [DONE] * 12
    prepare.prepare_folder(source, tmp_path / "here", PARAMS)
    for row in rows:
        a, b = (face_tracks.read_track(folder / row.out, "x") for folder in (out, tmp_path / "here"))
        assert np.array_equal(a.crops, b.crops) and np.array_equal(a.points, b.points)
