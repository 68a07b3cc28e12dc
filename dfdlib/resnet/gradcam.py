"""Where the classifier looks: Grad-CAM, how much of it lies in the swapped region, and whether it can be trusted."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from dfdlib.core import repro
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.data import truth
from dfdlib.evaluation import metrics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import geometry
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import architectures, classifier

BATCH = 32  # frames at a time, which limits the memory


def grad_cam(model: nn.Module, crops: np.ndarray, params: ResNetParams, signed: bool = False) -> np.ndarray:
    """The evidence for a fake, pixel by pixel: maps (N, s, s) float32 in [0, 1], s = params.input_size.

    Grad-CAM (Selvaraju et al., arXiv 1610.02391, equations 1 and 2) of the logit of fake minus that of real, on the
    last feature map before the global pooling, enlarged bilinearly to the network's input. Each map is divided by its
    maximum, so heights can't be compared between maps; a map without evidence for a fake is all zero. `signed` omits
    the ReLU: values are in [-1, 1], negative for evidence of a real face. Use it for `similarity`, since a randomly
    initialised network has many maps that are all zero.
    crops: uint8 RGB (N, S, S, 3), S >= s, of which the central s x s pixels count, as in `classifier.logits`. Computed
    in float32 regardless of params.bfloat16; the model's mode, hooks and gradients stay as they were.
    Raises DfdError for crops of another type or shape, and AttributeError for a model that is not of params.arch.
    """
    if crops.ndim != 4 or crops.dtype != np.uint8 or crops.shape[3] != 3 or min(crops.shape[1:3]) < params.input_size:
        raise DfdError(f"Crops are {crops.dtype} {crops.shape}; give uint8 RGB (N, S, S, 3), S >= {params.input_size}.")
    images = classifier.centre(crops, params.input_size)
    still = copy.deepcopy(model).eval().requires_grad_(False)  # the caller's model keeps its mode and gets no hook
    device = next(still.parameters()).device
    maps = np.empty(images.shape[:3], np.float32)
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        pixels = classifier.to_tensor(images[part]).to(device)
        maps[part] = _maps(still, architectures.last_map(still, params.arch), pixels, signed).cpu().numpy()
    return maps


def _maps(model: nn.Module, last: nn.Module, images: Tensor, signed: bool) -> Tensor:
    """Maps (B, s, s) as in `grad_cam`, of normalized images (B, 3, s, s)."""
    features, gradients = _last_features(model, last, images)
    cam = (gradients.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True)
    cam = cam if signed else cam.relu()
    cam = nn.functional.interpolate(cam, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    top = cam.abs().amax((1, 2), keepdim=True)
    return cam / torch.where(top > 0, top, 1)


def _last_features(model: nn.Module, last: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map (B, C, h, w) and the gradient of each frame's logit difference with respect to it."""
    found: list[Tensor] = []
    hook = last.register_forward_hook(lambda *call: found.append(call[-1].requires_grad_()))
    with hook, torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        logits = model(images).flatten(1)
        final = (logits[:, 1] - logits[:, 0]).sum()  # in evaluation mode frames are independent
        return found[0].detach(), torch.autograd.grad(final, found[0])[0]


def swap_masks(frames: FrameSet, study: Study) -> np.ndarray:
    """The true swapped region of fake embedded frames in the network's input, (N, s, s) float32 in [0, 1].

    Cut from the committed `swap_mask` of data/embedded/truth exactly as the crops were cut from the frames, by the
    frames' points (not smoothed ones). 1 where the feathered mask of the blend is above a half, 0 elsewhere; values in
    between come from resizing only. The mask leaves out the outer half of the feathered edge, which may show the fake
    best, the opacity of the blend, and what the encoder changed around it.
    Raises DfdError for another data set and for a frame that is not from a fake clip.
    """
    if study.dataset != "embedded" or study.embedded.fakes == "easy":
        others = "only the embedded data's hard fakes have them; use the study embedded"
        raise DfdError(f"The study {study.name!r} has no true swap masks: {others}.")
    known = {clip_id: truth.swap_mask(clip_id) for clip_id in frames.table["clip_id"].unique()}
    cut = np.zeros((len(frames.table), study.faces.size, study.faces.size), np.float32)
    for i, (clip_id, frame) in enumerate(zip(frames.table["clip_id"], frames.table["frame"], strict=True)):
        box = geometry.face_rectangle(frames.points[i], study.faces.margin)
        cut[i] = geometry.crop(known[clip_id][frame], box, study.faces.size)[0]
    return classifier.centre(cut, study.resnet.input_size).clip(0, 1)  # cubic resizing overshoots


def inside(cam: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    """How much of each map lies in its mask: columns energy and area, one row per frame, both in [0, 1].

    energy: the mask's share of the map's sum (the energy-based pointing game of Wang et al., arXiv 1910.01279, with a
    mask in place of the box); nan where the map is all zero. area: the mask's share of the image, which is the energy
    of a constant map. A map that favours the middle of any face has more energy without knowing the swap: compare with
    `others`. cam, masks: (N, s, s) in [0, 1]. Raises DfdError if their shapes differ.
    """
    _same_shape(cam, masks)
    total = cam.sum((1, 2), dtype=float)
    held = (cam * masks).sum((1, 2), dtype=float)
    energy = np.divide(held, total, out=np.full(len(cam), np.nan), where=total > 0)
    return pd.DataFrame({"energy": energy, "area": masks.mean((1, 2), dtype=float)})


def excess(found: pd.DataFrame, people: pd.Series, resamples: int, seed: int = 0) -> Estimate:
    """The mean of energy - area (`inside`; `people` in the same order) with an interval over people; 0 is chance.

    Frames with an all-zero map have no energy and are left out, as the estimate's n shows. DfdError if none is left.
    """
    gain = (found["energy"] - found["area"]).to_numpy()
    seen = np.isfinite(gain)
    if not seen.any():
        raise DfdError("Every map is all zero, so none has any energy; give frames that are scored as fake.")
    return metrics.mean_over_people(gain[seen], people[seen], "frames", resamples, seed)


def others(people: pd.Series, seed: int = 0) -> np.ndarray:
    """For each row the number (N,) of another person's row, drawn uniformly; DfdError if there is only one person.

    `inside(cam[others(people)], masks)` shows how much energy maps have by their position in the face alone.
    """
    codes, names = pd.factorize(people)
    if len(names) < 2:
        raise DfdError("All frames show one person, so no map is of another; give frames of two or more people.")
    rng = repro.rng(seed)
    return np.array([rng.choice(np.flatnonzero(codes != code)) for code in codes])


def randomized(model: nn.Module, seed: int) -> nn.Module:
    """A randomly initialised copy, for the sanity check of Adebayo et al. (arXiv 1810.03292).

    Maps that hardly change with the weights can't show what was learned. Each layer is initialised as PyTorch does at
    construction; batch normalization is reset (scale 1, shift 0, statistics 0 and 1). The model and the global random
    state do not change. Raises DfdError for a layer that can't be initialised.
    """
    found, device = copy.deepcopy(model).cpu(), next(model.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in found.named_modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            elif next(module.parameters(recurse=False), None) is not None:
                raise DfdError(f"The layer {name!r} has no reset_parameters, which draws its weights; give it one.")
    return found.to(device)


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (N,) in [-1, 1] of two maps (N, s, s) of each frame, over their pixels.

    Ties share their mean rank; nan where a map is constant. The pixels are not independent: at 112 px a ResNet's last
    map has 4 x 4 cells. Raises DfdError if the shapes differ.
    """
    from scipy.stats import rankdata

    _same_shape(a, b)
    x, y = (_standard(rankdata(maps.reshape(len(maps), -1), axis=1)) for maps in (a, b))
    return (x * y).mean(1)


def _standard(ranks: np.ndarray) -> np.ndarray:
    """Rows scaled to mean 0 and variance 1; nan where all ranks of a row are equal."""
    centred, spread = ranks - ranks.mean(1, keepdims=True), ranks.std(1, keepdims=True)
    return centred / np.where(spread > 0, spread, np.nan)


def _same_shape(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 3 or a.shape != b.shape:
        raise DfdError(f"Maps of shapes {a.shape} and {b.shape} don't belong together; give two of the same (N, s, s).")


def pick(scores: pd.DataFrame, count: int = 2) -> dict[str, np.ndarray]:
    """Row numbers (from 0) of frames worth showing: "right real", "right fake", "false alarm" and "miss".

    For each kind the most confident frames, at most `count` (p_fake farthest from the threshold): first one per person,
    then their next ones. scores: columns label (0 real, 1 fake), person and p_fake.
    """
    called = (scores["p_fake"] >= metrics.THRESHOLD).to_numpy()
    fake = (scores["label"] == 1).to_numpy()
    kinds = {"right real": ~fake & ~called, "right fake": fake & called, "false alarm": ~fake & called}
    return {name: _surest(scores, rows, count) for name, rows in (kinds | {"miss": fake & ~called}).items()}


def _surest(scores: pd.DataFrame, chosen: np.ndarray, count: int) -> np.ndarray:
    found = scores.assign(row=np.arange(len(scores)), sure=(scores["p_fake"] - metrics.THRESHOLD).abs())[chosen]
    found = found.sort_values("sure", ascending=False, kind="stable")
    turn = found.groupby("person").cumcount().to_numpy()
    return found["row"].to_numpy()[np.argsort(turn, kind="stable")][:count]
