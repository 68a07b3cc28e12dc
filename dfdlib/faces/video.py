"""A video's frames as a player shows them: only the wanted ones are decoded, and those that they are predicted from.

Pixels are made square; pictures turned and mirrored by the display matrix; what an edit list hides is decoded, for the
frames after it, and not shown. Of interlaced video a frame is both fields, woven.
"""

from __future__ import annotations

import itertools
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from dfdlib.core.errors import DfdError
from dfdlib.faces import containers
from dfdlib.faces.containers import Index, index

LONGEST_HELD = 1.0  # seconds: a frame held for longer shows nothing more, and a gap may be a fault of the clock
SAME = 0.01  # of a clip: where no frame is shown further from an even rhythm, the rate counts as constant


def sample(path: Path, max_frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """At most `max_frames` frames, evenly spaced over the clip: (frame index, uint8 RGB (H, W, 3)).

    Raises DfdError for a missing or empty file, for a file that is not a video, and for a video that ends early.
    """
    known = index(path)
    return frames(path, known, spread(known.seconds, max_frames))


def sample_indices(n_frames: int, max_frames: int) -> np.ndarray:
    """Sorted indices of at most `max_frames` of `n_frames` frames, the first and the last among them; 0 takes all."""
    if not 0 < max_frames < n_frames:
        return np.arange(n_frames)
    return np.unique(np.linspace(0, n_frames - 1, max_frames).round().astype(int))


def spread(seconds: np.ndarray, max_frames: int) -> np.ndarray:
    """Sorted indices of at most `max_frames` of the frames shown at `seconds` (N,), evenly spaced over time.

    At a constant rate, and where times are not known, these are `sample_indices`.
    """
    even = sample_indices(len(seconds), max_frames)
    if len(even) == len(seconds):
        return even
    clock = np.concatenate([[0.0], np.clip(np.diff(seconds), 0, LONGEST_HELD).cumsum()])
    off = np.abs(clock - np.linspace(0, clock[-1], len(clock))).max()
    if not off > clock[-1] * max(SAME, 1 / (len(clock) - 1)):
        return even
    moments = np.linspace(0, clock[-1], max_frames)
    return np.unique(np.searchsorted(clock, moments + 1e-6, "right") - 1)


def frames(
    path: Path, known: Index, wanted: Iterable[int], least: float = containers.TRUNCATED_BELOW
) -> Iterator[tuple[int, np.ndarray]]:
    """Frames by their numbers in the order of showing: (frame index, uint8 RGB (H, W, 3)), in that order.

    Only groups of pictures with a wanted frame are decoded, and of these only frames that a wanted frame needs. Where
    this misses one (a false keyframe), or there are no times, all frames are decoded. A damaged frame is left out;
    DfdError where less than the share `least` of the wanted frames remains.
    """
    wanted = sorted({int(i) for i in wanted if 0 <= i < len(known)})
    found, strange, screen = 0, 0, Screen(known.aspect)
    for number, picture in _pictures(path, known, wanted):
        image = screen.show(picture)
        if image is None:
            strange += 1
        else:
            found += 1
            yield number, image
    if strange > found:
        raise DfdError(f"{path} has colours that can't be converted; convert it to a video in BT.709.")
    if found < least * len(wanted) or not found:
        raise DfdError(f"{path} is damaged: of {len(wanted)} frames {found} can be decoded; copy it again.")


def _pictures(path: Path, known: Index, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """The wanted sound pictures, in order: those of the groups that hold them and, from a missing one on, of all."""
    found = 0
    for number, picture in _some(path, known, wanted) if known.timed else ():
        if found == len(wanted) or number != wanted[found]:
            break
        found += 1
        yield number, picture
    rest = set(wanted[found:])
    for number, picture in _all(path, known) if rest else ():
        if number in rest:
            rest.remove(number)
            yield number, picture


def _all(path: Path, known: Index) -> Iterator[tuple[int, av.VideoFrame]]:
    """Every sound picture, with its number: by its packet, or counted where frames are reordered without times."""
    damage, end = containers.Damage(known.gop, known.leads), len(known.gop)
    with containers.opened(path) as container:
        stream = containers.shown_stream(path, container)
        context = containers.decoder(stream)
        packets = itertools.chain(enumerate(containers.packets_of(container, stream, end)), [(end, None)])
        shown = itertools.chain.from_iterable(containers.decoded(context, *packet, damage) for packet in packets)
        by_place = known.timed or not context.has_b_frames
        yield from _sound(_numbered(known, range(len(known)), shown) if by_place else enumerate(shown), damage)


def _some(path: Path, known: Index, wanted: list[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """The wanted sound pictures and their numbers, from the groups of pictures that hold them."""
    damage, places = containers.Damage(known.gop, known.leads), known.order[wanted].tolist()
    needed = {*places, *(place + 1 for place in places if known.halves[place + 1 : place + 2].any())}
    with containers.opened(path) as container:
        stream = containers.shown_stream(path, container)
        packets = containers.packets_of(container, stream, len(known.gop))
        shown = _groups(containers.decoder(stream), packets, known, needed, damage)
        yield from (one for one in _sound(_numbered(known, wanted, shown), damage) if one[0] >= 0)


def _numbered(
    known: Index, wanted: Iterable[int], shown: Iterable[av.VideoFrame]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Pictures with their numbers, which is -1 for those that are not wanted."""
    number = {int(known.order[i]): i for i in wanted}
    return ((number.get(containers.place_of(picture), -1), picture) for picture in shown)


def _last_needed(known: Index, places: Iterable[int]) -> dict[int, int]:
    """For each group that the wanted packets need, the place of its last packet that must be decoded."""
    last: dict[int, int] = {}
    for place in places:
        group = int(known.gop[place])
        last[group] = max(last.get(group, -1), place)
        if known.leads[place] and group:
            last[group - 1] = len(known.gop)
    return last


def _groups(
    context: av.VideoCodecContext,
    packets: Iterable[av.Packet],
    known: Index,
    wanted: Iterable[int],
    damage: containers.Damage,
) -> Iterator[av.VideoFrame]:
    """The pictures of the groups that wanted packets need, each group as far as they need it."""
    last = _last_needed(known, wanted)
    for group, members in itertools.groupby(enumerate(packets), lambda member: int(known.gop[member[0]])):
        for place, packet in members if group in last else ():
            if place <= last[group]:
                context.skip_frame = "DEFAULT" if place in wanted else "NONREF"
                yield from containers.decoded(context, place, packet, damage)
        if group in last and group + 1 not in last:  # frames that the decoder holds back to order them
            yield from containers.decoded(context, len(known.gop), None, damage)
            context.flush_buffers()


def _sound(
    numbered: Iterable[tuple[int, av.VideoFrame]], damage: containers.Damage
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Leave out what the decoder marks as damaged, also where it has filled gaps from other pictures, and what follows.

    A run of B pictures waits for the picture after it, from which they are predicted, and goes as one: they need each
    other. A damaged one spoils no more than its run; any other spoils what is decoded after it.
    """
    run: list[tuple[int, av.VideoFrame]] = []
    for member in itertools.chain(numbered, [None]):
        if member and member[1].pict_type == PictureType.B:
            run.append(member)
            continue
        if member and member[1].is_corrupt:
            damage.at(containers.place_of(member[1]))
        if any(picture.is_corrupt for _, picture in run):
            run = []
        yield from (one for one in [*run, *filter(None, [member])] if not damage.reaches(containers.place_of(one[1])))
        run = []


class Screen:
    """Shows a clip's decoded frames as a player does."""

    def __init__(self, aspect: Fraction = Fraction(1)) -> None:
        self.aspect, self.matrix = aspect, ()
        self.reformatter = VideoReformatter()  # one for all frames, which is faster than one for each

    def show(self, frame: av.VideoFrame) -> np.ndarray | None:
        """A frame as uint8 RGB (H, W, 3), with square pixels, turned and mirrored as the first one's matrix says.

        None for colours that can't be converted, as damaged frames may state.
        """
        width = round(frame.width * self.aspect)
        how = "BILINEAR" if width == frame.width else "BICUBIC"
        try:
            rgb = self.reformatter.reformat(frame, width, format="rgb24", interpolation=how, threads=1)
        except (av.error.FFmpegError, ValueError):
            return None
        self.matrix = self.matrix or _matrix(frame)
        a, b, c, d = self.matrix  # x goes to a x + c y, y to b x + d y
        image = rgb.to_ndarray()
        if abs(b) + abs(c) > abs(a) + abs(d):  # turned by a quarter, or nearly so
            image, a, d = image.transpose(1, 0, 2), c, b
        return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Four numbers of a frame's display matrix. PyAV then keeps the frame until Python looks for cycles: ask once."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    a, b, _, c, d = (1, 0, 0, 0, 1) if matrix is None else struct.unpack_from("=5i", bytes(matrix))
    return a, b, c, d


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
