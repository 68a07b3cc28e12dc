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
    edge = np.interp(
        y,
        [-0.03, -0.01, 0.01, 0.03, 0.045, 0.055, 0.075, 0.09, 0.12, 0.17],
        [0.064, 0.060, 0.054, 0.036, 0.012, -0.012, -0.014, -0.02, -0.055, -0.085],
    )
    temple = np.exp(-(((np.abs(x) - 0.045) / 0.018) ** 2) - ((y - 0.0) / 0.03) ** 2)
    above = z - edge - 0.016 * hairline * (1 + 1.2 * temple) * (y < 0.05)
    skull = (surface.painted("ears") < 0.2) * (np.abs(x) < 0.11) * (z > -0.10)
    return surface.smooth_step(above, -0.004, 0.005) * skull


def beard() -> np.ndarray:
    """(N,) 1 where a beard or stubble grows: jaw, chin, upper lip, below the jaw."""
    x, y, z = surface.canon().T
    side = np.abs(x)
    cheek = np.interp(side, [0, 0.02, 0.035, 0.055, 0.07, 0.085], [-0.048, -0.050, -0.062, -0.058, -0.035, -0.005])
    below = surface.smooth_step(cheek - z, -0.004, 0.008) * surface.smooth_step(-z, 0.042, 0.047)
    above = surface.smooth_step(z, -0.135, -0.115) * (y < 0.075) * (surface.painted("ears") < 0.2)
    bare = np.clip(1 - 1.5 * surface.painted("lips"), 0, 1) * (1 - surface.painted("inside-mouth"))
    return below * above * bare


def moustache() -> np.ndarray:
    x, y, z = surface.canon().T
    wide = np.abs(x) < 0.032 - 0.3 * np.maximum(0, z + 0.056)
    return beard() * wide * surface.smooth_step(z, -0.070, -0.062) * (y < 0.0)


def goatee() -> np.ndarray:
    x, _, z = surface.canon().T
    return np.maximum(moustache(), beard() * surface.smooth_step(0.030 - np.abs(x), 0, 0.008) * (z < -0.060))


def tint(person: Person) -> np.ndarray:
    """(N,3) linear albedo: tone, redness, shadows under the eyes, lips, spots, stubble, scalp under hair."""
    rng = np.random.default_rng([person.seed, 30])
    skin_ = person.skin
    tone = np.array(skin_.tone)
    red = (
        blob((0.042, 0.0, -0.035), (0.022, 0.03, 0.018))
        + 1.1 * blob((0, -0.045, -0.036), (0.016, 0.03, 0.013))
        + 0.6 * blob((0.085, 0.07, -0.03), (0.02, 0.03, 0.03))
        + 0.4 * blob((0, -0.02, -0.1), (0.02, 0.03, 0.012))
    )
    out = tone * (1 - skin_.redness * np.minimum(red, 1)[:, None] * np.array([0.02, 0.30, 0.27]))
    under = blob((0.030, -0.015, -0.018), (0.014, 0.03, 0.006)) * (0.3 + 0.5 * person.age)
    lids = np.clip(surface.painted("eyelids"), 0, 1) * 0.5
    out *= 1 - (under + 0.35 * lids)[:, None] * np.array([0.22, 0.30, 0.24])
    out = _lips(person, out)
    out = _spots(rng, person, out)
    hair = np.array(person.hair.colour)
    cover = {"bald": 0.28, "buzz": 0.8}.get(person.hair.style, 0.92)
    shade = cover * scalp(person.hair.hairline)[:, None]
    stubble = (0.55 * skin_.stubble * beard())[:, None]
    out = out * (1 - shade) + shade * (hair * 1.2 if person.hair.style != "bald" else tone * 0.55)
    return np.clip(out * (1 - stubble) + stubble * (0.35 * tone + 0.5 * np.minimum(hair, 0.06)), 0.004, 0.9)


def _lips(person: Person, out: np.ndarray) -> np.ndarray:
    tone = np.array(person.skin.tone)
    redder = tone * np.array([0.82, 0.58, 0.57]) * (1 - 0.38 * person.skin.lips * np.array([0.0, 1.0, 0.8]))
    mask = surface.painted("lips")[:, None] * 0.85
    out = out * (1 - mask) + mask * redder
    inside = surface.painted("inside-mouth")[:, None]
    return out * (1 - inside) + inside * np.array([0.12, 0.02, 0.018])


def _spots(rng: np.random.Generator, person: Person, out: np.ndarray) -> np.ndarray:
    """A few moles and uneven patches, placed by chance on the front of the face."""
    p = surface.canon()
    front = np.flatnonzero((p[:, 1] < 0.05) & (p[:, 2] < 0.06) & (p[:, 2] > -0.11))
    for at in rng.choice(front, person.skin.moles):
        d = np.linalg.norm(p - p[at], axis=1)
        out = out * (1 - 0.6 * np.exp(-((d / rng.uniform(0.0013, 0.002)) ** 2))[:, None])
    for at in rng.choice(front, 14):
        d = np.linalg.norm(p - p[at], axis=1)
        soft = np.exp(-((d / rng.uniform(0.006, 0.018)) ** 2))[:, None]
        out = out * (1 + soft * rng.normal(0, 0.10) * person.skin.mottle * np.array([0.5, 1, 1]))
    return out
