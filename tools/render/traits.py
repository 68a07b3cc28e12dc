"""What describes a person and a frame: plain frozen records, and the tables that people.py draws from.

Lengths are metres, head shifts millimetres, angles degrees, colours linear RGB in [0,1].
"""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """Parameters of the body model: names and values, hashable so that results can be cached."""

    phenotype: tuple[tuple[str, float], ...]
    local: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Skin:
    """tone: albedo; redness, freckles, mottle, stubble, lips: strengths; gloss: roughness; moles: how many."""

    tone: RGB
    redness: float
    freckles: float
    mottle: float
    gloss: float
    moles: int
    stubble: float
    lips: float


@dataclass(frozen=True)
class Hair:
    """length in metres; hairline 0 low, 1 receding; part: the parting, metres off the middle; curl 0 to 1."""

    style: str
    length: float
    colour: RGB
    hairline: float
    part: float
    curl: float


@dataclass(frozen=True)
class Brows:
    colour: RGB
    thickness: float
    density: float
    arch: float


@dataclass(frozen=True)
class Lights:
    """side, height: where the key light stands, degrees; key, fill, rim, ambient: strengths about 1."""

    side: float
    height: float
    key: float
    fill: float
    rim: float
    kelvin: float
    ambient: float


@dataclass(frozen=True)
class Camera:
    """focal: 35 mm equivalent; face: chin to brow as a share of the width; down: millimetres off the middle."""

    focal: float
    face: float
    down: float


@dataclass(frozen=True)
class Person:
    """age as the body model counts it (0.5: about 25 years, 1: 90); ancestry: African, Asian, European shares."""

    seed: int
    male: bool
    age: float
    ancestry: tuple[float, float, float]
    shape: Shape
    skin: Skin
    hair: Hair
    beard: str
    brows: Brows
    iris: RGB
    neckline: str
    cloth: RGB
    background: int
    lights: Lights
    camera: Camera


@dataclass(frozen=True)
class Pose:
    """One frame: degrees, millimetres, and the body model's facial actions in [0,1]."""

    yaw: float
    pitch: float
    roll: float
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    actions: tuple[tuple[str, float], ...] = ()


# The local targets that make faces differ, and how widely; the body model's other targets stay neutral.
LOCAL = {
    "cheek-bones-incr": 0.35,
    "cheek-volume-incr": 0.35,
    "cheek-inner-incr": 0.3,
    "ear-scale-incr": 0.4,
    "ear-wing-incr": 0.4,
    "eye-scale-incr": 0.2,
    "eye-height2-incr": 0.2,
    "eye-corner1-up": 0.25,
    "eye-corner2-up": 0.25,
    "eye-bag-incr": 0.3,
    "eye-eyefold-angle-up": 0.3,
    "chin-height-incr": 0.3,
    "chin-prominent-incr": 0.3,
    "chin-width-incr": 0.4,
    "chin-jaw-drop-incr": 0.25,
    "chin-bones-incr": 0.3,
    "chin-cleft-incr": 0.3,
    "forehead-scale-vert-incr": 0.25,
    "forehead-temple-incr": 0.3,
    "forehead-nubian-incr": 0.2,
    "head-scale-horiz-incr": 0.25,
    "head-fat-incr": 0.3,
    "head-scale-vert-incr": 0.2,
    "mouth-scale-horiz-incr": 0.3,
    "mouth-lowerlip-volume-incr": 0.35,
    "mouth-upperlip-volume-incr": 0.35,
    "mouth-upperlip-height-incr": 0.3,
    "mouth-lowerlip-height-incr": 0.3,
    "mouth-cupidsbow-incr": 0.4,
    "mouth-trans-up": 0.25,
    "mouth-angles-up": 0.2,
    "nose-scale-vert-incr": 0.3,
    "nose-scale-horiz-incr": 0.35,
    "nose-scale-depth-incr": 0.35,
    "nose-hump-incr": 0.4,
    "nose-point-width-incr": 0.35,
    "nose-width1-incr": 0.35,
    "nose-width2-incr": 0.35,
    "nose-width3-incr": 0.35,
    "nose-point-up": 0.35,
    "nose-base-up": 0.3,
    "nose-flaring-incr": 0.3,
    "nose-curve-convex": 0.35,
    "eyebrows-angle-up": 0.25,
    "eyebrows-trans-forward": 0.3,
    "neck-scale-horiz-incr": 0.2,
}
PAIRED = ("cheek-", "ear-", "eye-")

# Darkest and lightest albedo; a person of mixed ancestry lies between, on a logarithmic scale.
TONES = {
    "african": ((0.105, 0.050, 0.030), (0.26, 0.130, 0.075)),
    "asian": ((0.42, 0.250, 0.175), (0.60, 0.395, 0.300)),
    "caucasian": ((0.47, 0.265, 0.180), (0.67, 0.420, 0.315)),
}
HAIR_COLOURS = {
    "black": (0.010, 0.008, 0.007),
    "dark": (0.030, 0.017, 0.010),
    "brown": (0.070, 0.036, 0.018),
    "auburn": (0.130, 0.045, 0.018),
    "blond": (0.260, 0.160, 0.075),
    "grey": (0.200, 0.190, 0.180),
}
HAIR_LENGTHS = {
    "buzz": 0.006,
    "curly": 0.05,
    "bald": 0.0,
    "short": 0.028,
    "parted": 0.075,
    "swept": 0.07,
    "afro": 0.06,
    "tied": 0.10,
    "long": 0.34,
    "bob": 0.21,
}
IRISES = {
    "brown": (0.070, 0.030, 0.012),
    "dark": (0.030, 0.014, 0.008),
    "hazel": (0.120, 0.075, 0.025),
    "green": (0.095, 0.105, 0.045),
    "grey": (0.120, 0.140, 0.145),
    "blue": (0.070, 0.094, 0.115),
}
CLOTHS = (
    (0.020, 0.025, 0.045),
    (0.30, 0.30, 0.29),
    (0.012, 0.012, 0.013),
    (0.20, 0.030, 0.035),
    (0.045, 0.10, 0.065),
    (0.10, 0.13, 0.19),
    (0.34, 0.27, 0.19),
    (0.060, 0.040, 0.090),
    (0.09, 0.09, 0.095),
    (0.02, 0.06, 0.12),
    (0.40, 0.38, 0.35),
    (0.15, 0.07, 0.03),
)
NECKLINES = ("crew", "vee", "polo", "high")
