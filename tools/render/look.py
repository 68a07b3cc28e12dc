"""Materials for Cycles: skin, eyes, hair, cloth, teeth. Each function returns a new bpy material."""

from __future__ import annotations

import bpy
from traits import Person


class _Graph:
    """A material's node tree, with the few shorthands that keep the recipes below readable."""

    def __init__(self, name: str):
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.nodes, self.links = self.material.node_tree.nodes, self.material.node_tree.links
        self.shader = self.nodes["Principled BSDF"]

    def put(self, socket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.links.new(value, socket)
        else:
            socket.default_value = value

    def set(self, **inputs) -> None:
        for name, value in inputs.items():
            self.put(self.shader.inputs[name.replace("_", " ")], value)

    def math(self, operation: str, a, b=0.0, clamp: bool = False):
        node = self.nodes.new("ShaderNodeMath")
        node.operation, node.use_clamp = operation, clamp
        self.put(node.inputs[0], a)
        self.put(node.inputs[1], b)
        return node.outputs[0]

    def attribute(self, name: str, output: str = "Fac"):
        node = self.nodes.new("ShaderNodeAttribute")
        node.attribute_name = name
        return node.outputs[output]

    def noise(self, scale: float, where, detail: float = 2.0):
        node = self.nodes.new("ShaderNodeTexNoise")
        node.inputs["Scale"].default_value, node.inputs["Detail"].default_value = scale, detail
        self.links.new(where, node.inputs["Vector"])
        return node.outputs["Fac"]

    def multiply(self, a, b, amount=1.0):
        """Colour a times b, as far as `amount` says."""
        node = self.nodes.new("ShaderNodeMixRGB")
        node.blend_type = "MULTIPLY"
        for socket, value in zip(node.inputs, (amount, a, b), strict=True):
            self.put(socket, value)
        return node.outputs[0]

    def ramp(self, x, stops: list[tuple[float, tuple[float, float, float]]]):
        node = self.nodes.new("ShaderNodeValToRGB")
        self.links.new(x, node.inputs["Fac"])
        elements = node.color_ramp.elements
        for i, (at, colour) in enumerate(stops):
            e = elements[i] if i < 2 else elements.new(at)
            e.position, e.color = at, (*colour, 1)
        return node.outputs["Color"]


def skin(person: Person):
    """Painted albedo times fine mottling, freckles and stubble; pores as a bump; a little light below the surface."""
    g, s = _Graph("skin"), person.skin
    where = g.attribute("canon", "Vector")
    coarse, fine = g.noise(110, where, 4), g.noise(480, where, 3)
    uneven = 0.55 + 0.35 * person.male + 0.6 * (person.age - 0.5)
    blotch = g.ramp(coarse, [(0.30, _less(0, 0, 0)), (0.72, _less(0.10 * s.mottle, 0.24 * s.mottle, 0.22 * s.mottle))])
    grain = g.ramp(
        fine,
        [
            (0.32, _less(0.26 * uneven, 0.30 * uneven, 0.31 * uneven)),
            (0.68, _less(-0.10 * uneven, -0.13 * uneven, -0.13 * uneven)),
        ],
    )
    colour = g.multiply(g.multiply(g.attribute("tint", "Color"), blotch), grain)
    if s.freckles:
        colour = g.multiply(colour, (0.60, 0.42, 0.32, 1), g.math("MULTIPLY", _freckles(g, where), 0.8 * s.freckles))
    bristle = g.math("MULTIPLY", g.attribute("stubble"), g.math("GREATER_THAN", g.noise(1500, where, 1), 0.56))
    colour = g.multiply(colour, (0.35, 0.34, 0.36, 1), g.math("MULTIPLY", bristle, 0.55 * s.stubble))
    bump = g.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = 0.6, 0.0009
    g.links.new(g.math("ADD", g.noise(900, where, 2), g.math("MULTIPLY", coarse, 0.6)), bump.inputs["Height"])
    rough = g.math("MULTIPLY_ADD", fine, 0.22)
    rough.node.inputs[2].default_value = s.gloss - 0.10
    g.set(
        Base_Color=colour,
        Roughness=rough,
        Normal=bump.outputs[0],
        Subsurface_Weight=0.22,
        Subsurface_Radius=(1.0, 0.38, 0.22),
        Subsurface_Scale=0.006,
        Specular_IOR_Level=0.42,
    )
    return g.material


def _less(r: float, g: float, b: float) -> tuple[float, float, float]:
    """White less some red, green and blue: a factor."""
    return 1 - r, 1 - g, 1 - b


def _freckles(g: _Graph, where):
    """Small round spots where the attribute "freckle" allows them, in patches."""
    cells = g.nodes.new("ShaderNodeTexVoronoi")
    cells.inputs["Scale"].default_value = 330
    g.links.new(where, cells.inputs["Vector"])
    spot = g.math("MULTIPLY", g.math("LESS_THAN", cells.outputs["Distance"], 0.33), g.attribute("freckle"))
    return g.math("MULTIPLY", spot, g.math("GREATER_THAN", g.noise(260, where), 0.50))


def eye(person: Person, radius: float):
    """Pupil, iris with fibres and a dark limbal ring, white with faint veins; both eyes share it."""
    g = _Graph("eye")
    where = g.nodes.new("ShaderNodeTexCoord").outputs["Object"]
    parts = g.nodes.new("ShaderNodeSeparateXYZ")
    g.links.new(where, parts.inputs[0])
    x, _, z = parts.outputs
    square = g.math("ADD", g.math("MULTIPLY", x, x), g.math("MULTIPLY", z, z))
    r = g.math("DIVIDE", g.math("SQRT", square), radius)
    dark, light, limbus = (tuple(c * k for c in person.iris) for k in (0.5, 1.2, 0.22))
    black, white, edge = (0.002, 0.002, 0.002), (0.60, 0.555, 0.53), (0.21, 0.194, 0.1855)
    rings = g.ramp(
        r,
        [
            (0, black),
            (0.155, black),
            (0.175, dark),
            (0.24, light),
            (0.33, person.iris),
            (0.395, limbus),
            (0.425, edge),
            (0.46, white),
            (0.75, (0.60, 0.50, 0.47)),
            (1, (0.55, 0.36, 0.33)),
        ],
    )
    angle = g.nodes.new("ShaderNodeCombineXYZ")
    g.links.new(g.math("MULTIPLY", g.math("ARCTAN2", z, x), 5.0), angle.inputs[0])
    g.links.new(g.math("MULTIPLY", r, 4.0), angle.inputs[1])
    fibres = g.ramp(g.noise(2.2, angle.outputs[0], 2), [(0.3, (0.62, 0.62, 0.62)), (0.7, (1.2, 1.2, 1.2))])
    colour = g.multiply(rings, fibres, g.math("LESS_THAN", r, 0.41))
    g.set(Base_Color=colour, Roughness=0.30, Coat_Weight=0.75, Coat_Roughness=0.02, Specular_IOR_Level=0.2)
    return g.material


def hair(colour: tuple[float, float, float], name: str = "hair"):
    """Chiang's hair model with a colour of its own for every strand."""
    g = _Graph(name)
    g.nodes.remove(g.shader)
    node = g.nodes.new("ShaderNodeBsdfHairPrincipled")
    node.parametrization = "COLOR"
    info = g.nodes.new("ShaderNodeHairInfo")
    darker, lighter = (tuple(min(1.0, k * c) for c in colour) for k in (0.6, 1.35))
    g.put(node.inputs["Color"], g.ramp(info.outputs["Random"], [(0.0, darker), (1.0, lighter)]))
    node.inputs["Roughness"].default_value, node.inputs["Radial Roughness"].default_value = 0.40, 0.60
    # Less than keratin's 1.55: dark hair would look frosted under the rim light.
    node.inputs["IOR"].default_value = 1.38
    g.links.new(node.outputs[0], g.nodes["Material Output"].inputs[0])
    return g.material


def plain(name: str, colour: tuple[float, float, float], roughness: float, weave: float = 0.0):
    """Cloth, teeth, tongue: one colour, with a weave where asked for."""
    g = _Graph(name)
    value = (*colour, 1)
    if weave:
        where = g.nodes.new("ShaderNodeTexCoord").outputs["Object"]
        value = g.multiply(value, g.ramp(g.noise(weave, where, 4), [(0.3, (0.7, 0.7, 0.7)), (0.7, (1.2, 1.2, 1.2))]))
    g.set(Base_Color=value, Roughness=roughness, Specular_IOR_Level=0.3 if not weave else 0.15)
    return g.material
