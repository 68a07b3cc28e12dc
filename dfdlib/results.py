"""Numbers and score tables on disk, and the tables that README and notebooks print from them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from dfdlib import paths, repro
from dfdlib.errors import DfdError
from dfdlib.metrics import Estimate

SCORE_COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split", "branch", "p_fake"]
KEYS = ["branch", "clip_id", "frame"]
# The paper's three accuracies; it says neither "frames" nor "videos", so both of ours stand beside them.
PAPER = {
    "resnet.frame_acc": 0.949,
    "resnet.video_acc": 0.949,
    "headpose.paper.frame_acc": 0.501,
    "headpose.paper.video_acc": 0.501,
    "system.frame_acc": 0.955,
    "system.video_acc": 0.955,
}
CLAIMS = {
    "resnet.frame_acc": "ResNet alone, accuracy of frames",
    "resnet.video_acc": "ResNet alone, accuracy of videos",
    "headpose.paper.frame_acc": "Head pose as in the paper, accuracy of frames",
    "headpose.paper.video_acc": "Head pose as in the paper, accuracy of videos",
    "system.frame_acc": "The whole, accuracy of frames",
    "system.video_acc": "The whole, accuracy of videos",
    "sr.native.frame_acc_gain": "Gain by super-resolution first, accuracy of frames",
    "resnet.frame_auc": "ResNet alone, AUC of frames",
    "resnet.video_auc": "ResNet alone, AUC of videos",
    "headpose.yang.frame_auc": "Head pose as in Yang et al., AUC of frames",
    "headpose.yang.video_auc": "Head pose as in Yang et al., AUC of videos",
    "headpose.mirrored.frame_auc": "The same with the released, mirrored model, AUC of frames",
    "headpose.mirrored.video_auc": "The same with the released, mirrored model, AUC of videos",
}


def record(study: str, key: str, estimate: Estimate, digits: int = 4) -> Estimate:
    """Put a number with its interval into `results/<study>.json`, in place of an older one of the same id."""
    row = {
        "id": key,
        "value": round(estimate.value, digits),
        "low": round(estimate.low, digits),
        "high": round(estimate.high, digits),
        "n": estimate.n,
        "unit": estimate.unit,
        "paper": PAPER.get(key),
    }
    row["verdict"] = verdict(row)
    rows = {old["id"]: old for old in load(study)} | {key: row}
    _write_json(study, {"rows": sorted(rows.values(), key=lambda r: r["id"])})
    return estimate


def record_all(study: str, branch: str, estimates: dict[str, Estimate]) -> None:
    """Record what `metrics.evaluate` found under `<branch>.<name>` and print a line for each."""
    for name, estimate in estimates.items():
        print(f"{branch}.{name:12s} {record(study, f'{branch}.{name}', estimate)}")


def write_curves(study: str, curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Put training histories into `results/curves/<study>.csv`, one block of rows a run; returns that table."""
    table = pd.concat([history.assign(run=name) for name, history in curves.items()], ignore_index=True)
    path = paths.results(study) / "curves" / f"{study}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = table.drop(columns="seconds").round(4)
    table.to_csv(path, index=False)
    return table


def note(study: str, **facts: Any) -> None:
    """Put facts about the run (such as where the first weights came from) into `results/<study>.json`."""
    _write_json(study, {"facts": _document(study)["facts"] | facts})


def record_run(study: str) -> None:
    """Put versions and machine of this run into `results/<study>.json`."""
    _write_json(study, {"run": repro.run_record()})


def verdict(row: dict) -> str:
    """The paper's number against our interval, in words, or a gain against zero; else empty."""
    if row["id"].endswith("gain"):
        return "a gain" if row["low"] > 0 else "a loss" if row["high"] < 0 else "no effect seen: 0 lies in the interval"
    if row["paper"] is None:
        return ""
    if row["low"] <= row["paper"] <= row["high"]:
        return "reproduced: the paper's number lies in our interval"
    return "not reproduced: ours is " + ("higher" if row["low"] > row["paper"] else "lower")


def load(study: str, committed: bool = False) -> list[dict]:
    """The rows of `results/<study>.json`; empty where the study has not been run.

    `committed` reads the file that came with the repository, also where this run writes elsewhere.
    """
    return _document(study, committed)["rows"]


def facts(study: str, committed: bool = False) -> dict[str, Any]:
    """What `note` kept."""
    return _document(study, committed)["facts"]


def clear(study: str) -> None:
    """Forget a study's numbers and scores before a whole new run, so that no number of an older one stays."""
    for path in (_path(study), _scores_path(study)):
        path.unlink(missing_ok=True)


def _path(study: str, committed: bool = False) -> Path:
    return (paths.root() / "results" if committed else paths.results(study)) / f"{study}.json"


def _document(study: str, committed: bool = False) -> dict[str, Any]:
    path = _path(study, committed)
    empty = {"study": study, "facts": {}, "run": {}, "rows": []}
    return empty | (json.loads(path.read_text()) if path.is_file() else {})


def _write_json(study: str, change: dict) -> None:
    _path(study).parent.mkdir(parents=True, exist_ok=True)
    partial = _path(study).with_suffix(".partial")
    partial.write_text(json.dumps(_document(study) | change, indent=1) + "\n")
    partial.replace(_path(study))


def write_scores(study: str, branch: str, frames: pd.DataFrame) -> pd.DataFrame:
    """Put a branch's rows into `results/scores/<study>.csv` and return them as a reader of that file sees them.

    Scores are rounded to four decimals first, so that every number comes out of the file again exactly.
    """
    path = _scores_path(study)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = frames.assign(branch=branch, p_fake=frames["p_fake"].round(4))[SCORE_COLUMNS]
    others = _read_scores(path)
    table = pd.concat([others[others["branch"] != branch], rows], ignore_index=True) if len(others) else rows
    table.sort_values(KEYS).to_csv(path, index=False)
    return scores(study, branch)


def scores(study: str, branch: str, split: str | None = None) -> pd.DataFrame:
    """The rows of a branch, of one part of the split where it is named; DfdError where there are none."""
    table = _read_scores(_scores_path(study))
    rows = table[table["branch"] == branch] if len(table) else table
    if not len(rows):
        raise DfdError(f"{_scores_path(study)} has no scores of {branch!r}; run the notebook that makes them first.")
    return (rows if split is None else rows[rows["split"] == split]).reset_index(drop=True)


def _scores_path(study: str) -> Path:
    return paths.results(study) / "scores" / f"{study}.csv"


def _read_scores(path: Path) -> pd.DataFrame:
    text = {"clip_id": str, "pair": str, "person": str}  # "0001" is a name, not a number
    return pd.read_csv(path, dtype=text) if path.is_file() else pd.DataFrame(columns=SCORE_COLUMNS)


def claim_table(study: str, committed: bool = False) -> list[tuple[str, str, str, str, str]]:
    """Rows of the claim table: claim, paper, this study, 95 % interval with n, verdict."""
    found = {row["id"]: row for row in load(study, committed)}
    return [_claim(CLAIMS[key], found[key]) for key in CLAIMS if key in found]


def _claim(name: str, row: dict) -> tuple[str, str, str, str, str]:
    as_number = "{:.3f}".format if "auc" in row["id"] else _percent
    paper = "" if row["paper"] is None else as_number(row["paper"])
    if row["id"].endswith("gain"):
        paper = "no evident effect"
    interval = f"{as_number(row['low'])} to {as_number(row['high'])} ({row['n']} {row['unit']})"
    return name, paper, as_number(row["value"]), interval, row["verdict"]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def text_table(study: str, committed: bool = False) -> str:
    """The claim table as plain text, one line a claim; says so where the study has not been run."""
    rows = [
        f"{claim:52s} paper {paper or '-':17s} here {value:8s} {interval:34s} {outcome}".rstrip()
        for claim, paper, value, interval, outcome in claim_table(study, committed)
    ]
    return "\n".join(rows) or f"No results of the study {study!r} yet."


def claim_frame(study: str) -> pd.DataFrame:
    """The claims that are shares in [0, 1], for a figure: name, value, low, high, paper, n, unit."""
    rows = [row | {"name": CLAIMS[row["id"]]} for row in load(study) if row["id"] in CLAIMS and row["low"] >= 0]
    table = pd.DataFrame([row for row in rows if not row["id"].endswith("gain")])
    return table[["name", "value", "low", "high", "paper", "n", "unit"]].astype({"paper": float})


def side_by_side(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Score tables of the same frames under each other, named in a column `name`."""
    return pd.concat([table.assign(name=name) for name, table in tables.items()], ignore_index=True)


def markdown_table(study: str) -> str:
    """The claim table as Markdown."""
    head = ("Claim", "Paper", "This study", "95 % interval", "Verdict")
    lines = ["| " + " | ".join(row) + " |" for row in [head, ("---",) * 5, *claim_table(study, committed=True)]]
    return "\n".join(lines)


def markdown_facts(study: str) -> str:
    """What `note` kept, as a Markdown list."""
    return "\n".join(f"- {name.replace('_', ' ')}: {fact}" for name, fact in facts(study, committed=True).items())


def readme_text(text: str) -> str:
    """README with every block from `<!-- table:STUDY -->` or `<!-- facts:STUDY -->` to `<!-- end -->` filled."""
    writers = {"table": markdown_table, "facts": markdown_facts}

    def fill(match: re.Match) -> str:
        return f"{match[1]}\n{writers[match[2]](match[3])}\n{match[4]}"

    return re.sub(r"(<!-- (table|facts):(\w+) -->)\n.*?(<!-- end -->)", fill, text, flags=re.DOTALL)


def write_readme() -> None:
    """Fill README's tables from results/*.json."""
    path = paths.root() / "README.md"
    path.write_text(readme_text(path.read_text()))


def check_readme() -> None:
    """DfdError where README's tables are not those of results/*.json."""
    path = paths.root() / "README.md"
    if path.read_text() != readme_text(path.read_text()):
        raise DfdError("README.md's tables differ from results/*.json; run `make readme`.")
