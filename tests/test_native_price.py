"""The price, at full size, of a last layer that learned enlarged faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import studies
from dfdlib.core.studies import ResNetParams
from dfdlib.evaluation import results
from dfdlib.experiments import native_price
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import classifier, finetune

STUDY = replace(studies.load("smoke"), name="tiny", resnet=ResNetParams(arch="resnet20", input_size=32), bootstrap=50)
WAYS = ["bicubic 24", "bicubic 48", "bicubic 64", "FSRCNN 24", "FSRCNN 48", "FSRCNN 64"]


@pytest.fixture(autouse=True)
def own_results(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DFD_RESULTS", str(tmp_path))


def _frames() -> FrameSet:
    """Twelve people; a fake is brighter, so that one number of a crop tells it."""
    split = ["train"] * 5 + ["val"] + ["test"] * 6
    rows = [(f"{p}-{label}", 0, label, f"p{p}", f"p{p}", split[p]) for p in range(12) for label in (0, 1)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    crops = np.full((24, 128, 128, 3), 90, np.uint8) + 60 * table["label"].to_numpy(np.uint8)[:, None, None, None]
    return FrameSet(table, crops, np.zeros((24, 68, 2)), np.zeros((24, 2)))


@pytest.fixture
def looked(monkeypatch) -> list[tuple]:
    """Networks are stubs whose feature is a crop's mean; what was enlarged how is noted, and dims what was enlarged."""
    seen = []
    run = finetune.Run(0.1, pd.DataFrame({"epoch": [1]}), Path("run"), "", _frames())
    monkeypatch.setattr(finetune, "one_cycle", lambda study, found: run)
    monkeypatch.setattr(finetune, "network", lambda weights, params: None)
    monkeypatch.setattr(native_price.enlarging, "fsrcnn_of", lambda study: Path("fsrcnn"))
    monkeypatch.setattr(native_price.enlarging, "load_fsrcnn", lambda weights, params: None)
    monkeypatch.setattr(native_price, "_features", native_price._features.__wrapped__)

    def degraded(crop, cell, model):
        seen.append((cell.way, cell.height, cell.quality))
        return 240 - crop if cell.height == 24 else crop  # what learned 24 pixels has it the wrong way round

    def features(network, crops, params):
        return crops.mean((1, 2)).astype(np.float32), np.zeros((len(crops), 2), np.float32)

    monkeypatch.setattr(native_price.resolution, "degraded", degraded)
    monkeypatch.setattr(classifier, "features_and_logits", features)
    return seen


def test_last_layers_learn_enlarged_training_faces_and_are_tested_on_untouched_ones(looked) -> None:
    found = native_price.scores(STUDY, _frames())
    assert list(found) == [*COLUMNS, "as it is", *WAYS] and set(found["split"]) == {"test"} and len(found) == 12
    assert len(looked) == 7 * 12, "training and validation frames alone are changed"
    assert {(way, height) for way, height, _ in looked} == {
        ("bicubic", 128),
        *((w, h) for w in ("bicubic", "FSRCNN") for h in (24, 48, 64)),
    }
    assert {quality for *_, quality in looked} == {0}
    fake = found["label"] == 1
    assert (found.loc[fake, "as it is"] > 0).all() and (found.loc[fake, "bicubic 24"] < 0).all()


def test_the_price_is_learned_enlarged_minus_learned_as_it_is(looked) -> None:
    found = native_price.record(STUDY, native_price.scores(STUDY, _frames()))
    values = {key.removeprefix("native_price.").removesuffix(".frame_auc_gain"): f.value for key, f in found.items()}
    assert values == {name.replace(" ", "_"): -1.0 if "24" in name else 0.0 for name in WAYS}
    assert {row["id"] for row in results.rows("tiny")} == {*found}


def test_the_committed_prices_follow_from_the_committed_scores() -> None:
    study = studies.load("uadfv")
    found = native_price.gains(results.committed_table("uadfv", native_price.TABLE), study.bootstrap)
    rows = {row["id"]: row for row in results.rows("uadfv", committed=True)}
    assert len(found) == 6
    for key, number in found.items():
        ends = [round(getattr(number, name), 6) for name in ("value", "low", "high")]
        assert ends == [rows[key][name] for name in ("value", "low", "high")] and number.n == 889, key
