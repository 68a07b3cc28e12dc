"""Sample a video's frames: only the wanted ones are decoded, and those that they are predicted from."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dfdlib.core import disk
from dfdlib.core.errors import DfdError

TRUNCATED_BELOW = 0.9  # a container's frame count is often off by a few; a missing tenth is a broken file
# Containers that hold pictures themselves. Others, such as playlists, make FFmpeg open whatever they name.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,ogg,asf,ivf,h264,hevc,av1,obu,"
    "m4v,mjpeg,mxf,nut,dv,rm,yuv4mpegpipe,gif,apng"
)


@dataclass(frozen=True)
class Index:
    """What a container says of its N frames, read without decoding any. Rows are packets in the order of the file."""

    pts: np.ndarray  # (N,) int64, when a frame is shown, in units of the stream's time base
    gop: np.ndarray  # (N,) int, number of the group of pictures (from one keyframe to the next)
    leads: np.ndarray  # (N,) bool, shown before its group's keyframe, and may need the group before
    timed: bool  # whether the times tell the order of showing; AVI has none
    size: tuple[int, int]  # width and height, pixels, before rotation
    rate: Fraction  # frames a second, on average

    def __len__(self) -> int:
        return len(self.pts)


def sample(path: Path, max_frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """At most `max_frames` frames, evenly spaced over the clip: (frame index, uint8 RGB (H, W, 3)).

    Rotation in the container's metadata is applied. Raises DfdError for a missing or empty file, for
    a file that is not a video, and for a video that ends early.
    """
    known = index(path)
    return frames(path, known, sample_indices(len(known), max_frames))


def sample_indices(n_frames: int, max_frames: int) -> np.ndarray:
    """Sorted indices of at most `max_frames` of `n_frames` frames, the first and the last among them; 0 takes all."""
    if not 0 < max_frames < n_frames:
        return np.arange(n_frames)
    return np.unique(np.linspace(0, n_frames - 1, max_frames).round().astype(int))


def index(path: Path) -> Index:
    """The frames of a video by its packets, without decoding; raises DfdError as `sample` does."""
    with _open(path) as container:
        stream = container.streams.video[0]
        stated, size, rate = stream.frames, (stream.width, stream.height), stream.average_rate or Fraction(25)
        timed, packets = container.format.name != "avi", list(_packets(path, container))
    if len(packets) == 0:
        raise DfdError(f"{path} holds no frame that can be decoded; copy or encode it again.")
    if len(packets) < TRUNCATED_BELOW * stated:
        raise DfdError(f"{path} ends after {len(packets)} of {stated} frames: it is truncated; copy it again.")
    if size[0] * size[1] > disk.MOST_PIXELS:
        raise DfdError(f"{path} has frames of {size[0]} x {size[1]} pixels, too many to take; make it smaller.")
    pts, keys = np.array([pts for pts, _ in packets], np.int64), np.array([key for _, key in packets], bool)
    keys[0] = True  # a file may begin without a keyframe
    gop = np.cumsum(keys) - 1
    return Index(pts, gop, pts < pts[keys][gop], timed and len(np.unique(pts)) == len(pts), size, rate)


def _packets(path: Path, container: av.container.InputContainer) -> Iterator[tuple[int, bool]]:
    """(time, whether a keyframe) of each packet with a picture; a packet without a time takes the one before."""
    last = 0
    try:
        for packet in _with_picture(container):
            last = last if packet.pts is None else packet.pts
            yield last, packet.is_keyframe
    except (av.error.FFmpegError, EOFError) as error:
        raise DfdError(f"{path} is damaged and can't be read on ({_why(error)}); copy it again.") from None


def frames(path: Path, known: Index, wanted: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Frames by their numbers in the order of showing: (frame index, uint8 RGB (H, W, 3)), in that order.

    Only groups of pictures with a wanted frame are decoded, and of these only frames that a wanted frame needs. Where
    this misses one (a false keyframe), or there are no times, all frames are decoded. A damaged frame is left out;
    DfdError where more than a tenth of the wanted frames are.
    """
    wanted = sorted({int(i) for i in wanted if i < len(known)})
    found = 0
    for number, picture in _some(path, known, wanted) if known.timed else ():
        if number != wanted[found]:
            break
        found += 1
        yield number, upright(picture)
    rest = set(wanted[found:])
    for number, picture in _all(path, known) if rest else ():
        if number in rest:
            found += 1
            yield number, upright(picture)
    if found < TRUNCATED_BELOW * len(wanted) or not found:
        raise DfdError(f"{path} is damaged: of {len(wanted)} frames {found} can be decoded; copy it again.")


def _all(path: Path, known: Index) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every picture that decodes, with its number: by its time, or counted where there are no times."""
    number = {int(time): i for i, time in enumerate(np.sort(known.pts))} if known.timed else {}
    with _open(path) as container:
        context = _decoder(container)
        packets = itertools.chain(_with_picture(container), [None])
        shown = itertools.chain.from_iterable(_tolerant(context, packet) for packet in packets)
        for count, picture in enumerate(shown):
            yield number.get(picture.pts, count), picture


def _some(path: Path, known: Index, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """The wanted pictures and their numbers, from the groups of pictures that hold them."""
    order = np.argsort(known.pts, kind="stable")
    number = {int(known.pts[order[i]]): i for i in wanted}
    last = _last_needed(known, order[wanted])
    with _open(path) as container:
        context, packets = _decoder(container), enumerate(_with_picture(container))
        for group, members in itertools.groupby(packets, lambda member: int(known.gop[min(member[0], len(known) - 1)])):
            taken = (packet for place, packet in members if place <= last.get(group, -1))
            for picture in _group(context, taken, number, group + 1 in last) if group in last else ():
                if picture.pts in number:
                    yield number[picture.pts], picture


def _with_picture(container: av.container.InputContainer) -> Iterator[av.Packet]:
    return (packet for packet in container.demux(video=0) if packet.size and not packet.is_discard)


def _decoder(container: av.container.InputContainer) -> av.VideoCodecContext:
    context = container.streams.video[0].codec_context
    context.thread_count = 1  # the caller decodes clips in parallel, which scales better
    return context


def _last_needed(known: Index, places: np.ndarray) -> dict[int, int]:
    """For each group that the wanted packets (n,) need, the place of its last packet that must be decoded."""
    last: dict[int, int] = {}
    for place in places.tolist():
        group = int(known.gop[place])
        last[group] = max(last.get(group, -1), place)
        if known.leads[place] and group:
            last[group - 1] = len(known)
    return last


def _group(
    context: av.VideoCodecContext, packets: Iterable[av.Packet], wanted: dict[int, int], more: bool
) -> Iterator[av.VideoFrame]:
    for packet in packets:
        context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        yield from _tolerant(context, packet)
    if not more:  # frames that the decoder holds back to order them
        yield from _tolerant(context, None)
        context.flush_buffers()


def _tolerant(context: av.VideoCodecContext, packet: av.Packet | None) -> list[av.VideoFrame]:
    """The pictures that a packet completes; none where it is damaged."""
    try:
        return context.decode(packet)
    except (av.error.FFmpegError, EOFError, ValueError):
        return []


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise DfdError(f"There is no video {path}; check the path.")
    if path.stat().st_size == 0:
        raise DfdError(f"{path} is an empty file; copy it again.")
    try:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        container = av.open(f"file:{path}", container_options=options, metadata_errors="replace")
    except (av.error.FFmpegError, EOFError, OSError) as error:
        raise DfdError(f"{path} is not a video that can be read ({_why(error)}); copy or convert it.") from None
    if not container.streams.video:
        container.close()
        raise DfdError(f"{path} has no video stream; choose a file with pictures.")
    return container


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def upright(frame: av.VideoFrame) -> np.ndarray:
    """A decoded frame as uint8 RGB (H, W, 3), turned as its metadata say."""
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))


def ahead(items: Iterable, depth: int = 4) -> Iterator:
    """The same items, made by a thread at most `depth` items ahead: decoding goes on during detection."""
    source, end = iter(items), object()
    pool = ThreadPoolExecutor(1)  # one thread keeps the order
    try:
        waiting = deque(pool.submit(next, source, end) for _ in range(depth))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, source, end))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
