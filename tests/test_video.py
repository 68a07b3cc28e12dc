"""Every way in which a video can be bad is one sentence that names the file and what to do."""

from __future__ import annotations

import numpy as np
import pytest

from dfdlib import video
from dfdlib.errors import DfdError
from tests.media import noise_frames, write_video


def test_sampling_is_even_and_keeps_both_ends(tmp_path) -> None:
    frames = [np.full((32, 48, 3), 8 * i, np.uint8) for i in range(30)]
    path = write_video(tmp_path / "grey.mp4", frames)
    found = dict(video.sample(path, 4))
    assert list(found) == [0, 10, 19, 29]
    for index, image in found.items():
        assert image.shape == (32, 48, 3) and image.dtype == np.uint8
        assert abs(float(image.mean()) - 8 * index) < 4


def test_few_frames_are_all_taken(tmp_path) -> None:
    path = write_video(tmp_path / "short.mp4", noise_frames(3))
    assert [index for index, _ in video.sample(path, 32)] == [0, 1, 2]


def _truncated(path):
    data = write_video(path, noise_frames(50)).read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD = {
    "missing": (lambda path: None, "There is no video"),
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "text": (lambda path: path.write_text("not a video " * 99), "not a video"),
    "truncated": (_truncated, "copy it again"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_video_is_one_clear_sentence(tmp_path, name: str) -> None:
    make, words = BAD[name]
    path = tmp_path / f"{name}.mp4"
    make(path)
    with pytest.raises(DfdError, match=words) as caught:
        list(video.sample(path, 8))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_sound_alone_is_no_video(tmp_path) -> None:
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DfdError, match="no video stream"):
        list(video.sample(path, 8))
