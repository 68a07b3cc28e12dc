"""What a video's container says of its frames, and their packets one by one through FFmpeg's decoder.

The container's default stream; frames that an edit list hides, and fields in packets of their own, are told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from dfdlib.core import image_files
from dfdlib.core.errors import DfdError
from dfdlib.data.media_files import FORMATS

TRUNCATED_BELOW = 0.9  # a container's frame count is often off by a few; a missing tenth is a broken file
SMALLEST = 16  # pixels: in a picture with a shorter side, or one much narrower than it is long, no face is found
PROGRESSIVE = 1  # FFmpeg's AV_FIELD_PROGRESSIVE
PROBED = 64  # packets, which tell whether a clip has fields in packets of their own
NOT_SHOWN = (
    Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
)  # cover pictures, and the tiles of a photo


@dataclass(frozen=True)
class Index:
    """What a container says of a video's N frames, read without decoding any; P packets in the order of the file."""

    gop: np.ndarray  # (P,) int, number of the group of pictures (from one keyframe to the next)
    leads: np.ndarray  # (P,) bool, shown before its group's keyframe, and may need the group before
    halves: np.ndarray  # (P,) bool, the second field of the picture before it
    order: np.ndarray  # (N,) int, the packets that are shown, as they are shown; an edit list hides others
    seconds: np.ndarray  # (N,) when each frame is shown, from the first on; nan where that is not known
    timed: bool  # whether the times tell the order of showing; AVI has none
    size: tuple[int, int]  # width and height in square pixels, before rotation
    aspect: Fraction  # width of a pixel, in heights of one

    def __len__(self) -> int:
        return len(self.order)


def index(path: Path) -> Index:
    """The frames of a video by its packets, without decoding; raises DfdError as `sample` does."""
    with opened(path) as container:
        stream, timed = shown_stream(path, container), container.format.name != "avi"
        aspect = _aspect(stream)
        size, base, rate = (round(stream.width * aspect), stream.height), stream.time_base, stream.average_rate
        # MP4's own count includes what an edit list cuts away whole
        stated = len(stream.index_entries) if container.format.name.startswith("mov") else stream.frames
        pts, keys, hidden, untimed = _facts(path, container, stream)
        halves = _second_fields(path, stream.codec_context, hidden, untimed)
    check_size(path, *size)
    if len(pts) < TRUNCATED_BELOW * stated:
        raise DfdError(f"{path} ends after {len(pts)} of {stated} frames: it is truncated; copy it again.")
    order = np.flatnonzero(~hidden & ~halves)
    if len(order) == 0:
        raise DfdError(f"{path} holds no frame that can be decoded; copy or encode it again.")
    keys = (keys & ~halves) | (np.arange(len(keys)) == 0)  # a file may begin without a keyframe
    gop = np.cumsum(keys) - 1
    if timed and len(np.unique(pts[order])) == len(order):
        order = order[np.argsort(pts[order], kind="stable")]
        seconds = (pts[order] - pts[order[0]]) * float(base)
        return Index(gop, pts < pts[keys][gop], halves, order, seconds, True, size, aspect)
    seconds = np.arange(len(order)) / (float(rate) if rate else np.nan)
    return Index(gop, np.zeros(len(gop), bool), halves, order, seconds, False, size, aspect)


def _second_fields(path: Path, context: av.VideoCodecContext, hidden: np.ndarray, untimed: np.ndarray) -> np.ndarray:
    """Which packets (P,) complete the picture of the packet before: in streams of H.264, fields come one by one.

    They have no time of their own or, if they have, give no picture: then the clip must be decoded to know.
    """
    none = np.zeros(len(hidden), bool)
    if context.name != "h264" or context.field_order == PROGRESSIVE:
        return none
    if untimed.any() and not untimed.all():
        return untimed
    for most in (PROBED, len(hidden)):
        pictured = hidden.copy()[:most]
        pictured[list(_pictured(path, len(pictured)))] = True
        if pictured.all():
            return none
    return ~pictured & np.append(False, pictured[:-1])  # a damaged one follows none that gives a picture


def _pictured(path: Path, most: int) -> Iterator[int]:
    """The places of those of the first `most` packets that give a picture."""
    with opened(path) as container:
        stream = shown_stream(path, container)
        context, unused = decoder(stream), Damage(np.zeros(most, int), np.zeros(most, bool))
        for place, packet in itertools.chain(enumerate(packets_of(container, stream, most)), [(most, None)]):
            yield from map(place_of, decoded(context, place, packet, unused))


def _facts(path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> tuple[np.ndarray, ...]:
    """Of each packet (P,): time, whether a keyframe, hidden, or without a time; it then has that of the one before."""
    last, rows = 0, []
    try:
        for packet in packets_of(container, stream):
            last = last if packet.pts is None else packet.pts
            rows.append((last, packet.is_keyframe, packet.is_discard, packet.pts is None))
    except (av.error.FFmpegError, EOFError) as error:
        raise DfdError(f"{path} is damaged and can't be read to its end ({_why(error)}); copy it again.") from None
    table = np.array(rows, np.int64).reshape(-1, 4)
    return table[:, 0], *table[:, 1:].astype(bool).T


def check_size(path: Path, width: int, height: int) -> None:
    """DfdError for a picture that is too large to read or too small for a face."""
    what = f"{path} is {width} x {height} pixels, too"
    if width * height > image_files.MOST_PIXELS:
        raise DfdError(f"{what} many to read; make it smaller.")
    if min(width, height) < max(SMALLEST, max(width, height) / 100):
        raise DfdError(f"{what} small for a face; choose a larger picture.")


def _aspect(stream: av.VideoStream) -> Fraction:
    """Width of a pixel in heights; 1 where none, or none that a camera has, is stated."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if Fraction(1, 4) <= aspect <= 4 else Fraction(1)


def opened(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise DfdError(f"There is no video {path}; check the path.")
    if path.stat().st_size == 0:
        raise DfdError(f"{path} is an empty file; copy it again.")
    try:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        return av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except (av.error.FFmpegError, EOFError, OSError) as error:
        raise DfdError(
            f"{path} is neither a picture nor a video that can be read ({_why(error)}); copy or convert it."
        ) from None


def shown_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    """The stream that a player shows: by default flag and length, and never a cover picture."""
    shown = [s for s in container.streams.video if not s.disposition & NOT_SHOWN and s.codec_context]
    if not shown:
        raise DfdError(f"{path} has no video stream; choose a file with pictures.")
    best = container.streams.best("video")
    return next((stream for stream in shown if best is not None and stream.index == best.index), shown[0])


def packets_of(
    container: av.container.InputContainer, stream: av.VideoStream, most: int | None = None
) -> Iterator[av.Packet]:
    """The packets with a picture; at most as many as the index knows, should the file have grown."""
    return itertools.islice((packet for packet in container.demux(stream) if packet.size), most)


def decoder(stream: av.VideoStream) -> av.VideoCodecContext:
    context = stream.codec_context
    context.thread_count = 1  # the caller decodes clips in parallel, which scales better
    context.copy_opaque = True  # see `decoded`
    return context


def decoded(context: av.VideoCodecContext, place: int, packet: av.Packet | None, damage: Damage) -> list[av.VideoFrame]:
    """The pictures that a packet completes; none where it is damaged. Each picture knows its own packet's place."""
    if packet is not None:
        packet.opaque = (place,)  # PyAV keeps it by its identity, which a small number shares with others
        if packet.is_corrupt:
            damage.at(place)
    try:
        return context.decode(packet)
    except (av.error.FFmpegError, EOFError, ValueError):
        if packet is not None:
            damage.at(place)
        return []


def place_of(picture: av.VideoFrame) -> int:
    return picture.opaque[0]


class Damage:
    """Where packets are damaged, and so which pictures are: what is decoded later, up to the next keyframe."""

    def __init__(self, gop: np.ndarray, leads: np.ndarray) -> None:
        self.gop, self.leads, self.first = gop, leads, {}

    def at(self, place: int) -> None:
        group = int(self.gop[place])
        self.first[group] = min(place, self.first.get(group, place))

    def reaches(self, place: int) -> bool:
        group = int(self.gop[place])
        return place >= self.first.get(group, place + 1) or bool(self.leads[place] and group - 1 in self.first)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
