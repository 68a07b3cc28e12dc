"""The hard fakes: swaps whose sharpness, noise, colour and file size give nothing away.

    python tools/render/harder.py [--data data/embedded] [--people 0:34]

Made from the easy clips alone, in the study's own environment (no Blender; 35 seconds of one core). A donor's
frames in a similar pose, mirrored where that is nearer, are warped by the true landmarks to the target's pose
and put in its place at full size. Its detail is then matched band by band to the original's, clip by clip, up
to a random remainder of either sign. Real and fake pass the same resampling, grain and encoder, drawn per pair.
What a swap leaves stays: the seam, a colour and a shape that are a little off, another's inner face.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import check
import cv2
import dataset
import landmarks
import numpy as np
import swap
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core.studies import FaceParams
from dfdlib.faces import geometry

SIGMAS = (0.6, 1.2, 2.4, 4.8)  # of the bands of detail, pixels of a 256-pixel frame
CENTRE, FACES = slice(32, 96), FaceParams()
# Ranges, or standard deviations, of what `draw` draws: see Params.
FEATHER, MATCH, TINT, OFFSET, DETAIL = (0.7, 2.2), (0.6, 0.9), 4.0, 1.0, 0.12
ROUNDS, GAINS = 6, (0.4, 4.0)
SWITCH = 6.0  # what another than the next donor frame costs, degrees
JITTER = 1.5  # frames over which a maker smooths the landmarks, standard deviation
INSIDE = 6  # pixels: beyond the edge of a turned donor's face the points hold background
STEP = 8  # pixels of the grid on which the warp is computed


@dataclass(frozen=True)
class Params:
    """How one hard pair is made."""

    hull: str  # of swap.outline
    feather: float  # standard deviation of the mask's blur, pixels
    match: float  # how far the colours are matched, in [0,1]
    tint: tuple[float, float, float]  # added to the face's red, green and blue, levels of 255
    contrast: float  # factor on the face's spread
    offset: tuple[float, float]  # by which the face is misplaced, pixels
    scale: float  # and its size is wrong
    detail: tuple[float, ...]  # (4,) log factors by which the bands' detail misses the original's
    size: int  # both clips: the side of the picture that is enlarged to 256
    grain: float  # both clips: standard deviation of the noise added, levels of 255
    crf: int  # both clips


def draw(seed: int) -> Params:
    """The parameters of pair number `seed`: always the same ones for the same seed."""
    rng = np.random.default_rng([seed, 90])
    hull = str(rng.choice(["face", "inner", "low"], p=[0.4, 0.4, 0.2]))
    return Params(
        hull,
        feather=float(rng.uniform(*FEATHER)),
        match=float(rng.uniform(*MATCH)),
        tint=tuple(rng.normal(0, TINT, 3).tolist()),
        contrast=float(np.exp(rng.normal(0, 0.08))),
        offset=tuple(rng.normal(0, OFFSET, 2).tolist()),
        scale=float(np.exp(rng.normal(0, 0.02))),
        detail=tuple((DETAIL * rng.normal(0, 1) + 0.05 * rng.normal(0, 1, 4)).tolist()),
        size=int(rng.integers(192, 257)),
        grain=float(rng.uniform(1.0, 3.0)),
        crf=int(rng.integers(18, 25)),
    )


def mirrored(pictures: np.ndarray, scene: dict) -> tuple[np.ndarray, dict]:
    """The clip (T,H,W,3) and its truth as in a mirror."""
    width, flip = pictures.shape[2], np.diag([-1.0, 1, 1])
    points = scene["points_2d"][:, landmarks.MIRROR] * [-1, 1] + [width - 1, 0]
    solid = scene["points_3d"][:, landmarks.MIRROR] * [-1, 1, 1]
    return pictures[:, :, ::-1], {"points_2d": points, "points_3d": solid, "R": flip @ scene["R"] @ flip}


def _openings(solid: np.ndarray) -> np.ndarray:
    """(T,2) millimetres: how far mouth and eyes are open, from points (T,68,3)."""
    lids = solid[:, [41, 40, 47, 46], 1] - solid[:, [37, 38, 43, 44], 1]
    return np.stack([solid[:, 66, 1] - solid[:, 62, 1], lids.mean(1)], 1)


def costs(target: dict, donor: dict) -> np.ndarray:
    """(T,F) how ill a donor's frame fits a target's: degrees, and a degree for each 0.6 mm of mouth and lids."""
    turn = np.einsum("tij,fij->tf", target["R"], donor["R"])
    angle = np.degrees(np.arccos(np.clip((turn - 1) / 2, -1, 1)))
    apart = np.abs(_openings(target["points_3d"])[:, None] - _openings(donor["points_3d"])[None])
    return angle + apart.sum(2) / 0.6


def chosen(cost: np.ndarray) -> tuple[np.ndarray, float]:
    """The donor frame for each target frame (T,) with the least cost (T,F) in all, steps to a neighbour free."""
    frames = np.arange(cost.shape[1])
    step = np.where(np.abs(frames[:, None] - frames) <= 1, 0.0, SWITCH)
    total, back = cost[0], []
    for row in cost[1:]:
        ways = total[:, None] + step
        back.append(ways.argmin(0))
        total = ways.min(0) + row
    path = [int(total.argmin())]
    for came in reversed(back):
        path.append(int(came[path[-1]]))
    return np.array(path[::-1]), float(total.min())


def warp(picture: np.ndarray, points: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """The picture (H,W,3) bent so that points (68,2) come to lie on goal (68,2): a thin-plate spline."""
    height, width = picture.shape[:2]
    spline = RBFInterpolator(goal, points, kernel="thin_plate_spline", smoothing=1.0)
    y, x = np.mgrid[0 : height + 1 : STEP, 0 : width + 1 : STEP].astype(float)
    coarse = spline(np.column_stack([x.ravel(), y.ravel()])).reshape(*x.shape, 2).astype(np.float32)
    v, u = np.mgrid[:height, :width].astype(np.float32) / STEP
    maps = [cv2.remap(coarse[..., k], u, v, cv2.INTER_LINEAR) for k in (0, 1)]
    return cv2.remap(picture, *maps, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def faces(target: dict, marks: np.ndarray, pictures: np.ndarray, donor: dict, params: Params) -> tuple:
    """The donor's face in each target frame (T,H,W,3) float and its landmarks there (T,68,2)."""
    ways = [(pictures, donor), mirrored(pictures, donor)]
    (path, _), best = min(((chosen(costs(target, d)), k) for k, (_, d) in enumerate(ways)), key=lambda w: w[0][1])
    pictures, donor = ways[best]
    put, goals = [], []
    for t, f in enumerate(path):
        scene = {"R": target["R"][t : t + 1], "t": target["t"][t : t + 1], "camera_matrix": target["camera_matrix"]}
        there = dataset.project(donor["points_3d"][f : f + 1].astype(float), scene)[0]
        m = swap.similarity(there[swap.INNER], marks[t][swap.INNER])
        goal = there @ m[:, :2].T + m[:, 2]
        middle = goal[swap.INNER].mean(0)
        goal = middle + params.scale * (goal - middle) + params.offset
        put.append(warp(pictures[f], donor["points_2d"][f].astype(float), goal))
        goals.append(goal)
    return np.stack(put).astype(np.float32), np.stack(goals)


def masks(marks: np.ndarray, goals: np.ndarray, shape: tuple[int, int], params: Params) -> np.ndarray:
    """(T,H,W) float in [0,1]: where both the target and the donor have a face."""
    found = []
    for own, other in zip(marks, goals, strict=True):
        covered = np.zeros(shape, np.uint8)
        cv2.fillConvexPoly(covered, cv2.convexHull(np.round(other).astype(np.int32)), 1)
        covered = cv2.erode(covered, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * INSIDE + 1,) * 2))
        found.append(swap.hull_mask(own, covered.astype(float), params.hull, params.feather))
    return np.stack(found)


def coloured(face: np.ndarray, like: np.ndarray, mask: np.ndarray, params: Params) -> np.ndarray:
    """The faces (T,H,W,3) with the clip's colours matched, once for all frames, but for the tint and contrast drawn."""
    inside = mask > 0.5
    (m0, s0), (m1, s1) = ((x[inside].mean(0), x[inside].std(0)) for x in (face, like))
    matched = (face - m0) * np.clip(s1 / s0, 0.6, 1.6) * params.contrast + m1 + np.array(params.tint)
    return face + params.match * (matched - face)


def bands(pictures: np.ndarray) -> np.ndarray:
    """(5,T,H,W,3): four bands of detail, fine to coarse, and the rest; they add up to the pictures."""
    levels = [pictures] + [np.stack([cv2.GaussianBlur(p, (0, 0), s) for p in pictures]) for s in SIGMAS]
    return np.stack([a - b for a, b in zip(levels, levels[1:], strict=False)] + [levels[-1]])


def detail(pictures: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(4,) mean logs of the crops' central 64 pixels: energy beyond a quarter of the sampling rate, then the variance
    of the Laplacian at full, half and quarter size."""
    rows = []
    for picture, points in zip(pictures, marks, strict=True):
        box = geometry.face_rectangle(points, FACES.margin)
        crop = geometry.crop(np.clip(picture, 0, 255).round().astype(np.uint8), box, FACES.size)[0]
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)[CENTRE, CENTRE]
        small = [cv2.resize(grey, None, fx=1 / s, fy=1 / s, interpolation=cv2.INTER_AREA) for s in (1, 2, 4)]
        rows.append([np.log(finest(grey))] + [np.log(cv2.Laplacian(s, cv2.CV_32F).var()) for s in small])
    return np.mean(rows, axis=0)


def finest(part: np.ndarray) -> float:
    """Energy of a square part (N,N) of a picture beyond a quarter of the sampling rate."""
    window, f = np.outer(np.hanning(len(part)), np.hanning(len(part))), np.fft.fftfreq(len(part))
    power = np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2
    return float(power[np.hypot(f[:, None], f) > 0.25].sum())


def blended(frames: np.ndarray, face: np.ndarray, mask: np.ndarray, marks: np.ndarray, params: Params) -> np.ndarray:
    """The fake frames (T,H,W,3) float: each band of the face scaled until the crop has the original's detail."""
    parts, gains, share = bands(face), np.ones(len(SIGMAS)), mask[..., None]
    wanted = detail(frames, marks) + 2 * np.array(params.detail)
    for _ in range(ROUNDS):
        sharp = np.tensordot(np.append(gains, 1), parts, 1)
        fake = (1 - share) * frames + share * sharp
        gains = np.clip(gains * np.exp(0.45 * (wanted - detail(fake, marks))), *GAINS)
    return fake


def processed(pictures: np.ndarray, params: Params, seed: tuple[int, ...]) -> np.ndarray:
    """Both clips of a pair alike: shrunk, enlarged, and given grain. The noise itself differs."""
    rng, side = np.random.default_rng(seed), pictures.shape[1]
    out = []
    for p in pictures.astype(np.float32):
        if params.size != side:
            p = cv2.resize(p, (params.size,) * 2, interpolation=cv2.INTER_AREA)
            p = cv2.resize(p, (side, side), interpolation=cv2.INTER_CUBIC)
        out.append(p + rng.normal(0, params.grain, p.shape))
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def make_pair(data: Path, out: Path, i: int, donor: str) -> None:
    """Write the real and the fake clip of person i, and the fake's truth, into out/clips and out/truth."""
    name, params = f"p{i:02d}", draw(i)
    frames, others = (check.frames(data / f"easy/clips/{who}_real.mp4") for who in (name, donor))
    target, donor_truth = (check.truth(data, f"{who}_real") for who in (name, donor))
    marks = gaussian_filter1d(dataset.marks(frames, target["points_2d"]), JITTER, axis=0, mode="nearest")
    face, goals = faces(target, marks, others, donor_truth, params)
    mask = masks(marks, goals, frames.shape[1:3], params)
    face = coloured(face, frames.astype(np.float32), mask, params)
    fake = blended(frames.astype(np.float32), face, mask, marks, params)
    for kind, pictures, number in (("real", frames, 0), ("fake", fake, 1)):
        dataset.encode(out / f"clips/{name}_{kind}.mp4", processed(pictures, params, (i, 91, number)), params.crf)
    (out / "truth").mkdir(exist_ok=True)
    swapped = {"swap_mask": np.packbits(mask > 0.5, axis=-1), "mask_shape": np.array(mask.shape)}
    np.savez_compressed(out / f"truth/{name}_fake.npz", **target, **swapped)


def write_table(data: Path, out: Path) -> None:
    """clips.csv of the pairs that are there, in the easy ones' columns less those that say how these were made."""
    columns = [c for c in dataset.CLIP_COLUMNS if c not in ("template", "strength")]
    rows = [clip for clip in check.manifest(data / "easy").to_dict("records") if (out / clip["file"]).exists()]
    for row in rows:
        row |= {"crf": draw(int(row["person"][1:])).crf, "sha256": dataset.sha256(out / row["file"])}
    dataset.write_table(out / "clips.csv", columns, [{k: row[k] for k in columns} for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=dataset.OUT)
    parser.add_argument("--out", type=Path, help="where to write, if not into the data themselves")
    parser.add_argument("--people", default="0:34")
    args = parser.parse_args()
    out, table = args.out or args.data, check.manifest(args.data / "easy").query("label == 1").set_index("person")
    for i in range(*map(int, args.people.split(":"))):
        make_pair(args.data, out, i, table.loc[f"p{i:02d}", "donor"])
        print(f"p{i:02d}", draw(i), flush=True)
    write_table(args.data, out)


if __name__ == "__main__":
    main()
