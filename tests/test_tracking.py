"""The face that is followed is the one that detection in every frame finds, however little is searched."""

from __future__ import annotations

import weakref
from collections import Counter

import cv2
import numpy as np
import pytest

from dfdlib.faces import detection, levels, tracking
from dfdlib.faces.tracking import TrackParams
from tests.media import astronaut


def _moving(count: int, step: float) -> list[tuple[int, np.ndarray]]:
    """The portrait, drifting to the right by `step` pixels a frame."""
    portrait = astronaut()
    shifts = (np.float32([[1, 0, step * i - 20], [0, 1, 0]]) for i in range(count))
    return [(i, cv2.warpAffine(portrait, shift, (512, 512))) for i, shift in enumerate(shifts)]


def _every_frame(frames) -> list[np.ndarray]:
    """dlib's surest box of each frame, upsampled once, and its landmarks."""
    return [
        detection.landmarks(image, max(tracking._boxes(image, 1), key=lambda scored: scored[0])[1])
        for _, image in frames
    ]


@pytest.mark.parametrize("step", [0.0, 2.0])
def test_following_finds_the_landmarks_of_every_frame(step: float) -> None:
    frames = _moving(12, step)
    seen = list(tracking.follow(lambda: frames, TrackParams()))
    side = seen[0].box[2] - seen[0].box[0]
    apart = [
        np.linalg.norm(s.points - p, axis=1).mean() / side for s, p in zip(seen, _every_frame(frames), strict=True)
    ]
    assert [s.frame for s in seen] == list(range(12))
    assert np.mean(apart) < 0.01


def test_the_whole_picture_is_searched_rarely() -> None:
    how = Counter(s.how for s in tracking.follow(lambda: _moving(11, 2.0), TrackParams(sweep=20)))
    assert how == {"sweep": 1, "region": 10}


@pytest.mark.parametrize("size, upsample", [(190, 1), (360, 0), (512, 1), (1100, 0)])
def test_a_box_near_another_is_the_one_that_dlib_finds_in_the_whole_frame(size: int, upsample: int) -> None:
    canvas = np.zeros((size + 61, size + 120, 3), np.uint8)  # sides that no step of the pyramid divides
    canvas[31 : 31 + size, 57 : 57 + size] = cv2.resize(astronaut(), (size, size), interpolation=cv2.INTER_AREA)
    whole = max(tracking._boxes(canvas, upsample), key=lambda scored: scored[0])[1]
    side = whole[2] - whole[0]
    for aside in (-0.2, 0.0, 0.2):
        assert np.array_equal(levels.near(canvas, np.round(whole + aside * side), upsample, 0.4), whole)
    assert np.array_equal(levels.near(canvas, whole + side / 12 * np.array([-1, -1, 1, 1]), upsample, 0.4), whole)


def test_near_a_place_without_a_face_and_at_the_border_there_is_none() -> None:
    image = astronaut()
    for box in ([380, 380, 500, 500], [-90, 400, 30, 520], [500, 500, 700, 700], [0, 0, 1, 1], [-50, -50, 900, 900]):
        assert levels.near(image, np.array(box, float), 1, 0.1) is None
    assert levels.near(image[:1, :1], np.array([0, 0, 90, 90], float), 1, 0.1) is None


def test_the_detector_of_one_level_scores_as_dlibs_and_finds_no_larger_face() -> None:
    one, every = detection.one_level_detector(0), detection.frontal_detector(0)
    small = cv2.resize(astronaut(), (360, 360), interpolation=cv2.INTER_AREA)
    boxes, scores, _ = one.run(small, 0, 0.0)
    assert max(scores) == max(every.run(small, 0, 0.0)[1])
    assert {box.right() - box.left() for box in boxes} == {levels.SIDE}
    assert not len(one.run(astronaut(), 0, 0.0)[0]) and len(every.run(astronaut(), 0, 0.0)[0])


def test_landmarks_from_the_surroundings_are_those_from_the_whole_picture() -> None:
    image = astronaut()
    for box in ([170, 70, 290, 190], [180, -30, 300, 90], [400, 10, 530, 140], [-40, 300, 120, 460]):
        box = np.array(box, float)
        assert np.array_equal(tracking.landmarks(image, box), detection.landmarks(image, box))


def test_frames_without_a_face_are_lost_and_the_face_is_found_again() -> None:
    image = astronaut()
    frames = list(enumerate([image, image, image * 0, image * 0, image]))
    seen = list(tracking.follow(lambda: frames, TrackParams()))
    assert [s.how == "lost" for s in seen] == [False, False, True, True, False]
    assert seen[2].points is None and seen[4].points is not None


def test_a_cut_to_another_place_is_noticed() -> None:
    image = astronaut()
    mirrored = np.ascontiguousarray(image[:, ::-1])
    frames = list(enumerate([image] * 3 + [mirrored] * 3))
    seen = list(tracking.follow(lambda: frames, TrackParams()))
    centre = [s.points[:, 0].mean() for s in seen]
    assert centre[5] == pytest.approx(511 - centre[0], abs=6)


def test_a_sweep_finds_a_larger_face_that_came_in() -> None:
    small = np.zeros((512, 1024, 3), np.uint8)
    small[150:350, 40:240] = cv2.resize(astronaut(), (200, 200), interpolation=cv2.INTER_AREA)
    both = small.copy()
    both[:, 512:] = astronaut()
    frames = list(enumerate([small] * 2 + [both] * 6))
    seen = list(tracking.follow(lambda: frames, TrackParams(sweep=5, narrow=1024)))
    assert seen[1].points[:, 0].max() < 300
    assert seen[-1].points[:, 0].min() > 512


def test_detected_the_face_that_is_largest_over_all_frames_is_taken_and_no_frame_is_kept() -> None:
    held: list[weakref.ref] = []

    def frames():
        for number in range(10):
            image = np.zeros((512, 1024, 3), np.uint8)
            image[:, :512] = astronaut()  # in every frame
            if number < 4:
                image[:, 512:] = cv2.resize(astronaut()[:394, 40:434], (512, 512))  # larger, in four
            held[:] = [ref for ref in held if ref() is not None] + [weakref.ref(image)]
            assert len(held) <= 3
            yield number, image

    params = TrackParams(detect_each=True, upsample=0)
    seen = [(s.frame, s.how, s.points[:, 0].max()) for s in tracking.follow(frames, params)]
    assert [(frame, how) for frame, how, _ in seen] == [(number, "detected") for number in range(10)]
    assert max(right for _, _, right in seen) < 512


def test_a_small_face_is_found_by_upsampling() -> None:
    canvas = np.zeros((240, 240, 3), np.uint8)
    canvas[20:220, 20:220] = cv2.resize(astronaut(), (200, 200), interpolation=cv2.INTER_AREA)
    assert next(iter(tracking.follow(lambda: [(0, canvas)], TrackParams(upsample=1)))).points is not None
    assert next(iter(tracking.follow(lambda: [(0, canvas)], TrackParams(upsample=0)))).points is None
