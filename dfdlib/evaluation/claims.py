"""The claim table: the paper's numbers and the study's, for the terminal, the notebooks and README."""

from __future__ import annotations

import re

import pandas as pd

from dfdlib.evaluation import aloud, judging, results
from dfdlib.evaluation.claim_rows import CLAIMS, FACTS, FIGURES, LATER, SECTIONS, SHARES, WHY

KINDS = {  # by the end of an id, the longer ends first
    "auc_gain": "gain in AUC",
    "gain": "gain in accuracy",
    "change": "change in misses",
    "acc": "accuracy",
    "auc": "AUC",
}
HEAD = ("Claim", "Paper", "This study", "95 % interval", "Verdict", "Precision")
Row = tuple[str, str, str, str, str, str]


def claim_table(study_name: str, committed: bool = False, later: bool = True) -> list[Row]:
    """Rows of the claim table: claim, paper, this study, 95 % interval with n, verdict, precision.

    Without `later` the rows of notebook 07 are left out, since they may not exist yet when notebook 05 runs.
    """
    return [row for rows in sections(study_name, committed, later).values() for row in rows]


def sections(study_name: str, committed: bool = False, later: bool = True) -> dict[str, list[Row]]:
    """The claim table by section; a section without rows is left out."""
    found = {row["id"]: row for row in results.rows(study_name, committed) if later or not row["id"].startswith(LATER)}
    rows = {name: [_claim(keys[key], found[key]) for key in keys if key in found] for name, keys in SECTIONS.items()}
    return {name: own for name, own in rows.items() if own}


def _claim(name: str, row: dict) -> Row:
    as_number = "{:.3f}".format if "auc" in row["id"] else _points if row["id"].endswith(judging.CHANGES) else _percent
    paper = "" if row["paper"] is None else as_number(row["paper"])
    if row["id"] in judging.NO_EFFECT:
        paper = "no evident effect"
    value, low, high = (as_number(row[end]) for end in ("value", "low", "high"))
    counted = aloud.estimate(row).counted
    return (
        name,
        paper,
        value,
        f"{low.removesuffix(' points')} to {high} ({counted})",
        row["verdict"],
        row.get("precision", ""),
    )


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:.1f} points"  # + 0.0: no "-0.0"


def beside_published(study_name: str) -> dict[str, str]:
    """By claim: the published run's number, its difference from this machine's, and whether our interval contains it.

    Empty if the repository has no numbers for the study.
    """
    found = {row["id"]: row for row in results.rows(study_name)}
    said = {}
    for row in results.rows(study_name, committed=True):
        if row["id"] in CLAIMS and row["id"] in found:
            ours, value = found[row["id"]], row["value"]
            where = "inside" if ours["low"] <= value <= ours["high"] else "OUTSIDE"
            more = ours["value"] - value
            gap = f"{more:+.3f}" if "auc" in row["id"] else f"{100 * more:+.1f} points"
            said[CLAIMS[row["id"]]] = f"{_claim('', row)[2]} ({gap}; {where})"
    return said


def forest_frame(study_name: str, committed: bool = False, section: str = "") -> pd.DataFrame:
    """The claims for a forest plot, in the claim table's order, of one section if it is named, else of all but LATER.

    Notebook 05 draws it while notebook 07 may still run. Columns name, kind (of KINDS), value, low,
    high, n, unit, paper; a number of the paper beside rendered faces is left out, since the two cannot be compared. A
    row's id says its kind; gains of AUC are gains.
    """
    found = {row["id"]: row for row in results.rows(study_name, committed)}
    keys = SECTIONS.get(section) or [key for key in CLAIMS if not key.startswith(LATER)]
    chosen = {key: found[key] for key in keys if key in found}
    kinds = [next(kind for end, kind in KINDS.items() if key.endswith(end)) for key in chosen]
    table = pd.DataFrame(chosen.values(), columns=["value", "low", "high", "n", "unit", "paper"])
    table = table.assign(name=[CLAIMS[key] for key in chosen], kind=kinds)
    paper = None if results.is_synthetic(study_name) else table["paper"]
    return table.assign(paper=paper)[["name", "kind", "value", "low", "high", "n", "unit", "paper"]].astype(
        {"paper": float}
    )


def forest_beside(study_name: str, committed: bool = False) -> pd.DataFrame:
    """A study's claims, and the committed ones of UADFV under the same names, told apart by the column `data`."""
    ours, real = forest_frame(study_name, committed), forest_frame("uadfv", committed=True)
    named = ours.assign(data=results.group(study_name))
    real = real[real["name"].isin(ours["name"])].assign(data=results.group("uadfv"))
    return named if study_name == "uadfv" else pd.concat([named, real], ignore_index=True)


def markdown_table(study_name: str, committed: bool = True, later: bool = True) -> str:
    """The claim table as Markdown, each section under a row of its name; a sentence without results."""
    rows = []
    for section, own in sections(study_name, committed, later).items():
        rows += [(f"**{section}**", *[""] * (len(HEAD) - 1)), *own]
    return aloud.markdown(HEAD, rows) if rows else f"No results of the study {study_name!r} yet."


def markdown_claims(study_name: str) -> str:
    """The claim table's first section alone, as Markdown, under the name of its data; for any study's notebook."""
    head = [results.group(study_name) if name == "This study" else name for name in HEAD]
    return aloud.markdown(head, next(iter(sections(study_name, committed=True).values()), []))


def markdown_why(study_name: str) -> str:
    """The paper's claims and figures, each with its design, the verdict and the reason, as Markdown."""
    found = {row["id"]: row for row in results.rows(study_name, committed=True)}
    rows = []
    for key in (key for key in WHY if key in found):
        name, paper, ours, interval, outcome, precise = _claim(CLAIMS[key], found[key])
        design = "by person" if key.startswith("folds.") else "published split"
        rows.append(
            (
                f"{paper}: {name.replace(', by person', '')}",
                design,
                f"{ours}, {interval}",
                f"{outcome}; {precise}",
                WHY[key],
            )
        )
    rows += [(name, "", f"`figures/{file}.png`", "drawn again", why) for name, (file, why) in FIGURES.items()]
    return aloud.markdown(("The paper", "Design", "Here", "Verdict", "Why"), rows)


def markdown_facts(study_name: str) -> str:
    """The facts that `results.note` recorded, as a Markdown list in words."""
    found = results.facts(study_name, committed=True)
    texts = {name: _percent(fact) if name in SHARES else str(fact).replace(": ", "; ") for name, fact in found.items()}
    texts |= {name: re.sub(r"^resnet(\d+)", r"ResNet-\1", text) for name, text in texts.items()}
    known = [*(name for name in FACTS if name in texts), *(name for name in texts if name not in FACTS)]
    return "\n".join(f"- {FACTS.get(name, name.replace('_', ' '))}: {texts[name]}" for name in known)
