"""Detection, landmarks, tracks and crops, on a public-domain portrait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data

from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams
from dfdlib.data.catalogue import Clip
from dfdlib.faces import detection, face_tracks, geometry
from tests.media import astronaut, noise_frames, write_video

PARAMS = FaceParams(max_frames=6, size=64)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))


def _clip(path, clip_id="clip") -> Clip:
    return Clip(clip_id, path, 0, "pair", "person", "test")


def test_a_face_is_found_where_it_is() -> None:
    image = astronaut()
    boxes = detection.detect(image)
    best = max(boxes, key=lambda b: geometry.iou(b, np.array([170, 70, 290, 190])))
    assert geometry.iou(best, np.array([170, 70, 290, 190])) > 0.4
    points = detection.landmarks(image, best)
    assert points.shape == (68, 2) and points.dtype == np.float32
    assert points[36:42, 0].mean() < points[42:48, 0].mean(), "the eye on the image's left has the lower numbers"
    assert points[8, 1] > points[30, 1] > points[27, 1], "chin below the nose's tip below its root"


def test_the_largest_face_makes_the_track(tmp_path) -> None:
    portrait = astronaut()[:300, 100:360]
    canvas = np.zeros((360, 560, 3), np.uint8)
    canvas[:300, :260] = portrait
    canvas[:180, 400:556] = cv2.resize(portrait, (156, 180))
    path = write_video(tmp_path / "two.mp4", [canvas] * 6)
    track = face_tracks.track(_clip(path), replace(PARAMS, upsample=1))
    assert len(detection.detect(canvas, 1)) >= 2
    assert (track.points[:, :, 0].mean(1) < 260).all()


def test_frames_without_a_face_are_counted(tmp_path) -> None:
    image = astronaut(256)
    path = write_video(tmp_path / "gap.mp4", [image, image, image * 0, image * 0, image, image])
    track = face_tracks.track(_clip(path), replace(PARAMS, upsample=1))
    assert track.sampled == 6 and track.frames.tolist() == [0, 1, 4, 5]
    report = face_tracks.found_table([track])
    assert report.iloc[0].tolist() == ["clip", 6, 4, 2]
    missed = face_tracks.missed([_clip(path)], [track], replace(PARAMS, upsample=1))
    assert missed.to_numpy().tolist() == [["clip", 2], ["clip", 3]]


def test_a_video_without_a_face_is_refused_and_the_other_clips_stay(tmp_path, monkeypatch) -> None:
    good = _clip(write_video(tmp_path / "good.mp4", [astronaut()] * 2))
    first = face_tracks.track(good, PARAMS)
    with pytest.raises(DfdError, match="No face was found in the 3 sampled frames of .*empty.mp4"):
        face_tracks.track(_clip(write_video(tmp_path / "empty.mp4", noise_frames(3))), PARAMS)
    monkeypatch.setattr(detection, "detect", None)  # what was computed before comes from the cache
    assert np.array_equal(face_tracks.track(good, PARAMS).points, first.points)


def test_crops_and_landmarks_fit_together(tmp_path) -> None:
    track = face_tracks.track(_clip(write_video(tmp_path / "face.mp4", [astronaut()] * 2)), PARAMS)
    inside = (track.points[0] - track.corners[0]) * track.scale[0]
    assert track.crops.shape[1:] == (64, 64, 3)
    assert inside.min() > 0 and inside.max() < 64
    assert inside.mean(0) == pytest.approx([32, 32], abs=6)


def test_a_crop_repeats_the_border() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, 0] = 200
    cut, corner, scale = geometry.crop(image, np.array([-10.0, 0.0, 10.0, 20.0]), 20)
    assert corner.tolist() == [-10, 0] and scale == 1
    assert (cut[:, :11] == 200).all() and (cut[:, 11:] == 0).all()


def test_landmarks_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(DfdError, match=r"shape \(5, 2\); 68 points"):
        geometry.face_rectangle(np.zeros((5, 2)), 0.1)


def _face_folder(root, shape=(2, 68, 2)):
    folder = root / "real" / "0000"
    folder.mkdir(parents=True)
    for name in ("000", "009"):
        cv2.imwrite(str(folder / f"{name}.jpg"), astronaut(256)[..., ::-1])
    points = np.random.default_rng(0).uniform(60, 180, shape).astype(np.float32)
    np.savez(root / "landmarks68.npz", frame=np.array(["real/0000/000", "real/0000/009"]), points=points)
    return folder


def test_a_folder_of_face_crops_takes_its_landmarks_from_the_file(tmp_path) -> None:
    track = face_tracks.track(_clip(_face_folder(tmp_path)), PARAMS)
    assert track.frames.tolist() == [0, 9]
    assert track.size == (256, 256)


def test_other_landmarks_in_the_same_file_are_read_again(tmp_path) -> None:
    folder = _face_folder(tmp_path)
    first = face_tracks.track(_clip(folder), PARAMS)
    points = np.full((2, 68, 2), 50, np.float32) + np.arange(68, dtype=np.float32)[:, None]
    np.savez(tmp_path / "landmarks68.npz", frame=np.array(["real/0000/000", "real/0000/009"]), points=points)
    assert not np.array_equal(first.points, points)
    assert np.array_equal(face_tracks.track(_clip(folder), PARAMS).points, points)


def test_a_landmark_file_of_the_wrong_shape_is_refused(tmp_path) -> None:
    with pytest.raises(DfdError, match=r"points have shape \(2, 5, 2\), expected \(2, 68, 2\)"):
        face_tracks.track(_clip(_face_folder(tmp_path, (2, 5, 2))), PARAMS)


def test_a_damaged_image_is_named(tmp_path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    with pytest.raises(DfdError, match=r"bad\.jpg is missing or not an image"):
        detection.read_image(tmp_path / "bad.jpg")


def test_threads_find_the_same_faces_as_one_thread() -> None:
    picture = skimage.data.astronaut()
    pictures = [np.ascontiguousarray(picture[:, shift : 400 + shift]) for shift in range(0, 96, 8)]
    alone = [[box.tolist() for box in detection.detect(p)] for p in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = [[box.tolist() for box in found] for found in pool.map(detection.detect, pictures * 3)]
    assert together == alone * 3
