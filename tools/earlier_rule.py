"""Express intervals of an earlier rule by the present one, where the scores were not kept. Run once.

The earlier rule was Clopper and Pearson's interval for as many independent rows as spread like the draws of people,
with Student's quantile for the number of people. So its ends give the spread of the draws, to which the present rule
is applied: Kish's number of people, and what few errors cannot show. The rows per person are those of the committed
scores. On rows that have scores the result is the present interval, to 0.0006.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, special

from dfdlib.core import paths
from dfdlib.evaluation import intervals, recompute, results

EARLIER, NEW = "earlier rule", "present rule, from the earlier interval"
SCORES = ("frame_acc", "frame_auc", "frame_eer", "frame_ap", "frame_ece", "frame_brier", "video_auc")


def widening(people: pd.Series) -> float:
    """The present half width of a sum over people, as a multiple of the earlier one."""
    earlier, now = people.nunique(), intervals.effective_people(people)
    half = [special.stdtrit(count - 1, 0.975) * np.sqrt(count / (count - 1)) for count in (earlier, now)]
    return half[1] / half[0]


def share(value: float, low: float, high: float, people: pd.Series) -> tuple[float, float]:
    """The present interval of a number in [0, 1]."""
    rows, half = len(people), 0.0
    if 0 < value < 1:
        upper = high - value > value - low  # the farther end, which rounding hurts less

        def gap(count: float) -> float:
            right = value * count
            found = special.betaincinv(right + upper, count - right + (not upper), 0.975 if upper else 0.025)
            return found - (high if upper else low)

        count = optimize.brentq(gap, 1.001, 10 * rows)
        half = special.stdtrit(rows - 1, 0.975) * np.sqrt(value * (1 - value) / count)
        half *= widening(people) if count < 0.99 * rows else 1  # both rules count no more than the rows that there are
    count = intervals.independent_rows(value, half, people)
    right = value * count
    low = special.betaincinv(right, count - right + 1, 0.025) if value > 0 else 0.0
    high = special.betaincinv(right + 1, count - right, 0.975) if value < 1 else 1.0
    return float(low), float(high)


def gain(value: float, high: float, people: pd.Series) -> float:
    """The present half width of a difference in which everybody has a part."""
    unseen = (1 - 0.025 ** (1 / intervals.independent_rows(1.0, 0.0, people))) / (
        1 + people.nunique() / intervals.DOUBT
    )
    return float(np.hypot((high - value) * widening(people), unseen))


def put(table: pd.DataFrame, row: int, name: str, people: pd.Series) -> None:
    ends = [f"{name}_low", f"{name}_high"]
    value, low, high = table.loc[row, [name, *ends]]
    if not np.isnan(low):
        table.loc[row, ends] = share(value, low, high, people)


def compared(tested: pd.DataFrame, name: str) -> None:
    """Rows of the published test part; the accuracy of videos had no interval over people, so it keeps none."""
    table, clips = results.committed_table("uadfv", name), tested.drop_duplicates("clip_id")
    for row in table.index[(table["intervals"] == EARLIER) & (table["videos"] == 28)]:
        for score in SCORES:
            put(table, row, score, (clips if score.startswith("video") else tested)["person"])
        perfect = table.loc[row, "video_acc"] == 1
        ends = share(1.0, 1.0, 1.0, clips["person"]) if perfect else (np.nan, np.nan)
        table.loc[row, ["video_acc_low", "video_acc_high"]] = ends
        table.loc[row, "intervals"] = NEW
    results.write_table("uadfv", name, table)


def transferred(tested: pd.DataFrame) -> None:
    table = results.committed_table("uadfv", "transfer")
    for row in table.index[(table["intervals"] == EARLIER) & (table["people"] > 1)]:
        people = people_of(table.loc[row, "tested"], tested)
        for name, chosen in people.items():
            put(table, row, name, chosen)
    table["intervals"] = table["intervals"].replace(EARLIER, NEW)
    results.write_table("uadfv", "transfer", table)


def people_of(name: str, tested: pd.DataFrame) -> dict[str, pd.Series]:
    if name == "photographs":  # a person each
        return {"real_called_fake": pd.Series(range(476))}
    if name == "embedded-easy":  # two clips of nine people, 16 frames each
        rows = [(f"{person}{label}", person, label) for person in range(9) for label in (0, 1) for _ in range(16)]
        tested = pd.DataFrame(rows, columns=["clip_id", "person", "label"])
    classes = {"real_called_fake": 0, "fake_called_fake": 1}
    found = {key: tested.loc[tested["label"] == label, "person"] for key, label in classes.items()}
    return found | {"frame_auc": tested["person"], "video_auc": tested.drop_duplicates("clip_id")["person"]}


def resolutions(tested: pd.DataFrame) -> None:
    table = results.committed_table("uadfv", "resolution")
    for row in table.index:
        for name in ("test only", "train and test", "head pose"):
            put(table, row, name, tested["person"])
    results.write_table("uadfv", "resolution", table)


def recorded(tested: pd.DataFrame, val: pd.DataFrame) -> list[dict]:
    easy = pd.Series(np.repeat(range(9), 32))
    gains = {"no_fakes.uadfv.frame_auc_gain": tested["person"], "no_fakes.embedded-easy.frame_auc_gain": easy}
    gains |= {"pretraining.paper_recipe.frame_acc_gain": tested["person"]}
    gains |= {"system.ours.validation_frame_acc_gain": val["person"]}
    rows = []
    for row in results.rows("uadfv", committed=True):
        if row["id"] in gains:
            half = gain(row["value"], row["high"], gains[row["id"]])
            row |= {"low": row["value"] - half, "high": row["value"] + half}
        if row["id"] == "pretraining.paper_recipe.frame_acc":
            low, high = share(row["value"], row["low"], row["high"], tested["person"])
            row |= {"low": low, "high": high}
        rows.append(results.row_of("uadfv", row["id"], recompute.kept(row)))
    return rows


def main() -> None:
    """Change the committed tables and rows of UADFV."""
    scores = results.committed_table("uadfv", "scores").query("branch == 'resnet'")
    tested, val = (scores[scores["split"] == part].reset_index(drop=True) for part in ("test", "val"))
    paths.results = lambda study: paths.published_results()
    recompute.put(paths.published_results() / "uadfv.json", recorded(tested, val))
    for name in ("comparisons", "leak"):
        compared(tested, name)
    transferred(tested)
    resolutions(tested)


if __name__ == "__main__":
    main()
