"""Small videos and faces that the tests make for themselves."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import cv2
import numpy as np
import skimage.data


def astronaut(height: int = 512) -> np.ndarray:
    """Eileen Collins's portrait (NASA, public domain), which dlib's detector finds; uint8 RGB (height, height, 3)."""
    return cv2.resize(skimage.data.astronaut(), (height, height), interpolation=cv2.INTER_AREA)


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    aspect: Fraction = Fraction(1),
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1),
    times: Sequence[int] = (),
    **options: str,
) -> Path:
    """H.264 by default; MP4 with the index in front, so that a cut file still opens.

    `aspect` is the width of a pixel in heights; a player takes (x, y) to (a x + c y, b x + d y), `matrix` being
    (a, b, c, d). `times` are milliseconds in place of 25 frames a second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(frames)
    movflags = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=movflags) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if aspect != 1:
            stream.codec_context.sample_aspect_ratio = aspect
        if matrix != (1, 0, 0, 1):
            a, b, c, d = (value << 16 for value in matrix)
            stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            if times:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path, rate: int = 8000) -> None:
    """An MP4 with sound (AAC, silence) and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def noise_frames(count: int, side: int = 64) -> list[np.ndarray]:
    """Frames without a face that do not compress away."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for _ in range(count)]


def numbered(count: int, shape: tuple[int, int] = (96, 96)) -> list[np.ndarray]:
    """Frames that move and say their number in their brightness; no turn or mirror of one is like another."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [20 * np.sin((x + 2 * y + 5 * i) / 9) + 40 * (y < 20) + 60 * (x < 20) for i in range(count)]
    return [
        np.repeat((40 + 2 * i + wave)[..., None], 3, 2).clip(0, 255).astype(np.uint8) for i, wave in enumerate(waves)
    ]


def cut(path: Path, first: int, count: int = 0, rate: int = 25) -> Path:
    """Let the edit list of an MP4 show `count` frames from `first` on (0: all), without encoding anything again."""
    data = path.read_bytes()
    place = data.index(b"elst") + 12
    scale = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)[0]
    whole = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    length, start = struct.unpack_from(">Ii", data, place)
    length = count * whole // rate if count else length - first * whole // rate
    path.write_bytes(data[:place] + struct.pack(">Ii", length, start + first * scale // rate) + data[place + 8 :])
    return path


def textured(count: int) -> list[np.ndarray]:
    """As `numbered`, with noise, so that each frame has bytes enough to be damaged."""
    noise = np.random.default_rng(1).integers(-30, 30, (count, 12, 12, 1))
    grain = np.kron(noise, np.ones((1, 8, 8, 1)))
    return [(frame + each).clip(0, 255).astype(np.uint8) for frame, each in zip(numbered(count), grain, strict=True)]


def spoil(path: Path, places: Iterable[int], kept: float = 0.5) -> Path:
    """Zeros in place of some of a video's packets, by their place in the file, but for the first part of each."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place in places:
        start, size = packets[place]
        data[start + int(kept * size) : start + size] = bytes(size - int(kept * size))
    path.write_bytes(data)
    return path


def write_streams(path: Path, streams: Iterable[tuple[int, int, int]]) -> Path:
    """A video of several streams, each with a number of frames, a side and a disposition; one frame is a photo."""
    with av.open(str(path), "w") as container:
        opened = []
        for count, side, disposition in streams:
            stream = container.add_stream("mjpeg" if count == 1 else "libx264", rate=25)
            stream.width = stream.height = side
            stream.pix_fmt = "yuvj420p" if count == 1 else "yuv420p"
            stream.disposition = disposition
            opened.append((stream, noise_frames(count, side)))
        for stream, frames in opened:
            for image in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
    return path


def player(path: Path) -> list[np.ndarray]:
    """A clip's frames as the program ffmpeg shows them: with its filters, chosen as in its ffmpeg_filter.c."""
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        frames, aspect = list(container.decode(stream)), stream.sample_aspect_ratio or 1
        filters = [("scale", f"w={round(stream.width * aspect)}:h={stream.height}:flags=bicubic")] * (aspect != 1)
        graph = av.filter.Graph()
        parts = [graph.add(*each) for each in (*filters, *_autorotate(frames[0]), ("format", "rgb24"), ("buffersink",))]
        graph.link_nodes(graph.add_buffer(template=stream), *parts).configure()
        shown = []
        for frame in frames:
            graph.push(frame)
            shown.append(graph.pull().to_ndarray())
    return shown


def _autorotate(frame: av.VideoFrame) -> list[tuple[str, ...]]:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    values = (1, 0, 0, 0, 1) if matrix is None else struct.unpack_from("=5i", bytes(matrix))
    match -frame.rotation % 360:
        case 90:
            return [("transpose", "cclock_flip" if values[3] > 0 else "clock")]
        case 270:
            return [("transpose", "clock_flip" if values[3] < 0 else "cclock")]
    return [("hflip",)] * (values[0] < 0) + [("vflip",)] * (values[4] < 0)
