"""Tables of the shipped detector's card about validation, as Markdown; card.py puts them in their places."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dfdlib.detector import judging, record
from dfdlib.experiments import transfer
from tools.weights.comparing import WITH_POSE

ENDS = ("", "_low", "_high")
LEFT = {"frame_auc": "AUC of frames", "real_called_fake": "real called fake", "fake_called_fake": "fake called fake"}
SHORT = {
    "uadfv": "UADFV",
    "jpeg30": "UADFV after JPEG 30",
    "super-resolved": "UADFV, real, super-resolved",
    "lfw": "LFW, real",
    "blurred": "LFW, real, blurred",
    "celeba": "CelebA, real",
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


def as_markdown(rows: list[tuple[str, ...]]) -> str:
    """The rows as a table of Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def with_intervals(row: dict, names: Iterable[str]) -> list[str]:
    """The numbers of these names with the intervals that a row has."""
    return [transfer.with_interval(*(row[name + end] for end in ENDS), digits=3) for name in names]


def recipes_table(ablation: pd.DataFrame) -> str:
    """Of each recipe in detector_ablation the mean AUC of each training; without the means with the head pose."""
    rows = [("recipe", "trainings", "mean AUC of each (two of four sources synthetic)"), ("---",) * 3]
    for recipe, part in ablation.groupby("recipe", sort=False):
        if not recipe.endswith(WITH_POSE):
            together = f'those of "{recipe.partition(",")[0]}" together'  # has seed 0
            each = ", ".join(f"{value:.3f}" for value in part["macro_auc"])
            rows.append((recipe, str(len(part)) if part["seed"].all() else together, each))
    return as_markdown(rows)


def seeds_table(seeds: pd.DataFrame) -> str:
    """Validation of each seed in `seeds`, a table detector_seeds, and which one ships."""
    shipped_seed = seeds.sort_values("macro_auc")["seed"].iloc[(len(seeds) - 1) // 2]
    rows = [("on validation", *SEED_COLUMNS.values()), ("---",) * (1 + len(SEED_COLUMNS))]
    for row in seeds.to_dict("records"):
        name = f"seed {row['seed']:.0f}" + (", shipped" if row["seed"] == shipped_seed else "")
        rows.append((name, *(f"{row[column]:.3f}" for column in SEED_COLUMNS)))
    return as_markdown(rows)


def left_out(table: pd.DataFrame) -> str:
    """From detector_left_out: the range over the trainings of AUC and of the shares called fake."""
    rows = [
        ("validation part of; threshold set without it", "counted on", "network", "trainings", *LEFT.values()),
        ("---",) * (4 + len(LEFT)),
    ]
    for (tested, recipe), part in table.groupby(["tested", "recipe"], sort=False):
        counted = f"{part['frames'].iloc[0]} frames of {part['people'].iloc[0]} people"
        rows.append((SHORT[tested], counted, recipe, str(len(part)), *(_range(part[name]) for name in LEFT)))
    return as_markdown(rows)


def _range(values: pd.Series) -> str:
    low, high = (f"{value:.3f}" for value in (values.min(), values.max()))
    return "-" if values.isna().all() else low if low == high else f"{low} to {high}"


def kinds(table: pd.DataFrame) -> str:
    """Of each kind of fake made from validation's photographs: AUC, and how many are called fake."""
    rows = [("fakes made from photographs, by kind", "counted on", "AUC", "fake called fake"), ("---",) * 4]
    for row in table.to_dict("records"):
        counted = f"{row['frames'] // 2} real and as many fake faces of {row['people']} people"
        rows.append((row["kind"], counted, *with_intervals(row, ("frame_auc", "fake_called_fake"))))
    return as_markdown(rows)


def bands_table(table: pd.DataFrame) -> str:
    """The table of `bands.compared`: how often each verdict came, over validation's clips and stills."""
    rows = [("band, on validation", "", *record.VERDICTS), ("---",) * (2 + len(record.VERDICTS))]
    for row in table.to_dict("records"):
        of = f"{row['n']} {record.KINDS[row['label']]} {row['unit']}"
        rows.append((row["band"], of, *(str(row[said]) for said in judging.SAID)))
    return as_markdown(rows)
