"""What is painted on the skin: where hair grows, and colour. Drawn once, on the average head, for everybody.

Regions are (N,) arrays in [0,1] over the vertices of surface.skin(). Metres, body axes, origin between the eyes.
"""
from __future__ import annotations

import numpy as np
import surface
from traits import Person


def blob(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """(N,) a soft mirrored spot on the fine skin around (+-x, y, z)."""
    p = surface.canon()
    p = np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1)
    return np.exp(-(((p - np.array(centre)) / np.array(radii)) ** 2).sum(1))


def scalp(hairline: float) -> np.ndarray:
    """(N,) 1 where scalp hair grows; hairline 0 is low, 1 receding at the temples."""
    x, y, z = surface.canon().T
    edge = np.interp(y, [-.03, -.01, .01, .03, .045, .055, .075, .09, .12, .17],
                     [.064, .060, .054, .036, .012, -.012, -.014, -.02, -.055, -.085])
    temple = np.exp(-((np.abs(x) - .045) / .018) ** 2 - ((y - .0) / .03) ** 2)
    above = z - edge - .016 * hairline * (1 + 1.2 * temple) * (y < .05)
    skull = (surface.painted("ears") < .2) * (np.abs(x) < .11) * (z > -.10)
    return surface.smooth_step(above, -.004, .005) * skull


def beard() -> np.ndarray:
    """(N,) 1 where a beard or stubble grows: jaw, chin, upper lip, below the jaw."""
    x, y, z = surface.canon().T
    side = np.abs(x)
    cheek = np.interp(side, [0, .02, .035, .055, .07, .085], [-.048, -.050, -.062, -.058, -.035, -.005])
    below = surface.smooth_step(cheek - z, -.004, .008) * surface.smooth_step(-z, .042, .047)
    above = surface.smooth_step(z, -.135, -.115) * (y < .075) * (surface.painted("ears") < .2)
    bare = np.clip(1 - 1.5 * surface.painted("lips"), 0, 1) * (1 - surface.painted("inside-mouth"))
    return below * above * bare


def moustache() -> np.ndarray:
    x, y, z = surface.canon().T
    wide = np.abs(x) < .032 - .3 * np.maximum(0, z + .056)
    return beard() * wide * surface.smooth_step(z, -.070, -.062) * (y < .0)


def goatee() -> np.ndarray:
    x, _, z = surface.canon().T
    return np.maximum(moustache(), beard() * surface.smooth_step(.030 - np.abs(x), 0, .008) * (z < -.060))


def tint(person: Person) -> np.ndarray:
    """(N,3) linear albedo: tone, redness, shadows under the eyes, lips, spots, stubble, scalp under hair."""
    rng = np.random.default_rng([person.seed, 30])
    skin_ = person.skin
    tone = np.array(skin_.tone)
    red = (blob((.042, .0, -.035), (.022, .03, .018)) + 1.1 * blob((0, -.045, -.036), (.016, .03, .013))
           + .6 * blob((.085, .07, -.03), (.02, .03, .03)) + .4 * blob((0, -.02, -.1), (.02, .03, .012)))
    out = tone * (1 - skin_.redness * np.minimum(red, 1)[:, None] * np.array([.02, .30, .27]))
    under = blob((.030, -.015, -.018), (.014, .03, .006)) * (.3 + .5 * person.age)
    lids = np.clip(surface.painted("eyelids"), 0, 1) * .5
    out *= 1 - (under + .35 * lids)[:, None] * np.array([.22, .30, .24])
    out = _lips(person, out)
    out = _spots(rng, person, out)
    hair = np.array(person.hair.colour)
    cover = {"bald": .28, "buzz": .8}.get(person.hair.style, .92)
    shade = cover * scalp(person.hair.hairline)[:, None]
    stubble = (.55 * skin_.stubble * beard())[:, None]
    out = out * (1 - shade) + shade * (hair * 1.2 if person.hair.style != "bald" else tone * .55)
    return np.clip(out * (1 - stubble) + stubble * (.35 * tone + .5 * np.minimum(hair, .06)), .004, .9)


def _lips(person: Person, out: np.ndarray) -> np.ndarray:
    tone = np.array(person.skin.tone)
    redder = tone * np.array([.82, .58, .57]) * (1 - .38 * person.skin.lips * np.array([.0, 1., .8]))
    mask = surface.painted("lips")[:, None] * .85
    out = out * (1 - mask) + mask * redder
    inside = surface.painted("inside-mouth")[:, None]
    return out * (1 - inside) + inside * np.array([.12, .02, .018])


def _spots(rng: np.random.Generator, person: Person, out: np.ndarray) -> np.ndarray:
    """A few moles and uneven patches, placed by chance on the front of the face."""
    p = surface.canon()
    front = np.flatnonzero((p[:, 1] < .05) & (p[:, 2] < .06) & (p[:, 2] > -.11))
    for at in rng.choice(front, person.skin.moles):
        d = np.linalg.norm(p - p[at], axis=1)
        out = out * (1 - .6 * np.exp(-(d / rng.uniform(.0013, .002)) ** 2)[:, None])
    for at in rng.choice(front, 14):
        d = np.linalg.norm(p - p[at], axis=1)
        soft = np.exp(-(d / rng.uniform(.006, .018)) ** 2)[:, None]
        out = out * (1 + soft * rng.normal(0, .10) * person.skin.mottle * np.array([.5, 1, 1]))
    return out
