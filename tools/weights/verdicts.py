"""How sure the shipped detector's verdicts are: DFD_UADFV=... python tools/weights/verdicts.py uadfv

Scores the study's validation people with the shipped weights, writes their table to results/detector_validation, and
from it and the committed results/detector_scores the file dfdlib/assets/detector.json, which `dfd predict` reads.
Run it after tools/weights/detector.py has made new weights and its tables were committed. It takes about a minute.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import disk, errors, paths, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.detector import judging, looking, record, shipped
from dfdlib.evaluation import results
from dfdlib.faces import frames


def validated(study: Study) -> pd.DataFrame:
    """Scores of every validation frame by each branch, four decimals: frames.COLUMNS, resnet and headpose."""
    study = replace(study, faces=replace(looking.FACE, max_frames=study.faces.max_frames))
    part = frames.of_study(study).part("val")
    scores = shipped.scores(part.crops, part.points)[["resnet", "headpose"]].round(4)
    return pd.concat([part.table.reset_index(drop=True), scores], axis=1)


def markdown(rule: str = "resnet") -> str:
    """The table of the counts for the card."""
    head = ("tested on", *record.VERDICTS)
    rows = [head, ("---",) * len(head), *record.lines(rule, (False, True))]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def sentence(rule: str = "resnet") -> str:
    """The spread and the edges for the card."""
    known = record.known_spread(rule)
    real, fake = (f"{k.mean:.3f} ({k.clip:.3f} and {k.frame:.3f})" for k in (known.real, known.fake))
    edges = " and ".join(f"between {low:.2f} and {high:.2f} for {what}" for what, (low, high) in _edges(known).items())
    return (
        f"The mean `p_fake` of {known.real.clips} real validation clips is {real}, that of {known.fake.clips} fake "
        f"ones {fake}; in brackets the standard deviations between clips and of frames within a clip "
        f"({known.frames} frames of {known.people} people). So a score is inconclusive {edges}."
    )


def _edges(known: judging.Spread) -> dict[str, tuple[float, float]]:
    return {"a still": known.edges(1), "a clip of 16 frames or more": known.edges(16)}


def main() -> None:
    """Measure for the study that the command line names, and write the table and the asset."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name the one the detector was made with: verdicts.py uadfv")
    study = studies.load(sys.argv[1])
    repro.start(study.seed, study.threads)
    table = results.write_table(study.name, "detector_validation", validated(study))
    found = record.measure(table, results.committed_table(study.name, "detector_scores"))
    with disk.replacing(record.asset_path()) as partial:
        partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"scores: {paths.results(study.name)}/detector_validation\nasset: {record.asset_path()}")
    print(f"\n{sentence()}\n\n{markdown()}")


if __name__ == "__main__":
    errors.or_sentence(main)
