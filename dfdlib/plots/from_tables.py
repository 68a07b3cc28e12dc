"""The figures of a study's tables, most of them beside those of UADFV; a function is named as the file of its figure.

Figures 12 and 45 show what no table holds, but their own committed numbers do: they are read back from these.
"""

from __future__ import annotations

import pandas as pd

from dfdlib.core.errors import DfdError
from dfdlib.evaluation import arbiter, claims, results
from dfdlib.experiments import pose_factorial
from dfdlib.plots import canvas, pose_scores, resolution_figures, score_figures, superres_figures
from dfdlib.plots.source import Drawn, Source
from dfdlib.superres import networks

ACCURACY = "accuracy of frames, per cent, five folds by person"
PAPER = 0.501  # the paper's accuracy of the head pose
POSES = {"headpose.paper": "the paper's recipe", "headpose.yang": "Yang et al.", "headpose.mirrored": "mirrored model"}


def fig06_training(of: Source) -> Drawn:
    """Accuracy and loss per epoch, with the epochs that one may choose."""
    curves = {
        f"{each.data}\n{name}": run.drop(columns="run")
        for each in of.both()
        for name, run in each.table("curves").groupby("run")
    }
    return score_figures.training(curves), results.named_rows(curves), canvas.beside_uadfv(of.study)


def fig07_resnet_scores(of: Source) -> Drawn:
    """Scores of real and of fake frames."""
    shown = {each.data: each.scores("resnet", "test") for each in of.both()}
    return score_figures.score_histograms(shown), results.named_rows(shown), canvas.beside_uadfv(of.study)


def fig08_cosine_distance(of: Source) -> Drawn:
    """Distance between the two head directions in real and in fake frames, and the ranges of Yang et al."""
    shown = {each.data: each.table("headpose_cosine") for each in of.both()}
    return pose_scores.cosine_distances(shown), results.named_rows(shown), canvas.beside_uadfv(of.study)


def fig09_headpose_roc(of: Source) -> Drawn:
    """ROC curves of the head-pose classifiers."""
    branches = {
        each.data: {name: each.scores(branch, "test") for branch, name in POSES.items()} for each in reversed(of.both())
    }
    numbers = pd.concat(map(results.named_rows, branches.values()))
    return score_figures.roc(branches), numbers, " and ".join(branches)


def fig10_claims(of: Source) -> Drawn:
    """Every claim with its interval."""
    rows = claims.forest_beside(of.study.name, of.committed)
    if rows.empty:
        raise DfdError(f"The study {of.study.name} has no numbers for the claim table yet; run it first.")
    return score_figures.forest(rows), rows, canvas.beside_uadfv(of.study)


def fig12_fsrcnn_training(of: Source) -> Drawn:
    """FSRCNN against bicubic interpolation per epoch, on the study's stills and on CelebA."""
    names = {one: "CelebA" if one.study.dataset == "uadfv" else "rendered stills (synthetic)" for one in of.both()}
    curves = {name: one.table("superres_curve") for one, name in names.items()}
    numbers = pd.concat([curve.assign(images=name) for name, curve in curves.items()], ignore_index=True)
    mark = canvas.stills_mark(of.study)
    return superres_figures.learning_curve(curves), numbers, f"{mark}; CelebA: real" if mark else "CelebA: real"


def _combinations(of: Source) -> dict[str, pd.DataFrame]:
    """The cells of the head pose's experiment in folds by person."""
    return {each.data: each.table("headpose_factorial").query("protocol == 'person'") for each in reversed(of.both())}


def fig16_factorial(of: Source) -> Drawn:
    """Accuracy of every combination of feature, SVM, solver and world model."""
    cells = _combinations(of)
    effects = [pose_factorial.main_effects(own, "frame_acc").assign(data=name) for name, own in cells.items()]
    fig = pose_scores.factorial(cells, "frame_acc", ACCURACY, PAPER)
    return fig, pd.concat(effects), " and ".join(cells)


def fig17_factorial_uadfv(of: Source) -> Drawn:
    """Chosen combinations with their intervals."""
    cells = _combinations(of)
    table = pd.concat([pose_scores.highlights(own).assign(group=name) for name, own in cells.items()])
    return pose_scores.by_feature(table, ACCURACY, PAPER), table, " and ".join(cells)


def fig18_what_is_measured(of: Source) -> Drawn:
    """Pose features beside face shape without pose."""
    return _by_feature(of.rows("headpose.by_person."))


def fig32_shape_and_pose(of: Source) -> Drawn:
    """Face shape inside and on the contour, and what pose and shape add to each other."""
    table = of.rows("shape.")
    return _by_feature(table[~table["name"].str.startswith("folds")])


def _by_feature(table: pd.DataFrame) -> Drawn:
    fig = pose_scores.by_feature(table, "AUC of frames, five folds by person")
    return fig, table, " and ".join(table["group"].unique())


def fig22_resolution(of: Source) -> Drawn:
    """AUC over the face's height, by method of enlarging and JPEG."""
    table = of.table("resolution")
    return resolution_figures.resolution(table), table, None


def fig24_gains_uadfv(of: Source) -> Drawn:
    """What FSRCNN wins over bicubic interpolation, with intervals."""
    tables = {each.data: each.table("resolution_gains") for each in reversed(of.both())}
    return resolution_figures.gains(tables), results.named_rows(tables), canvas.beside_uadfv(of.study)


def calibrated(of: Source) -> dict[str, pd.DataFrame]:
    """Test scores of the ResNet, the same at the temperature that fits its validation scores, and of the one cycle."""
    held = of.scores("resnet", "test")
    cooled = arbiter.tempered(held, arbiter.temperature(of.scores("resnet", "val")))
    one_cycle = of.scores("resnet.one_cycle")
    return {"the paper's recipe": held, "the same, with temperature": cooled, "one cycle": one_cycle}


def fig25_reliability(of: Source) -> Drawn:
    """Share of fakes by p_fake, before and after a temperature."""
    bins = {
        each.data: {name: arbiter.reliability(table, of.study.bootstrap) for name, table in calibrated(each).items()}
        for each in of.both()
    }
    numbers = pd.concat([results.named_rows(tables).assign(data=name) for name, tables in bins.items()])
    return score_figures.reliability(bins), numbers, canvas.beside_uadfv(of.study)


def fig28_same_face(of: Source) -> Drawn:
    """PSNR, landmarks and identity of enlarged faces."""
    tables, mark = {"CelebA": of.table("superres_faces")}, "CelebA"  # whose images the study uadfv takes
    if canvas.stills_mark(of.study):
        tables = {of.data: tables["CelebA"], "CelebA": results.committed_table("uadfv", "superres_faces")}
        mark = "embedded: synthetic; CelebA"
    numbers = pd.concat(tables, names=["data"]).reset_index(0)
    return superres_figures.face_gains(tables), numbers, mark


def fig44_fsrcnn(of: Source) -> Drawn:
    """The layers of FSRCNN, a diagram."""
    own = of.study.superres
    model = networks.FSRCNN(own.scale, own.d, own.s, own.m)
    return superres_figures.layers(model), superres_figures.layer_table(model), ""


def fig45_paired_gain(of: Source) -> Drawn:
    """PSNR of test images by FSRCNN and bicubic interpolation, and the differences image by image."""
    table = of.numbers("fig45_paired_gain")
    return superres_figures.paired(table), table, canvas.stills_mark(of.study)
