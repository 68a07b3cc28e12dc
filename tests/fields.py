"""H.264 in fields, as camcorders record it, written by hand: no encoder here makes it.

Each field is a picture of its own (field_pic_flag) of macroblocks without compression (I_PCM), in two packets or one.
Names are those of the standard, ITU-T H.264, sections 7.3.2 (parameter sets), 7.3.3 (slice header) and 7.3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ZERO = "1"  # ue(0) and se(0)


def _ue(value: int) -> str:
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def _nal(head: int, bits: str) -> bytes:
    """A unit of the stream: bits, their end, and a 3 wherever two zeros would look like the start of a unit."""
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    out, zeros = bytearray(), 0
    for value in int(bits, 2).to_bytes(len(bits) // 8, "big"):
        if zeros >= 2 and value <= 3:
            out.append(3)
            zeros = 0
        out.append(value)
        zeros = 0 if value else zeros + 1
    return b"\0\0\0\1" + bytes([head]) + bytes(out)


def _parameters(width: int, height: int) -> bytes:
    """Sequence (main profile, both fields and frames, one reference) and picture parameter sets."""
    sequence = f"{77:08b}{0:08b}{30:08b}" + ZERO * 3 + _ue(4) + _ue(1) + "0"
    sequence += _ue(width // 16 - 1) + _ue(height // 32 - 1) + "00100"
    return _nal(0x67, sequence) + _nal(0x68, ZERO * 2 + "00" + ZERO * 3 + "000" + ZERO * 3 + "100")


def _field(number: int, bottom: int, planes: tuple[np.ndarray, ...]) -> bytes:
    first = number == 0 and not bottom
    bits = ZERO + _ue(7) + ZERO + f"{number % 16:04b}1{bottom}" + ZERO * first + f"{(2 * number + bottom) % 256:08b}"
    bits += "0" * (1 + first) + ZERO + _ue(1)
    for row in range(planes[0].shape[0] // 16):
        for column in range(planes[0].shape[1] // 16):
            bits += _ue(25)
            bits += "0" * (-len(bits) % 8)
            for plane, side in zip(planes, (16, 8, 8), strict=True):
                block = plane[row * side : (row + 1) * side, column * side : (column + 1) * side]
                bits += "".join(f"{value:08b}" for value in block.flat)
    return _nal(0x65 if first else 0x61, bits)


def _fields(frames: Iterable[np.ndarray]) -> list[tuple[bytes, bytes]]:
    """The two fields of each frame (H, W, 3), H a multiple of 32 and W of 16."""
    found = []
    for number, image in enumerate(frames):
        height, width = image.shape[:2]
        yuv = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p").to_ndarray()
        colour = yuv[height:].reshape(2, height // 2, width // 2)
        planes = (yuv[:height].clip(1), *colour)
        pair = [_field(number, bottom, tuple(plane[bottom::2] for plane in planes)) for bottom in (0, 1)]
        found.append(((_parameters(width, height) if number == 0 else b"") + pair[0], pair[1]))
    return found


def write_fields(path: Path, frames: Iterable[np.ndarray], apart: bool) -> Path:
    """A clip of 25 frames a second; each field in a packet with a time of its own, or both in one packet."""
    fields, raw = _fields(frames), path.with_suffix(".h264")
    raw.write_bytes(b"".join(top + bottom for top, bottom in fields))
    data, each = ([one for pair in fields for one in pair], 1) if apart else ([b"".join(pair) for pair in fields], 2)
    with av.open(str(raw)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, content in enumerate(data):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 50), number == 0
            packet.pts = packet.dts = 50 + each * number
            packet.duration = each
            container.mux(packet)
    return path
