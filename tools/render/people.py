"""Who is in the data set: everything that is drawn by chance about a person, and how they move.

Pure functions of a seed, numpy alone. Lengths are metres, head shifts millimetres, angles degrees, colours linear RGB in [0,1].
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Shape:
    """Parameters of the body model: names and values, hashable so that results can be cached."""
    phenotype: tuple[tuple[str, float], ...]
    local: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Skin:
    tone: tuple[float, float, float]
    redness: float
    freckles: float
    mottle: float
    gloss: float
    moles: int
    stubble: float
    lips: float


@dataclass(frozen=True)
class Hair:
    style: str
    length: float
    colour: tuple[float, float, float]
    hairline: float
    part: float
    curl: float


@dataclass(frozen=True)
class Brows:
    colour: tuple[float, float, float]
    thickness: float
    density: float
    arch: float


@dataclass(frozen=True)
class Lights:
    side: float
    height: float
    key: float
    fill: float
    rim: float
    kelvin: float
    ambient: float


@dataclass(frozen=True)
class Camera:
    """focal: 35 mm equivalent of the crop; face: height from chin to brow as a share of the frame's width."""
    focal: float
    face: float
    down: float


@dataclass(frozen=True)
class Person:
    seed: int
    male: bool
    age: float
    ancestry: tuple[float, float, float]
    shape: Shape
    skin: Skin
    hair: Hair
    beard: str
    brows: Brows
    iris: tuple[float, float, float]
    neckline: str
    cloth: tuple[float, float, float]
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


def split_of(i: int) -> str:
    """The part of the data that person `i` belongs to: test for i % 10 in 7, 8, 9, val for 6, else train."""
    return {6: "val", 7: "test", 8: "test", 9: "test"}.get(i % 10, "train")


def donor_of(i: int, n_people: int) -> int:
    """Whose face person `i` wears in the fake: the next person of the same split, in cyclic order."""
    same = [j for j in range(n_people) if split_of(j) == split_of(i)]
    return same[(same.index(i) + 1) % len(same)]


# The local targets that make faces differ; the rest of the body model's several hundred stay neutral.
LOCAL = {
    "cheek-bones-incr": .35, "cheek-volume-incr": .35, "cheek-inner-incr": .3, "ear-scale-incr": .4, "ear-wing-incr": .4,
    "eye-scale-incr": .2, "eye-height2-incr": .2, "eye-corner1-up": .25, "eye-corner2-up": .25, "eye-bag-incr": .3,
    "eye-eyefold-angle-up": .3, "chin-height-incr": .3, "chin-prominent-incr": .3, "chin-width-incr": .4, "chin-jaw-drop-incr": .25,
    "chin-bones-incr": .3, "chin-cleft-incr": .3, "forehead-scale-vert-incr": .25, "forehead-temple-incr": .3,
    "forehead-nubian-incr": .2, "head-scale-horiz-incr": .25, "head-fat-incr": .3, "head-scale-vert-incr": .2,
    "mouth-scale-horiz-incr": .3, "mouth-lowerlip-volume-incr": .35, "mouth-upperlip-volume-incr": .35,
    "mouth-upperlip-height-incr": .3, "mouth-lowerlip-height-incr": .3, "mouth-cupidsbow-incr": .4, "mouth-trans-up": .25,
    "mouth-angles-up": .2, "nose-scale-vert-incr": .3, "nose-scale-horiz-incr": .35, "nose-scale-depth-incr": .35,
    "nose-hump-incr": .4, "nose-point-width-incr": .35, "nose-width1-incr": .35, "nose-width2-incr": .35, "nose-width3-incr": .35,
    "nose-point-up": .35, "nose-base-up": .3, "nose-flaring-incr": .3, "nose-curve-convex": .35, "eyebrows-angle-up": .25,
    "eyebrows-trans-forward": .3, "neck-scale-horiz-incr": .2,
}
PAIRED = ("cheek-", "ear-", "eye-")

TONES = {"african": ((0.105, 0.050, 0.030), (0.26, 0.130, 0.075)), "asian": ((0.42, 0.250, 0.175), (0.60, 0.395, 0.300)),
         "caucasian": ((0.47, 0.265, 0.180), (0.67, 0.420, 0.315))}
HAIR_COLOURS = {"black": (0.010, 0.008, 0.007), "dark": (0.030, 0.017, 0.010), "brown": (0.070, 0.036, 0.018),
                "auburn": (0.130, 0.045, 0.018), "blond": (0.260, 0.160, 0.075), "grey": (0.200, 0.190, 0.180)}
IRISES = {"brown": (0.070, 0.030, 0.012), "dark": (0.030, 0.014, 0.008), "hazel": (0.120, 0.075, 0.025),
          "green": (0.095, 0.105, 0.045), "grey": (0.120, 0.140, 0.145), "blue": (0.070, 0.094, 0.115)}
CLOTHS = ((.020, .025, .045), (.30, .30, .29), (.012, .012, .013), (.20, .030, .035), (.045, .10, .065), (.10, .13, .19),
          (.34, .27, .19), (.060, .040, .090), (.09, .09, .095), (.02, .06, .12), (.40, .38, .35), (.15, .07, .03))


def _share(seed: int, step: float, offset: float) -> float:
    """An additive low-discrepancy sequence: even strata over any run of people (Roberts' generalised golden ratio)."""
    return (offset + seed * step) % 1.0


def _shape(rng: np.random.Generator, male: bool, age: float, ancestry: tuple[float, float, float]) -> Shape:
    phenotype = {"gender": rng.uniform(.0, .1) if male else rng.uniform(.9, 1.), "age": age, "height": .5, "proportions": .6,
                 "muscle": rng.uniform(.4, .65), "weight": rng.uniform(.38, .66), "cupsize": .4, "firmness": .5,
                 **dict(zip(("african", "asian", "caucasian"), ancestry, strict=True))}
    local: dict[str, float] = {}
    for name, spread in LOCAL.items():
        value = float(np.clip(rng.normal(0, spread), -.7, .7))
        sides = [f"{s}-{name}" for s in "lr"] if name.startswith(PAIRED) else [name]
        # Faces are a little lopsided: the two sides share most of the value, not all.
        local.update({s: float(np.clip(value + rng.normal(0, .04), -.8, .8)) for s in sides})
    return Shape(tuple((k, float(v)) for k, v in phenotype.items()), tuple(local.items()))


def _skin(rng: np.random.Generator, male: bool, age: float, ancestry: tuple[float, float, float]) -> Skin:
    depth = rng.uniform(0, 1)
    tones = [np.exp((1 - depth) * np.log(lo) + depth * np.log(hi)) for lo, hi in TONES.values()]
    tone = np.exp(np.average(np.log(tones), axis=0, weights=ancestry)) * rng.normal(1, .03, 3)
    pale = ancestry[2]
    return Skin(tuple(float(c) for c in tone), rng.uniform(.3, 1.) * (.75 + .25 * pale), float(rng.random() < .4 * pale) * rng.uniform(.3, 1),
                rng.uniform(.4, 1.) + .5 * (age - .5), rng.uniform(.38, .55), int(rng.integers(0, 5)),
                rng.uniform(.15, .8) if male else 0., rng.uniform(.1, .5) if male else rng.uniform(.3, 1.))


def _hair(rng: np.random.Generator, seed: int, male: bool, age: float, ancestry: tuple[float, float, float]) -> Hair:
    african, asian, _ = ancestry
    if rng.random() < (age - .62) * 3.5:
        colour = "grey"
    elif max(african, asian) > .55:
        colour = rng.choice(["black", "dark"], p=[.75, .25])
    else:
        colour = rng.choice(["dark", "brown", "auburn", "blond", "black"], p=[.25, .33, .1, .25, .07])
    if male:
        styles = ("buzz", "curly", "bald", "short", "buzz") if african > .55 else ("short", "parted", "swept", "buzz", "curly", "bald")
    else:
        styles = ("afro", "tied", "curly", "long", "afro") if african > .55 else ("long", "bob", "tied", "parted", "bob")
    style = str(rng.choice(styles))
    length = {"buzz": .006, "curly": .05, "bald": .0, "short": .028, "parted": .075, "swept": .07, "afro": .06, "tied": .10,
              "long": .34, "bob": .21}[style] * rng.uniform(.85, 1.2) * (1.7 if style == "parted" and not male else 1.)
    rgb = np.array(HAIR_COLOURS[colour]) * rng.uniform(.75, 1.3)
    return Hair(style, float(length), tuple(float(c) for c in rgb), float(rng.uniform(0, .6) + (age - .5) * male),
                float(rng.choice([-1, 1]) * rng.uniform(.015, .035)), float(rng.uniform(0, .3) + .7 * (style in ("curly", "afro"))))


def _lights(rng: np.random.Generator) -> Lights:
    return Lights(float(rng.choice([-1, 1]) * rng.uniform(20, 60)), rng.uniform(5, 45), rng.uniform(.75, 1.2), rng.uniform(.2, .5),
                  rng.uniform(0., .45), rng.uniform(4300, 7500), rng.uniform(.25, .55))


def person(seed: int) -> Person:
    """The person with this number: the same one for the same seed, always."""
    rng = np.random.default_rng([seed, 20])
    male = _share(seed, .6180, .1) < .5
    age = float(.5 + .36 * _share(seed, .7549, .3) ** 1.3)
    main = int(3 * _share(seed, .7549, .55))
    weights = rng.dirichlet([.35, .35, .35]) * .25
    weights[main] += .75
    ancestry = tuple(float(w) for w in weights)
    hair = _hair(rng, seed, male, age, ancestry)
    beard = str(rng.choice(["none", "none", "full", "goatee", "moustache"])) if male else "none"
    light_eyes = ancestry[2] > .55
    iris = IRISES[str(rng.choice(["brown", "hazel", "green", "grey", "blue"])) if light_eyes else str(rng.choice(["brown", "dark"]))]
    brow = np.array(hair.colour) * float(np.interp(max(hair.colour), [.03, .12], [1., .35]))
    brows = Brows(tuple(float(c) for c in brow), rng.uniform(.0065, .0095) if male else rng.uniform(.0048, .0072),
                  rng.uniform(.8, 1.2), rng.uniform(.3, 1.2))
    return Person(seed, male, age, ancestry, _shape(rng, male, age, ancestry), _skin(rng, male, age, ancestry), hair, beard, brows,
                  tuple(float(c) for c in np.array(iris) * rng.uniform(.85, 1.15)), str(rng.choice(["crew", "vee", "polo", "high"])),
                  CLOTHS[int(rng.integers(len(CLOTHS)))], int(rng.integers(2**31)), _lights(rng),
                  Camera(rng.uniform(48, 100), rng.uniform(.53, .57), rng.uniform(-4, 4)))


def wearing(donor: Person, scene_of: Person) -> Person:
    """The donor's face, skin, brows, beard and eyes before the target's camera, in the target's light."""
    return replace(donor, hair=replace(scene_of.hair, colour=donor.hair.colour), neckline=scene_of.neckline, cloth=scene_of.cloth,
                   background=scene_of.background, lights=scene_of.lights, camera=scene_of.camera)


def _wave(rng: np.random.Generator, t: np.ndarray, low: float, high: float) -> np.ndarray:
    """A smooth random signal in [-1,1]: three sines with frequencies in [low, high] Hz; t in seconds."""
    f, p, a = rng.uniform(low, high, 3), rng.uniform(0, 2 * np.pi, 3), rng.dirichlet([1.5] * 3)
    return (a[:, None] * np.sin(2 * np.pi * f[:, None] * t + p[:, None])).sum(0)


def _speech(rng: np.random.Generator, t: np.ndarray) -> dict[str, np.ndarray]:
    """Facial actions of somebody who talks, blinks now and then, and has a mood."""
    n = len(t)
    talk = np.clip(_wave(rng, t, 2.5, 5.) + .15, 0, 1) * rng.uniform(.25, .6)
    round_ = np.clip(_wave(rng, t, 1.5, 3.5), 0, 1) * rng.uniform(0, .5)
    smile, brow = rng.uniform(0, .45) * (rng.random() < .7), rng.uniform(0, .15)
    blink = np.zeros(n)
    if rng.random() < .7:
        blink = np.exp(-((np.arange(n) - rng.uniform(2, n - 2)) / 1.6) ** 4)
    wide = np.clip(_wave(rng, t, 2, 4), 0, 1) * .3
    relaxed = rng.uniform(.03, .12)
    both = {"eyeBlink": relaxed + (.96 - relaxed) * blink, "mouthSmile": np.full(n, smile) + .1 * wide, "mouthStretch": wide * .6,
            "mouthLowerDown": talk * .5, "mouthUpperUp": talk * .25, "browOuterUp": brow * (1 + .5 * _wave(rng, t, .5, 1.5)) * .6}
    out = {f"{k}{side}": v for k, v in both.items() for side in ("Left", "Right")}
    return {**out, "jawOpen": talk * .5, "mouthFunnel": round_ * .5, "mouthPucker": round_ * .4,
            "browInnerUp": np.clip(brow * (1 + _wave(rng, t, .5, 1.5)), 0, 1)}


def performance(person: Person, clip_seed: int, n_frames: int, fps: float = 25.) -> list[Pose]:
    """`n_frames` poses of one clip: yaw within +-30, pitch +-15, roll +-10 degrees, with speech and blinks."""
    rng = np.random.default_rng([person.seed, clip_seed, 21])
    t = np.arange(n_frames) / fps
    yaw = np.clip(rng.uniform(-17, 17) + 13 * _wave(rng, t, .3, 1.3), -30, 30)
    pitch = np.clip(rng.uniform(-7, 7) + 7 * _wave(rng, t, .3, 1.3), -15, 15)
    roll = np.clip(rng.uniform(-5, 5) + 5 * _wave(rng, t, .3, 1.), -10, 10)
    shift = np.stack([5 * _wave(rng, t, .3, 1.), 4 * _wave(rng, t, .3, 1.), 8 * _wave(rng, t, .3, 1.)], 1)
    gaze = np.stack([4 * _wave(rng, t, .5, 1.5), 2.5 * _wave(rng, t, .5, 1.5)], 1)
    actions = _speech(rng, t)
    return [Pose(float(yaw[i]), float(pitch[i]), float(roll[i]), tuple(shift[i].tolist()), tuple(gaze[i].tolist()),
                 tuple((k, float(np.clip(v[i], 0, 1))) for k, v in actions.items())) for i in range(n_frames)]


def still(person: Person, k: int) -> tuple[Person, Pose]:
    """The k-th photograph of a person: another light, background, shirt and camera, framed about as CelebA frames (178x218)."""
    rng = np.random.default_rng([person.seed, k, 22])
    other = replace(person, lights=_lights(rng), background=int(rng.integers(2**31)), cloth=CLOTHS[int(rng.integers(len(CLOTHS)))],
                    neckline=str(rng.choice(["crew", "vee", "polo", "high"])),
                    camera=Camera(rng.uniform(55, 110), rng.uniform(.50, .58), rng.uniform(-3, 3)))
    pose = performance(person, 1000 + k, 8)[3]
    return other, pose
