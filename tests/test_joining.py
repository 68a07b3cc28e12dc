"""What joining the branches gains: by hand on small tables, and as told."""

from __future__ import annotations

import pandas as pd

from dfdlib.core.studies import Study
from dfdlib.evaluation import results
from dfdlib.experiments import fold_scores, joining


def _gains(low: list[float], high: list[float]) -> pd.DataFrame:
    ends = pd.DataFrame({"low": low, "high": high}).assign(value=lambda table: (table["low"] + table["high"]) / 2)
    return ends.assign(**{"design": "one", "head pose": "p", "rule": ["mean", "either", "both"]})


def test_intervals_that_exclude_zero_are_counted_by_rule() -> None:
    told = joining.told(_gains([-0.1, -0.2, 0.01], [0.1, -0.1, 0.02]))
    assert told == 'Intervals above zero: 1 of 3 ("both" 1). Intervals below zero: 1 of 3 ("either" 1).'
    nothing = "Intervals above zero: 0 of 3. Intervals below zero: 0 of 3."
    assert joining.told(_gains([-1, -1, -1], [1, 1, 1])) == nothing


def test_the_table_has_a_row_a_rule_and_a_column_a_design_in_their_order() -> None:
    found = _gains([-0.1, -0.2, 0.01], [0.1, -0.1, 0.02])
    table = joining.table(pd.concat([found, found.assign(design="another").iloc[:2]]))
    assert list(table.columns) == ["one", "another"] and list(table.index.get_level_values(1)) == list(found["rule"])
    assert table.loc[("p", "both")].tolist() == ["+1.5 [1.0, 2.0]", "-"]


def test_rules_against_the_resnet_alone_on_both_designs(monkeypatch) -> None:
    """Two people of two frames: the ResNet calls all of them real, the head pose is right about all."""
    rows = {"clip_id": list("abcd"), "frame": 0, "label": [0, 1, 0, 1], "pair": list("xxyy"), "person": list("xxyy")}
    keys = pd.DataFrame(rows)
    resnet, pose = keys.assign(p_fake=0.2), keys.assign(p_fake=[0.1, 0.9, 0.1, 0.9])
    parts = [table.assign(split=part) for table in (resnet, pose) for part in ("val", "test")]
    names = ("resnet.sr", "headpose.paper", "headpose.yang")
    scores = pd.concat([own.assign(branch=name) for name in names for own in parts[2 * (name != "resnet.sr") :][:2]])
    monkeypatch.setattr(results, "committed_table", lambda *_: scores)
    monkeypatch.setattr(fold_scores, "tables", lambda *_: [parts[1], parts[1]])
    monkeypatch.setattr(fold_scores, "headpose", lambda *_: parts[3])
    found = joining.gains(Study("x", "embedded", bootstrap=50))
    assert len(found) == 2 * 4 + 2 * 2 * 3
    by_rule = found.groupby("rule")["value"].unique().map(list).to_dict()
    assert by_rule == {"mean": [0.5], "either": [0.5], "both": [0.0], "stacked": [0.5]}
