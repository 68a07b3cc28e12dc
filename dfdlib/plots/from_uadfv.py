"""The figures that are the same in every study: of UADFV's committed tables, of other data, and diagrams.

A function is named as the file of its figure.
"""

from __future__ import annotations

import pandas as pd

from dfdlib.core import studies
from dfdlib.evaluation import claims, judging, results
from dfdlib.experiments import comparisons, conditions, first_weights, fold_rows, fold_scores, identity
from dfdlib.plots import (
    condition_figures,
    identity_figures,
    image_figures,
    pose_figures,
    resolution_figures,
    score_figures,
    superres_figures,
    transfer_figures,
)
from dfdlib.plots.source import Drawn, Source

AUC = "AUC of frames on UADFV, with 95 % intervals"
REAL = "UADFV: real"
BRANCHES = {
    "ResNet, the paper's recipe": "resnet.paper",
    "ResNet, one cycle": "resnet.one_cycle",
    "head pose of Yang et al.": "headpose.yang",
}
MEANING = {  # of the scores on UADFV, by kind of number: the rows of Figure 51
    "AUC": {
        "distance to the mean fake's face, by person": "identity.by_person.frame_auc",
        "a single fake frame in its place (mean of 49)": "identity.one_template.auc",
        "ResNet-18, one cycle, by person": "folds.resnet.one_cycle.frame_auc",
        "... among frames equally far from that face": "identity.matched.one_cycle.frame_auc",
        "... among these, the paper's recipe": "identity.matched.paper.frame_auc",
        "... among these, from blends alone": "identity.matched.no_fakes.frame_auc",
        "ResNet-18 from blends alone, by person": "folds.resnet.no_fakes.frame_auc",
        "sharpness, by person": "baselines.by_person.sharpness.frame_auc",
        "size as JPEG, by person": "baselines.by_person.size_as_JPEG.frame_auc",
        "mean colour, by person": "baselines.by_person.mean_colour.frame_auc",
        "slim ResNet-18, 7 people: whole crop": "regions.whole_crop.frame_auc",
        "... the face alone": "regions.face_alone.frame_auc",
        "... the face hidden": "regions.face_hidden.frame_auc",
        "... self-blended reals in place of fakes": "regions.self-blended_reals_as_fakes.frame_auc",
    },
    "accuracy": {
        "distance to the mean fake's face, by person": "identity.by_person.frame_acc",
        "... on the published split, 7 people": "identity.frame_acc",
        "... and its videos, 7 people": "identity.video_acc",
        "which of two is the fake? ResNet-18, one cycle": "folds.resnet.one_cycle.forced_choice",
        "... ResNet-18 from blends alone": "folds.resnet.no_fakes.forced_choice",
        "... sharpness": "baselines.by_person.sharpness.forced_choice",
    },
    "gain": {
        "accuracy: the distance minus ResNet-18, one cycle": "identity.by_person.over_one_cycle.frame_acc_gain",
        "accuracy: the distance minus ResNet-18, paper's recipe": "identity.by_person.over_paper.frame_acc_gain",
        "AUC: blends in place of UADFV's fakes": "folds.no_fakes.frame_auc_gain",
        "AUC: blends alone minus sharpness": "folds.no_fakes.over_sharpness.frame_auc_gain",
        "AUC, 7 people: face hidden minus whole crop": "regions.face_hidden.frame_auc_gain",
        "... self-blended reals in place of fakes": "regions.self-blended_reals_as_fakes.frame_auc_gain",
        "AUC, 7 people: last layer from faces of 24 px, bicubic": "native_price.bicubic_24.frame_auc_gain",
        "... by FSRCNN": "native_price.FSRCNN_24.frame_auc_gain",
        "Grad-CAM inside the swap minus the swap's area": "gradcam.real.own.excess",
        "... another person's map": "gradcam.real.others.excess",
        "... the first minus the second": "gradcam.real.own_minus_others",
    },
    "slope": {
        "a fake's inner face on its own real one, by clip": "shape.follows.clips",
        "... real on real, the ceiling": "shape.follows.clips_ceiling",
        "share of fake minus real that all fakes have": "shape.common_shift",
    },
    "verdicts": {
        "changed by super-resolution: paper's recipe": "folds.sr.paper.changed_verdicts",
        "... one cycle": "folds.sr.changed_verdicts",
        "... from blends alone": "folds.sr.no_fakes.changed_verdicts",
        "self-blends called fake by the distance, 7 people": "identity.blends.called_fake",
    },
}
RECIPES = {  # the panels of Figure 48
    "train_loss": "training loss",
    "macro_auc": "mean AUC on validation (two of four sources synthetic)",
    "auc_uadfv": "AUC on validation, UADFV",
    "auc_embedded-easy": "AUC on validation, easy fakes (synthetic)",
}
ABLATION = {
    "macro_auc": "mean AUC of four sources\n(two synthetic)",
    "auc_uadfv": "AUC, UADFV",
    "auc_embedded-easy": "AUC, easy fakes\n(synthetic)",
    "auc_embedded": "AUC, hard fakes\n(synthetic)",
    "alarms_blurred": "blurred photographs\ncalled fake, per cent",
    "alarms_super-resolved": "super-resolved real\nfaces called fake, per cent",
}


def fig02_pipeline(_: Source | None = None) -> Drawn:
    """The system's stages."""
    stages = pd.DataFrame(image_figures.STAGES.items(), columns=["stage", "module"]).replace("\n", " ", regex=True)
    return image_figures.pipeline(), stages, ""


def fig19_train_by_test(_: Source | None = None) -> Drawn:
    """What was learned on one data set, tested on others."""
    table = results.committed_table("uadfv", "transfer")
    return transfer_figures.matrix(table), table, "real, but for rendered faces (synthetic)"


def fig20_comparisons(_: Source | None = None) -> Drawn:
    """Splits, networks, recipes and initial weights."""
    rows = comparisons.for_figure(results.committed_table("uadfv", "comparisons"))
    return score_figures.intervals(rows, AUC), rows, REAL


def fig23_resolution_uadfv(_: Source | None = None) -> Drawn:
    """AUC over the face's height, by method of enlarging and JPEG."""
    table = results.committed_table("uadfv", "resolution")
    return resolution_figures.resolution(table), table, REAL


def fig26_leak(_: Source | None = None) -> Drawn:
    """The same detectors on four splits."""
    rows = comparisons.for_figure(results.committed_table("uadfv", "leak"), group="name")
    return score_figures.intervals(rows, AUC), rows, REAL


def fig29_shelf(_: Source | None = None) -> Drawn:
    """FSRCNN and its relatives on Set5."""
    table = results.committed_table("uadfv", "superres_benchmark")
    return superres_figures.shelf(table), table.drop(columns="milliseconds"), "Set5 (real photographs), five images"


def fig31_one_verdict(_: Source | None = None) -> Drawn:
    """Training and test accuracy of head-pose setups, and the paper's number."""
    table = results.committed_table("uadfv", "headpose_one_verdict")
    return pose_figures.one_verdict(table, 0.501), table, "UADFV: real; camera simulated"


def fig35_one_face(_: Source | None = None) -> Drawn:
    """Distance of the frames to the mean fake's face."""
    table = identity.committed()[0]
    return identity_figures.distances(table), identity_figures.shares(table), REAL


def fig37_attack_uadfv(_: Source | None = None) -> Drawn:
    """Fakes made small and brought back: how many pass."""
    table = fold_rows.attacks(studies.load("uadfv"))
    return resolution_figures.attack(table), table, "UADFV: real, by person"


def fig39_forest(_: Source | None = None) -> Drawn:
    """The claims by person beside the paper's numbers."""
    rows = claims.forest_frame("uadfv", committed=True, section=next(iter(claims.SECTIONS)))
    return score_figures.forest(rows), rows, "UADFV: real; by person"


def fig47_by_person(_: Source | None = None) -> Drawn:
    """Accuracy of each person by three detectors."""
    found = fold_scores.branches("uadfv")
    accuracy = pd.DataFrame({words: fold_scores.of_people(found[name]) for words, name in BRANCHES.items()})
    return score_figures.by_person(accuracy), accuracy.round(2).reset_index(), "UADFV: real; by person"


def fig48_detector_recipes(_: Source | None = None) -> Drawn:
    """Training loss and validation of the shipped detector's recipe, and of others, over the pairs seen."""
    seeds = results.committed_table("uadfv", "detector_seeds").sort_values("macro_auc")["seed"]
    shipped = results.committed_table("uadfv", "detector_seed_curves").assign(recipe="taught by seven (ships)")
    shipped = shipped.sort_values("seed", key=lambda found: found != seeds.iloc[len(seeds) // 2], kind="stable")
    parts = [results.committed_table("uadfv", "detector_curves"), shipped]
    others = results.committed_table("uadfv", "detector_ablation_curves")
    parts.append(others[others["seed"] == 1])  # one of each, or they would hide the rest
    table, more = (pd.concat(own)[["recipe", "seed", "pairs", *RECIPES]] for own in (parts[:2], parts[2:]))
    fig = transfer_figures.recipes(table, RECIPES, more)
    return fig, pd.concat([table, more]), "validation: UADFV real, rendered faces synthetic"


def fig49_detector_ablation(_: Source | None = None) -> Drawn:
    """Changes of the shipped detector's recipe, on validation."""
    table = results.committed_table("uadfv", "detector_ablation")[["recipe", "seed", *ABLATION]]
    table = table[~table["recipe"].str.endswith("head pose")]
    return transfer_figures.ablation(table, ABLATION), table, "validation: UADFV real, rendered faces synthetic"


def fig50_first_weights(_: Source | None = None) -> Drawn:
    """Accuracy on UADFV by initial weights, of each training, and what trained weights gain."""
    table, study = results.committed_table("uadfv", "first_weights"), studies.load("uadfv")
    rows = first_weights.for_figure(table, study.bootstrap)
    chance = max(share := table["label"].mean(), 1 - share)
    return transfer_figures.starts(rows, judging.ACCURACIES["resnet"], chance), rows, REAL


def fig51_meaning(_: Source | None = None) -> Drawn:
    """What the scores on UADFV mean: baselines, hidden regions, paired differences, shape and changed verdicts."""
    found = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    ends = ["value", "low", "high", "n", "unit", "people"]
    rows = [
        {"name": name, "kind": kind, "id": key, "paper": float("nan")} | {end: found[key][end] for end in ends}
        for kind, own in MEANING.items()
        for name, key in own.items()
    ]
    return score_figures.forest(pd.DataFrame(rows)), pd.DataFrame(rows).drop(columns="paper"), REAL


def fig52_detector_conditions(_: Source | None = None) -> Drawn:
    """How the shipped detector's scores fall with resolution, blur and JPEG."""
    scores = results.committed_table("uadfv", "detector_conditions")
    table = conditions.table(scores, studies.load("uadfv").bootstrap)
    return condition_figures.conditions(table), table, REAL
