"""`dfd predict`: verdicts, exit codes and pages for good files, and a sentence for every bad one."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from dfdlib.command import progress
from dfdlib.core import cache, errors, paths
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging, looking, predict, record, report, shipped
from dfdlib.detector.judging import WORDS, Face
from dfdlib.detector.looking import PredictParams
from dfdlib.evaluation import results
from dfdlib.faces import tracking, video
from dfdlib.superres import enlarging
from tests.media import astronaut, noise_frames, write_sound, write_video
from tests.predicting import dfd, moving_face, write_png

PARAMS = PredictParams()


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_png(tmp_path_factory.mktemp("portrait") / "portrait.png", astronaut())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of a face that moves."""
    return moving_face(tmp_path_factory.mktemp("clip") / "clip.mp4", 12)


def test_a_picture_gets_the_scores_of_its_face(portrait) -> None:
    found = predict.judge(portrait, PARAMS)
    assert found.verdict in ("real", "unsure") and found.face.used == found.face.looked_at == 1
    again = shipped.scores(found.face.crops, found.face.points)
    assert found.face.p_fake == found.face.resnet == pytest.approx(again["resnet"][0])
    mean = predict.judge(portrait, PredictParams(rule="mean")).face.p_fake
    assert mean == pytest.approx((again["resnet"][0] + again["headpose"][0]) / 2), "the pose counts if asked for"
    assert np.isnan(found.face.low), "one picture has no interval"
    inside = found.face.points[0]
    assert inside.min() > 0 and inside.max() < looking.FACE.size, "landmarks lie in the crop's pixels"


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
        (0.7, np.nan, np.nan, "fake"),
        (0.6999, np.nan, np.nan, "unsure"),
        (0.3, np.nan, np.nan, "unsure"),
        (0.29, np.nan, np.nan, "real"),
        (np.nan, np.nan, np.nan, "unsure"),
    ],
)
def test_a_verdict_needs_a_score_outside_the_band_and_an_interval_on_one_side(p_fake, low, high, expected) -> None:
    assert judging.verdict(p_fake, (low, high), (0.3, 0.7)) == expected


def test_a_score_as_low_as_fakes_may_be_is_never_free_of_signs_and_a_higher_one_never_less_fake() -> None:
    none = (np.nan, np.nan)
    assert judging.verdict(0.0, none, (0.0, 0.5)) == "unsure", "fakes reach below 0"
    order = [judging.verdict(p, none, (0.5, 0.54)) for p in (0.49, 0.5, 0.5001, 0.5399, 0.54)]
    assert order == ["real", "unsure", "unsure", "unsure", "fake"]
    assert judging.verdict(0.4, none, (np.nan, 0.5)) == "unsure", "without edges nothing is free of signs"


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
    assert len(asked) == 1 and asked[0] in (2, 3, 4)
    assert enlarged.shape == plain.shape == (looking.FACE.size, looking.FACE.size, 3)
    assert np.abs(enlarged.astype(float) - plain).mean() < 12, "the same face"


def test_each_of_many_faces_in_a_still_is_judged(tmp_path) -> None:
    small, large = astronaut(450), astronaut(700)
    sheet = np.zeros((700, 1600, 3), np.uint8)
    sheet[:, :700] = large
    for left in (700, 1150):
        sheet[:450, left : left + 450] = small
    found = predict.judge(write_png(tmp_path / "crowd.png", sheet), PARAMS)
    assert len(found.faces) >= 3 and re.match(r"\d people, each judged separately", found.note)
    alone = predict.judge(write_png(tmp_path / "alone.png", large), PARAMS)
    assert min(abs(face.resnet - alone.face.resnet) for face in found.faces) < 0.1


def test_8k_fits_and_gives_the_same_face(tmp_path) -> None:
    huge = cv2.resize(astronaut(), (4320, 4320))
    sheet = np.zeros((4320, 7680, 3), np.uint8)
    sheet[:, 2000 : 2000 + 4320] = huge
    cv2.imwrite(str(tmp_path / "8k.jpg"), sheet[..., ::-1])
    found = predict.judge(tmp_path / "8k.jpg", PARAMS)
    assert found.face.used == 1
    largest = 1920 / 7680 * 4320
    assert predict.judge(
        write_png(tmp_path / "small.png", astronaut(round(largest))), PARAMS
    ).face.resnet == pytest.approx(found.face.resnet, abs=0.2)


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
    "text.mp4": (
        lambda path: path.write_text("no video" * 99),
        "text.mp4 is neither a picture nor a video that can be read",
    ),
    "text.jpg": (lambda path: path.write_text("no picture" * 99), "text.jpg is missing or not an image"),
    "sound.mp4": (write_sound, "sound.mp4 has no video stream"),
    "cut.mp4": (
        lambda path: (write_video(path, noise_frames(40)), path.write_bytes(path.read_bytes()[:20000])),
        "cut.mp4 .*(truncated|can't be read)",
    ),
    "noise.mp4": (lambda path: write_video(path, noise_frames(3)), "No face was found in the 3 frames"),
    "noise.png": (lambda path: write_png(path, noise_frames(1)[0]), "No face was found in .*noise.png; only frontal"),
    "dark.png": (lambda path: write_png(path, astronaut() // 8), r"dark.png cannot be judged \(face too dark\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_and_exit_code_2(tmp_path, monkeypatch, capsys, name: str) -> None:
    make, says = BAD[name]
    make(tmp_path / name)
    assert dfd(tmp_path / name, monkeypatch=monkeypatch) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert told.startswith("dfd: ") and told.endswith(".")
    assert re.search(says, told), told


def test_a_folder_goes_on_after_a_bad_file_and_lists_it_at_the_end(tmp_path, portrait, monkeypatch, capsys) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(portrait, folder / "sub" / "z.png")
    (folder / "a.mp4").write_text("no video")
    (folder / "notes.txt").write_text("not a picture at all")
    assert dfd(folder, "--json", monkeypatch=monkeypatch) == errors.SOME
    out, err = capsys.readouterr()
    rows = json.loads(out)["files"]
    assert [Path(row["file"]).name for row in rows] == ["a.mp4", "z.png"]
    assert [row["verdict"] == "not judged" for row in rows] == [True, False]
    assert "1 of 2 files could not be judged:" in err and "a.mp4 is neither a picture nor a video" in err
    assert f"1 other file in {folder} was left out: 1 text (notes.txt)." in err


def test_an_empty_folder_a_wrong_rule_and_two_forms_are_sentences(tmp_path, portrait, monkeypatch, capsys) -> None:
    for arguments, says in (
        ((tmp_path,), "no picture or video in"),
        ((portrait, "--rule", "wish"), "no rule 'wish'"),
        ((portrait, "--json", "--csv"), "choose one of them"),
        ((portrait, "--report", tmp_path / "page.pdf"), "must end in .html"),
        ((portrait, "--report", tmp_path), "must end in .html"),
    ):
        assert dfd(*arguments, monkeypatch=monkeypatch) == 2
        assert says in capsys.readouterr().err


def test_csv_and_json_say_the_same(clip, portrait, monkeypatch, capsys) -> None:
    assert dfd(clip, portrait, "--csv", "--frames", 4, monkeypatch=monkeypatch) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert dfd(clip, portrait, "--json", "--frames", 4, monkeypatch=monkeypatch) == 0
    said = json.loads(capsys.readouterr().out)
    for row, other in zip(rows, said["files"], strict=True):
        assert (
            list(row) == [*predict.COLUMNS, "version", "software", "weights", "rule"] and list(other) == predict.COLUMNS
        )
        assert float(row["p_fake"]) == other["p_fake"] and row["measured"] == other["measured"] != ""
        assert all(json.loads(row[name]) == other[name] for name in ("not_used", "faces"))
        assert int(row["version"]) == said["version"] and json.loads(row["weights"]) == said["weights"]


ODD = '<script>alert(1)</script> "quoted" [red]mark[/] \u202e\n.png'


def test_odd_names_are_shown_and_never_run(tmp_path, portrait, monkeypatch, capsys) -> None:
    name = ODD.replace("/", "_")
    shutil.copy(portrait, tmp_path / name)
    page = tmp_path / "page.html"
    assert dfd(tmp_path / name, "--report", page, monkeypatch=monkeypatch) == 0
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
    assert dfd(clip, bad, "--report", page, "--frames", 8, monkeypatch=monkeypatch) == errors.SOME
    text, parser = page.read_text(), _Page()
    parser.feed(text)
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in parser.loaded)
    assert sum(link.startswith("data:") for link in parser.loaded) == 2, "timeline and telling frames of the one clip"
    assert cache.sha256(shipped.resnet_path()) in text and 'rule "resnet"' in text
    assert parser.ids == ["f1", "f2"] and {"#f1", "#f2"} <= set(parser.loaded)
    bad = "bad.mp4 is neither a picture nor a video"
    for word in ("A score is not evidence", "Grad-CAM", "8 of 8 frames", "not judged", bad):
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
code = verdicts.predict_all([Path(sys.argv[1])], "json", None, 8, "resnet")
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
    assert dfd(clip, "--frames", 8, monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80 and "8 of 8" in out and "over frames" in out
    assert "Do not use it to accuse anybody" in err


def test_readmes_python_runs(tmp_path, monkeypatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (paths.root() / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    write_png(tmp_path / "face.png", astronaut(64))
    code = blocks[0] + "\nprint(large.shape)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "(192, 192, 3)", done.stderr


CLIPS = paths.embedded() / "clips"


def _frames(name: str) -> list[np.ndarray]:
    return [image for _, image in video.sample(CLIPS / f"{name}.mp4", 0)]


def test_a_verdict_takes_four_frames_and_a_quarter_of_those_looked_at() -> None:
    assert [judging.needed(n) for n in (1, 2, 4, 16, 17, 32)] == [1, 4, 4, 4, 5, 8]
    table = pd.DataFrame({"frame": range(16), "used": [True] + [False] * 15, "why": [""] + ["no face"] * 15})
    scores = pd.DataFrame({"resnet": [0.01], "headpose": [0.01], "p_fake": [0.01]})
    found = judging.of_face(table, scores, record.known_spread("resnet"))
    assert (found.verdict, found.not_used) == ("unsure", {"no face": 15})
    assert found.note == "1 of 16 frames could be judged; a verdict takes 4"


def test_a_still_below_one_half_is_inconclusive_and_the_band_is_told(portrait, monkeypatch) -> None:
    scores = pd.DataFrame({"resnet": [0.4501], "headpose": [0.5], "p_fake": [0.45]})
    monkeypatch.setattr(shipped, "scores", lambda *_: scores)
    found = predict.judge(portrait, PARAMS)
    low, high = found.face.edges
    assert found.verdict == "unsure" and low < 0.4 < 0.45 < high
    assert found.row()["note"].startswith(f"inconclusive (as scores from {low:.2f} to below {high:.2f} are)")


def test_the_band_narrows_with_frames_and_never_below_the_spread_of_clips() -> None:
    real, fake = judging.Kind(7, 0.55, 0.12, 0.14), judging.Kind(7, 0.45, 0.1, 0.05)
    edges = [judging.Spread(real, fake, 448, 6).edges(n) for n in (1, 4, 8, 16, 1000)]
    widths = np.ptp(edges, axis=1)
    assert list(widths) == sorted(widths, reverse=True) and edges[3] == edges[4]
    assert edges[4][0] < 0.45 - 1.645 * 0.05 and edges[4][1] > 0.55 + 1.645 * 0.14


def test_where_the_kinds_lie_far_apart_one_half_alone_divides_them() -> None:
    known = judging.Spread(judging.Kind(7, 0.1, 0.05, 0.05), judging.Kind(7, 0.9, 0.05, 0.05), 448, 6)
    assert known.edges(1) == (0.5, 0.5)
    nan = (math.nan, math.nan)
    assert [judging.verdict(p, nan, known.edges(1)) for p in (0.4999, 0.5)] == ["real", "fake"]


def test_signs_begin_at_one_half_with_the_shipped_network() -> None:
    known = record.known_spread("resnet")
    assert all(known.edges(n)[1] == 0.5 for n in (1, 4, 32))
    assert [judging.of_frames(np.array([p]), known) for p in (0.5, 0.499, 0.1)] == ["fake", "unsure", "real"]


def _made(clips: int, rng: np.random.Generator) -> pd.DataFrame:
    """Scores of so many clips of 20 frames, every second one a fake: normal, known deviations."""
    of = np.repeat(np.arange(clips), 20)
    p_fake = 0.45 + 0.1 * (of % 2) + rng.normal(0, 0.1, clips)[of] + rng.normal(0, 0.05 + 0.03 * (of % 2))
    return pd.DataFrame({"clip_id": of, "label": of % 2, "person": of // 2, "p_fake": p_fake})


def test_the_spread_of_made_scores_is_found_again() -> None:
    known = judging.spread(_made(800, np.random.default_rng(0)))
    for kind, (mean, frame) in {known.real: (0.45, 0.05), known.fake: (0.55, 0.08)}.items():
        assert kind.mean == pytest.approx(mean, abs=0.015) and kind.clip == pytest.approx(0.1, abs=0.01)
        assert kind.frame == pytest.approx(frame, abs=0.003) and kind.clips == 400
    assert (known.frames, known.people) == (16000, 400)


@pytest.mark.parametrize("clips", [6, 14, 1000])
def test_one_in_twenty_of_the_other_kind_is_expected_beyond_each_edge_however_few_clips_tell_it(clips: int) -> None:
    rng, beyond = np.random.default_rng(clips), []
    for _ in range(400):
        known = judging.spread(_made(clips, rng))
        low, high = known.fake.mean - known.fake.reach(20), known.real.mean + known.real.reach(20)
        fresh = _made(200, rng).groupby(["clip_id", "label"])["p_fake"].mean()
        beyond.append((fresh.xs(0, level="label") >= high).mean())
        beyond.append((fresh.xs(1, level="label") <= low).mean())
    # A little less than 5 %, as some of the frames' scatter is counted twice
    assert 0.035 < np.mean(beyond) < 0.055


def test_a_new_clip_of_a_single_deviation_is_bounded_as_by_students_t() -> None:
    known = judging.Kind(7, 0.5, 0.0, 0.1)
    assert known.reach(32) == pytest.approx(stats.t.ppf(0.95, 6) * 0.1 * math.sqrt(8 / 7))


def test_scores_of_a_single_clip_of_a_kind_or_of_single_frames_say_nothing_of_their_scatter() -> None:
    made = _made(8, np.random.default_rng(0))
    for few in (made[(made["label"] == 0) | (made["clip_id"] == 1)], made.groupby("clip_id").head(1)):
        with pytest.raises(DfdError, match="give two clips of each label"):
            judging.spread(few)


def test_what_is_printed_beside_a_verdict_is_what_the_committed_tables_say() -> None:
    tables = [results.committed_table("uadfv", f"detector_{name}") for name in ("validation", "scores")]
    made = json.loads(json.dumps(record.measure(*tables)))
    assert made == json.loads(record.asset_path().read_text())
    test = tables[1][tables[1]["tested"] == "uadfv"]
    clips = test.groupby(["clip_id", "label"])["resnet"].mean().rename("p_fake").reset_index()
    lows = test.groupby(["clip_id", "label"])["resnet"].agg(lambda p: judging.interval(p.to_numpy())[0])
    sure = lows.to_numpy() > 0.5  # signs begin at one half
    found = [int(sure[clips["label"] == label].sum()) for label in (1, 0)]
    assert (
        record.beside(False, "resnet")
        == f"this detector finds signs in {found[0]} of 14 unseen swaps and {found[1]} of 14 real clips (UADFV)"
    )


def test_the_counts_of_verdicts_in_prose_are_those_of_the_record() -> None:
    found = {(row["tested"], row["label"], row["stills"]): row for row in record.measured("resnet")}
    fake, real, frames, reals = (found["uadfv", label, stills] for stills in (False, True) for label in (1, 0))
    large = found["super-resolved", 0, True]
    assert real["fake"] == 0
    readme, card, ethics = (
        re.sub(r"\s+", " ", path.read_text(encoding="utf-8"))
        for path in (paths.root() / "README.md", paths.assets() / "detector.md", paths.root() / "ETHICS.md")
    )
    assert f"signs of a swap in {fake['fake']} of {fake['n']} fake and none of {real['n']} real clips" in readme
    assert f"{fake['unsure']} of the fake and {real['unsure']} of the real ones are inconclusive" in readme
    assert f"{frames['fake']} of {frames['n']} fake and {reals['fake']} of {reals['n']} real ones" in readme
    assert f"; {frames['unsure']} and {reals['unsure']} are inconclusive" in readme
    assert f"it finds signs in {fake['fake']} of {fake['n']} clips ({fake['unsure']} are inconclusive, and" in card
    assert f"{fake['real']} of {fake['n']} clips and {frames['real']} of {frames['n']} stills lie there" in card
    known = record.known_spread("resnet").real
    clip, still = (f"{known.mean + known.reach(used):.2f}" for used in (32, 1))
    assert f"is expected ({clip}; of stills {still})" in card
    assert f"{large['fake']} of {large['n']} frames" in ethics and f"finds signs in only {fake['fake']}" in ethics


def test_beside_a_rule_with_the_head_pose_stands_that_it_had_seen_the_donor() -> None:
    assert record.beside(False, "mean").endswith("(UADFV, whose donor the head-pose SVM had seen)")
    assert "head-pose" not in record.beside(True, "resnet")


def test_the_spread_is_not_learned_on_test_frames() -> None:
    table = results.committed_table("uadfv", "detector_scores")
    with pytest.raises(DfdError, match="validation frames only"):
        record.measure(table, table)


@pytest.mark.parametrize(("quarters", "degrees"), [(1, 270), (2, 180), (3, 90)])
def test_a_clip_without_a_word_that_it_is_turned_gets_the_upright_verdict(
    tmp_path, quarters: int, degrees: int
) -> None:
    path = write_video(tmp_path / "turned.mp4", [np.rot90(image, quarters) for image in _frames("p00_fake")])
    upright, found = (predict.judge(name, PARAMS) for name in (CLIPS / "p00_fake.mp4", path))
    assert found.verdict == upright.verdict and found.face.p_fake == pytest.approx(upright.face.p_fake, abs=0.05)
    assert found.turned == degrees and "no face was found upright" in found.note
    assert f"judged after turning it by {degrees} degrees" in found.note and not upright.turned


def test_a_turned_still_is_judged_and_noise_is_not_turned(tmp_path, portrait) -> None:
    found = predict.judge(write_png(tmp_path / "down.png", np.rot90(astronaut(), 2)), PARAMS)
    assert found.turned == 180 and found.face.p_fake == pytest.approx(
        predict.judge(portrait, PARAMS).face.p_fake, abs=0.05
    )
    assert predict.judge(write_png(tmp_path / "noise.png", noise_frames(1)[0]), PARAMS).turned == 0


def test_two_people_side_by_side_get_a_verdict_each(tmp_path) -> None:
    pairs = [np.hstack(both) for both in zip(_frames("p00_fake"), _frames("p05_real"), strict=True)]
    found = predict.judge(write_video(tmp_path / "side.mp4", pairs), PARAMS)
    alone = [predict.judge(CLIPS / f"{name}.mp4", PARAMS).face for name in ("p00_fake", "p05_real")]
    for face, other in zip(found.faces, alone, strict=True):  # the most fake one decides, and comes first
        assert face.verdict == other.verdict and face.used == 16
        assert face.p_fake == pytest.approx(other.p_fake, abs=0.05)
    assert "2 people, each judged separately" in found.note


def test_small_bystanders_are_counted(tmp_path) -> None:
    sheet = np.zeros((1400, 2000, 3), np.uint8)
    sheet[:, :1400], sheet[:560, 1410:1970] = astronaut(1400), astronaut(560)
    found = predict.judge(write_png(tmp_path / "bystander.png", sheet), PARAMS)
    assert len(found.faces) == 1 and found.note.endswith("1 smaller face was not judged")
    assert predict.judge(write_png(tmp_path / "alone.png", astronaut(1400)), PARAMS).note == ""


def test_six_people_are_too_many_and_it_is_told(tmp_path) -> None:
    sheet = np.tile(_frames("p05_real")[0], (2, 3, 1))
    found = predict.judge(write_png(tmp_path / "six.png", sheet), PARAMS)
    assert len(found.faces) == 4 and "of 6 faces the 4 largest were judged" in found.note


def test_one_face_among_noise_is_inconclusive_and_the_reasons_are_kept_apart(tmp_path, monkeypatch, capsys) -> None:
    noise, black = noise_frames(9, 256), [np.zeros((256, 256, 3), np.uint8)] * 6
    clip = write_video(tmp_path / "rare.mp4", [*noise, *_frames("p05_real")[:1], *black], crf="1", tune="psnr")
    assert dfd(clip, "--json", monkeypatch=monkeypatch) == 0
    row = json.loads(capsys.readouterr().out)["files"][0]
    assert row["verdict"] == "inconclusive" and row["note"] == "1 of 16 frames could be judged; a verdict takes 4"
    assert row["not_used"] == {"no face": 9, "picture too dark": 6} and row["turned"] == 0


def test_two_people_one_after_the_other_are_told_apart_and_one_may_return(tmp_path) -> None:
    one, other = _frames("p00_fake"), _frames("p03_real")
    clip = write_video(tmp_path / "three_shots.mp4", [*one[:8], *other, *one[8:]])
    found = predict.judge(clip, PredictParams(max_frames=0))
    assert [face.shown for face in found.faces] == [[*range(8), *range(24, 32)], [*range(8, 24)]]
    assert "another person from frame 8" in found.note and "changes abruptly at frame 24" in found.note
    assert found.faces[0].not_used == {"another person": 16}


def test_a_cut_is_told_where_dlib_takes_both_for_one_person_and_one_shot_has_none(tmp_path) -> None:
    found = predict.judge(write_video(tmp_path / "cut.mp4", _frames("p00_fake") + _frames("p04_real")), PARAMS)
    assert "changes abruptly at frame 16: perhaps another shot or person" in found.note
    assert predict.judge(CLIPS / "p04_real.mp4", PARAMS).note == ""


@pytest.mark.parametrize(
    ("faces", "expected"),
    [("real", "real"), ("real fake unsure", "fake"), ("real unsure", "unsure"), ("", "unusable")],
)
def test_a_file_is_as_suspicious_as_its_most_suspicious_face(faces: str, expected: str) -> None:
    assert judging.of_file(faces.split()) == expected


def test_a_face_in_too_few_frames_does_not_decide() -> None:
    seldom, often = Face("unsure", 0.9, looked_at=16, used=2), Face("real", 0.1, looked_at=16, used=14)
    assert judging.ranked([seldom, often]) == [often] and judging.ranked([seldom]) == [seldom]


def test_frames_that_never_come_are_damaged_and_not_without_a_face(clip, monkeypatch) -> None:
    whole = predict._frames

    def some(*given) -> tuple:
        wanted, images = whole(*given)
        return wanted, (item for item in images if item[0] not in (3, 5))

    monkeypatch.setattr(predict, "_frames", some)
    face = predict.judge(clip, PARAMS).face
    assert (face.looked_at, face.used, face.not_used) == (12, 10, {"damaged": 2})


SCHEMA = {
    **{"file": str, "verdict": str, "p_fake": float, "low": float, "high": float, "inconclusive_from": float},
    **{"inconclusive_to": float, "resnet": float, "headpose": float, "looked_at": int, "used": int, "not_used": dict},
    **{"turned": int, "note": str, "measured": str, "faces": list},
}


def test_json_says_what_made_it_and_every_field_has_its_type(clip, portrait, tmp_path, monkeypatch, capsys) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    assert dfd(clip, portrait, bad, "--json", monkeypatch=monkeypatch) == errors.SOME
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["version", "software", "weights", "rule", "measured", "files"]
    assert said["version"] == 2 and said["software"] == f"dfdlib {version('dfdlib')}"
    assert said["weights"]["detector.safetensors"] == cache.sha256(shipped.resnet_path())
    for row in said["files"]:
        assert list(row) == list(SCHEMA) and row["verdict"] in WORDS.values()
        for name, kind in SCHEMA.items():
            assert isinstance(row[name], kind) or (kind is float and row[name] is None), name
    clips, still, none = said["files"]
    assert clips["low"] <= clips["p_fake"] <= clips["high"] and still["low"] is None and none["faces"] == []
    assert [len(face["frames"]) for face in clips["faces"]] == [12]
    assert "14 unseen swaps" in clips["measured"] and "frames of unseen swaps" in still["measured"]
    rows = [row for row in said["measured"] if row["data"] == "UADFV, test part" and row["unit"] == "clips"]
    assert {row["kind"]: sum(row[word] for word in list(WORDS.values())[:3]) for row in rows} == {
        "fake": 14,
        "real": 14,
    }


def test_the_report_names_files_within_the_folder_given(tmp_path, portrait, monkeypatch) -> None:
    folder = tmp_path / "given"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(portrait, folder / "sub" / "face.png")
    page = tmp_path / "page.html"
    assert dfd(folder, "--report", page, monkeypatch=monkeypatch) == 0
    text = page.read_text()
    assert "<h2>sub/face.png</h2>" in text and str(tmp_path) not in text


def test_the_report_shows_each_face_and_the_measured_counts(tmp_path, monkeypatch) -> None:
    pairs = [np.hstack(both) for both in zip(_frames("p00_fake"), _frames("p05_real"), strict=True)]
    page = tmp_path / "page.html"
    assert dfd(write_video(tmp_path / "side.mp4", pairs), "--report", page, monkeypatch=monkeypatch) == 0
    text, parser = page.read_text(), _Page()
    parser.feed(text)
    assert text.count("<h3>Face") == 2 and sum(link.startswith("data:") for link in parser.loaded) == 4
    for row in record.lines("resnet", {False}):
        assert f"<td>{row[0]}</td><td>{row[1]}</td><td>{row[2]}</td><td>{row[3]}</td>" in text
