"""Every way in which a video can be bad is one sentence that names the file and what to do."""

from __future__ import annotations

import threading
import time

import av
import numpy as np
import pytest

from dfdlib.core.errors import DfdError
from dfdlib.faces import containers, video
from tests.media import noise_frames, write_sound, write_video


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


# name, codec, pixel format, options: groups that end open, frames out of order, no times, no keyframes that are some
KINDS = {
    "open.mp4": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"}),
    "plain.mp4": ("libx264", "yuv420p", {"g": "12"}),
    "hevc.mkv": ("libx265", "yuv420p", {"x265-params": "log-level=none:keyint=12"}),
    "b.avi": ("mpeg4", "yuv420p", {"g": "10", "bf": "2"}),
    "untimed.avi": ("libx264", "yuv420p", {"g": "10"}),
    "stills.avi": ("mjpeg", "yuvj420p", {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"cpu-used": "8", "deadline": "realtime"}),
    "stream.ts": ("mpeg2video", "yuv420p", {"g": "12", "bf": "2"}),
    "refresh.mkv": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1:keyint=20"}),
    "lossless.mkv": ("ffv1", "yuv420p", {}),
}


def _numbered(count: int) -> list[np.ndarray]:
    """Frames that move and say their number in their brightness."""
    x = np.arange(96)
    return [
        np.repeat((40 + 3 * i + 20 * np.sin((x[:, None] + x + 5 * i) / 9))[..., None], 3, 2).astype(np.uint8)
        for i in range(count)
    ]


@pytest.mark.parametrize("name", KINDS)
def test_sampled_frames_are_those_of_decoding_everything(tmp_path, name: str) -> None:
    codec, pix_fmt, options = KINDS[name]
    path = write_video(tmp_path / name, _numbered(50), codec, pix_fmt, **options)
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(video.index(path)) == len(every) == 50
    for count in (1, 3, 9, 100):
        found = list(video.sample(path, count))
        assert [i for i, _ in found] == video.sample_indices(50, count).tolist()
        apart = [np.abs(image.astype(int) - every[i]).max() for i, image in found]
        assert max(apart) <= (40 if name == "refresh.mkv" else 0)  # it has no frame at which decoding starts clean


def test_frames_that_nothing_needs_are_not_decoded(tmp_path, monkeypatch) -> None:
    path = write_video(tmp_path / "a.mp4", _numbered(96), g="12")
    given, real = [], containers.decoded
    monkeypatch.setattr(containers, "decoded", lambda *how: given.append(how[2]) or real(*how))
    assert [i for i, _ in video.sample(path, 2)] == [0, 95]
    assert sum(packet is not None for packet in given) <= 13, "the first frame, and the last group of pictures"


def test_a_damaged_frame_is_left_out_and_the_rest_kept(tmp_path) -> None:
    path = write_video(tmp_path / "a.mkv", _numbered(40), "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    start = data.find(b"\xff\xd8", len(data) // 2)
    end = data.find(b"\xff\xd9", start)
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    found = [i for i, _ in video.sample(path, 40)]
    assert 36 <= len(found) < 40 and found == sorted(found)


def test_a_playlist_opens_nothing_else(tmp_path) -> None:
    write_video(tmp_path / "a.mp4", _numbered(5))
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    (tmp_path / "play.ts").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\na.mp4\n#EXT-X-ENDLIST\n")
    for name in ("list.mp4", "play.ts"):
        with pytest.raises(DfdError, match=f"{name} is neither a picture nor a video"):
            list(video.sample(tmp_path / name, 2))


def test_decoding_ahead_gives_the_same_items_and_the_same_error() -> None:
    assert list(video.ahead(range(20), 3)) == list(range(20))

    def broken():
        yield 1
        raise DfdError("broken at 2")

    items = video.ahead(broken())
    assert next(items) == 1
    with pytest.raises(DfdError, match="broken at 2"):
        next(items)


def test_decoding_ahead_ends_with_who_takes_the_items() -> None:
    made = []
    items = video.ahead((made.append(i) or i for i in range(10**9)), 2)
    assert next(items) == 0
    items.close()
    before = threading.active_count()
    time.sleep(0.5)
    assert len(made) < 10 and threading.active_count() <= before


def _truncated(path):
    data = write_video(path, noise_frames(50)).read_bytes()
    path.write_bytes(data[: len(data) // 2])


BAD = {
    "missing": (lambda path: None, "There is no video"),
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "text": (lambda path: path.write_text("not a video " * 99), "nor a video"),
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
    path = tmp_path / "sound.mp4"
    write_sound(path)
    with pytest.raises(DfdError, match="no video stream"):
        list(video.sample(path, 8))
