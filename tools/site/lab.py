"""What can be tried on the site itself: a head pose by hand and formulas to write; scripts do the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import content
import formulas
import numpy as np
import practice
from content import Page
from formulas import Task

from dfdlib.headpose import pnp, pose_features, worldmodel

GROUP = "Try it here"


def pages() -> Iterator[Page]:
    """The two pages, each with its numbers as a script, since pages opened as files cannot fetch."""
    yield _page("pose", "A head pose by hand", content.template("pose.html.j2").render(), _pose())
    tasks = [_asked(task) for task in formulas.tasks()]
    text = content.template("formulas.html.j2").render(tasks=formulas.tasks(), where=practice.places())
    yield _page("formulas", "Formulas to write", text, tasks)


def _page(name: str, title: str, body: str, data: object) -> Page:
    file = f"try/{name}-data.js"
    script = f"window.{name.upper()} = {json.dumps(data, ensure_ascii=False, separators=(',', ':'))};\n"
    scripts, files = (file, f"try/{name}.js"), {file: script.encode()}
    files[f"try/{name}.js"] = (Path(__file__).resolve().parent / f"{name}.js").read_bytes()
    return Page(f"try/{name}.html", f"tools/site/{name}.js", title, body, GROUP, files=files, scripts=scripts)


def _asked(task: Task) -> dict:
    rows = formulas.drawn(task)
    hints = [[hint, _numbers(formulas.answers(rule, rows))] for hint, rule in task.mistakes.items()]
    shown = [{name: np.asarray(value).tolist() for name, value in row.items()} for row in rows]
    return {"rows": shown, "right": _numbers(formulas.answers(task.right, rows)), "hints": hints}


def _numbers(values: np.ndarray, digits: int = 9) -> list:
    return np.vectorize(lambda value: float(f"{value:.{digits}g}"))(values).tolist()


def _pose() -> dict:
    """The head model, the sets of points and the shipped SVM for pose.js; millimetres, indices from 0."""
    svm = pose_features.load_svm(pose_features.shipped_svm())
    model = worldmodel.world_model("world_model.csv")
    return {
        "model": model.round(2).tolist(),
        "whole": pnp.WHOLE.tolist(),
        "central": pnp.CENTRAL.tolist(),
        "svm": {name: _numbers(values, 5) for name, values in vars(svm).items()},
    }
