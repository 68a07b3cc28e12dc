"""What the shipped detector is worth on data that it never saw: the numbers of its card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from dfdlib import cache, detector, detectortrain, frames, paths, results, transfer
from dfdlib.profile import Study

NAMES = {"resnet": "ResNet", "headpose": "head pose", "p_fake": "the whole"}
ABOUT = {
    "uadfv": "UADFV, the published test part",
    "embedded": "rendered people, test part (synthetic)",
    "photographs": "photographs of CelebA, all real",
    "yours": "clips of DFD_VIDEOS",
}


def train_and_measure(study: Study) -> Iterator[str]:
    """Train the ResNet, write it beside the runs, measure it with the shipped SVM; one line a row of the table."""
    run = detectortrain.train(study, detectortrain.Recipe())
    path = paths.runs() / study.name / "detector.safetensors"
    detector.save(detector.of_run(run.weights), path)
    yield f"weights: {path} (sha256 {cache.sha256(path)})"
    scores = results.write_table(study.name, "detector_scores", scored(study, path))
    table = results.write_table(study.name, "detector", measure(scores, study.bootstrap))
    yield from table.round(3).to_string(index=False).splitlines()


def scored(study: Study, weights: Path | None = None) -> pd.DataFrame:
    """Scores of every test frame by each branch and the whole, four decimals: tested, who and what, p_fake of each.

    Nobody in the tests was trained on, but CelebA may show a person in several photographs. The head-pose SVM learned
    UADFV's fakes (of the training part); the ResNet has learned no fake at all.
    """
    tables = []
    for name, found in transfer.elsewhere(study, frames.load(study)).items():
        scores = detector.scores(found.crops, found.points, weights=weights).round(4)
        tables.append(pd.concat([found.table.assign(tested=name), scores], axis=1))
    return pd.concat(tables, ignore_index=True)


def measure(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Each branch and the whole on every test from `scored`: columns tested, branch and those of transfer.measure."""
    rows = [
        {"tested": tested, "branch": title} | transfer.measure(part.assign(p_fake=part[branch]), resamples)
        for tested, part in scores.groupby("tested", sort=False)
        for branch, title in NAMES.items()
    ]
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table of `measure` for the card: AUC of frames, and the shares of real and of fake frames called fake."""
    head = ("tested on", "what scores", "counted on", "AUC of frames", "real called fake", "fake called fake")
    rows = [head, ("---",) * len(head), *map(_row, table.to_dict("records"))]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(row: dict) -> tuple[str, ...]:
    counted = f"{row['frames']} frames of {row['people']} {'person' if row['people'] == 1 else 'people'}"
    numbers = ("frame_auc", "real_called_fake", "fake_called_fake")
    found = (transfer.with_interval(*(row[f"{name}{end}"] for end in transfer.ENDS), digits=3) for name in numbers)
    return ABOUT.get(row["tested"], row["tested"]), row["branch"], counted, *found
