"""How often this study's 95 % intervals cover the true score, on simulated test parts; takes minutes on two cores.

    make benchmarks        (or: python benchmarks/coverage.py)

Writes benchmarks/coverage.md. tests/test_metrics.py does the same with fewer simulations.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, not the installed one
from dfdlib.core import paths
from dfdlib.core.repro import rng
from dfdlib.evaluation import intervals, metrics
from dfdlib.evaluation.statistics import THRESHOLD
from dfdlib.experiments import fold_scores
from tools.site import words

TRIALS, RESAMPLES = 1000, 200
FRAMES, MANY = 16, 4000  # frames per clip; people in the population
# Clip pairs of each person: UADFV's test part, the embedded one, one of 17, and all of UADFV.
PEOPLE = {
    "7, as in UADFV's test part": (4, 3, 2, 2, 1, 1, 1),
    "9, one pair each": (1,) * 9,
    "17, two pairs each": (2,) * 17,
    "30, as in all of UADFV": (12, 4, 3, 2, 2, 2) + (1,) * 24,
}
# Mean logit of a right verdict, and its SD over people and over clips; `spreads` measures them on the real scores.
DETECTORS = {
    "weak": (0.8, 0.5, 1.0),
    "middling": (2.0, 1.0, 1.5),
    "strong": (3.5, 2.0, 1.9),
    "perfect": (6.0, 0.5, 1.0),
    "leaning by clip": (4.5, 0.0, 3.0),  # as the ResNets on UADFV's test part and by person
}
WHAT = (("acc", "frames"), ("acc", "videos"), ("auc", "frames"), ("auc", "videos"))


def people(pairs: tuple[int, ...], detector: tuple[float, float, float], *key: int) -> pd.DataFrame:
    """Scores of pairs of a real and a fake clip: columns clip_id, pair, person, split, frame, label, p_fake.

    People are easy or hard for the detector and clips lean to one side, so a person's frames are not independent.
    """
    draw, (mean, of_people, of_clips) = rng(*key), detector
    who = np.repeat(np.arange(len(pairs)), pairs).repeat(2)
    skill = mean + draw.normal(0, of_people, len(pairs))[who] + draw.normal(0, of_clips, len(who))
    clip, labels = np.arange(len(who)).repeat(FRAMES), np.tile([0, 1], sum(pairs)).repeat(FRAMES)
    right = skill.repeat(FRAMES) + draw.logistic(0, 1, len(clip))
    table = pd.DataFrame({"clip_id": clip, "pair": clip // 2, "person": who.repeat(FRAMES), "split": "test"})
    frame = np.tile(np.arange(FRAMES), len(who))
    return table.assign(frame=frame, label=labels, p_fake=1 / (1 + np.exp(-np.where(labels == 1, right, -right))))


def of_unit(frames: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The score table of frames, or of their videos."""
    return metrics.to_videos(frames) if unit == "videos" else frames


def truth(statistic: str, unit: str, detector: tuple[float, float, float]) -> float:
    """The true score, from a simulation of MANY people."""
    table = of_unit(people((1,) * MANY, detector, 10_000), unit)
    one = np.ones((1, len(table)))
    return float(metrics.STATISTICS[statistic](table["label"].to_numpy(), table["p_fake"].to_numpy(), one)[0])


def of_score(statistic: str, unit: str, who: str, detector: str, trials: int) -> dict[str, float]:
    """Shares of `trials` test parts whose interval covers the true score: `ours`, `percentiles` of the draws, and for
    the accuracy of videos `wilson`, which takes them as independent. `width` is the mean of ours.
    """
    true, found = truth(statistic, unit, DETECTORS[detector]), []
    for trial in range(trials):
        table = of_unit(people(PEOPLE[who], DETECTORS[detector], trial), unit)
        ours = metrics.estimate(table, statistic, unit, RESAMPLES, seed=trial)
        low, high = np.percentile(
            metrics.bootstrap(table, metrics.STATISTICS[statistic], RESAMPLES, trial), [2.5, 97.5]
        )
        row = {"ours": ours.low <= true <= ours.high, "percentiles": low <= true <= high, "width": ours.high - ours.low}
        if (statistic, unit) == ("acc", "videos"):
            right = int(((table["p_fake"] >= THRESHOLD) == table["label"]).sum())
            wilson = intervals.proportion(right, len(table), unit)
            row["wilson"] = wilson.low <= true <= wilson.high
        found.append(row)
    return {"true score": true} | pd.DataFrame(found).astype(float).mean().to_dict()


def of_difference(who: str, detector: str, trials: int) -> float:
    """The share of `trials` whose interval covers 0, for the paired difference of two equally good detectors.

    The second's logits are the first's, shifted in a third of the clips: most verdicts agree, as with one network on
    the same crops in two versions.
    """
    hits = []
    for trial in range(trials):
        a = people(PEOPLE[who], DETECTORS[detector], trial)
        clips, draw = a["clip_id"].nunique(), rng(trial, 1)
        shift = (draw.normal(0, 2, clips) * (draw.random(clips) < 1 / 3))[a["clip_id"]]
        sides = [a.assign(p_fake=1 / (1 / a["p_fake"] - 1 + 1e-12) * np.exp(sign * shift / 2)) for sign in (1, -1)]
        sides = [side.assign(p_fake=side["p_fake"] / (1 + side["p_fake"])) for side in sides]
        found = metrics.difference(*sides, "acc", "frames", RESAMPLES, trial)
        hits.append(found.low <= 0 <= found.high)
    return float(np.mean(hits))


def spreads(scores: pd.DataFrame) -> pd.DataFrame:
    """SD of the logit of a right verdict over people and over one person's clips, for each branch of a score table."""
    p = scores["p_fake"].clip(1e-3, 1 - 1e-3)
    logit = np.log(p / (1 - p)) * (2 * scores["label"] - 1)
    clips = scores.assign(logit=logit).groupby(["branch", "person", "clip_id"])["logit"].mean().reset_index()
    by_person = clips.groupby(["branch", "person"])["logit"]
    inside = (clips["logit"] - by_person.transform("mean")).pow(2).groupby(clips["branch"]).sum()
    freedom = clips.groupby("branch")["clip_id"].count() - clips.groupby("branch")["person"].nunique()
    of_clips = (inside / freedom) ** 0.5
    means, per_person = by_person.mean().groupby("branch").std(), by_person.count().groupby("branch").mean()
    of_people = (means**2 - of_clips**2 / per_person).clip(lower=0) ** 0.5
    return pd.DataFrame({"mean": clips.groupby("branch")["logit"].mean(), "people": of_people, "clips": of_clips})


def of_uadfv() -> str:
    """The table of `spreads` for UADFV's test part, and for the first trainings of the ResNet-18 by person."""
    scores = pd.read_csv(paths.root() / "results" / "scores" / "uadfv.csv", dtype={"clip_id": str})
    by_person = {
        "ResNet-18 by person, the paper's recipe": "paper",
        "ResNet-18 by person, one cycle": "one_cycle",
        "ResNet-18 by person, blends alone": "no_fakes",
    }
    folds = [fold_scores.tables("uadfv", name, "native")[0].assign(branch=told) for told, name in by_person.items()]
    test = scores[scores["split"] == "test"].assign(branch=lambda table: table["branch"].map(words.branch))
    found = spreads(pd.concat([test, *folds])).round(2)
    return _markdown(found.rename_axis("what scores").reset_index()) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    cells = [
        [f"{v:.3f}" if isinstance(v, float) and v == v else "" if v != v else str(v) for v in row]
        for row in table.values
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(table), ["---"] * table.shape[1], *cells])


def main() -> None:
    """Simulate every case and write the tables."""
    cases = list(itertools.product(WHAT, PEOPLE, DETECTORS))
    found = Parallel(n_jobs=2)(delayed(of_score)(*what, who, name, TRIALS) for what, who, name in cases)
    rows = [
        {"what": f"{what[0]} of {what[1]}", "people": who, "detector": name} | row
        for (what, who, name), row in zip(cases, found, strict=True)
    ]
    pairs = list(itertools.product(PEOPLE, DETECTORS))
    gaps = Parallel(n_jobs=2)(delayed(of_difference)(*pair, TRIALS) for pair in pairs)
    differences = [{"people": who, "detector": name, "ours": gap} for (who, name), gap in zip(pairs, gaps, strict=True)]
    text = "# Coverage of the intervals\n\n"
    text += (
        f"Share of {TRIALS} simulated test parts (real and fake clips of {FRAMES} frames) whose 95 % interval holds "
    )
    text += (
        "the true score;\nstandard error 0.007 at 0.95. `percentiles` is the plain bootstrap over people, `wilson` the "
    )
    text += "interval for independent videos,\n`width` the mean width of ours. "
    text += "`ours` is this study's interval. Its two constants in\n`dfdlib/evaluation/intervals.py`, "
    text += f"LIKENESS = {intervals.LIKENESS} (the assumed correlation of two rows of one person) and\n"
    text += (
        f"DOUBT = {intervals.DOUBT} (the errors, in a person's worth of rows, that weigh as much as that assumption), "
    )
    text += (
        "were chosen on\nsuch simulations and on no score of the study.\n\n" + _markdown(pd.DataFrame(rows)) + "\n\n"
    )
    text += (
        "Paired differences in accuracy of two equally good detectors that agree in most verdicts; the truth is 0:\n\n"
    )
    text += _markdown(pd.DataFrame(differences)) + "\n\n"
    text += "For comparison with the simulated detectors, the logit of a right verdict in UADFV's score tables, "
    text += "its mean, and its SD over people\nand over one person's clips (p_fake kept within 0.001 and 0.999):\n\n"
    text += of_uadfv()
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
