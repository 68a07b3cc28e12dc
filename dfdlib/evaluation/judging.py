"""A number in two words: is it compatible with the paper's, and how precisely is it known?

The margins were set before the numbers by person were computed: five points of accuracy, above which two detectors of
this literature are usually told apart, and two points for a gain, which is half a test video of the published split.

A network's training is a draw: with other instructions of the processor, as with another seed, another network comes
out, and the ends of its rows' intervals move (in the embedded study, where a row has three trainings at most, by a
standard deviation of up to 9 points; benchmarks/processors.md). So such a row is told from chance, or from no gain,
only beyond TRAINING_MARGIN. Rows by person are not among them: behind each are three trainings of five networks, and
the interval includes how far they lie apart. But those of ONCE are. Rows of the shipped detector are not, since its
weights are fixed and they are about that network alone.
"""

from __future__ import annotations

ACCURACY_MARGIN, EFFECT_MARGIN = 0.05, 0.02
TRAINING_MARGIN = 0.10  # set after three of the nine combinations there; the other six check it
TRAINED = ("resnet.", "system.", "no_fakes.", "gradcam.", "regions.", "first_weights.", "native_price.")
ONCE = ".one_cycle_50."  # by person, but trained once
SYNTHETIC = "not compared (synthetic)"  # the paper's numbers are of real deepfakes
CHANGES = ("gain", "miss_rate_change")  # the ends of ids of differences, which are compared with zero
NO_EFFECT = (  # the paper: "no evident effect"
    *("sr.native.frame_acc_gain", "folds.sr.native.frame_acc_gain", "folds.sr.paper.native.frame_acc_gain"),
)
# The paper's three accuracies. It does not say whether they are of frames or of videos, so both of ours are compared.
ACCURACIES = {"resnet": 0.949, "headpose.paper": 0.501, "system": 0.955}
# Branches that repeat one of them; "folds." has everybody's videos, in folds by person.
LIKE = {branch: branch for branch in ACCURACIES}
LIKE |= dict.fromkeys(("resnet.best_on_test", "resnet.one_cycle"), "resnet")
LIKE |= {f"first_weights.{start}": "resnet" for start in ("imagenet", "tiny_18", "tiny_50", "tiny_50_224")}
LIKE |= {
    f"folds.{name}": name.partition(".")[0]
    for name in ("resnet.paper", "resnet.one_cycle", "resnet.one_cycle_50", "system.paper")
}
LIKE |= {"folds.headpose.paper": "headpose.paper"}
PAPER = {f"{ours}.{unit}_acc": ACCURACIES[its] for ours, its in LIKE.items() for unit in ("frame", "video")}
PAPER |= {f"{ours}.frame_acc_gain": 0.006 for ours in ("system", "folds.system.paper")}  # 95.5 % minus 94.9 %


def verdict(row: dict, synthetic: bool = False) -> str:
    """Whether the interval contains the paper's number; without one, what it says of a gain, or of chance.

    row: id, low, high, paper (or None) and chance (or None). Empty if there is nothing to compare with.
    """
    low, high, paper = row["low"], row["high"], row["paper"]
    claimed = paper is not None or row["id"] in NO_EFFECT
    if synthetic and claimed:
        return SYNTHETIC
    if row["id"].endswith(CHANGES):
        found = _effect(low, high, beyond(row["id"]))
        if not row["id"].endswith("gain"):  # more misses are no gain
            return {"a gain": "a rise", "a loss": "a fall"}.get(found, found)
        if row["id"] in NO_EFFECT:
            return f"{'not compatible' if found in ('a gain', 'a loss') else 'compatible'}: {found}"
        return found if paper is None else f"{_compared(low, high, paper)}; {found}"
    if paper is not None:
        return _compared(low, high, paper)
    chance = row.get("chance")
    if chance is None:
        return ""
    edge = beyond(row["id"])
    sure = "above chance" if low > chance + edge else "below chance" if high < chance - edge else ""
    return sure or "not told from chance"


def beyond(key: str) -> float:
    """How far beyond chance, or beyond no gain, the interval of this row must end for the row to be told from it."""
    return TRAINING_MARGIN if key.startswith(TRAINED) or ONCE in key else 0.0


def side(outcome: str) -> int:
    """1 for a verdict above chance or a gain or rise, -1 for the opposite of these, 0 for all that tell neither."""
    higher, lower = ("above chance", "a gain", "a rise"), ("below chance", "a loss", "a fall")
    return (outcome in higher) - (outcome in lower)


def _compared(low: float, high: float, paper: float) -> str:
    return "compatible" if low <= paper <= high else "not compatible: ours is " + ("higher" if low > paper else "lower")


def _effect(low: float, high: float, edge: float) -> str:
    """Equivalence is told before a gain: a sure effect within the margin is too small to matter."""
    if max(-low, high) <= EFFECT_MARGIN:
        return f"at most {100 * EFFECT_MARGIN:.0f} points"
    return "a gain" if low > edge else "a loss" if high < -edge else "inconclusive"


def precision(row: dict) -> str:
    """Half the interval's width in points, and whether it is within the margin; empty but for shares and AUCs."""
    if not row["id"].removesuffix("_gain").endswith(("acc", "auc", "forced_choice", "miss_rate", "miss_rate_change")):
        return ""
    half = round((row["high"] - row["low"]) / 2, 3)
    margin = EFFECT_MARGIN if row["id"].endswith(CHANGES) else ACCURACY_MARGIN
    return f"±{100 * half:.1f} points, {'precise' if half <= margin else 'imprecise'}"
