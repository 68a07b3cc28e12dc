"""What does it cost on faces that were never small, if a detector's last layer learned faces that were enlarged?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from dfdlib.core import cache
from dfdlib.core.studies import ResNetParams, Study, SuperResParams
from dfdlib.evaluation import metrics, results
from dfdlib.evaluation.intervals import Estimate
from dfdlib.experiments import resolution
from dfdlib.experiments.resolution import Cell
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import classifier, finetune
from dfdlib.superres import enlarging

TABLE, UNTOUCHED = "native_price", "as it is"
HEIGHTS = (24, 48, 64)  # pixels of the crops that a last layer learned from, before they were enlarged
WAYS = ("bicubic", "FSRCNN")


def scores(study: Study, found: FrameSet) -> pd.DataFrame:
    """Logits of each test frame at its full size by last layers that learned crops made small and enlarged.

    COLUMNS, UNTOUCHED (the last layer learned the same crops as they are) and a column for each of WAYS and HEIGHTS.
    All belong to one network by the recipe of `resolution.measure_cells`, whose other layers learned crops as they are.
    """
    small = finetune.small(study)
    weights = finetune.one_cycle(small, found).weights
    nets = weights, finetune.network_alone(small.resnet), enlarging.fsrcnn_of(study), study.superres
    trained, test = found.part("train", "val"), found.part("test")
    own = Cell(study.faces.size, "bicubic", 0)
    cells = {UNTOUCHED: own} | {f"{way} {height}": Cell(height, way, 0) for way in WAYS for height in HEIGHTS}
    seen = {name: _features(cell, trained.crops, nets) for name, cell in cells.items()}
    learned = {name: resolution.refitted(features, trained.labels) for name, features in seen.items()}
    features, _ = classifier.features_and_logits(finetune.network(weights, nets[1]), test.crops, nets[1])
    # As probabilities most would be 0 or 1, and tie.
    columns = {name: last.decision_function(features) for name, last in learned.items()}
    return test.table[COLUMNS].assign(**columns)


@cache.stage
def _features(cell: Cell, crops: np.ndarray, nets: tuple[Path, ResNetParams, Path, SuperResParams]) -> np.ndarray:
    """What the last layer reads (N, F) of crops (N, S, S, 3) made small and enlarged in the cell's way."""
    weights, params, sr_weights, sr_params = nets
    enlarger, network = enlarging.load_fsrcnn(sr_weights, sr_params), finetune.network(weights, params)
    seen = np.stack([resolution.degraded(crop, cell, enlarger) for crop in crops])
    return classifier.features_and_logits(network, seen, params)[0]


def gains(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """`native_price.<way>_<height>.frame_auc_gain`: AUC at full size after learning such crops, minus UNTOUCHED's."""
    rows = {name: table[COLUMNS].assign(p_fake=table[name]) for name in table if name not in COLUMNS}
    found = {name: metrics.difference(own, rows[UNTOUCHED], "auc", "frames", resamples) for name, own in rows.items()}
    return {f"{TABLE}.{name.replace(' ', '_')}.frame_auc_gain": found[name] for name in found if name != UNTOUCHED}


def record(study: Study, table: pd.DataFrame) -> dict[str, Estimate]:
    """Put the table into results/native_price and record its gains, which are returned."""
    results.write_table(study.name, TABLE, table)
    return {key: results.record(study.name, key, gain) for key, gain in gains(table, study.bootstrap).items()}
