"""Which files are pictures and videos, by what is in them; every other file of a folder gets a reason."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import av
from av.stream import Disposition
from PIL import Image

from dfdlib.core import disk
from dfdlib.core.errors import printable

HEAD = 4096  # bytes of a file that are looked at first; they nearly always decide
# Containers that hold pictures themselves. Others, such as playlists, make FFmpeg open whatever they name.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,ogg,asf,ivf,h264,hevc,av1,obu,"
    "m4v,mjpeg,mxf,nut,dv,rm,yuv4mpegpipe"
)
BARE = tuple("h264 hevc av1 obu m4v mjpeg mpegvideo".split())  # no container; FFmpeg takes other files for such
SOUND = "mp3,aac,ac3,eac3,dts,flac,wav,w64,aiff,amr,au,caf,tta,wv,ape,mpc"  # known, in order to name them
# A file whose name ends so is always taken: where it is none, whoever reads it says so.
IMAGES = tuple(".jpg .jpeg .jpe .jfif .png .bmp .tif .tiff .webp .ppm .pgm .pbm".split())
HEIF = (".heic", ".heif", ".avif")
VIDEOS = tuple(
    ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .ts .mts .m2ts .vob .wmv .asf .flv .f4v .3gp .3g2 .mxf .ogv .gif".split()
)
PROGRAMS = (".ts", ".mts")  # of TypeScript too, as text
RAW = tuple(".dng .cr2 .nef .nrw .arw .srf .sr2 .orf .pef .srw .3fr .erf .kdc .mef .mos".split())
TIFF = (b"II", b"MM")
WEAK = (*TIFF, b"BM", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")  # they don't decide; Pillow reads the header
STILL = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif")  # brands of HEIF with one picture
MOVING = (b"hevc", b"hevx", b"msf1", b"avis")  # and with many
OTHERS = {
    b"%PDF-": "PDF",
    **dict.fromkeys((b"PK\3\4", b"PK\5\6", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!"), "archive"),
    **dict.fromkeys((b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe"), "program"),
}
OTHER = "of another kind"
NOUNS = ("PDF", "archive", "program", "picture", "video", "broken link", "linked folder")
SHOWN = 3  # names for each reason


def kind(path: Path) -> str:
    """ "image", "video" or "", by what is in the file; its name counts where that is neither, or empty.

    Pictures that move (GIF, APNG, WebP, TIFF of many pages, HEIF sequences) are videos; sound alone is "".
    """
    return _look(path)[0]


def below(folder: Path, wanted: Sequence[str] = ("image", "video")) -> tuple[list[Path], dict[str, list[Path]]]:
    """The files of the kinds `wanted` below a folder, in order, and the others by the reason why they are left out.

    Hidden files and folders are left out, and links to folders, which may lead round in a ring.
    """
    found, left = [], {}
    for path, why in _files(folder):
        said, why = ("", why) if why else _look(path)
        if said in wanted:
            found.append(path)
        else:
            left.setdefault(why or said.replace("image", "picture"), []).append(path)
    found.sort(key=lambda path: path.parts)  # as paths compare, in a fifth of the time
    return found, {why: sorted(left[why]) for why in sorted(left, key=lambda why: (-len(left[why]), why))}


def summary(left: Mapping[str, Sequence[Path]], folder: Path) -> str:
    """Such as "3 other files in videos were left out: 2 text (a.txt, b.py), 1 empty (c)"; "" where none was."""
    count = sum(map(len, left.values()))
    if not count:
        return ""
    files = "1 other file" if count == 1 else f"{count:,} other files"
    return f"{files} in {printable(str(folder))} {'was' if count == 1 else 'were'} left out: {reasons(left, folder)}"


def reasons(left: Mapping[str, Sequence[Path]], folder: Path) -> str:
    """Such as "2 text (a.txt, b.py), 1 empty (c)", with the first SHOWN names below the folder for each."""
    parts = [(f"{len(paths):,} {why}{'s' * (len(paths) > 1 and why in NOUNS)}", paths) for why, paths in left.items()]
    return printable(", ".join(f"{what} ({_shown(paths, folder)})" for what, paths in parts))


def _shown(paths: Sequence[Path], folder: Path) -> str:
    names = [path.relative_to(folder).as_posix() for path in paths[:SHOWN]]
    return ", ".join(names + ["..."] * (len(paths) > SHOWN))


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder, and why it is not looked at, if so; also the folders that are not entered."""
    closed: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=closed.append):
        for name in folders:
            if why := "hidden" * name.startswith(".") or "linked folder" * os.path.islink(os.path.join(place, name)):
                yield Path(place, name), why
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            yield Path(place, name), "hidden" * name.startswith(".") or _not_a_file(os.path.join(place, name))
    for error in closed:
        yield Path(error.filename), "unreadable"


def _not_a_file(path: str) -> str:
    """Why nothing is read from a path: a pipe, say, would make the reader wait; else ""."""
    try:
        return "" if stat.S_ISREG(os.stat(path).st_mode) else "no file"
    except OSError:
        return "broken link" if os.path.islink(path) else "unreadable"


def _look(path: Path) -> tuple[str, str]:
    """The kind of a file, and why it is left out where it has none."""
    ending = path.suffix.lower()
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD)
    except PermissionError:
        return ("video" if ending in VIDEOS else "image" if ending in (*IMAGES, *HEIF) else ""), "unreadable"
    except OSError:
        return "", "unreadable"
    if ending in RAW and head.startswith(TIFF):  # whose first picture is a thumbnail
        return "", "camera raw"
    if found := _picture(path, head):
        return found, ""
    if ending in VIDEOS and not (ending in PROGRAMS and _text(head)):
        return "video", ""
    if ending in (*IMAGES, *HEIF):
        return _opened(path)[0] or "image", ""
    why = next((why for start, why in OTHERS.items() if head.startswith(start)), "text" * _text(head))
    return ("", why) if why else _opened(path) if head else ("", "empty")


def _picture(path: Path, head: bytes) -> str:
    """What the first bytes of a picture say: "image", or "video" where it moves; "" for any other file."""
    match head[:4], head[4:8], head[8:12]:
        case [b"\x89PNG", _, _]:
            return "video" if b"acTL" in head.partition(b"IDAT")[0] else "image"
        case [b"GIF8", _, _]:
            return _by_header(path) or "image"
        case [b"RIFF", _, b"WEBP"]:
            return "video" if head[12:16] == b"VP8X" and int.from_bytes(head[20:21], "little") & 2 else "image"
        case [_, b"ftyp", brand] if brand in (*STILL, *MOVING):
            return "video" if brand in MOVING else "image"
    if head.startswith(b"\xff\xd8\xff"):
        return "image"
    return _by_header(path) if head.startswith(WEAK) else ""


def _by_header(path: Path) -> str:
    said = ""
    with contextlib.suppress(*disk.DAMAGED), disk.decoding():
        with Image.open(path, formats=("BMP", "GIF", "PPM", "TIFF")) as image:
            said = "image"
            said = "video" if getattr(image, "is_animated", False) else "image"
    return said


def _text(head: bytes) -> bool:
    """Whether a file begins as text: UTF-8, UTF-16 with its mark, or a single-byte code without control characters."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    if head.startswith(b"YUV4MPEG2"):  # the frames that follow may have no control character
        return False
    return bool(head) and not set(head) & (set(range(32)) - set(b"\t\n\f\r\x1b\b"))


def _nameless(file: BinaryIO) -> SimpleNamespace:
    return SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell)


def _opened(path: Path) -> tuple[str, str]:
    """The kind of a file according to FFmpeg, which looks at 64 kB at most; it gets no name, by which it may decide."""
    options = {"format_whitelist": f"{FORMATS},{SOUND}", "protocol_whitelist": ""}
    options |= {"formatprobesize": str(2 * HEAD), "probesize": "65536"}
    try:
        with (
            path.open("rb") as file,
            av.open(_nameless(file), container_options=options, metadata_errors="replace") as container,
        ):
            bare = container.format.name in BARE
            shown = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
            heard = any(getattr(s.codec_context, "sample_rate", 0) for s in container.streams.audio)
            return ("video", "") if any(s.width or not bare for s in shown) else ("", "sound" if heard else OTHER)
    except (av.error.FFmpegError, EOFError, OSError, ValueError):
        return "", OTHER
