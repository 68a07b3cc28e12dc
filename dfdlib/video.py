"""Decode a video and sample its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from dfdlib.errors import DfdError

TRUNCATED_BELOW = 0.9  # a container's frame count is often off by a few; a missing tenth is a broken file


def sample(path: Path, max_frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """At most `max_frames` frames, evenly spaced over the clip: (frame index, uint8 RGB (H, W, 3)).

    Rotation in the container's metadata is applied. Raises DfdError for a missing or empty file, for
    a file that is no video, and for a video that ends early.
    """
    wanted = set(sample_indices(count_frames(path), max_frames).tolist())
    for index, frame in enumerate(_decode(path)):
        if index in wanted:
            yield index, _upright(frame)


def sample_indices(n_frames: int, max_frames: int) -> np.ndarray:
    """Sorted indices of at most `max_frames` of `n_frames` frames, the first and the last among them."""
    if n_frames <= max_frames:
        return np.arange(n_frames)
    return np.unique(np.linspace(0, n_frames - 1, max_frames).round().astype(int))


def count_frames(path: Path) -> int:
    """Number of frames that decode; raises DfdError as `sample` does."""
    stated = _stated_frames(path)
    decoded = sum(1 for _ in _decode(path))
    if decoded == 0:
        raise DfdError(f"{path} holds no frame that can be decoded; copy or encode it again.")
    if decoded < TRUNCATED_BELOW * stated:
        raise DfdError(f"{path} ends after {decoded} of {stated} frames: it is truncated; copy it again.")
    return decoded


def _stated_frames(path: Path) -> int:
    with _open(path) as container:
        return container.streams.video[0].frames


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise DfdError(f"There is no video {path}; check the path.")
    if path.stat().st_size == 0:
        raise DfdError(f"{path} is an empty file; copy it again.")
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise DfdError(f"{path} is not a video that can be read ({error.strerror}); copy or convert it.") from None
    if not container.streams.video:
        container.close()
        raise DfdError(f"{path} has no video stream; choose a file with pictures.")
    return container


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    with _open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        try:
            yield from container.decode(video=0)
        except av.error.FFmpegError as error:
            raise DfdError(f"{path} is damaged and stops decoding ({error.strerror}); copy it again.") from None


def _upright(frame: av.VideoFrame) -> np.ndarray:
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), quarter_turns))
