"""What the shipped network says of photographs: DFD_CELEBA=... DFD_LFW=... python tools/weights/photographs.py uadfv

Real photographs of the test part are scored as they are and under conditions.CONDITIONS: results/detector_photographs
has the shares called fake, detector_photograph_scores the scores. Photographs of the validation part are scored beside
fakes made from them in five ways, one at a time, without the losses that training adds: which of the fakes that it
learned from does it know? results/detector_kinds and detector_kind_scores have the answer. It takes some four minutes.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import errors, repro, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.detector import looking, network, shipped
from dfdlib.evaluation import results
from dfdlib.experiments import conditions, transfer
from dfdlib.faces.frames import COLUMNS
from tools.weights import faces, judged, learning
from tools.weights.blends import How
from tools.weights.faces import Faces

EVERY = 3  # one validation photograph in so many is made into fakes
PLAIN = How(
    size=shipped.NETWORK.input_size,
    margin=(looking.FACE.margin, looking.FACE.margin),
    off=0.0,
    shrunk_first=0.0,
    ratios=(1.0,),
    coarse=0.0,
    blur=0.0,
    noise=0.0,
    jpeg=0.0,
    soft_real=0.0,
)
KINDS = {
    "shrunk and pasted back": replace(PLAIN, pasted=1.0),
    "whole face, blended with itself": replace(PLAIN, other=0.0, part=0.0),
    "whole face, another person's": replace(PLAIN, other=1.0, part=0.0),
    "mouth or eyes, blended with themselves": replace(PLAIN, other=0.0, part=1.0),
    "mouth or eyes, another person's": replace(PLAIN, other=1.0, part=1.0),
}


def photographs(study: Study, part: str) -> Iterator[Faces]:
    """The real photographs of a part, by source."""
    yield from (faces.lfw(study.seed, part), faces.celeba(part))


def under_conditions(study: Study) -> pd.DataFrame:
    """Scores of the test part's photographs: tested and the columns of `conditions.scores`."""
    tables = []
    for one in photographs(study, "test"):
        found = judged.as_frames(one, looking.FACE, "test")
        tables.append(conditions.scores(found, _p_fake).assign(tested=one.source))
    return pd.concat(tables, ignore_index=True)


def by_kind(study: Study, every: int = EVERY) -> pd.DataFrame:
    """Scores of validation's photographs and of a fake of each kind: kind, source, COLUMNS and p_fake."""
    tables = []
    for one in photographs(study, "val"):
        some = one.one_in(every)
        shapes = learning.shapes_of(some.points)
        for number, (kind, how) in enumerate(KINDS.items()):
            rngs = (repro.rng(study.seed, number, i) for i in range(len(shapes)))
            pairs = [learning.pair_of(i, some, shapes, rng, how) for i, rng in enumerate(rngs)]
            for label, crops in enumerate(zip(*pairs, strict=True)):
                tables.append(_scored(some, kind, label, np.stack(crops)))
    return pd.concat(tables, ignore_index=True)


def _scored(some: Faces, kind: str, label: int, crops: np.ndarray) -> pd.DataFrame:
    names = [f"{some.source}{i}" for i in range(len(crops))]
    table = pd.DataFrame({"clip_id": names, "frame": 0, "label": label, "pair": names, "person": some.people})
    table = table.assign(split="val", p_fake=_p_fake(crops).round(4), kind=kind, source=some.source)
    return table[["kind", "source", *COLUMNS, "p_fake"]]


def _p_fake(crops: np.ndarray) -> np.ndarray:
    return network.p_fake(crops, shipped.resnet_path())


def called_fake(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """From `under_conditions`: tested, condition, kind, level, frames, people, and the share called fake with ends."""
    rows = []
    for (tested, part), (kind, level, name) in itertools.product(
        scores.groupby("tested", sort=False), conditions.COLUMN_NAMES
    ):
        share = conditions.called_fake(conditions.under(part, name), 0, resamples)
        about = {"tested": tested, "condition": name, "kind": kind, "level": level}
        rows.append(about | {"frames": share.n, "people": share.people} | share.columns("real_called_fake"))
    return pd.DataFrame(rows)


def rows_by_kind(scores: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """From `by_kind`: kind and the columns of transfer.test_row."""
    parts = scores.groupby("kind", sort=False)
    return pd.DataFrame([{"kind": kind} | transfer.test_row(part, resamples) for kind, part in parts])


def main() -> None:
    """Score for the study that the command line names, and write both tables."""
    if len(sys.argv) != 2:
        raise DfdError("The study is missing; name the one the detector was made with: photographs.py uadfv")
    study = studies.load(sys.argv[1])
    repro.start(study.seed, 1)
    scores = results.write_table(study.name, "detector_kind_scores", by_kind(study))
    print(results.write_table(study.name, "detector_kinds", rows_by_kind(scores, study.bootstrap)).T.to_string())
    scores = results.write_table(study.name, "detector_photograph_scores", under_conditions(study))
    found = results.write_table(study.name, "detector_photographs", called_fake(scores, study.bootstrap))
    print(found.pivot(index="condition", columns="tested", values="real_called_fake").to_string())


if __name__ == "__main__":
    errors.or_sentence(main)
