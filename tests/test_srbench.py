"""The shelf of networks, the benchmark's recipe, upscaling of any image, and faces after upscaling."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pandas as pd
import pytest
import skimage.data
import torch
from scipy.ndimage import shift as shifted

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import SuperResParams
from dfdlib.data import sources
from dfdlib.experiments import superres_benchmark, superres_faces, superres_frames
from dfdlib.faces import detection
from dfdlib.superres import enlarging, fsrcnn_training, lr_hr, networks

SHIPPED = sorted(path.stem for path in (paths.assets() / "superres").glob("*.safetensors"))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _split(name: str) -> tuple[int, str, str]:
    images, _, rest = name.partition("_")
    network, _, scale = rest.rpartition("_x")
    return int(scale), images, network


@pytest.mark.parametrize(
    ("network", "weights"), [("fsrcnn", 12464), ("fsrcnn_s", 3937), ("espcn", 21184), ("srcnn", 8032)]
)
def test_the_shelf_has_the_published_numbers_of_weights(network: str, weights: int) -> None:
    model = networks.NETWORKS[network](2)
    assert networks.count_weights(model) == weights
    assert networks.operations(model) == 2 * weights / (1 if network == "srcnn" else 4)


@pytest.mark.parametrize("scale", networks.SCALES)
@pytest.mark.parametrize("network", networks.NETWORKS)
def test_every_network_enlarges_by_its_scale(network: str, scale: int) -> None:
    with torch.inference_mode():
        assert networks.NETWORKS[network](scale)(torch.zeros(1, 1, 6, 9)).shape == (1, 1, 6 * scale, 9 * scale)


def test_srcnn_starts_as_bicubic_interpolation() -> None:
    torch.manual_seed(0)
    y = torch.rand(1, 1, 10, 12)
    expected = torch.nn.functional.interpolate(y, scale_factor=3, mode="bicubic", antialias=True)
    with torch.inference_mode():
        assert torch.allclose(networks.SRCNN(3)(y), expected.clamp(min=0), atol=1e-5)


@pytest.mark.parametrize("scale", [3, 4])
def test_a_network_for_another_scale_starts_as_a_centred_interpolation(scale: int) -> None:
    torch.manual_seed(0)
    first = networks.FSRCNN(2)  # untrained: bilinear interpolation, whose kernel nine taps hold at any scale
    found = networks.at_scale(first, scale)
    assert superres_benchmark.displacement(found) < 0.02 * scale
    assert all(torch.equal(a, b) for a, b in zip(found.features.parameters(), first.features.parameters(), strict=True))
    flat = np.full((1, 9, 9), 150, np.uint8)
    assert np.abs(enlarging.enlarge(found, flat).astype(int) - 150).max() <= (0 if scale == 3 else 20)  # cut off at x4


def test_squares_of_images_of_any_size_show_the_same_place() -> None:
    rng = np.random.default_rng(0)
    small = [rng.integers(16, 235, size).astype(np.uint8) for size in ((20, 31), (15, 12))]
    pairs = [(lr, lr.repeat(3, 0).repeat(3, 1)) for lr in small]
    seen = set()
    for _ in range(8):
        lr, hr = fsrcnn_training.random_squares(pairs, 3, 4, 9, rng)
        assert lr.shape == (4, 1, 9, 9)
        assert torch.equal(hr, lr.repeat_interleave(3, 2).repeat_interleave(3, 3))
        seen |= {float(part[0, 0, 0]) for part in lr}
    assert len(seen) > 8


def test_the_baseline_is_bicubic_as_by_matlab() -> None:
    ramp = np.arange(40, 200, 4, dtype=np.uint8)[None].repeat(8, 0)
    found = superres_benchmark.bicubic(ramp[None], 2)[0]
    assert np.abs(np.diff(found[8, 8:-8].astype(int)) - 2).max() <= 1  # a ramp stays a ramp
    step = np.zeros((1, 1, 8), np.uint8)
    step[..., 4:] = 200
    # Keys' kernel (a = -0.5) at the distances 0.25 and 1.25 of the two bright pixels nearest to large pixel 8.
    assert superres_benchmark.bicubic(step, 2)[0, 0, 8] == round(200 * (0.8671875 - 0.0703125))


def test_a_missing_benchmark_folder_is_said(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DFD_SR", raising=False)
    with pytest.raises(DfdError, match="DFD_SR is not set; set it to the folder with T91/ and Set5/"):
        superres_benchmark.image_files("Set5")
    monkeypatch.setenv("DFD_SR", str(tmp_path))
    with pytest.raises(DfdError, match="no PNG files in .*Set5"):
        superres_benchmark.image_files("Set5")


def test_training_on_the_benchmark_improves_resumes_and_transfers(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_SR", str(tmp_path))
    monkeypatch.setenv("DFD_RUNS", str(tmp_path / "runs"))
    for name in ("T91", "Set5"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), skimage.data.astronaut()[80:180, 170:290, ::-1])
    recipe = superres_benchmark.T91Recipe(epochs=2, fewer=1, steps=25, batch=4, patch=12)
    lines: list[str] = []
    model, path = superres_benchmark.train_on_t91("fsrcnn", 3, recipe, lines.append)
    assert [line[:24] for line in lines] == [
        "t91_fsrcnn_x2 epoch  1 o",
        "t91_fsrcnn_x2 epoch  2 o",
        "t91_fsrcnn_x3 epoch  1 o",
    ]
    assert path.is_file()
    again, _ = superres_benchmark.train_on_t91("fsrcnn", 3, recipe, lines.append)
    assert len(lines) == 3
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    learned, plain = (
        superres_benchmark.set5(functools.partial(enlarging.enlarge, m), 2)["psnr"].mean()
        for m in (superres_benchmark.train_on_t91("fsrcnn", 2, recipe)[0], networks.FSRCNN(2))
    )
    assert learned > plain


def test_all_scales_and_the_shelf_are_shipped_and_small() -> None:
    wanted = {f"{images}_fsrcnn_x{scale}" for images in ("t91", "celeba") for scale in networks.SCALES}
    assert wanted | {"t91_fsrcnn_s_x2", "t91_espcn_x2", "t91_srcnn_x2"} == set(SHIPPED)
    files = list((paths.assets() / "superres").iterdir())
    assert sum(path.stat().st_size for path in files) < 1_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_are_those_of_their_card_and_beat_bicubic(name: str) -> None:
    scale, images, network = _split(name)
    path = paths.assets() / "superres" / f"{name}.safetensors"
    from dfdlib.core import cache

    assert cache.sha256(path) in (path.parent / "README.md").read_text()
    shrink = lr_hr.downsample if images == "celeba" else lr_hr.downsample_bicubic
    hr = lr_hr.crop_to_multiple(skimage.data.astronaut()[60:220, 150:310], scale)
    found = enlarging.upscale(shrink(hr, scale), scale, enlarging.shipped_network(scale, images, network))
    plain = cv2.resize(shrink(hr, scale), hr.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    ours, theirs = (lr_hr.psnr(lr_hr.luminance(a), lr_hr.luminance(hr), scale) for a in (found, plain))
    assert ours > theirs + 0.5


@pytest.mark.parametrize("name", SHIPPED)
def test_enlarging_does_not_move_the_picture(name: str) -> None:
    model = enlarging.shipped_network(*_split(name))
    assert superres_benchmark.displacement(model) < 0.05 * model.scale


def test_a_deconvolution_one_tap_off_is_seen_to_move_the_picture() -> None:
    model = networks.FSRCNN(2)
    assert superres_benchmark.displacement(model) < 0.02
    with torch.no_grad():
        model.deconvolution.weight.copy_(model.deconvolution.weight.roll(1, 3))
    assert superres_benchmark.displacement(model) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("scale", networks.SCALES)
def test_upscaling_works_out_of_the_box(scale: int) -> None:
    image = skimage.data.astronaut()[100:137, 200:251]
    assert enlarging.upscale(image, scale).shape == (37 * scale, 51 * scale, 3)
    assert enlarging.upscale(image[..., 0], scale).shape == (37 * scale, 51 * scale)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2)])
def test_an_image_smaller_than_the_kernel_is_enlarged(size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), (180, 90, 40), np.uint8)
    large = enlarging.upscale(flat, 3)
    assert large.shape == (size[0] * 3, size[1] * 3, 3) and np.abs(large.astype(int) - flat[0, 0]).max() <= 8


def test_tiles_give_the_same_image(monkeypatch) -> None:
    image = skimage.data.astronaut()[:150, :230]
    whole = enlarging.upscale(image, 2)
    monkeypatch.setattr(enlarging, "TILE", 64)
    sizes = []
    enlarge = enlarging.enlarge
    monkeypatch.setattr(enlarging, "enlarge", lambda model, y: sizes.append(y.shape) or enlarge(model, y))
    tiled = enlarging.upscale(image, 2)
    assert np.abs(tiled.astype(int) - whole).max() <= 1 and (tiled != whole).mean() < 0.001
    assert max(side for size in sizes for side in size) == 64 + 2 * enlarging.MARGIN and len(sizes) == 12


def test_grey_is_the_luminance_of_grey_colour() -> None:
    grey = skimage.data.camera()[100:140, 200:260]
    colour = enlarging.upscale(np.repeat(grey[..., None], 3, 2), 2)
    assert np.abs(colour - enlarging.upscale(grey, 2)[..., None].astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\) can't be enlarged; give RGB"),
        (np.zeros((8, 8, 3), np.uint16), "type uint16 can't be enlarged; convert it to uint8"),
        (np.full((8, 8, 3), np.nan), "type float64 can't be enlarged; convert it to uint8"),
        (np.zeros((0, 8, 3), np.uint8), "can't be enlarged"),
        (np.zeros(8, np.uint8), "can't be enlarged"),
    ],
)
def test_images_of_other_kinds_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(DfdError, match=message):
        enlarging.upscale(image, 2)


@pytest.mark.parametrize("scale", [1, 5, 2.5])
def test_other_scales_are_refused(scale: float) -> None:
    with pytest.raises(DfdError, match=r"not one of \(2, 3, 4\)"):
        enlarging.upscale(np.zeros((8, 8, 3), np.uint8), scale)


def test_weights_that_are_not_shipped_are_named() -> None:
    with pytest.raises(DfdError, match="No weights of celeba_espcn_x2 are shipped; choose one of: celeba_fsrcnn_x2"):
        enlarging.shipped_network(2, "celeba", "espcn")


def test_an_enlarged_face_is_compared_with_the_original() -> None:
    stills = sources.stills(studies.load("embedded")).query("split == 'test'").iloc[[0, 12]]
    weights = paths.assets() / "superres" / "celeba_fsrcnn_x4.safetensors"
    table = superres_faces.compare_ways(stills, {"FSRCNN": (weights, SuperResParams(scale=4))}, 4)
    assert len(table) == 10 and set(table["way"]) == {*superres_faces.PLAIN, "FSRCNN"}
    assert table["identity"].between(0.7, 1).all() and table["landmark_error"].between(0.1, 30).all()
    found = superres_faces.quality_gains(table, 50).query("way == 'bicubic'")
    assert (found[["gain", "low", "high"]] == 0).all(axis=None)


def test_the_same_image_is_the_same_person() -> None:
    path = sources.stills(studies.load("embedded"))["path"][0]
    image = detection.read_image(path)
    points = detection.landmarks(image, detection.detect(image)[0])
    one = superres_faces.embedding(image, points)
    assert np.linalg.norm(one) == pytest.approx(1) and one @ superres_faces.embedding(image, points) == pytest.approx(1)


def test_shifted_frames_are_registered_and_their_noise_is_averaged_out() -> None:
    rng = np.random.default_rng(0)
    scene = skimage.data.camera()[60:180, 150:290].astype(float)
    truth = scene[10:-10, 10:-10]
    shifts = [(-1.5, 2), (0.5, -1), (0, 0), (1.25, 1), (-2, -0.5)]
    frames = np.stack(
        [shifted(scene, move, order=3)[10:-10, 10:-10] + rng.normal(0, 3, truth.shape) for move in shifts]
    )
    frames = frames.clip(0, 255).astype(np.uint8)
    found = superres_frames.fuse(frames, lambda images: images)
    error = {name: ((image - truth)[5:-5, 5:-5] ** 2).mean() for name, image in (("fused", found), ("one", frames[2]))}
    assert error["fused"] < 0.7 * error["one"]
    with pytest.raises(DfdError, match="an odd number of luminances"):
        superres_frames.fuse(frames[:4], lambda images: images)


def test_frames_of_real_clips_are_compared() -> None:
    clip = next(clip for clip in sources.clips(studies.load("embedded")) if clip.label == 0)
    weights = paths.assets() / "superres" / "celeba_fsrcnn_x2.safetensors"
    table = superres_frames.compare_fusion([clip], weights, SuperResParams())
    assert set(table["way"]) == {"bicubic", "bicubic, fused", "FSRCNN", "FSRCNN, fused"}
    assert len(table) == 4 * superres_frames.WINDOWS and table["psnr"].between(20, 60).all()
    assert isinstance(table, pd.DataFrame)
