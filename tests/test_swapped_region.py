"""The changed region of a fake against the rendered truth, and Grad-CAM's share in it."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from dfdlib.core import studies
from dfdlib.experiments import swapped_region
from dfdlib.faces import frames
from dfdlib.resnet import gradcam


@pytest.fixture(scope="module")
def found() -> tuple:
    study = studies.load("smoke")
    return study, frames.of_study(study)


def test_the_changed_region_is_the_swapped_one(found) -> None:
    study, every = found
    rows = swapped_region.partners(every)
    assert (every.labels[rows] == [1, 0]).all() and len(rows) == every.labels.sum()
    rows = rows[::6]
    guessed = swapped_region.masks(study, every, rows) > 0.5
    true = gradcam.swap_masks(every.rows(rows[:, 0]), study) > 0.5
    shares = (guessed & true).sum((1, 2)) / (guessed | true).sum((1, 2))
    assert shares.mean() > 0.75 and shares.min() > 0.5


def test_a_turned_and_shrunk_real_frame_is_brought_back(found) -> None:
    study, every = found
    fake, real = swapped_region.partners(every)[0]
    images = [frames.image(study, every.table.iloc[row]) for row in (fake, real)]
    turn = cv2.getRotationMatrix2D((128.0, 128.0), 6, 0.95)
    turned = cv2.warpAffine(images[1], turn, images[1].shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    points = every.points[fake], cv2.transform(every.points[[real]], turn)[0]
    back = swapped_region.registered(images[0], turned, points)
    around = slice(60, 200)
    off = np.abs(back.astype(float) - images[1])[around, around].mean()
    assert off < 0.3 * np.abs(turned.astype(float) - images[1])[around, around].mean()


def test_of_two_equal_frames_nothing_was_changed(found) -> None:
    study, every = found
    image = frames.image(study, every.table.iloc[0])
    assert not swapped_region.changed(image, image, (every.points[0], every.points[0])).any()


def test_the_summary_is_the_mean_excess_over_area() -> None:
    people = [f"p{i // 2}" for i in range(8)]
    table = pd.DataFrame({"person": people, "area": 0.3, "own": 0.5, "others": 0.45, "random": [np.nan, *[0.3] * 7]})
    found = swapped_region.summary(table, 100)
    values = {name: round(one.value, 6) for name, one in found.items()}
    assert values == {"own": 0.2, "others": 0.15, "random": 0.0, "own_minus_others": 0.05}
    assert found["random"].n == 7 and found["own"].people == 4
