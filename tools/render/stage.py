"""The Blender objects of one person: skin, eyes, strands, teeth, clothes, camera and lights (bpy 4.5).

Blender's world has the body's axes (x right, y away from the camera, z up) with the camera at the origin, so that
x_world = TO_OPENCV.T @ x_cam / 1000; the camera looks along +y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import backdrop
import bmesh
import bpy
import facial
import hair
import heads
import look
import numpy as np
import paint
import surface
from mathutils import Vector
from traits import RGB, Person, Pose

# How far below the chin the neckline's plane passes, 10 cm behind the eyes (metres), and its slope.
NECKLINES = {"crew": (0.022, 0.5), "vee": (0.024, 0.80), "polo": (0.013, 0.45), "high": (0.004, 0.25)}
CLOTH_THICKNESS = {"high": 0.009, "polo": 0.007}
# Teeth and tongue: MakeHuman's helper meshes, albedo, roughness.
INSIDE = (
    ("upper-teeth", (0.62, 0.56, 0.47), 0.25),
    ("lower-teeth", (0.58, 0.52, 0.43), 0.25),
    ("tongue", (0.33, 0.09, 0.08), 0.4),
)

Moving = hair.Strands | facial.Lashes


@dataclass
class Stage:
    """The objects of a person, and the neutral head that they were built from.

    rigid: goes with the skull. moving: (curves, the strands that say where their points are). parts: (mesh, its patch).
    cloth: (mesh, its vertices at rest). origin: midway between the eyes, body axes; neutral: (V,3), metres from there.
    """

    person: Person
    skin: bpy.types.Object
    eyes: list[bpy.types.Object]
    rigid: list[bpy.types.Object]
    moving: list[tuple[bpy.types.Object, Moving]]
    parts: list[tuple[bpy.types.Object, surface.Patch]]
    cloth: list[tuple[bpy.types.Object, np.ndarray]]
    origin: np.ndarray
    neutral: np.ndarray


def fill(person: Person, only: str) -> Stage:
    """Empty Blender's scene and build `person` in it; `only` "face" leaves out scalp hair and clothes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    origin = heads.eye_centres(person).mean(0)
    v = heads.vertices(person) - origin
    fine = surface.skin().fine(v)
    rigid = []
    if only == "all" and (strands := hair.scalp(person, fine)):
        rigid.append(_curves("scalp", strands.points(fine), strands.radius, look.hair(person.hair.colour)))
    return Stage(
        person,
        _skin(person, fine),
        _eyes(person, v),
        rigid,
        _moving(person, v, fine),
        _inside(v),
        cloth(person, v) if only == "all" else [],
        origin,
        v,
    )


def _add(name: str, data: bpy.types.ID) -> bpy.types.Object:
    out = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(out)
    return out


def _mesh(name: str, v: np.ndarray, quads: Sequence, material: bpy.types.Material) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata(v.tolist(), [], [list(map(int, q)) for q in quads])
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.materials.append(material)
    return _add(name, data)


def _curves(name: str, points: np.ndarray, radius: np.ndarray, material: bpy.types.Material) -> bpy.types.Object:
    data = bpy.data.hair_curves.new(name)
    data.add_curves([points.shape[1]] * len(points))
    radii = np.tile(radius, len(points)).astype(np.float32)
    data.attributes.new("radius", "FLOAT", "POINT").data.foreach_set("value", radii)
    data.materials.append(material)
    out = _add(name, data)
    move(out, points)
    return out


def move(ob: bpy.types.Object, points: np.ndarray) -> None:
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
    flat = np.ascontiguousarray(values, np.float32).ravel()
    ob.data.attributes.new(name, kind, "POINT").data.foreach_set(field, flat)


def _skin(person: Person, fine: np.ndarray) -> bpy.types.Object:
    ob = _mesh("skin", fine, surface.skin().quads, look.skin(person))
    tint = paint.tint(person)
    _attribute(ob, "tint", "FLOAT_COLOR", np.concatenate([tint, np.ones((len(tint), 1))], 1))
    _attribute(ob, "canon", "FLOAT_VECTOR", surface.canon())
    _attribute(ob, "stubble", "FLOAT", paint.beard())
    freckle = paint.blob((0.03, -0.02, -0.025), (0.035, 0.04, 0.022)) * (1 - surface.painted("lips"))
    _attribute(ob, "freckle", "FLOAT", freckle)
    return ob


def _eyes(person: Person, v: np.ndarray) -> list[bpy.types.Object]:
    """Right and left eyeball, each about its own centre, so that gaze is a rotation."""
    radius = float(np.ptp(v[heads.topology().vertices_of("helper-l-eye")], axis=0).max() / 2)
    material, out = look.eye(person, radius), []
    for side in "rl":
        part = surface.patch(f"helper-{side}-eye", 2)
        out.append(_mesh("eye", part.fine(v) - heads.eye_centre_of(v, side), part.quads, material))
    return out


def _moving(person: Person, v: np.ndarray, fine: np.ndarray) -> list[tuple[bpy.types.Object, Moving]]:
    """Brows, lashes and beard."""
    brows, lashes, beard = facial.brows(person, fine), facial.lashes(v), facial.beard(person, fine)
    out = [
        (_curves("brows", brows.points(fine), brows.radius, look.hair(person.brows.colour)), brows),
        (_curves("lashes", lashes.points(v), lashes.radius, look.hair((0.012, 0.009, 0.008))), lashes),
    ]
    if beard:
        colour = tuple(0.8 * c for c in person.hair.colour)
        out.append((_curves("beard", beard.points(fine), beard.radius, look.hair(colour)), beard))
    return out


def _inside(v: np.ndarray) -> list[tuple[bpy.types.Object, surface.Patch]]:
    out = []
    for group, colour, rough in INSIDE:
        part = surface.patch(f"helper-{group}", 1)
        out.append((_mesh(group, part.fine(v), part.quads, look.plain(group, colour, rough)), part))
    return out


def cloth(person: Person, v: np.ndarray) -> list[tuple[bpy.types.Object, np.ndarray]]:
    """The body's own tights, cut along a smooth plane at the neck and thickened; v (V,3): the neutral head."""
    part = surface.patch("helper-tights", 2, -0.45)
    drop, tilt = NECKLINES[person.neckline]
    knit = look.plain("cloth", person.cloth, 0.85, 500 if person.neckline != "high" else 250)
    ob = _mesh("cloth", part.fine(v), part.quads, knit)
    _cut(ob.data, (0, 0.10, chin(v) - drop), (0, -tilt, 1))
    ob.data.polygons.foreach_set("use_smooth", [True] * len(ob.data.polygons))
    thick = ob.modifiers.new("thickness", "SOLIDIFY")
    thick.thickness, thick.offset = CLOTH_THICKNESS.get(person.neckline, 0.005), 1.0
    rest = np.empty(3 * len(ob.data.vertices), np.float32)
    ob.data.vertices.foreach_get("co", rest)
    return [(ob, rest.reshape(-1, 3).astype(float))]


def _cut(data: bpy.types.Mesh, at: tuple[float, float, float], normal: tuple[float, float, float]) -> None:
    """Remove what lies above a plane; sunk before and raised after, the shoulders stay covered."""
    mesh = bmesh.new()
    mesh.from_mesh(data)

    def raise_sides(sign: float) -> None:
        for p in mesh.verts:
            p.co.z += sign * 1.5 * max(0.0, abs(p.co.x) - 0.055)

    raise_sides(-1)
    geometry = mesh.verts[:] + mesh.edges[:] + mesh.faces[:]
    bmesh.ops.bisect_plane(mesh, geom=geometry, plane_co=at, plane_no=normal, clear_outer=True)
    raise_sides(1)
    mesh.to_mesh(data)
    mesh.free()


def chin(v: np.ndarray) -> float:
    """Height of the chin, metres above the eyes: the lowest skin on the midline in front. v (V,3)."""
    x, y, z = heads.average().T
    front = (np.abs(x) < 0.003) & (np.abs(z + 0.112) < 0.004) & (y < 0.01)
    return float(v[front, 2].min())


def camera(person: Person) -> None:
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width, data.clip_start = "HORIZONTAL", 36.0, 0.02
    data.lens = person.camera.focal
    ob = _add("camera", data)
    ob.rotation_euler = (np.pi / 2, 0, 0)
    bpy.context.scene.camera = ob


def _warmth(kelvin: float) -> RGB:
    """A lamp's colour: straight lines, by eye, between a bulb, daylight and shade."""
    bulb_day_shade = ((1, 1, 0.78), (0.72, 1, 0.90), (0.46, 1, 1))
    return tuple(float(np.interp(kelvin, [3000, 6500, 9000], c)) for c in bulb_day_shade)


def _lamp(centre: Vector, side: float, height: float, far: float, size: float, watts: float, colour: RGB) -> None:
    """An area light `far` metres from the head's centre, at angles in degrees, facing it."""
    data = bpy.data.lights.new("light", "AREA")
    data.energy, data.size, data.color = watts * far * far, size, colour
    ob = _add("light", data)
    a, b = np.radians([side, height])
    ob.location = centre + far * Vector((np.sin(a) * np.cos(b), -np.cos(a) * np.cos(b), np.sin(b)))
    ob.rotation_euler = (centre - ob.location).to_track_quat("-Z", "Y").to_euler()


def lights(person: Person) -> None:
    """Key, fill and rim light, small enough to glint in the eyes; an even sky in the background's mean colour."""
    light = person.lights
    centre = Vector((heads.rigid(person, Pose(0, 0, 0))[1] @ heads.TO_OPENCV / 1000).tolist())
    _lamp(centre, light.side, light.height, 1.1, 0.26, 13 * light.key, _warmth(light.kelvin))
    _lamp(centre, -light.side * 0.8, 5, 1.4, 0.40, 11 * light.fill, _warmth(9500 - 0.5 * light.kelvin))
    _lamp(centre, 180 - light.side, 35, 1.2, 0.5, 12 * light.rim, _warmth(6500))
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    tone = backdrop.picture(person.background, (64, 64)).mean((0, 1)) ** 2.2
    sky.inputs[0].default_value = (*(0.5 * tone + 0.5 * tone.mean()) / max(tone.mean(), 0.02), 1)
    sky.inputs[1].default_value = 0.55 * light.ambient
    bpy.context.scene.world = world
