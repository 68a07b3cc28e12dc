"""The committed numbers and tables are those that the committed scores give."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from dfdlib.command import cli
from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.evaluation import aloud, findings, results
from dfdlib.experiments import committed, committed_tables, comparisons

UADFV = studies.load("uadfv")


@pytest.mark.parametrize("name", committed.STUDIES)
def test_no_committed_interval_differs_from_what_its_scores_give(name: str) -> None:
    study = studies.load(name)
    found = committed.numbers(study)
    assert committed.differing(committed.rows(study, found), committed_tables.tables(study)) == []
    assert len(found) > 90 and "resnet.frame_acc" in found and "identity.frame_auc" in found
    text = (paths.published_results() / "README.md").read_text(encoding="utf-8")
    for key in committed.without_scores(study, found):
        assert f"`{key}`" in text or f"`{'.'.join(key.split('.')[:2])}`" in text or f"`{key.split('.')[0]}`" in text


@pytest.fixture
def copied(monkeypatch, tmp_path):
    """A copy of results/ with one table of each kind, and what follows from it."""
    folder = tmp_path / "results"
    shutil.copytree(paths.published_results(), folder)
    monkeypatch.setattr(paths, "published_results", lambda: folder)
    monkeypatch.setattr(committed, "STUDIES", ("uadfv",))
    monkeypatch.setattr(committed, "SOURCES", {"gradcam_real": committed.SOURCES["gradcam_real"]})
    monkeypatch.setattr(committed_tables, "TABLES", {"leak": committed_tables.TABLES["leak"]})
    return folder


def test_a_changed_interval_is_named_and_put_right(copied, capsys) -> None:
    committed.tell()
    before = {path: path.read_text() for path in (copied / "uadfv.json", copied / "leak" / "uadfv.csv")}
    document = json.loads(before[copied / "uadfv.json"])
    row = next(row for row in document["rows"] if row["id"] == "gradcam.real.own.excess")
    row["high"] -= 0.1
    (copied / "uadfv.json").write_text(json.dumps(document))
    leak = pd.read_csv(copied / "leak" / "uadfv.csv").query("kind == 'by person' and name == 'headpose'")
    low = str(leak["frame_auc_low"].item())
    (copied / "leak" / "uadfv.csv").write_text(before[copied / "leak" / "uadfv.csv"].replace(low, "0.7999"))
    capsys.readouterr()
    with pytest.raises(DfdError, match="2 committed rows differ from their scores; `dfd recompute --write` puts"):
        committed.tell()
    said = capsys.readouterr().out
    assert "gradcam.real.own.excess: 0.33" in said and "leak: by person,headpose,98,present rule" in said
    committed.tell(change=True)
    assert before == {path: path.read_text() for path in before}


def test_verdicts_by_todays_rules_count_too(copied) -> None:
    path = copied / "uadfv.json"
    path.write_text(path.read_text().replace('"not told from chance"', '"above chance"', 1))
    found = committed.numbers(UADFV)
    assert len(committed.differing(committed.rows(UADFV, found), {})) == 1
    path.write_text(json.dumps({"rows": []}))
    assert committed.differing(committed.rows(UADFV, found), {})[0].endswith("(recorded: nothing)")


def test_every_table_with_intervals_says_what_they_follow_from() -> None:
    text = (paths.published_results() / "README.md").read_text(encoding="utf-8")
    folders = [path for path in paths.published_results().iterdir() if path.is_dir()]
    assert [path.name for path in folders if f"`{path.name}`" not in text and f"`{path.name}/" not in text] == []
    for name in ("comparisons", "leak", "transfer"):
        table = results.committed_table("uadfv", name)
        converted = f"{results.PRESENT_RULE}, from the earlier interval"
        assert (
            set(table["intervals"]) <= {results.PRESENT_RULE, converted, "earlier rule"} and converted in text.lower()
        )


def test_a_star_marks_an_earlier_rule() -> None:
    rows = comparisons.for_figure(results.committed_table("uadfv", "leak"), group="name")
    stars = rows["name"].str.endswith(" *")
    assert stars.sum() == 8 and {"frames at random (98 videos) *", "people, five folds"} <= set(rows["name"])
    assert "the published test part *" not in set(rows["name"])


def test_the_command_without_a_table_takes_all(monkeypatch) -> None:
    called = []
    monkeypatch.setattr(committed, "tell", called.append)
    with pytest.raises(SystemExit) as ended:
        cli.app(["recompute", "--write"])
    assert ended.value.code == 0 and called == [True]


def test_the_findings_titles_say_what_the_verdicts_say(monkeypatch) -> None:
    read = aloud.reader("uadfv", committed=True)
    assert {read.verdict(f"folds.{name}.frame_acc") for name in ("resnet.paper", "system.paper")} == {"compatible"}
    assert read.verdict("folds.system.paper.frame_acc_gain") == "compatible; at most 2 points"
    assert "compatible with the paper, which confirms little" in findings.TITLES[0]
    precise = [read.rows[f"folds.{name}.frame_acc"]["precision"] for name in ("resnet.paper", "system.paper")]
    assert all("imprecise" in words for words in precise)
    assert "gains two points at most" in findings.TITLES[0]
    assert "no gain at all: within 2 points either way" in findings.accuracies()
    rows = {key: row | {"verdict": "compatible; inconclusive"} for key, row in read.rows.items()}
    monkeypatch.setattr(aloud, "reader", lambda *_, **__: aloud.Reader(rows, False))
    assert "no gain at all: inconclusive" in findings.accuracies(), "a verdict that changes is told"
