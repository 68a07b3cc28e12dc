"""The claim table: the paper's numbers and the study's, for the terminal, the notebooks and README."""

from __future__ import annotations

import re

import pandas as pd

from dfdlib.evaluation import aloud, judging, results

# The rows of the claim table by section: the differences first, then what is counted in frames, then in videos.
SECTIONS = {
    "By person: all videos, each judged by detectors that saw nobody of its fold": {
        "folds.system.paper.frame_acc_gain": "Combined system as in the paper, by person, gain over its ResNet",
        "folds.sr.paper.native.frame_acc_gain": "Super-resolution first, the paper's recipe, by person, gain, accuracy",
        "folds.sr.native.frame_acc_gain": "Super-resolution first, one cycle of the rate, by person, gain, accuracy",
        "folds.system.ours.frame_acc_gain": "Combined system, one cycle, Yang's pose, by person, gain over its ResNet",
        "folds.one_cycle_50.frame_acc_gain": "ResNet-50 v2 minus the ResNet-18's first training, by person, gain",
        "folds.sr.24.frame_auc_gain": "Faces of 24 pixels, by person, gain by FSRCNN over bicubic, AUC of frames",
        "folds.sr.24.new_people.frame_auc_gain": "The same, people who are new to that height",
        "folds.sr.paper.24.new_people.frame_auc_gain": "The same people and height, the paper's recipe, gain, AUC "
        "(not named beforehand)",
        "folds.sr.no_fakes.48.frame_auc_gain": "Faces of 48 pixels, learned from blends alone, gain by FSRCNN, AUC "
        "(not named beforehand)",
        "folds.resnet.paper.frame_acc": "ResNet-18, the paper's recipe, by person, accuracy of frames",
        "folds.resnet.one_cycle.frame_acc": "ResNet-18, one cycle of the rate, by person, accuracy of frames",
        "folds.resnet.one_cycle_50.frame_acc": "ResNet-50 v2, one cycle of the rate, by person, accuracy of frames",
        "folds.headpose.paper.frame_acc": "Head pose as in the paper, by person, accuracy of frames",
        "folds.headpose.yang.frame_acc": "Head pose as in Yang et al., by person, accuracy of frames",
        "folds.system.paper.frame_acc": "Combined system as in the paper, by person, accuracy of frames",
        "folds.system.ours.frame_acc": "Combined system, one cycle, Yang's pose, by person, accuracy of frames",
        "folds.headpose.yang.frame_auc": "Head pose as in Yang et al., by person, AUC of frames",
        "folds.resnet.paper.video_acc": "ResNet-18, the paper's recipe, by person, accuracy of videos",
        "folds.resnet.one_cycle.video_acc": "ResNet-18, one cycle of the rate, by person, accuracy of videos",
        "folds.resnet.one_cycle_50.video_acc": "ResNet-50 v2, one cycle of the rate, by person, accuracy of videos",
        "folds.headpose.paper.video_acc": "Head pose as in the paper, by person, accuracy of videos",
        "folds.system.paper.video_acc": "Combined system as in the paper, by person, accuracy of videos",
    },
    "On the published split": {
        "system.frame_acc_gain": "Combined system as in the paper, gain over its ResNet",
        "sr.native.frame_acc_gain": "Super-resolution first, gain in accuracy of frames",
        "system.ours.frame_acc_gain": "Combined system, one cycle, Yang's pose, gain over its ResNet",
        "first_weights.tiny_18.frame_acc_gain": "ResNet-18, gain by weights of Tiny-ImageNet over random ones",
        "first_weights.tiny_50.frame_acc_gain": "ResNet-50, gain by weights of Tiny-ImageNet over random ones",
        "first_weights.tiny_50_224.frame_acc_gain": "ResNet-50 from Tiny-ImageNet, gain by 224 pixels over 112",
        "first_weights.imagenet.frame_acc_gain": "EfficientNet-Lite0, gain by ImageNet weights over random ones",
        "headpose.mirrored.frame_auc_gain": "The released, mirrored head model, gain over the right one, AUC of frames",
        "resnet.frame_acc": "ResNet, epoch chosen on validation, accuracy of frames",
        "resnet.best_on_test.frame_acc": "ResNet, epoch chosen on the evaluated set as in the paper, frames",
        "first_weights.tiny_18.frame_acc": "ResNet-18 from Tiny-ImageNet, the paper's recipe, accuracy of frames",
        "first_weights.tiny_50.frame_acc": "ResNet-50 from Tiny-ImageNet, the paper's recipe, accuracy of frames",
        "first_weights.tiny_50_224.frame_acc": "ResNet-50 from Tiny-ImageNet on 224 pixels, accuracy of frames",
        "first_weights.imagenet.frame_acc": "EfficientNet-Lite0 from ImageNet, the paper's recipe, accuracy of frames",
        "headpose.paper.frame_acc": "Head pose as in the paper, accuracy of frames",
        "system.frame_acc": "Combined system as in the paper, accuracy of frames",
        "resnet.one_cycle.frame_acc": "ResNet, one cycle of the rate, accuracy of frames",
        "system.ours.frame_acc": "Combined system, one cycle, Yang's pose, accuracy of frames",
        "headpose.yang.frame_auc": "Head pose as in Yang et al., AUC of frames",
        "baselines.constant.frame_acc": "Baseline: one verdict for all frames, accuracy of frames",
        "baselines.sharpness.frame_auc": "Baseline: sharpness of the crop's middle, AUC of frames",
        "baselines.mean_colour.frame_auc": "Baseline: mean colour, AUC of frames",
        "baselines.size_as_JPEG.frame_auc": "Baseline: size as JPEG, AUC of frames",
        "resnet.video_acc": "ResNet, epoch chosen on validation, accuracy of videos",
        "headpose.paper.video_acc": "Head pose as in the paper, accuracy of videos",
        "system.video_acc": "Combined system as in the paper, accuracy of videos",
        "resnet.one_cycle.video_auc": "ResNet, one cycle of the rate, AUC of videos",
        "headpose.yang.video_auc": "Head pose as in Yang et al., AUC of videos",
    },
    "What the scores mean": {
        "identity.by_person.over_one_cycle.frame_acc_gain": "Distance to the mean fake's face minus the ResNet-18 of "
        "one cycle, by person, accuracy (one of two comparisons, uncorrected)",
        "identity.by_person.over_paper.frame_acc_gain": "The same, minus ResNet-18 by the paper's recipe",
        "folds.no_fakes.frame_auc_gain": "ResNet-18, blends in place of UADFV's fakes, by person, change in AUC",
        "folds.no_fakes.over_sharpness.frame_auc_gain": "ResNet-18 from blends alone minus sharpness, by person, AUC",
        "no_fakes.embedded-easy.frame_auc_gain": "Small ResNet, AUC gain by learning without fakes (easy, synthetic)",
        "folds.attack.bicubic.frame_auc_gain": "Fakes alone made 64 pixels small, back by bicubic, change in AUC",
        "folds.attack.fsrcnn.frame_auc_gain": "Fakes alone made 64 pixels small, back by FSRCNN, change in AUC",
        "folds.attack.no_fakes.fsrcnn.frame_auc_gain": "The same, back by FSRCNN, learned from blends alone",
        "folds.attack.fsrcnn.miss_rate_change": "Fakes alone made 64 pixels small, back by FSRCNN, change in misses",
        "folds.attack.no_fakes.fsrcnn.miss_rate_change": "The same, learned from blends alone, change in misses",
        "folds.attack.no_fakes.bicubic.miss_rate_change": "The same, back by bicubic, change in misses",
        "identity.frame_auc": "Distance to the mean training fake's face, nothing else learned, AUC of frames",
        "identity.frame_acc": "Distance to the mean training fake's face, accuracy of frames",
        "identity.by_person.frame_auc": "The same, each person judged by the fakes of others, AUC of frames",
        "identity.matched.one_cycle.frame_auc": "ResNet-18 of one cycle, by person, frames equally far away, AUC",
        "identity.matched.paper.frame_auc": "The same, by the paper's recipe",
        "identity.matched.no_fakes.frame_auc": "The same, learned from blends alone",
        "headpose.by_person.shape_without_pose.frame_auc": "Face shape without pose, by person, AUC of frames",
        "folds.resnet.no_fakes.frame_auc": "ResNet-18 that learned from blends alone, by person, AUC of frames",
        "baselines.by_person.constant.frame_acc": "Baseline: one verdict for all frames, by person, accuracy of frames",
        "baselines.by_person.sharpness.frame_auc": "Baseline: sharpness of the crop's middle, by person, AUC of frames",
        "baselines.by_person.mean_colour.frame_auc": "Baseline: mean colour, by person, AUC of frames",
        "baselines.by_person.size_as_JPEG.frame_auc": "Baseline: size as JPEG, by person, AUC of frames",
    },
}
CLAIMS = {key: name for section in SECTIONS.values() for key, name in section.items()}
LATER = ("no_fakes.", "identity.", "baselines.")  # added by notebook 07
# Why each of the paper's claims came out as it did here, by the id of the row it is compared with.
WHY = {
    "folds.resnet.paper.frame_acc": "the recipe is the paper's; the network is smaller, its initial weights are "
    "random, and the paper does not say whether it counts frames or videos (notebooks 03 and 05)",
    "resnet.best_on_test.frame_acc": "the paper picks its best epoch on the evaluated set, and so does this row "
    "(notebook 03)",
    "headpose.paper.frame_acc": "50.1 % is the share of the larger class. An SVM that gives all frames one verdict "
    "scores 50.1 or 49.9 %, whatever points the head model has: the best explanation, not a proof (notebook 04)",
    "folds.system.paper.frame_acc_gain": "the paper's gain is less than one of the 28 test videos of the published "
    "split (3.6 points); the rule of its decision maker is not stated (notebook 05)",
    "folds.sr.paper.native.frame_acc_gain": "the crops are already as large as the network's input, so nearly all that "
    "is gained by enlarging is lost again; the check could hardly fail (notebooks 05 and 06)",
}
FIGURES = {
    "Fig. 1, real and fake": ("fig01_real_and_fake", "from rendered faces (synthetic)"),
    "Fig. 2, the pipeline": ("fig02_pipeline", "from the stages that the code runs"),
    "Fig. 3, 68 landmarks": ("fig03_landmarks", "with dlib's indices"),
    "Fig. 4, CelebA made small": ("fig04_downsampled", "by the same function, from rendered faces (synthetic)"),
    "Fig. 5, a wrong head pose": ("fig05_wrong_pose", "beside the right one; notebook 04 shows what makes one wrong"),
    "Fig. 6, accuracy and loss": ("fig06_training", "for both rates, validation and test apart"),
}
FACTS = {  # the names of recorded facts in words, in order
    "test_videos": "test videos of the published split",
    "people_in_test_videos": "people in them",
    "resnet_arch": "ResNet of the published split",
    "resnet_first_weights": "its start",
    "resnet_learning_rate": "its learning rate, chosen on validation",
    "resnet_epoch": "its epoch, chosen on validation",
    "trainings": "trainings of each network",
    "tiny_imagenet_top1_18": "accuracy of the pre-trained ResNet-18 on held-out pictures of Tiny-ImageNet",
    "tiny_imagenet_top1_50": "accuracy of the pre-trained ResNet-50 there",
    "share_of_central_poses_that_the_default_solver_flips": "share of central poses that OpenCV's default solver flips",
}
SHARES = ("tiny_imagenet_top1_18", "tiny_imagenet_top1_50", "share_of_central_poses_that_the_default_solver_flips")
KINDS = {"gain": "gain", "change": "gain", "acc": "accuracy", "auc": "AUC"}  # by the end of an id
HEAD = ("Claim", "Paper", "This study", "95 % interval", "Verdict", "Precision")
Row = tuple[str, str, str, str, str, str]


def claim_table(study_name: str, committed: bool = False, later: bool = True) -> list[Row]:
    """Rows of the claim table: claim, paper, this study, 95 % interval with n, verdict, precision.

    Without `later` the rows of notebook 07 are left out, since they may not exist yet when notebook 05 runs.
    """
    return [row for rows in sections(study_name, committed, later).values() for row in rows]


def sections(study_name: str, committed: bool = False, later: bool = True) -> dict[str, list[Row]]:
    """The claim table by section; a section without rows is left out."""
    found = {row["id"]: row for row in results.rows(study_name, committed) if later or not row["id"].startswith(LATER)}
    rows = {name: [_claim(keys[key], found[key]) for key in keys if key in found] for name, keys in SECTIONS.items()}
    return {name: own for name, own in rows.items() if own}


def _claim(name: str, row: dict) -> Row:
    as_number = "{:.3f}".format if "auc" in row["id"] else _points if row["id"].endswith(judging.CHANGES) else _percent
    paper = "" if row["paper"] is None else as_number(row["paper"])
    if row["id"] in judging.NO_EFFECT:
        paper = "no evident effect"
    value, low, high = (as_number(row[end]) for end in ("value", "low", "high"))
    counted = aloud.estimate(row).counted
    return (
        name,
        paper,
        value,
        f"{low.removesuffix(' points')} to {high} ({counted})",
        row["verdict"],
        row.get("precision", ""),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:.1f} points"  # + 0.0: no "-0.0"


def beside_published(study_name: str) -> dict[str, str]:
    """By claim: the published run's number, its difference from this machine's, and whether our interval contains it.

    Empty if the repository has no numbers for the study.
    """
    found = {row["id"]: row for row in results.rows(study_name)}
    said = {}
    for row in results.rows(study_name, committed=True):
        if row["id"] in CLAIMS and row["id"] in found:
            ours, value = found[row["id"]], row["value"]
            where = "inside" if ours["low"] <= value <= ours["high"] else "OUTSIDE"
            more = ours["value"] - value
            gap = f"{more:+.3f}" if "auc" in row["id"] else f"{100 * more:+.1f} points"
            said[CLAIMS[row["id"]]] = f"{_claim('', row)[2]} ({gap}; {where})"
    return said


def forest_frame(study_name: str, committed: bool = False, section: str = "") -> pd.DataFrame:
    """The claims for a forest plot, in the claim table's order, of one section if it is named, else of all but LATER.

    Notebook 05 draws it while notebook 07 may still run. Columns name, kind ("accuracy", "AUC", "gain"), value, low,
    high, n, unit, paper; a number of the paper beside rendered faces is left out, since the two cannot be compared. A
    row's id says its kind; gains of AUC are gains.
    """
    found = {row["id"]: row for row in results.rows(study_name, committed)}
    keys = SECTIONS.get(section) or [key for key in CLAIMS if not key.startswith(LATER)]
    chosen = {key: found[key] for key in keys if key in found}
    kinds = [next(kind for end, kind in KINDS.items() if key.endswith(end)) for key in chosen]
    table = pd.DataFrame(chosen.values(), columns=["value", "low", "high", "n", "unit", "paper"])
    table = table.assign(name=[CLAIMS[key] for key in chosen], kind=kinds)
    paper = None if results.is_synthetic(study_name) else table["paper"]
    return table.assign(paper=paper)[["name", "kind", "value", "low", "high", "n", "unit", "paper"]].astype(
        {"paper": float}
    )


def forest_beside(study_name: str, committed: bool = False) -> pd.DataFrame:
    """A study's claims, and the committed ones of UADFV under the same names, told apart by the column `data`."""
    ours, real = forest_frame(study_name, committed), forest_frame("uadfv", committed=True)
    named = ours.assign(data=results.group(study_name))
    real = real[real["name"].isin(ours["name"])].assign(data=results.group("uadfv"))
    return named if study_name == "uadfv" else pd.concat([named, real], ignore_index=True)


def markdown_table(study_name: str, committed: bool = True, later: bool = True) -> str:
    """The claim table as Markdown, each section under a row of its name; a sentence without results."""
    rows = []
    for section, own in sections(study_name, committed, later).items():
        rows += [(f"**{section}**", *[""] * (len(HEAD) - 1)), *own]
    return aloud.markdown(HEAD, rows) if rows else f"No results of the study {study_name!r} yet."


def markdown_claims(study_name: str) -> str:
    """The claim table's first section alone, as Markdown, under the name of its data; for any study's notebook."""
    head = [results.group(study_name) if name == "This study" else name for name in HEAD]
    return aloud.markdown(head, next(iter(sections(study_name, committed=True).values()), []))


def markdown_why(study_name: str) -> str:
    """The paper's claims and figures, each with its design, the verdict and the reason, as Markdown."""
    found = {row["id"]: row for row in results.rows(study_name, committed=True)}
    rows = []
    for key in (key for key in WHY if key in found):
        name, paper, ours, interval, outcome, _ = _claim(CLAIMS[key], found[key])
        design = "by person" if key.startswith("folds.") else "published split"
        rows.append((f"{paper}: {name.replace(', by person', '')}", design, f"{ours}, {interval}", outcome, WHY[key]))
    rows += [(name, "", f"`figures/{file}.png`", "drawn again", why) for name, (file, why) in FIGURES.items()]
    return aloud.markdown(("The paper", "Design", "Here", "Verdict", "Why"), rows)


def markdown_facts(study_name: str) -> str:
    """The facts that `results.note` recorded, as a Markdown list in words."""
    found = results.facts(study_name, committed=True)
    texts = {name: _percent(fact) if name in SHARES else str(fact).replace(": ", "; ") for name, fact in found.items()}
    texts |= {name: re.sub(r"^resnet(\d+)", r"ResNet-\1", text) for name, text in texts.items()}
    known = [*(name for name in FACTS if name in texts), *(name for name in texts if name not in FACTS)]
    return "\n".join(f"- {FACTS.get(name, name.replace('_', ' '))}: {texts[name]}" for name in known)
