"""What the shipped detector's verdicts were worth on data that it never saw, and where the scores of both kinds lie.

`dfdlib/assets/detector.json` holds it; tools/weights/verdicts.py writes it from two committed score tables.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from dfdlib.core import cache, disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.detector import judging
from dfdlib.detector.judging import Kind, Spread
from dfdlib.evaluation import arbiter
from dfdlib.headpose import pose_features

KINDS = ("real", "fake")  # by label
VERDICTS = tuple(judging.WORDS[said] for said in judging.SAID)
MAIN = "uadfv"  # the one test with both labels and real people
TESTS = {
    "uadfv": "UADFV, test part",
    "embedded": "rendered, hard fakes (synthetic)",
    "embedded-easy": "rendered, easy fakes (synthetic)",
    "lfw": "LFW",
    "celeba": "CelebA",
    "blurred": "LFW, every second photograph, blurred",
    "jpeg30": "UADFV, test part, after JPEG of quality 30",
    "super-resolved": "UADFV, test part, shrunk to 32 px and super-resolved",
    "yours": "FF++ (fake: NeuralTextures)",
}
REALS = TESTS | {  # of real files, where the name tells of the fakes beside them
    "embedded": "rendered, beside hard fakes (synthetic)",
    "embedded-easy": "rendered, beside easy fakes (synthetic)",
    "yours": "FF++, from which a fake was made",
}


def measure(validation: pd.DataFrame, tested: pd.DataFrame) -> dict:
    """The asset's content from two score tables with the columns resnet and headpose; `tested` names the tests.

    Raises DfdError where the validation table holds a test frame: the spread is never learned on what is tested.
    """
    if (validation["split"] != "val").any():
        raise DfdError(
            "The spread would be learned on frames outside the validation part; give it validation frames only."
        )
    return {"weights": weights(), "rules": {rule: _by_rule(rule, validation, tested) for rule in arbiter.RULES}}


def _by_rule(rule: str, validation: pd.DataFrame, tested: pd.DataFrame) -> dict:
    join = arbiter.rule_of(rule)
    validation, tested = (t.assign(p_fake=join(t["resnet"], t["headpose"])) for t in (validation, tested))
    known = judging.spread(validation)
    found = [row for stills in (False, True) for row in judging.counted(tested, known, stills)]
    return {"spread": dataclasses.asdict(known), "measured": found}


def asset_path() -> Path:
    """The path of what `measure` returned."""
    return paths.assets() / "detector.json"


@functools.lru_cache(maxsize=1)
def asset() -> dict:
    """What the maintainer's script measured: the files' sha256, and by rule the spread and the counts."""
    found = json.loads(disk.read_bytes(asset_path()))
    if found["weights"] != weights():
        raise DfdError(f"{asset_path()} was made with other weights; run tools/weights/verdicts.py again.")
    return found


@functools.lru_cache(maxsize=1)
def weights() -> dict[str, str]:
    """The sha256 of each of the detector's files, by name."""
    files = (paths.assets() / "detector.safetensors", pose_features.shipped_svm())
    return {path.name: cache.sha256(path) for path in files}


def known_spread(rule: str) -> Spread:
    """The measured spread of p_fake by a rule of arbiter.RULES."""
    known = asset()["rules"][rule]["spread"]
    return Spread(**known | {name: Kind(**known[name]) for name in KINDS})


def measured(rule: str) -> list[dict]:
    """The entries of `counted` on data that the detector never saw, by a rule of arbiter.RULES."""
    return asset()["rules"][rule]["measured"]


def entries(rule: str) -> list[dict]:
    """`measured` for --json: data, kind (real, fake), unit (clips, or stills: single frames), people, n, verdicts."""
    return [
        {"data": _data(row), "kind": KINDS[row["label"]], "unit": "stills" if row["stills"] else "clips"}
        | {"people": row["people"], "n": row["n"]}
        | {judging.WORDS[said]: row[said] for said in judging.SAID}
        for row in measured(rule)
    ]


def beside(still: bool, rule: str) -> str:
    """What stands beside each verdict: in how many unseen swaps and real clips (or frames as stills) it found signs."""
    rows = {row["label"]: row for row in measured(rule) if row["tested"] == MAIN and row["stills"] == still}
    swaps, reals = (f"{rows[label]['fake']} of {rows[label]['n']}" for label in (1, 0))
    of = "frames of unseen swaps" if still else "unseen swaps"
    data = "UADFV" if rule == "resnet" else "UADFV, whose donor the head-pose SVM had seen"
    return f"this detector finds signs in {swaps} {of} and {reals} real {'ones' if still else 'clips'} ({data})"


def lines(rule: str, stills: Iterable[bool]) -> list[tuple[str, int, int, int]]:
    """For each test of clips, stills or both: what was tested, and how often the verdict was fake, unsure and real."""
    wanted = set(stills)
    rows = sorted((row for row in measured(rule) if row["stills"] in wanted), key=lambda row: -row["label"])
    return [(_what(row), row["fake"], row["unsure"], row["real"]) for row in rows]


def _what(row: dict) -> str:
    unit = ("still" if row["stills"] else "clip") + "s" * (row["n"] != 1)
    people = "1 person" if row["people"] == 1 else f"{row['people']} people"
    return f"{row['n']} {KINDS[row['label']]} {unit} of {people}: {_data(row)}"


def _data(row: dict) -> str:
    return (TESTS if row["label"] else REALS)[row["tested"]]
