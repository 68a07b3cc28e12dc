"""The simulated camera, and the SVM that remembers its training frames and gives all others one verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths, studies
from dfdlib.experiments import one_verdict
from dfdlib.faces import frames
from dfdlib.headpose import worldmodel


@pytest.fixture(scope="module")
def found():
    return frames.of_study(studies.load("smoke"))


def test_the_camera_keeps_each_face_and_tells_nothing_of_the_label(found) -> None:
    seen = one_verdict.before_a_camera(found.points, found.table, 256)
    assert np.array_equal(seen, one_verdict.before_a_camera(found.points, found.table, 256))
    for rows in found.table.groupby("pair").indices.values():
        spans = [np.linalg.norm(p[rows, 36] - p[rows, 45], axis=-1) for p in (seen, found.points)]
        assert np.ptp(spans[0] / spans[1]) < 1e-4, "one scale for the real clip and the fake"
    assert (seen.min((0, 1)) > -100).all() and (seen.max((0, 1)) < np.array(one_verdict.FRAME) + 100).all()
    assert len({round(float(span)) for span in np.ptp(seen[:, :, 0], axis=1)}) > 5


def test_unscaled_numbers_and_the_old_default_give_one_verdict(found) -> None:
    world = worldmodel.world_model("world_model.csv")
    learned, verdicts = one_verdict.experiment(found.points, found.table, world, 256)
    table = one_verdict.setups(learned, verdicts, 50)
    assert len(verdicts) == (found.table["split"] == "test").sum() and verdicts.iloc[:, 5:].isin([0, 1]).all(axis=None)
    old = table[(table["gamma"] == "1 / features") & ~table["feature"].str.startswith("directions")]
    assert len(table) == 1 + 16 and len(old) == 6
    assert (old["train_acc"] == 1).all() and old["called_fake"].isin([0, 1]).all()
    share = one_verdict.class_shares(found.table)["test part"]
    assert old["test_acc"].isin([share, 1 - share]).all() and table["test_acc"].iloc[0] == share


def test_the_committed_table_says_what_the_text_says() -> None:
    table = pd.read_csv(paths.root() / "results" / "headpose_one_verdict" / "uadfv.csv", keep_default_na=False)
    constant, rest = table.iloc[0], table.iloc[1:]
    assert round(float(constant["test_acc"]), 4) == 0.5006 and int(constant["n"]) == 889
    sure = rest[rest["train_acc"].astype(float) > 0.999]
    assert len(sure) == 6 and set(sure["gamma"]) == {"1 / features"}
    assert sure["test_acc"].astype(float).between(0.498, 0.502).all()
    named = (rest["gamma"] == "1 / features") & ~rest["feature"].str.startswith("directions")
    one = rest["called_fake"].astype(float).isin([0, 1])
    assert one.equals(named), "one verdict: just the setups in millimetres or pixels with the old default"
    directions = rest[rest["feature"].str.startswith("directions")]["test_acc"].astype(float)
    assert directions.min() > 0.65
