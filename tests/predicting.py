"""The command `dfd predict` in this process, and the files that its tests judge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from dfdlib.command import cli
from tests.media import astronaut, write_video


def dfd(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `dfd predict` with these arguments."""
    monkeypatch.setattr("sys.argv", ["dfd", "predict", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code or 0


def write_png(path: Path, image: np.ndarray) -> Path:
    """An image (H, W, 3) uint8 RGB as PNG; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def moving_face(path: Path, count: int) -> Path:
    """A video of `count` frames of a face that moves to the right; returns its path."""
    face = astronaut(256)
    return write_video(path, [np.roll(face, 2 * i, 1) for i in range(count)])
