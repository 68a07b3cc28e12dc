"""What the shipped network says of photographs: real ones under conditions, and fakes made from them by kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import repro, studies
from dfdlib.detector import looking, network
from dfdlib.evaluation import results
from dfdlib.experiments import conditions
from tools.weights import blends, card, learning, photographs
from tools.weights.faces import Faces

UADFV = studies.load("uadfv")


def _faces(count: int, source: str = "lfw") -> Faces:
    """So many grey faces with noise in them and a mean face's landmarks, each of another person."""
    rng = np.random.default_rng(0)
    squares = [rng.integers(60, 200, (160, 160, 3)).astype(np.uint8) for _ in range(count)]
    face = (
        np.stack([np.cos(np.linspace(0, 7, 68)), np.sin(np.linspace(0, 7, 68))], 1) * np.linspace(30, 60, 68)[:, None]
    )
    points = 80 + face[None] + rng.normal(0, 1, (count, 68, 2))
    return Faces(source, squares, points.astype(np.float32), [f"{source}{i}" for i in range(count)])


def test_the_committed_summaries_follow_from_the_scores() -> None:
    found = photographs.rows_by_kind(results.committed_table("uadfv", "detector_kind_scores"), UADFV.bootstrap)
    kept = results.committed_table("uadfv", "detector_kinds")
    pd.testing.assert_frame_equal(found, kept, atol=1e-4, rtol=0, check_dtype=False)
    assert list(kept["kind"]) == [*photographs.KINDS]
    found = photographs.called_fake(results.committed_table("uadfv", "detector_photograph_scores"), UADFV.bootstrap)
    kept = results.committed_table("uadfv", "detector_photographs")
    pd.testing.assert_frame_equal(found, kept, atol=1e-4, rtol=0, check_dtype=False)
    assert len(kept) == 2 * len(conditions.COLUMN_NAMES)


def test_unchanged_photographs_have_the_scores_of_the_test() -> None:
    scores = results.committed_table("uadfv", "detector_photograph_scores")
    tested = results.committed_table("uadfv", "detector_scores")
    for name, part in scores.groupby("tested", sort=False):
        known = tested[tested["tested"] == name]
        assert list(part["clip_id"]) == list(known["clip_id"])
        assert part["unchanged"].to_numpy() == pytest.approx(known["resnet"].to_numpy(), abs=2e-4)


def test_each_kind_of_fake_changes_what_its_name_says() -> None:
    faces = _faces(6)
    shapes = learning.shapes_of(faces.points)
    donors = []
    for name, how in photographs.KINDS.items():
        assert how.size == network.SIDE and how.margin == (looking.FACE.margin,) * 2
        plain, drawn = blends._laid, []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blends, "_laid", lambda *given: drawn.append(1) or plain(*given))  # noqa: B023
            for i in range(6):
                real, fake = learning.pair_of(i, faces, shapes, repro.rng(1, i), how)
                assert real.shape == fake.shape == (128, 128, 3) and not np.array_equal(real, fake)
        donors.append(len(drawn))
        assert ("mouth or eyes" in name) == (how.part == 1.0) and ("pasted" in name) == (how.pasted == 1.0)
    assert donors == [0, 0, 6, 0, 6], "another person's face is laid on where the name says so"


def test_every_third_photograph_is_scored_beside_a_fake_of_each_kind_and_repeats_exactly(monkeypatch) -> None:
    monkeypatch.setattr(photographs, "photographs", lambda study, part: iter([_faces(7)]))
    monkeypatch.setattr(photographs, "_p_fake", lambda crops: crops.reshape(len(crops), -1).mean(1) / 255)
    found = photographs.by_kind(UADFV)
    assert (
        len(found) == 5 * 2 * 3 and set(found["person"]) == {"lfw0", "lfw3", "lfw6"} and set(found["split"]) == {"val"}
    )
    pd.testing.assert_frame_equal(found, photographs.by_kind(UADFV))
    rows = photographs.rows_by_kind(found, 50)
    assert list(rows["kind"]) == [*photographs.KINDS] and (rows["frames"] == 6).all()


def test_photographs_under_a_condition_are_counted_by_source(monkeypatch) -> None:
    monkeypatch.setattr(photographs, "photographs", lambda study, part: (_faces(8, name) for name in ("lfw", "celeba")))
    monkeypatch.setattr(photographs, "_p_fake", lambda crops: np.linspace(0.3, 0.6, len(crops)))
    found = photographs.called_fake(photographs.under_conditions(UADFV), 50)
    assert (found["real_called_fake"] == 3 / 8).all() and set(found["people"]) == {8}
    table = card.alarms(found)
    assert "LFW, real: 8 of 8 people" in table and table.count("0.375 [") == 2 * len(conditions.COLUMN_NAMES)
