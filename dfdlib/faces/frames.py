"""All frames of a study: a table of labels and people, and the crops and landmarks as arrays."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import catalogue, sources
from dfdlib.data.catalogue import Clip
from dfdlib.faces import detection, face_tracks, geometry, pictures, video
from dfdlib.faces.face_tracks import FaceTrack

COLUMNS = ["clip_id", "frame", "label", "pair", "person", "split"]


@dataclass(frozen=True)
class FrameSet:
    """N frames with a face. Row i of `table` (columns COLUMNS) belongs to crops[i] and points[i]."""

    table: pd.DataFrame
    crops: np.ndarray  # (N, S, S, 3) uint8 RGB
    points: np.ndarray  # (N, 68, 2) float32, pixels of the frame
    sizes: np.ndarray  # (N, 2) int, width and height of the frame in pixels

    def part(self, *names: str) -> FrameSet:
        """The frames of some parts of the split, such as "train"."""
        return self.rows(np.flatnonzero(self.table["split"].isin(names)))

    def rows(self, index: np.ndarray) -> FrameSet:
        """Some frames, by their numbers (n,) from 0."""
        table = self.table.iloc[index].reset_index(drop=True)
        return FrameSet(table, self.crops[index], self.points[index], self.sizes[index])

    def one_in(self, every: int) -> FrameSet:
        """One of `every` frames of each clip: neighbours are nearly the same picture."""
        return self.rows(np.flatnonzero(self.table.groupby("clip_id").cumcount() % every == 0))

    def with_crops(self, crops: np.ndarray) -> FrameSet:
        """The same frames with other crops."""
        return replace(self, crops=crops)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int, 0 real and 1 fake."""
        return self.table["label"].to_numpy()

    def scored(self, p_fake: np.ndarray) -> pd.DataFrame:
        """The table with a column p_fake."""
        return self.table.assign(p_fake=p_fake)


def clips(study: Study) -> list[Clip]:
    """The study's clips with their part of the split, checked."""
    return sources.split(study, sources.clips(study))


def tracks(study: Study, found: Sequence[Clip]) -> list[FaceTrack]:
    """The face track of each clip, in the clips' order, computed in parallel and cached clip by clip."""
    jobs = (delayed(_track)(clip, study.faces) for clip in found)
    return Parallel(n_jobs=study.jobs, prefer="threads")(jobs)


def _track(clip: Clip, params: FaceParams) -> FaceTrack:
    """The clip's face track, read where `dfd data prepare` has made it, else computed."""
    if clip.path.suffix != ".npz":
        return face_tracks.track(clip, params)
    track = face_tracks.read_track(clip.path, clip.clip_id)
    same_margin = np.array_equal(track.corners, geometry.squares(track.points, params)[0][:, 0])
    used = face_tracks.prepared_with(clip.path)
    few = 0 < used.get("max_frames", 0) < (params.max_frames or math.inf)  # and there may be more in the video
    few = few and track.sampled >= used["max_frames"]
    same_search = used.get("upsample", params.upsample) == params.upsample
    if track.crops.shape[1] != params.size or not same_margin or not same_search or few:
        options = f"--size {params.size} --margin {params.margin} --upsample {params.upsample}"
        what = "was prepared with a different size, margin or upsampling from the study's, or fewer frames"
        raise DfdError(f"{clip.path} {what}; prepare it again with {options} --max-frames {params.max_frames}.")
    keep = video.sample_indices(len(track.frames), params.max_frames)
    kept = {name: getattr(track, name)[keep] for name in ("frames", "points", "crops", "corners", "scale")}
    return replace(track, sampled=track.sampled - len(track.frames) + len(keep), **kept)


def stack(found: Sequence[Clip], tracked: Sequence[FaceTrack]) -> FrameSet:
    """Join clips and their tracks, frame by frame."""
    if [c.clip_id for c in found] != [t.clip_id for t in tracked]:
        raise DfdError("Clips and tracks are not of the same clips in the same order; make the tracks again.")
    catalogue.check_ids((c.clip_id, c.path) for c in found)
    rows = [
        (c.clip_id, int(frame), c.label, c.pair, c.person, c.split)
        for c, t in zip(found, tracked, strict=True)
        for frame in t.frames
    ]
    sizes = np.repeat([t.size for t in tracked], [len(t.frames) for t in tracked], axis=0)
    crops = np.concatenate([t.crops for t in tracked])
    points = np.concatenate([t.points for t in tracked])
    return FrameSet(pd.DataFrame(rows, columns=COLUMNS), crops, points, sizes)


def of_study(study: Study) -> FrameSet:
    """Every frame of the study, from the cache where notebook 01 has run."""
    found = clips(study)
    return stack(found, tracks(study, found))


def image(study: Study, row: pd.Series) -> np.ndarray:
    """The whole image (a prepared clip's crop), uint8 RGB, of a row of the study's table (columns clip_id, frame)."""
    path = _places(study, tuple(sorted(v for v in os.environ.items() if v[0].startswith("DFD_"))))[row["clip_id"]]
    if path.is_dir():
        return detection.read_image(path / f"{row['frame']:03d}.jpg")
    if path.suffix == ".npz":  # the whole images stayed with the videos
        track = face_tracks.read_track(path, row["clip_id"])
        return track.crops[track.frames.tolist().index(row["frame"])]
    return next(found for _, found in pictures.clip(path).frames([row["frame"]], 1))


@functools.lru_cache(maxsize=4)
def _places(study: Study, variables: tuple[tuple[str, str], ...]) -> dict[str, Path]:  # noqa: ARG001
    """The path of each clip; listed once for a study and its folders' variables, as listing may hash every video."""
    return {clip.clip_id: clip.path for clip in sources.clips(study)}


def one_pair_each(frames: FrameSet, count: int) -> pd.DataFrame:
    """A pair of each of the first `count` people: columns person, pair, and the rows `real` and `fake` of `frames`.

    The row is the middle one of its clip. People without a real or without a fake clip are left out.
    """
    rows = frames.table.reset_index().groupby(["person", "pair", "label"])["index"]
    middle = rows.apply(lambda index: index.iloc[len(index) // 2]).unstack().dropna().astype(int)
    found = middle.rename(columns={0: "real", 1: "fake"}).reset_index().drop_duplicates("person")
    return found.head(count).reset_index(drop=True)


def counts(found: Sequence[Clip]) -> pd.DataFrame:
    """Clips, pairs and people of each part and label."""
    table = pd.DataFrame([(c.split, c.label, c.clip_id, c.pair, c.person) for c in found])
    table.columns = ["split", "label", "clips", "pairs", "people"]
    return table.groupby(["split", "label"], sort=False).nunique()


def smoothed(frames: FrameSet, reach: int = 3) -> np.ndarray:
    """Landmarks (N, 68, 2), each the median over its clip's frames from `reach` before to `reach` after it."""
    found = frames.points.copy()
    for rows in frames.table.groupby("clip_id").indices.values():
        for i in range(len(rows)):
            found[rows[i]] = np.median(frames.points[rows[max(0, i - reach) : i + reach + 1]], axis=0)
    return found
