"""The figures that are the same in every study: of UADFV's committed tables, of other data, and diagrams.

A function is named as the file of its figure.
"""

from __future__ import annotations

import pandas as pd

from dfdlib.core import studies
from dfdlib.evaluation import claims, results
from dfdlib.experiments import comparisons, fold_rows, fold_scores, identity
from dfdlib.plots import (
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
ABLATION = {
    "macro_auc": "mean AUC of four sources",
    "auc_uadfv": "AUC, UADFV",
    "auc_jpeg30": "AUC, UADFV after JPEG",
    "auc_embedded": "AUC, hard fakes (synthetic)",
    "auc_embedded-easy": "AUC, easy fakes (synthetic)",
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
    shipped = results.committed_table("uadfv", "detector_seed_curves").assign(recipe="half pasted (ships)")
    shipped = shipped.sort_values("seed", key=lambda found: found != seeds.iloc[len(seeds) // 2], kind="stable")
    table = pd.concat([results.committed_table("uadfv", "detector_curves"), shipped])
    shown = table[["recipe", "seed", "pairs", "train_loss", "auc_uadfv", "macro_auc"]]
    return transfer_figures.recipes(shown), shown, "validation: UADFV real, rendered faces synthetic"


def fig49_detector_ablation(_: Source | None = None) -> Drawn:
    """Changes of the shipped detector's recipe, on validation."""
    table = results.committed_table("uadfv", "detector_ablation")[["recipe", "seed", *ABLATION]]
    return transfer_figures.ablation(table, ABLATION), table, "validation: UADFV real, rendered faces synthetic"
