"""A folder of videos becomes face tracks: in parallel, again without work, on a cluster, past bad and deadly clips."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dfdlib.command import cli, progress
from dfdlib.core import disk, parallel, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import sources
from dfdlib.data.catalogue import Clip
from dfdlib.faces import face_tracks, frames, prepare, video
from dfdlib.faces.prepare import DONE, SKIPPED
from tests.media import astronaut, noise_frames, write_video

PARAMS = FaceParams(max_frames=3, upsample=1, size=64)


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
    assert "empty file" in rows["empty.mp4"].reason and "nor a video" in rows["text.avi"].reason
    assert "No face was found" in rows["sub/noise.mp4"].reason
    assert not list((tmp_path / "out").rglob("*.partial"))


def _die_at_clip1(job: prepare._Job) -> prepare.Row:
    face_tracks.partial_track(job.target).touch()
    if job.file == "clip1.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    face_tracks.partial_track(job.target).unlink()
    return prepare.Row(job.file, job.stamp, DONE)


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
    real = face_tracks.write_track
    monkeypatch.setattr(face_tracks, "write_track", lambda p, t, *q: _full(t) if p.stem == "clip2" else real(p, t, *q))
    with pytest.raises(DfdError, match=r"out can't be written to \(No space left on device\); free space"):
        prepare.prepare_folder(source, out, PARAMS)
    monkeypatch.setattr(face_tracks, "write_track", real)
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
    clips = sources.clips(Study("x", "folder"))
    study = Study("x", "folder", faces=FaceParams(max_frames=2, size=64, upsample=1))
    found = frames.stack(clips, frames.tracks(study, clips))
    assert found.crops.shape == (10, 64, 64, 3) and found.table["clip_id"].unique().tolist() == [
        f"clip{i}" for i in range(5)
    ]
    assert face_tracks.found_table(frames.tracks(study, clips)).iloc[0].tolist() == ["clip0", 2, 2, 0]
    with pytest.raises(
        DfdError,
        match="size, margin or upsampling from the study.s, or fewer frames; prepare it again with --size 128",
    ):
        frames.tracks(Study("x", "folder"), clips)
    with pytest.raises(DfdError, match="prepare it again with --size 64 --margin 0.3"):
        frames.tracks(Study("x", "folder", faces=FaceParams(size=64, margin=0.3)), clips)
    few = FaceParams(max_frames=9, size=64, upsample=1)
    with pytest.raises(DfdError, match="or fewer frames; prepare it again with .* --max-frames 9"):
        frames.tracks(Study("x", "folder", faces=few), clips)


def _two_faces(folder: Path) -> Path:
    """Two faces that drift apart; the larger one is away for two of eight frames, and larger in sum all the same."""
    portrait = astronaut()[:300, 100:360]
    images = []
    for i in range(8):
        image = np.zeros((360, 560, 3), np.uint8)
        image[:180, 400 - 2 * i : 556 - 2 * i] = cv2.resize(portrait, (156, 180))
        if i not in (3, 4):
            image[:300, 2 * i : 260 + 2 * i] = portrait
        images.append(image)
    return write_video(folder / "two.mp4", images)


@pytest.mark.parametrize("kind", ["embedded", "two faces", "sampled"])
def test_a_study_gets_from_out_what_it_gets_from_the_videos(tmp_path, monkeypatch, kind: str) -> None:
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    if kind == "two faces":
        path = _two_faces(tmp_path / "in")
    else:
        (tmp_path / "in").mkdir()
        path = shutil.copy(paths.embedded() / "clips" / "p05_fake.mp4", tmp_path / "in")
    (tmp_path / "in" / "clips.csv").write_text(f"file,label,pair,person\n{Path(path).name},0,a,a\n")
    params = FaceParams(max_frames=5 if kind == "sampled" else 32, upsample=int(kind == "two faces"), size=64)
    prepare.prepare_folder(tmp_path / "in", tmp_path / "out", params)
    found = []
    for folder in ("in", "out"):
        monkeypatch.setenv("DFD_VIDEOS", str(tmp_path / folder))
        found += frames.tracks(Study("x", "folder", jobs=1, faces=params), sources.clips(Study("x", "folder")))
    direct, prepared = (vars(track) for track in found)
    for name, value in direct.items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, prepared[name]) and value.dtype == prepared[name].dtype, name
        else:
            assert value == prepared[name], name
    expected = {"two faces": [0, 1, 2, 5, 6, 7], "sampled": [0, 4, 8, 11, 15]}.get(kind, list(range(16)))
    assert direct["frames"].tolist() == expected


def test_few_frames_are_decoded_once_and_many_twice_with_the_same_result(tmp_path, monkeypatch) -> None:
    path, decoded, real = _clips(tmp_path, 1) / "clip0.mp4", [], video.frames
    monkeypatch.setattr(video, "frames", lambda *args: decoded.append(args) or real(*args))
    found = []
    for times, most in enumerate((face_tracks.KEPT_BYTES, 0), 1):
        monkeypatch.setattr(face_tracks, "KEPT_BYTES", most)
        decoded.clear()
        face_tracks.write_track(path, tmp_path / "x.npz", PARAMS)
        assert len(decoded) == times
        with zipfile.ZipFile(tmp_path / "x.npz") as archive:
            found.append([(member.filename, member.CRC) for member in archive.infolist()])
    assert found[0] == found[1]


def _noted(order: list[str]):
    return lambda rows, total: (order.append(row.file) or row for row in rows)


def test_several_processes_begin_with_the_longest_clips(tmp_path, monkeypatch) -> None:
    source = tmp_path / "in"
    for name, count in (("a.mp4", 3), ("b.mp4", 30), ("c.mp4", 9), ("sub/d.mp4", 15)):
        write_video(source / name, noise_frames(count))
    monkeypatch.setattr(prepare, "_safely", lambda job: prepare.Row(job.file, job.stamp, SKIPPED))
    monkeypatch.setattr(prepare, "Parallel", lambda *_, **__: lambda jobs: (work(*given) for work, given, _ in jobs))
    for jobs, expected in (
        (2, ["b.mp4", "sub/d.mp4", "c.mp4", "a.mp4"]),
        (1, ["a.mp4", "b.mp4", "c.mp4", "sub/d.mp4"]),
    ):
        order: list[str] = []
        prepare.prepare_folder(source, tmp_path / f"out{jobs}", PARAMS, jobs, show=_noted(order))
        assert order == expected


def test_following_finds_the_same_face_a_little_elsewhere(tmp_path) -> None:
    path = _clips(tmp_path, 1) / "clip0.mp4"
    for follow in (False, True):
        face_tracks.write_track(path, tmp_path / f"{follow}.npz", PARAMS, follow)
    anew, followed = (face_tracks.read_track(tmp_path / f"{follow}.npz", "x") for follow in (False, True))
    apart = np.linalg.norm(anew.points - followed.points, axis=2).mean()
    assert anew.frames.tolist() == followed.frames.tolist() and apart < 0.05 * np.ptp(anew.points[0, :, 0])


def test_a_defect_in_a_worker_leaves_its_traceback_in_the_log(tmp_path) -> None:
    with progress.logged(tmp_path / "prepare.log"):
        rows = prepare.prepare_folder(_clips(tmp_path, 2), tmp_path / "out", replace(PARAMS, size=-1), jobs=2)
    assert [row.status for row in rows] == [SKIPPED] * 2 and "report this" in rows[0].reason
    log = (tmp_path / "prepare.log").read_text()
    assert log.count("Traceback (most recent call last)") == 2 and "geometry.crop" in log


def test_a_second_run_on_the_same_out_is_refused_while_one_goes_on(tmp_path) -> None:
    source, out = _clips(tmp_path), tmp_path / "out"

    def meanwhile(rows, total):
        with pytest.raises(
            DfdError, match="Another run is writing to .*out; wait for it to end or name another folder"
        ):
            prepare.prepare_folder(source, out, PARAMS)
        yield from rows

    assert {row.status for row in prepare.prepare_folder(source, out, PARAMS, show=meanwhile)} == {DONE}
    assert {row.status for row in prepare.prepare_folder(source, out, PARAMS)} == {DONE}, "the lock ends with its run"


def test_a_folder_of_which_nothing_could_be_prepared_gets_an_empty_table(tmp_path) -> None:
    source = _clips(tmp_path, 1)
    (source / "clip0.mp4").write_bytes(b"broken")
    (source / "clips.csv").write_text("file,label,pair,person\nclip0.mp4,0,a,a\n")
    assert prepare.prepare_folder(source, tmp_path / "out", PARAMS)[0].status == SKIPPED
    assert (tmp_path / "out" / "clips.csv").read_text().splitlines() == ["clip_id,file,label,pair,person"]


def test_a_damaged_track_is_named(tmp_path) -> None:
    prepare.prepare_folder(_clips(tmp_path, 1), tmp_path / "out", PARAMS)
    path = tmp_path / "out" / "clip0.mp4.npz"
    whole = path.read_bytes()
    for bad in (whole[: len(whole) // 2], b"", b"text", whole[:400] + bytes([whole[400] ^ 4]) + whole[401:]):
        path.write_bytes(bad)
        with pytest.raises(DfdError, match="is damaged or not a prepared clip .*; delete it and prepare it again"):
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
    options = ["--jobs", "1", "--upsample", "1"]
    done = CliRunner().invoke(cli.app, ["data", "prepare", str(source), str(tmp_path / "out"), *options])
    assert done.exit_code == 3, done.output
    assert "A study also needs" in done.output and "1 of 2 clips prepared, 1 skipped" in done.output.replace("\n", " ")
    assert "skipped: " in done.output and "bad\\n.mp4 is neither a picture nor a video" in done.output
    assert "bad" in (tmp_path / "out" / "prepare.log").read_text()
    (source / "clip0.mp4").unlink()
    with pytest.raises(DfdError, match="None of the 1 clips"):
        CliRunner().invoke(
            cli.app, ["data", "prepare", str(source), str(tmp_path / "o2"), "--jobs", "1"], catch_exceptions=False
        )


def test_videos_are_found_by_what_is_in_them_and_other_files_named(tmp_path) -> None:
    source = _clips(tmp_path, 4)
    write_video(source / "stream.ts", [astronaut(256)] * 3)
    for name, other in (("clip1.mp4", "no ending"), ("stream.ts", "00001.MTS"), ("clip2.mp4", "clip2.jpg")):
        (source / name).rename(source / other)
    cv2.imwrite(str(source / "still.png"), astronaut(64))
    (source / "notes.txt").write_text("text")
    (source / ".clip.mp4").touch()
    done = CliRunner().invoke(
        cli.app, ["data", "prepare", str(source), str(tmp_path / "out"), "--jobs", "1", "--upsample", "1"]
    )
    assert done.exit_code == 0, done.output
    found = sorted(path.name for path in (tmp_path / "out").glob("*.npz"))
    assert found == sorted(f"{n}.npz" for n in ("no ending", "00001.MTS", "clip0.mp4", "clip2.jpg", "clip3.mp4"))
    reasons = "1 hidden (.clip.mp4), 1 picture (still.png), 1 text (notes.txt)"
    assert f"3 other files in {source} were left out: {reasons}." in done.output
    assert reasons in (tmp_path / "out" / "prepare.log").read_text()


def test_names_that_go_up_and_come_back_write_nothing_among_the_videos(tmp_path) -> None:
    source = _clips(tmp_path, 3)
    rows = ["../in/clip0.mp4", str(source / "clip1.mp4"), "./sub/../clip2.mp4"]
    (source / "clips.csv").write_text("file,label,pair,person\n" + "".join(f"{row},0,a,a\n" for row in rows))
    before = sorted(source.iterdir())
    prepare.prepare_folder(source, tmp_path / "out", PARAMS)
    assert sorted(source.iterdir()) == before
    made = disk.read_table(tmp_path / "out" / "clips.csv", {"clip_id"})
    assert [(row["clip_id"], row["file"]) for row in made] == [(f"clip{i}", f"clip{i}.mp4.npz") for i in range(3)]


def test_a_folder_without_videos_and_a_missing_one(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(
        DfdError, match=r"has no video in it, only 1 empty \(.*\), 1 text \(a.txt\); name the folder with"
    ):
        prepare.prepare_folder(tmp_path, tmp_path / "out", PARAMS)
    with pytest.raises(DfdError, match="There is no folder .*nowhere"):
        prepare.prepare_folder(tmp_path / "nowhere", tmp_path / "out", PARAMS)


def test_no_scheduler_is_one_sentence(monkeypatch) -> None:
    monkeypatch.setattr(parallel, "ANSWER", 0.5)
    with pytest.raises(DfdError, match="No Dask scheduler answers at tcp://127.0.0.1:1"):
        parallel.connected("tcp://127.0.0.1:1")


@pytest.mark.filterwarnings("default")  # Dask's clients leave sockets to the garbage collector
def test_a_cluster_gives_the_same_and_survives_the_death_of_a_worker(tmp_path, cluster) -> None:
    source = _clips(tmp_path, 12)
    client = parallel.connected(cluster)
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


def test_the_videos_own_folder_and_a_file_are_no_place_for_tracks(tmp_path: Path) -> None:
    source = _clips(tmp_path, 1)
    with pytest.raises(DfdError, match="is the folder of the videos itself; name another one"):
        prepare.prepare_folder(source, source, PARAMS)
    (tmp_path / "file").write_text("")
    with pytest.raises(DfdError, match=r"file can't be written \(a file is in the place of a folder\); name another"):
        prepare.prepare_folder(source, tmp_path / "file", PARAMS)


@pytest.mark.parametrize("out", ["file", "file/sub", "file/sub/deep"])
def test_the_command_names_a_file_in_the_place_of_a_folder(tmp_path: Path, monkeypatch, capsys, out: str) -> None:
    (tmp_path / "file").write_text("kept")
    monkeypatch.setattr("sys.argv", ["dfd", "data", "prepare", str(_clips(tmp_path, 1)), str(tmp_path / out)])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr().err
    assert said.startswith(f"dfd: {tmp_path / out}") and "(a file is in the place of a folder); name another" in said
    assert said.count("\n") == 1 and (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_the_command_says_that_a_folder_is_closed(tmp_path: Path, monkeypatch, capsys, code: int) -> None:
    """Whoever runs the tests may write everywhere."""
    source, mkdir = _clips(tmp_path, 1), Path.mkdir

    def refused(path: Path, *args: object, **how: object) -> None:
        if path.name == "out":
            raise OSError(code, os.strerror(code), str(path))
        mkdir(path, *args, **how)

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr("sys.argv", ["dfd", "data", "prepare", str(source), str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    said = capsys.readouterr().err
    assert f"({os.strerror(code)}); name another folder." in said and "free space" not in said and said.count("\n") == 1


def test_a_folder_in_the_place_of_a_track_costs_that_clip_alone(tmp_path: Path) -> None:
    source, out = _clips(tmp_path, 2), tmp_path / "out"
    (out / "clip0.mp4.npz").mkdir(parents=True)
    rows = prepare.prepare_folder(source, out, PARAMS)
    assert [row.status for row in rows] == [SKIPPED, DONE]
    assert rows[0].reason == f"{out / 'clip0.mp4.npz'} can't be written (Is a directory); move away what is there."
    (source / "clips.csv").write_text("file,label,pair,person\nclip1.mp4,0,a,a\n")
    (out / "clips.csv").mkdir()
    with pytest.raises(DfdError, match=r"clips.csv can't be written \(a folder is in its place\); name another folder"):
        prepare.prepare_folder(source, out, PARAMS)


def test_a_folder_that_may_not_be_written_to_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    source, out = _clips(tmp_path, 1), tmp_path / "out"
    monkeypatch.setattr(prepare.filelock.FileLock, "acquire", refused)
    with pytest.raises(DfdError, match=r"out can't be written \(Permission denied\); name another folder"):
        prepare.prepare_folder(source, out, PARAMS)
    monkeypatch.undo()
    (out / "prepared.jsonl").mkdir(parents=True)
    with pytest.raises(DfdError, match=r"prepared.jsonl can't be written \(a folder is in its place\)"):
        prepare.prepare_folder(source, out, PARAMS)
