"""`dfd predict` on folders of any content, on files at which anything fails, and on reports that can't be written."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from dfdlib.command import verdicts
from dfdlib.core import disk, errors
from dfdlib.detector import predict, shipped
from dfdlib.detector.predict import Prediction
from dfdlib.faces import tracking
from tests.media import astronaut, write_sound, write_video
from tests.predicting import dfd, moving_face, write_png


def _rows(out: str) -> list[dict]:
    found = json.loads(out)
    return found if isinstance(found, list) else found["files"]


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_png(tmp_path_factory.mktemp("portrait") / "portrait.png", astronaut())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving_face(tmp_path_factory.mktemp("clip") / "clip.mp4", 4)


def test_a_folder_is_judged_by_what_is_in_it_and_not_by_endings(tmp_path, clip, portrait, monkeypatch, capsys) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    with av.open(str(clip)) as source, av.open(str(folder / "00001.MTS"), "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    shutil.copy(clip, folder / "no_ending")
    for name in ("photo.jfif", "photo"):
        Image.open(portrait).convert("RGB").save(folder / name, format="JPEG")
    (folder / "00001.CPI").write_bytes(bytes(99))
    write_sound(folder / "voice.m4a")
    (folder / ".hidden.jpg").touch()
    assert dfd(folder, "--json", "--frames", 2, monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    judged = {Path(row["file"]).name: row["used"] for row in _rows(out)}
    assert judged == {"00001.MTS": 2, "no_ending": 2, "photo": 1, "photo.jfif": 1}
    reasons = "1 hidden (.hidden.jpg), 1 of another kind (00001.CPI), 1 sound (voice.m4a)"
    assert f"3 other files in {folder} were left out: {reasons}." in err


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_many_files_are_counted_first_and_a_person_is_asked(tmp_path, portrait, monkeypatch, capsys) -> None:
    monkeypatch.setattr(verdicts, "MANY", 2)
    monkeypatch.setattr(predict, "judge", lambda path, *_: Prediction(str(path), "unusable", note="no."))
    for name in "abc":
        shutil.copy(portrait, tmp_path / f"{name}.png")
    said, answers = (
        "There are 3 pictures and videos to judge.",
        {"y\n": "None of the 3 files can be judged", "n\n": "Nothing"},
    )
    for answer, then in answers.items():
        monkeypatch.setattr("sys.stdin", _Terminal(answer))
        assert dfd(tmp_path, monkeypatch=monkeypatch) == 2
        told = capsys.readouterr().err
        assert f"{said} Go on? [y/N]" in told and then in told
    assert "Nothing was judged; name fewer files or folders." in told
    for stdin, more in ((_Terminal(""), ["--yes"]), (io.StringIO(""), [])):
        monkeypatch.setattr("sys.stdin", stdin)
        assert dfd(tmp_path, *more, monkeypatch=monkeypatch) == 2
        told = capsys.readouterr().err
        assert said in told and "Go on?" not in told and "None of the 3 files can be judged" in told


def _opencv(*_: object) -> None:
    cv2.resize(np.zeros((1, 2000, 3), np.uint8), None, fx=0.1, fy=0.1)


def _raising(error: Exception) -> Callable:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


FAILURES = {
    "OpenCV": (_opencv, r"could not be judged \(cv2\.error in .*\.py, line \d+: .*\); report this\."),
    "dlib": (
        _raising(RuntimeError("Unsupported image type,\nmust be 8bit")),
        r"RuntimeError in .*: Unsupported image type, must",
    ),
    "Pillow": (_raising(OSError("broken data stream")), r"\(OSError in .*: broken data stream\); report this"),
    "an own defect": (_raising(KeyError("frame")), r"\(KeyError in .*: 'frame'\); report this"),
    "memory": (_raising(MemoryError()), r"\(MemoryError in .*\); report this"),
    "the disk": (_raising(OSError(5, "Input/output error")), r"can't be read \(Input/output error\); copy it again"),
}


@pytest.mark.parametrize("where", ["reading", "following", "scoring"])
@pytest.mark.parametrize("kind", FAILURES)
def test_an_error_of_any_kind_costs_its_file_alone(
    tmp_path, clip, portrait, monkeypatch, capsys, kind: str, where: str
) -> None:
    fail, says = FAILURES[kind]
    shutil.copy(clip, tmp_path / "bad.mp4")
    shutil.copy(portrait, tmp_path / "good.png")
    module, name = {"reading": (predict, "_frames"), "following": (tracking, "follow"), "scoring": (shipped, "scores")}[
        where
    ]
    real, judge, now = getattr(module, name), predict.judge, []
    monkeypatch.setattr(module, name, lambda *args: fail() if now[-1] == "bad.mp4" else real(*args))
    monkeypatch.setattr(predict, "judge", lambda path, *args: now.append(path.name) or judge(path, *args))
    assert dfd(tmp_path, "--json", "--frames", 2, monkeypatch=monkeypatch) == errors.SOME
    out, err = capsys.readouterr()
    assert [row["used"] for row in _rows(out)] == [0, 1]
    note = _rows(out)[0]["note"]
    assert re.search(says, note) and note.startswith(str(tmp_path / "bad.mp4")) and note.isprintable() and note in err


def test_thin_pictures_and_videos_cost_no_other_file_its_verdict(tmp_path, portrait, monkeypatch, capsys) -> None:
    write_png(tmp_path / "line.png", np.full((1, 2000, 3), 90, np.uint8))
    write_png(tmp_path / "column.png", np.full((3000, 1, 3), 90, np.uint8))
    write_png(tmp_path / "dot.png", np.full((1, 1, 3), 90, np.uint8))
    write_video(tmp_path / "thin.mp4", [np.full((2, 2000, 3), 90, np.uint8)] * 3)
    shutil.copy(portrait, tmp_path / "portrait.png")
    assert dfd(tmp_path, "--csv", monkeypatch=monkeypatch) == errors.SOME
    rows = {Path(row["file"]).name: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert len(rows) == 5 and rows.pop("portrait.png")["used"] == "1"
    assert all(not row["p_fake"] and row["note"].endswith(".") for row in rows.values())


UNWRITABLE = {
    "a folder": (
        lambda page: page.mkdir(),
        r"page.html can't be written \(a folder is in its place\); name another file\.",
    ),
    "no folder": (
        lambda page: (page.parent.rmdir(), page.parent.touch()),
        r"page.html can't be written \(a file is in the place of a folder\); name another file\.",
    ),
}


@pytest.mark.parametrize("kind", UNWRITABLE)
def test_a_report_that_cannot_be_written_after_all_costs_no_verdict(
    tmp_path, portrait, monkeypatch, capsys, kind: str
) -> None:
    spoil, says = UNWRITABLE[kind]
    page, judge = tmp_path / "out" / "page.html", predict.judge
    monkeypatch.setattr(predict, "judge", lambda *args: (spoil(page), judge(*args))[1])
    assert dfd(portrait, "--json", "--report", page, monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert _rows(out)[0]["used"] == 1 and re.search(says, err) and "Report:" not in err
    assert "A score is not evidence" in err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device"), r"No space left on device\); free space there, or name another file"),
        (
            PermissionError(13, "Permission denied"),
            r"page.html can't be written \(Permission denied\); name another file",
        ),
    ],
    ids=["full", "read-only"],
)
def test_a_full_disk_and_a_closed_folder_get_their_own_remedy(
    tmp_path, portrait, monkeypatch, capsys, error: OSError, says: str
) -> None:
    page = tmp_path / "page.html"
    page.write_text("an older report")
    monkeypatch.setattr(disk.os, "replace", _raising(error))
    assert dfd(portrait, "--csv", "--report", page, monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out.count("portrait.png") == 1 and re.search(says, err)
    assert page.read_text() == "an older report" and list(tmp_path.iterdir()) == [page]
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "TemporaryFile", _raising(error))  # known before anything is judged
    monkeypatch.setattr(predict, "judge", None)
    assert dfd(portrait, "--report", page, monkeypatch=monkeypatch) == 2
    assert re.search(says, capsys.readouterr().err)


def test_a_report_that_cannot_be_drawn_costs_no_verdict(tmp_path, portrait, monkeypatch, capsys) -> None:
    from dfdlib.detector import report

    monkeypatch.setattr(report, "section", _raising(ValueError("no such colour\nmap")))
    assert dfd(portrait, "--json", "--report", tmp_path / "page.html", monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert _rows(out)[0]["used"] == 1 and "Traceback" not in err
    assert re.search(r"page.html could not be written \(ValueError: no such colour map\); report this", err)
