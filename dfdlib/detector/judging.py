"""When a face's scores make a verdict: enough frames, and a score that a face of the other kind would seldom have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special

from dfdlib.core.errors import DfdError
from dfdlib.evaluation import metrics

SAID = ("fake", "unsure", "real")  # the verdicts on a face that could be judged
WORDS = {
    "real": "no sign of a swap found",
    "fake": "signs of a swap found",
    "unsure": "inconclusive",
    "unusable": "not judged",
}
SEGMENTS = 8  # runs of neighbouring frames, which the interval treats as the independent units
FEWEST_RUNS = 4  # below this there is no interval
# A single frame with a face among many without is often a false one: upside down, dlib finds "faces" in chins and
# collars. Four frames are two runs; a quarter keeps a long clip from being judged by a few seconds of it.
LEAST_FRAMES = 4
LEAST_SHARE = 0.25
BEYOND = 0.05  # share of a kind's clips that is expected beyond its edge


def runs_of(used: int) -> int:
    """How many independent units so many frames of a clip count as: one for two neighbours, SEGMENTS at most."""
    return max(1, min(SEGMENTS, used // 2))


@dataclass(frozen=True)
class Kind:
    """p_fake of one kind of clips, real or fake: the mean of the clips' means, and standard deviations."""

    clips: int
    mean: float
    frame: float  # of a frame around the mean of its clip
    clip: float  # of a clip's mean around `mean`; some of the frames' scatter is in it already

    def reach(self, used: int) -> float:
        """How far to one side of `mean` a new clip's mean over `used` frames lies with probability 1 - BEYOND.

        Student's prediction bound for a normal value (Hahn and Meeker, Statistical Intervals, 1991).
        """
        deviation = math.sqrt(self.clip**2 * (1 + 1 / self.clips) + self.frame**2 / runs_of(used))
        return float(special.stdtrit(self.clips - 1, 1 - BEYOND)) * deviation


@dataclass(frozen=True)
class Spread:
    """Where p_fake of real and of fake clips lies on the validation part; people and frames as counted there."""

    real: Kind
    fake: Kind
    frames: int
    people: int

    def edges(self, used: int) -> tuple[float, float]:
        """A p_fake over `used` frames from the upper edge on shows signs, one below the lower edge none.

        Beyond the lower edge, at most one half, one fake clip in twenty is expected, if fakes score as validation's do;
        beyond the upper, at least one half, at most one real clip.
        """
        low, high = self.fake.mean - self.fake.reach(used), self.real.mean + self.real.reach(used)
        return max(min(low, metrics.THRESHOLD), 0.0), min(max(high, metrics.THRESHOLD), 1.0)


def spread(scores: pd.DataFrame) -> Spread:
    """The spread in a score table with both labels (columns clip_id, label, person and p_fake)."""
    kinds = [_kind(scores[scores["label"] == label]) for label in (0, 1)]
    return Spread(*kinds, len(scores), scores["person"].nunique())


def _kind(scores: pd.DataFrame) -> Kind:
    """Of clips with one label; both variances are unbiased."""
    clips = scores.groupby("clip_id")["p_fake"]
    if clips.ngroups < 2 or clips.ngroups == len(scores):
        raise DfdError(
            f"{len(scores)} frames of {clips.ngroups} clips with one label don't say how scores scatter; "
            "give two clips of each label, and more than one frame of each."
        )
    within = ((scores["p_fake"] - clips.transform("mean")) ** 2).sum() / (len(scores) - clips.ngroups)
    means = clips.mean()
    numbers = (float(value) for value in (means.mean(), math.sqrt(within), means.std(ddof=1)))
    return Kind(clips.ngroups, *(round(value, 4) for value in numbers))


def needed(looked_at: int) -> int:
    """Frames that must be usable for a verdict, of those looked at; of a still there is one, which is enough."""
    return 1 if looked_at == 1 else max(LEAST_FRAMES, math.ceil(LEAST_SHARE * looked_at))


def interval(p_fake: np.ndarray) -> tuple[float, float]:
    """How the mean of p_fake (N,), frames in order, varies over the file; nan for fewer than FEWEST_RUNS runs.

    Neighbouring frames are nearly the same picture, so the bootstrap draws at most SEGMENTS runs of them, not frames.
    It covers 95 % of the redrawn means and tells nothing about how often such scores are right.
    """
    runs = runs_of(len(p_fake))
    if runs < FEWEST_RUNS:
        return math.nan, math.nan
    groups = pd.Series(np.arange(len(p_fake)) * runs // len(p_fake))
    found = metrics.mean_over_people(p_fake, groups, "frames", 1000)
    return max(found.low, 0.0), min(found.high, 1.0)


def verdict(p_fake: float, varies: tuple[float, float], edges: tuple[float, float]) -> str:
    """real, fake, or unsure: between the edges, and where the score varies across the threshold within the file."""
    low, high = varies
    if between(p_fake, edges) or low < metrics.THRESHOLD <= high:
        return "unsure"
    return "fake" if p_fake >= edges[1] else "real"


def between(p_fake: float, edges: tuple[float, float]) -> bool:
    """Whether p_fake is neither below the lower edge nor at the upper or beyond; so is nan."""
    return not (p_fake < edges[0] or p_fake >= edges[1])


@dataclass(frozen=True)
class Face:
    """What is said of one face of a file. Missing numbers are nan."""

    verdict: str = "unusable"  # real, fake, unsure or unusable; WORDS says them
    p_fake: float = math.nan  # mean over the frames used
    low: float = math.nan  # how that mean varies over runs of frames
    high: float = math.nan
    edges: tuple[float, float] = (math.nan, math.nan)  # between them p_fake is inconclusive
    resnet: float = math.nan
    headpose: float = math.nan
    looked_at: int = 0  # frames of the file
    used: int = 0
    not_used: dict[str, int] = field(default_factory=dict)  # reason -> frames
    note: str = ""  # why there is no surer verdict
    # Columns frame, used, why, and resnet, headpose and p_fake of the frames used
    frames: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)
    crops: np.ndarray | None = field(default=None, compare=False)  # (used, S, S, 3), S of looking.FACE, uint8 RGB
    points: np.ndarray | None = field(default=None, compare=False)  # (used, 68, 2) in pixels of the crops

    @property
    def shown(self) -> list[int]:
        """The numbers of the frames used."""
        return self.frames.loc[self.frames["used"], "frame"].astype(int).tolist() if self.used else []


def of_face(table: pd.DataFrame, found: pd.DataFrame, known: Spread, **pictures: np.ndarray) -> Face:
    """The verdict on a face: `table` has columns frame, used and why; `found`, resnet, headpose and p_fake of the used.

    With too few used frames it is unsure, or unusable where there is none.
    """
    used, looked_at = len(found), len(table)
    missed = {why: int(count) for why, count in table.loc[~table["used"], "why"].value_counts().items()}
    if not used:
        return Face(looked_at=looked_at, not_used=missed, frames=table)
    table = table.join(found.set_axis(table.index[table["used"]]))
    p_fake, varies, edges = float(found["p_fake"].mean()), interval(found["p_fake"].to_numpy()), known.edges(used)
    enough, said = used >= needed(looked_at), verdict(p_fake, varies, edges)
    note = "" if enough else f"{used} of {looked_at} frames could be judged; a verdict takes {needed(looked_at)}"
    if enough and said == "unsure":
        unsure = f"inconclusive (as scores from {edges[0]:.2f} to below {edges[1]:.2f} are)"
        note = unsure if between(p_fake, edges) else "the score varies across 0.5"
    means = {name: float(found[name].mean()) for name in ("p_fake", "resnet", "headpose")}
    more = {"looked_at": looked_at, "used": used, "not_used": missed, "edges": edges, "note": note, "frames": table}
    return Face(said if enough else "unsure", low=varies[0], high=varies[1], **means, **more, **pictures)


def of_frames(p_fake: np.ndarray, known: Spread) -> str:
    """The verdict on the frames of one face (N,), which are enough."""
    return verdict(float(p_fake.mean()), interval(p_fake), known.edges(len(p_fake)))


def of_file(faces: Iterable[str]) -> str:
    """The file's verdict from those of its faces.

    fake as soon as one face is; else unsure as soon as one is; real only where every judged face is.
    """
    found = set(faces)
    return next((name for name in ("fake", "unsure", "real") if name in found), "unusable")


def ranked(faces: Sequence[Face]) -> list[Face]:
    """The faces seen often enough, that which decides first: of those with the file's verdict the most fake one.

    Where none was seen often enough, the one that was seen most often.
    """
    enough = [face for face in faces if face.used and face.used >= needed(face.looked_at)]
    if not enough:
        return [max(faces, key=lambda face: face.used)]
    said = of_file(face.verdict for face in enough)
    return sorted(enough, key=lambda face: (face.verdict != said, -face.p_fake))


def counted(scores: pd.DataFrame, known: Spread, stills: bool) -> list[dict]:
    """How often each verdict came in a table of scores (columns tested, clip_id, frame, label, person, p_fake).

    One entry per `tested` and label, over clips, or over frames each of which is judged as a still. Clips of one frame
    are photographs, and count only as stills.
    """
    if not stills:
        scores = scores[scores.groupby(["tested", "clip_id"])["frame"].transform("size") > 1]
    unit = ["tested", "label", "clip_id"] + ["frame"] * stills
    said = scores.groupby(unit, sort=False)["p_fake"].agg(lambda p: of_frames(p.to_numpy(), known)).reset_index()
    people = scores.groupby(["tested", "label"])["person"].nunique()
    return [
        {"tested": tested, "label": int(label), "stills": stills, "people": int(people[tested, label]), "n": len(part)}
        | {name: int((part["p_fake"] == name).sum()) for name in SAID}
        for (tested, label), part in said.groupby(["tested", "label"], sort=False)
    ]
