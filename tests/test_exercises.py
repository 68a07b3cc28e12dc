"""The exercises: made from their solutions without a diff, and checks that know right from wrong and say why."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
import sys
import textwrap
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from dfdlib import checks
from dfdlib.core import paths
from dfdlib.core.errors import DfdError

TOOL = paths.root() / "tools" / "exercises.py"
SPEC = importlib.util.spec_from_file_location("exercises", TOOL)
exercises = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(exercises)
SOURCES = exercises.sources()
every_part = pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)

# Typical wrong answers: the exercise, which of its stubs (from 0), what a student writes there, and what the hint says.
WRONG = [
    ("01.1", 0, "return 'lost'", r"'lost' is not what was measured\. .*colours, or light and dark.*It was 'same'"),
    ("01.1", 0, "return 'moved'", r"'moved' is not what was measured\. .*brightness of two neighbours"),
    ("01.1", 0, "return 'blue'", r"'blue' is none of the answers; return one of 'lost', 'moved', 'same'"),
    (
        "01.2",
        0,
        """
        both = (min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
        return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
        """,
        r"product of two negative sides",
    ),
    (
        "01.2",
        0,
        """
        width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
        return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
        """,
        r"How often does your divisor count the common part",
    ),
    (
        "01.2",
        0,
        """
        width, height = (max(min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
        both = width * height
        return both / (a[2] * a[3] + b[2] * b[3] - both)
        """,
        r"you took sides for corners",
    ),
    ("01.3", 0, "return table[unit].unique().tolist()", r"more than one clip\. Does a name leak"),
    (
        "01.3",
        0,
        "return table[unit].value_counts().loc[lambda n: n > 1].index",
        r"more than one clip\. Does a name leak",
    ),
    ("01.3", 0, "return []", r"16 of 16 are missing"),
    ("01.3", 0, "table.groupby(unit)", r"the answer is None\. Does your function return"),
    (
        "01.4",
        0,
        """
        a, b = (images[:, ::8, ::8].mean(3) for images in (train, test))
        i, j = np.unravel_index(np.abs(a[:, None] - b).mean((2, 3)).argmin(), (len(a), len(b)))
        return f"train {i}", f"test {j}"
        """,
        r"near in raw pixels\. Are they alike",
    ),
    ("01.4", 0, "return str(original), str(replaced)", r"right pictures under other names"),
    ("02.1", 0, "return 3.0", r"half the \*squared\* error"),
    ("02.1", 0, "return -6.0", r"size is right and the sign is wrong"),
    ("02.1", 0, "return 13.9", r"a logarithm of another base"),
    ("02.1", 0, "return 'six'", r"the answer is a str; a number"),
    ("02.2", 0, "return np.maximum(x, 0)", r"this is ReLU"),
    ("02.2", 0, "return np.where(x > 0, x, -slope[:, None, None] * x)", r"right everywhere but for x below 0\. .*sign"),
    (
        "02.2",
        1,
        """
        by_x = np.where(x > 0, 1, -slope[:, None, None]) * upstream
        return by_x, (np.where(x > 0, 0, x) * upstream).sum((0, 2, 3))
        """,
        r"right everywhere but for x below 0\. The size is right there and the sign is wrong",
    ),
    ("02.2", 1, "return np.where(x > 0, 1, slope[:, None, None]), slope", r"derivative alone\. .*chain rule"),
    (
        "02.2",
        1,
        "return np.where(x > 0, 1, slope[:, None, None]) * upstream, (x * upstream).sum((0, 2, 3))",
        r"summed over every x",
    ),
    (
        "02.2",
        1,
        """
        by_slope = np.where(x > 0, 0, x) * upstream
        return np.where(x > 0, 1, slope[:, None, None]) * upstream, by_slope.sum((2, 3))
        """,
        r"How many images does one slope serve",
    ),
    (
        "02.3",
        0,
        """
        inner = np.s_[shave:-shave, shave:-shave]
        error = a[inner].astype(float) - b[inner]
        return 10 * np.log10(255**2 / (error**2).mean())
        """,
        r"red, green and blue together",
    ),
    (
        "02.3",
        0,
        """
        y = [16 + image.astype(float) @ [65.481, 128.553, 24.966] / 255 for image in (a, b)]
        return 10 * np.log10(255**2 / ((y[0] - y[1]) ** 2).mean())
        """,
        r"the border is still there",
    ),
    (
        "02.4",
        0,
        """
        light = np.clip(enlarge(blob(y, x)).astype(float) - 65, 0, None)
        down, right = ndimage.center_of_mass(light)
        return down - 2 * y, right - 2 * x
        """,
        r"pixels points or areas",
    ),
    (
        "02.4",
        0,
        """
        down, right = ndimage.center_of_mass(enlarge(blob(y, x)).astype(float))
        return down - 2 * y - 0.5, right - 2 * x - 0.5
        """,
        r"pulled towards the middle",
    ),
    ("02.4", 1, "return 'network'", r"it moves the picture by 0\.0\d px at most\. Another does by more"),
    ("03.1", 0, "return '0.50'", r"mean of one epoch chosen beforehand"),
    ("03.1", 0, "return '0.57'", r"One video is worth 3\.6 points"),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits)
        return (powers / powers.sum(1, keepdims=True) - np.eye(2)[labels]) / len(logits)
        """,
        r"1 of 16 values are no finite numbers\. Look for an overflow",
    ),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True) - np.eye(2)[labels]
        """,
        r"summed loss\. Which loss",
    ),
    (
        "03.2",
        0,
        """
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return (np.eye(2)[labels] - powers / powers.sum(1, keepdims=True)) / len(logits)
        """,
        r"the sign is wrong",
    ),
    ("03.3", 0, "for _ in range(steps):\n    w = w - rate * gradient(w)\nreturn w", r"descent without momentum"),
    (
        "03.3",
        0,
        """
        velocity = 0
        for _ in range(steps):
            velocity = momentum * velocity + (1 - momentum) * gradient(w)
            w = w - rate * velocity
        return w
        """,
        r"your velocity is a running mean",
    ),
    (
        "03.3",
        0,
        """
        velocity = 0
        for _ in range(steps):
            velocity = momentum * velocity + gradient(w)
            w = w - rate * (gradient(w) + momentum * velocity)
        return w
        """,
        r"this is Nesterov's momentum",
    ),
    ("03.4", 0, "return image.mean()", r"does not see blocks"),
    (
        "03.4",
        0,
        """
        steps = np.abs(np.diff(image.astype(float).mean(2), axis=1))
        return steps.mean() / steps[:, 7::8].mean()
        """,
        r"Which way must it point",
    ),
    (
        "03.4",
        0,
        """
        steps = np.abs(image[:, 1:] - image[:, :-1])
        return steps[:, 7::8].mean() / steps.mean()
        """,
        r"a negative has another number than its picture.*uint8",
    ),
    ("03.4", 1, "return letters['any light']", r"It is any light, whatever the label"),
    ("03.4", 1, "return letters['saved alike']", r"It is saved alike, whatever the label"),
    ("04.1", 0, "return 'larger'", r"what happens to the picture"),
    ("04.1", 0, "return 'no solution'", r"Does solvePnP know"),
    (
        "04.2",
        0,
        """
        angle = max(np.linalg.norm(rvec), 1e-300)
        x, y, z = rvec / angle
        k = np.array([[0, z, -y], [-z, 0, x], [y, -x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"this is the rotation back\. Which sign",
    ),
    (
        "04.2",
        0,
        """
        angle = np.linalg.norm(rvec)
        x, y, z = rvec / angle
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"9 of 189 values are no finite numbers\. Look for an overflow or a division by zero",
    ),
    (
        "04.2",
        0,
        """
        angle = max(np.linalg.norm(rvec), 1e-300)
        x, y, z = rvec / angle
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k**2
        """,
        r"K is right, and its square is not",
    ),
    (
        "04.2",
        0,
        """
        (x, y, z), angle = rvec, np.linalg.norm(rvec)
        k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        """,
        r"still has the length of the vector in it",
    ),
    (
        "04.2",
        0,
        "return np.zeros((3, 3)) if not rvec.any() else cv2.Rodrigues(rvec)[0]",
        r"but for the vector of zeros",
    ),
    ("04.3", 0, "return 1 - (whole[:, :, 2] * central[:, :, 2]).sum(1)", r"these are distances of R w"),
    (
        "04.3",
        0,
        "return (whole[:, 2] * central[:, 2]).sum(1)",
        r"this is the cosine, which is large for like directions",
    ),
    ("04.3", 0, "return np.arccos((whole[:, 2] * central[:, 2]).sum(1).clip(-1, 1))", r"this is the angle between"),
    ("04.4", 0, "return 'right'", r"all of them look right to you"),
    (
        "04.4",
        0,
        """
        if model[36, 0] > model[45, 0]:
            return "x mirrored"
        if model[8, 1] < model[27, 1]:
            return "y up"
        return "z mirrored" if model[30, 2] > model[[0, 16], 2].mean() else "right"
        """,
        r"Is each model as symmetric as a face",
    ),
    (
        "04.4",
        0,
        """
        name = drawn[[np.array_equal(other, model) for other in models].index(True)]
        return "right" if name == "z mirrored" else name
        """,
        r"nearest to the camera",
    ),
    ("05.1", 0, "return 'as wide'", r"How many frames are there, and how many people"),
    ("05.1", 0, "return 'twice as wide'", r"frames of one person"),
    ("05.2", 0, "return (p_fake[labels == 1][:, None] > p_fake[labels == 0]).mean()", r"a little too low"),
    ("05.2", 0, "return (p_fake[labels == 1][:, None] >= p_fake[labels == 0]).mean()", r"a little too high"),
    ("05.2", 0, "return roc_auc_score(1 - labels, p_fake)", r"one minus the answer\. Which label is fake"),
    ("05.3", 0, "return ((resnet['p_fake'] + headpose['p_fake']) / 2).to_numpy()", r"the rows are out of step"),
    (
        "05.3",
        0,
        """
        joined = headpose.merge(resnet, on=["clip_id", "frame"])
        return (joined["p_fake_x"] + joined["p_fake_y"]) / 2
        """,
        r"right scores in a wrong order",
    ),
    (
        "05.3",
        0,
        "return resnet.merge(headpose, on='frame')['p_fake_x']",
        r"more rows than frames\. Does frame alone name one",
    ),
    ("05.3", 0, "return resnet.merge(headpose, on='clip_id')['p_fake_x']", r"Does clip_id alone name one"),
    ("05.4", 0, "return table['right'].std() / np.sqrt(len(table))", r"as if frames were redrawn"),
    (
        "05.4",
        0,
        """
        clips = table.groupby("clip_id")["right"].agg(["sum", "size"]).to_numpy(float)
        drawn = np.random.default_rng(seed).integers(len(clips), size=(resamples, len(clips)))
        right, frames = clips[drawn].sum(1).T
        return (right / frames).std()
        """,
        r"as if videos were redrawn",
    ),
    (
        "05.4",
        0,
        """
        people = table.groupby("person")["right"].mean().to_numpy()
        return np.random.default_rng(seed).choice(people, (resamples, len(people))).mean(1).std()
        """,
        r"you averaged people's accuracies",
    ),
    (
        "05.4",
        0,
        """
        people = table.groupby("person")["right"].agg(["sum", "size"]).to_numpy(float)
        drawn = np.random.default_rng(seed).integers(len(people), size=(resamples, len(people)))
        right, frames = people[drawn].sum(1).T
        return (right / frames).var()
        """,
        r"of shares or of their squares",
    ),
    ("06.1", 0, "return 'FSRCNN'", r"sharpens whatever it sees"),
    ("06.1", 0, "return 'it depends'", r"What would turn the sign"),
    ("06.2", 0, "return image[::factor, ::factor]", r"takes one pixel of each square"),
    (
        "06.2",
        0,
        "return cv2.resize(image, None, fx=1 / factor, fy=1 / factor)",
        r"interpolates between pixels\. How many pixels",
    ),
    (
        "06.2",
        0,
        "return cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA) // 1",
        r"cut to whole numbers",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.5, np.abs(distance)
        far = np.where(d < 2, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a, 0)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, far)
        """,
        r"of Keys and of Matlab",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.75, np.abs(distance)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)
        """,
        r"right everywhere but beyond two pixels",
    ),
    (
        "06.3",
        0,
        """
        a, d = -0.75, distance
        far = np.where(d < 2, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a, 0)
        return np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, far)
        """,
        r"right everywhere but for negative distances",
    ),
    ("06.4", 0, "return gains.index[(gains['low'] > 0) | (gains['high'] < 0)].tolist()", r"At how many did you look"),
    (
        "06.4",
        0,
        """
        p = 2 * stats.norm.sf((gains["gain"] / (gains["high"] - gains["low"]) * 2 * stats.norm.ppf(0.975)).abs())
        return gains.index[p * len(gains) < 0.05].tolist()
        """,
        r"as by the normal distribution",
    ),
    (
        "06.4",
        0,
        """
        error = (gains["high"] - gains["low"]) / 2 / stats.t.ppf(0.975, people - 1)
        p = stats.t.sf((gains["gain"] / error).abs(), people - 1)
        return gains.index[p * len(gains) < 0.05].tolist()
        """,
        r"as by one-sided p-values",
    ),
    ("07.1", 0, "return 'one in twenty'", r"where the threshold lies in another set"),
    ("07.1", 0, "return 'one in six'", r"What did this one learn to suspect"),
    ("07.2", 0, "return ((p_fake >= 0.5) != labels).mean()", r"this is the error at one half"),
    ("07.2", 0, "return (p_fake >= 0.5)[labels == 0].mean()", r"these are the false alarms at one half"),
    (
        "07.2",
        0,
        """
        alarms, hits, _ = roc_curve(labels, p_fake)
        nearest = np.abs(alarms + hits - 1).argmin()
        return 1 - (alarms[nearest] + 1 - hits[nearest]) / 2
        """,
        r"one minus it",
    ),
    (
        "07.3",
        0,
        "return np.einsum('c,chw->hw', (weights[1] - weights[0]) / maps[0].size, maps)",
        r"right until the last step",
    ),
    (
        "07.3",
        0,
        "return np.maximum(np.einsum('c,chw->hw', weights[1], maps) / maps[0].size, 0)",
        r"logit of fake alone",
    ),
    (
        "07.3",
        0,
        "return np.maximum(np.einsum('c,chw->hw', weights[1] - weights[0], maps), 0)",
        r"every value is 784 times what it should be",
    ),
    ("07.4", 0, "return clips.groupby('person')['split'].nunique().loc[lambda n: n > 1].index", r"Whose \*face\* does"),
    (
        "07.4",
        0,
        "return clips.groupby('donor')['split'].nunique().loc[lambda n: n > 1].index",
        r"looked at donors in fakes alone",
    ),
    ("07.4", 0, "return clips['donor'].dropna().unique()", r"these are all donors"),
]


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is known before it, its solution, its stub and its check."""

    number: str
    known: dict
    solution: str
    check: str  # with the cells that belong to it, between the solution and the check


@pytest.fixture(scope="module", autouse=True)
def like_before():
    """Notebooks set threads and seeds for the whole process, and show figures; neither is to outlive these tests."""
    threads, given = (torch.get_num_threads(), cv2.getNumThreads()), os.environ.get("OMP_NUM_THREADS")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: plt.close("all"))
        yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    os.environ.pop("OMP_NUM_THREADS", None) if given is None else os.environ.update(OMP_NUM_THREADS=given)


def _read(path: Path) -> list:
    return nbformat.read(path, as_version=4).cells


def _code(path: Path) -> list:
    return [cell for cell in _read(path) if cell.cell_type == "code"]


def _run(source: str, namespace: dict) -> dict:
    exec(compile(source, "<cell>", "exec"), namespace)
    return namespace


def sections(path: Path) -> tuple[list, dict[str, list]]:
    """The code cells before the first exercise, and those of each exercise."""
    front, found, number = [], {}, ""
    for cell in _read(path):
        if heading := re.search(r"^## (\d\d\.\d) ", cell.source, re.MULTILINE):
            number = heading[1]
        if cell.cell_type == "code" and not number:
            front.append(cell)
        elif cell.cell_type == "code":
            found.setdefault(number, []).append(cell)
    return front, found


@functools.cache
def lessons(path: Path) -> dict[str, Exercise]:
    """The exercises of a part, each run alone: after the cells before the first exercise, and no other exercise."""
    front, found = sections(path)
    begun = _run("\n".join(cell.source for cell in front), {})
    return {number: _alone(number, cells, begun.copy()) for number, cells in found.items()}


def _alone(number: str, cells: list, namespace: dict) -> Exercise:
    kinds = [(set(cell.metadata.tags) & {"solution", "check"} or {""}).pop() for cell in cells]
    solution, check = kinds.index("solution"), kinds.index("check")
    for cell in cells[:solution]:
        _run(cell.source, namespace)
    known = namespace.copy()
    for cell in cells[solution:]:
        _run(cell.source, namespace)
    checked = "\n\n\n".join(cell.source for cell in cells[solution + 1 : check + 1])
    return Exercise(number, known, cells[solution].source, checked)


def _lesson(number: str) -> Exercise:
    return lessons(next(path for path in SOURCES if path.stem.startswith(f"ex{number[:2]}")))[number]


def _answered(solution: str, stub: int, body: str) -> str:
    """The solution with what stands between one pair of marks replaced."""
    answers = iter(range(solution.count("### BEGIN SOLUTION")))

    def other(match: re.Match) -> str:
        lines = textwrap.indent(textwrap.dedent(body).strip("\n"), match[1])
        return lines if next(answers) == stub else match[0]

    return exercises.MARKED.sub(other, solution)


def test_the_generator_leaves_no_diff(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exercises, "EXERCISES", tmp_path)
    monkeypatch.setattr(sys, "argv", ["exercises.py"])
    for _ in range(2):
        exercises.main()
        made = {path.name: path.read_bytes() for path in tmp_path.glob("*")}
        committed = {path.name: path.read_bytes() for path in (paths.notebooks() / "exercises").glob("*.ipynb")}
        assert made == committed, "run `make exercises`"
    assert len(made) == 7


@pytest.mark.parametrize(
    "cell",
    [
        "def f():\n    return 1",
        "def f():\n    ### BEGIN SOLUTION: say\n    return 1",
        "def f():\n    ### BEGIN SOLUTION: say\n    return 1\n### END SOLUTION",
        'def f():\n    ### BEGIN SOLUTION: say "x"\n    return 1\n    ### END SOLUTION',
    ],
)
def test_a_solution_without_whole_marks_is_refused(cell: str) -> None:
    with pytest.raises(DfdError, match="cell-07: put each answer between ### BEGIN SOLUTION"):
        exercises.stub(cell, "cell-07")


@every_part
def test_no_solution_leaks_into_an_exercise(path: Path) -> None:
    stubs = [cell for cell in _code(exercises.EXERCISES / path.name) if exercises.tagged(cell, "exercise")]
    text = "\n".join(cell.source for cell in _read(exercises.EXERCISES / path.name))
    solutions = [cell.source for cell in _code(path) if exercises.tagged(cell, "solution")]
    assert len(stubs) == len(solutions) >= 3
    assert "SOLUTION" not in text and "**These are the solutions" not in text
    for stub, solution in zip(stubs, solutions, strict=True):
        assert stub.source.count("raise NotImplementedError(") == solution.count("### BEGIN SOLUTION")
        for answer in exercises.MARKED.finditer(solution):
            lines = [line.strip() for line in answer[0].splitlines()[1:-1]]
            assert lines and not [line for line in lines if len(line) > 12 and line in text]


@every_part
def test_an_exercise_is_empty_and_the_same_everywhere(path: Path) -> None:
    notebook = nbformat.read(exercises.EXERCISES / path.name, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert notebook.metadata == exercises.METADATA
    assert not [cell for cell in code if cell.outputs or cell.execution_count]
    assert {tag for cell in notebook.cells for tag in cell.metadata.tags} == {"exercise", "check"}


@every_part
def test_each_exercise_states_what_it_asks_and_is_checked(path: Path) -> None:
    cells = _read(exercises.EXERCISES / path.name)
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = re.findall(r"^## (\d\d\.\d) .+ \((predict|implement|find the \w+), (\d+) minutes\)$", text, re.MULTILINE)
    checked = [re.search(r'"(\d\d\.\d)"', c.source)[1] for c in cells if exercises.tagged(c, "check")]
    assert [number for number, _, _ in headings] == checked and 3 <= len(checked) <= 4
    assert headings[0][1] == "predict" and {kind for _, kind, _ in headings} > {"predict", "implement"}
    assert f"**Time.** {sum(int(minutes) for _, _, minutes in headings)} minutes" in text
    assert text.count("**Why it matters.**") == text.count("**Your answer**") == len(checked)
    assert "**Goals.**" in cells[0].source and "**Limits.**" in cells[-1].source
    rendered = any(word in cell.source for cell in cells if cell.cell_type == "code" for word in ("embedded", "world"))
    assert "(**synthetic**" in cells[0].source or not rendered, "the front page says what the data are"


@every_part
@pytest.mark.parametrize("folder", ["solutions", "exercises"])
def test_prose_is_long_and_links_lead_somewhere(path: Path, folder: str) -> None:
    cells = _read(paths.notebooks() / folder / path.name)
    kinds = [cell.cell_type for cell in cells]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    lines = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip()]
    assert len(text.split()) / len(lines) >= 8
    assert not [i for i in range(4, len(kinds)) if kinds[i] == kinds[i - 1] == "code"]
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert any(link.startswith("../0") for link in links)
    assert not [link for link in links if not (paths.notebooks() / folder / link).is_file()]


@pytest.mark.parametrize(
    ("number", "stub", "body", "hint"), WRONG, ids=[f"{wrong[0]}-{i}" for i, wrong in enumerate(WRONG)]
)
def test_a_typical_wrong_answer_gets_a_hint_that_helps(number: str, stub: int, body: str, hint: str) -> None:
    lesson = _lesson(number)
    namespace = _run(_answered(lesson.solution, stub, body), lesson.known.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's division by zero warns, and goes on
        with pytest.raises(checks.Hint, match=f"(?s)^{re.escape(number)} not yet: .*{hint}"):
            _run(lesson.check, namespace)


def test_wrong_answers_are_known_for_every_exercise() -> None:
    numbers = {number for path in SOURCES for number in lessons(path)}
    assert {number for number, *_ in WRONG} == numbers and len(numbers) == 28


@every_part
def test_an_untouched_exercise_stops_at_its_stub(path: Path) -> None:
    stubs = [cell.source for cell in _code(exercises.EXERCISES / path.name) if exercises.tagged(cell, "exercise")]
    for stub, lesson in zip(stubs, lessons(path).values(), strict=True):
        namespace = _run(stub, lesson.known.copy())
        with pytest.raises(NotImplementedError, match="^return "):
            _run(lesson.check, namespace)


ROW = np.array([1.0, -2.0, 3.0])


@pytest.mark.parametrize(
    ("found", "expected", "hint"),
    [
        (None, ROW, r"the answer is None\. Does your function return"),
        ("x", ROW, "a str; a number or an array"),
        (np.ones((2, 3)), np.ones((3, 2)), r"shape \(2, 3\), and \(3, 2\) was asked for\. Its transpose would fit"),
        (np.ones(2), ROW, r"shape \(2,\), and \(3,\) was asked for\."),
        ([1, np.nan, 3], ROW, "1 of 3 values are no finite numbers"),
        (-ROW, ROW, "the size is right and the sign is wrong"),
        (2 * ROW, ROW, "every value is 2 times"),
        ([1, -2, 4], ROW, r"1 of 3 values are off, the first at \[2\], the worst by 1"),
        ([1, 2, 3], ROW, r"right everywhere but in the middle\. The size is right there and the sign is wrong"),
        (3, 2, "3 is too large"),
        (1.5, 2, "1.5 is too small"),
    ],
)
def test_a_number_that_nobody_foresaw_is_described(found, expected, hint: str) -> None:
    regions = {"in the middle": np.array([False, True, False])} if expected is ROW else {}
    with pytest.raises(checks.Hint, match=hint):
        checks.close("x", found, expected, "", regions=regions)


def test_names_are_compared_in_any_order(capsys) -> None:
    checks.named("x", ["b", "a"], ("a", "b"), "both.")
    checks.free_of("x", {"a fault": False}, "none.")
    assert capsys.readouterr().out == "x right: both.\nx right: none.\n"
    with pytest.raises(checks.Hint, match=r"x not yet: 'c' does not belong in the answer \(1 such\) and 1 of 2 are"):
        checks.named("x", ["a", "c"], ("a", "b"), "")


def test_the_tool_refuses_what_it_does_not_know() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "grade"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("The arguments are not understood; use")


def _printed(cells: list) -> list[str]:
    return [output.text for cell in cells if cell.cell_type == "code" for output in cell.outputs if "text" in output]


@pytest.mark.notebooks
@every_part
def test_the_solutions_run_in_a_fresh_kernel_and_print_what_is_committed(path: Path, tmp_path) -> None:
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    exercises.run(copy)
    checked = [cell for cell in _code(copy) if exercises.tagged(cell, "check")]
    assert all(re.search(r"^\d\d\.\d right: ", _printed([cell])[0], re.MULTILINE) for cell in checked)
    assert _printed(_read(copy)) == _printed(_read(path)), "run `python tools/exercises.py run`"


@every_part
def test_cells_are_short(path: Path) -> None:
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert max(len([line for line in source.splitlines() if line.strip()]) for source in cells) <= 15
