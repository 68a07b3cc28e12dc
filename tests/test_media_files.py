"""A folder is what is in it: pictures and videos are found by their bytes, and every other file is named."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from dfdlib.data import media_files
from tests.media import noise_frames, write_sound, write_video

NOISE = noise_frames(3)


def _container(form: str, codec: str, side: int = 64, pix_fmt: str = "yuv420p", **options: str) -> Callable:
    """Three frames of noise in a container of FFmpeg's, under whatever name."""
    size = (720, 576) if side == 720 else (side, side)  # MXF and DV take television's sizes alone

    def make(path: Path) -> None:
        with av.open(str(path), "w", format=form, options=options) as container:
            stream = container.add_stream(codec, rate=25)
            (stream.width, stream.height), stream.pix_fmt = size, pix_fmt
            for image in NOISE:
                image = np.resize(image, (size[1], size[0], 3))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())

    return make


def _sound(form: str, codec: str, sample: str = "fltp") -> Callable:
    def make(path: Path) -> None:
        with av.open(str(path), "w", format=form) as container:
            stream = container.add_stream(codec, rate=44100)
            stream.layout = "mono"
            kind = np.float32 if sample == "fltp" else np.int16
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), kind), format=sample, layout="mono")
            frame.sample_rate = 44100
            for _ in range(8):
                container.mux(stream.encode(frame))
            container.mux(stream.encode())

    return make


def _picture(form: str, mode: str = "RGB", many: bool = False, **options: object) -> Callable:
    first, *rest = (Image.fromarray(image).convert(mode) for image in NOISE)
    more = {"save_all": True, "append_images": rest} if many else {}
    return lambda path: first.save(path, format=form, **more, **options)


def _heif(brand: bytes) -> Callable:
    return lambda path: path.write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand + bytes(999))


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.jpg", b"\xff\xd8\xff" + bytes(99))


VIDEOS = {
    "mp4": _container("mp4", "libx264"),
    "mp4 in fragments": _container("mp4", "libx264", movflags="frag_keyframe+empty_moov"),
    "mov": _container("mov", "mpeg4"),
    "3gp": _container("3gp", "libx264"),
    "mkv": _container("matroska", "mpeg4"),
    "webm": _container("webm", "libvpx"),
    "avi": _container("avi", "mpeg4"),
    "ts": _container("mpegts", "libx264"),
    "mts": _container("mpegts", "libx264", mpegts_m2ts_mode="1"),
    "vob": _container("vob", "mpeg2video"),
    "mpg": _container("mpeg", "mpeg1video"),
    "m2v": _container("mpeg2video", "mpeg2video"),
    "m4v": _container("m4v", "mpeg4"),
    "h264": _container("h264", "libx264"),
    "flv": _container("flv", "flv"),
    "wmv": _container("asf", "wmv2"),
    "ogv": _container("ogg", "libvpx"),
    "ivf": _container("ivf", "libvpx"),
    "mxf": _container("mxf", "mpeg2video", 720),
    "dv": _container("dv", "dvvideo", 720),
    "nut": _container("nut", "mpeg4"),
    "y4m": _container("yuv4mpegpipe", "rawvideo"),
    "moving gif": _picture("GIF", "P", many=True, duration=40),
    "moving webp": _picture("WEBP", many=True, duration=40),
    "moving png": _picture("PNG", many=True, duration=40),
    "tiff of three pages": _picture("TIFF", many=True),
    "moving avif": _picture("AVIF", many=True, duration=40),
    "heif sequence": _heif(b"msf1"),
}
IMAGES = {
    "jpeg": _picture("JPEG"),
    "png": _picture("PNG"),
    "webp": _picture("WEBP"),
    "lossless webp": _picture("WEBP", lossless=True),
    "gif": _picture("GIF", "P"),
    "bmp": _picture("BMP"),
    "tiff": _picture("TIFF"),
    "big tiff": _picture("TIFF", big_tiff=True),
    "ppm": _picture("PPM"),
    "pgm": _picture("PPM", "L"),
    "avif": _picture("AVIF"),
    "heic": _heif(b"heic"),
    "hdr heic": _heif(b"heix"),
}
OTHERS = {
    "text": ("text", lambda path: path.write_text("BMP pictures and P3 and II, MM\n" * 99)),
    "text in latin-1": ("text", lambda path: path.write_bytes(b"K\xe4se\n" * 99)),
    "text in utf-16": ("text", lambda path: path.write_text("words\n", encoding="utf-16")),
    "text that begins as a bitmap": ("text", lambda path: path.write_text("BMW, MMORPG\n" * 99)),
    "playlist": ("text", lambda path: path.write_text("#EXTM3U\n#EXTINF:9,\nother.mp4\n")),
    "pdf with a picture": ("PDF", _picture("PDF")),
    "zip": ("archive", _zip),
    "program": ("program", lambda path: path.write_bytes(b"\x7fELF\2\1\1" + bytes(99))),
    "empty": ("empty", Path.touch),
    "zeros": ("of another kind", lambda path: path.write_bytes(bytes(9999))),
    "numbers": ("of another kind", lambda path: path.write_bytes(np.arange(9999).tobytes())),
    "m4a": ("sound", write_sound),
    "mp3": ("sound", _sound("mp3", "libmp3lame")),
    "wav": ("sound", _sound("wav", "pcm_s16le", "s16")),
    "flac": ("sound", _sound("flac", "flac", "s16")),
    "mka": ("sound", _sound("matroska", "aac")),
}


@pytest.mark.parametrize(
    ("expected", "make"),
    [("video", make) for make in VIDEOS.values()] + [("image", make) for make in IMAGES.values()],
    ids=[*VIDEOS, *IMAGES],
)
def test_a_picture_or_video_is_known_without_its_ending(tmp_path: Path, expected: str, make: Callable) -> None:
    path = tmp_path / "made"
    make(path)
    for name in ("made", "other.dat", "other.mp4", "other.jpg"):
        path = path.rename(tmp_path / name)
        assert media_files.kind(path) == expected, name


@pytest.mark.parametrize(("why", "make"), OTHERS.values(), ids=list(OTHERS))
def test_another_file_is_left_out_with_its_reason(tmp_path: Path, why: str, make: Callable) -> None:
    make(tmp_path / "made.m4a")
    (tmp_path / "made.m4a").rename(tmp_path / "made")
    assert media_files.below(tmp_path) == ([], {why: [tmp_path / "made"]}) and media_files.kind(tmp_path / "made") == ""


def test_an_ending_that_promises_a_picture_or_video_is_taken_at_its_word(tmp_path: Path) -> None:
    """Whoever reads the file then says what is wrong with it."""
    for name in ("text.mp4", "empty.mp4", "TEXT.JPG", "empty.png", "cut.heic"):
        (tmp_path / name).write_text("text " * 99 if "empty" not in name else "")
    write_sound(tmp_path / "sound.mp4")
    found, left = media_files.below(tmp_path)
    assert [path.name for path in found] == sorted(os.listdir(tmp_path)) and left == {}
    kinds = {path.name: media_files.kind(path) for path in found}
    images = dict.fromkeys(("TEXT.JPG", "cut.heic", "empty.png"), "image")
    assert kinds == images | dict.fromkeys(("empty.mp4", "sound.mp4", "text.mp4"), "video")


def test_a_programs_source_is_no_transport_stream_and_a_raw_photo_no_tiff(tmp_path: Path) -> None:
    for name in ("a.ts", "b.mts"):
        (tmp_path / name).write_text("export const a: string = 'b';\n")
    _picture("TIFF")(tmp_path / "c.dng")
    assert media_files.below(tmp_path)[1] == {
        "text": [tmp_path / "a.ts", tmp_path / "b.mts"],
        "camera raw": [tmp_path / "c.dng"],
    }
    for number in (1, 2):
        _container("mpegts", "libx264", mpegts_m2ts_mode=str(number - 1))(tmp_path / f"d.{number}.MTS")
    assert [path.name for path in media_files.below(tmp_path)[0]] == ["d.1.MTS", "d.2.MTS"]


def test_hidden_files_links_pipes_and_closed_folders_are_named_and_not_entered(tmp_path: Path, monkeypatch) -> None:
    write_video(tmp_path / "in" / "sub" / "a.mp4", NOISE)
    top = tmp_path / "in"
    for hidden in (".git", ".cache"):
        shutil.copytree(top / "sub", top / hidden)
    (top / "._a.mp4").write_bytes(b"\0\5\x16\7")
    (top / "sub" / "ring").symlink_to(top, target_is_directory=True)
    (top / "itself.mp4").symlink_to(top / "itself.mp4")
    (top / "gone.mp4").symlink_to(top / "nowhere.mp4")
    (top / "linked.mp4").symlink_to(top / "sub" / "a.mp4")
    os.mkfifo(top / "pipe.mp4")  # to read it would wait for ever
    (top / "closed").mkdir()
    scan = os.scandir

    def refused(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refused)
    found, left = media_files.below(top)
    assert [path.relative_to(top).as_posix() for path in found] == ["linked.mp4", "sub/a.mp4"]
    named = {why: [path.relative_to(top).as_posix() for path in paths] for why, paths in left.items()}
    assert named == {
        "hidden": ["._a.mp4", ".cache", ".git"],
        "broken link": ["gone.mp4", "itself.mp4"],
        "linked folder": ["sub/ring"],
        "no file": ["pipe.mp4"],
        "unreadable": ["closed"],
    }


def test_a_file_that_may_not_be_read_is_taken_by_its_ending_or_named(tmp_path: Path, monkeypatch) -> None:
    """Permissions would not stop root, as which tests may run."""

    def refused(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    for name in ("a.mp4", "b.jpg", "c.dat"):
        (tmp_path / name).write_bytes(bytes(9))
    assert media_files.kind(tmp_path / "nowhere.jpg") == media_files.kind(tmp_path) == ""
    monkeypatch.setattr(Path, "open", refused)
    found, left = media_files.below(tmp_path)
    assert [path.name for path in found] == ["a.mp4", "b.jpg"] and left == {"unreadable": [tmp_path / "c.dat"]}


def test_the_summary_names_the_first_of_each_reason_and_counts_all(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.py").write_text("pass")
    (tmp_path / "two\nlines").touch()
    said = media_files.summary(media_files.below(tmp_path)[1], tmp_path)
    lines = "5 text (0.py, 1.py, 2.py, ...), 1 empty (two\\nlines)"
    assert said == f"6 other files in {tmp_path} were left out: {lines}"
    assert media_files.summary({"PDF": [tmp_path / "a"]}, tmp_path).startswith("1 other file in ")
    assert media_files.reasons({"PDF": [tmp_path / name for name in "ab"]}, tmp_path) == "2 PDFs (a, b)"
    assert media_files.summary({}, tmp_path) == ""


def test_first_bytes_decide_and_no_decoder_is_asked_in_vain(tmp_path: Path, monkeypatch) -> None:
    for form, ending in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("AVIF", "")):
        _picture(form)(tmp_path / f"a.{ending}")
    write_video(tmp_path / "b.mp4", NOISE)
    (tmp_path / "c.txt").write_text("text")
    (tmp_path / "d.npz").write_bytes(b"PK\3\4" + bytes(99))
    monkeypatch.setattr(av, "open", None)
    monkeypatch.setattr(Image, "open", None)
    found, left = media_files.below(tmp_path)
    assert (len(found), list(left)) == (5, ["archive", "text"])
