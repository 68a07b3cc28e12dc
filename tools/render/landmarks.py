"""The 68 iBUG points on the MakeHuman mesh, found by measurement.

Heads that are not in the data set are rendered in a few poses, dlib marks its 68 points on the pictures, and
for every point the place on the skin is sought whose projection lies nearest to dlib's point over all heads
and poses: first among the fine mesh's vertices that can be seen from the front, then inside the quads around
the best one. The two halves of the face are fitted together, so that the points are as symmetric as the mesh.
The result, landmarks68.json, holds for each point a few vertices of base.obj and their weights.

    landmarks.py measure --heads 100:126 --work DIR   renders into DIR (resumable), writes landmarks68.json
    landmarks.py model                                writes dfdlib/assets/world_model.csv from it
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

FILE = Path(__file__).with_name("landmarks68.json")
WORLD_MODEL = Path(__file__).parents[2] / "dfdlib/assets/world_model.csv"
# Landmark i (from 0) and its mirror image, iBUG-68: contour, brows, nose, eyes, outer and inner lips.
# fmt: off
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])
# fmt: on
# yaw, pitch, roll in degrees and facial actions: near frontal, where the contour is the jaw.
POSES = (
    (0, 0, 0, ()),
    (10, 2, 0, ()),
    (-10, -2, 0, ()),
    (3, 4, 0, (("jawOpen", 0.45), ("mouthLowerDownLeft", 0.2), ("mouthLowerDownRight", 0.2))),
    (-4, -5, 0, (("mouthSmileLeft", 0.3), ("mouthSmileRight", 0.3))),
)
# A miss beyond this share of the distance between the eyes' outer corners counts no more: dlib failed there.
CLIP = 0.12


@lru_cache(1)
def _matrix() -> sparse.csr_matrix:
    stored = json.loads(FILE.read_text(encoding="utf-8"))["points"]
    rows = np.repeat(np.arange(68), [len(p["vertices"]) for p in stored])
    columns, weights = (np.concatenate([p[k] for p in stored]) for k in ("vertices", "weights"))
    return sparse.csr_matrix((weights, (rows, columns.astype(int))), (68, columns.astype(int).max() + 1))


def points(vertices: np.ndarray) -> np.ndarray:
    """The 68 points (68,3) of a body's vertices (V,3) numbered as in base.obj; units and axes as given."""
    matrix = _matrix()
    return matrix @ vertices[: matrix.shape[1]]


def people_model(n: int = 60, first: int = 1000) -> np.ndarray:
    """(68,3) millimetres in head axes: the mean neutral face of people outside the set, made symmetric."""
    import heads
    import people

    found = []
    for seed in range(first, first + n):
        person = people.person(seed)
        found.append(points(heads.to_head(heads.vertices(person), person)))
        heads.basis.cache_clear()
    mean = np.mean(found, axis=0)
    return (mean + mean[MIRROR] * [-1, 1, 1]) / 2


def write_world_model(model: np.ndarray) -> None:
    """68 rows index,x,y,z: iBUG number from 1, millimetres, head axes (see heads.py)."""
    lines = ["index,x,y,z"] + [f"{i},{x:.2f},{y:.2f},{z:.2f}" for i, (x, y, z) in enumerate(model, 1)]
    WORLD_MODEL.write_text("\n".join(lines).replace("-0.00", "0.00") + "\n", encoding="utf-8")


@lru_cache(1)
def _dlib() -> tuple:
    import dlib

    # Found without importing the package, whose import needs an old setuptools.
    folder = Path(importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]) / "models"
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))


def detect(picture: np.ndarray, upsample: int = 0) -> np.ndarray | None:
    """dlib's 68 points (68,2) float of the largest face in uint8 RGB (H,W,3), or None."""
    import cv2

    detector, predictor = _dlib()
    boxes = detector(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), upsample)
    if not boxes:
        return None
    shape = predictor(picture, max(boxes, key=lambda b: b.area()))
    return np.array([(p.x, p.y) for p in shape.parts()], float)


def shoot(seeds: range, work: Path) -> None:
    """Render the heads of `seeds` in POSES without hair; work/<seed>.npz: pictures, vertices in head axes, R,
    t, camera."""
    import heads
    import people
    import scene

    scene.SAMPLES, size = 6, (224, 224)
    work.mkdir(parents=True, exist_ok=True)
    for seed in (s for s in seeds if not (work / f"{s}.npz").exists()):
        person = people.person(seed)
        poses = [people.Pose(*p[:3], actions=p[3]) for p in POSES]
        stage, pictures = scene.build(person, size, "face"), []
        for i, pose in enumerate(poses):
            scene.pose(stage, pose)
            pictures.append(scene._shoot(person, size, i))
        v = np.stack([heads.to_head(heads.vertices(person, p), person) for p in poses])
        r, t = zip(*(heads.rigid(person, p) for p in poses), strict=True)
        np.savez(
            work / f"{seed}.npz",
            im=np.stack(pictures),
            V=v.astype(np.float32),
            R=np.stack(r),
            t=np.stack(t),
            K=heads.camera_matrix(person, size),
        )
        heads.basis.cache_clear()


def observe(work: Path) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of every picture in which dlib finds a face: vertices (V,3) mm, projection (3,4), dlib's points
    (68,2)."""
    found = []
    for file in sorted(work.glob("*.npz")):
        with np.load(file) as d:
            for picture, v, r, t in zip(d["im"], d["V"], d["R"], d["t"], strict=True):
                if (marks := detect(picture)) is not None:
                    found.append((v, d["K"] @ np.column_stack([r, t]), marks))
    return found


def _misses(matrix: sparse.csr_matrix, seen: list, wanted: np.ndarray) -> np.ndarray:
    """(len(wanted), candidates): mean clipped distance to dlib's points in shares of the outer eye corners'
    distance."""
    total = np.zeros((len(wanted), matrix.shape[0]))
    for v, projection, marks in seen:
        x = (matrix @ v) @ projection[:, :3].T + projection[:, 3]
        p = x[:, :2] / x[:, 2:]
        unit = np.linalg.norm(marks[45] - marks[36])
        distance = np.linalg.norm(p[None] - marks[wanted][:, None], axis=2) / unit
        total += np.minimum(distance, CLIP)
    return total / len(seen)


def visible(v: np.ndarray, quads: np.ndarray, cell: float = 0.0007, slack: float = 0.0012) -> np.ndarray:
    """(N,) which vertices (N,3; metres, body axes) are seen from the front: a depth map of densely sampled
    quads."""
    a, b = (g.ravel()[None, :, None] for g in np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9)))
    q = v[quads][:, :, None]
    dense = ((1 - a) * (1 - b) * q[:, 0] + a * (1 - b) * q[:, 1] + a * b * q[:, 2] + (1 - a) * b * q[:, 3]).reshape(
        -1, 3
    )
    low = v.min(0)
    width, height = np.ceil((np.ptp(v, axis=0))[[0, 2]] / cell).astype(int) + 2

    def index(p: np.ndarray) -> np.ndarray:
        return ((p[:, 0] - low[0]) / cell).astype(int) * height + ((p[:, 2] - low[2]) / cell).astype(int)

    depth = np.full(width * height, np.inf)
    np.minimum.at(depth, index(dense), dense[:, 1])
    return v[:, 1] <= depth[index(v)] + slack


def _around(best: int, quads: np.ndarray, x: np.ndarray, middle: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points in the quads around vertex `best`: corners (n,4) and weights (n,4); on the midline along its
    edges alone."""
    near = quads[(quads == best).any(1)]
    if middle:
        ends = [v for v in np.unique(near) if abs(x[v]) < 2e-4 and v != best]
        share = np.linspace(0, 0.5, 6)
        corners = np.array([[best, e, best, best] for e in ends for _ in share])
        weights = np.array([[1 - s, s, 0, 0] for _ in ends for s in share])
        return corners, weights
    a, b = (g.ravel() for g in np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 6)))
    weights = np.stack([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b], 1)
    return np.repeat(near, len(weights), 0), np.tile(weights, (len(near), 1))


def _contour_depth(cost: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(17,) metres: a smooth depth for the contour, which near-frontal pictures alone leave loose.

    A symmetric quartic through the best candidates' depths; cost (68, candidates), where (candidates, 3).
    """
    side = np.abs(np.arange(17) - 8) / 8
    depth = where[cost[:17].argmin(1), 1]
    powers = np.stack([side**0, side**2, side**4], 1)
    return powers @ np.linalg.lstsq(powers, depth, rcond=None)[0]


def fit(seen: list) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The matrix (68, V) from base.obj's vertices to the points, and each point's mean miss (68,)."""
    import heads
    import surface

    patch, canon = surface.skin(), surface.canon()
    _, twin = cKDTree(canon * [-1, 1, 1]).query(canon)
    jaw = heads.basis(heads.AVERAGE)[1]["jawOpen"]
    front = visible(canon, patch.quads) | visible(patch.fine(heads.average() + 0.4 * jaw), patch.quads)
    front &= (surface.painted("inside-mouth") < 0.6) & (canon[:, 2] > -0.15) & (canon[:, 2] < 0.06)
    candidates = np.flatnonzero(front & front[twin])
    misses = _misses(patch.matrix[candidates], seen, np.arange(68))
    mirrored = misses[:, np.searchsorted(candidates, twin[candidates])]
    depth = _contour_depth(misses + mirrored[MIRROR], canon[candidates])
    rows, miss = [], np.zeros(68)
    for i in range(68):
        middle = MIRROR[i] == i
        cost = misses[i] + mirrored[MIRROR[i]] + (np.abs(canon[candidates, 0]) > 2e-4) * float(middle)
        if i < 17:
            cost += 3 * np.abs(canon[candidates, 1] - depth[i])
        corners, weights = _around(candidates[cost.argmin()], patch.quads, canon[:, 0], middle)
        both = []
        for numbers, which in ((corners, i), (twin[corners], MIRROR[i])):
            pick = (
                sparse.csr_matrix(
                    (weights.ravel(), (np.repeat(np.arange(len(corners)), 4), numbers.ravel())),
                    (len(corners), len(canon)),
                )
                @ patch.matrix
            )
            both.append((pick, _misses(pick, seen, np.array([which]))[0]))
        best = (both[0][1] + both[1][1]).argmin()
        rows.append(both[0][0][best])
        miss[i] = both[0][1][best]
    return sparse.vstack(rows).tocsr(), miss


def measure(work: Path) -> None:
    """Fit the points to the pictures in `work` and write landmarks68.json."""
    seen = observe(work)
    matrix, miss = fit(seen)
    stored = []
    for row, m in zip(matrix, miss, strict=True):
        row.sum_duplicates()
        keep = np.abs(row.data) > 1e-4
        weights = row.data[keep] / row.data[keep].sum()
        stored.append(
            {
                "vertices": row.indices[keep].tolist(),
                "weights": [round(float(w), 5) for w in weights],
                "miss": round(float(m), 4),
            }
        )
    head = {
        "what": "iBUG-68 points as weighted vertices of MakeHuman's base.obj",
        "miss": "mean distance from dlib's point, as a share of the outer eye corners' distance",
        "pictures": len(seen),
    }
    lines = ",\n".join(json.dumps(p) for p in stored)
    FILE.write_text(json.dumps(head)[:-1] + ', "points": [\n' + lines + "\n]}\n", encoding="utf-8")
    _matrix.cache_clear()
    print(
        f"{len(seen)} pictures; mean miss 1-17 {miss[:17].mean():.3f}, 18-68 {miss[17:].mean():.3f}, worst "
        + " ".join(f"{i + 1}:{miss[i]:.3f}" for i in np.argsort(-miss)[:12])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "model"])
    parser.add_argument("--heads", default="100:126")
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    if args.what == "model":
        return write_world_model(people_model())
    shoot(range(*map(int, args.heads.split(":"))), args.work)
    measure(args.work)


if __name__ == "__main__":
    main()
