"""Is it a detector of fakes or of one face? Each frame's distance to the mean face descriptor of training fakes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from dfdlib.core import cache, parallel, repro
from dfdlib.core.studies import Study
from dfdlib.evaluation import intervals, metrics, results, statistics
from dfdlib.evaluation.intervals import Estimate
from dfdlib.faces import descriptors, geometry
from dfdlib.faces.frames import COLUMNS, FrameSet
from dfdlib.resnet import selfblend

BIN = 0.05  # width of the bins of distance in which real and fake frames count as equally far


def looked_at(study: Study, frames: FrameSet) -> FrameSet:
    """The frames whose descriptor is taken: all in a thorough study, else the middle one of each clip.

    dlib takes a tenth of a second for one.
    """
    clips = frames.table.groupby("clip_id", sort=False).indices.values()
    return frames if study.thorough else frames.rows(np.array([rows[len(rows) // 2] for rows in clips]))


def of_frames(study: Study, frames: FrameSet) -> np.ndarray:
    """The face descriptor (N, 128) of each frame's crop; cached."""
    return of_crops(frames.crops, geometry.in_crop(frames.points, study.faces))


@cache.stage
def of_crops(crops: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The face descriptor (N, 128) of crops (N, S, S, 3) with landmarks (N, 68, 2) in their pixels; cached."""
    return np.stack([*parallel.each(descriptors.descriptor, [*zip(crops, points, strict=True)], jobs=2)])


def distances(found: np.ndarray, labels: np.ndarray, learned: np.ndarray) -> tuple[np.ndarray, float]:
    """Distance (N,) of descriptors (N, 128) to the mean of the fakes that `learned` (N,) marks, and the threshold.

    The threshold is midway between the mean distance of the marked reals and that of the marked fakes: of a frame that
    is nearer, the verdict is "fake". Nothing else is learned.
    """
    distance = np.linalg.norm(found - found[learned & (labels == 1)].mean(0), axis=1)
    ends = [distance[learned & (labels == label)].mean() for label in (0, 1)]
    return distance, float(np.mean(ends))


def measure(table: pd.DataFrame, found: np.ndarray) -> pd.DataFrame:
    """From descriptors (N, 128) of the frames of a table (columns COLUMNS): COLUMNS and four columns.

    `distance` to the mean fake of the training part with its `threshold`; the same from the mean fake of all *other*
    people than the one seen: `others_distance`, `others_threshold` (nan where these lack a class).
    """
    labels, people = table["label"].to_numpy(), table["person"].to_numpy()
    distance, threshold = distances(found, labels, (table["split"] == "train").to_numpy())
    others, cut = np.full((2, len(table)), np.nan)
    for person in np.unique(people):
        out = people == person
        if len(set(labels[~out])) == 2:
            ahead, cut[out] = distances(found, labels, ~out)
            others[out] = ahead[out]
    return table[COLUMNS].assign(distance=distance, threshold=threshold, others_distance=others, others_threshold=cut)


def scores(table: pd.DataFrame, protocol: str = "published") -> pd.DataFrame:
    """A score table from that of `measure`: "published" (its test part) or "by person" (all frames).

    p_fake falls with the distance and is 0.5 at the threshold.
    """
    prefix = "others_" if protocol == "by person" else ""
    chosen = table if prefix else table[table["split"] == "test"]
    threshold = chosen[f"{prefix}threshold"]
    scored = chosen[COLUMNS].assign(p_fake=threshold / (threshold + chosen[f"{prefix}distance"]))
    return scored.dropna(subset="p_fake").reset_index(drop=True)


def one_template(table: pd.DataFrame, found: np.ndarray) -> pd.DataFrame:
    """One fake frame as the whole training set: a row for the middle frame of each fake clip.

    Columns clip_id, person, frames, frame_auc: of all frames of other people than the template's.
    """
    labels, people, rows = table["label"].to_numpy(), table["person"].to_numpy(), []
    for clip, own in table[labels == 1].groupby("clip_id").indices.items():
        middle = np.flatnonzero(labels == 1)[own[len(own) // 2]]
        others = people != people[middle]
        distance = np.linalg.norm(found[others] - found[middle], axis=1)
        area = statistics.auc(labels[others], -distance, np.ones((1, others.sum())))[0]
        rows.append((clip, people[middle], int(others.sum()), area))
    return pd.DataFrame(rows, columns=["clip_id", "person", "frames", "frame_auc"])


def blended_distances(study: Study, frames: FrameSet, found: np.ndarray) -> np.ndarray:
    """Distance (N,) of a self-blend of each real test frame to the mean training fake; nan for all other frames."""
    table, points = frames.table, geometry.in_crop(frames.points, study.faces)
    chosen = np.flatnonzero((table["split"] == "test") & (table["label"] == 0))
    blends = [
        selfblend.blended(frames.crops[i], points[i], repro.rng(study.seed, i), selfblend.Blend()) for i in chosen
    ]
    template = found[((table["split"] == "train") & (table["label"] == 1)).to_numpy()].mean(0)
    distance = np.full(len(table), np.nan)
    seen = of_crops(np.stack(blends), points[chosen])
    distance[chosen] = np.linalg.norm(seen - template, axis=1)
    return distance


def tables(study: Study, frames: FrameSet, found: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """From descriptors (N, 128) of frames: `measure` with a column `blend` (`blended_distances`), and `one_template`.

    Both are also written, to results/identity and results/identity_templates.
    """
    measured = measure(frames.table, found).assign(blend=blended_distances(study, frames, found))
    templates = one_template(frames.table, found)
    return (
        results.write_table(study.name, "identity", measured),
        results.write_table(study.name, "identity_templates", templates),
    )


def estimates(table: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """The rows identity.*: accuracy and AUC of frames and videos, on the test part and by person."""
    found = {}
    for protocol, prefix in {"published": "identity", "by person": "identity.by_person"}.items():
        scored = scores(table, protocol)
        if scored["label"].nunique() == 2:
            every = metrics.evaluate(scored, resamples)
            found |= {f"{prefix}.{key}": every[key] for key in ("frame_auc", "frame_acc", "video_auc", "video_acc")}
    return found


def of_examples(table: pd.DataFrame, templates: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """What `blended_distances` and `one_template` show: means over self-blends and over templates, by id.

    `nearer`: how much nearer to the mean fake a blend is than its real frame. `called_fake`: the share of the blends on
    the fakes' side of the threshold.
    """
    blends = table.dropna(subset=["blend"])
    measured = {
        "identity.blends.nearer": blends["distance"] - blends["blend"],
        "identity.blends.called_fake": (blends["blend"] < blends["threshold"]).astype(float),
    }
    mean = functools.partial(metrics.mean_over_people, resamples=resamples)
    found = {key: mean(values.to_numpy(), blends["person"], "blends") for key, values in measured.items()}
    share, area = found["identity.blends.called_fake"], templates["frame_auc"].to_numpy()
    found["identity.blends.called_fake"] = replace(share, low=max(share.low, 0.0))
    return found | {"identity.one_template.auc": mean(area, templates["person"], "fake frames as template")}


def numbers(table: pd.DataFrame, templates: pd.DataFrame, resamples: int) -> dict[str, Estimate]:
    """All that follows from the two tables of `tables`: `estimates` and `of_examples`."""
    return estimates(table, resamples) | of_examples(table, templates, resamples)


def record(study: Study, table: pd.DataFrame, templates: pd.DataFrame) -> dict[str, Estimate]:
    """Record and return `numbers`."""
    found = numbers(table, templates, study.bootstrap)
    return {key: results.record(study.name, key, estimate) for key, estimate in found.items()}


def matched(trainings: Sequence[pd.DataFrame], resamples: int, seed: int = 0) -> Estimate | None:
    """AUC among real and fake frames that are equally far (columns label, person, distance, p_fake), mean of trainings.

    Only a real and a fake frame in the same BIN of distance are compared, so that the distance itself is worth about
    0.5. None where the bins that hold both classes show one person only, or nobody. The tables have the same frames in
    the same order.
    """
    place = (trainings[0]["distance"] / BIN).astype(int)
    both = trainings[0].groupby(place)["label"].transform("nunique") == 2
    chosen = [table[both] for table in metrics.each(trainings)]
    who, bins = chosen[0]["person"], place[both].to_numpy()
    if who.nunique() < 2:
        return None

    def area(labels: np.ndarray, p_fake: np.ndarray, weights: np.ndarray, people: np.ndarray) -> np.ndarray:
        count, higher, pairs = weights.shape[1], 0.0, 0.0
        for rows in (bins == one for one in np.unique(bins)):
            fakes, reals = (np.bincount(people[rows & (labels == one)], minlength=count) for one in (1, 0))
            won = statistics.concordance(labels[rows], p_fake[rows], people[rows], count)
            higher = higher + ((weights @ won) * weights).sum(1)
            pairs = pairs + (weights @ fakes) * (weights @ reals)
        return np.divide(higher, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)

    values = np.array([metrics.once(table, area) for table in chosen])
    draws = np.mean([metrics.bootstrap(table, area, resamples, seed) for table in chosen], axis=0)
    low, high = intervals.share_interval(float(values.mean()), draws, who, values)
    return Estimate(float(values.mean()), low, high, len(who), "frames", who.nunique(), len(chosen), chance=0.5)


def overlap(table: pd.DataFrame) -> dict[str, int]:
    """How many frames lie where both classes do: reals not farther than the farthest fake, fakes not nearer than the
    nearest real (columns label, distance).
    """
    real, fake = (table.loc[table["label"] == label, "distance"] for label in (0, 1))
    return {"real": int((real <= fake.max()).sum()), "fake": int((fake >= real.min()).sum())}


def with_distance(scored: pd.DataFrame, table: pd.DataFrame, protocol: str = "published") -> pd.DataFrame:
    """A score table with the column `distance`, from the table of `measure`, of the frames that both have."""
    name = "others_distance" if protocol == "by person" else "distance"
    known = table[["clip_id", "frame", name]].rename(columns={name: "distance"})
    return scored.merge(known, on=["clip_id", "frame"])


def follows(scored: pd.DataFrame) -> dict[str, float]:
    """Within each class the rank correlation of p_fake with nearness, from `with_distance`: 0 if it reads no identity.

    Over both classes together it would be high for any good detector.
    """
    classes = {"real": scored[scored["label"] == 0], "fake": scored[scored["label"] == 1]}
    return {name: -float(own["p_fake"].corr(own["distance"], method="spearman")) for name, own in classes.items()}


def committed() -> tuple[pd.DataFrame, pd.DataFrame]:
    """UADFV's two tables, which came with the repository."""
    return results.committed_table("uadfv", "identity"), results.committed_table("uadfv", "identity_templates")
