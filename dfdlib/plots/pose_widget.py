"""Move a face's landmarks by hand and see its two poses, whether one flips, and the score (notebook 04).

`picture` needs no widget; `show` adds sliders if a kernel runs.
"""

from __future__ import annotations

import html
import io
from dataclasses import dataclass

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import DisplayHandle, display
from matplotlib.figure import Figure

from dfdlib.core import repro
from dfdlib.core.studies import Study
from dfdlib.evaluation import results
from dfdlib.experiments import known_flaws
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet
from dfdlib.headpose import pnp, pose_features
from dfdlib.headpose.pnp import Poses
from dfdlib.plots import pose_figures

SOLVERS = {"sqpnp": "sqpnp, the study's", "iterative": "iterative, OpenCV's default"}  # one panel for each
NO_WIDGET = "Sliders appear here where a kernel runs: open this notebook in JupyterLab and run all its cells."
# For each field of Setting: label of its slider, minimum, maximum, step
SLIDERS = {
    "noise": ("noise of all landmarks (px)", 0.0, 6.0, 0.5),
    "draw": ("another draw of the noise", 0, 20, 1),
    "right": ("inner face to the right (px)", -15.0, 15.0, 1.0),
    "down": ("inner face down (px)", -15.0, 15.0, 1.0),
}
BEHIND = "#B00020"  # of the numbers above a head behind the camera
STYLE = {"style": {"description_width": "14em"}, "layout": {"width": "34em", "max_width": "98%"}}


@dataclass(frozen=True)
class Face:
    """One frame before its landmarks are moved."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    points: np.ndarray  # (68, 2) pixels
    model: np.ndarray  # (68, 3) world coordinates, millimetres
    name: str  # names the frame in every picture, and says so if it is synthetic


@dataclass(frozen=True)
class Setting:
    """How the landmarks are changed."""

    noise: float = 0.0  # standard deviation of a normal error of each coordinate, pixels
    draw: int = 0  # seed of the noise
    right: float = 0.0  # shift of the inner face relative to the contour, as by a swap, pixels
    down: float = 0.0


@dataclass(frozen=True)
class Reading:
    """The poses that one solver finds for one set of landmarks, and the numbers that follow from them."""

    whole: Poses  # of one frame
    central: Poses
    angle: float  # between the two rotations, degrees
    distance: float  # cosine distance of v_a and v_c
    behind: bool  # whether a pose puts the head behind the camera
    p_fake: float  # by the shipped SVM, whichever solver found the poses

    def __str__(self) -> str:
        place = "BEHIND the camera" if self.behind else "in front of the camera"
        return f"{self.angle:.1f}° apart, {place}\ncosine distance {self.distance:.3f}, p_fake {self.p_fake:.2f}"


def first_flip(study: Study, found: FrameSet, central: Poses, model: np.ndarray) -> Face:
    """The first real frame whose `central` pose lies behind the camera, or the first frame if there is none."""
    row = int(np.argmax(pnp.behind_camera(central) & (found.labels == 0)))
    shot = found.table.iloc[row]
    name = f"{results.group(study.dataset)}: {shot['clip_id']}, frame {shot['frame']}"
    return Face(frames.image(study, shot), found.points[row], model, name)


def moved(points: np.ndarray, setting: Setting) -> np.ndarray:
    """Landmarks (68, 2) with the setting's noise, and the inner face (all but the contour) shifted."""
    changed = points + setting.noise * repro.rng(setting.draw).normal(0, 1, points.shape)
    changed[known_flaws.INNER_FACE] += (setting.right, setting.down)
    return changed


def reading(face: Face, setting: Setting, solver: str) -> Reading:
    """Both poses of the moved landmarks by one of pnp.SOLVERS, and the numbers that follow from them."""
    sizes = np.array([face.image.shape[1::-1]])
    whole, central = pnp.whole_and_central(moved(face.points, setting)[None], sizes, face.model, solver)
    angle = pnp.angle_between(whole.rotation, central.rotation)
    distance = pose_features.cosine_distance(whole, central)
    behind = pnp.behind_camera(pnp.join(whole, central)).any()
    svm = pose_features.load_svm(pose_features.shipped_svm())
    p_fake = pose_features.p_fake(svm, pose_features.yang_feature(whole, central))
    return Reading(whole, central, float(angle[0]), float(distance[0]), bool(behind), float(p_fake[0]))


def picture(face: Face, setting: Setting) -> Figure:
    """The moved landmarks with both directions, one panel per solver, each below its numbers."""
    found = {solver: reading(face, setting, solver) for solver in SOLVERS}
    camera = pnp.camera_matrix(*face.image.shape[1::-1])
    fig = pose_figures.poses(face.image, {s: pnp.join(r.whole, r.central) for s, r in found.items()}, camera)
    fig.set_size_inches(8, 5.4)
    fig.suptitle(face.name, fontsize=10)
    points = moved(face.points, setting)
    for axis, (solver, name) in zip(fig.axes, SOLVERS.items(), strict=True):
        for index, colour in ((pose_figures.CONTOUR, pose_figures.WHOLE), (pnp.CENTRAL, pose_figures.CENTRAL)):
            axis.plot(*points[index].T, "o", ms=4, mec="white", mew=0.6, color=colour)
        axis.set_title(f"{name}\n{found[solver]}", fontsize=10, color=BEHIND if found[solver].behind else "black")
    return fig


def reading_table(face: Face, setting: Setting) -> pd.DataFrame:
    """The numbers of `picture`, one row per solver: the setting and the reading."""
    found = [vars(reading(face, setting, solver)) | {"solver": solver} | vars(setting) for solver in SOLVERS]
    return pd.DataFrame(found).drop(columns=["whole", "central"])


def sentence(face: Face, setting: Setting) -> str:
    """The numbers of `picture` in words, for readers who can't see it."""
    parts = [f"{solver}: poses {reading(face, setting, solver)}".replace("\n", ", ") for solver in SOLVERS]
    return f"{face.name}. {'; '.join(parts)}."


def show(face: Face, fig: Figure) -> None:
    """Display the picture `fig` of the unmoved face, and below it sliders that redraw it.

    The picture is an ordinary PNG, which the sliders replace. It therefore also shows where no widget runs: in a
    notebook read without a kernel, on GitHub or on a web page.
    """
    handle = display(_bundle(fig, sentence(face, Setting())), raw=True, display_id=True)
    display(_widget(face, handle)._repr_mimebundle_() | {"text/plain": NO_WIDGET}, raw=True)


def _bundle(fig: Figure, text: str) -> dict[str, bytes | str]:
    data = io.BytesIO()
    fig.savefig(data, format="png", metadata={"Software": None})
    plt.close(fig)  # otherwise the notebook shows the figure again at the end of the cell
    return {"image/png": data.getvalue(), "text/plain": text}


def _widget(face: Face, handle: DisplayHandle) -> ipywidgets.VBox:
    """Sliders and the numbers in words; each change redraws the picture behind `handle`."""
    sliders, numbers = {}, ipywidgets.HTML(html.escape(sentence(face, Setting())))

    def changed(_: object) -> None:
        setting = Setting(**{name: slider.value for name, slider in sliders.items()})
        text = sentence(face, setting)
        numbers.value = html.escape(text)
        handle.update(_bundle(picture(face, setting), text), raw=True)

    for name, (label, least, greatest, step) in SLIDERS.items():
        kind = ipywidgets.IntSlider if name == "draw" else ipywidgets.FloatSlider
        span = {"min": least, "max": greatest, "step": step, "continuous_update": False}  # redraw on release
        sliders[name] = kind(getattr(Setting(), name), description=label, **span, **STYLE)
        sliders[name].observe(changed, "value")
    return ipywidgets.VBox([*sliders.values(), numbers])
