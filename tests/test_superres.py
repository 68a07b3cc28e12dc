"""Super-resolution against Pillow, torch's own interpolation and an interrupted run."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data
import torch
from PIL import Image

from dfdlib.core import studies, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study, SuperResParams
from dfdlib.data import sources
from dfdlib.experiments import superres_faces
from dfdlib.superres import enlarging, fsrcnn_training, lr_hr, networks

TINY = SuperResParams(d=6, s=3, m=1, epochs=3, batch=2, patch=8)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("DFD_RUNS", str(tmp_path / "runs"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _luminances(count: int, height: int, width: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise and the same with each pixel repeated, so that a wrongly cut square is seen."""
    lr = np.random.default_rng(0).integers(16, 235, (count, height, width)).astype(np.uint8)
    return lr, lr.repeat(scale, 1).repeat(scale, 2)


def test_bicubic_downsampling_is_pillows() -> None:
    image = skimage.data.astronaut()[100:300, 150:330]
    found = lr_hr.downsample_bicubic(image, 2)
    for channel in range(3):  # in floating point, because Pillow rounds 8-bit images twice
        plane = Image.fromarray(image[..., channel].astype(np.float32))
        expected = np.asarray(plane.resize((90, 100), Image.Resampling.BICUBIC)).clip(0, 255)
        assert np.abs(found[..., channel] - expected).max() < 0.501


def test_downsampling_keeps_size_type_and_a_flat_colour() -> None:
    image = np.full((21, 31, 3), (10, 120, 250), np.uint8)
    small = lr_hr.downsample(image, 3)
    assert small.dtype == np.uint8 and (small == np.full((7, 10, 3), (10, 120, 250))).all()


@pytest.mark.parametrize("scale", networks.SCALES)
def test_an_untrained_network_is_bilinear_interpolation(scale: int) -> None:
    torch.manual_seed(0)
    y = torch.rand(1, 1, 12, 15)
    expected = torch.nn.functional.interpolate(y, scale_factor=scale, mode="bilinear", align_corners=False)
    with torch.inference_mode():
        found = networks.FSRCNN(scale)(y)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("scale", networks.SCALES)
def test_the_fast_form_is_the_deconvolution(scale: int) -> None:
    torch.manual_seed(0)
    model = networks.FSRCNN(scale)
    with torch.no_grad():
        for values in model.parameters():
            values.add_(0.02 * torch.randn_like(values))
        y = torch.rand(2, 1, 9, 14)
        padded = torch.nn.functional.pad(y, [networks.BORDER] * 4, mode="replicate")
        cut = networks.BORDER * scale
        expected = model.deconvolution(model.features(padded))[..., cut:-cut, cut:-cut]
        assert torch.allclose(model(y), expected, atol=1e-5) and expected.std() > 0.1


@pytest.mark.parametrize("scale", networks.SCALES)
def test_squares_of_both_resolutions_show_the_same_place(scale: int) -> None:
    lr, hr = _luminances(5, 20, 30, scale)
    params = SuperResParams(scale=scale, batch=2, patch=7)
    sizes, places = [], set()
    for small, large in fsrcnn_training.patch_batches(lr, hr, params, epoch=1, seed=3):
        assert small.shape[1:] == (1, 7, 7)
        assert torch.equal(large, small.repeat_interleave(scale, 2).repeat_interleave(scale, 3))
        sizes.append(len(small))
        places.add(float(small[0, 0, 0, 0]))
    assert sizes == [2, 2, 1] and len(places) > 1


def test_images_smaller_than_a_square_are_taken_whole() -> None:
    lr, hr = _luminances(2, 5, 6, 2)
    small, large = next(fsrcnn_training.patch_batches(lr, hr, SuperResParams(patch=48), 1, 0))
    assert small.shape == (2, 1, 5, 6) and large.shape == (2, 1, 10, 12)


def test_images_of_several_sizes_are_refused(tmp_path) -> None:
    files = tuple(tmp_path / f"{side}.png" for side in (20, 24))
    for path, side in zip(files, (20, 24), strict=True):
        cv2.imwrite(str(path), np.zeros((side, side, 3), np.uint8))
    with pytest.raises(DfdError, match="several sizes; training needs one size"):
        lr_hr.lr_hr_pairs(files, 2)


def test_a_stopped_training_goes_on_to_the_same_network(monkeypatch) -> None:
    lr, hr = _luminances(4, 12, 12, 2)
    expected, whole = fsrcnn_training.train_fsrcnn(Study("whole", superres=TINY), lr, hr, (lr, hr))
    batches = fsrcnn_training.patch_batches

    def stopped(lr, hr, params, epoch, seed):
        yield from batches(lr, hr, params, epoch, seed)
        if epoch == 3:  # when the rate has fallen twice
            raise KeyboardInterrupt

    monkeypatch.setattr(fsrcnn_training, "patch_batches", stopped)
    with pytest.raises(KeyboardInterrupt):
        fsrcnn_training.train_fsrcnn(Study("half", superres=TINY), lr, hr, (lr, hr))
    monkeypatch.setattr(fsrcnn_training, "patch_batches", batches)
    found, resumed = fsrcnn_training.train_fsrcnn(Study("half", superres=TINY), lr, hr, (lr, hr))
    assert found.drop(columns="seconds").equals(expected.drop(columns="seconds"))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_the_rates_fall_by_half_a_cosine_and_the_features_learn_ten_times_faster(monkeypatch, tmp_path) -> None:
    seen = []

    def fit(model, optimizer, *rest, by_epoch):  # noqa: ANN001, ANN002, ANN202
        for _ in range(10):
            seen.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            by_epoch.step()

    monkeypatch.setattr(training, "fit", fit)
    fsrcnn_training.adam(networks.FSRCNN(2), 1e-3, None, None, 10, tmp_path)
    shares = [0.5 * (1 + np.cos(np.pi * epoch / 10)) for epoch in range(10)]
    np.testing.assert_allclose(seen, np.outer(shares, [1e-3, 1e-4]), rtol=1e-12)


def test_a_trained_network_is_named_by_its_scale() -> None:
    studies = [Study("x", superres=SuperResParams(scale=scale)) for scale in networks.SCALES]
    assert [enlarging.fsrcnn_path(study).name for study in studies] == [
        f"fsrcnn_x{scale}.safetensors" for scale in networks.SCALES
    ]


def test_weights_come_back_from_the_disk() -> None:
    torch.manual_seed(1)
    model = networks.FSRCNN(2, TINY.d, TINY.s, TINY.m)
    again = enlarging.load_fsrcnn(enlarging.save_fsrcnn(model, Study("x", superres=TINY)), TINY)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_flat_crop_comes_back_as_it_was() -> None:
    crop = np.full((40, 40, 3), 128, np.uint8)
    model = networks.FSRCNN(2)
    for back in (enlarging.through(model, crop), enlarging.small_and_back(crop, 10, model)):
        assert back.shape == crop.shape and np.abs(back.astype(int) - 128).max() <= 2
    assert np.array_equal(enlarging.small_and_back(crop, 10), crop)


def test_the_gain_is_the_paired_difference() -> None:
    table = pd.DataFrame(
        {
            "way": ["FSRCNN"] * 3 + ["bicubic"] * 3,
            "person": ["a", "b", "c"] * 2,
            "psnr": [31.0, 35.0, 40.0, 30.0, 34.0, 39.0],
            "ssim": [0.9, 0.92, 0.94, 0.9, 0.92, 0.94],
        }
    )
    found = superres_faces.estimates(table, 50)
    assert found["psnr"].value == pytest.approx(106 / 3) and found["bicubic_psnr"].value == pytest.approx(103 / 3)
    # Each image gains 1 dB: no resample of people gives another gain, however far the images lie apart.
    assert (found["psnr_gain"].low, found["psnr_gain"].high) == pytest.approx((1, 1))
    assert found["psnr"].high - found["psnr"].low > 2


def test_filters_are_compared_on_the_same_images() -> None:
    stills = sources.stills(studies.load("embedded")).query("split == 'test'").iloc[[0, 12, 24]]
    found = superres_faces.by_downsampler(stills, 2, 50)
    assert list(found) == [*superres_faces.FILTERS]
    for ways in found.values():
        gain, (celeba, t91) = ways["T91 minus CelebA"], (ways[name] for name in superres_faces.LEARNED_FROM)
        assert gain.value == pytest.approx(t91.value - celeba.value, abs=1e-6) and gain.n == 3
        assert ways["bicubic"].value < celeba.value
