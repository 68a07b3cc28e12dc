"""Who is in the data set: everything that is drawn by chance about a person, and how they move.

Pure functions of a seed, numpy alone; units as in traits.py. The order of the draws is part of the data: a draw that is
added or moved makes other people of all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from traits import (
    CLOTHS,
    HAIR_COLOURS,
    HAIR_LENGTHS,
    IRISES,
    LOCAL,
    NECKLINES,
    PAIRED,
    RGB,
    TONES,
    Brows,
    Camera,
    Hair,
    Lights,
    Person,
    Pose,
    Shape,
    Skin,
)

Ancestry = tuple[float, float, float]
Rng = np.random.Generator


def split_of(i: int) -> str:
    """The part of the data that person `i` belongs to: test for i % 10 in 7, 8, 9, val for 6, else train."""
    return {6: "val", 7: "test", 8: "test", 9: "test"}.get(i % 10, "train")


def donor_of(i: int, n_people: int) -> int:
    """Whose face person `i` wears in the fake: the next person of the same split, in cyclic order."""
    same = [j for j in range(n_people) if split_of(j) == split_of(i)]
    return same[(same.index(i) + 1) % len(same)]


def _share(seed: int, step: float, offset: float) -> float:
    """An additive low-discrepancy sequence in [0,1): even strata over any run of people."""
    return (offset + seed * step) % 1.0


def _rgb(colour: np.ndarray) -> RGB:
    return tuple(float(c) for c in colour)


def _either_side(rng: Rng, low: float, high: float) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(low, high))


def _shape(rng: Rng, male: bool, age: float, ancestry: Ancestry) -> Shape:
    phenotype = {
        "gender": rng.uniform(0.0, 0.1) if male else rng.uniform(0.9, 1.0),
        "age": age,
        "height": 0.5,
        "proportions": 0.6,
        "muscle": rng.uniform(0.4, 0.65),
        "weight": rng.uniform(0.38, 0.66),
        "cupsize": 0.4,
        "firmness": 0.5,
        **dict(zip(TONES, ancestry, strict=True)),
    }
    local: dict[str, float] = {}
    for name, spread in LOCAL.items():
        value = float(np.clip(rng.normal(0, spread), -0.7, 0.7))
        sides = [f"{s}-{name}" for s in "lr"] if name.startswith(PAIRED) else [name]
        # Faces are a little lopsided: the two sides share most of the value, not all.
        local.update({s: float(np.clip(value + rng.normal(0, 0.04), -0.8, 0.8)) for s in sides})
    return Shape(tuple((k, float(v)) for k, v in phenotype.items()), tuple(local.items()))


def _skin(rng: Rng, male: bool, age: float, ancestry: Ancestry) -> Skin:
    depth = rng.uniform(0, 1)
    tones = [np.exp((1 - depth) * np.log(lo) + depth * np.log(hi)) for lo, hi in TONES.values()]
    tone = np.exp(np.average(np.log(tones), axis=0, weights=ancestry)) * rng.normal(1, 0.03, 3)
    pale = ancestry[2]
    return Skin(
        tone=_rgb(tone),
        redness=rng.uniform(0.3, 1.0) * (0.75 + 0.25 * pale),
        freckles=float(rng.random() < 0.4 * pale) * rng.uniform(0.3, 1),
        mottle=rng.uniform(0.4, 1.0) + 0.5 * (age - 0.5),
        gloss=rng.uniform(0.38, 0.55),
        moles=int(rng.integers(0, 5)),
        stubble=rng.uniform(0.15, 0.8) if male else 0.0,
        lips=rng.uniform(0.1, 0.5) if male else rng.uniform(0.3, 1.0),
    )


def _hair(rng: Rng, male: bool, age: float, ancestry: Ancestry) -> Hair:
    african, asian, _ = ancestry
    if rng.random() < (age - 0.62) * 3.5:
        colour = "grey"
    elif max(african, asian) > 0.55:
        colour = rng.choice(["black", "dark"], p=[0.75, 0.25])
    else:
        colour = rng.choice(["dark", "brown", "auburn", "blond", "black"], p=[0.25, 0.33, 0.1, 0.25, 0.07])
    styles = {
        (True, True): ("buzz", "curly", "bald", "short", "buzz"),
        (True, False): ("short", "parted", "swept", "buzz", "curly", "bald"),
        (False, True): ("afro", "tied", "curly", "long", "afro"),
        (False, False): ("long", "bob", "tied", "parted", "bob"),
    }[male, african > 0.55]
    style = str(rng.choice(styles))
    longer = 1.7 if style == "parted" and not male else 1.0
    length = HAIR_LENGTHS[style] * rng.uniform(0.85, 1.2) * longer
    rgb = np.array(HAIR_COLOURS[colour]) * rng.uniform(0.75, 1.3)
    return Hair(
        style,
        float(length),
        _rgb(rgb),
        hairline=float(rng.uniform(0, 0.6) + (age - 0.5) * male),
        part=_either_side(rng, 0.015, 0.035),
        curl=float(rng.uniform(0, 0.3) + 0.7 * (style in ("curly", "afro"))),
    )


def _lights(rng: Rng) -> Lights:
    return Lights(
        side=_either_side(rng, 20, 60),
        height=rng.uniform(5, 45),
        key=rng.uniform(0.75, 1.2),
        fill=rng.uniform(0.2, 0.5),
        rim=rng.uniform(0.0, 0.45),
        kelvin=rng.uniform(4300, 7500),
        ambient=rng.uniform(0.25, 0.55),
    )


def _brows(rng: Rng, male: bool, hair: RGB) -> Brows:
    # Brows stay darker than fair or grey hair.
    colour = np.array(hair) * float(np.interp(max(hair), [0.03, 0.12], [1.0, 0.35]))
    thickness = rng.uniform(0.0065, 0.0095) if male else rng.uniform(0.0048, 0.0072)
    return Brows(_rgb(colour), thickness, density=rng.uniform(0.8, 1.2), arch=rng.uniform(0.3, 1.2))


def person(seed: int) -> Person:
    """The person with this number: the same one for the same seed, always."""
    rng = np.random.default_rng([seed, 20])
    male = _share(seed, 0.6180, 0.1) < 0.5
    age = float(0.5 + 0.36 * _share(seed, 0.7549, 0.3) ** 1.3)
    weights = rng.dirichlet([0.35, 0.35, 0.35]) * 0.25
    weights[int(3 * _share(seed, 0.7549, 0.55))] += 0.75
    ancestry = tuple(float(w) for w in weights)
    hair = _hair(rng, male, age, ancestry)
    beard = str(rng.choice(["none", "none", "full", "goatee", "moustache"])) if male else "none"
    eyes = ["brown", "hazel", "green", "grey", "blue"] if ancestry[2] > 0.55 else ["brown", "dark"]
    iris = np.array(IRISES[str(rng.choice(eyes))])
    return Person(
        seed,
        male,
        age,
        ancestry,
        brows=_brows(rng, male, hair.colour),
        shape=_shape(rng, male, age, ancestry),
        skin=_skin(rng, male, age, ancestry),
        hair=hair,
        beard=beard,
        iris=_rgb(iris * rng.uniform(0.85, 1.15)),
        neckline=str(rng.choice(NECKLINES)),
        cloth=CLOTHS[int(rng.integers(len(CLOTHS)))],
        background=int(rng.integers(2**31)),
        lights=_lights(rng),
        camera=Camera(rng.uniform(48, 100), rng.uniform(0.53, 0.57), rng.uniform(-4, 4)),
    )


def wearing(donor: Person, scene_of: Person) -> Person:
    """The donor's face, skin, brows, beard and eyes before the target's camera, in the target's light."""
    t = scene_of
    return replace(
        donor,
        hair=replace(t.hair, colour=donor.hair.colour),
        neckline=t.neckline,
        cloth=t.cloth,
        background=t.background,
        lights=t.lights,
        camera=t.camera,
    )


def _wave(rng: Rng, t: np.ndarray, low: float, high: float) -> np.ndarray:
    """A smooth random signal in [-1,1]: three sines with frequencies in [low, high] Hz; t in seconds."""
    f, p, a = rng.uniform(low, high, 3), rng.uniform(0, 2 * np.pi, 3), rng.dirichlet([1.5] * 3)
    return (a[:, None] * np.sin(2 * np.pi * f[:, None] * t + p[:, None])).sum(0)


def _speech(rng: Rng, t: np.ndarray) -> dict[str, np.ndarray]:
    """Facial actions of somebody who talks, blinks now and then, and has a mood."""
    n = len(t)
    talk = np.clip(_wave(rng, t, 2.5, 5.0) + 0.15, 0, 1) * rng.uniform(0.25, 0.6)
    pout = np.clip(_wave(rng, t, 1.5, 3.5), 0, 1) * rng.uniform(0, 0.5)
    smile, brow = rng.uniform(0, 0.45) * (rng.random() < 0.7), rng.uniform(0, 0.15)
    blink = np.zeros(n)
    if rng.random() < 0.7:
        blink = np.exp(-(((np.arange(n) - rng.uniform(2, n - 2)) / 1.6) ** 4))
    wide = np.clip(_wave(rng, t, 2, 4), 0, 1) * 0.3
    relaxed = rng.uniform(0.03, 0.12)
    both = {
        "eyeBlink": relaxed + (0.96 - relaxed) * blink,
        "mouthSmile": np.full(n, smile) + 0.1 * wide,
        "mouthStretch": wide * 0.6,
        "mouthLowerDown": talk * 0.5,
        "mouthUpperUp": talk * 0.25,
        "browOuterUp": brow * (1 + 0.5 * _wave(rng, t, 0.5, 1.5)) * 0.6,
    }
    out = {f"{k}{side}": v for k, v in both.items() for side in ("Left", "Right")}
    inner = np.clip(brow * (1 + _wave(rng, t, 0.5, 1.5)), 0, 1)
    return {**out, "jawOpen": talk * 0.5, "mouthFunnel": pout * 0.5, "mouthPucker": pout * 0.4, "browInnerUp": inner}


def performance(person: Person, clip_seed: int, n_frames: int, fps: float = 25.0) -> list[Pose]:
    """`n_frames` poses of one clip: yaw within +-30, pitch +-15, roll +-10 degrees, with speech and blinks."""
    rng = np.random.default_rng([person.seed, clip_seed, 21])
    t = np.arange(n_frames) / fps
    yaw = np.clip(rng.uniform(-17, 17) + 13 * _wave(rng, t, 0.3, 1.3), -30, 30)
    pitch = np.clip(rng.uniform(-7, 7) + 7 * _wave(rng, t, 0.3, 1.3), -15, 15)
    roll = np.clip(rng.uniform(-5, 5) + 5 * _wave(rng, t, 0.3, 1.0), -10, 10)
    shift = np.stack([millimetres * _wave(rng, t, 0.3, 1.0) for millimetres in (5, 4, 8)], 1)
    gaze = np.stack([degrees * _wave(rng, t, 0.5, 1.5) for degrees in (4, 2.5)], 1)
    actions = _speech(rng, t)
    return [
        Pose(
            float(yaw[i]),
            float(pitch[i]),
            float(roll[i]),
            tuple(shift[i].tolist()),
            tuple(gaze[i].tolist()),
            tuple((name, float(np.clip(v[i], 0, 1))) for name, v in actions.items()),
        )
        for i in range(n_frames)
    ]


def still(person: Person, k: int) -> tuple[Person, Pose]:
    """The k-th photograph of a person: another light, background, shirt, camera and moment.

    Framed about as CelebA's aligned pictures (178x218) are.
    """
    rng = np.random.default_rng([person.seed, k, 22])
    other = replace(
        person,
        lights=_lights(rng),
        background=int(rng.integers(2**31)),
        cloth=CLOTHS[int(rng.integers(len(CLOTHS)))],
        neckline=str(rng.choice(NECKLINES)),
        camera=Camera(rng.uniform(55, 110), rng.uniform(0.50, 0.58), rng.uniform(-3, 3)),
    )
    moments = performance(person, 1000 + k, 8)
    # Photographers wait until the eyes are open.
    return other, next((m for m in moments[3:] + moments[:3] if dict(m.actions)["eyeBlinkLeft"] < 0.35), moments[3])
