"""Photos, moving pictures and videos as a player shows them, and what can't be shown in one sentence.

The authority is another program's code: FFmpeg's filters for video, Pillow's exif_transpose and PNG for photos.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from dfdlib.core import image_files
from dfdlib.core.errors import DfdError
from dfdlib.faces import containers, face_tracks, pictures, stills, video
from tests import media
from tests.fields import write_fields

SHAPE = (64, 96)
FRAMES = media.numbered(12, SHAPE)


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _photo() -> Image.Image:
    grey = FRAMES[0][..., 0]
    return Image.fromarray(np.stack([grey, 255 - grey, np.roll(grey, 9, 1)], 2))


def _as_png(image: Image.Image, orientation: int = 1) -> np.ndarray:
    file = io.BytesIO()
    image.save(file, "PNG", exif=_exif(orientation))
    return np.asarray(ImageOps.exif_transpose(Image.open(file)))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape and one.dtype == other.dtype == np.uint8
    return float(np.abs(one.astype(int) - other).mean())


# ---- photos ----------------------------------------------------------------------------------------------------------

CODECS = {
    "JPEG": ({"quality": 95}, 3.0),
    "PNG": ({}, 0),
    "TIFF": ({}, 0),
    "WEBP": ({"lossless": True}, 0),
    "AVIF": ({"quality": 95}, 3.0),
}


@pytest.mark.parametrize("kind", CODECS)
def test_a_photo_is_turned_and_mirrored_and_its_name_does_not_matter(tmp_path, kind: str) -> None:
    options, most = CODECS[kind]
    for orientation in range(1, 9):
        _photo().save(tmp_path / "photo.mp4", kind, exif=_exif(orientation), **options)
        found = pictures.read(tmp_path / "photo.mp4", 9)
        assert (found.wanted, found.moving, np.isnan(found.times).all()) == ((0,), False, True)
        [(number, image)] = found.frames
        assert number == 0 and _apart(image, _as_png(_photo(), orientation)) <= most


def _heic(path: Path, **options: object) -> Path:
    import pillow_heif

    pillow_heif.register_heif_opener()
    _photo().save(path, "HEIF", quality=95, **options)
    return path


def _with_properties(path: Path, *added: bytes) -> Path:
    """Properties of the one picture in a HEIF file, as boxes, after those that it has."""
    data, extra = path.read_bytes(), b"".join(struct.pack(">I", len(box) + 4) + box for box in added)
    places = {name: data.index(name) - 4 for name in (b"meta", b"iprp", b"ipco", b"ipma", b"iloc")}
    number, known = len(added), data[places[b"ipma"] + 18]
    first = 1 + max(value & 0x7F for value in data[places[b"ipma"] + 19 : places[b"ipma"] + 19 + known])
    new = bytearray(data)
    new[places[b"ipma"] + 18] += number
    new[places[b"ipma"] + 19 + known : places[b"ipma"] + 19 + known] = bytes(0x80 | first + i for i in range(number))
    new[places[b"ipma"] : places[b"ipma"]] = extra
    grown = {b"ipma": number, b"ipco": len(extra), b"iprp": number + len(extra), b"meta": number + len(extra)}
    for name, size in grown.items():
        place = new.index(name) - 4
        struct.pack_into(">I", new, place, struct.unpack_from(">I", new, place)[0] + size)
    offset = places[b"iloc"] + 26 - 4 * 0
    struct.pack_into(">I", new, offset, struct.unpack_from(">I", new, offset)[0] + number + len(extra))
    path.write_bytes(new)
    return path


TURNS = {f"irot {turn}": (b"irot" + bytes([turn]),) for turn in range(4)}
MIRRORS = {f"imir {axis}": (b"imir" + bytes([axis]),) for axis in range(2)}
BOTH = {"irot 1, imir 0": (b"irot\1", b"imir\0"), "irot 3, imir 1": (b"irot\3", b"imir\1")}


@pytest.mark.parametrize("name", TURNS | MIRRORS | BOTH)
def test_a_heic_is_turned_and_mirrored_as_ffmpeg_does(tmp_path, name: str) -> None:
    path = _with_properties(_heic(tmp_path / "a.heic"), *(TURNS | MIRRORS | BOTH)[name])
    shown = stills.read_image(path)
    assert _apart(shown, media.player(path)[0]) <= 3
    if name in TURNS:
        assert _apart(shown, np.rot90(_as_png(_photo()), int(name[-1]))) <= 3


def test_a_heic_in_tiles_is_one_picture(tmp_path) -> None:
    path = _heic(tmp_path / "a.heic", tile_size=64)
    assert b"grid" in path.read_bytes()
    assert _apart(stills.read_image(path), _as_png(_photo())) <= 3
    with pytest.raises(DfdError, match=r"a\.heic has no video stream"):
        video.index(path)  # FFmpeg would give one tile


def test_a_photo_with_a_smaller_copy_beside_it_is_no_moving_picture(tmp_path) -> None:
    small = _photo().resize((48, 32))
    _photo().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[small])
    with TiffImagePlugin.AppendingTiffWriter(str(tmp_path / "a.tiff"), True) as file:
        _photo().save(file, "TIFF")
        file.newFrame()
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[254] = 1
        small.save(file, "TIFF", tiffinfo=tags)
    for name in ("a.jpg", "a.tiff"):
        assert not pictures.read(tmp_path / name, 9).moving


# ---- moving pictures -------------------------------------------------------------------------------------------------

ANIMATIONS = {
    "a.webp": {"lossless": True, "duration": 40},
    "a.png": {"duration": 40},
    "a.gif": {"duration": 40},
    "a.tiff": {},
    "a.avif": {"quality": 95, "duration": 40},
}


def _animation(path: Path, frames: list[np.ndarray] = FRAMES, **options: object) -> Path:
    first, *rest = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=rest, **options)
    return path


@pytest.mark.parametrize("name", ANIMATIONS)
def test_all_frames_of_a_moving_picture_are_a_clip(tmp_path, name: str) -> None:
    found = pictures.read(_animation(tmp_path / name, **ANIMATIONS[name]), 5)
    assert found.moving and found.wanted == tuple(video.sample_indices(12, 5))
    frames = dict(found.frames)
    assert tuple(frames) == found.wanted
    assert max(_apart(frames[i], FRAMES[i]) for i in frames) <= 1
    times = found.times if name != "a.tiff" else ()
    assert times == pytest.approx([0.04 * i for i in found.wanted if times])


def test_frames_of_a_moving_picture_are_drawn_by_time(tmp_path) -> None:
    path = _animation(tmp_path / "a.gif", duration=[40] * 6 + [400] * 6)
    assert pictures.read(path, 5).times == pytest.approx([0, 0.24, 1.04, 1.44, 2.24])
    zero = pictures.read(_animation(tmp_path / "zero.gif", duration=0), 5)
    assert zero.times == pytest.approx([0.1 * i for i in video.sample_indices(12, 5)]), "as browsers show it"


def test_a_picture_for_viewers_that_can_not_move_is_no_frame(tmp_path) -> None:
    path = _animation(tmp_path / "a.png", [FRAMES[11], *FRAMES[:4]], default_image=True)
    frames = dict(pictures.read(path, 0).frames)
    assert list(frames) == [0, 1, 2, 3] and _apart(frames[0], FRAMES[0]) == 0


def test_a_cut_moving_picture_is_judged_by_what_is_left_or_refused(tmp_path) -> None:
    data = _animation(tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[: len(data) * 2 // 3])
    found = pictures.read(tmp_path / "a.gif", 0)
    assert 6 <= len(dict(found.frames)) <= len(found.wanted)
    tiff = bytearray(_animation(tmp_path / "a.tiff", compression="tiff_lzw").read_bytes())
    with Image.open(tmp_path / "a.tiff") as image:
        image.seek(2)
        start = image.tag_v2[273][0]
    tiff[start:] = b"\xff" * (len(tiff) - start)
    (tmp_path / "a.tiff").write_bytes(tiff)
    assert list(dict(pictures.read(tmp_path / "a.tiff", 0).frames)) == [0, 1]
    with pytest.raises(DfdError, match=r"a\.tiff is damaged: of 3 frames 2 can"):
        list(pictures.clip(tmp_path / "a.tiff").frames(range(3), containers.TRUNCATED_BELOW))


def test_a_moving_picture_that_takes_too_much_work_is_refused_before_it_is_decoded(tmp_path, monkeypatch) -> None:
    path = _animation(tmp_path / "a.gif")
    monkeypatch.setattr(stills, "MOST_DECODED", 64 * 96 * 11)
    monkeypatch.setattr(stills, "_each", None)
    with pytest.raises(DfdError, match=r"a\.gif .*12 frames of 96 x 64 pixels, too many"):
        pictures.read(path, 5)
    monkeypatch.setattr(stills, "MOST_DECODED", 2**31)
    monkeypatch.setattr(stills, "MOST_FRAMES", 10)
    with pytest.raises(DfdError, match="too many"):
        pictures.read(path, 5)


def test_face_tracks_take_moving_pictures(tmp_path) -> None:
    face = media.astronaut(256)
    path = _animation(tmp_path / "a.webp", [np.roll(face, 4 * i, 1) for i in range(3)], lossless=True)
    seen = list(face_tracks._look(path, face_tracks.FaceParams(max_frames=4, upsample=1)))
    assert [one.frame for one in seen] == [0, 1, 2] and all(one.points is not None for one in seen)


# ---- videos ----------------------------------------------------------------------------------------------------------

MATRICES = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(64, 45), Fraction(8, 9)], ids=str)
def test_a_video_is_turned_mirrored_and_stretched_as_ffmpeg_does(tmp_path, matrix, aspect: Fraction) -> None:
    path = media.write_video(tmp_path / "a.mp4", FRAMES, matrix=matrix, aspect=aspect)
    shown, right = [image for _, image in video.sample(path, 0)], media.player(path)
    assert len(shown) == len(right) == 12
    assert all(np.array_equal(one, other) for one, other in zip(shown, right, strict=True))


@pytest.mark.parametrize("matrix", MATRICES, ids=str)
def test_what_a_camera_turned_is_upright_again(tmp_path, matrix) -> None:
    a, b, c, d = matrix
    stored = FRAMES[0] if a else FRAMES[0].transpose(1, 0, 2)
    columns, rows = (a, d) if a else (b, c)  # of the stored picture, which the matrix takes to the shown one's
    path = media.write_video(tmp_path / "a.mp4", [stored[::rows, ::columns]] * 2, matrix=matrix, crf="10")
    assert _apart(next(video.sample(path, 1))[1], FRAMES[0]) < 3


def test_an_absurd_shape_of_pixels_is_ignored(tmp_path) -> None:
    path = media.write_video(tmp_path / "a.mkv", FRAMES, "ffv1", aspect=Fraction(1000, 1))
    assert next(video.sample(path, 1))[1].shape == (64, 96, 3)


CUT = {
    "h264": ("libx264", {"g": "12", "bf": "2"}),
    "open groups": ("libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"}),
    "hevc": ("libx265", {"x265-params": "log-level=none:keyint=12:bframes=3"}),
    "mpeg4": ("mpeg4", {"g": "12", "bf": "2"}),
    "vp9": ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime", "g": "12"}),
}


@pytest.mark.parametrize("name", CUT)
def test_frames_that_an_edit_list_hides_are_decoded_and_not_shown(tmp_path, name: str) -> None:
    codec, options = CUT[name]
    path = media.write_video(tmp_path / "a.mp4", media.numbered(48), codec, **options)
    every, whole = media.player(path), path.read_bytes()
    for first, count in ((7, 0), (31, 9), (13, 30)):
        path.write_bytes(whole)
        right = every[first : first + count if count else None]
        assert len(media.player(media.cut(path, first, count))) == len(right)
        for asked in (0, 4):
            shown = dict(video.sample(path, asked))
            assert list(shown) == video.sample_indices(len(right), asked).tolist()
            assert all(np.array_equal(shown[i], right[i]) for i in shown)


def test_the_default_stream_is_shown_and_no_cover(tmp_path) -> None:
    streams = {  # frames, side, disposition: default 1, attached picture 1024
        "cover first.mkv": [(1, 64, 0), (12, 32, 1)],
        "second is default.mkv": [(12, 64, 0), (12, 32, 1)],
        "neither.mkv": [(12, 32, 0), (12, 64, 0)],
        "attached.mp4": [(12, 32, 0), (1, 64, 1024)],
    }
    for name, what in streams.items():
        path = media.write_streams(tmp_path / name, what)
        assert next(iter(pictures.read(path, 4).frames))[1].shape == (32, 32, 3), name
        assert len(video.index(path)) == 12, name
    with pytest.raises(DfdError, match=r"cover.mp4 has no video stream"):
        video.index(media.write_streams(tmp_path / "cover.mp4", [(1, 64, 1024)]))


def test_frames_are_drawn_by_time_where_the_rate_varies(tmp_path) -> None:
    times = [40 * i for i in range(50)] + [2000 + 400 * i for i in range(10)]  # milliseconds
    path = media.write_video(tmp_path / "a.mkv", media.numbered(60), times=times)
    found = pictures.read(path, 7)
    assert found.times == pytest.approx([0, 0.92, 1.84, 2.8, 3.6, 4.4, 5.6])  # by index the first gap is 0.4 seconds
    frames = dict(found.frames)
    assert all(abs(frames[i].mean() - media.numbered(60)[i].mean()) < 3 for i in frames)


@pytest.mark.parametrize("seconds", ["constant", "rounded", "one gap", "unknown", "still"])
def test_a_constant_rate_gives_the_frames_that_it_always_gave(seconds: str) -> None:
    even = np.arange(301) / 29.97
    times = {
        "constant": even,
        "rounded": even.round(3),  # Matroska's milliseconds
        "one gap": np.delete(even, 100),
        "unknown": even * np.nan,
        "still": even * 0,
    }[seconds]
    for count in (0, 1, 2, 16, 32, 300, 999):
        assert np.array_equal(video.spread(times, count), video.sample_indices(len(times), count))


def test_a_fault_of_the_clock_does_not_hide_the_rest() -> None:
    times = np.arange(300) / 25 + np.where(np.arange(300) < 150, 0, 95443.7)  # 33 bits of a broadcast's clock
    found = video.spread(times, 32)
    assert len(found) >= 30 and np.diff(found).max() <= 12


# ---- damage ----------------------------------------------------------------------------------------------------------

DAMAGED = {
    "h264": ("a.mp4", "libx264", {"g": "12", "bf": "2"}),
    "h264 in a stream": ("a.ts", "libx264", {"g": "12", "bf": "2"}),
    "h264 without times": ("a.avi", "libx264", {"g": "12", "bf": "0"}),
    "mpeg4": ("a.mp4", "mpeg4", {"g": "12", "bf": "2"}),
    "mpeg2": ("a.mkv", "mpeg2video", {"g": "12", "bf": "2"}),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_guessed_in_place_of_damaged_pictures_is_not_shown(tmp_path, name: str) -> None:
    file, codec, options = DAMAGED[name]
    path = media.write_video(tmp_path / file, media.textured(60), codec, **options)
    right = media.player(path)
    media.spoil(path, [20, 41])
    assert len(media.player(path)) == 60, "a player shows something for each"
    found = pictures.read(path, 0)
    shown = dict(found.frames)
    assert found.wanted == tuple(range(60)) and 40 <= len(shown) < 60
    assert max(np.abs(shown[i].astype(int) - right[i]).max() for i in shown) <= 3


def test_what_follows_a_packet_that_can_not_be_decoded_is_not_shown_up_to_the_next_keyframe(tmp_path) -> None:
    options = {"cpu-used": "8", "deadline": "realtime", "g": "12"}
    path = media.write_video(tmp_path / "a.webm", media.textured(60), "libvpx-vp9", **options)
    right = media.player(path)
    media.spoil(path, [20, 41], kept=0.02)
    shown = dict(pictures.read(path, 0).frames)
    assert sorted(set(range(60)) - set(shown)) == [20, 21, 22, 23, 41, 42, 43, 44, 45, 46, 47]
    assert all(np.array_equal(shown[i], right[i]) for i in shown)


def test_much_damage_is_refused_by_a_study_and_told_by_a_verdict(tmp_path) -> None:
    path = media.write_video(tmp_path / "a.mkv", media.textured(40), "mjpeg", "yuvj420p")
    media.spoil(path, range(0, 20), kept=0.05)
    with pytest.raises(DfdError, match="of 40 frames 20 can be decoded"):
        list(video.sample(path, 0))
    assert list(dict(pictures.read(path, 0).frames)) == list(range(20, 40))
    media.spoil(path, range(20, 35), kept=0.05)
    with pytest.raises(DfdError, match="of 40 frames 5 can be decoded"):
        list(pictures.read(path, 0).frames)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_both_fields_of_an_interlaced_frame_are_woven(tmp_path, codec: str) -> None:
    options = {"x264-params": "tff=1"} if codec == "libx264" else {"flags": "+ildct+ilme", "top": "1"}
    path = media.write_video(tmp_path / "a.ts", FRAMES, codec, **options)
    shown, right = [image for _, image in video.sample(path, 0)], media.player(path)
    assert len(shown) == 12 and all(np.array_equal(a, b) for a, b in zip(shown, right, strict=True))


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4", "a.h264"])
@pytest.mark.parametrize("apart", [False, True])
def test_fields_that_are_coded_one_by_one_are_woven(tmp_path, monkeypatch, name: str, apart: bool) -> None:
    frames = media.numbered(10, SHAPE)
    if name == "a.ts" and not apart:
        monkeypatch.setattr(containers, "_pictured", None)  # times tell, without decoding
    write_fields(tmp_path / ("a.ts" if name == "a.h264" else name), frames, apart)
    right = media.player(tmp_path / name)
    assert len(right) == 10 and max(_apart(*pair) for pair in zip(right, frames, strict=True)) < 1
    for asked in (0, 3):
        shown = dict(video.sample(tmp_path / name, asked))
        assert list(shown) == video.sample_indices(10, asked).tolist()
        assert all(np.array_equal(shown[i], right[i]) for i in shown)


def test_colours_that_can_not_be_converted_are_one_sentence(tmp_path) -> None:
    path = media.write_video(tmp_path / "a.mp4", FRAMES, **{"x264-params": "colormatrix=YCgCo"})
    with pytest.raises(DfdError, match=r"a\.mp4 has colours that can't be converted"):
        list(pictures.read(path, 4).frames)


# ---- too small, missing ----------------------------------------------------------------------------------------------


def test_what_is_too_small_for_a_face_is_one_sentence(tmp_path) -> None:
    Image.new("RGB", (2000, 1)).save(tmp_path / "line.jpg")
    Image.new("RGB", (15, 15)).save(tmp_path / "dot.png")
    Image.new("RGB", (3000, 20)).save(tmp_path / "strip.png")
    media.write_video(tmp_path / "line.mp4", [np.zeros((2, 2000, 3), np.uint8)] * 3)
    _animation(tmp_path / "line.gif", [np.full((1, 200, 3), i, np.uint8) for i in range(3)])
    sizes = {"line.jpg": "2000 x 1", "dot.png": "15 x 15", "strip.png": "3000 x 20", "line.mp4": "2000 x 2"}
    for name, size in (sizes | {"line.gif": "200 x 1"}).items():
        with pytest.raises(DfdError, match=f"{name} is {size} pixels, too small for a face; choose a larger picture"):
            pictures.read(tmp_path / name, 4)
    assert stills.read_image(tmp_path / "line.jpg").shape == (1, 2000, 3)


def test_what_is_no_picture_is_one_sentence(tmp_path) -> None:
    (tmp_path / "empty.heic").touch()
    (tmp_path / "text").write_text("no picture " * 99)
    (tmp_path / "text.heic").write_text("no picture " * 99)
    (tmp_path / "folder.jpg").mkdir()
    says = {"missing.jpg": "no file", "empty.heic": "empty file", "text": "nor a video", "text.heic": "not an image"}
    for name, words in (says | {"folder.jpg": "(not an image|no video)"}).items():
        with pytest.raises(DfdError, match=words) as caught:
            pictures.read(tmp_path / name, 4)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_video_under_a_photo_s_name_is_a_video(tmp_path) -> None:
    media.write_video(tmp_path / "a.mp4", FRAMES).rename(tmp_path / "a.jpg")
    assert pictures.read(tmp_path / "a.jpg", 4).moving


def test_an_image_file_too_large_to_hold_is_refused(tmp_path, monkeypatch) -> None:
    _photo().save(tmp_path / "a.png")
    monkeypatch.setattr(image_files, "MOST_PIXELS", 64 * 96 - 1)
    with pytest.raises(DfdError, match="96 x 64 pixels, too many"):
        stills.read_image(tmp_path / "a.png")
