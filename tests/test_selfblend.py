"""Fakes made of real faces: where they differ from them, and that nothing else tells them apart."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dfdlib.core import repro, studies
from dfdlib.core.studies import FaceParams, ResNetParams
from dfdlib.faces import frames, geometry
from dfdlib.resnet import selfblend

PARAMS = ResNetParams(input_size=112, batch=8)


@pytest.fixture(scope="module")
def real() -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, 128, 128, 3) and their landmarks of a few real embedded frames."""
    study = studies.load("smoke")
    part = frames.of_study(study).part("train")
    part = part.rows(np.flatnonzero(part.labels == 0)[:6])
    return part.crops, geometry.in_crop(part.points, study.faces)


def test_landmarks_move_with_their_crop() -> None:
    image = np.zeros((200, 240, 3), np.uint8)
    points = np.stack([np.linspace(60, 160, 68), 50 + 80 * np.sin(np.linspace(0, 3, 68))], axis=1)
    image[90, 110] = 255  # a bright pixel, and a landmark on it
    points[30] = [110, 90]
    params = FaceParams(margin=0.1, size=128)
    cut, _, _ = geometry.crop(image, geometry.face_rectangle(points, params.margin), params.size)
    x, y = geometry.in_crop(points[None], params)[0, 30]
    row, column = np.unravel_index(cut[..., 0].argmax(), cut.shape[:2])
    assert abs(x - column) <= 1 and abs(y - row) <= 1


def test_a_fake_differs_inside_the_face_and_nowhere_else(real) -> None:
    crops, points = real
    untouched = 0
    for i, (crop, marks) in enumerate(zip(crops, points, strict=True)):
        fake = selfblend.blended(crop, marks, repro.rng(0, i), selfblend.Blend()).astype(int)
        changed = np.abs(fake - crop).max(-1)
        face = (selfblend.hull(marks, 128, 0.5)[..., 0] > 0.5).astype(np.uint8)
        far = cv2.distanceTransform(1 - face, cv2.DIST_L2, 5) > 30  # beyond the softest edge, in pixels
        assert changed[far].max(initial=0) == 0
        assert np.median(changed[face > 0]) >= 1
        untouched += far.sum()
    assert untouched > 500


def test_the_hull_is_full_inside_and_empty_outside() -> None:
    square = np.array([[40, 40], [90, 40], [90, 90], [40, 90]] * 17, float)
    mask = selfblend.hull(square, 128, 1.0)[..., 0]
    assert mask[65, 65] == pytest.approx(1, abs=1e-3) and mask[5, 5] == 0 and mask.min() >= 0 and mask.max() <= 1.001


def test_batches_hold_a_real_and_a_fake_of_the_same_crop(real) -> None:
    crops, points = real
    found = list(selfblend.blend_batches(crops, points, PARAMS, epoch=1, seed=5))
    assert [len(labels) for _, labels in found] == [8, 4], "four crops a batch of eight, then the other two"
    for images, labels in found:
        assert labels.tolist() == [0, 1] * (len(labels) // 2) and images.shape[1:] == (3, 112, 112)
        apart = (images[0::2] - images[1::2]).abs().mean(1)
        assert (apart.mean((1, 2)) > 0.01).all(), "the faces differ"
        assert apart[:, -8:, :8].mean() < 0.3 * apart[:, 40:72, 40:72].mean(), "and the corners hardly do"


def test_batches_depend_on_seed_and_epoch_alone(real) -> None:
    def first(epoch: int, seed: int) -> np.ndarray:
        return next(selfblend.blend_batches(*real, PARAMS, epoch, seed))[0].numpy()

    assert np.array_equal(first(1, 5), first(1, 5))
    assert not np.array_equal(first(1, 5), first(2, 5)) and not np.array_equal(first(1, 5), first(1, 6))


@pytest.mark.parametrize("quality", [40, 90])
def test_jpeg_is_that_of_pillow(quality: int) -> None:
    image, file = skimage.data.astronaut()[:128, 100:228], io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    off = np.abs(geometry.jpeg(image, quality).astype(int) - np.asarray(Image.open(file)))
    # Both encode by libjpeg; with red and blue exchanged the mean error is 2.1 grey levels at quality 40.
    assert off.mean() < 0.1 and off.max() <= 2


def test_a_crop_and_its_fake_share_their_jpeg_quality(real, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(geometry, "jpeg", lambda image, quality: seen.append(quality) or image)
    list(selfblend.blend_batches(*real, PARAMS, epoch=1, seed=5))
    assert len(seen) == 12 and seen[0::2] == seen[1::2]


def test_a_batch_is_compressed_as_rgb(real, monkeypatch) -> None:
    """Red goes into JPEG as red, and comes out as red."""
    crops, points = real
    red = np.zeros_like(crops[:1]) + np.array([220, 40, 40], np.uint8)
    seen: list[np.ndarray] = []
    jpeg = geometry.jpeg
    monkeypatch.setattr(selfblend.geometry, "jpeg", lambda image, quality: seen.append(image) or jpeg(image, quality))
    (images, _), *_ = selfblend.blend_batches(red, points[:1], PARAMS, 1, 7)
    assert len(seen) == 2 and all(image[..., 0].mean() > 3 * image[..., 2].mean() for image in seen)
    assert (images[:, 0].mean((1, 2)) > images[:, 2].mean((1, 2)) + 1).all()
