"""The table of benchmarks/processors.py, and what nbval forgives on another processor."""

from __future__ import annotations

import re

from benchmarks import processors
from dfdlib.core import paths, repro
from dfdlib.evaluation import judging, results
from tests.conftest import masked


def _row(key: str, verdict: str, value: float = 0.5) -> dict:
    return {"id": key, "verdict": verdict, "value": value}


def test_the_table_names_each_verdict_that_differs() -> None:
    first = [_row("a.gain", "a gain"), _row("b.gain", "no effect seen"), _row("c", "")]
    other = [_row("a.gain", "a gain"), _row("b.gain", "a loss"), _row("c", "", 0.7)]
    found = processors.table({processors.SHARED: first, ("default", "SSE41", 2): other})
    assert found["same verdicts"].tolist() == ["2 of 2", "1 of 2"]
    assert found["others"].tolist() == ["", "b.gain: a loss"]
    assert found["opposed"].tolist() == [0, 0]
    reverse = [_row("a.gain", "a loss"), _row("b.gain", "no effect seen")]
    assert processors.table({processors.SHARED: first, ("avx2", "ALL", 1): reverse})["opposed"].tolist() == [0, 1]


def test_every_capability_meets_every_instruction_set_and_both_numbers_of_threads() -> None:
    cases = {*processors.CASES}
    assert len({case[:2] for case in cases}) == 9 and processors.CASES[0] == (*repro.SHARED.values(), 1)
    for place, levels in enumerate((processors.CAPABILITIES, processors.INSTRUCTIONS)):
        assert {(case[place], case[2]) for case in cases} == {(level, n) for level in levels for n in (1, 2)}


def test_of_a_trained_cell_only_numbers_and_spaces_are_forgiven() -> None:
    assert masked("AUC  0.93 [-0.1, nan], n = 1,085") == masked("AUC 1.0 [0.25, 3e-05], n = 7")
    assert masked("a gain 0.1") != masked("a loss 0.1") and masked(None) is None


def test_the_page_compares_the_published_runs_of_all_machines_and_readme_says_how_far_they_differ() -> None:
    page = (paths.root() / "benchmarks" / "processors.md").read_text(encoding="utf-8")
    readme = " ".join((paths.root() / "README.md").read_text(encoding="utf-8").split())
    assert page.endswith(processors.machines())
    most = max(map(int, re.findall(r"\| (\d+) points \(", processors.machines())))
    assert f"by up to {most} points between two machines" in readme
    same, other = re.search(r"\| (\d+) of \1 \| (\d+ of \d+) \|", processors.machines()).groups()
    said = f"all {same} verdicts of the embedded study (synthetic) were the same, while {other} numbers differed"
    assert f"between two machines under this limit {said}" in readme


def _beyond_chance(row: dict) -> float:
    """How far the row's interval ends beyond what it must be told from, or 0 where it is not told from it."""
    null = 0 if row["id"].endswith("gain") else row.get("chance")
    if null is None:
        return 0
    far = max(row["low"] - null, null - row["high"])
    return far if far > judging.beyond(row["id"]) else 0


def test_readme_says_how_near_to_the_margin_the_rows_of_one_split_end() -> None:
    readme = " ".join((paths.root() / "README.md").read_text(encoding="utf-8").split())
    ends = {}
    for study in ("embedded", "uadfv"):
        rows = [row for row in results.rows(study, committed=True) if row["id"].startswith(judging.TRAINED)]
        ends[study] = sorted(filter(None, map(_beyond_chance, rows)))
    none = "In the embedded study (synthetic) no such row is told from zero or chance"
    assert not ends["embedded"] and none in readme
    first, second = (f"{100 * end:.1f}" for end in ends["uadfv"][:2])
    assert f"is {first} points beyond it and the next {second} (EfficientNet-Lite0 from random" in readme
    others = results.committed_table("uadfv", "comparisons").set_index("name")["frame_auc_low"]
    (schedule,) = others[others.index.str.contains("FWA's")] - 0.5
    assert f"one that is above chance ends {100 * schedule:.1f} points beyond it (FWA's schedule, AUC)" in readme
