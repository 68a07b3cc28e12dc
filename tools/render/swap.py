"""Fakes as Yang et al. (2019, section 2) describe deepfakes: one face, made small, put in another's place.

The target's face is aligned by a similarity map to a small square template with the landmarks that dlib
finds; the donor's face (rendered in the same pose, with the same expression) is aligned to the same template
and sampled at its resolution, warped back into the target's frame, matched in colour, masked by the hull of
the landmarks, feathered and blended in. Pictures are uint8 RGB, points (68,2) pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

INNER = slice(17, 68)
# Template: a square of so many millimetres of the average face, centred so far below the eyes.
SPAN, BELOW = 154.0, 42.0


@dataclass(frozen=True)
class SwapParams:
    """How one fake is made. strength in [0,1]: 0 hard to see, 1 plain; the other values follow from it by
    chance."""

    template: int  # side of the aligned face in pixels
    strength: float
    alpha: float  # blend in [0,1]
    match: float  # how far mean and spread of the colours are matched, in [0,1]
    feather: float  # standard deviation of the mask's blur, pixels of a 256-pixel frame
    hull: str  # "face": all 68 points, "inner": brows to chin, "low": below the brows to chin


def draw(seed: int) -> SwapParams:
    """The parameters of fake number `seed`: always the same ones for the same seed."""
    rng = np.random.default_rng([seed, 70])
    strength = float(rng.random())
    template = int(rng.choice([64, 96, 128], p=[0.55, 0.27, 0.18]))
    hull = str(
        rng.choice(["face", "inner", "low"], p=[0.35 + 0.3 * strength, 0.4 - 0.15 * strength, 0.25 - 0.15 * strength])
    )
    alpha, match, feather = np.clip(np.array([strength, 1 - strength, 1 - strength]) + rng.normal(0, 0.15, 3), 0, 1)
    scaled = 0.75 + 0.25 * alpha, 0.7 + 0.3 * match, 1.5 + 4 * feather
    return SwapParams(template, round(strength, 3), *(round(float(x), 3) for x in scaled), hull)


def template_points(world_model: np.ndarray, side: int) -> np.ndarray:
    """(68,2) where the average frontal face (68,3; millimetres) lies in a template of `side` pixels."""
    return (world_model[:, :2] - [0, BELOW]) * side / SPAN + (side - 1) / 2


def similarity(source: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """(2,3) rotation, one scale and shift that bring source (N,2) nearest to goal (N,2). Umeyama (1991)."""
    a, b = source - source.mean(0), goal - goal.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt * ((d * sign).sum() / (a**2).sum())
    return np.column_stack([turn, goal.mean(0) - turn @ source.mean(0)])


def align(picture: np.ndarray, points: np.ndarray, goal: np.ndarray, side: int) -> np.ndarray:
    """The face (side,side,3) in the template, blurred first where the template is coarser than the
    picture."""
    m = similarity(points[INNER], goal[INNER])
    shrink = 1 / np.sqrt(np.linalg.det(m[:, :2]))
    if shrink > 1:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.35 * shrink)
    return cv2.warpAffine(picture, m, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def outline(points: np.ndarray, hull: str) -> np.ndarray:
    """The points (N,2) whose hull is swapped. The inner hulls reach from the brows, or from halfway between
    brows and eyes, to a jaw line drawn in by a quarter, so that eyes and mouth stay whole."""
    if hull == "face":
        return points
    nose, lids = points[30], points[[36, 37, 38, 39, 42, 43, 44, 45]]
    jaw = nose + 0.75 * (points[1:16] - nose)
    top = points[17:27] if hull == "inner" else lids + 0.5 * (points[[17, 18, 20, 21, 22, 23, 25, 26]] - lids)
    return np.concatenate([jaw, top, nose + 1.12 * (points[48:60] - nose)])


def hull_mask(points: np.ndarray, covered: np.ndarray, hull: str, feather: float) -> np.ndarray:
    """(H,W) float in [0,1]: the hull of the landmarks where the template covers the frame (H,W), drawn in so
    far that its blurred border stays inside."""
    mask = np.zeros(covered.shape, np.uint8)
    corners = cv2.convexHull(outline(points, hull).astype(np.float32))
    cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 255, cv2.LINE_AA, shift=4)
    reach = 2 * round(0.7 * feather) + 1
    mask = cv2.erode(mask * (covered > 0.99), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), feather)


def match_colours(face: np.ndarray, like: np.ndarray, mask: np.ndarray, amount: float) -> np.ndarray:
    """Bring mean and standard deviation of face (H,W,3) float inside the mask towards those of `like` by
    `amount`."""
    inside = mask > 0.5
    if not inside.any():
        return face
    (m0, s0), (m1, s1) = ((x[inside].mean(0), x[inside].std(0) + 1e-6) for x in (face, like))
    matched = (face - m0) * np.clip(s1 / s0, 0.6, 1.6) + m1
    return face + amount * (matched - face)


def swap(
    target: np.ndarray,
    target_points: np.ndarray,
    donor: np.ndarray,
    donor_points: np.ndarray,
    world_model: np.ndarray,
    params: SwapParams,
) -> tuple[np.ndarray, np.ndarray]:
    """The fake frame (H,W,3) uint8 and its mask (H,W) bool, True where more than half of the mask is the
    donor's."""
    height, width = target.shape[:2]
    goal = template_points(world_model, params.template)
    small = align(donor, donor_points, goal, params.template)
    back = similarity(target_points[INNER], goal[INNER])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(small, back, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(float)
    covered = cv2.warpAffine(np.ones((params.template,) * 2, np.float32), back, (width, height), flags=flags)
    mask = hull_mask(target_points, covered, params.hull, params.feather * width / 256)
    face = match_colours(face, target.astype(float), mask, params.match)
    share = (params.alpha * mask)[..., None]
    out = (1 - share) * target + share * face
    return np.clip(np.round(out), 0, 255).astype(np.uint8), mask > 0.5
