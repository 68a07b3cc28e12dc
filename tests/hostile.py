"""Files made to break readers: how each is made, which reader takes it, and what must come of it.

`python -m tests.hostile FOLDER` makes each reader's files there and reads them, in a child with little memory; one line
of JSON a file says what came of it. tests/test_hostile.py runs this and judges.
"""

from __future__ import annotations

import gzip
import importlib
import io
import json
import os
import resource
import signal
import struct
import sys
import tarfile
import traceback
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

from tests.fields import write_fields
from tests.media import noise_frames, write_sound, write_video

HEADROOM = 1 << 30  # bytes of address space that a reader may take beyond what it has when it starts
SECONDS = 20  # of processor time for a file; the readers take well below one
# Arabic, which runs from right to left, an accent as a mark of its own, an emoji of two joined ones.
ODD = "\u0645\u0631\u062d\u0628\u0627-e\u0301-\U0001f469\u200d\U0001f680"


@dataclass(frozen=True)
class Case:
    """`make` writes the file at a path; `says` is what the sentence must match, or a check of what was read."""

    reader: str
    name: str  # of the file
    make: Callable[[Path], object]
    says: str | Callable[[Any], bool]
    file: str = ""  # its name on disk where that is not `name`
    either: bool = False  # it may be read as well: how much a flipped bit spoils depends on the encoder's version


def _bytes(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def _changed(make: Callable[[Path], object], change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def made(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return made


def _as(path: Path, suffix: str, make: Callable[[Path], object]) -> None:
    """A file of one kind under the name of another."""
    real = path.with_name(f"{path.stem}-real{suffix}")
    make(real)
    os.replace(real, path)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flipped(share: float, start: float = 0.0) -> Callable[[bytes], bytes]:
    """One bit turned round in a share of the bytes from `start` of the file on."""

    def change(data: bytes) -> bytes:
        rng, array = np.random.default_rng(0), np.frombuffer(data, np.uint8).copy()
        low = int(start * len(array))
        places = low + rng.choice(len(array) - low, max(1, int(share * (len(array) - low))), replace=False)
        array[places] ^= np.uint8(1) << rng.integers(0, 8, len(places)).astype(np.uint8)
        return array.tobytes()

    return change


# ---- images ----------------------------------------------------------------------------------------------------------

RED, TEAL = (200, 40, 30), (20, 130, 120)


def _halves(mode: str = "RGB", **how: Any) -> Callable[[Path], object]:
    """32 rows of 48 pixels, left half red, right half teal, in a colour mode."""
    image = Image.new("RGB", (48, 32), RED)
    image.paste(TEAL, (24, 0, 48, 32))
    return lambda path: image.convert(mode).save(path, **how)


def _shows(left: tuple, right: tuple, apart: int = 6, shape: tuple = (32, 48, 3)) -> Callable[[Any], bool]:
    def check(image: np.ndarray) -> bool:
        sides = image[16, 6].astype(int), image[16, -6].astype(int)
        close = all(np.abs(side - want).max() <= apart for side, want in zip(sides, (left, right), strict=True))
        return image.shape == shape and image.dtype == np.uint8 and close

    return check


def _deep(grey: bool) -> Callable[[Path], object]:
    colour = np.array([RED, TEAL], np.uint16)[np.arange(48) // 24] * 257
    image = np.broadcast_to(colour, (32, 48, 3))
    return lambda path: cv2.imwrite(str(path), image[..., 0] if grey else image[..., ::-1])


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a quarter turn to the right shows it upright
    _halves(exif=exif, quality=95)(path)


def _upright(image: np.ndarray) -> bool:
    close = [np.abs(image[row, 16].astype(int) - want).max() <= 6 for row, want in ((6, RED), (-6, TEAL))]
    return image.shape == (48, 32, 3) and all(close)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _bomb() -> bytes:
    """A PNG of 65 kB whose header states 60,000 x 60,000 pixels, with the first 64 million of them there, all zero."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    return _png(60000, 60000, rows)


def _animated(path: Path) -> None:
    frames = [Image.new("RGB", (48, 32), colour) for colour in (RED, TEAL, RED)]
    options = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, **options)


def _noise(path: Path) -> None:
    cv2.imwrite(str(path), noise_frames(1, 96)[0])


def _huge_jpeg(data: bytes) -> bytes:
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", 65000, 65000) + data[place + 4 :]


def _first_directory(path: Path) -> None:
    path.mkdir()


NOT_AN_IMAGE = "(image|read)"
GREY_RED, GREY_TEAL = (87,) * 3, (96,) * 3  # by ITU-R BT.601's weights
IMAGES = [
    Case("image", "rgb.png", _halves(), _shows(RED, TEAL, 0)),
    Case("image", "rgb.jpg", _halves(quality=95), _shows(RED, TEAL)),
    Case("image", "grey.png", _halves("L"), _shows(GREY_RED, GREY_TEAL, 1)),
    Case("image", "one_bit.png", _halves("1"), lambda image: set(np.unique(image)) == {0, 255}),
    Case("image", "palette.png", _halves("P"), _shows(RED, TEAL, 30)),
    Case("image", "alpha.png", _halves("RGBA"), _shows(RED, TEAL, 0)),
    Case("image", "cmyk.jpg", _halves("CMYK", quality=95), _shows(RED, TEAL)),
    Case("image", "deep.png", _deep(grey=False), _shows(RED, TEAL, 1)),
    Case("image", "deep_grey.png", _deep(grey=True), _shows((200,) * 3, (20,) * 3, 1)),
    Case("image", "deep.tiff", _deep(grey=False), _shows(RED, TEAL, 1)),
    Case("image", "progressive.jpg", _halves(progressive=True, quality=95), _shows(RED, TEAL)),
    Case("image", "turned.jpg", _turned, _upright),
    Case("image", "moving.gif", _animated, _shows(RED, RED, 8)),
    Case("image", "moving.webp", _animated, _shows(RED, RED, 8)),
    Case("image", "png_named.jpg", lambda path: _as(path, ".png", _halves()), _shows(RED, TEAL, 0)),
    Case("image", f"{ODD}.png", _halves(), _shows(RED, TEAL, 0)),
    Case("image", "a" * 251 + ".png", _halves(), _shows(RED, TEAL, 0)),
    Case("image", "two\nlines.png", _bytes(b"no image"), r"two\\nlines.png .*" + NOT_AN_IMAGE),
    Case("image", "missing.png", lambda p: None, "missing"),
    Case("image", "folder.png", _first_directory, NOT_AN_IMAGE),
    Case("image", "empty.png", _bytes(b""), NOT_AN_IMAGE),
    Case("image", "text.png", _bytes(b"not an image " * 50), NOT_AN_IMAGE),
    Case("image", "cut.jpg", _changed(_noise, _half), NOT_AN_IMAGE),
    Case("image", "cut.png", _changed(_noise, _half), NOT_AN_IMAGE),
    Case("image", "header.png", _changed(_noise, lambda d: d[:40]), NOT_AN_IMAGE),
    Case("image", "cut.webp", _changed(_noise, _half), NOT_AN_IMAGE),
    Case("image", "cut.tiff", _changed(_noise, _half), NOT_AN_IMAGE),
    Case("image", "cut.bmp", _changed(_noise, _half), NOT_AN_IMAGE),
    Case("image", "video_named.jpg", lambda path: _as(path, ".mp4", _video()), NOT_AN_IMAGE),
    Case("image", "bomb.png", lambda p: p.write_bytes(_bomb()), r"(60000 x 60000 pixels|image)"),
    Case("image", "lying.png", _bytes(_png(2**31 - 1, 2**31 - 1, zlib.compress(b"\0\0"))), "(pixels|image)"),
    Case("image", "lying.jpg", _changed(_halves(), _huge_jpeg), "(65000 x 65000 pixels|image)"),
    Case("image", "script.eps", _bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n"), NOT_AN_IMAGE),
]


# ---- videos ----------------------------------------------------------------------------------------------------------


def _video(count: int = 20, size: tuple[int, int] = (64, 64), **how: Any) -> Callable[[Path], object]:
    """Noise, or for other than square sizes a cut of it."""
    frames = [frame[: size[0], : size[1]] for frame in noise_frames(count, max(size))]
    return lambda path: write_video(path, frames, **how)


def _in_fields(path: Path) -> None:
    write_fields(path, noise_frames(6), apart=True)


def _uneven(path: Path) -> None:
    """Each frame is shown longer than the one before."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number, image in enumerate(noise_frames(20)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _rotated(data: bytes) -> bytes:
    """The track's matrix of an MP4 as that of a quarter turn."""
    place = data.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    return data[:place] + matrix + data[place + 36 :]


def _stated_frames(count: int) -> Callable[[bytes], bytes]:
    """The number of samples in an MP4's table of sizes."""

    def change(data: bytes) -> bytes:
        place = data.index(b"stsz") + 12
        return data[:place] + struct.pack(">I", count) + data[place + 4 :]

    return change


def _stated_size(side: int) -> Callable[[bytes], bytes]:
    """Width and height in an MP4's description of its samples."""

    def change(data: bytes) -> bytes:
        place = data.index(b"avc1", data.index(b"stsd")) + 28
        return data[:place] + struct.pack(">HH", side, side) + data[place + 4 :]

    return change


def _box(size: int) -> Callable[[bytes], bytes]:
    """The stated length of an MP4's box of tables."""

    def change(data: bytes) -> bytes:
        place = data.index(b"moov") - 4
        return data[:place] + struct.pack(">I", size) + data[place + 4 :]

    return change


def _list(text: str) -> Callable[[Path], object]:
    """A text that names a sound video beside it."""

    def make(path: Path) -> None:
        _video()(path.with_name("other.mp4"))
        path.write_text(text.format(folder=path.parent))

    return make


def _frames(count: int, shape: tuple = (64, 64, 3)) -> Callable[[Any], bool]:
    return lambda found: len(found) == count and all(i.shape == shape and i.dtype == np.uint8 for _, i in found)


BAD = r"(nor a video|damaged|truncated|no frame|no video stream|pixels)"
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{folder}/other.mp4\n#EXT-X-ENDLIST\n"
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
VIDEOS = [
    Case("video", "whole.mp4", _video(), _frames(8)),
    Case("video", "one.mp4", _video(1), _frames(1)),
    Case("video", "wide.mkv", _video(5, (33, 65), codec="ffv1", pix_fmt="yuv444p"), _frames(5, (33, 65, 3))),
    Case("video", "tall.mp4", _video(9, (64, 32)), _frames(8, (64, 32, 3))),
    Case("video", "rotated.mp4", _changed(_video(9, (64, 32)), _rotated), _frames(8, (32, 64, 3))),
    Case("video", "uneven.mp4", _uneven, _frames(8)),
    Case("video", "webm_named.mp4", lambda p: _as(p, ".mkv", _video()), _frames(8)),
    Case("video", "ten_bit.mkv", _video(9, codec="ffv1", pix_fmt="yuv420p10le"), _frames(8)),
    Case("video", "grey.mkv", _video(9, codec="ffv1", pix_fmt="gray"), _frames(8)),
    Case("video", "missing.mp4", lambda p: None, "no video"),
    Case("video", "folder.mp4", _first_directory, "no video"),
    Case("video", "empty.mp4", _bytes(b""), "empty file"),
    Case("video", "zeros.mp4", _bytes(bytes(100_000)), BAD),
    Case("video", "text.mp4", _bytes(b"not a video " * 99), BAD),
    Case("video", "sound.mp4", write_sound, "no video stream"),
    Case("video", "image_named.mp4", lambda p: _as(p, ".jpg", _noise), BAD),
    Case("video", "cut.mp4", _changed(_video(50), _half), BAD),
    Case("video", "cut.mkv", _changed(_video(50), lambda d: d[:600]), BAD),
    Case("video", "no_index.mp4", _changed(_video(), lambda data: data.replace(b"moov", b"junk")), BAD),
    Case("video", "header.mp4", _changed(_video(), lambda d: d[:64]), BAD),
    Case("video", "flipped.mp4", _changed(_video(50), _flipped(0.2, 0.3)), BAD, either=True),
    Case("video", "flipped_all.mp4", _changed(_video(50), _flipped(0.3)), BAD),
    Case("video", "flipped_some.mkv", _changed(_video(50), _flipped(0.2, 0.1)), BAD, either=True),
    Case("video", "too_many.mp4", _changed(_video(), _stated_frames(2**31 - 1)), BAD),
    Case("video", "too_few.mp4", _changed(_video(), _stated_frames(0)), BAD),
    Case("video", "large.mp4", _changed(_video(), _stated_size(65535)), BAD, either=True),
    Case("video", "long_box.mp4", _changed(_video(), _box(0x7FFFFFFF)), BAD, either=True),
    Case("video", "short_box.mp4", _changed(_video(), _box(9)), BAD),
    Case("video", "concat.mp4", _list("ffconcat version 1.0\nfile other.mp4\n"), "nor a video"),
    Case("video", "concat_abs.mp4", _list("ffconcat version 1.0\nfile '{folder}/other.mp4'\n"), "nor a video"),
    Case("video", "playlist.m3u8", _list(HLS), "nor a video"),
    Case("video", "playlist.mp4", _list(HLS), "nor a video"),
    Case("video", "session.sdp", _list(SDP), "nor a video"),
    Case("video", "session.mp4", _list(SDP), "nor a video"),
    Case("video", "two\nlines.mp4", _bytes(b"no video"), r"two\\nlines.mp4 is neither a picture nor a video"),
    Case("video", f"{ODD}.mp4", _video(), _frames(8)),
    Case("video", "concat:other.mp4", _video(), _frames(8)),
    Case("video", "a" * 251 + ".mp4", _video(3), _frames(3)),
]


# ---- pictures of either kind -----------------------------------------------------------------------------------------


def _heic(path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.fromarray(noise_frames(1, 96)[0]).save(path, "HEIF", quality=60, tile_size=64)


def _patched(make: Callable[[Path], object], mark: bytes, skip: int, new: bytes) -> Callable[[Path], object]:
    """Other bytes, so many after the end of the first `mark`."""

    def change(data: bytes) -> bytes:
        place = data.index(mark) + len(mark) + skip
        return data[:place] + new + data[place + len(new) :]

    return _changed(make, change)


def _pages(*sizes: tuple[int, int], loop: bool = False) -> bytes:
    """A TIFF of grey pages of one zero byte each, with sizes as stated; with `loop` the last leads to the first."""
    size = 2 + 12 * 8 + 4
    data = b"II*\0" + struct.pack("<I", 8)
    for number, (width, height) in enumerate(sizes):
        tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 4, 278: height, 279: 1}
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in tags.items())
        last = number == len(sizes) - 1
        data += struct.pack("<I", 8 if last and loop else 0 if last else 8 + size * (number + 1))
    return data


def _gif(width: int, height: int, frames: int) -> bytes:
    """A GIF with a canvas as told and frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + (b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0") * frames + b";"


ANIMATED = (".gif", ".webp", ".png", ".tiff", ".avif")
PICTURES = [
    *(
        Case("picture", f"moving{kind}", _animated, _frames(3, (32, 48, 3)))
        for kind in (".gif", ".webp", ".png", ".tiff")
    ),
    *(
        Case("picture", f"cut{kind}", _changed(_animated, _half), f"({NOT_AN_IMAGE}|damaged)", either=True)
        for kind in ANIMATED
    ),
    *(
        Case("picture", f"flipped{kind}", _changed(_animated, _flipped(0.05, 0.1)), ".", either=True)
        for kind in ANIMATED
    ),
    Case("picture", "tiles.heic", _heic, _frames(1, (96, 96, 3))),
    Case("picture", "cut.heic", _changed(_heic, _half), "ends too early"),
    Case("picture", "header.heic", _changed(_heic, lambda d: d[:200]), "(image|video)"),
    Case("picture", "flipped.heic", _changed(_heic, _flipped(0.1, 0.1)), ".", either=True),
    Case("picture", "flipped_header.heic", _changed(_heic, _flipped(0.02)), ".", either=True),
    Case("picture", "lying.heic", _patched(_heic, b"ispe", 4, b"\0\1\0\0\0\1\0\0"), NOT_AN_IMAGE),
    Case("picture", "lying_frames.png", _patched(_animated, b"acTL", 0, b"\x7f\xff\xff\xff"), ".", either=True),
    Case("picture", "canvas.gif", _bytes(_gif(65535, 65535, 3)), "too many pixels"),
    Case("picture", "wide.gif", _bytes(_gif(8000, 8000, 5000)), "5000 frames of 8000 x 8000 pixels, too many"),
    Case("picture", "long.gif", _bytes(_gif(64, 64, 200_000)), "too many"),
    Case("picture", "loop.tiff", _bytes(_pages((64, 64), (64, 64), loop=True)), "of 2 frames 0 can"),
    Case("picture", "large_page.tiff", _bytes(_pages((64, 64), (60000, 60000))), ".", either=True),
    Case("picture", "large_pages.tiff", _bytes(_pages(*[(8000, 8000)] * 300)), "too many"),
    Case("picture", "line.png", _bytes(_png(2000, 1, zlib.compress(bytes(2001)))), "is 2000 x 1 pixels, too small"),
    Case(
        "picture",
        "line.mp4",
        lambda path: write_video(path, [np.zeros((2, 2000, 3), np.uint8)] * 3),
        "is 2000 x 2 pixels, too small",
    ),
    Case("picture", "pipe.jpg", os.mkfifo, "no such file"),
    Case("picture", "cut_fields.ts", _changed(_in_fields, _half), BAD, either=True),
    Case("picture", "flipped_fields.ts", _changed(_in_fields, _flipped(0.01)), ".", either=True),
    Case("picture", "zero_matrix.mp4", _patched(_video(9), b"tkhd", 40, bytes(36)), _frames(8)),
    Case(
        "picture",
        "zero_pixels.mp4",
        _patched(_video(9, aspect=Fraction(2)), b"pasp", 0, bytes(8)),
        _frames(8, (64, 128, 3)),
    ),
    Case(
        "picture",
        "thin_pixels.mp4",
        _patched(_video(9, aspect=Fraction(2)), b"pasp", 0, b"\0\0\0\1\x7f\xff\xff\xff"),
        _frames(8),
    ),
    Case("picture", "edit_nowhere.mp4", _patched(_video(9), b"elst", 12, b"\x70\0\0\0"), BAD, either=True),
    Case("picture", "video_named.jpg", lambda path: _as(path, ".mp4", _video()), _frames(8)),
]


# ---- tables ----------------------------------------------------------------------------------------------------------

HEAD = "file,label,pair,person\n"


def _table(text: str, encoding: str = "utf-8") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text.encode(encoding, "surrogatepass"))


def _row(**cells: str) -> Callable[[Any], bool]:
    """The first row holds these cells."""
    return lambda rows: rows[0].items() >= cells.items()


TABLES = [
    Case("table", "plain.csv", _table("file,label\na.mp4,0\n"), _row(file="a.mp4", label="0")),
    Case("table", "bom.csv", _table("\ufefffile,label\na.mp4,0\n"), _row(file="a.mp4")),
    Case("table", "crlf.csv", _table("file,label\r\na.mp4,0\r\n"), _row(label="0")),
    Case("table", "cr.csv", _table("file,label\ra.mp4,0\r"), _row(label="0")),
    Case("table", "quoted.csv", _table('file,label\n"a, ""b"".mp4",1\n'), _row(file='a, "b".mp4', label="1")),
    Case("table", "two_lines.csv", _table('file,label\n"a\nb.mp4",1\n'), _row(file="a\nb.mp4")),
    Case("table", "odd.csv", _table(f"file,label\n{ODD}.mp4,1\n"), _row(file=f"{ODD}.mp4")),
    Case("table", "short.csv", _table("file,label\na.mp4\n"), _row(file="a.mp4", label="")),
    Case("table", "empty.csv", _bytes(b""), "no column"),
    Case("table", "blank.csv", _table("\n\n\n"), "no column"),
    Case("table", "no_rows.csv", _table("file,label\n"), "no row"),
    Case("table", "column.csv", _table("file,Label\na,0\n"), "no column 'label'"),
    Case("table", "twice.csv", _table("file,label,label\na,0,1\n"), "column 'label' more than once"),
    Case("table", "long.csv", _table("file,label\na, b.mp4,0\n"), "more"),
    Case("table", "nul.csv", _bytes(b"file,label\na.mp4\0,0\n"), "(NUL|table)"),
    Case("table", "huge_field.csv", _table("file,label\n" + "a" * 3_000_000 + ",0\n"), "field larger"),
    Case("table", "open_quote.csv", _table('file,label\n"a.mp4,0\n' + "b.mp4,1\n" * 99_999), "(field|table|end)"),
    Case("table", "excel.csv", _table("sep=;\nfile;label\na.mp4;0\n;\n"), lambda rows: len(rows) == 1),
    Case("table", "windows.csv", _table("file;label\n\xe9.mp4;0\n", "cp1252"), _row(file="\xe9.mp4", label="0")),
    Case("table", "tabs.csv", _table("file\tlabel\na, b.mp4\t0\n"), _row(file="a, b.mp4", label="0")),
    Case("table", "neither.csv", _bytes(b"file,label\n\x81.mp4,0\n"), "not UTF-8"),
    Case("table", "utf16.csv", _table("file,label\na.mp4,0\n", "utf-16"), "not UTF-8"),
    Case("table", "image_named.csv", lambda path: _as(path, ".png", _noise), "(not UTF-8|column|table)"),
    Case("table", "missing.csv", lambda path: None, "no .*missing.csv"),
    Case("table", "folder.csv", _first_directory, "no .*folder.csv"),
]


def _listing(name: str, label: str = "0", link: str = "") -> Callable[[Path], object]:
    """A clips.csv with one row, and the file `name` where it can lie in the folder; or a link of that name."""

    def make(path: Path) -> None:
        quoted = '"' + name.replace('"', '""') + '"'
        path.write_text(f"{HEAD}{quoted},{label},p,anna\n", encoding="utf-8")
        if link:
            (path.parent / name).symlink_to(link)
        elif name != "." and 0 < len(name.encode()) <= 255 and "/" not in name and "\0" not in name:
            (path.parent / name).write_bytes(b"x")

    return make


def _clip(name: str) -> Callable[[Any], bool]:
    return lambda clips: [(clip.path.name, clip.label) for clip in clips] == [(name, 0)]


def _folder(
    name: str, make: Callable[[Path], object], says: str | Callable[[Any], bool], reader: str = "folder"
) -> Case:
    return Case(reader, name, make, says, file="clips.csv")


FOLDERS = [
    _folder("plain", _listing("a.mp4"), _clip("a.mp4")),
    _folder("comma", _listing('a, "b".mp4'), _clip('a, "b".mp4')),
    _folder("odd", _listing(f"{ODD}.mp4"), _clip(f"{ODD}.mp4")),
    _folder("override", _listing("\u202e4pm.a.mp4"), _clip("\u202e4pm.a.mp4")),
    _folder("line break", _listing("a\nb.mp4"), _clip("a\nb.mp4")),
    _folder("255 bytes", _listing("\xe9" * 125 + "a.mp4"), _clip("\xe9" * 125 + "a.mp4")),
    _folder("300 bytes", _listing("a" * 300), "which is not in"),
    _folder(
        "link inside", lambda p: (_listing("b.mp4", link="a.mp4")(p), (p.parent / "a.mp4").touch()), _clip("b.mp4")
    ),
    _folder("link out", _listing("a.mp4", link="/etc/passwd"), "leads out"),
    _folder("link to itself", _listing("a.mp4", link="a.mp4"), "(not in|leads out)"),
    _folder("climbing", _listing("../0/clips.csv"), "leads out"),
    _folder("absolute", _listing("/etc/passwd"), "leads out"),
    _folder("climbing and missing", _listing("../../../nowhere.mp4"), "leads out"),
    _folder("no name", _listing(""), "not in"),
    _folder("the folder", _listing("."), "not in"),
    _folder("label fake", _listing("a.mp4", "fake"), "label of a.mp4 is 'fake'"),
    _folder("label 2", _listing("a.mp4", "2"), "label of a.mp4 is '2'"),
    _folder("label with a blank", _listing("a.mp4", " 1"), "label of a.mp4 is ' 1'"),
    _folder("label in Arabic", _listing("a.mp4", "\u0661"), "label of a.mp4 is"),
    _folder("no label", _listing("a.mp4", ""), "label of a.mp4 is ''"),
    _folder("twice", _changed(_listing("a.mp4"), lambda data: data + b"a.mp4,1,p,anna\n"), "more than once"),
    _folder("a device", _listing("/dev/zero"), "leads out"),
    _folder("prepare climbs", _listing("../../x.mp4"), "leads out", "prepare"),
    _folder("prepare absolute", _listing("/etc/passwd"), "leads out", "prepare"),
    _folder("prepare plain", _listing("a.mp4"), lambda found: found == ["a.mp4"], "prepare"),
]


# ---- what is below a folder, and verdicts ----------------------------------------------------------------------------


def _found(left: str = "") -> Callable[[Any], bool]:
    """The file is taken, or left out for this reason; and nothing else is there."""

    def check(both: tuple) -> bool:
        found, others = both
        return (len(found), [*others]) == ((0, [left]) if left else (1, []))

    return check


def _pages(count: int, last: int) -> Callable[[Path], object]:
    """A TIFF of `count` grey pages of 8 x 8 pixels, the last of which names the byte `last` for the next one."""

    def make(path: Path) -> None:
        values = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
        size = 2 + len(entries) + 4
        starts = [*(8 + size * number for number in range(1, count)), last]
        pages = (struct.pack("<H", len(values)) + entries + struct.pack("<I", start) for start in starts)
        path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(pages))

    return make


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _ring(path: Path) -> None:
    path.symlink_to(path.parent, target_is_directory=True)


def _below(name: str, make: Callable[[Path], object], left: str = "") -> Case:
    return Case("below", name, make, _found(left))


BMP = b"BM" + struct.pack("<IIIIiiHHI", 54, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0) + bytes(20)
HUGE_GIF = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x2c" + struct.pack("<HHHHB", 0, 0, 9, 9, 0)
EBML = b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff"
OTHER = "of another kind"
BELOW = [
    _below("photo", lambda path: _as(path, ".jpg", _halves())),
    _below("film", lambda path: _as(path, ".mp4", _video(3))),
    _below("00001.MTS", lambda path: _as(path, ".ts", _video(3))),
    _below("photo.mp4", lambda path: _as(path, ".jpg", _halves())),
    _below("film.jpg", lambda path: _as(path, ".mp4", _video(3))),
    _below(ODD, lambda path: _as(path, ".png", _halves())),
    _below("a" * 251 + ".mp4", _video(3)),
    _below("two\nlines", lambda path: _as(path, ".png", _halves())),
    _below("empty", _bytes(b""), "empty"),
    _below("empty.mp4", _bytes(b"")),
    _below("-", _bytes(b"words\n" * 99), "text"),
    _below("concat", _bytes(b"ffconcat version 1.0\nfile '/etc/passwd'\n"), "text"),
    _below("playlist", _bytes(HLS.encode()), "text"),
    _below("script.eps", _bytes(b"%!PS-Adobe-3.0 EPSF-3.0\nquit\n"), "text"),
    _below("program.ts", _bytes(b"export {};\n"), "text"),
    _below("zeros", _bytes(bytes(100_000)), OTHER),
    _below("noise", _bytes(np.random.default_rng(0).bytes(1 << 20)), OTHER),
    _below("sparse", _sparse, OTHER),
    _below("sparse.mp4", _sparse),
    _below("cut ftyp", _bytes(b"\0\0\0\x18ftyp"), OTHER),
    _below("cut webp", _bytes(b"RIFF\0\0\0\0WEBPVP8X")),
    _below("cut png", _bytes(b"\x89PNG\r\n\x1a\n")),
    _below("endless ebml", _bytes(EBML + bytes(99)), OTHER),
    _below("lying bmp", _bytes(BMP), OTHER),
    _below("huge gif", _bytes(HUGE_GIF)),
    _below("bomb", lambda path: path.write_bytes(_bomb())),
    _below("tiff in a ring", _pages(3, 8)),
    _below("tiff of itself", _pages(1, 8)),
    _below("tiff of 9999 pages", _pages(9999, 0)),
    _below("tiff beyond its end", _pages(2, 2**32 - 1)),
    _below("archive", _bytes(b"PK\3\4" + bytes(99)), "archive"),
    _below("pipe.mp4", os.mkfifo, "no file"),
    _below("zero.mp4", lambda path: path.symlink_to("/dev/zero"), "no file"),
    _below("itself.mp4", lambda path: path.symlink_to(path), "broken link"),
    _below("ring", _ring, "linked folder"),
    _below(".hidden.mp4", _video(3), "hidden"),
]


def _plain(height: int, width: int) -> Callable[[Path], object]:
    grey = np.full((height, width, 3), 90, np.uint8)
    return lambda path: write_video(path, [grey] * 3) if path.suffix == ".mp4" else cv2.imwrite(str(path), grey)


def _unusable(found: Any) -> bool:
    return found.verdict == "unusable" and found.note.isprintable() and found.note.endswith(".")


def _judged(name: str, make: Callable[[Path], object]) -> Case:
    return Case("judge", name, make, _unusable)


VERDICTS = [
    _judged("line.jpg", _plain(1, 2000)),
    _judged("column.png", _plain(3000, 1)),
    _judged("thin.png", _plain(2, 2000)),
    _judged("dot.png", _plain(1, 1)),
    _judged("dot.webp", _plain(1, 1)),
    _judged("thin.mp4", _plain(2, 2000)),
    _judged("tall.mp4", _plain(2000, 2)),
    _judged("dot.mp4", _plain(2, 2)),
    _judged("huge.gif", _bytes(HUGE_GIF)),
    _judged("lying.bmp", _bytes(BMP)),
    _judged("ring.tif", _pages(3, 8)),
    _judged("bomb.png", lambda path: path.write_bytes(_bomb())),
    _judged("two\nlines.png", _bytes(b"no image")),
    _judged("folder.png", _first_directory),
    _judged("itself.png", lambda path: path.symlink_to(path)),
    _judged("pipe", os.mkfifo),
    _judged("a" * 300, lambda path: None),
]

# ---- arrays ----------------------------------------------------------------------------------------------------------


def _npz(**arrays: Any) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, **arrays)

    return make


def _points(**other: Any) -> Callable[[Path], object]:
    """Landmarks of two frames, with something else in place of some arrays."""
    points = np.arange(2 * 68 * 2, dtype=np.float32).reshape(2, 68, 2)
    arrays = {"frame": np.array(["a/b/0", "a/b/1"]), "points": points} | other
    return _npz(**{name: array for name, array in arrays.items() if array is not None})


def _members(**members: bytes) -> Callable[[Path], object]:
    """A zip file of members with their bytes."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)

    return make


def _npy(shape: str, kind: str = "<f4", data: bytes = b"") -> bytes:
    """An .npy file with a header as told."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data


NAN = np.full((2, 68, 2), np.nan, np.float32)
NAMES = _npy("(1,)", "<U1", "a".encode("utf-32-le"))
NO_NPZ = r"landmarks\S*|damaged"
LANDMARKS = [
    Case("landmarks", "whole.npz", _points(), lambda t: list(t) == ["a/b/0", "a/b/1"] and t["a/b/1"].shape == (68, 2)),
    Case("landmarks", "nan.npz", _points(points=NAN), "not numbers"),
    Case("landmarks", "inf.npz", _points(points=NAN * 0 + np.inf), "not numbers"),
    Case("landmarks", "fewer.npz", _points(points=NAN[:1]), "shape"),
    Case("landmarks", "flat.npz", _points(points=np.zeros((2, 136))), "shape"),
    Case("landmarks", "scalar.npz", _points(frame=np.array("a"), points=np.zeros(())), "shape"),
    Case("landmarks", "text.npz", _points(points=np.full((2, 68, 2), "1")), "(type|numbers)"),
    Case("landmarks", "objects.npz", _points(points=np.array([{}, []], object)), "(Python objects|damaged)"),
    Case("landmarks", "no_points.npz", _points(points=None), "damaged"),
    Case("landmarks", "cut.npz", _changed(_points(), _half), "damaged"),
    Case("landmarks", "flipped.npz", _changed(_points(), _flipped(0.01)), "damaged"),
    Case("landmarks", "empty.npz", _bytes(b""), "damaged"),
    Case("landmarks", "array_named.npz", _bytes(_npy("(1,)", "<f4", b"\0" * 4)), "damaged"),
    Case("landmarks", "lying.npz", _members(frame=NAMES, points=_npy("(1000000000, 68, 2)")), "length"),
    Case("landmarks", "absurd.npz", _members(frame=NAMES, points=_npy(f"({2**62}, {2**62}, 2)")), "(length|damaged)"),
    Case("landmarks", "negative.npz", _members(frame=NAMES, points=_npy("(-1, 68, 2)")), "(length|damaged)"),
    Case("landmarks", "code.npz", _members(frame=NAMES, points=_npy("__import__('os').abort()")), "damaged"),
    Case("landmarks", "zip_bomb.npz", _members(frame=NAMES, points=_npy("(1,)", "<f4", bytes(600 << 20))), "damaged"),
    Case("landmarks", "missing.npz", lambda path: None, "(no|missing|damaged)"),
]

# ---- weights ---------------------------------------------------------------------------------------------------------


def _tensors(header: Any, data: bytes = b"", length: int | None = None) -> Callable[[Path], object]:
    """A .safetensors file: the header's length, the header, the data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return _bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def _svm(**other: Any) -> Callable[[Path], object]:
    """A small SVM with something else in place of some arrays, or more of them."""
    arrays = {"mean": np.zeros(3), "scale": np.ones(3), "support": np.ones((2, 3)), "weights": np.ones(2)}
    arrays |= {"intercept": np.zeros(1), "gamma": np.ones(1)} | other
    return _saved({name: array for name, array in arrays.items() if array is not None})


def _saved(arrays: dict[str, np.ndarray]) -> Callable[[Path], object]:
    from safetensors.numpy import save_file

    return lambda path: save_file(arrays, path)


def _fsrcnn(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """The weights of an untrained FSRCNN after a change."""

    def make(path: Path) -> None:
        from dfdlib.core.studies import SuperResParams
        from dfdlib.superres.networks import FSRCNN

        params = SuperResParams()
        state = FSRCNN(params.scale, params.d, params.s, params.m).state_dict()
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
        change(arrays)
        _saved(arrays)(path)

    return make


def _first(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], object]:
    """A change of the first tensor."""
    return lambda arrays: arrays.update({next(iter(arrays)): change(arrays[next(iter(arrays))])})


def _entry(start: int, end: int, shape: tuple = (1,), dtype: str = "F64") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": (start, end)}


# Each is no file of the format, whoever reads it.
HEADERS = {
    "empty": _bytes(b""),
    "text": _bytes(b"not weights " * 50),
    "length beyond the file": _tensors({}, length=10**6),
    "length of 2^63": _tensors({}, length=2**63),
    "no JSON": _tensors(b"{'mean'"),
    "deep JSON": _tensors(b"[" * 100_000),
    "offsets beyond the data": _tensors({"mean": _entry(0, 8 * 10**9, (10**9,))}, bytes(8)),
    "offsets backwards": _tensors({"mean": _entry(8, 0)}, bytes(8)),
    "overlap": _tensors({"mean": _entry(0, 8), "scale": _entry(0, 8)}, bytes(8)),
    "size overflows": _tensors({"mean": _entry(0, 8, (2**40, 2**40))}, bytes(8)),
    "unknown dtype": _tensors({"mean": _entry(0, 8, dtype="Q9")}, bytes(8)),
    "rest behind the data": _tensors({"mean": _entry(0, 8)}, bytes(64)),
    "missing": lambda path: None,
    "folder": _first_directory,
}
NO_SVM, NO_WEIGHTS = "damaged|does not contain an SVM", "damaged|another network"
SVMS = [
    Case("svm", "whole", _svm(), lambda svm: svm.decision_function(np.ones((4, 3))).tolist() == [2.0] * 4),
    *(Case("svm", name, make, NO_SVM) for name, make in HEADERS.items()),
    Case("svm", "one is missing", _svm(gamma=None), NO_SVM),
    Case("svm", "one too many", _svm(other=np.ones(1)), NO_SVM),
    Case("svm", "NaN", _svm(weights=np.full(2, np.nan)), NO_SVM),
    Case("svm", "shapes apart", _svm(support=np.ones((2, 4))), NO_SVM),
    Case("svm", "scalars", _svm(mean=np.array(1.0)), NO_SVM),
    Case("svm", "integers", _svm(weights=np.ones(2, np.int64)), NO_SVM),
    Case("svm", "scale of zero", _svm(scale=np.zeros(3)), NO_SVM),
    Case("svm", "cut", _changed(_svm(), lambda data: data[:-9]), NO_SVM),
]
NETWORKS = [
    Case("network", "whole", _fsrcnn(lambda arrays: None), lambda model: model.scale == 2),
    *(Case("network", name, make, NO_WEIGHTS) for name, make in HEADERS.items()),
    Case("network", "an SVM", _svm(), NO_WEIGHTS),
    Case("network", "one is missing", _fsrcnn(lambda arrays: arrays.popitem()), NO_WEIGHTS),
    Case("network", "one too many", _fsrcnn(lambda arrays: arrays.update(x=np.ones(1, np.float32))), NO_WEIGHTS),
    Case("network", "NaN", _fsrcnn(_first(lambda a: a * np.float32(np.nan))), NO_WEIGHTS),
    Case("network", "64 bit", _fsrcnn(_first(lambda a: a.astype(float))), NO_WEIGHTS),
    Case("network", "another shape", _fsrcnn(_first(lambda a: a[:1])), NO_WEIGHTS),
]

# ---- text ------------------------------------------------------------------------------------------------------------

ROWS = "1,2,3\n" * 68
NO_MODEL = "world model"
WORLDS = [
    Case("world", "whole.csv", _table("x,y,z\n" + ROWS), lambda model: model.shape == (68, 3)),
    Case("world", "bom.csv", _table("\ufeffx,y,z\n" + ROWS), lambda model: model.shape == (68, 3)),
    Case("world", "plain.txt", _table("1\n" * 204), lambda model: model.shape == (68, 3)),
    Case("world", "fewer.csv", _table("x,y,z\n1,2,3\n"), NO_MODEL),
    Case("world", "fewer.txt", _table("1\n" * 203), NO_MODEL),
    Case("world", "words.csv", _table("x,y,z\n" + "a,b,c\n" * 68), NO_MODEL),
    Case("world", "nan.csv", _table("x,y,z\n" + "1,nan,3\n" * 68), NO_MODEL),
    Case("world", "huge.csv", _table("x,y,z\n" + f"1,{'9' * 999},3\n" * 68), NO_MODEL),
    Case("world", "columns.csv", _table("a,b,c\n" + ROWS), NO_MODEL),
    Case("world", "ragged.csv", _table("x,y,z\n" + ROWS + "1,2,3,4,5\n"), NO_MODEL),
    Case("world", "quote.csv", _table('x,y,z\n"' + ROWS), NO_MODEL),
    Case("world", "empty.csv", _bytes(b""), NO_MODEL),
    Case("world", "empty.txt", _bytes(b""), NO_MODEL),
    Case("world", "nul.csv", _bytes(b"x,y,z\n\0\0\0\n"), NO_MODEL),
    Case("world", "bytes.txt", _bytes(bytes(range(256))), NO_MODEL),
    Case("world", "long.csv", _table("x,y,z\n" + "1,2,3\n" * 10**6), NO_MODEL),
    Case("world", "bomb.txt.gz", _bytes(gzip.compress(b"1\n" * (50 << 20), 9)), NO_MODEL),
    Case("world", "missing.csv", lambda path: None, NO_MODEL),
]


def _laughs(kind: str) -> str:
    """Ten levels, each nine times the one before: "[{}]" for lists, "{{<<: [{}]}}" for merged blocks."""
    levels = ["l0: &l0 {x: lol}"]
    levels += [f"l{n}: &l{n} " + kind.format(", ".join([f"*l{n - 1}"] * 9)) for n in range(1, 10)]
    return "\n".join(levels)


STUDIES = [
    Case("study", "whole.yaml", _table("seed: 1\nresnet: {epochs: 2}\n"), lambda study: study.resnet.epochs == 2),
    Case("study", "empty.yaml", _bytes(b""), lambda study: study.seed == 2020),
    Case("study", "laughs.yaml", _table(_laughs("[{}]")), "alias"),
    Case("study", "merged.yaml", _table(_laughs("{{<<: [{}]}}")), "alias"),
    Case("study", "itself.yaml", _table("resnet: &a [*a]\n"), "alias"),
    Case("study", "python.yaml", _table("seed: !!python/object/apply:os.system ['exit 1']\n"), "not YAML"),
    Case("study", "name.yaml", _table("seed: !!python/name:os.system\n"), "not YAML"),
    Case("study", "unknown.yaml", _table("sead: 1\n"), "unknown parameter sead"),
    Case("study", "keys.yaml", _table("1: 1\na: 2\n[b, c]: 3\n"), "(unknown parameter|not YAML)"),
    Case("study", "list.yaml", _table("[1, 2]\n"), "must be a block"),
    Case("study", "type.yaml", _table("seed: '1'\n"), "must be a valid integer"),
    Case("study", "boolean.yaml", _table("seed: yes\n"), "must be a valid integer"),
    Case("study", "negative.yaml", _table("seed: -1\n"), "equal to 0"),
    Case("study", "large.yaml", _table("seed: 99999999999999999999999\n"), "less than"),
    Case("study", "digits.yaml", _table(f"seed: {'9' * 9999}\n"), "(not YAML|less than)"),
    Case("study", "float.yaml", _table(f"one_cycle: {{peak: {'9' * 999}}}\n"), "number"),
    Case("study", "nan.yaml", _table("one_cycle: {peak: .nan}\n"), "number"),
    Case("study", "inf.yaml", _table("resnet: {learning_rates: [.inf]}\n"), "number"),
    Case("study", "long_value.yaml", _table(f"seed: {'a' * 100_000}\n"), r"^.{0,600}$"),
    Case("study", "deep.yaml", _table("seed: " + "[" * 1_000_000), "blocks more than"),
    Case("study", "date.yaml", _table("seed: 2001-99-99\n"), "not YAML"),
    Case("study", "tab.yaml", _table("resnet:\n\tepochs: 1\n"), "not YAML"),
    Case("study", "bytes.yaml", _bytes(bytes(range(256))), "not YAML"),
    Case("study", "huge.yaml", _bytes(b"# " + bytes(2 << 20)), "not YAML"),
    Case("study", "missing.yaml", lambda path: None, "no study"),
]

# ---- archives --------------------------------------------------------------------------------------------------------


def _jpeg(side: int = 64) -> bytes:
    return cv2.imencode(".jpg", noise_frames(1, side)[0])[1].tobytes()


def _tar(*members: tuple, mode: str = "w") -> Callable[[Path], object]:
    """(name, content or None, changed attributes) of each member."""

    def make(path: Path) -> None:
        with tarfile.open(path, mode) as archive:
            for name, content, attributes in members:
                info = tarfile.TarInfo(name)
                info.size = len(content or b"")
                vars_of = {"type": tarfile.REGTYPE} | attributes
                for key, value in vars_of.items():
                    setattr(info, key, value)
                archive.addfile(info, io.BytesIO(content) if content is not None else None)

    return make


def _classes(*classes: str) -> Callable[[Any], bool]:
    """Images of 64 x 64 and these class names; and nothing was written beside the archive, or above its folder."""

    def check(found: tuple) -> bool:
        images, labels, names = found
        return images.shape[1:] == (64, 64, 3) and len(labels) == len(images) and tuple(names) == classes

    return check


GOOD = ("n01/a.JPEG", _jpeg(), {})
LINK, DEVICE = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, {"type": tarfile.CHRTYPE, "devmajor": 1}
TARS = [
    Case("tar", "whole.tar", _tar(GOOD, ("n02/b.JPEG", _jpeg(), {})), _classes("n01", "n02")),
    Case("tar", "climbs.tar", _tar(GOOD, ("../../n02/x.JPEG", _jpeg(), {})), _classes("n01", "n02")),
    Case("tar", "absolute.tar", _tar(GOOD, ("/n02/x.JPEG", _jpeg(), {})), _classes("n01", "n02")),
    Case("tar", "link.tar", _tar(GOOD, ("n02/x.JPEG", None, LINK)), _classes("n01")),
    Case("tar", "hard.tar", _tar(GOOD, ("n02/x.JPEG", None, LINK | {"type": tarfile.LNKTYPE})), _classes("n01")),
    Case("tar", "device.tar", _tar(GOOD, ("n02/x.JPEG", None, DEVICE)), _classes("n01")),
    Case("tar", "pipe.tar", _tar(GOOD, ("n02/x.JPEG", None, {"type": tarfile.FIFOTYPE})), _classes("n01")),
    Case("tar", "no_class.tar", _tar(("a.JPEG", _jpeg(), {})), "has no class"),
    Case("tar", "line_break.tar", _tar(("n01/a\nb.JPEG", b"x", {})), r"a\\nb.JPEG in .* is not an image of 64 x 64"),
    Case("tar", "large_image.tar", _tar(("n01/a.JPEG", _jpeg(65), {})), "not an image of 64 x 64"),
    Case("tar", "lying_image.tar", _tar(("n01/a.JPEG", _huge_jpeg(_jpeg()), {})), "not an image of 64 x 64"),
    Case("tar", "bomb_image.tar", _tar(("n01/a.jpg", _bomb(), {})), "not an image of 64 x 64"),
    Case("tar", "cut_image.tar", _tar(("n01/a.JPEG", _half(_jpeg()), {})), "not an image of 64 x 64"),
    Case("tar", "bomb.tar.gz", _tar(("n01/a.JPEG", bytes(64 << 20), {}), mode="w:gz"), "bytes, which is too large"),
    Case("tar", "no_image.tar", _tar(("readme.txt", b"x", {})), "contains no image"),
    Case("tar", "no_member.tar", _tar(), "contains no image"),
    Case("tar", "cut.tar", _changed(_tar(GOOD), lambda data: data[:1000]), "damaged"),
    Case("tar", "cut.tar.gz", _changed(_tar(GOOD, mode="w:gz"), _half), "damaged"),
    Case("tar", "cut.tar.xz", _changed(_tar(GOOD, mode="w:xz"), _half), "damaged"),
    Case("tar", "flipped.tar.gz", _changed(_tar(GOOD, mode="w:gz"), _flipped(0.01)), "damaged"),
    Case("tar", "text.tar", _bytes(b"not an archive " * 99), "damaged"),
    Case("tar", "empty.tar", _bytes(b""), "damaged"),
    Case("tar", "missing.tar", lambda path: None, "damaged"),
]


def _track(change: Callable[[dict[str, bytes]], object]) -> Callable[[Path], object]:
    """A prepared clip of two frames, after a change of its members."""
    shapes = {"boxes": (2, 4), "points": (2, 68, 2), "corners": (2, 2), "scale": (2,)}

    def make(path: Path) -> None:
        arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()} | {"frames": np.arange(2)}
        crop = cv2.imencode(".png", noise_frames(1, 16)[0])[1].tobytes()
        members = {f"crops/{frame:07d}.png": crop for frame in range(2)}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array)
            members[f"{name}.npy"] = buffer.getvalue()
        members["about.json"] = json.dumps({"size": [64, 64], "looked_at": 2}).encode()
        change(members)
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return make


def _put(name: str, content: bytes) -> Callable[[Path], object]:
    return _track(lambda members: members.update({name: content}))


CROP, NO_TRACK = "crops/0000000.png", "damaged or not a prepared clip"
TRACKS = [
    Case("track", "whole.npz", _track(lambda members: None), lambda t: t.crops.shape == (2, 16, 16, 3)),
    Case("track", "cut.npz", _changed(_track(lambda members: None), _half), NO_TRACK),
    Case("track", "flipped.npz", _changed(_track(lambda members: None), _flipped(0.01)), NO_TRACK),
    Case("track", "no_crop.npz", _track(lambda members: members.pop(CROP)), NO_TRACK),
    Case("track", "bomb_crop.npz", _put(CROP, _bomb()), NO_TRACK),
    Case("track", "text_crop.npz", _put(CROP, b"x"), NO_TRACK),
    Case("track", "lying.npz", _put("points.npy", _npy("(1000000000, 68, 2)")), NO_TRACK),
    Case("track", "objects.npz", _put("frames.npy", _npy("(2,)", "|O", b"cos\nabort\n(tR.")), NO_TRACK),
    Case(
        "track", "nan.npz", _put("scale.npy", _npy("(2,)", "<f4", np.full(2, np.nan, np.float32).tobytes())), NO_TRACK
    ),
    Case("track", "list.npz", _put("about.json", b"[1]"), NO_TRACK),
    Case("track", "words.npz", _put("about.json", b'{"size": "ab", "looked_at": "x"}'), NO_TRACK),
    Case("track", "sizes.npz", _put("about.json", b'{"size": ["a", null], "looked_at": 2}'), NO_TRACK),
    Case("track", "infinite.npz", _put("about.json", b'{"size": [64, 64], "looked_at": 1e999}'), NO_TRACK),
    Case("track", "deep.npz", _put("about.json", b"[" * 100_000), NO_TRACK),
    Case("track", "missing.npz", lambda path: None, "no .*missing.npz"),
]

CASES = [
    *IMAGES,
    *VIDEOS,
    *PICTURES,
    *TABLES,
    *FOLDERS,
    *BELOW,
    *VERDICTS,
    *LANDMARKS,
    *SVMS,
    *NETWORKS,
    *WORLDS,
    *STUDIES,
    *TARS,
    *TRACKS,
]


def _folder_of_videos(data: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        os.environ["DFD_VIDEOS"] = str(path.parent)
        return data.clips(data.Study("mine", "folder"))

    return read


def _study(profile: Any) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        profile.paths.studies = lambda: path.parent
        return profile.load(path.stem)

    return read


# Module of dfdlib, and how a path is read with it.
READERS: dict[str, tuple[str, Callable[[Any], Callable[[Path], Any]]]] = {
    "image": ("faces.detection", lambda detection: detection.read_image),
    "video": ("faces.video", lambda video: lambda path: list(video.sample(path, 8))),
    "picture": ("faces.pictures", lambda pictures: lambda path: list(pictures.read(path, 8).frames)),
    "table": ("core.disk", lambda disk: lambda path: disk.read_table(path, {"file", "label"})),
    "folder": ("data.sources", _folder_of_videos),
    "prepare": ("faces.prepare", lambda prepare: lambda path: prepare.find_videos(path.parent)),
    "below": ("data.media_files", lambda media_files: lambda path: media_files.below(path.parent)),
    "judge": ("detector.predict", lambda predict: lambda path: predict.judge(path, predict.PredictParams())),
    "landmarks": ("faces.face_tracks", lambda face_tracks: face_tracks.landmark_table),
    "svm": ("headpose.pose_features", lambda pose_features: pose_features.load_svm),
    "network": (
        "superres.enlarging",
        lambda enlarging: lambda path: enlarging.load_fsrcnn(path, enlarging.SuperResParams()),
    ),
    "world": ("headpose.worldmodel", lambda worldmodel: lambda path: worldmodel.world_model(str(path))),
    "study": ("core.studies", _study),
    "tar": ("experiments.pretraining", lambda pretraining: pretraining.read_archive),
    "track": ("faces.face_tracks", lambda face_tracks: lambda path: face_tracks.read_track(path, "clip")),
}


def _outcome(case: Case, path: Path, read: Callable[[Path], Any]) -> dict[str, Any]:
    try:
        found = read(path)
    except Exception as error:  # what comes out is what is being tested
        text = str(error)
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in path.name)
        return {"error": type(error).__name__, "text": text[:4000], "named": shown in text, "right": False}
    return {"error": "", "text": repr(found)[:200], "named": True, "right": callable(case.says) and case.says(found)}


def _read_all(reader: str, folder: Path, read: Callable[[Path], Any]) -> None:
    """Make and read the files of one reader, each on its own; a line of JSON for each."""
    cases = [case for case in CASES if case.reader == reader]
    for number, case in enumerate(cases):
        (folder / str(number)).mkdir(parents=True)
        case.make(folder / str(number) / (case.file or case.name))
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + HEADROOM, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for number, case in enumerate(cases):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process, also inside a library
        outcome = _outcome(case, folder / str(number) / (case.file or case.name), read)
        told = {"reader": reader, "name": case.name} | outcome | {"right": bool(outcome["right"])}
        print(json.dumps(told), flush=True)


def main(folder: Path) -> None:
    """Everything is imported once, and each reader's child has it."""
    readers = {name: reads(importlib.import_module(f"dfdlib.{module}")) for name, (module, reads) in READERS.items()}
    for name, read in readers.items():
        child = os.fork()
        if not child:
            try:
                _read_all(name, folder / name, read)
            except BaseException:
                traceback.print_exc()
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(f"{name}: the process ended with {ended}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
