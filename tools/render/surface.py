"""The skin as a fine mesh: Catmull-Clark subdivision as one sparse matrix, and the regions that are painted on it.

Subdivision is linear in the vertices, so that an expression or another person costs one matrix product, and every region is
drawn once, on the average head, for everybody. Units: metres, body axes, origin midway between the eyes.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import heads
import numpy as np
from people import Person
from scipy import sparse


def catmull_clark(faces: np.ndarray, n: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One step for quads (F,4) over n vertices: (matrix (n', n), quads (4F,4)). Catmull and Clark (1978)."""
    f = len(faces)
    ends = np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2)
    edges, inverse = np.unique(np.sort(ends, 1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    e, owner = len(edges), np.repeat(np.arange(f), 4)
    face_points = sparse.csr_matrix((np.full(4 * f, .25), (owner, faces.reshape(-1))), (f, n))
    touching = sparse.csr_matrix((np.ones(4 * f), (inverse, owner)), (e, f))
    uses = np.asarray(touching.sum(1)).ravel()
    middle = sparse.csr_matrix((np.full(2 * e, .5), (np.repeat(np.arange(e), 2), edges.reshape(-1))), (e, n))
    inner = uses == 2
    edge_points = sparse.diags(np.where(inner, .5, 1.)) @ middle + sparse.diags(np.where(inner, .25, 0.)) @ touching @ face_points
    # Vertices: (Q + 2R + (k-3)S) / k inside, 1/8 6/8 1/8 along a border.
    at_edge = sparse.csr_matrix((np.ones(2 * e), (edges.reshape(-1), np.repeat(np.arange(e), 2))), (n, e))
    at_face = sparse.csr_matrix((np.ones(4 * f), (faces.reshape(-1), owner)), (n, f))
    k = np.maximum(np.asarray(at_edge.sum(1)).ravel(), 1)
    border_edge = at_edge @ sparse.diags((~inner).astype(float))
    on_border = np.asarray(border_edge.sum(1)).ravel() > 0
    diag = sparse.diags
    smooth = (diag(1 / np.maximum(np.asarray(at_face.sum(1)).ravel(), 1) / k) @ at_face @ face_points
              + diag(2 / k / k) @ at_edge @ middle + diag((k - 3) / k))
    border = .25 * border_edge @ middle + diag(np.full(n, .5))
    vertex_points = diag((~on_border).astype(float)) @ smooth + diag(on_border.astype(float)) @ border
    v, mid, centre = faces, n + inverse.reshape(f, 4), n + e + np.arange(f)[:, None].repeat(4, 1)
    quads = np.stack([v, mid, centre, np.roll(mid, 1, 1)], 2).reshape(-1, 4)
    return sparse.vstack([vertex_points, edge_points, face_points]).tocsr(), quads


@dataclass(frozen=True)
class Patch:
    """A part of the body made fine: fine = matrix @ all vertices (V,3); quads (Q,4) number the fine vertices."""
    matrix: sparse.csr_matrix
    quads: np.ndarray

    def fine(self, v: np.ndarray) -> np.ndarray:
        return self.matrix @ v


def _patch(keep: np.ndarray, levels: int) -> Patch:
    topology = heads.topology()
    total = len(heads.average())
    used, faces = np.unique(topology.faces[keep], return_inverse=True)
    faces = faces.reshape(-1, 4)
    matrix = sparse.csr_matrix((np.ones(len(used)), (np.arange(len(used)), used)), (len(used), total))
    for _ in range(levels):
        step, faces = catmull_clark(faces, matrix.shape[0])
        matrix = step @ matrix
    return Patch(matrix.tocsr(), faces)


@lru_cache(16)
def patch(group: str, levels: int = 2, above: float = -9.0) -> Patch:
    """The faces of `group` whose centre lies above `above` metres (eyes at 0) on the average head, subdivided."""
    topology = heads.topology()
    height = heads.average()[topology.faces][:, :, 2].mean(1)
    return _patch((topology.groups == group) & (height > above), levels)


def skin() -> Patch:
    return patch("body", 2, -.24)


@lru_cache(8)
def painted(name: str) -> np.ndarray:
    """(N,) in [0,1] on the fine skin: one of MakeHuman's CC0 region pictures (lips, ears, eyelids, inside-mouth)."""
    topology, total = heads.topology(), len(heads.average())
    picture = cv2.imread(str(heads.data_folder() / f"textures/mpfb_{name}.jpg"), 0).astype(np.float32) / 255
    side = picture.shape[0] - 1
    value = np.zeros(total)
    at = np.clip(np.round(topology.uv[topology.face_uv] * side), 0, side).astype(int)
    np.maximum.at(value, topology.faces.reshape(-1), picture[side - at[..., 1], at[..., 0]].reshape(-1))
    return np.clip(skin().matrix @ np.where(value > .5, 1., 0.), 0, 1)


@lru_cache(1)
def canon() -> np.ndarray:
    """(N,3) where each fine skin vertex lies on the average head."""
    return skin().fine(heads.average())


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blob(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """(N,) a soft mirrored spot on the fine skin around (+-x, y, z)."""
    p = canon() * np.array([1, 1, 1])
    p = np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1)
    return np.exp(-(((p - np.array(centre)) / np.array(radii)) ** 2).sum(1))


def scalp(hairline: float) -> np.ndarray:
    """(N,) 1 where scalp hair grows; hairline 0 is low, 1 receding at the temples."""
    x, y, z = canon().T
    edge = np.interp(y, [-.03, -.01, .01, .03, .045, .055, .075, .09, .12, .17],
                     [.064, .060, .054, .036, .012, -.012, -.014, -.02, -.055, -.085])
    temple = np.exp(-((np.abs(x) - .045) / .018) ** 2 - ((y - .0) / .03) ** 2)
    return smooth_step(z - edge - .016 * hairline * (1 + 1.2 * temple) * (y < .05), -.004, .005) * (painted("ears") < .2) * (
        np.abs(x) < .11) * (z > -.10)


def beard() -> np.ndarray:
    """(N,) 1 where a beard or stubble grows: jaw, chin, upper lip, below the jaw."""
    x, y, z = canon().T
    side = np.abs(x)
    cheek = np.interp(side, [0, .02, .035, .055, .07, .085], [-.048, -.050, -.062, -.058, -.035, -.005])
    low = smooth_step(cheek - z, -.004, .008) * smooth_step(z, -.135, -.115) * (y < .075) * (painted("ears") < .2)
    nose = smooth_step(-z, .042, .047)
    return low * nose * np.clip(1 - 1.5 * painted("lips"), 0, 1) * (1 - painted("inside-mouth"))


def moustache() -> np.ndarray:
    x, y, z = canon().T
    return beard() * (np.abs(x) < .032 - .3 * np.maximum(0, z + .056)) * smooth_step(z, -.070, -.062) * (y < .0)


def goatee() -> np.ndarray:
    x, _, z = canon().T
    return np.maximum(moustache(), beard() * smooth_step(.030 - np.abs(x), 0, .008) * (z < -.060))


def tint(person: Person) -> np.ndarray:
    """(N,3) linear albedo of the fine skin: tone, redness, lips, shadows under the eyes, stubble, scalp below the hair."""
    rng = np.random.default_rng([person.seed, 30])
    skin_ = person.skin
    tone = np.array(skin_.tone)
    red = (blob((.042, .0, -.035), (.022, .03, .018)) + 1.1 * blob((0, -.045, -.036), (.016, .03, .013))
           + .6 * blob((.085, .07, -.03), (.02, .03, .03)) + .4 * blob((0, -.02, -.1), (.02, .03, .012)))
    out = tone * (1 - skin_.redness * np.minimum(red, 1)[:, None] * np.array([.02, .30, .27]))
    under = blob((.030, -.015, -.018), (.014, .03, .006)) * (.3 + .5 * person.age)
    lids = np.clip(painted("eyelids"), 0, 1) * .5
    out *= 1 - (under + .35 * lids)[:, None] * np.array([.22, .30, .24])
    out = _lips(person, out)
    out = _spots(rng, person, out)
    hair = np.array(person.hair.colour)
    cover = {"bald": .28, "buzz": .8}.get(person.hair.style, .92)
    shade = cover * scalp(person.hair.hairline)[:, None]
    stubble = (.55 * skin_.stubble * beard())[:, None]
    out = out * (1 - shade) + shade * (hair * 1.2 if person.hair.style != "bald" else tone * .55)
    return np.clip(out * (1 - stubble) + stubble * (.35 * tone + .5 * np.minimum(hair, .06)), .004, .9)


def _lips(person: Person, out: np.ndarray) -> np.ndarray:
    tone = np.array(person.skin.tone)
    redder = tone * np.array([.82, .58, .57]) * (1 - .38 * person.skin.lips * np.array([.0, 1., .8]))
    mask = painted("lips")[:, None] * .85
    out = out * (1 - mask) + mask * redder
    inside = painted("inside-mouth")[:, None]
    return out * (1 - inside) + inside * np.array([.12, .02, .018])


def _spots(rng: np.random.Generator, person: Person, out: np.ndarray) -> np.ndarray:
    """A few moles and uneven patches, placed by chance on the front of the face."""
    p = canon()
    front = np.flatnonzero((p[:, 1] < .05) & (p[:, 2] < .06) & (p[:, 2] > -.11))
    for at in rng.choice(front, person.skin.moles):
        d = np.linalg.norm(p - p[at], axis=1)
        out = out * (1 - .6 * np.exp(-(d / rng.uniform(.0013, .002)) ** 2)[:, None])
    for at in rng.choice(front, 14):
        d = np.linalg.norm(p - p[at], axis=1)
        patch_ = np.exp(-(d / rng.uniform(.006, .018)) ** 2)[:, None] * rng.normal(0, .10) * person.skin.mottle
        out = out * (1 + patch_ * np.array([.5, 1, 1]))
    return out


def normals(v: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """(N,3) unit normals at the vertices of a quad mesh."""
    face = np.cross(v[quads[:, 2]] - v[quads[:, 0]], v[quads[:, 3]] - v[quads[:, 1]])
    out = np.zeros_like(v)
    for corner in quads.T:
        np.add.at(out, corner, face)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def scatter(rng: np.random.Generator, density: np.ndarray, v: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n random points on the fine skin, by area times density (N,): corner numbers (n,4) and their weights (n,4)."""
    quads = skin().quads
    area = np.linalg.norm(np.cross(v[quads[:, 2]] - v[quads[:, 0]], v[quads[:, 3]] - v[quads[:, 1]]), axis=1)
    chance = area * density[quads].mean(1)
    chosen = quads[rng.choice(len(quads), n, p=chance / chance.sum())]
    a, b = rng.random((2, n))
    return chosen, np.stack([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b], 1)
