"""How the shipped detector's network was made: python tools/weights/detector.py uadfv, with three folders set.

DFD_UADFV, DFD_CELEBA and DFD_LFW name the data, see faces.py; DFD_VIDEOS may name more clips to test on. Seven networks
learn real faces against fakes made from them (blends.py) and no deepfake; what they say on average is learned by SEEDS
others in place of the labels. Of these the one with the median of the mean AUC on validation is calibrated there and
tested once. It takes four hours, and a stopped run resumes. Two more arguments, numbers of seeds and of epochs of what
is taught, make it longer: `detector.py uadfv 5 20` takes a night. `detector.py uadfv compare` trains each of RECIPES
once, `detector.py uadfv ablation` each of ABLATION with several seeds, and what they teach; both compare on validation
alone. `detector.py uadfv conditions` trains nothing: it scores the study's test frames by the shipped network, as they
are and made smaller, blurred or compressed; it needs DFD_UADFV alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, errors, paths, repro, studies, training
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.detector import looking, shipped
from dfdlib.evaluation import results
from dfdlib.experiments import conditions, transfer
from dfdlib.faces import frames
from tools.weights import card, comparing, judged
from tools.weights.learning import Recipe
from tools.weights.recipes import ABLATION, OURS, SEEDS, TEACHERS
from tools.weights.trained import calibrate, median, save_network, train

NAMES = {"resnet": "network", "headpose": "head pose", "p_fake": "mean of both"}


def tested(study: Study, weights: Path | None = None) -> pd.DataFrame:
    """Scores of every test frame by each branch and by both, four decimals: tested, frames.COLUMNS, p_fake of each.

    Nobody of UADFV and LFW is in the training; CelebA may have several photographs of one person. The head-pose SVM
    learned UADFV's fakes (of the training part); the network learned no fake.
    """
    found = judged.sources(study, "test", looking.FACE)
    yours = transfer.elsewhere(study, found["uadfv"]).get("yours")
    tables = []
    for name, part in (found | ({} if yours is None else {"yours": yours})).items():
        scores = shipped.scores(part.crops, part.points, "mean", weights).round(4)
        tables.append(pd.concat([part.table.assign(tested=name), scores], axis=1))
    return pd.concat(tables, ignore_index=True)


def measure(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Each branch, and both, on every test of `tested`: columns tested, branch and those of transfer.test_row."""
    rows = [
        {"tested": name, "branch": title} | transfer.test_row(part.assign(p_fake=part[branch]), resamples)
        for name, part in scores.groupby("tested", sort=False)
        for branch, title in NAMES.items()
    ]
    return pd.DataFrame(rows)


def made(study: Study, recipe: Recipe, seeds: int, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Train, choose, calibrate, write the weights to the runs' folder, and test; yields the lines to print."""
    named = ((ABLATION[name], seed) for name, count in TEACHERS.items() for seed in range(1, 1 + count))
    teachers = [train(study, teacher, seed, on_epoch).network for teacher, seed in named]
    trained = [train(study, recipe, seed, on_epoch, teachers) for seed in range(1, seeds + 1)]
    rows = [{"seed": one.seed} | judged.summary(one.validation) for one in trained]
    yield results.write_table(study.name, "detector_seeds", pd.DataFrame(rows)).round(3).T.to_string()
    curves = [one.history.drop(columns="seconds").assign(seed=one.seed) for one in trained]
    results.write_table(study.name, "detector_seed_curves", pd.concat(curves))
    path = save_network(calibrate(median(trained)), paths.runs() / study.name / "detector.safetensors")
    yield f"weights: {path} (sha256 {cache.sha256(path)})"
    scores = results.write_table(study.name, "detector_scores", tested(study, path))
    yield card.measured(results.write_table(study.name, "detector", measure(scores, study.bootstrap)))


def under_conditions(study: Study, _: training.OnEpoch) -> Iterator[str]:
    """Score the study's test frames by the shipped network, as they are and under conditions.CONDITIONS.

    The scores go to the table detector_conditions; yields the lines to print.
    """
    own = replace(study, faces=replace(looking.FACE, max_frames=study.faces.max_frames))
    found = frames.of_study(own).part("test")
    scores = conditions.scores(found, lambda crops: shipped.scores(crops, found.points)["resnet"].to_numpy())
    kept = results.write_table(study.name, "detector_conditions", scores)
    yield card.conditions(conditions.table(kept, study.bootstrap))


COMPARISONS = {"compare": comparing.compared, "ablation": comparing.ablated, "conditions": under_conditions}


def main() -> None:
    """Train and test, or compare, for the study that the command line names."""
    if len(sys.argv) < 2:
        raise DfdError("The study is missing; name one with real faces: python tools/weights/detector.py uadfv")
    study, more = studies.load(sys.argv[1]), sys.argv[2:]
    compare = COMPARISONS.get(" ".join(more))
    if more and not compare and not (len(more) == 2 and all(word.isdigit() and int(word) for word in more)):
        said = "give seeds and epochs, such as 5 60, or compare, or ablation, or conditions"
        raise DfdError(f"{' '.join(more)} means nothing after the study; {said}.")
    repro.start(study.seed, study.threads)

    def on_epoch(row: dict) -> None:
        print(*(f"{name} {value}" for name, value in row.items()), flush=True)

    if compare:
        lines = compare(study, on_epoch)
    else:
        seeds, epochs = map(int, more or (SEEDS, OURS.epochs))
        lines = made(study, replace(OURS, epochs=epochs), seeds, on_epoch)
    for line in lines:
        print(line)


if __name__ == "__main__":
    errors.or_sentence(main)
