"""Scalp hair as strands computed here, not by a particle system: same seed, same hair; a style is a field.

A strand is a polyline that goes with the skull. Metres, body axes, origin midway between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import paint
import surface
from scipy.spatial import cKDTree
from traits import Person


@dataclass(frozen=True)
class Strands:
    """corners, weights (n,4): the roots on the fine skin; offsets (n,k,3): strand less root; radius (k,)."""

    corners: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    radius: np.ndarray

    def points(self, fine: np.ndarray) -> np.ndarray:
        """(n,k,3) for the fine skin's vertices (N,3)."""
        return on_skin(fine, self.corners, self.weights)[:, None] + self.offsets


@dataclass(frozen=True)
class Style:
    """lift: how far roots stand up; volume: metres from lowest to highest layer; cling: pull to the skull."""

    lift: float
    volume: float = 0.003
    cling: float = 0.0
    count: int = 9000
    points: int = 9
    radius: float = 0.00034


STYLES = {
    "buzz": Style(1.2, points=4, radius=0.00022),
    "short": Style(0.55, 0.006, points=6),
    "parted": Style(0.2, 0.011, 0.8),
    "swept": Style(0.45, 0.011, 0.25),
    "curly": Style(0.9, count=7000, radius=0.00035),
    "afro": Style(1.2, radius=0.00035),
    "tied": Style(0.04, 0.004, count=8000),
    "long": Style(0.10, 0.011, 1.0, points=18),
    "bob": Style(0.12, 0.012, 1.0, points=14),
}
CLUMPS = 260


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


def on_skin(values: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values (N,3) at the skin's vertices, read off at points given by corners and weights (n,4)."""
    return (values[corners] * weights[..., None]).sum(1)


def taper(radius: float, k: int, tip: float = 0.3) -> np.ndarray:
    """(k,) radii from root to tip."""
    return radius * np.linspace(1, tip, k)


def _hangs(person: Person) -> bool:
    return person.hair.style in ("long", "bob") or (person.hair.style == "parted" and not person.male)


def _field(person: Person, p: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The direction in which the hair is combed at p (k,3), where the head's normal is n (k,3)."""
    x, y, z = p.T
    one, nil, aside, style = np.ones_like(x), np.zeros_like(x), np.sign(person.hair.part), person.hair.style
    down = np.stack([nil, 0.25 * one, -one], 1)
    if style in ("short", "buzz"):
        top = np.stack([0.25 * aside * one, -one, 0.15 * one], 1)
    elif style == "swept":
        top, down = np.stack([0.2 * aside * one, one, 0.25 * one], 1), np.stack([nil, one, -0.5 * one], 1)
    elif style == "tied":
        top = down = np.array([0, 0.165, 0.045]) - p
    elif style in ("curly", "afro"):
        top, down = n + 0.2 * np.stack([nil, nil, -one], 1), n + 0.3 * down
    else:
        # From the parting back and aside, then down past the ears: never across the face.
        top = np.stack([np.sign(x - person.hair.part) * (0.45 + 0.55 * (y > 0.0)), 0.95 * (y < 0.03) + 0.25, nil], 1)
        out = np.where(np.abs(x) < 0.03, 0, np.sign(x))
        down = np.stack([np.clip(9 * (0.082 * out - x), -0.35, 0.35), np.clip(18 * (0.055 - y), 0, 1.2), -one], 1)
    up = surface.smooth_step(z, 0.045, 0.095)[:, None]
    return unit(unit(top) * up + unit(down) * (1 - up))


def scalp(person: Person, fine: np.ndarray) -> Strands | None:
    """The hair of the head over the neutral fine skin (N,3), or None for the bald."""
    if person.hair.style not in STYLES:
        return None
    style, rng = STYLES[person.hair.style], np.random.default_rng([person.seed, 40])
    grows = paint.scalp(person.hair.hairline)
    corners, weights = surface.scatter(rng, np.where(grows > 0.4, grows, 0), fine, style.count)
    root = on_skin(fine, corners, weights)
    middle = rng.integers(0, len(root), CLUMPS)
    clump = cKDTree(root[middle]).query(root)[1]
    jitter = rng.normal(0, 1, (CLUMPS, 3))[clump] * 0.2 + rng.normal(0, 0.12, root.shape)
    spread = (0.9, 1.05) if person.hair.style in ("long", "bob") else (0.75, 1.1)
    length = person.hair.length * rng.uniform(*spread, len(root)) * _cut(person, root)
    points = _grow(rng, person, root, length, jitter, fine, (corners, weights))
    points = _gather(points, clump, middle, 0.45 if person.hair.style not in ("buzz", "tied") else 0.1)
    if person.hair.curl > 0.05:
        points += _curls(rng, person, points, clump)
    keep = ~_strays(points) if style.cling or person.hair.style == "tied" else np.full(len(points), True)
    thick = style.radius * (1.25 if person.hair.length > 0.15 else 1.0)
    return Strands(corners[keep], weights[keep], (points - root[:, None])[keep], taper(thick, style.points, 0.5))


def _cut(person: Person, root: np.ndarray) -> np.ndarray:
    """Share of the length at a root: men's short cuts are shorter at the sides and the neck."""
    if person.hair.style in ("short", "parted", "swept") and person.male:
        return 0.22 + 0.78 * surface.smooth_step(root[:, 2], 0.03, 0.085)
    return np.ones(len(root))


def _strays(points: np.ndarray) -> np.ndarray:
    """Strands before the forehead or the throat: few, and on a picture they look like scratches."""
    x, y, z = np.moveaxis(points, -1, 0)
    forehead = (y < 0.0) & (z < 0.057) & (np.abs(x) < 0.055)
    throat = (y < 0.06) & (z < -0.10) & (np.abs(x) < 0.05)
    return (forehead | throat).any(1)


def _grow(
    rng: np.random.Generator,
    person: Person,
    root: np.ndarray,
    length: np.ndarray,
    jitter: np.ndarray,
    fine: np.ndarray,
    at: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Step along the field, bend under gravity, and stay outside the head: (n,k,3)."""
    style, hangs = STYLES[person.hair.style], _hangs(person)
    normal = surface.normals(fine, surface.skin().quads)
    upright = unit(on_skin(normal, *at))
    head = np.flatnonzero(fine[:, 2] > -0.16)
    tree = cKDTree(fine[head])
    step = (length / (style.points - 1))[:, None]
    layer = 0.0015 + style.volume * rng.random(len(root)) ** 1.3
    p, points, d = root, [root], unit(upright * style.lift + _field(person, root, upright) + jitter)
    for i in range(1, style.points):
        near = head[tree.query(p)[1]]
        n = normal[near]
        flow = _field(person, p, n) + (0.12 if hangs else 0.5) * jitter
        flow -= 0.85 * np.minimum((flow * n).sum(1), 0)[:, None] * n
        if style.cling:
            # What leaves the skull falls back on it, down to the ears.
            gap = np.clip(70 * (((p - fine[near]) * n).sum(1) - layer), 0, 2)
            flow -= (style.cling * gap * surface.smooth_step(p[:, 2], -0.05, 0.01))[:, None] * n
        d = unit(0.5 * d + 0.5 * unit(flow) + np.array([0, 0, -0.10 if hangs else 0.0]))
        p = _off_the_face(p + d * step) if hangs else p + d * step
        near = head[tree.query(p)[1]]
        gap = ((p - fine[near]) * normal[near]).sum(1)
        p = p + np.maximum(layer * min(1, i / 2) - gap, 0)[:, None] * normal[near]
        points.append(p)
    return np.stack(points, 1)


def _off_the_face(p: np.ndarray) -> np.ndarray:
    """Move points that hang before the face aside, past the cheek."""
    x, y, z = p.T
    over = (y < 0.035) & (z < 0.050)
    wide = np.where(over, np.sign(x) * np.maximum(np.abs(x), 0.070), x)
    return np.stack([wide, np.where(over, y + 0.3 * (0.035 - y), y), z], 1)


def _gather(points: np.ndarray, clump: np.ndarray, middle: np.ndarray, strength: float) -> np.ndarray:
    """Draw the tips of a clump's strands towards the strand in its middle."""
    share = strength * np.linspace(0, 1, points.shape[1])[None, :, None] ** 1.5
    return points * (1 - share) + share * points[middle][clump]


def _curls(rng: np.random.Generator, person: Person, points: np.ndarray, clump: np.ndarray) -> np.ndarray:
    """Helices about the strands, in step within a clump: what to add, (n,k,3)."""
    k, curl = points.shape[1], person.hair.curl
    phase = rng.uniform(0, 2 * np.pi, clump.max() + 1)[clump] + rng.normal(0, 0.35, len(points))
    angle = phase[:, None] + np.linspace(0, 2 * np.pi * (1 + 2 * curl) * person.hair.length / 0.05, k)
    along = unit(np.gradient(points, axis=1))
    a = unit(np.cross(along, np.array([0.3, 0.2, 0.9])))
    b = np.cross(along, a)
    size = 0.006 * curl * np.linspace(0, 1, k) ** 0.6
    return size[None, :, None] * (np.cos(angle)[..., None] * a + np.sin(angle)[..., None] * b)
