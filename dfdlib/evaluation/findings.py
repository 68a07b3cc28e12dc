"""The three findings of the study on UADFV as sentences with their numbers, for README and notebook 00."""

from __future__ import annotations

from dfdlib.evaluation import aloud, judging, results

STUDY = "uadfv"
TITLES = (
    "The ResNet and the combined system are compatible with the paper, which confirms little. Adding the head pose and "
    "super-resolution to the ResNet gains two points at most.",
    "The paper's 50.1 % is what one verdict for every frame would score.",
    "Recognising the donor is enough for a high score on UADFV.",
)


def accuracies() -> str:
    """Finding 1: the ResNet, the combined system and what each addition gains."""
    read = aloud.reader(STUDY, committed=True)
    system, enlarged = "folds.system.paper.frame_acc_gain", "folds.sr.paper.native.frame_acc_gain"
    paper = read.side(system, judging.PAPER[system], "more than", "less than", "compatible with")
    nothing = read.side(system, 0, "and more than nothing", "and a loss", "and with no gain at all")
    joined, first = (_within(read.verdict(key)) for key in (system, enlarged))
    return (
        "A ResNet-18, randomly initialised and trained by the paper's recipe, has an accuracy of "
        f"{read('folds.resnet.paper.frame_acc')}; the paper's ResNet-50 from ImageNet has "
        f"{100 * judging.ACCURACIES['resnet']:.1f} %. "
        f"The combined system has {read.short('folds.system.paper.frame_acc')}; the paper's has "
        f"{100 * judging.ACCURACIES['system']:.1f} %. "
        f"Adding these two to the ResNet changes its accuracy by {read.short(system)}, {paper} the paper's "
        f"{100 * judging.PAPER[system]:+.1f} {nothing}: {joined}. "
        f"Super-resolution first, without the head pose, changes it by {read(enlarged)}: {first}."
    )


def _within(verdict: str) -> str:
    """The last word of a gain's verdict; a gain too small to matter in full."""
    margin = f"{100 * judging.EFFECT_MARGIN:.0f} points"
    return f"within {margin} either way" if "at most" in verdict else verdict.split(";")[-1].strip()


def one_verdict() -> str:
    """Finding 2: what the head pose scores here, and what scores 50.1 %."""
    read = aloud.reader(STUDY, committed=True)
    setups = results.committed_table(STUDY, "headpose_one_verdict")
    people = results.facts(STUDY, committed=True)["people_in_test_videos"]
    constant, tried = setups.iloc[0], setups.iloc[1:]
    fitted = tried[tried["called_fake"].isin([0, 1])]  # one verdict for every test frame
    right = ", ".join(f"{100 * share:.1f} %" for share in sorted(set(fitted["test_acc"].round(3))))
    return (
        "The head-pose branch as the paper describes it has an accuracy of "
        f"{read('folds.headpose.paper.frame_acc')}; the paper has 50.1 %. "
        "A predictor that calls every frame of the published test part real scores "
        f"{100 * constant['test_acc']:.1f} %. Of {len(tried)} setups of an SVM, {len(fitted)} give one verdict for "
        "every frame: those whose features are in millimetres or pixels and whose kernel has the width that was "
        "scikit-learn's default before December 2019. They learn their training frames by heart (at least "
        f"{100 * fitted['train_acc'].min():.2f} % are right) and call every test frame fake, which is right for "
        f"{right} of {constant['n']} frames of {people} people. This is the best explanation found. It is not a proof, "
        "since the paper's code is not public."
    )


def donor() -> str:
    """Finding 3: what a descriptor of faces scores that never learned what a fake is."""
    read = aloud.reader(STUDY, committed=True)
    more = "folds.no_fakes.over_sharpness.frame_auc_gain"
    return (
        "The fakes of UADFV show one man's face, the donor's, though by a face descriptor two of the 49 do not. The "
        "distance of a face to the mean training fake, by this descriptor, which was made to recognise people and "
        "never trained on fakes, reaches an AUC of "
        f"{read('identity.frame_auc')}, and {read('identity.by_person.frame_auc')} when each person is judged by the "
        "mean of other people's fakes. On these frames, by person too, the shape of a face without its pose reaches "
        f"{read.short('headpose.by_person.shape_without_pose.frame_auc')}, and the head-pose branch of Yang et al. "
        f"{read.short('folds.headpose.yang.frame_auc')}. Networks that learned from real faces and blends of them "
        "alone know neither the donor nor these fakes. They reach "
        f"{read('folds.resnet.no_fakes.frame_auc')}, and the crops' sharpness by itself "
        f"{read.short('baselines.by_person.sharpness.frame_auc')}; the paired difference, "
        f"{read.short(more)}, is {read.verdict(more)}. So a high score on UADFV can come from one face or from "
        "softness, and does not by itself show a detector of forgeries."
    )


def markdown() -> str:
    """All three as a numbered list."""
    said = zip(TITLES, (accuracies(), one_verdict(), donor()), strict=True)
    return "\n".join(f"{number}. **{title}** {text}" for number, (title, text) in enumerate(said, 1))
