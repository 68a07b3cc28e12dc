"""The tables of the shipped detector's card, as Markdown, from the tables in results/: python tools/weights/card.py

Writes them into dfdlib/assets/detector.md in the place of those that stand there, with the weights' sha256. What the
card says in words is left as it is.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, disk, errors, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.detector import shipped
from dfdlib.evaluation import results, statistics
from dfdlib.evaluation.metrics import THRESHOLD
from dfdlib.experiments import conditions as under_conditions
from dfdlib.experiments.conditions import BLUR_SIDE
from tools.weights import verdicts
from tools.weights.card_validation import (
    SHORT,
    as_markdown,
    bands_table,
    kinds,
    left_out,
    recipes_table,
    seeds_table,
    with_intervals,
)

CARD = paths.assets() / "detector.md"

ABOUT = {
    "uadfv": "UADFV, the published test part",
    "embedded": "rendered people, hard fakes, test part (synthetic)",
    "embedded-easy": "rendered people, easy fakes, test part (synthetic)",
    "lfw": "Labeled Faces in the Wild, other people, all real",
    "celeba": "photographs of CelebA, all real",
    "blurred": "every second one of the photographs of Labeled Faces in the Wild, blurred",
    "jpeg30": "UADFV's test part after JPEG of quality 30",
    "super-resolved": "real frames of UADFV's test part, shrunk to 32 px and enlarged by FSRCNN",
    "yours": "clips of DFD_VIDEOS",
}
BINS = {"below 0.2": (0, 0.2), "0.2 to 0.5": (0.2, 0.5), "0.5 to 0.8": (0.5, 0.8), "above 0.8": (0.8, np.inf)}
RELIABILITY = ("uadfv", "jpeg30", "embedded-easy", "embedded", "lfw", "celeba", "blurred", "yours", "super-resolved")
CONDITIONS = {  # by kind: in words, from the level
    "unchanged": "as it is (128 px)",
    "height": "made {} px high and brought back",
    "blur": "blurred, sigma {:.1f} % of the face's side",
    "jpeg": "JPEG of quality {}",
}
FOUR = ("uadfv", "jpeg30", "embedded-easy", "embedded")
ALARMS = ("lfw", "celeba", "blurred", "super-resolved")
NETWORKS = {  # columns of the table of networks
    "mean": "mean AUC (two of four synthetic)",
    "uadfv": "AUC, UADFV",
    "jpeg30": "AUC, after JPEG 30",
    "embedded-easy": "AUC, easy (synthetic)",
    "embedded": "AUC, hard (synthetic)",
    "lfw": "alarms, LFW",
    "celeba": "alarms, CelebA",
    "blurred": "alarms, blurred",
    "super-resolved": "alarms, super-resolved",
}
LOOKS = ("African looks", "Asian looks", "European looks")  # in the order of `Person.ancestry`
NUMBERS = {  # columns of the table of tests
    "frame_auc": "AUC of frames",
    "video_auc": "AUC of clips",
    "real_called_fake": "real called fake",
    "fake_called_fake": "fake called fake",
}


def measured(table: pd.DataFrame) -> str:
    """The table of `detector.measure`: AUC of frames and of clips, and the shares of frames called fake."""
    head = ("tested on", "what scores", "counted on", *NUMBERS.values())
    rows = [head, ("---",) * len(head), *map(_row, table.to_dict("records"))]
    return as_markdown(rows)


def _row(row: dict) -> tuple[str, ...]:
    counted = f"{row['frames']} frames of {row['people']} {'person' if row['people'] == 1 else 'people'}"
    return ABOUT.get(row["tested"], row["tested"]), row["branch"], counted, *with_intervals(row, NUMBERS)


def reliability(scores: pd.DataFrame) -> str:
    """Of the frames with such a score of the network, how many were fake, and their mean score; by source."""
    rows = [("fake ones of the frames with p_fake", *BINS, "calibration error"), ("---",) * (2 + len(BINS))]
    for name in RELIABILITY:
        part = scores[scores["tested"] == name]
        each = (part[(part["resnet"] >= low) & (part["resnet"] < high)] for low, high in BINS.values())
        error = statistics.calibration_error(
            part["label"].to_numpy(), part["resnet"].to_numpy(), np.ones((1, len(part)))
        )
        rows.append((ABOUT[name], *map(_in_bin, each), f"{error[0]:.3f}"))
    return as_markdown(rows)


def _in_bin(own: pd.DataFrame) -> str:
    return f"{own['label'].sum()} of {len(own)} (mean {own['resnet'].mean():.2f})" if len(own) else "-"


def alarms(table: pd.DataFrame) -> str:
    """The shares of the test part's photographs called fake under each condition."""
    sources = table.drop_duplicates("tested").to_dict("records")
    counted = [f"{SHORT[row['tested']]}: {row['frames']} of {row['people']} people" for row in sources]
    rows = [("photographs called fake", *counted), ("---",) * (1 + len(counted))]
    for _, part in table.groupby("condition", sort=False):
        shares = [with_intervals(row, ("real_called_fake",))[0] for row in part.to_dict("records")]
        rows.append((_condition(part.iloc[0]), *shares))
    return as_markdown(rows)


def _condition(row: Mapping) -> str:
    level = 100 * row["level"] / BLUR_SIDE if row["kind"] == "blur" else row["level"]
    return CONDITIONS[row["kind"]].format(level)


def groups(scores: pd.DataFrame) -> str:
    """Of the rendered people of the test part (synthetic), by group: how many frames the network calls fake."""
    sys.path.append(str(paths.root() / "tools" / "render"))  # whose modules know each other by name alone
    people = importlib.import_module("people")
    part = scores[scores["tested"] == "embedded-easy"]
    made = {name: people.person(int(name.removeprefix("p"))) for name in part["person"].unique()}
    sex = part["person"].map(lambda name: "men" if made[name].male else "women")
    looks = part["person"].map(lambda name: LOOKS[int(np.argmax(made[name].ancestry))])
    rows = [
        ("rendered people (synthetic)", "people", "easy fakes called fake", "real frames called fake"),
        ("---",) * 4,
    ]
    for word, own in (*part.groupby(sex), *part.groupby(looks)):
        called = [own[own["label"] == label]["resnet"] >= THRESHOLD for label in (1, 0)]
        rows.append((word, str(own["person"].nunique()), *(f"{c.sum()} of {len(c)}" for c in called)))
    return as_markdown(rows)


def networks(earlier: pd.DataFrame, now: pd.DataFrame) -> str:
    """The tests of the networks that shipped one after the other: AUC by source, and shares of real faces called fake.

    earlier: rows of `detector.measure` with the columns recipe and seed; now: those of the network that ships.
    """
    now = now[now["branch"] == "network"].assign(recipe="the one that ships", seed=np.nan)
    rows = [("network", *NETWORKS.values()), ("---",) * (1 + len(NETWORKS))]
    for (recipe, seed), part in pd.concat([earlier, now]).groupby(["recipe", "seed"], sort=False, dropna=False):
        found = part.set_index("tested")
        aucs = [found.loc[name, "frame_auc"] for name in FOUR]
        alarms = [found.loc[name, "real_called_fake"] for name in ALARMS]
        name = recipe if np.isnan(seed) else f"{recipe}, seed {seed:.0f}"
        rows.append((name, f"{np.mean(aucs):.3f}", *(f"{value:.3f}" for value in aucs + alarms)))
    return as_markdown(rows)


def conditions(table: pd.DataFrame) -> str:
    """The table of `conditions.table`: AUC, what it is more than that of the unchanged frames, and both shares."""
    head = ("UADFV's test frames", "AUC of frames", "minus unchanged, paired", "real called fake", "fake called fake")
    rows = [head, ("---",) * len(head)]
    for row in table.to_dict("records"):
        found = with_intervals(row, ("frame_auc", "frame_auc_gain", "real_called_fake", "fake_called_fake"))
        rows.append((_condition(row), *found))
    return as_markdown(rows)


def tables() -> list[str]:
    """Every table of the card that follows from a committed one."""
    table = functools.partial(results.committed_table, "uadfv")
    worth, scores = table("detector"), table("detector_scores")
    under = under_conditions.table(table("detector_conditions"), studies.load("uadfv").bootstrap)
    return [
        recipes_table(table("detector_ablation")),
        left_out(table("detector_left_out")),
        seeds_table(table("detector_seeds")),
        measured(worth),
        networks(table("detector_earlier"), worth),
        reliability(scores),
        kinds(table("detector_kinds")),
        conditions(under),
        alarms(table("detector_photographs")),
        groups(scores),
        bands_table(table("detector_bands")),
        verdicts.markdown(),
    ]


def refreshed(card: str, found: Sequence[str]) -> str:
    """The card with each of the tables in the place of the one with the same first line, and the weights' sha256."""
    for table in found:
        head = table.partition("\n")[0]
        card, places = re.subn(rf"^{re.escape(head)}\n(\|.*\n)*", lambda _, t=table: f"{t}\n", card, flags=re.MULTILINE)
        if places != 1:
            raise DfdError(f"{CARD} has {places} tables that begin with {head!r}; write that line once, for the tool.")
    return re.sub(r"(?<=\| sha256 \| )\w{64}", cache.sha256(shipped.resnet_path()), card)


def main() -> None:
    """Write the card anew."""
    if len(sys.argv) != 1:
        raise DfdError("The tool takes no arguments; it writes the tables of dfdlib/assets/detector.md anew.")
    card = refreshed(CARD.read_text(encoding="utf-8"), tables())
    with disk.replacing(CARD) as partial:
        partial.write_text(card, encoding="utf-8")
    print(f"card: {CARD}\n\n{verdicts.sentence()}")


if __name__ == "__main__":
    errors.or_sentence(main)
