"""One person before a camera in Blender's Cycles (bpy 4.5): built once, posed and rendered frame by frame.

Blender's world here has the body's axes (x right, y away from the camera, z up) with the camera at the origin, so that
x_world = TO_OPENCV.T @ x_cam / 1000. The camera looks along +y.
"""
from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import backdrop
import bpy
import cv2
import hair
import heads
import look
import numpy as np
import people
import surface
from mathutils import Matrix, Vector
from people import Person, Pose

SAMPLES = 8
# The base of the neck, about which shoulders follow the head a little (millimetres, head axes).
NECK = np.array([0.0, 190.0, 95.0])


@dataclass
class Stage:
    """The Blender objects of one person, and the neutral head that they were built from (centred, metres)."""
    person: Person
    skin: bpy.types.Object
    eyes: list[bpy.types.Object]
    rigid: list[bpy.types.Object]
    moving: list[tuple[bpy.types.Object, hair.Strands | hair.Lashes]]
    parts: list[tuple[bpy.types.Object, surface.Patch]]
    cloth: list[tuple[bpy.types.Object, np.ndarray]]
    origin: np.ndarray
    neutral: np.ndarray


def _mesh(name: str, v: np.ndarray, quads: Sequence, material: bpy.types.Material) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata(v.tolist(), [], [list(map(int, q)) for q in quads])
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.materials.append(material)
    out = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(out)
    return out


def _curves(name: str, points: np.ndarray, radius: np.ndarray, material: bpy.types.Material) -> bpy.types.Object:
    data = bpy.data.hair_curves.new(name)
    data.add_curves([points.shape[1]] * len(points))
    data.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", np.tile(radius, len(points)).astype(np.float32))
    data.materials.append(material)
    out = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(out)
    _move(out, points)
    return out


def _move(ob: bpy.types.Object, points: np.ndarray) -> None:
    """New places for a mesh's vertices or a curves object's points."""
    flat = np.ascontiguousarray(points, np.float32).ravel()
    if ob.type == "MESH":
        ob.data.vertices.foreach_set("co", flat)
        ob.data.update()
    else:
        ob.data.attributes["position"].data.foreach_set("vector", flat)
        ob.data.update_tag()


def _attribute(ob: bpy.types.Object, name: str, kind: str, values: np.ndarray) -> None:
    field = {"FLOAT": "value", "FLOAT_VECTOR": "vector", "FLOAT_COLOR": "color"}[kind]
    ob.data.attributes.new(name, kind, "POINT").data.foreach_set(field, np.ascontiguousarray(values, np.float32).ravel())


def _skin(person: Person, fine: np.ndarray) -> bpy.types.Object:
    ob = _mesh("skin", fine, surface.skin().quads, look.skin(person))
    tint = surface.tint(person)
    _attribute(ob, "tint", "FLOAT_COLOR", np.concatenate([tint, np.ones((len(tint), 1))], 1))
    _attribute(ob, "canon", "FLOAT_VECTOR", surface.canon())
    _attribute(ob, "stubble", "FLOAT", surface.beard())
    freckle = surface.blob((.03, -.02, -.025), (.035, .04, .022)) * (1 - surface.painted("lips"))
    _attribute(ob, "freckle", "FLOAT", freckle)
    return ob


def _eyes(person: Person, v: np.ndarray) -> list[bpy.types.Object]:
    out = []
    radius = float(np.ptp(v[heads.topology().vertices_of("helper-l-eye")], axis=0).max() / 2)
    material = look.eye(person, radius)
    for side in "rl":
        part = surface.patch(f"helper-{side}-eye", 2)
        out.append(_mesh("eye", part.fine(v) - heads.eye_centre_of(v, side), part.quads, material))
    return out


def _cloth(person: Person, v: np.ndarray) -> list[tuple[bpy.types.Object, np.ndarray]]:
    """The body's own tights, cut along a smooth plane at the neck and thickened."""
    import bmesh
    part = surface.patch("helper-tights", 2, -.45)
    at = part.fine(v)
    chin = _chin(v)
    drop, tilt = {"crew": (.022, .5), "vee": (.024, .80), "polo": (.013, .45), "high": (.004, .25)}[person.neckline]
    ob = _mesh("cloth", at, part.quads, look.plain("cloth", person.cloth, .85, 500 if person.neckline != "high" else 250))
    mesh = bmesh.new()
    mesh.from_mesh(ob.data)
    # Sink what lies beside the neck before the cut and raise it after: the neckline leaves the shoulders covered.
    sunk = [1.5 * max(0., abs(p.co.x) - .055) for p in mesh.verts]
    for p, s in zip(mesh.verts, sunk, strict=True):
        p.co.z -= s
    bmesh.ops.bisect_plane(mesh, geom=mesh.verts[:] + mesh.edges[:] + mesh.faces[:], plane_co=(0, .10, chin - drop),
                           plane_no=(0, -tilt, 1), clear_outer=True)
    for p in mesh.verts:
        p.co.z += 1.5 * max(0., abs(p.co.x) - .055)
    mesh.to_mesh(ob.data)
    mesh.free()
    ob.data.polygons.foreach_set("use_smooth", [True] * len(ob.data.polygons))
    thick = ob.modifiers.new("thickness", "SOLIDIFY")
    thick.thickness, thick.offset = {"high": .009, "polo": .007}.get(person.neckline, .005), 1.
    rest = np.empty(3 * len(ob.data.vertices), np.float32)
    ob.data.vertices.foreach_get("co", rest)
    return [(ob, rest.reshape(-1, 3).astype(float))]


def _chin(v: np.ndarray) -> float:
    """Height of the chin (metres, centred): the lowest skin on the midline in front."""
    canon = heads.average()
    front = np.flatnonzero((np.abs(canon[:, 0]) < .003) & (np.abs(canon[:, 2] + .112) < .004) & (canon[:, 1] < .01))
    return float(v[front, 2].min())


def build(person: Person, size: tuple[int, int], only: str = "all") -> Stage:
    """An empty Blender scene filled with `person`; `only` "face" leaves out scalp hair and clothes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    origin = heads.eye_centres(person).mean(0)
    v = heads.vertices(person) - origin
    fine = surface.skin().fine(v)
    skin = _skin(person, fine)
    rigid, moving, parts = [], [], []
    strands = hair.scalp(person, fine) if only == "all" else None
    if strands:
        rigid.append(_curves("scalp", strands.points(fine), strands.radius, look.hair(person.hair.colour)))
    moving.append((hair.brows(person, fine), look.hair(person.brows.colour, "brows")))
    lashes = hair.lashes(v)
    moving.append((lashes, look.hair((.012, .009, .008), "lashes")))
    if beard := hair.beard(person, fine):
        moving.append((beard, look.hair(tuple(.8 * c for c in person.hair.colour), "beard")))
    curves = [(_curves("strands", s.points(v if s is lashes else fine), s.radius, m), s) for s, m in moving]
    for group, colour, rough in (("upper-teeth", (.62, .56, .47), .25), ("lower-teeth", (.58, .52, .43), .25),
                                 ("tongue", (.33, .09, .08), .4)):
        part = surface.patch(f"helper-{group}", 1)
        parts.append((_mesh(group, part.fine(v), part.quads, look.plain(group, colour, rough)), part))
    cloth = _cloth(person, v) if only == "all" else []
    _camera(person, size)
    _lights(person)
    _settings(size)
    return Stage(person, skin, _eyes(person, v), rigid, curves, parts, cloth, origin, v)


def _camera(person: Person, size: tuple[int, int]) -> None:
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width, data.lens, data.clip_start = "HORIZONTAL", 36., person.camera.focal, .02
    ob = bpy.data.objects.new("camera", data)
    ob.rotation_euler = (np.pi / 2, 0, 0)
    bpy.context.scene.collection.objects.link(ob)
    bpy.context.scene.camera = ob


def _warmth(kelvin: float) -> tuple[float, float, float]:
    """A lamp's colour, by straight lines between three by eye: bulb, daylight, shade."""
    return tuple(float(np.interp(kelvin, [3000, 6500, 9000], c)) for c in ((1, 1, .78), (.72, 1, .90), (.46, 1, 1)))


def _lights(person: Person) -> None:
    scene, light = bpy.context.scene, person.lights
    centre = Vector((heads.rigid(person, Pose(0, 0, 0))[1] @ heads.TO_OPENCV / 1000).tolist())

    def area(side: float, height: float, far: float, size: float, watts: float, colour: tuple[float, float, float]) -> None:
        data = bpy.data.lights.new("light", "AREA")
        data.energy, data.size, data.color = watts * far * far, size, colour
        ob = bpy.data.objects.new("light", data)
        a, b = np.radians([side, height])
        ob.location = centre + far * Vector((np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)))
        ob.rotation_euler = (centre - ob.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(ob)

    warm = _warmth(light.kelvin)
    area(light.side, light.height, 1.1, .26, 13 * light.key, warm)
    area(-light.side * .8, 5, 1.4, .40, 11 * light.fill, _warmth(9500 - .5 * light.kelvin))
    area(180 - light.side, 35, 1.2, .5, 12 * light.rim, _warmth(6500))
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    tone = backdrop.picture(person.background, (64, 64)).mean((0, 1)) ** 2.2
    background.inputs[0].default_value = (*(.5 * tone + .5 * tone.mean()) / max(tone.mean(), .02), 1)
    background.inputs[1].default_value = .55 * light.ambient
    scene.world = world


def _settings(size: tuple[int, int]) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed, cycles.use_adaptive_sampling = "CPU", SAMPLES, 1, False
    cycles.use_denoising, cycles.denoiser, cycles.denoising_input_passes = True, "OPENIMAGEDENOISE", "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter, cycles.use_light_tree = "FAST", False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 3, 1, 2, 2
    cycles.transparent_max_bounces, cycles.sample_clamp_indirect = 4, 2.
    scene.cycles_curves.shape = "RIBBONS"
    scene.cycles_curves.subdivisions = 2
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.use_persistent_data, render.film_transparent = True, True
    render.threads_mode, render.threads = "FIXED", 1
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    scene.view_settings.view_transform, scene.view_settings.look = "Filmic", "Medium High Contrast"
    scene.view_settings.exposure = .25


def pose(stage: Stage, pose_: Pose) -> None:
    """Put the head into one frame's expression and place; shoulders follow a quarter of the way."""
    person = stage.person
    v = heads.vertices(person, pose_) - stage.origin
    fine = surface.skin().fine(v)
    r, t = heads.rigid(person, pose_)
    fixed = _matrix(r, t)
    chin = _chin(stage.neutral)
    _move(stage.skin, _bend(person, pose_, fine, surface.skin().fine(stage.neutral), chin))
    for ob, part in stage.parts:
        _move(ob, part.fine(v))
        ob.matrix_world = fixed
    for ob, strands in stage.moving:
        _move(ob, strands.points(v if isinstance(strands, hair.Lashes) else fine))
        ob.matrix_world = fixed
    for ob, rest in stage.cloth:
        _move(ob, _bend(person, pose_, rest, rest, chin))
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
    aside = np.clip(.8 * pose_.yaw + pose_.gaze[0], -22, 22)
    up = np.clip(.5 * pose_.pitch + pose_.gaze[1], -8, 5)
    return Matrix.Rotation(np.radians(aside), 4, "Z") @ Matrix.Rotation(np.radians(-up), 4, "X")


def _bend(person: Person, pose_: Pose, v: np.ndarray, rest: np.ndarray, chin: float) -> np.ndarray:
    """World places of centred body points (N,3): the head's motion above the chin, the shoulders' below the neck."""
    r, t = heads.rigid(person, pose_)
    x = 1000 * v @ heads.TO_OPENCV.T
    head = x @ r.T + t
    still = heads.rigid(person, Pose(0, 0, 0))[1] + .6 * np.array(pose_.shift)
    rb = heads.rotation(.25 * pose_.yaw, .15 * pose_.pitch, .15 * pose_.roll)
    body = (x - NECK) @ rb.T + NECK + still
    w = surface.smooth_step(rest[:, 2], chin - .105, chin - .012)[:, None]
    return (w * head + (1 - w) * body) @ heads.TO_OPENCV / 1000


def _shoot(person: Person, size: tuple[int, int], grain_seed: int) -> np.ndarray:
    """Render what is posed: (H,W,3) uint8 RGB over the person's background, with a little sensor noise."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frame.png"
        bpy.context.scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        picture = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA).astype(np.float32) / 255
    alpha = picture[..., 3:]
    # The denoiser leaves the alpha channel as noisy as it was: soften hair's edge against the background, not the face.
    picture[..., :3] *= alpha
    soft = cv2.GaussianBlur(picture, (0, 0), .8)
    edge = cv2.GaussianBlur((alpha[..., 0] < .97).astype(np.float32) * (alpha[..., 0] > 0), (0, 0), 1.2)[..., None]
    picture = picture + np.clip(2 * edge, 0, 1) * (soft - picture)
    alpha = picture[..., 3:]
    out = picture[..., :3] + (1 - alpha) * backdrop.picture(person.background, size)
    grain = np.random.default_rng([person.seed, grain_seed, 60]).normal(0, 1.8 / 255, out.shape)
    return np.clip(np.round(255 * (out + grain)), 0, 255).astype(np.uint8)


def render(person: Person, poses: Sequence[Pose], size: int | tuple[int, int], out_dir: str | Path, *, only: str = "all") -> None:
    """Write frame_000.png ... and frames.npz (camera_matrix (3,3), R (T,3,3), t (T,3) millimetres) into `out_dir`.

    x_cam = R @ X_head + t, where X_head = heads.to_head(...): millimetres, OpenCV axes, origin midway between the centres of
    the eyeballs. Frames that exist are kept. `only`: "all", or "face" without scalp hair and clothes, cropped to the face.
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
    np.savez(out / "frames.npz", camera_matrix=heads.camera_matrix(person, size), R=np.stack(r), t=np.stack(t))


def render_stills(person: Person, number: int, size: tuple[int, int], out_dir: str | Path, name: str) -> None:
    """Write `number` photographs out_dir/<name>_00.png ...: the head is built once, light, shirt and camera change."""
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    todo = [k for k in range(number) if not (out / f"{name}_{k:02d}.png").exists()]
    stage = build(person, size) if todo else None
    for k in todo:
        stage.person, pose_ = people.still(person, k)
        for ob in [o for o in bpy.data.objects if o.type in ("LIGHT", "CAMERA") or o.name.startswith("cloth")]:
            bpy.data.objects.remove(ob)
        stage.cloth = _cloth(stage.person, stage.neutral)
        _camera(stage.person, size)
        _lights(stage.person)
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
    render_.border_min_x, render_.border_max_x = max(x0 - .03, 0), min(x1 + .03, 1)
    render_.border_min_y, render_.border_max_y = max(1 - y1 - .03, 0), min(1 - y0 + .03, 1)
