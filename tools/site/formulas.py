"""The exercises of formulas.yaml, with what is right and what each mistake gives on drawn rows, by NumPy.

formulas.js reads what is typed as Python's arithmetic and compares.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from dfdlib.core import repro

ROWS, ROWS_OF_ARRAYS = 40, 10  # on which a formula is tried
DIGITS = {"label": 0, "n": 0, "k": 0, "p_fake": 1}  # of other numbers: 3


@dataclass(frozen=True)
class Task:
    """An exercise whose answer is a formula of numbers or arrays, as in formulas.yaml."""

    exercise: str
    name: str
    todo: str
    given: dict[str, list]
    right: str
    mistakes: dict[str, str]
    whole: tuple[str, ...] = ()  # variables that are whole numbers, beside those of DIGITS

    @property
    def title(self) -> str:
        return f"{self.exercise} {self.name}"


@functools.cache
def tasks() -> tuple[Task, ...]:
    """All of them, in order."""
    text = Path(__file__).with_name("formulas.yaml").read_text(encoding="utf-8")
    return tuple(Task(number, **one) for number, one in yaml.safe_load(text).items())


def drawn(task: Task) -> list[dict[str, float | np.ndarray]]:
    """The rows of drawn numbers and arrays on which a formula is tried."""
    random = repro.rng(0, int(task.exercise.replace(".", "")))
    rows = ROWS_OF_ARRAYS if any(rest for _, _, *rest in task.given.values()) else ROWS
    found = {
        name: random.uniform(low, high, (rows, *rest)).round(0 if name in task.whole else DIGITS.get(name, 3))
        for name, (low, high, *rest) in task.given.items()
    }
    for name, start in ((name, f"{name[:-1]}0") for name in found if f"{name[:-1]}0" in found and name[-1] == "1"):
        found[name] = (found[start] + found[name]).round(3)  # the second corner lies behind the first
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def answers(rule: str, rows: list[dict]) -> np.ndarray:
    """What a rule of formulas.yaml gives for each row: (rows,) or (rows, n)."""
    return np.array([eval(rule, vars(np) | {"min": min, "max": max} | _own(row) | row) for row in rows])  # noqa: S307


def _own(row: dict) -> dict:
    """What the rules call beside NumPy, for the variables of a row, by name."""
    return {one.__name__.strip("_"): functools.partial(one, row) for one in (_shared, _areas, _cosine, _kernel, _pairs)}


def _shared(row: dict, least: float = 0.0) -> float:
    """The area that two boxes share, with its signed sides cut at `least`."""
    sides = [min(row[f"a{x}1"], row[f"b{x}1"]) - max(row[f"a{x}0"], row[f"b{x}0"]) for x in "xy"]
    return np.prod(np.maximum(sides, least))


def _areas(row: dict) -> float:
    """The sum of two boxes' areas."""
    return sum((row[f"{box}x1"] - row[f"{box}x0"]) * (row[f"{box}y1"] - row[f"{box}y0"]) for box in "ab")


def _cosine(row: dict) -> float:
    v, w = ([row[f"{name}{i}"] for i in "123"] for name in "vw")
    return np.dot(v, w) / np.linalg.norm(v) / np.linalg.norm(w)


def _kernel(row: dict, a: float = -0.75, reach: float = 2) -> float:
    """The bicubic kernel at the distance d."""
    d = row["d"]
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return near if d <= 1 else far if d < reach else 0.0


def _pairs(row: dict, tie: float) -> float:
    """The share of pairs, a fake and a real one, in which the fake scores higher."""
    p_fake, label = row["p_fake"], row["label"]
    apart = p_fake[label == 1][:, None] - p_fake[label == 0]
    return np.where(apart == 0, tie, apart > 0).mean()
