"""`dfd predict`: verdicts, exit codes and pages for good files, and a sentence for every bad one."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dfdlib.command import cli, progress
from dfdlib.core import cache, errors, paths
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging, looking, people, predict, record, report, shipped
from dfdlib.detector.judging import WORDS, Face
from dfdlib.detector.looking import PredictParams
from dfdlib.faces import tracking
from dfdlib.superres import enlarging
from tests.media import astronaut, noise_frames, write_sound, write_video

PARAMS = PredictParams()


def _dfd(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["dfd", "predict", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def _png(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _png(tmp_path_factory.mktemp("portrait") / "portrait.png", astronaut())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of a face that moves."""
    face = astronaut(256)
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", [np.roll(face, 2 * i, 1) for i in range(12)])


def test_a_picture_gets_the_scores_of_its_face(portrait) -> None:
    found = predict.judge(portrait, PARAMS)
    assert found.verdict in ("real", "unsure") and found.face.used == found.face.looked_at == 1
    again = shipped.scores(found.face.crops, found.face.points)
    assert found.face.p_fake == pytest.approx((again["resnet"][0] + again["headpose"][0]) / 2)
    assert np.isnan(found.face.low), "one picture has no interval"
    inside = found.face.points[0]
    assert inside.min() > 0 and inside.max() < 128, "landmarks lie in the crop's pixels"


def test_a_video_gets_an_interval_over_its_frames(clip) -> None:
    found = predict.judge(clip, PredictParams(max_frames=12))
    assert found.face.used == 12 and found.face.low <= found.face.p_fake <= found.face.high
    used = found.face.frames[found.face.frames["used"]]
    assert found.face.p_fake == pytest.approx(used["p_fake"].mean()) and used["frame"].tolist() == list(range(12))


def test_an_interval_counts_runs_of_frames_and_not_frames() -> None:
    rng = np.random.default_rng(0)
    steps = np.repeat(rng.random(8), 4)  # eight shots of four equal frames
    low, high = judging.interval(steps)
    shots = rng.permutation(steps)  # the same values without their order look like 32 witnesses
    narrow = judging.interval(shots)
    assert high - low > 1.3 * (narrow[1] - narrow[0])
    assert all(np.isnan(judging.interval(np.ones(7))))


@pytest.mark.parametrize(
    ("p_fake", "low", "high", "expected"),
    [
        (0.9, 0.8, 0.95, "fake"),
        (0.1, 0.05, 0.2, "real"),
        (0.9, 0.45, 0.95, "unsure"),
        (0.5001, np.nan, np.nan, "unsure"),
        (0.69, np.nan, np.nan, "unsure"),
        (0.71, np.nan, np.nan, "fake"),
        (0.29, np.nan, np.nan, "real"),
    ],
)
def test_a_verdict_needs_a_score_outside_the_band_and_an_interval_on_one_side(p_fake, low, high, expected) -> None:
    assert judging.verdict(p_fake, (low, high), (0.3, 0.7)) == expected


def _seen(image: np.ndarray) -> tracking.Seen:
    return next(iter(tracking.follow(lambda: [(0, image)], PARAMS.track)))


def test_small_dark_and_missing_faces_are_not_judged_and_the_reason_is_told() -> None:
    face = astronaut()
    assert looking.sighting(_seen(face), PARAMS).why == ""
    assert looking.sighting(_seen(face), PredictParams(smallest=400)).why == "face too small"
    seen = _seen(face)
    dark = tracking.Seen(0, seen.image // 10, seen.box, seen.points, seen.how)
    assert looking.sighting(dark, PARAMS).why == "face too dark"
    assert looking.sighting(_seen(noise_frames(1, 128)[0]), PARAMS).why == "no face"
    assert looking.sighting(_seen(noise_frames(1, 128)[0] // 20), PARAMS).why == "picture too dark"


def test_a_small_face_goes_through_fsrcnn_first(monkeypatch) -> None:
    seen = _seen(astronaut(256))
    asked: list = []
    upscale = enlarging.upscale
    monkeypatch.setattr(enlarging, "upscale", lambda image, scale: asked.append(scale) or upscale(image, scale))
    plain = looking.sighting(seen, PredictParams(small=1)).crop
    enlarged = looking.sighting(seen, PredictParams(small=500)).crop
    assert len(asked) == 1 and asked[0] in (2, 3, 4) and enlarged.shape == plain.shape == (128, 128, 3)
    assert np.abs(enlarged.astype(float) - plain).mean() < 12, "the same face"


def test_each_of_many_faces_in_a_still_is_judged(tmp_path) -> None:
    small, large = astronaut(450), astronaut(700)
    sheet = np.zeros((700, 1600, 3), np.uint8)
    sheet[:, :700] = large
    for left in (700, 1150):
        sheet[:450, left : left + 450] = small
    found = predict.judge(_png(tmp_path / "crowd.png", sheet), PARAMS)
    assert len(found.faces) >= 3 and re.match(r"\d people, each judged by itself", found.note)
    alone = predict.judge(_png(tmp_path / "alone.png", large), PARAMS)
    assert min(abs(face.resnet - alone.face.resnet) for face in found.faces) < 0.1


def test_8k_fits_and_gives_the_same_face(tmp_path) -> None:
    huge = cv2.resize(astronaut(), (4320, 4320))
    sheet = np.zeros((4320, 7680, 3), np.uint8)
    sheet[:, 2000 : 2000 + 4320] = huge
    cv2.imwrite(str(tmp_path / "8k.jpg"), sheet[..., ::-1])
    found = predict.judge(tmp_path / "8k.jpg", PARAMS)
    assert found.face.used == 1
    largest = 1920 / 7680 * 4320
    assert predict.judge(_png(tmp_path / "small.png", astronaut(round(largest))), PARAMS).face.resnet == pytest.approx(
        found.face.resnet, abs=0.2
    )


def _rotated(path: Path) -> Path:
    """A video whose frames lie on their side, with the rotation in its metadata."""
    frames = [np.ascontiguousarray(np.rot90(astronaut(256), 1))] * 4
    write_video(path.with_name("flat.mp4"), frames)
    with av.open(str(path.with_name("flat.mp4"))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # the track's matrix: 16.16 numbers a b u c d v
    data[at : at + 36] = b"".join(
        int(v * 65536 if i % 3 != 2 else v * (1 << 30)).to_bytes(4, "big", signed=True)
        for i, v in enumerate([0, 1, 0, -1, 0, 0, 256, 0, 1])
    )
    path.write_bytes(data)
    return path


def test_a_video_that_lies_on_its_side_is_turned_first(tmp_path) -> None:
    found = predict.judge(_rotated(tmp_path / "turned.mp4"), PARAMS)
    assert found.face.used == 4, found.note


def test_frames_at_uneven_times_are_judged(tmp_path) -> None:
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        for number, time in enumerate([0, 1, 2, 30, 31, 90]):
            frame = av.VideoFrame.from_ndarray(np.roll(astronaut(256), number, 1), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert predict.judge(path, PARAMS).face.used == 6


def test_one_frame_is_a_video_without_an_interval(tmp_path) -> None:
    found = predict.judge(write_video(tmp_path / "one.mp4", [astronaut(256)]), PARAMS)
    assert found.face.used == 1 and np.isnan(found.face.low)


def test_what_a_file_holds_counts_and_not_its_name(tmp_path, portrait) -> None:
    found = predict.judge(Path(shutil.copy(portrait, tmp_path / "portrait.mp4")), PARAMS)
    assert found.face.used == 1


BAD = {
    "missing.mp4": (lambda path: None, "There is no file .*missing.mp4"),
    "empty.mp4": (lambda path: path.touch(), "empty.mp4 is an empty file"),
    "empty.png": (lambda path: path.touch(), "empty.png is an empty file"),
    "text.mp4": (lambda path: path.write_text("no video" * 99), "text.mp4 is not a video that can be read"),
    "text.jpg": (lambda path: path.write_text("no picture" * 99), "text.jpg is missing or not an image"),
    "sound.mp4": (write_sound, "sound.mp4 has no video stream"),
    "cut.mp4": (
        lambda path: (write_video(path, noise_frames(40)), path.write_bytes(path.read_bytes()[:20000])),
        "cut.mp4 .*(truncated|can't be read)",
    ),
    "noise.mp4": (lambda path: write_video(path, noise_frames(3)), "No face was found in the 3 frames"),
    "noise.png": (lambda path: _png(path, noise_frames(1)[0]), "No face was found in .*noise.png; it takes"),
    "dark.png": (lambda path: _png(path, astronaut() // 8), "(can be judged|No face was found)"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, name: str) -> None:
    make, says = BAD[name]
    make(tmp_path / name)
    assert _dfd(tmp_path / name, monkeypatch=monkeypatch) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("dfd: ") and told.endswith(".")
    assert re.search(says, told), told


def test_a_folder_goes_on_after_a_bad_file_and_lists_it_at_the_end(tmp_path, portrait, monkeypatch, capsys) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(portrait, folder / "sub" / "z.png")
    (folder / "a.mp4").write_text("no video")
    (folder / "notes.txt").write_text("not a picture at all")
    assert _dfd(folder, "--json", monkeypatch=monkeypatch) == errors.SOME
    out, err = capsys.readouterr()
    rows = json.loads(out)["files"]
    assert [Path(row["file"]).name for row in rows] == ["a.mp4", "z.png"]
    assert [row["verdict"] == "not judged" for row in rows] == [True, False]
    assert "1 of 2 files could not be judged:" in err and "a.mp4 is not a video" in err


def test_an_empty_folder_a_wrong_rule_and_two_forms_are_sentences(tmp_path, portrait, monkeypatch, capsys) -> None:
    for arguments, says in (
        ((tmp_path,), "no picture or video in"),
        ((portrait, "--rule", "wish"), "no rule 'wish'"),
        ((portrait, "--json", "--csv"), "choose one of them"),
        ((portrait, "--report", tmp_path / "page.pdf"), "must end in .html"),
        ((portrait, "--report", tmp_path), "must end in .html"),
    ):
        assert _dfd(*arguments, monkeypatch=monkeypatch) == 2
        assert says in capsys.readouterr().err


def test_csv_and_json_say_the_same(clip, portrait, monkeypatch, capsys) -> None:
    assert _dfd(clip, portrait, "--csv", "--frames", 4, monkeypatch=monkeypatch) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert _dfd(clip, portrait, "--json", "--frames", 4, monkeypatch=monkeypatch) == 0
    said = json.loads(capsys.readouterr().out)
    for row, other in zip(rows, said["files"], strict=True):
        assert list(row) == [*predict.COLUMNS, "version", "software", "weights", "rule"] and list(other) == predict.COLUMNS
        assert float(row["p_fake"]) == other["p_fake"] and row["measured"] == other["measured"] != ""
        assert all(json.loads(row[name]) == other[name] for name in ("not_used", "faces"))
        assert int(row["version"]) == said["version"] and json.loads(row["weights"]) == said["weights"]


ODD = '<script>alert(1)</script> "quoted" [red]mark[/] \u202e\n.png'


def test_odd_names_are_shown_and_never_run(tmp_path, portrait, monkeypatch, capsys) -> None:
    name = ODD.replace("/", "_")
    shutil.copy(portrait, tmp_path / name)
    page = tmp_path / "page.html"
    assert _dfd(tmp_path / name, "--report", page, monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert "\u202e" not in out and "[red]" in out
    text = page.read_text()
    assert "<script" not in text and "&lt;script&gt;" in text and "\u202e" not in text


class _Page(HTMLParser):
    """What a page loads, and its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        self.loaded += [found[name] for name in ("src", "href") if found.get(name)]
        self.ids += [found["id"]] if "id" in found else []


def test_the_report_stands_alone_and_shows_what_it_says(clip, tmp_path, monkeypatch) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    page = tmp_path / "page.html"
    assert _dfd(clip, bad, "--report", page, "--frames", 8, monkeypatch=monkeypatch) == errors.SOME
    text, parser = page.read_text(), _Page()
    parser.feed(text)
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in parser.loaded)
    assert sum(link.startswith("data:") for link in parser.loaded) == 2, "timeline and telling frames of the one clip"
    assert cache.sha256(shipped.resnet_path()) in text and 'rule "mean"' in text
    assert parser.ids == ["f1", "f2"] and {"#f1", "#f2"} <= set(parser.loaded)
    for word in ("A score is not evidence", "Grad-CAM", "8 of 8 frames", "not judged", "bad.mp4 is not a video"):
        assert word in text


def _face(scores: list[float]) -> Face:
    table = pd.DataFrame({"frame": range(len(scores)), "used": True, "why": ""})
    for name in ("resnet", "headpose", "p_fake"):
        table[name] = scores
    return Face("fake", frames=table, edges=(0.3, 0.7))


def test_the_telling_frames_are_the_surest_of_each_third() -> None:
    assert report.telling(_face([0.5, 0.9, 0.6, 0.1, 0.5, 0.55])).tolist() == [1, 3, 5]
    assert report.telling(_face([0.7])).tolist() == [0]


def test_the_timeline_holds_every_judged_frame() -> None:
    found = _face([0.2, 0.4, 0.9])
    found.frames.loc[1, "used"] = False
    lines = report.timeline(found).axes[0].get_lines()
    assert lines[0].get_xdata().tolist() == [0, 2] and lines[0].get_ydata().tolist() == [0.2, 0.9]
    assert lines[3].get_xdata().tolist() == [1], "what was not judged is marked"


def test_it_needs_no_repository_no_network_and_no_environment(portrait, tmp_path) -> None:
    """A new process elsewhere, whose sockets are closed, gives a verdict from the shipped weights."""
    code = (
        "import socket, sys\n"
        "def closed(*a, **k): raise OSError('no network')\n"
        "socket.socket.connect = closed\n"
        "from dfdlib.command import cli\n"
        "sys.argv = ['dfd', 'predict', sys.argv[1], '--json']\n"
        "cli.main()\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
    clean["PYTHONPATH"] = str(paths.root())
    done = subprocess.run(
        [sys.executable, "-c", code, str(portrait)],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["files"][0]["verdict"] in WORDS.values()


HEAVY = {"torch", "torchvision", "timm", "accelerate", "sklearn", "skimage", "scipy.stats", "matplotlib", "papermill"}
IMPORTED = """
import sys
from pathlib import Path
from dfdlib.command import verdicts
code = verdicts.predict_all([Path(sys.argv[1])], "json", None, 8, "mean")
print(code, *sys.modules, file=sys.stderr)
"""


def test_a_prediction_imports_nothing_that_takes_a_second() -> None:
    """And with PyTorch's 200 MB it would need more than 350."""
    clip = paths.embedded() / "clips" / "p00_fake.mp4"
    done = subprocess.run([sys.executable, "-c", IMPORTED, str(clip)], capture_output=True, text=True, check=True)
    code, *imported = done.stderr.splitlines()[-1].split()
    assert code == "0" and json.loads(done.stdout)["files"][0]["used"] == 8 and "dlib" in imported
    assert not HEAVY & set(imported)


def test_a_file_that_vanishes_on_the_way_is_a_sentence(tmp_path) -> None:
    with pytest.raises(DfdError, match="no picture or video"):
        predict.files_to_judge([tmp_path])
    assert "There is no file" in predict.judge(tmp_path / "gone.png", PARAMS).note


def test_what_was_looked_at_is_counted_also_where_nothing_was_found(tmp_path) -> None:
    found = predict.judge(write_video(tmp_path / "noise.mp4", noise_frames(3)), PARAMS)
    assert (found.verdict, found.face.looked_at, found.face.used) == ("unusable", 3, 0)
    assert found.face.not_used == {"no face": 3}


def test_a_narrow_terminal_gets_whole_words(clip, monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "console", lambda: Console(width=80))
    assert _dfd(clip, "--frames", 8, monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80 and "8 of 8" in out and "over frames" in out
    assert "Do not use it to accuse anybody" in err


def test_readmes_python_runs(tmp_path, monkeypatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (paths.root() / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    _png(tmp_path / "face.png", astronaut(64))
    code = blocks[0] + "\nprint(large.shape)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "(192, 192, 3)", done.stderr
