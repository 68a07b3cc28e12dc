"""A person before a camera in Blender's Cycles: built once, then posed and rendered frame by frame.

    scene.render(person, people.performance(person, 0, 16), 256, "out")

stage.py makes the objects and says how Blender's world is laid out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import backdrop
import bpy
import cv2
import facial
import heads
import numpy as np
import people
import stage as stages
import surface
from mathutils import Matrix, Vector
from stage import Stage
from traits import Person, Pose

# Few, because the denoiser mends the rest: with 8 and 12 the pictures look the same.
SAMPLES = 6
# The base of the neck, about which shoulders follow the head a little (millimetres, head axes).
NECK = np.array([0.0, 190.0, 95.0])
# Sensor noise, as a standard deviation of the pixels' [0,1].
GRAIN = 1.8 / 255


def build(person: Person, size: tuple[int, int], only: str = "all") -> Stage:
    """An empty Blender scene filled with `person`; `only` "face" leaves out scalp hair and clothes."""
    stage = stages.fill(person, only)
    stages.camera(person)
    stages.lights(person)
    _settings(size)
    return stage


def _settings(size: tuple[int, int]) -> None:
    """One thread a process, few samples and bounces, the denoiser; film colours; no background."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles, render_ = scene.cycles, scene.render
    cycles.device, cycles.samples, cycles.seed, cycles.use_adaptive_sampling = "CPU", SAMPLES, 1, False
    cycles.use_denoising, cycles.denoiser, cycles.denoising_prefilter = True, "OPENIMAGEDENOISE", "FAST"
    cycles.denoising_input_passes, cycles.use_light_tree = "RGB_ALBEDO_NORMAL", False
    cycles.max_bounces, cycles.diffuse_bounces = 3, 1
    cycles.glossy_bounces, cycles.transmission_bounces = 2, 2
    cycles.transparent_max_bounces, cycles.sample_clamp_indirect = 4, 2.0
    scene.cycles_curves.shape, scene.cycles_curves.subdivisions = "RIBBONS", 2
    render_.resolution_x, render_.resolution_y = size
    render_.use_persistent_data, render_.film_transparent = True, True
    render_.threads_mode, render_.threads = "FIXED", 1
    render_.image_settings.file_format, render_.image_settings.color_mode = "PNG", "RGBA"
    scene.view_settings.view_transform, scene.view_settings.look = "Filmic", "Medium High Contrast"
    scene.view_settings.exposure = 0.25


def pose(stage: Stage, pose_: Pose) -> None:
    """Put the head into one frame's expression and place; shoulders follow a quarter of the way."""
    person = stage.person
    v = heads.vertices(person, pose_) - stage.origin
    fine, neutral = surface.skin().fine(v), surface.skin().fine(stage.neutral)
    fixed, chin = _matrix(*heads.rigid(person, pose_)), stages.chin(stage.neutral)
    stages.move(stage.skin, _bend(person, pose_, fine, neutral, chin))
    for ob, part in stage.parts:
        stages.move(ob, part.fine(v))
        ob.matrix_world = fixed
    for ob, strands in stage.moving:
        stages.move(ob, strands.points(v if isinstance(strands, facial.Lashes) else fine))
        ob.matrix_world = fixed
    for ob, rest in stage.cloth:
        stages.move(ob, _bend(person, pose_, rest, rest, chin))
    for ob in stage.rigid:
        ob.matrix_world = fixed
    for ob, centre in zip(stage.eyes, heads.eye_centres(person) - stage.origin, strict=True):
        ob.matrix_world = fixed @ Matrix.Translation(Vector(centre.tolist())) @ _gaze(pose_)


def _matrix(r: np.ndarray, t: np.ndarray) -> Matrix:
    """x_cam = R X + t in millimetres, as Blender's matrix for body axes in metres."""
    out = np.eye(4)
    out[:3, :3] = heads.TO_OPENCV.T @ r @ heads.TO_OPENCV
    out[:3, 3] = t @ heads.TO_OPENCV / 1000
    return Matrix(out.tolist())


def _gaze(pose_: Pose) -> Matrix:
    """The eyes stay mostly on the camera while the head turns, as far as 22 degrees aside, 5 up and 8 down."""
    aside = np.clip(0.8 * pose_.yaw + pose_.gaze[0], -22, 22)
    up = np.clip(0.5 * pose_.pitch + pose_.gaze[1], -8, 5)
    return Matrix.Rotation(np.radians(aside), 4, "Z") @ Matrix.Rotation(np.radians(-up), 4, "X")


def _bend(person: Person, pose_: Pose, v: np.ndarray, rest: np.ndarray, chin: float) -> np.ndarray:
    """World places of centred body points (N,3): the head's motion above the chin, the shoulders' below the neck."""
    r, t = heads.rigid(person, pose_)
    x = 1000 * v @ heads.TO_OPENCV.T
    head = x @ r.T + t
    still = heads.rigid(person, Pose(0, 0, 0))[1] + 0.6 * np.array(pose_.shift)
    turned = heads.rotation(0.25 * pose_.yaw, 0.15 * pose_.pitch, 0.15 * pose_.roll)
    body = (x - NECK) @ turned.T + NECK + still
    w = surface.smooth_step(rest[:, 2], chin - 0.105, chin - 0.012)[:, None]
    return (w * head + (1 - w) * body) @ heads.TO_OPENCV / 1000


def _cycles() -> np.ndarray:
    """Render what is posed: (H,W,4) float32 sRGB and alpha in [0,1], straight alpha."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.png"
        bpy.context.scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255


def _shoot(person: Person, size: tuple[int, int], grain_seed: int) -> np.ndarray:
    """Render what is posed: (H,W,3) uint8 RGB over the person's background, with a little sensor noise."""
    picture = _cycles()
    alpha = picture[..., 3:]
    picture[..., :3] *= alpha
    # The denoiser leaves the alpha channel noisy: soften hair's edge against the background, but not the face.
    soft = cv2.GaussianBlur(picture, (0, 0), 0.8)
    partly = (alpha[..., 0] < 0.97).astype(np.float32) * (alpha[..., 0] > 0)
    edge = cv2.GaussianBlur(partly, (0, 0), 1.2)[..., None]
    picture = picture + np.clip(2 * edge, 0, 1) * (soft - picture)
    out = picture[..., :3] + (1 - picture[..., 3:]) * backdrop.picture(person.background, size)
    noise = np.random.default_rng([person.seed, grain_seed, 60]).normal(0, GRAIN, out.shape)
    return np.clip(np.round(255 * (out + noise)), 0, 255).astype(np.uint8)


def render(
    person: Person, poses: Sequence[Pose], size: int | tuple[int, int], out_dir: str | Path, *, only: str = "all"
) -> None:
    """Write frame_000.png ... and frames.npz (camera_matrix (3,3), R (T,3,3), t (T,3) millimetres) into `out_dir`.

    x_cam = R @ X_head + t, where X_head = heads.to_head(...): millimetres, OpenCV axes, origin midway between the
    centres of the eyeballs. Frames that exist are kept. `only`: "all", or "face" without scalp hair and clothes,
    cropped to the face.
    """
    size = (size, size) if isinstance(size, int) else size
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    todo = [i for i in range(len(poses)) if not (out / f"frame_{i:03d}.png").exists()]
    stage = build(person, size, only) if todo else None
    for i in todo:
        pose(stage, poses[i])
        if only == "face":
            _border(person, poses[i], size)
        _write(_shoot(person, size, i), out / f"frame_{i:03d}.png")
    r, t = zip(*(heads.rigid(person, p) for p in poses), strict=True)
    camera = heads.camera_matrix(person, size)
    np.savez(out / "frames.npz", camera_matrix=camera, R=np.stack(r), t=np.stack(t))


def render_stills(person: Person, number: int, size: tuple[int, int], out_dir: str | Path, name: str) -> None:
    """Write `number` photographs out_dir/<name>_00.png ...: one head; light, shirt, background and camera change."""
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    todo = [k for k in range(number) if not (out / f"{name}_{k:02d}.png").exists()]
    stage = build(person, size) if todo else None
    for k in todo:
        stage.person, pose_ = people.still(person, k)
        for ob in [o for o in bpy.data.objects if o.type in ("LIGHT", "CAMERA") or o.name.startswith("cloth")]:
            bpy.data.objects.remove(ob)
        stage.cloth = stages.cloth(stage.person, stage.neutral)
        stages.camera(stage.person)
        stages.lights(stage.person)
        pose(stage, pose_)
        _write(_shoot(stage.person, size, 100 + k), out / f"{name}_{k:02d}.png")


def _write(picture: np.ndarray, path: Path) -> None:
    """Write RGB as PNG under another name first, so that a file that exists is whole."""
    part = path.with_name(f".{path.stem}.part.png")
    cv2.imwrite(str(part), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    part.rename(path)


def _border(person: Person, pose_: Pose, size: tuple[int, int]) -> None:
    """Restrict the render to the face: the average face's box with a margin."""
    face = 1000 * surface.canon() @ heads.TO_OPENCV.T
    face = face[(face[:, 1] > -45) & (face[:, 1] < 122) & (face[:, 2] < 75)]
    p = heads.project(face, person, pose_, size)
    (x0, y0), (x1, y1) = p.min(0) / size, p.max(0) / size
    render_ = bpy.context.scene.render
    render_.use_border, render_.use_crop_to_border = True, False
    render_.border_min_x, render_.border_max_x = max(x0 - 0.03, 0), min(x1 + 0.03, 1)
    render_.border_min_y, render_.border_max_y = max(1 - y1 - 0.03, 0), min(1 - y0 + 0.03, 1)
