"""The skin as a fine mesh: Catmull-Clark subdivision as one sparse matrix.

Subdivision is linear in the vertices, so that an expression or another person costs one matrix product.
Units: metres, body axes, origin midway between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import heads
import numpy as np
from scipy import sparse


def catmull_clark(faces: np.ndarray, n: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One step for quads (F,4) over n vertices: (matrix (n', n), quads (4F,4)). Catmull and Clark (1978)."""
    f = len(faces)
    ends = np.stack([faces, np.roll(faces, -1, 1)], 2).reshape(-1, 2)
    edges, inverse = np.unique(np.sort(ends, 1), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    e, owner = len(edges), np.repeat(np.arange(f), 4)
    face_points = sparse.csr_matrix((np.full(4 * f, 0.25), (owner, faces.reshape(-1))), (f, n))
    touching = sparse.csr_matrix((np.ones(4 * f), (inverse, owner)), (e, f))
    uses = np.asarray(touching.sum(1)).ravel()
    middle = sparse.csr_matrix((np.full(2 * e, 0.5), (np.repeat(np.arange(e), 2), edges.reshape(-1))), (e, n))
    inner = uses == 2
    diag = sparse.diags
    edge_points = diag(np.where(inner, 0.5, 1.0)) @ middle + diag(np.where(inner, 0.25, 0.0)) @ touching @ face_points
    # Vertices: (Q + 2R + (k-3)S) / k inside, 1/8 6/8 1/8 along a border.
    at_edge = sparse.csr_matrix((np.ones(2 * e), (edges.reshape(-1), np.repeat(np.arange(e), 2))), (n, e))
    at_face = sparse.csr_matrix((np.ones(4 * f), (faces.reshape(-1), owner)), (n, f))
    k = np.maximum(np.asarray(at_edge.sum(1)).ravel(), 1)
    border_edge = at_edge @ sparse.diags((~inner).astype(float))
    on_border = np.asarray(border_edge.sum(1)).ravel() > 0
    smooth = (
        diag(1 / np.maximum(np.asarray(at_face.sum(1)).ravel(), 1) / k) @ at_face @ face_points
        + diag(2 / k / k) @ at_edge @ middle
        + diag((k - 3) / k)
    )
    border = 0.25 * border_edge @ middle + diag(np.full(n, 0.5))
    vertex_points = diag((~on_border).astype(float)) @ smooth + diag(on_border.astype(float)) @ border
    v, mid, centre = faces, n + inverse.reshape(f, 4), n + e + np.arange(f)[:, None].repeat(4, 1)
    quads = np.stack([v, mid, centre, np.roll(mid, 1, 1)], 2).reshape(-1, 4)
    return sparse.vstack([vertex_points, edge_points, face_points]).tocsr(), quads


@dataclass(frozen=True)
class Patch:
    """A part of the body made fine: fine = matrix @ all vertices (V,3); quads (Q,4) number the fine ones."""

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
    """The faces of `group` that lie above `above` metres (eyes at 0) on the average head, subdivided."""
    topology = heads.topology()
    height = heads.average()[topology.faces][:, :, 2].mean(1)
    return _patch((topology.groups == group) & (height > above), levels)


def skin() -> Patch:
    return patch("body", 2, -0.24)


@lru_cache(8)
def painted(name: str) -> np.ndarray:
    """(N,) in [0,1]: one of MakeHuman's CC0 pictures of regions (lips, ears, eyelids, inside-mouth)."""
    topology, total = heads.topology(), len(heads.average())
    picture = cv2.imread(str(heads.data_folder() / f"textures/mpfb_{name}.jpg"), 0).astype(np.float32) / 255
    side = picture.shape[0] - 1
    value = np.zeros(total)
    at = np.clip(np.round(topology.uv[topology.face_uv] * side), 0, side).astype(int)
    np.maximum.at(value, topology.faces.reshape(-1), picture[side - at[..., 1], at[..., 0]].reshape(-1))
    return np.clip(skin().matrix @ np.where(value > 0.5, 1.0, 0.0), 0, 1)


@lru_cache(1)
def canon() -> np.ndarray:
    """(N,3) where each fine skin vertex lies on the average head."""
    return skin().fine(heads.average())


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def normals(v: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """(N,3) unit normals at the vertices of a quad mesh."""
    face = np.cross(v[quads[:, 2]] - v[quads[:, 0]], v[quads[:, 3]] - v[quads[:, 1]])
    out = np.zeros_like(v)
    for corner in quads.T:
        np.add.at(out, corner, face)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def scatter(rng: np.random.Generator, density: np.ndarray, v: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n random points on the fine skin, by area times density (N,): corners (n,4) and their weights (n,4)."""
    quads = skin().quads
    area = np.linalg.norm(np.cross(v[quads[:, 2]] - v[quads[:, 0]], v[quads[:, 3]] - v[quads[:, 1]]), axis=1)
    chance = area * density[quads].mean(1)
    chosen = quads[rng.choice(len(quads), n, p=chance / chance.sum())]
    a, b = rng.random((2, n))
    return chosen, np.stack([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b], 1)
