"""Brows, lashes and beards: strands whose roots follow the deforming skin. Units as in hair.py."""

from __future__ import annotations

from dataclasses import dataclass

import heads
import numpy as np
import paint
import surface
from hair import Strands, on_skin, taper, unit
from traits import Person

# The brow's middle line on the average head: metres from the nose's middle and above the eyes, inner end to tail.
BROW_X = np.array([0.0115, 0.020, 0.030, 0.040, 0.048, 0.0545])
BROW_Z = np.array([0.0175, 0.0200, 0.0222, 0.0235, 0.0220, 0.0175])
BEARDS = {"full": (paint.beard, 9000), "goatee": (paint.goatee, 3600), "moustache": (paint.moustache, 1500)}


def _brow_region(person: Person) -> np.ndarray:
    """(N,) how densely brow hair grows."""
    b = person.brows
    x, y, z = surface.canon().T
    x = np.abs(x)
    line = np.interp(x, BROW_X, BROW_Z) + 0.0035 * (b.arch - 1) * np.exp(-(((x - 0.040) / 0.010) ** 2))
    half = b.thickness * np.interp(x, [0.010, 0.014, 0.03, 0.042, 0.055], [0.30, 0.46, 0.52, 0.42, 0.14])
    ends = surface.smooth_step(x, 0.0085, 0.0135) * (1 - surface.smooth_step(x, 0.053, 0.057)) * (y < 0.02)
    inside = np.exp(-(((z - line) / half) ** 2) * 1.2) * ends
    return np.where(inside < 0.12, 0, inside)


def brows(person: Person, fine: np.ndarray) -> Strands:
    """Short hairs lying along the brow: upwards at the inner end, outwards beyond, the upper edge turned down."""
    rng, b, k = np.random.default_rng([person.seed, 41]), person.brows, 4
    corners, weights = surface.scatter(rng, _brow_region(person), fine, int(760 * b.density))
    root = on_skin(surface.canon(), corners, weights)
    n = unit(on_skin(surface.normals(fine, surface.skin().quads), corners, weights))
    x, out = np.abs(root[:, 0]), np.sign(root[:, 0])
    slope = np.interp(x, [0.010, 0.018, 0.030, 0.042, 0.055], [1.3, 0.75, 0.35, -0.1, -0.5])
    above = (root[:, 2] - np.interp(x, BROW_X, BROW_Z)) / b.thickness
    d = np.stack([out, 0.3 * np.ones_like(x), slope - 1.0 * above], 1) + rng.normal(0, 0.18, (len(x), 3))
    d = unit(d - (d * n).sum(1)[:, None] * n)
    length = rng.uniform(0.0045, 0.0080, len(x)) * np.interp(x, [0.010, 0.02, 0.055], [0.75, 1, 0.8])
    s = np.linspace(0, 1, k)[None, :, None]
    offsets = length[:, None, None] * s * d[:, None] + n[:, None] * (0.0008 * np.sin(np.pi * s * 0.7) + 0.0002)
    return Strands(corners, weights, offsets, taper(0.00014, k, 0.35))


def beard(person: Person, fine: np.ndarray) -> Strands | None:
    """A beard's hairs, growing down and forward; None for those without."""
    if person.beard not in BEARDS:
        return None
    rng, (where, count) = np.random.default_rng([person.seed, 42]), BEARDS[person.beard]
    corners, weights = surface.scatter(rng, where(), fine, count)
    n = unit(on_skin(surface.normals(fine, surface.skin().quads), corners, weights))
    root = on_skin(fine, corners, weights)
    aside = 0.5 * np.sign(root[:, :1]) * (root[:, 2:] > -0.068) * np.array([[1.0, 0, 0]])
    d = unit(n * 0.35 + np.array([0, -0.1, -0.8]) + aside + rng.normal(0, 0.22, root.shape))
    length = rng.uniform(0.5, 1.1, len(root)) * rng.uniform(0.003, 0.009)
    s = np.linspace(0, 1, 4)[None, :, None]
    bend = np.array([0, 0, -0.25]) * s**2
    return Strands(corners, weights, length[:, None, None] * (s * d[:, None] + bend), taper(0.00014, 4))


@dataclass(frozen=True)
class Lashes:
    """Strands over MakeHuman's lash strips: corners (n,k,4) of the body's vertices, weights (n,k,4), radius (k,)."""

    corners: np.ndarray
    weights: np.ndarray
    radius: np.ndarray

    def points(self, v: np.ndarray) -> np.ndarray:
        """(n,k,3) for the body's vertices (V,3)."""
        return (v[self.corners] * self.weights[..., None]).sum(2)


def lashes(v: np.ndarray) -> Lashes:
    """Three lashes to every quad of the strips, from the lid outwards. v (V,3): the neutral body."""
    topology, rng, corners, weights = heads.topology(), np.random.default_rng(43), [], []
    for group in (f"helper-{side}-eyelashes-{lid}" for lid in (1, 2) for side in "lr"):
        faces = topology.faces[topology.groups == group]
        # Turn every quad so that its first edge is the one nearest to the eyeball, that is, on the lid.
        d = np.linalg.norm(v[faces] - heads.eye_centre_of(v, group[7]), axis=2)
        turn = np.argmin(d + np.roll(d, -1, 1), 1)
        faces = np.stack([faces[np.arange(len(faces)), (turn + i) % 4] for i in range(4)], 1)
        for a in (0.2, 0.55, 0.85):
            u = np.clip(a + rng.normal(0, 0.12, len(faces)), 0, 1)[:, None]
            s = np.linspace(0, 1, 3)[None]
            corners.append(faces[:, None].repeat(3, 1))
            weights.append(np.stack([(1 - u) * (1 - s), u * (1 - s), u * s, (1 - u) * s], 2))
    return Lashes(np.concatenate(corners), np.concatenate(weights), taper(0.00012, 3, 0.4))
