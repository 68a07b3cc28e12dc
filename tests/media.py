"""Small videos and faces that the tests make for themselves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import skimage.data


def astronaut(height: int = 512) -> np.ndarray:
    """Eileen Collins's portrait (NASA, public domain), which dlib's detector finds; uint8 RGB (height, height, 3)."""
    return cv2.resize(skimage.data.astronaut(), (height, height), interpolation=cv2.INTER_AREA)


def write_video(
    path: Path, frames: Iterable[np.ndarray], codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str
) -> Path:
    """H.264 by default; MP4 with the index in front, so that a cut file still opens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = list(frames)
    movflags = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=movflags) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
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
