"""Exercises whose answer is a formula of some numbers, each with its typical mistakes, on drawn rows.

The answers are computed here by NumPy; formulas.js reads what is typed as Python's arithmetic and compares.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import repro

ROWS = 40  # on which a formula is tried
Rule = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Task:
    """An exercise whose answer is a formula of some numbers."""

    exercise: str  # number of the exercise in the notebooks that it belongs to
    name: str
    todo: str  # what to compute
    given: dict[str, tuple[float, float]]  # the variables, each drawn uniformly between two limits
    right: Rule
    mistakes: dict[str, Rule]  # by hint

    @property
    def title(self) -> str:
        return f"{self.exercise} {self.name}"


def _sides(*box: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed sides of what two boxes share, and the sum of their areas."""
    ax, ay, aw, ah, bx, by, bw, bh = box
    width = np.minimum(ax + aw, bx + bw) - np.maximum(ax, bx)
    height = np.minimum(ay + ah, by + bh) - np.maximum(ay, by)
    return width, height, aw * ah + bw * bh


def _share(width: np.ndarray, height: np.ndarray, areas: np.ndarray) -> np.ndarray:
    return width * height / (areas - width * height)


def _iou(*box: np.ndarray) -> np.ndarray:
    width, height, areas = _sides(*box)
    return _share(np.maximum(width, 0), np.maximum(height, 0), areas)


def _both_over_sum(*box: np.ndarray) -> np.ndarray:
    width, height, areas = _sides(*box)
    return np.maximum(width, 0) * np.maximum(height, 0) / areas


def _cosine(*both: np.ndarray) -> np.ndarray:
    a, b, c, d, e, f = both
    return (a * d + b * e + c * f) / np.sqrt((a**2 + b**2 + c**2) * (d**2 + e**2 + f**2))


def _cubic(d: np.ndarray, a: float = -0.75) -> np.ndarray:
    near, far = (a + 2) * d**3 - (a + 3) * d**2 + 1, a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _softmax(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(real - fake))


BOX = {f"{box}{side}": (0, 60) if side in "xy" else (10, 60) for box in "ab" for side in "xywh"}
VECTORS = {f"{name}{axis}": (-1, 1) for name in "vw" for axis in "123"}
TASKS = (
    Task(
        "01.2",
        "Do two boxes show the same face?",
        "The intersection over union of the boxes a and b. Each has its left upper corner (x, y), its width w and its "
        "height h. Some pairs do not touch.",
        BOX,
        _iou,
        {
            "boxes apart in x and in y give two negative sides with a positive product; cut each at 0.": lambda *box: (
                _share(*_sides(*box))
            ),
            "you divided by the sum of both areas, which counts the common part twice.": _both_over_sum,
            "twice the common part over the sum of the areas is the Dice coefficient.": lambda *box: (
                2 * _both_over_sum(*box)
            ),
        },
    ),
    Task(
        "02.2",
        "PReLU",
        "PReLU of x with its slope for negative numbers. Slopes above 1 occur.",
        {"x": (-3, 3), "slope": (0, 2)},
        lambda x, slope: np.where(x > 0, x, slope * x),
        {
            "this is ReLU; below zero the slope counts.": lambda x, slope: np.maximum(x, 0),
            "right for slopes below 1 alone; the larger of two numbers is not always the branch.": lambda x, slope: (
                np.maximum(x, slope * x)
            ),
            "you exchanged the branches.": lambda x, slope: np.where(x > 0, slope * x, x),
        },
    ),
    Task(
        "02.3",
        "PSNR",
        "The peak signal-to-noise ratio in decibels, from the mean squared error mse of values up to 255.",
        {"mse": (1, 900)},
        lambda mse: 10 * np.log10(255**2 / mse),
        {
            "a decibel is a tenth of the logarithm to base 10, not of the natural one.": lambda mse: (
                10 * np.log(255**2 / mse)
            ),
            "the peak is squared as the error is.": lambda mse: 10 * np.log10(255 / mse),
            "the error is squared already, so the factor is 10.": lambda mse: 20 * np.log10(255**2 / mse),
        },
    ),
    Task(
        "03.2",
        "The gradient of the cross-entropy",
        "The gradient of the cross-entropy by the logit of fake, for the logits real and fake and a label of 0 or 1.",
        {"real": (-2, 2), "fake": (-2, 2), "label": (0, 1)},
        lambda real, fake, label: _softmax(real, fake) - label,
        {
            "this is the gradient by the logit of real.": lambda real, fake, label: label - _softmax(real, fake),
            "this is the probability; the label is missing.": lambda real, fake, label: _softmax(real, fake),
            "this is the loss itself.": lambda real, fake, label: (
                -np.log(np.where(label > 0, _softmax(real, fake), _softmax(fake, real)))
            ),
        },
    ),
    Task(
        "04.3",
        "Two directions of one face",
        "The cosine distance of the directions (v1, v2, v3) and (w1, w2, w3), which are not of length one.",
        VECTORS,
        lambda *both: 1 - _cosine(*both),
        {
            "this is the cosine; the distance is one minus it.": _cosine,
            "the vectors are not of length one; divide by both lengths.": lambda a, b, c, d, e, f: (
                1 - (a * d + b * e + c * f)
            ),
        },
    ),
    Task(
        "05.1",
        "How sure is an accuracy?",
        "The standard error of an accuracy p that was measured on n independent frames.",
        {"p": (0.5, 0.99), "n": (20, 900)},
        lambda p, n: np.sqrt(p * (1 - p) / n),
        {
            "this is the variance; take its root.": lambda p, n: p * (1 - p) / n,
            "this is the deviation of one frame; a mean of n has a smaller one.": lambda p, n: np.sqrt(p * (1 - p)),
            "the root of n divides, not n.": lambda p, n: np.sqrt(p * (1 - p)) / n,
        },
    ),
    Task(
        "06.3",
        'The kernel of "bicubic"',
        "The weight of a pixel at the distance d, from 0 to 2.5, in OpenCV's bicubic interpolation (a = -0.75).",
        {"d": (0, 2.5)},
        _cubic,
        {
            "this is Matlab's and Pillow's kernel, with a = -0.5.": lambda d: _cubic(d, -0.5),
            "beyond 2 the weight is zero.": lambda d: np.where(d < 2, _cubic(d), -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)),
        },
    ),
    Task(
        "06.4",
        "Three bold cells",
        "Bonferroni's p-value of one of k comparisons whose own p-value is p. A probability is at most 1.",
        {"p": (0, 0.1), "k": (1, 24)},
        lambda p, k: np.minimum(1, p * k),
        {
            "a probability is at most 1.": lambda p, k: p * k,
            "you made it smaller; more comparisons must make it larger.": lambda p, k: p / k,
        },
    ),
    Task(
        "07.1",
        "Only real photographs",
        "The share of fakes among the pictures that are called fake. A share f of all pictures is fake; a share hit of "
        "the fakes is called fake, and a share alarm of the real pictures.",
        {"f": (0.001, 0.2), "hit": (0.5, 1), "alarm": (0.01, 0.4)},
        lambda f, hit, alarm: f * hit / (f * hit + (1 - f) * alarm),
        {
            "this forgets how rare fakes are.": lambda f, hit, alarm: hit / (hit + alarm),
            "the real pictures are a share 1 - f of all.": lambda f, hit, alarm: f * hit / (f * hit + alarm),
            "this is the share of all pictures that are called fake.": lambda f, hit, alarm: f * hit + (1 - f) * alarm,
        },
    ),
)


def drawn(task: Task) -> dict[str, np.ndarray]:
    """The numbers (ROWS,) of each variable; label and those that count are whole."""
    random = repro.rng(0, int(task.exercise.replace(".", "")))
    found = {name: random.uniform(*limits, ROWS).round(3) for name, limits in task.given.items()}
    return {name: values.round() if name in ("label", "n", "k") else values for name, values in found.items()}
