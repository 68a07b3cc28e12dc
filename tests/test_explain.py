"""Grad-CAM against maps known by construction, by formula and by finite differences; masks and picks by hand."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, ResNetParams, Study
from dfdlib.data import truth
from dfdlib.evaluation import metrics
from dfdlib.faces import geometry, video
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import architectures, classifier, gradcam

PARAMS = ResNetParams(input_size=16, bfloat16=False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class RedAgainstGreen(nn.Module):
    """Red pixels speak for a fake, green ones for a real face; each as much as it is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU())
        self.fc = nn.Linear(2, 2)
        self.layer4[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 1, 0]])[..., None, None]
        self.fc.weight.data = torch.tensor([[0.0, 1], [1, 0]])  # logits of real and fake

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.layer4(images).mean((2, 3)))


class Crooked(nn.Module):
    """Small, with a head that is not linear and looks harder to the right: gradients differ by frame and place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layer4 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.fc = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 2))
        self.fc[0].weight.data *= 6

    def forward(self, images: Tensor) -> Tensor:
        return self.pooled(self.layer4(images))

    def pooled(self, maps: Tensor) -> Tensor:
        return self.fc((maps * torch.linspace(0, 2, maps.shape[3])).mean((2, 3)))


def _crops(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def test_the_map_lies_where_a_bright_square_alone_drives_the_logit() -> None:
    crops = np.zeros((3, 20, 20, 3), np.uint8)
    crops[:2, 4:8, 6:10, 0] = 255  # red; in the network's input two pixels further up and left
    crops[0, 12:16, 12:16, 1] = 255  # green
    crops[1, 4:8, 8:10, 0] = 200
    maps = gradcam.grad_cam(RedAgainstGreen(), crops, PARAMS)
    expected = np.zeros((3, 16, 16), np.float32)
    expected[:2, 2:6, 4:8] = 1
    expected[1, 2:6, 6:8] = (200 / 255 - 0.485) / (1 - 0.485)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, atol=1e-6)  # the third speaks for nothing, and is zero, not nan

    signed = gradcam.grad_cam(RedAgainstGreen(), crops, PARAMS, signed=True)[0]
    assert signed.min() == -1 and (signed == -1).sum() == 16 and (signed[10:14, 10:14] == -1).all()  # the green square
    assert signed[2:6, 4:8] == pytest.approx((1 - 0.485) / 0.229 / ((1 - 0.456) / 0.224), abs=1e-6)


@pytest.mark.parametrize("arch", architectures.ARCHITECTURES)
def test_it_is_the_class_activation_map_where_the_head_is_linear(arch: str) -> None:
    """Selvaraju et al., section 3.1: Grad-CAM generalizes CAM, the last layer's weights on the last map."""
    params = ResNetParams(arch=arch, input_size=64)  # bfloat16 stays on, and must not count
    torch.manual_seed(0)
    model = architectures.build(params)[0].eval()
    crops = _crops(2, 70)
    images = classifier.to_tensor(classifier.centre(crops, 64))
    kept: list[Tensor] = []
    hook = architectures.last_map(model, arch).register_forward_hook(lambda *call: kept.append(call[-1]))
    with hook, torch.no_grad():
        model(images)
    features = kept[0].clone()
    weight = architectures.last_layer(model, arch).weight
    found = np.zeros((2, 64, 64), np.float32)
    for _ in range(2):  # with the outputs exchanged too, because one of both speaks for a fake somewhere
        real, fake = weight.detach().reshape(2, -1)
        cams = torch.einsum("c,bchw->bhw", fake - real, features).relu().numpy()
        large = np.stack([cv2.resize(cam, (64, 64), interpolation=cv2.INTER_LINEAR) for cam in cams])
        top = large.max((1, 2), keepdims=True)
        maps = gradcam.grad_cam(model, crops, params)
        np.testing.assert_allclose(maps, large / np.where(top > 0, top, 1), atol=1e-4)
        found += maps
        weight.data = weight.data.flip(0)
    assert (found.max((1, 2)) >= 1).all()


def test_a_channel_weighs_as_much_as_the_logits_change_with_it() -> None:
    """Equation 1 by finite differences: a shift of a whole channel moves the logits by its weight times the area."""
    model, crops = Crooked().eval(), _crops(3, 16)
    with torch.no_grad():
        features = model.layer4(classifier.to_tensor(crops)).double()
        model.double()

        def final(maps: Tensor) -> Tensor:
            logits = model.pooled(maps)
            return logits[:, 1] - logits[:, 0]

        steps = 1e-5 * torch.eye(4, dtype=torch.double)[:, :, None, None]
        weights = torch.stack([final(features + step) - final(features - step) for step in steps], dim=1)  # (B, 4)
        cams = torch.einsum("bc,bchw->bhw", weights, features).relu()
        large = nn.functional.interpolate(cams[:, None], (16, 16), mode="bilinear")[:, 0]
        expected = (large / large.amax((1, 2), keepdim=True)).numpy()
    assert not torch.allclose(weights[0] / weights[0].norm(), weights[1] / weights[1].norm(), atol=0.01)
    np.testing.assert_allclose(gradcam.grad_cam(model.float(), crops, PARAMS), expected, atol=1e-4)


def test_a_frames_map_does_not_depend_on_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, crops = Crooked(), _crops(5, 18)
    whole = gradcam.grad_cam(model, crops, PARAMS)
    monkeypatch.setattr(gradcam, "BATCH", 2)
    np.testing.assert_allclose(gradcam.grad_cam(model, crops, PARAMS), whole, atol=1e-6)
    assert gradcam.grad_cam(model, crops[:0], PARAMS).shape == (0, 16, 16)


def test_the_model_stays_as_it_was() -> None:
    model = Crooked().train()
    model.layer4[1].eval()  # a frozen normalization
    model.fc[0].weight.requires_grad_(False)
    before, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    with torch.no_grad():  # and where nobody asked for gradients
        assert gradcam.grad_cam(model, _crops(2, 16), PARAMS).any()
        assert not torch.is_grad_enabled()
    with pytest.raises(RuntimeError):
        gradcam.grad_cam(model.double(), _crops(2, 16), PARAMS)  # stops in the middle
    model.float()
    assert [m.training for m in model.modules()] == modes
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.fc[0].parameters()] == [False, True] and model.fc[3].weight.requires_grad
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_crops_and_networks_of_another_kind_are_named() -> None:
    for wrong in (_crops(2, 15), _crops(2, 16).astype(float), _crops(2, 16)[..., :1], _crops(2, 16)[0]):
        with pytest.raises(DfdError, match="uint8 RGB"):
            gradcam.grad_cam(RedAgainstGreen(), wrong, PARAMS)
    with pytest.raises(AttributeError, match="layer4"):
        gradcam.grad_cam(nn.Linear(2, 2), _crops(2, 16), PARAMS)


def _frames(clip_id: str, points: np.ndarray, frames: list[int]) -> FrameSet:
    rows = [(clip_id, frame, 1, "p", "p", "test") for frame in frames]
    count = len(frames)
    return FrameSet(
        pd.DataFrame(rows, columns=COLUMNS), np.zeros((count, 8, 8, 3), np.uint8), points, np.zeros((count, 2))
    )


def test_swap_masks_are_cut_as_the_crops_were(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A box of 40 px from (30, 20): crops of 40 px only shift the mask, crops of 20 px halve it, of 80 px double it."""
    masks = np.zeros((3, 90, 100), bool)
    masks[0], masks[2, 32:44, 40:60] = True, True
    (tmp_path / "embedded" / "truth").mkdir(parents=True)
    np.savez(
        tmp_path / "embedded/truth/c_fake.npz", swap_mask=np.packbits(masks, axis=-1), mask_shape=np.array(masks.shape)
    )
    np.savez(tmp_path / "embedded/truth/c_real.npz", R=np.eye(3))
    monkeypatch.setenv("DFD_DATA", str(tmp_path))
    points = np.tile(np.linspace([30, 20], [70, 60], 68, dtype=np.float32), (2, 1, 1))
    found = _frames("c_fake", points, [1, 2])

    def study(size: int, input_size: int) -> Study:
        return Study("tiny", faces=FaceParams(margin=0, size=size), resnet=ResNetParams(input_size=input_size))

    shifted = gradcam.swap_masks(found, study(40, 36))
    assert shifted.shape == (2, 36, 36) and shifted.dtype == np.float32 and not shifted[0].any()
    expected = np.zeros((36, 36))
    expected[32 - 20 - 2 : 44 - 20 - 2, 40 - 30 - 2 : 60 - 30 - 2] = 1
    assert np.array_equal(shifted[1], expected)
    halved = gradcam.swap_masks(found, study(20, 20))[1]
    assert np.array_equal(np.argwhere(halved == 1)[[0, -1]], [[6, 5], [11, 14]]) and halved.sum() == 6 * 10
    doubled = gradcam.swap_masks(found, study(80, 80))[1]
    assert 0 <= doubled.min() and doubled.max() == 1 and doubled.sum() == pytest.approx(24 * 40, rel=0.01)

    with pytest.raises(DfdError, match="nothing was swapped"):
        gradcam.swap_masks(_frames("c_real", points, [0, 0]), study(40, 36))
    with pytest.raises(DfdError, match="There is no .*c_none.npz"):
        gradcam.swap_masks(_frames("c_none", points, [0, 0]), study(40, 36))
    with pytest.raises(DfdError, match="only the embedded data"):
        gradcam.swap_masks(found, Study("other", dataset="uadfv"))


def test_swap_masks_lie_where_fake_crops_differ_from_their_originals() -> None:
    study = studies.load("embedded")
    clips = [paths.embedded() / "clips" / f"p00_{kind}.mp4" for kind in ("real", "fake")]
    real, fake = (dict(video.sample(clip, 3)) for clip in clips)
    points = truth.points("p00_fake")[list(fake)].astype(np.float32)
    masks = gradcam.swap_masks(_frames("p00_fake", points, list(fake)), study) > 0.5
    for mask, marks, index in zip(masks, points, fake, strict=True):
        box = geometry.face_rectangle(marks, study.faces.margin)
        a, b = (geometry.crop(images[index], box, study.faces.size)[0][None] for images in (real, fake))
        apart = np.abs(classifier.centre(a.astype(int) - b, study.resnet.input_size))[0].mean(-1)
        inside, outside = apart[mask].mean(), apart[~mask].mean()
        assert 0.2 < mask.mean() < 0.9 and inside > 2 * outside
        moved = [np.roll(mask, by, axis) for by in (-12, 12) for axis in (0, 1)]
        assert all(apart[other].mean() < inside for other in moved), "and no other place fits better"


def test_the_share_inside_by_hand() -> None:
    cam = np.zeros((3, 2, 2), np.float32)
    cam[0], cam[1] = [[1, 0.5], [0.25, 0.25]], [[0, 0], [0, 1]]
    masks = np.array([[[1, 0.5], [0, 0]]] * 3, np.float32)
    found = gradcam.inside(cam, masks)
    assert list(found.columns) == ["energy", "area"]
    assert found["energy"].tolist()[:2] == [1.25 / 2, 0] and np.isnan(found.loc[2, "energy"])
    assert (found["area"] == 0.375).all()
    with pytest.raises(DfdError, match="belong together"):
        gradcam.inside(cam, masks[:2])


def test_a_map_that_is_the_same_everywhere_has_the_areas_energy() -> None:
    masks = np.random.default_rng(0).random((6, 12, 12)).astype(np.float32)
    found = gradcam.inside(np.full((6, 12, 12), 0.7, np.float32), masks)
    assert found["energy"].to_numpy() == pytest.approx(found["area"].to_numpy(), abs=1e-6)
    assert gradcam.excess(found, pd.Series(list("aabbcc")), 50).value == pytest.approx(0, abs=1e-6)


def test_the_excess_is_a_mean_over_people_and_leaves_empty_maps_out() -> None:
    found = pd.DataFrame({"energy": [np.nan, 0.9, 0.7, 0.5], "area": [0.5, 0.5, 0.5, 0.4]})
    estimate = gradcam.excess(found, pd.Series(["b", "a", "a", "c"], index=[9, 8, 7, 6]), 200)
    assert estimate.value == pytest.approx((0.4 + 0.2 + 0.1) / 3) and estimate.n == 3
    gain = (found["energy"] - found["area"])[1:].to_numpy()
    assert estimate == metrics.mean_over_people(gain, pd.Series(["a", "a", "c"]), "frames", 200)
    assert estimate != metrics.mean_over_people(gain, pd.Series(["b", "a", "a"]), "frames", 200), "people go along"
    with pytest.raises(DfdError, match="Every map is all zero"):
        gradcam.excess(found.iloc[[0]], pd.Series(["b"]), 10)


def test_others_are_of_another_person() -> None:
    people = pd.Series(list("aaabbbccc"), index=range(5, 14))
    chosen = gradcam.others(people, seed=1)
    assert (people.to_numpy()[chosen] != people.to_numpy()).all() and len(set(chosen)) > 3
    assert np.array_equal(chosen, gradcam.others(people, seed=1))
    with pytest.raises(DfdError, match="one person"):
        gradcam.others(pd.Series(["a", "a"]))


@pytest.mark.parametrize("arch", ["resnet18", "resnetv2_50", "resnet20"])
def test_a_randomized_copy_is_new_throughout_and_the_model_untouched(arch: str) -> None:
    model = architectures.build(ResNetParams(arch=arch))[0]
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(5)  # far from where any layer starts
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    drawn = gradcam.randomized(model, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all((value < 3).all() for value in drawn.state_dict().values()), "nothing of the old weights is left"
    again, other = gradcam.randomized(model, 1).state_dict(), gradcam.randomized(model, 2).state_dict()
    head = next(name for name in again if name.endswith("fc.weight"))
    assert torch.equal(again[head], drawn.state_dict()[head]) and not torch.equal(other[head], again[head])


def test_a_layer_that_cannot_draw_its_weights_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ParameterList([nn.Parameter(torch.ones(1))]))
    with pytest.raises(DfdError, match="layer '1' has no reset_parameters"):
        gradcam.randomized(model, 0)


def test_similarity_is_spearmans_rank_correlation() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (2, 4, 6, 6)).astype(np.float32)  # with ties
    found = gradcam.similarity(a, b)
    assert found == pytest.approx([spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)])
    assert gradcam.similarity(a, a) == pytest.approx(np.ones(4))
    assert gradcam.similarity(a, a**3) == pytest.approx(np.ones(4)), "ranks alone count"
    assert gradcam.similarity(a, -a) == pytest.approx(-np.ones(4))
    assert np.isnan(gradcam.similarity(np.zeros_like(a), b)).all()
    with pytest.raises(DfdError, match="belong together"):
        gradcam.similarity(a, b[:, :5])


def test_picks_are_the_surest_of_each_kind_and_of_different_people() -> None:
    rows = [("a", 0, 0.02), ("a", 0, 0.01), ("b", 0, 0.4), ("a", 0, 0.9), ("c", 1, 0.5)]
    rows += [("c", 1, 0.99), ("c", 1, 0.97), ("d", 1, 0.49), ("e", 1, 0.3), ("e", 1, 0.1)]
    scores = pd.DataFrame(rows, columns=["person", "label", "p_fake"], index=range(100, 110))
    found = {name: chosen.tolist() for name, chosen in gradcam.pick(scores, 2).items()}
    assert found == {"right real": [1, 2], "right fake": [5, 6], "false alarm": [3], "miss": [9, 7]}
    assert gradcam.pick(scores, 9)["right fake"].tolist() == [5, 6, 4], "at the threshold a frame is called fake"
    assert gradcam.pick(scores, 3)["right real"].tolist() == [1, 2, 0], "then a person's next one"
    assert gradcam.pick(scores[scores["label"] == 1])["right real"].tolist() == []
