"""How the shipped detector's network was made: python tools/weights/detector.py uadfv, with three folders set.

DFD_UADFV, DFD_CELEBA and DFD_LFW name the data, see faces.py; DFD_VIDEOS may name more clips to test on. The network
learns real faces against fakes made from them (blends.py) and no deepfake. Of SEEDS networks that with the
median of the mean AUC on validation is calibrated there and tested once. A stopped run resumes. Two more arguments,
numbers of seeds and of epochs, make it longer: `detector.py uadfv 5 60` takes a night. `detector.py uadfv compare`
trains each of RECIPES once, `detector.py uadfv ablation` each of ABLATION with several seeds; both compare them on
validation alone. `detector.py uadfv conditions` trains nothing: it scores the study's test frames by the shipped
network, as they are and made smaller, blurred or compressed; it needs DFD_UADFV alone.
"""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import special
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, errors, paths, repro, studies, training, weight_files
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import ResNetParams, Study
from dfdlib.detector import looking, shipped
from dfdlib.evaluation import results
from dfdlib.experiments import conditions, transfer
from dfdlib.faces import frames
from dfdlib.faces.frames import FrameSet
from dfdlib.resnet import classifier
from tools.weights import card, faces, judged, learning
from tools.weights.learning import Recipe
from tools.weights.recipes import ABLATION, OURS, RECIPES, TAUGHT, TEACHERS

SEEDS = 5  # some 22 minutes each on one core of an Intel Xeon at 2.5 GHz, 13 on one of an AMD EPYC at 2.6 GHz
ABLATION_SEEDS = 3
WITH_POSE = "mean with head pose"
MEAN_OF_SCORES, MEAN_OF_WEIGHTS = "mean of all scores", "mean of all weights"
EVERY = 4  # one validation frame in so many is scored after each epoch


# Read once a process, as they are the same for each seed; crops of another size or margin stay in memory beside them.
_sources = functools.cache(judged.sources)
_real_faces = functools.cache(faces.real_faces)


@dataclass(frozen=True)
class Trained:
    """A network of one seed, and its scores of validation: columns source, label, p_fake and frames.COLUMNS."""

    seed: int
    network: nn.Module
    validation: pd.DataFrame
    history: pd.DataFrame = field(default_factory=pd.DataFrame)  # a row an epoch, on one validation frame in EVERY


def train(
    study: Study,
    recipe: Recipe,
    seed: int,
    on_epoch: training.OnEpoch = lambda row: None,
    teachers: Sequence[nn.Module] = (),
) -> Trained:
    """Train, or resume; nothing of the test part is read."""
    margin = round(sum(recipe.how.margin) / 2, 3)  # of OURS exactly that of `dfd predict`, so that crops are read once
    crops = replace(looking.FACE, size=recipe.network.input_size, margin=margin)
    found = _sources(study, "val", crops, EVERY)

    def evaluate(model: nn.Module) -> tuple[dict, dict]:
        return judged.summary(scored(model, found, recipe.network)), {}

    network, history, _ = learning.train(recipe, _real_faces(study, "train"), evaluate, seed, on_epoch, teachers)
    scores = scored(network, _sources(study, "val", crops), recipe.network)
    return Trained(seed, network, scores, history.assign(pairs=history["epoch"] * recipe.steps * recipe.pairs))


def scored(model: nn.Module, found: dict[str, FrameSet], params: ResNetParams) -> pd.DataFrame:
    """The score table of every source, with the column source."""
    tables = [
        part.scored(classifier.p_fake(classifier.logits(model, part.crops, params))).assign(source=name)
        for name, part in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def median(trained: list[Trained]) -> Trained:
    """That with the median of the mean AUC on validation; of an even number the lower of the middle two."""
    order = sorted(trained, key=lambda one: judged.summary(one.validation)["macro_auc"])
    return order[(len(order) - 1) // 2]


def calibrate(one: Trained) -> nn.Module:
    """The network with its logits scaled and shifted so that p_fake is 0.5 at validation's threshold.

    Their scale is the one that minimizes the cross-entropy on validation, each source and label counting the same.
    """
    offset, slope = judged.calibration(one.validation)
    last = one.network.get_submodule("classifier")
    with torch.no_grad():
        last.weight *= slope
        last.bias *= slope
        last.bias += torch.tensor([-0.5, 0.5]) * slope * offset
    return one.network


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


def save_network(model: nn.Module, path: Path) -> Path:
    """Write a network's tensors with numbers in 16 bits, which halves the file; returns `path`."""
    state = model.state_dict()
    return weight_files.write(
        path, {n: value.half() if value.is_floating_point() else value for n, value in state.items()}
    )


def made(study: Study, recipe: Recipe, seeds: int, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Train, choose, calibrate, write the weights to the runs' folder, and test; yields the lines to print."""
    trained = [train(study, recipe, seed, on_epoch) for seed in range(1, seeds + 1)]
    rows = [{"seed": one.seed} | judged.summary(one.validation) for one in trained]
    yield results.write_table(study.name, "detector_seeds", pd.DataFrame(rows)).round(3).T.to_string()
    curves = [one.history.drop(columns="seconds").assign(seed=one.seed) for one in trained]
    results.write_table(study.name, "detector_seed_curves", pd.concat(curves))
    path = save_network(calibrate(median(trained)), paths.runs() / study.name / "detector.safetensors")
    yield f"weights: {path} (sha256 {cache.sha256(path)})"
    scores = results.write_table(study.name, "detector_scores", tested(study, path))
    yield card.measured(results.write_table(study.name, "detector", measure(scores, study.bootstrap)))


def compared(study: Study, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Each of RECIPES on validation, alone and in the mean with the head pose; yields the lines to print.

    Their curves, epoch by epoch, go to the table detector_curves.
    """
    by_pose = _by_pose(study)
    rows, curves = [{"recipe": "head pose alone"} | judged.summary(by_pose)], []
    for name, recipe in RECIPES.items():
        trained = train(study, recipe, 1, on_epoch)
        curves.append(trained.history.drop(columns="seconds").assign(recipe=name, seed=1))
        about = {"pairs": recipe.epochs * recipe.steps * recipe.pairs}
        rows.append({"recipe": name} | about | judged.summary(trained.validation))
        rows.append({"recipe": f"{name}, {WITH_POSE}"} | about | judged.summary(_mean(trained.validation, by_pose)))
    results.write_table(study.name, "detector_curves", pd.concat(curves))
    yield results.write_table(study.name, "detector_recipes", pd.DataFrame(rows)).round(3).T.to_string()


def ablated(study: Study, on_epoch: training.OnEpoch) -> Iterator[str]:
    """Train each of ABLATION, then networks that TEACHERS teach; score validation alone.

    OURS and the taught networks have SEEDS seeds, the others ABLATION_SEEDS. OURS is also scored in the mean with the
    head pose, and by its networks together (seed 0). The curves go to the table detector_ablation_curves. Yields the
    lines to print.
    """
    trained: dict[str, list[Trained]] = {}
    for name, recipe in ABLATION.items():
        seeds = range(1, 1 + (SEEDS if recipe is OURS else ABLATION_SEEDS))
        trained[name] = [train(study, recipe, seed, on_epoch) for seed in seeds]
    teachers = [one.network for name, count in TEACHERS.items() for one in trained[name][:count]]
    trained[TAUGHT] = [train(study, OURS, seed, on_epoch, teachers) for seed in range(1, 1 + SEEDS)]
    rows = []
    for name, runs in trained.items():
        rows += [{"recipe": name, "seed": one.seed} | judged.summary(one.validation) for one in runs]
        if ABLATION.get(name) is OURS:
            rows += _more_of(study, name, runs)
    named = ((name, one) for name, runs in trained.items() for one in runs)
    curves = [one.history.drop(columns="seconds").assign(recipe=name, seed=one.seed) for name, one in named]
    results.write_table(study.name, "detector_ablation_curves", pd.concat(curves))
    yield results.write_table(study.name, "detector_ablation", pd.DataFrame(rows)).round(3).T.to_string()


def _more_of(study: Study, name: str, runs: list[Trained]) -> list[dict]:
    """Rows of each network in the mean with the head pose, and of all networks together."""
    by_pose, joined = _by_pose(study), together(study, OURS, runs).items()
    both = ((one.seed, _mean(one.validation, by_pose)) for one in runs)
    rows = [{"recipe": f"{name}, {WITH_POSE}", "seed": seed} | judged.summary(scores) for seed, scores in both]
    return rows + [{"recipe": f"{name}, {how}", "seed": 0} | judged.summary(scores) for how, scores in joined]


def together(study: Study, recipe: Recipe, trained: list[Trained]) -> dict[str, pd.DataFrame]:
    """Validation by the mean of the networks' logits, and by one network that has the mean of their weights."""
    tables, states = [one.validation for one in trained], [one.network.state_dict() for one in trained]
    logits = np.mean([special.logit(table["p_fake"].clip(1e-7, 1 - 1e-7)) for table in tables], axis=0)
    network = copy.deepcopy(trained[0].network)
    network.load_state_dict({name: torch.stack([s[name].float() for s in states]).mean(0) for name in states[0]})
    of_weights = scored(network, _sources(study, "val", looking.FACE), recipe.network)
    return {MEAN_OF_SCORES: tables[0].assign(p_fake=special.expit(logits)), MEAN_OF_WEIGHTS: of_weights}


def under_conditions(study: Study, _: training.OnEpoch) -> Iterator[str]:
    """Score the study's test frames by the shipped network, as they are and under conditions.CONDITIONS.

    The scores go to the table detector_conditions; yields the lines to print.
    """
    own = replace(study, faces=replace(looking.FACE, max_frames=study.faces.max_frames))
    found = frames.of_study(own).part("test")
    scores = conditions.scores(found, lambda crops: shipped.scores(crops, found.points)["resnet"].to_numpy())
    kept = results.write_table(study.name, "detector_conditions", scores)
    yield card.conditions(conditions.table(kept, study.bootstrap))


def _by_pose(study: Study) -> pd.DataFrame:
    """The head pose's score table of every source of validation."""
    sources = _sources(study, "val", looking.FACE).items()
    return pd.concat(found.scored(shipped.by_pose(found.points)).assign(source=name) for name, found in sources)


def _mean(scores: pd.DataFrame, by_pose: pd.DataFrame) -> pd.DataFrame:
    return scores.assign(p_fake=(scores["p_fake"] + by_pose["p_fake"].to_numpy()) / 2)


COMPARISONS = {"compare": compared, "ablation": ablated, "conditions": under_conditions}


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
