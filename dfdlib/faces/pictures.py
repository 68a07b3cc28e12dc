"""The picture as a player shows it: one function for photos, moving pictures and videos, told apart by content."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dfdlib.core.errors import DfdError
from dfdlib.data.media_files import HEIF, IMAGES
from dfdlib.faces import containers, stills, video

LEAST = 0.25  # of the wanted frames, which must be sound for a verdict


@dataclass(frozen=True)
class Pictures:
    """The pictures of a file that are to be looked at."""

    wanted: tuple[int, ...]  # numbers of the frames
    frames: Iterator[tuple[int, np.ndarray]]  # (number, uint8 RGB (H, W, 3)); a wanted one that never comes is damaged
    moving: bool  # a video, an animation or several pages
    times: tuple[float, ...]  # seconds of the wanted frames from the first on; nan where that is not known


@dataclass(frozen=True)
class Clip:
    """N frames, none of them decoded yet."""

    seconds: np.ndarray  # (N,) when each is shown, from the first on; nan where that is not known
    size: tuple[int, int]  # width and height, pixels, before rotation
    # Frames by their numbers, in order; DfdError where less than a share of them is sound
    frames: Callable[[Iterable[int], float], Iterator[tuple[int, np.ndarray]]]


def read(path: Path, max_frames: int) -> Pictures:
    """At most `max_frames` pictures of a file, evenly spaced over time (0: all), decoded ahead by a thread.

    DfdError for what can't be read or is too small for a face; while frames are taken, where less than LEAST are sound.
    """
    if not path.exists():
        raise DfdError(f"There is no file {path}; check the name.")
    if path.is_file() and path.stat().st_size == 0:
        raise DfdError(f"{path} is an empty file; copy it again.")
    pages = stills.count(path)
    if pages == 1:
        return _still(path)
    try:
        found = clip(path)
    except DfdError:
        if pages == 0 and path.suffix.lower() in (*IMAGES, *HEIF, ".gif", ".apng"):
            stills.read_image(path)  # says what is wrong with it as an image
        raise
    wanted = video.spread(found.seconds, max_frames)
    times = tuple(found.seconds[wanted].tolist())
    return Pictures(tuple(wanted.tolist()), video.ahead(found.frames(wanted, LEAST), 2), True, times)


def _still(path: Path) -> Pictures:
    image = stills.read_image(path)
    containers.check_size(path, *image.shape[1::-1])
    return Pictures((0,), iter([(0, image)]), False, (math.nan,))


def clip(path: Path) -> Clip:
    """The frames of a video, an animation or a file of several pages; DfdError for others and for damaged ones."""
    if stills.count(path) > 1:
        seconds, size = stills.index(path)
        containers.check_size(path, *size)
        return Clip(seconds, size, partial(stills.frames, path))
    known = containers.index(path)
    return Clip(known.seconds, known.size, partial(video.frames, path, known))
