"""The tables of the shipped detector's card, as Markdown, from the tables in results/: python tools/weights/card.py

Writes them into dfdlib/assets/detector.md in the place of those that stand there, with the weights' sha256. What the
card says in words is left as it is.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, not the installed one
from dfdlib.core import cache, disk, errors, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging, record, shipped
from dfdlib.evaluation import results, statistics
from dfdlib.evaluation.metrics import THRESHOLD
from dfdlib.experiments import conditions as under_conditions
from dfdlib.experiments import transfer
from dfdlib.experiments.conditions import BLUR_SIDE
from tools.weights import verdicts

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
SHORT = {
    "uadfv": "UADFV",
    "jpeg30": "UADFV after JPEG 30",
    "super-resolved": "UADFV, real, super-resolved",
    "lfw": "LFW, real",
    "blurred": "LFW, real, blurred",
    "celeba": "CelebA, real",
}
LOOKS = ("African looks", "Asian looks", "European looks")  # in the order of `Person.ancestry`
LEFT = {"frame_auc": "AUC of frames", "real_called_fake": "real called fake", "fake_called_fake": "fake called fake"}
ENDS = ("", "_low", "_high")
NUMBERS = {  # columns of the table of tests
    "frame_auc": "AUC of frames",
    "video_auc": "AUC of clips",
    "real_called_fake": "real called fake",
    "fake_called_fake": "fake called fake",
}
SEED_COLUMNS = {
    "auc_uadfv": "AUC, UADFV",
    "auc_jpeg30": "AUC, after JPEG 30",
    "auc_embedded-easy": "AUC, rendered, easy (synthetic)",
    "auc_embedded": "AUC, rendered, hard (synthetic)",
    "macro_auc": "mean AUC (two of four synthetic)",
    "caught_uadfv": "UADFV fakes caught",
    "alarms_lfw": "alarms, LFW",
}


def measured(table: pd.DataFrame) -> str:
    """The table of `detector.measure`: AUC of frames and of clips, and the shares of frames called fake."""
    head = ("tested on", "what scores", "counted on", *NUMBERS.values())
    rows = [head, ("---",) * len(head), *map(_row, table.to_dict("records"))]
    return _table(rows)


def _row(row: dict) -> tuple[str, ...]:
    counted = f"{row['frames']} frames of {row['people']} {'person' if row['people'] == 1 else 'people'}"
    return ABOUT.get(row["tested"], row["tested"]), row["branch"], counted, *_with_intervals(row, NUMBERS)


def _with_intervals(row: dict, names: Iterable[str]) -> list[str]:
    return [transfer.with_interval(*(row[name + end] for end in ENDS), digits=3) for name in names]


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
    return _table(rows)


def _in_bin(own: pd.DataFrame) -> str:
    return f"{own['label'].sum()} of {len(own)} (mean {own['resnet'].mean():.2f})" if len(own) else "-"


def kinds(table: pd.DataFrame) -> str:
    """Of each kind of fake made from validation's photographs: AUC, and how many are called fake."""
    rows = [("fakes made from photographs, by kind", "counted on", "AUC", "fake called fake"), ("---",) * 4]
    for row in table.to_dict("records"):
        counted = f"{row['frames'] // 2} real and as many fake faces of {row['people']} people"
        rows.append((row["kind"], counted, *_with_intervals(row, ("frame_auc", "fake_called_fake"))))
    return _table(rows)


def alarms(table: pd.DataFrame) -> str:
    """The shares of the test part's photographs called fake under each condition."""
    sources = table.drop_duplicates("tested").to_dict("records")
    counted = [f"{SHORT[row['tested']]}: {row['frames']} of {row['people']} people" for row in sources]
    rows = [("photographs called fake", *counted), ("---",) * (1 + len(counted))]
    for _, part in table.groupby("condition", sort=False):
        shares = [_with_intervals(row, ("real_called_fake",))[0] for row in part.to_dict("records")]
        rows.append((_condition(part.iloc[0]), *shares))
    return _table(rows)


def _condition(row: Mapping) -> str:
    level = 100 * row["level"] / BLUR_SIDE if row["kind"] == "blur" else row["level"]
    return CONDITIONS[row["kind"]].format(level)


def left_out(table: pd.DataFrame) -> str:
    """From detector_left_out: the range over the trainings of AUC and of the shares called fake."""
    rows = [
        ("tested on, the threshold set without it", "network", "trainings", *LEFT.values()),
        ("---",) * (3 + len(LEFT)),
    ]
    for (tested, recipe), part in table.groupby(["tested", "recipe"], sort=False):
        rows.append((SHORT[tested], recipe, str(len(part)), *(_range(part[name]) for name in LEFT)))
    return _table(rows)


def _range(values: pd.Series) -> str:
    low, high = (f"{value:.3f}" for value in (values.min(), values.max()))
    return "-" if values.isna().all() else low if low == high else f"{low} to {high}"


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
    return _table(rows)


def seeds_table(seeds: pd.DataFrame) -> str:
    """Validation of each seed in `seeds`, a table detector_seeds, and which one ships."""
    shipped_seed = seeds.sort_values("macro_auc")["seed"].iloc[(len(seeds) - 1) // 2]
    rows = [("on validation", *SEED_COLUMNS.values()), ("---",) * (1 + len(SEED_COLUMNS))]
    for row in seeds.to_dict("records"):
        name = f"seed {row['seed']:.0f}" + (", shipped" if row["seed"] == shipped_seed else "")
        rows.append((name, *(f"{row[column]:.3f}" for column in SEED_COLUMNS)))
    return _table(rows)


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
    return _table(rows)


def conditions(table: pd.DataFrame) -> str:
    """The table of `conditions.table`: AUC, what it is more than that of the unchanged frames, and both shares."""
    head = ("UADFV's test frames", "AUC of frames", "minus unchanged, paired", "real called fake", "fake called fake")
    rows = [head, ("---",) * len(head)]
    for row in table.to_dict("records"):
        found = _with_intervals(row, ("frame_auc", "frame_auc_gain", "real_called_fake", "fake_called_fake"))
        rows.append((_condition(row), *found))
    return _table(rows)


def bands_table(table: pd.DataFrame) -> str:
    """The table of `bands.compared`: how often each verdict came, over validation's clips and stills."""
    rows = [("band, on validation", "", *record.VERDICTS), ("---",) * (2 + len(record.VERDICTS))]
    for row in table.to_dict("records"):
        of = f"{row['n']} {record.KINDS[row['label']]} {row['unit']}"
        rows.append((row["band"], of, *(str(row[said]) for said in judging.SAID)))
    return _table(rows)


def _table(rows: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def tables() -> list[str]:
    """Every table of the card that follows from a committed one."""
    table = functools.partial(results.committed_table, "uadfv")
    under = under_conditions.table(table("detector_conditions"), studies.load("uadfv").bootstrap)
    seeds, worth, scores = (table(name) for name in ("detector_seeds", "detector", "detector_scores"))
    before = networks(table("detector_earlier"), worth)
    more = kinds(table("detector_kinds")), alarms(table("detector_photographs"))
    more += left_out(table("detector_left_out")), groups(scores), bands_table(table("detector_bands"))
    last = verdicts.markdown()
    return [seeds_table(seeds), measured(worth), before, reliability(scores), conditions(under), *more, last]


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
