"""The page that `dfd predict --report` writes: one self-contained file, to be opened offline."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from jinja2 import Environment
from matplotlib.figure import Figure

from dfdlib.core import disk, errors, paths
from dfdlib.detector import judging, record, shipped
from dfdlib.detector.judging import WORDS, Face
from dfdlib.detector.predict import Prediction
from dfdlib.headpose import pnp
from dfdlib.plots import canvas, pose_figures
from dfdlib.resnet import gradcam

TELLING = 3  # frames shown per file


def write(path: Path, found: Sequence[Prediction], rule: str, base: Path = Path()) -> None:
    """Write one HTML page about all files, their names escaped and relative to `base`.

    DfdError where it cannot be written.
    """
    page = Environment(autoescape=True).from_string((paths.assets() / "report.html").read_text(encoding="utf-8"))
    parts = [section(prediction, base) for prediction in found]
    stills = {prediction.face.looked_at == 1 for prediction in found if prediction.verdict != "unusable"}
    about = {"version": version("dfdlib"), "weights": record.weights(), "record": record.lines(rule, stills)}
    least = {"frames": judging.LEAST_FRAMES, "share": judging.LEAST_SHARE, "spread": record.known_spread(rule)}
    with disk.replacing(path, "name another file") as partial:
        partial.write_text(page.render(parts=parts, rule=rule, least=least, **about), encoding="utf-8")


def section(found: Prediction, base: Path = Path()) -> dict[str, object]:
    """The page's section on a file: its name as printable text, numbers as text, pictures as data."""
    about = {"name": errors.printable(_name(found.file, base)), "verdict": WORDS[found.verdict], "beside": found.beside}
    about |= {"note": errors.printable(found.note), "faces": [_about_face(face) for face in found.faces]}
    about["scores"] = about["faces"][0]["scores"] if found.faces and found.face.used else ""
    return about


def _name(file: str, base: Path) -> str:
    path = Path(file).absolute()
    return str(path.relative_to(base)) if base in path.parents else path.name


def _about_face(face: Face) -> dict[str, object]:
    counts = ", ".join(f"{why}: {count}" for why, count in face.not_used.items())
    about = {"looked_at": face.looked_at, "used": face.used, "not_used": counts or "none"}
    if not face.used:
        return about
    varies = f", varies over frames {face.low:.2f} to {face.high:.2f}" if np.isfinite(face.low) else ""
    about |= {"verdict": WORDS[face.verdict], "note": face.note, "shown": face.shown}
    about |= {"scores": f"p_fake {face.p_fake:.2f}{varies}", "edges": "{:.2f} and {:.2f}".format(*face.edges)}
    about["branches"] = f"network {face.resnet:.2f}, head pose {face.headpose:.2f}"
    return about | {"timeline": _data(timeline(face)), "telling": _data(telling_frames(face))}


def timeline(found: Face) -> Figure:
    """The combined p_fake and each branch's over the frames; frames that were not judged are marked below."""
    fig, axes = canvas.grid(1, 1, 8.0, 3.2)
    axis, used = axes[0, 0], found.frames[found.frames["used"]]
    for name, label, colour, style in (
        ("p_fake", "combined", "black", "o-"),
        ("resnet", "network", canvas.REAL, ".--"),
        ("headpose", "head pose", canvas.FAKE, ".:"),
    ):
        axis.plot(used["frame"], used[name].astype(float), style, color=colour, label=label, ms=4, lw=1.2)
    missed = found.frames.loc[~found.frames["used"], "frame"]
    axis.plot(missed, np.full(len(missed), -0.04), "x", color="0.4", label="not judged", ms=5)
    axis.axhspan(*found.edges, color="0.93", zorder=0)
    axis.axhline(0.5, color="0.6", lw=1)
    axis.set(xlabel="frame", ylabel="p_fake", ylim=(-0.08, 1.04))
    axis.legend(fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return fig


def telling(found: Face) -> np.ndarray:
    """Row numbers (from 0) among the used frames: the surest of each of TELLING equal parts of the file, in order."""
    sure = np.abs(found.frames.loc[found.frames["used"], "p_fake"].to_numpy(float) - 0.5)
    parts = np.array_split(np.arange(len(sure)), min(TELLING, len(sure)))
    return np.array([part[np.argmax(sure[part])] for part in parts])


def telling_frames(found: Face) -> Figure:
    """The telling frames: above, the face with both head directions; below, what speaks for a fake (Grad-CAM)."""
    rows = telling(found)
    maps = gradcam.grad_cam(shipped.load_resnet(), found.crops[rows], shipped.NETWORK)
    used = found.frames[found.frames["used"]].iloc[rows]
    fig, axes = canvas.grid(2, len(rows), 2.6 * len(rows), 5.4)
    for column, (row, cam) in enumerate(zip(rows, maps, strict=True)):
        about = used.iloc[column]
        canvas.show_image(axes[0, column], found.crops[row], f"frame {about['frame']}: p_fake {about['p_fake']:.2f}")
        _draw_poses(axes[0, column], found.points[row])
        canvas.show_image(axes[1, column], found.crops[row], f"network {about['resnet']:.2f}")
        edge = (found.crops.shape[1] - len(cam)) / 2 - 0.5
        extent = (edge, edge + len(cam), edge + len(cam), edge)
        axes[1, column].imshow(cam, cmap="inferno", alpha=0.45, extent=extent, vmin=0, vmax=1)
        axes[1, column].set(xlim=(0, found.crops.shape[2]), ylim=(found.crops.shape[1], 0))
    axes[0, 0].legend(fontsize=7, loc="lower left")
    return fig


def _draw_poses(axis: plt.Axes, points: np.ndarray) -> None:
    """The head's direction by the whole face and by its centre, mapped back from the SVM's picture to the crop."""
    camera, (factor, shift) = pnp.camera_matrix(shipped.SVM_SIDE, shipped.SVM_SIDE), shipped.eye_map(points)
    styles = ((pose_figures.WHOLE, "whole face"), (pose_figures.CENTRAL, "central points"))
    for pose, (colour, label) in zip(shipped.poses(points[None]), styles, strict=True):
        back = partial(shipped.moved, factor=1 / factor, shift=-shift / factor)
        pose_figures.draw_direction(axis, pose, camera, colour, label, back)


def _data(figure: Figure) -> str:
    with io.BytesIO() as file:
        figure.savefig(file, format="png", dpi=100)
        plt.close(figure)
        return base64.b64encode(file.getvalue()).decode()
