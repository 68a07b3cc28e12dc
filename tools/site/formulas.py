"""Exercises whose answer is a formula of numbers or arrays, each with its typical mistakes, on drawn rows.

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

ROWS, ROWS_OF_ARRAYS = 40, 10  # on which a formula is tried
Rule = Callable[..., np.ndarray]


@dataclass(frozen=True)
class Task:
    """An exercise whose answer is a formula of numbers or arrays; hints as in the notebooks."""

    exercise: str  # number of the exercise in the notebooks that it belongs to
    name: str
    todo: str  # what to compute
    given: dict[str, tuple]  # the variables, each drawn uniformly between two limits; x1 is x0 plus that
    # a third number: the variable is an array of so many
    right: Rule
    mistakes: dict[str, Rule]  # by hint

    @property
    def title(self) -> str:
        return f"{self.exercise} {self.name}"


def _sides(*box: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed sides of what two boxes share, and the sum of their areas."""
    ax0, ay0, ax1, ay1, bx0, by0, bx1, by1 = box
    width = np.minimum(ax1, bx1) - np.maximum(ax0, bx0)
    height = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    return width, height, (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)


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


def _pairs(p_fake: np.ndarray, label: np.ndarray, tie: float) -> np.ndarray:
    """The share of pairs, a fake and a real one, in which the fake scores higher."""
    fake = (label[..., :, None] == 1) & (label[..., None, :] == 0)
    above = np.sign(p_fake[..., :, None] - p_fake[..., None, :])
    return (fake * np.where(above == 0, tie, above > 0)).sum((-2, -1)) / fake.sum((-2, -1))


def _middle(draws: np.ndarray, share: float) -> np.ndarray:
    low, high = np.quantile(draws, [(1 - share) / 2, (1 + share) / 2], axis=-1)
    return high - low


def _steps(p: np.ndarray) -> np.ndarray:
    return np.sort(p) * np.arange(p.shape[-1], 0, -1)


def _holm(p: np.ndarray) -> np.ndarray:
    return np.minimum(1, np.maximum.accumulate(_steps(p), -1))


BOX = {f"{box}{side}{end}": (10 * end, 60) for box in "ab" for end in (0, 1) for side in "xy"}
VECTORS = {f"{name}{axis}": (-1, 1) for name in "vw" for axis in "123"}
TASKS = (
    Task(
        "01.2",
        "Do two boxes show the same face?",
        "The intersection over union of the boxes a and b, each from its corner (x0, y0) to its corner (x1, y1). Some "
        "pairs do not touch.",
        BOX,
        _iou,
        {
            "wrong for some that lie apart. What is the product of two negative sides?": lambda *box: _share(
                *_sides(*box)
            ),
            "wrong where boxes overlap. How often does your divisor count the common part?": _both_over_sum,
            "this is the Dice coefficient. Read the definition of the divisor again.": lambda *box: (
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
            "this is ReLU. What becomes of x below zero?": lambda x, slope: np.maximum(x, 0),
            "right for slopes below 1 alone. Which branch is the larger one elsewhere?": lambda x, slope: np.maximum(
                x, slope * x
            ),
            "the branches are exchanged. For which x is the slope?": lambda x, slope: np.where(x > 0, slope * x, x),
        },
    ),
    Task(
        "02.3",
        "PSNR",
        "The peak signal-to-noise ratio in decibels, from the mean squared error mse of values up to 255.",
        {"mse": (1, 900)},
        lambda mse: 10 * np.log10(255**2 / mse),
        {
            "a logarithm of another base. Which one does a decibel have?": lambda mse: 10 * np.log(255**2 / mse),
            "much too small. Is the peak in the same unit as the error?": lambda mse: 10 * np.log10(255 / mse),
            "twice as many decibels. How often is the error squared?": lambda mse: 20 * np.log10(255**2 / mse),
        },
    ),
    Task(
        "03.2",
        "The gradient of the cross-entropy",
        "The gradient of the cross-entropy by the logit of fake, for the logits real and fake and a label of 0 or 1.",
        {"real": (-2, 2), "fake": (-2, 2), "label": (0, 1)},
        lambda real, fake, label: _softmax(real, fake) - label,
        {
            "the sign is wrong. By which logit was asked?": lambda real, fake, label: label - _softmax(real, fake),
            "this is the probability. What does the label change?": lambda real, fake, label: _softmax(real, fake),
            "this is the loss itself. What was asked for?": lambda real, fake, label: (
                -np.log(np.where(label > 0, _softmax(real, fake), _softmax(fake, real)))
            ),
        },
    ),
    Task(
        "03.6",
        "One number from three trainings",
        "Here of five: the standard error of the mean of their accuracies, whose deviation is estimated from few.",
        {"accuracy": (0.8, 0.95, 5)},
        lambda accuracy: accuracy.std(-1, ddof=1) / np.sqrt(5),
        {
            "this is the spread of trainings. How much surer is a mean of several?": lambda x: x.std(-1, ddof=1),
            "a little too small. What is your divisor?": lambda x: x.std(-1) / np.sqrt(5),
            "too small, and without the mean in mind. What is your divisor?": lambda x: x.std(-1),
            "this is a variance. In which unit is an error?": lambda x: x.var(-1, ddof=1),
        },
    ),
    Task(
        "04.3",
        "Two directions of one face",
        "The cosine distance of the directions (v1, v2, v3) and (w1, w2, w3), which are not of length one.",
        VECTORS,
        lambda *both: 1 - _cosine(*both),
        {
            "this is the cosine, which is large for like directions. How large is a distance there?": _cosine,
            "longer vectors lie further apart with you. Has a direction a length?": lambda a, b, c, d, e, f: (
                1 - (a * d + b * e + c * f)
            ),
        },
    ),
    Task(
        "05.1",
        "How sure are 889 frames?",
        "The standard error of an accuracy p that was measured on n independent frames.",
        {"p": (0.5, 0.99), "n": (20, 900)},
        lambda p, n: np.sqrt(p * (1 - p) / n),
        {
            "this is the variance. In which unit is an error?": lambda p, n: p * (1 - p) / n,
            "this is the deviation of one frame. How much surer is a mean?": lambda p, n: np.sqrt(p * (1 - p)),
            "too small. How does an error shrink with n?": lambda p, n: np.sqrt(p * (1 - p)) / n,
        },
    ),
    Task(
        "05.2",
        "AUC by hand",
        "The AUC of the scores p_fake, many of them alike; label is 1 for a fake. A score's rank, by rankdata, says "
        "how many scores it is above.",
        {"p_fake": (0, 1, 12), "label": (0, 1, 12)},
        lambda p_fake, label: _pairs(p_fake, label, 0.5),
        {
            "a little too low. What does a tie count with you?": lambda p_fake, label: _pairs(p_fake, label, 0),
            "a little too high. What does a tie count with you?": lambda p_fake, label: _pairs(p_fake, label, 1),
            "one minus the answer. Which label is fake?": lambda p_fake, label: 1 - _pairs(p_fake, label, 0.5),
            "this is the accuracy. Does an AUC have a threshold?": lambda p_fake, label: (
                (p_fake >= 0.5) == label
            ).mean(-1),
        },
    ),
    Task(
        "05.6",
        "An interval from draws",
        "The width of the interval that keeps the middle 95 % of these draws.",
        {"draws": (0.85, 1, 60)},
        lambda draws: _middle(draws, 0.95),
        {
            "a little too narrow. How much is left out below, and how much above?": lambda x: _middle(x, 0.9),
            "too narrow. This is the middle two thirds; how many are asked for?": lambda x: _middle(x, 0.683),
            "the sign is wrong. Which end comes first?": lambda x: -_middle(x, 0.95),
        },
    ),
    Task(
        "06.3",
        'The kernel of "bicubic"',
        "The weight of a pixel at the distance d, from 0 to 2.5, in OpenCV's bicubic interpolation (a = -0.75).",
        {"d": (0, 2.5)},
        _cubic,
        {
            "this is the kernel of Keys and of Matlab. Whose is asked for?": lambda d: _cubic(d, -0.5),
            "right up to two pixels. How far does the kernel reach?": lambda d: np.where(
                d < 2, _cubic(d), -0.75 * (d**3 - 5 * d**2 + 8 * d - 4)
            ),
        },
    ),
    Task(
        "06.4",
        "Three bold cells",
        "Bonferroni's p-value of one of k comparisons whose own p-value is p.",
        {"p": (0, 0.1), "k": (1, 24)},
        lambda p, k: np.minimum(1, p * k),
        {
            "some are above one. What is a p-value?": lambda p, k: p * k,
            "smaller than it was. Does a finding get surer by more looks?": lambda p, k: p / k,
        },
    ),
    Task(
        "06.6",
        "Holm's procedure",
        "Holm's corrected p-values of the six p-values p, from the smallest to the largest.",
        {"p": (0, 0.5, 6)},
        _holm,
        {
            "these are Bonferroni's. By what is the second smallest multiplied?": lambda p: np.minimum(
                1, 6 * np.sort(p)
            ),
            "some are smaller than the one before them. Can more evidence be corrected to less?": lambda p: np.minimum(
                1, _steps(p)
            ),
            "right but for those above one. What is a p-value?": lambda p: np.maximum.accumulate(_steps(p), -1),
        },
    ),
    Task(
        "07.6",
        "How many alarms are true?",
        "The share of alarms that are true. A share f of all pictures is fake; a share hit of the fakes is called "
        "fake, and a share alarm of the real pictures.",
        {"f": (0.001, 0.2), "hit": (0.5, 1), "alarm": (0.01, 0.4)},
        lambda f, hit, alarm: f * hit / (f * hit + (1 - f) * alarm),
        {
            "this is right if half of all pictures are fake. How many are?": lambda f, hit, alarm: hit / (hit + alarm),
            "real pictures count as often as all pictures. How many are real?": lambda f, hit, alarm: (
                f * hit / (f * hit + alarm)
            ),
            "this is the share of all pictures that are called fake. Of what is the share asked for?": (
                lambda f, hit, alarm: f * hit + (1 - f) * alarm
            ),
        },
    ),
    Task(
        "07.7",
        "A template that knows too much",
        "Six people with one number for their real face and one for the fake made from it. For each of them: the "
        "distance of the real face to the mean fake of all other people.",
        {"real": (-1, 1, 6), "fake": (-1, 1, 6)},
        lambda real, fake: np.abs(real - (fake.sum(-1, keepdims=True) - fake) / 5),
        {
            "every fake is in its own template. Who may help to judge whom?": lambda real, fake: np.abs(
                real - fake.mean(-1, keepdims=True)
            ),
            "each person is judged by their own fake. Whose are asked for?": lambda real, fake: np.abs(real - fake),
            "some are negative. Which sign has a distance?": lambda real, fake: (
                real - (fake.sum(-1, keepdims=True) - fake) / 5
            ),
        },
    ),
)


def drawn(task: Task) -> dict[str, np.ndarray]:
    """The numbers (rows,) or arrays (rows, n) of each variable; label and those that count are whole, scores coarse."""
    random, rows = repro.rng(0, int(task.exercise.replace(".", ""))), ROWS
    if any(rest for _, _, *rest in task.given.values()):
        rows = ROWS_OF_ARRAYS
    digits = {"label": 0, "n": 0, "k": 0, "p_fake": 1}
    found = {
        name: random.uniform(low, high, (rows, *rest)).round(digits.get(name, 3))
        for name, (low, high, *rest) in task.given.items()
    }
    for name, start in ((name, f"{name[:-1]}0") for name in found if f"{name[:-1]}0" in found and name[-1] == "1"):
        found[name] = (found[start] + found[name]).round(3)  # the second corner lies behind the first
    return found
