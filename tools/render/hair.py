"""Hair as strands computed here, not by a particle system: same seed, same hair, and each style a direction field.

A strand is a polyline. Scalp hair is stiff and goes with the skull. Brows, lashes and beards follow their roots on the
deforming skin. Metres, body axes, origin midway between the eyes.
"""
from __future__ import annotations

from dataclasses import dataclass

import heads
import numpy as np
import surface
from people import Person
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Strands:
    """corners, weights (n,4): the root on the fine skin; offsets (n,k,3): the strand less its root; radius (k,)."""
    corners: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    radius: np.ndarray

    def points(self, fine: np.ndarray) -> np.ndarray:
        """(n,k,3) for the fine skin's vertices (N,3)."""
        return (fine[self.corners] * self.weights[..., None]).sum(1)[:, None] + self.offsets


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


def _taper(radius: float, k: int, tip: float = .3) -> np.ndarray:
    return radius * np.linspace(1, tip, k)


def _field(person: Person, p: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The direction in which the hair is combed at p (n,3), before it is laid along the head."""
    x, y, z = p.T
    up = surface.smooth_step(z, .045, .095)
    one, nil = np.ones_like(x), np.zeros_like(x)
    down = np.stack([nil, .25 * one, -one], 1)
    side = np.sign(x - person.hair.part)
    style = person.hair.style
    if style in ("short", "buzz", "bald"):
        top = np.stack([.25 * np.sign(person.hair.part) * one, -one, .15 * one], 1)
    elif style == "swept":
        top, down = np.stack([.2 * np.sign(person.hair.part) * one, one, .25 * one], 1), np.stack([nil, one, -.5 * one], 1)
    elif style == "tied":
        top = down = np.array([0, .165, .045]) - p
    elif style in ("curly", "afro"):
        top, down = n + .2 * np.stack([nil, nil, -one], 1), n + .3 * down
    else:
        # From the parting back and aside, then down past the ears: never across the face.
        top = np.stack([side * (.45 + .55 * (y > .0)), .95 * (y < .03) + .25, nil], 1)
        out = np.where(np.abs(x) < .03, 0, np.sign(x))
        down = np.stack([np.clip(9 * (.082 * out - x), -.35, .35), np.clip(18 * (.055 - y), 0, 1.2), -one], 1)
    return _unit(_unit(top) * up[:, None] + _unit(down) * (1 - up[:, None]))


LIFT = {"short": .55, "buzz": 1.2, "parted": .2, "swept": .45, "curly": .9, "afro": 1.2, "tied": .04, "long": .10, "bob": .12, "bald": .8}
VOLUME = {"parted": .011, "swept": .011, "tied": .004, "long": .011, "bob": .012, "short": .006}
CLING = {"long": 1., "bob": 1., "parted": .8, "swept": .25}
COUNT = {"buzz": 9000, "short": 9000, "parted": 9000, "swept": 9000, "curly": 7000, "afro": 9000, "tied": 8000, "long": 9000, "bob": 9000,
         "bald": 0}


def scalp(person: Person, fine: np.ndarray) -> Strands | None:
    """The hair of the head over the neutral fine skin (N,3), or None for the bald."""
    style, rng = person.hair.style, np.random.default_rng([person.seed, 40])
    if not COUNT[style]:
        return None
    normal = surface.normals(fine, surface.skin().quads)
    corners, weights = surface.scatter(rng, np.where((grows := surface.scalp(person.hair.hairline)) > .4, grows, 0), fine, COUNT[style])
    root = (fine[corners] * weights[..., None]).sum(1)
    n0 = _unit((normal[corners] * weights[..., None]).sum(1))
    clumps = rng.integers(0, len(root), 260)
    clump = cKDTree(root[clumps]).query(root)[1]
    jitter = rng.normal(0, 1, (260, 3))[clump] * .2 + rng.normal(0, .12, root.shape)
    spread = (.9, 1.05) if person.hair.style in ("long", "bob") else (.75, 1.1)
    length = person.hair.length * rng.uniform(*spread, len(root)) * _cut(person, root)
    points = _grow(rng, person, root, n0, length, jitter, fine, normal)
    points = _gather(points, clump, clumps, .45 if style not in ("buzz", "tied") else .1)
    if person.hair.curl > .05:
        points += _curls(rng, person, points, clump)
    if style in CLING or style == "tied":
        # Few strands stray over the forehead or the throat, and those look like scratches on the picture: leave them out.
        x, y, z = points[..., 0], points[..., 1], points[..., 2]
        before = (y < .0) & (z < .057) & (np.abs(x) < .055) | (y < .06) & (z < -.10) & (np.abs(x) < .05)
        keep = ~before.any(1)
        corners, weights, points, root = corners[keep], weights[keep], points[keep], root[keep]
    radius = {"buzz": .00022, "afro": .00035, "curly": .00035}.get(style, .00034)
    return Strands(corners, weights, points - root[:, None], _taper(radius * (1.25 if person.hair.length > .15 else 1.), points.shape[1], .5))


def _cut(person: Person, root: np.ndarray) -> np.ndarray:
    """Share of the length at a root: shorter at the sides and the neck of short cuts, and at the very hairline."""
    if person.hair.style in ("short", "parted", "swept") and person.male:
        return .22 + .78 * surface.smooth_step(root[:, 2], .03, .085)
    return np.ones(len(root))


def _grow(rng: np.random.Generator, person: Person, root: np.ndarray, n0: np.ndarray, length: np.ndarray, jitter: np.ndarray,
          fine: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Step along the field, bend under gravity, and stay outside the head: (n,k,3)."""
    style = person.hair.style
    k = {"buzz": 4, "short": 6, "long": 18, "bob": 14}.get(style, 9)
    hangs = style in ("long", "bob") or (style == "parted" and not person.male)
    head = np.flatnonzero(fine[:, 2] > -.16)
    tree = cKDTree(fine[head])
    step = (length / (k - 1))[:, None]
    layer = .0015 + VOLUME.get(style, .003) * rng.random(len(root)) ** 1.3
    p, points, d = root, [root], _unit(n0 * LIFT[style] + _field(person, root, n0) + jitter)
    for i in range(1, k):
        near = head[tree.query(p)[1]]
        n = normal[near]
        flow = _field(person, p, n) + (.12 if hangs else .5) * jitter
        flow -= .85 * np.minimum((flow * n).sum(1), 0)[:, None] * n
        if style in CLING:
            # What leaves the skull falls back on it, down to the ears.
            gap = ((p - fine[near]) * n).sum(1) - layer
            flow -= (CLING[style] * np.clip(70 * gap, 0, 2) * surface.smooth_step(p[:, 2], -.05, .01))[:, None] * n
        d = _unit(.5 * d + .5 * _unit(flow) + np.array([0, 0, -.10 if hangs else 0.]))
        p = p + d * step
        if hangs:
            p = _off_the_face(p)
        near = head[tree.query(p)[1]]
        gap = ((p - fine[near]) * normal[near]).sum(1)
        p = p + np.maximum(layer * min(1, i / 2) - gap, 0)[:, None] * normal[near]
        points.append(p)
    return np.stack(points, 1)


def _off_the_face(p: np.ndarray) -> np.ndarray:
    """Move points that hang before the face aside, past the cheek."""
    x, y, z = p.T
    over = (y < .035) & (z < .050)
    wide = np.where(over, np.sign(x) * np.maximum(np.abs(x), .070), x)
    return np.stack([wide, np.where(over, y + .3 * (.035 - y), y), z], 1)


def _gather(points: np.ndarray, clump: np.ndarray, clumps: np.ndarray, strength: float) -> np.ndarray:
    """Draw the tips of a clump's strands towards the strand in its middle."""
    share = strength * np.linspace(0, 1, points.shape[1])[None, :, None] ** 1.5
    return points * (1 - share) + share * points[clumps][clump]


def _curls(rng: np.random.Generator, person: Person, points: np.ndarray, clump: np.ndarray) -> np.ndarray:
    k = points.shape[1]
    phase = rng.uniform(0, 2 * np.pi, clump.max() + 1)[clump] + rng.normal(0, .35, len(points))
    turns = np.linspace(0, 2 * np.pi * (1 + 2 * person.hair.curl) * person.hair.length / .05, k)
    angle = phase[:, None] + turns
    along = _unit(np.gradient(points, axis=1))
    a = _unit(np.cross(along, np.array([.3, .2, .9])))
    b = np.cross(along, a)
    size = .006 * person.hair.curl * np.linspace(0, 1, k) ** .6
    return size[None, :, None] * (np.cos(angle)[..., None] * a + np.sin(angle)[..., None] * b)


# The brow's middle line on the average head (metres from the nose's middle, above the eyes), inner end to tail.
BROW_X = np.array([.0115, .020, .030, .040, .048, .0545])
BROW_Z = np.array([.0175, .0200, .0222, .0235, .0220, .0175])


def brows(person: Person, fine: np.ndarray) -> Strands:
    """Short hairs lying along the brow: upwards at the inner end, outwards beyond, the upper edge turned down."""
    rng, b = np.random.default_rng([person.seed, 41]), person.brows
    x, y, z = surface.canon().T
    line = np.interp(np.abs(x), BROW_X, BROW_Z) + .0035 * (b.arch - 1) * np.exp(-((np.abs(x) - .040) / .010) ** 2)
    half = b.thickness * np.interp(np.abs(x), [.010, .014, .03, .042, .055], [.30, .46, .52, .42, .14])
    inside = np.exp(-((z - line) / half) ** 2 * 1.2) * surface.smooth_step(np.abs(x), .0085, .0135) * (
        1 - surface.smooth_step(np.abs(x), .053, .057)) * (y < .02)
    inside[inside < .12] = 0
    corners, weights = surface.scatter(rng, inside, fine, int(760 * b.density))
    root_c = (surface.canon()[corners] * weights[..., None]).sum(1)
    n = _unit((surface.normals(fine, surface.skin().quads)[corners] * weights[..., None]).sum(1))
    rx, out = np.abs(root_c[:, 0]), np.sign(root_c[:, 0])
    slope = np.interp(rx, [.010, .018, .030, .042, .055], [1.3, .75, .35, -.1, -.5])
    above = (root_c[:, 2] - np.interp(rx, BROW_X, BROW_Z)) / b.thickness
    d = np.stack([out, .3 * np.ones_like(rx), slope - 1.0 * above], 1) + rng.normal(0, .18, (len(rx), 3))
    d = _unit(d - (d * n).sum(1)[:, None] * n)
    k, length = 4, rng.uniform(.0045, .0080, len(rx)) * np.interp(rx, [.010, .02, .055], [.75, 1, .8])
    s = np.linspace(0, 1, k)[None, :, None]
    offsets = length[:, None, None] * s * d[:, None] + n[:, None] * (.0008 * np.sin(np.pi * s * .7) + .0002)
    return Strands(corners, weights, offsets, _taper(.00014, k, .35))


def beard(person: Person, fine: np.ndarray) -> Strands | None:
    """A beard's hairs, growing down and forward; None for those without."""
    if person.beard == "none":
        return None
    rng = np.random.default_rng([person.seed, 42])
    where = {"full": surface.beard, "goatee": surface.goatee, "moustache": surface.moustache}[person.beard]()
    count = {"full": 9000, "goatee": 3600, "moustache": 1500}[person.beard]
    corners, weights = surface.scatter(rng, where, fine, count)
    n = _unit((surface.normals(fine, surface.skin().quads)[corners] * weights[..., None]).sum(1))
    root = (fine[corners] * weights[..., None]).sum(1)
    aside = .5 * np.sign(root[:, :1]) * (root[:, 2:] > -.068) * np.array([[1., 0, 0]])
    d = _unit(n * .35 + np.array([0, -.1, -.8]) + aside + rng.normal(0, .22, root.shape))
    length = rng.uniform(.5, 1.1, len(root)) * rng.uniform(.003, .009)
    s = np.linspace(0, 1, 4)[None, :, None]
    bend = np.array([0, 0, -.25]) * s**2
    return Strands(corners, weights, length[:, None, None] * (s * d[:, None] + bend), _taper(.00014, 4))


@dataclass(frozen=True)
class Lashes:
    """Strands over MakeHuman's lash strips: corners (n,k,4) of the body's vertices and weights (n,k,4)."""
    corners: np.ndarray
    weights: np.ndarray
    radius: np.ndarray

    def points(self, v: np.ndarray) -> np.ndarray:
        return (v[self.corners] * self.weights[..., None]).sum(2)


def lashes(v: np.ndarray) -> Lashes:
    """Two or three lashes to every quad of the strips, from the lid outwards. v (V,3): the neutral body."""
    topology, rng, corners, weights = heads.topology(), np.random.default_rng(43), [], []
    for group in ("helper-l-eyelashes-1", "helper-r-eyelashes-1", "helper-l-eyelashes-2", "helper-r-eyelashes-2"):
        faces = topology.faces[topology.groups == group]
        inward = heads.eye_centre_of(v, group[7])
        d = np.linalg.norm(v[faces] - inward, axis=2)
        turn = np.argmin(d + np.roll(d, -1, 1), 1)
        faces = np.stack([faces[np.arange(len(faces)), (turn + i) % 4] for i in range(4)], 1)
        for a in (.2, .55, .85):
            u = np.clip(a + rng.normal(0, .12, len(faces)), 0, 1)
            s = np.linspace(0, 1, 3)[None]
            w = np.stack([(1 - u)[:, None] * (1 - s), u[:, None] * (1 - s), u[:, None] * s, (1 - u)[:, None] * s], 2)
            corners.append(faces[:, None].repeat(3, 1))
            weights.append(w)
    return Lashes(np.concatenate(corners), np.concatenate(weights), _taper(.00012, 3, .4))
