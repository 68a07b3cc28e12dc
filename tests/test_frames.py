"""From a folder of videos to one table of frames; the split, the cache and the counts on the way."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dfdlib.core import paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FaceParams, Study
from dfdlib.data import status
from dfdlib.data.catalogue import Clip
from dfdlib.evaluation import metrics
from dfdlib.faces import containers, detection, face_tracks, frames, prepare, video
from dfdlib.faces.face_tracks import FaceTrack
from tests.media import astronaut, noise_frames, write_video

STUDY = Study("mine", "folder", jobs=1, faces=FaceParams(max_frames=2, upsample=1, size=32))
PARTS = {"anna": "train", "bela": "val", "cara": "test"}


@pytest.fixture
def videos(tmp_path, monkeypatch):
    """Three people with a real clip and a fake one of two frames each; the fakes are darker."""
    rows = ["file,label,pair,person,split"]
    for number, (person, part) in enumerate(PARTS.items()):
        for label in (0, 1):
            name = f"{person}_{label}.mp4"
            image = np.roll(astronaut(256), 4 * number, axis=1) // (1 + label)
            write_video(tmp_path / "videos" / name, [image] * 2)
            rows.append(f"{name},{label},{person},{person},{part}")
    (tmp_path / "videos" / "clips.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path / "videos"))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "videos"


def test_a_folder_of_videos_becomes_a_table_of_frames(videos, monkeypatch) -> None:
    found = frames.of_study(STUDY)
    assert len(found.table) == 12 and found.crops.shape == (12, 32, 32, 3) and found.points.shape == (12, 68, 2)
    assert (found.sizes == 256).all()
    real, fake = (found.crops[found.labels == label].mean() for label in (0, 1))
    assert real > 1.5 * fake, "a crop stands beside the label of its own clip"
    test = found.part("test")
    assert set(test.table["person"]) == {"cara"} and len(test.crops) == 4
    row = test.table.iloc[1]
    assert frames.image(STUDY, row).shape == (256, 256, 3) and row["frame"] == 1
    counts = frames.counts(frames.clips(STUDY))
    assert counts.loc[("val", 1)].tolist() == [1, 1, 1]

    # One broken clip stops the run with its name, and what was computed stays: the others need no detector.
    write_video(videos / "cara_1.mp4", noise_frames(2))
    with pytest.raises(DfdError, match="cara_1.mp4; leave the clip out"):
        frames.of_study(STUDY)
    monkeypatch.setattr(detection, "detect", None)
    others = [clip for clip in frames.clips(STUDY) if clip.clip_id != "cara_1"]
    assert len(frames.stack(others, frames.tracks(STUDY, others)).table) == 10


def test_an_image_is_found_without_listing_again_and_without_decoding_what_is_not_wanted(videos, monkeypatch) -> None:
    write_video(videos / "cara_1.mp4", [astronaut(256)] * 48, g="12")
    listed, decoded = [], []
    real_clips, real_decode = frames.sources.clips, containers.decoded
    monkeypatch.setattr(frames.sources, "clips", lambda study: listed.append(study) or real_clips(study))
    monkeypatch.setattr(containers, "decoded", lambda *how: decoded.append(how[2]) or real_decode(*how))
    for number in (47, 0, 47):
        row = pd.Series({"clip_id": "cara_1", "frame": number})
        assert frames.image(STUDY, row).shape == (256, 256, 3)
    assert len(listed) == 1, "UADFV hashes its 98 videos whenever it is listed"
    assert sum(packet is not None for packet in decoded) <= 12 + 1 + 12, "one group of pictures for each last frame"

    # Another folder under the same variable is another list.
    write_video(videos.parent / "other" / "cara_1.mp4", [astronaut(128)] * 2)
    (videos.parent / "other" / "clips.csv").write_text("file,label,pair,person,split\ncara_1.mp4,1,cara,cara,test\n")
    monkeypatch.setenv("DFD_VIDEOS", str(videos.parent / "other"))
    assert frames.image(STUDY, pd.Series({"clip_id": "cara_1", "frame": 1})).shape == (128, 128, 3)


def test_a_pair_on_both_sides_stops_the_study(videos) -> None:
    table = videos / "clips.csv"
    table.write_text(table.read_text().replace("anna_1.mp4,1,anna,anna,train", "anna_1.mp4,1,anna,anna,test"))
    with pytest.raises(DfdError, match="The split leaks: pair anna is in more than one part; split by pair"):
        frames.clips(STUDY)


@pytest.fixture
def same_names(tmp_path, monkeypatch):
    """18 clips: six people as real/NNN.mp4, methodA/NNN.mp4 and, encoded worse, methodB/NNN.mp4."""
    folder, rows = tmp_path / "videos", ["file,label,pair,person"]
    for number in range(6):
        for kind, made in (("real", "real"), ("methodA", "fake"), ("methodB", "fake")):
            target = folder / kind / f"{number:03d}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            source = paths.embedded() / "easy" / "clips" / f"p{number:02d}_{made}.mp4"
            if kind == "methodB":
                images = [image for _, image in video.sample(source, 4)]
                write_video(target, images, crf="35")
            else:
                shutil.copy(source, target)
            rows.append(f"{kind}/{number:03d}.mp4,{int(made == 'fake')},{number:03d},{number:03d}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setenv("DFD_VIDEOS", str(folder))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    return folder


def test_clips_whose_names_repeat_in_three_folders_stay_18_clips(same_names, tmp_path, monkeypatch) -> None:
    study = replace(STUDY, faces=FaceParams(max_frames=2, size=32))
    rows = {row.name: row for row in status.status(study)}
    found = rows["your videos"].found
    assert rows["your videos"].ready and [found[name] for name in ("real", "fake", "pairs", "people")] == [6, 12, 6, 6]

    seen = frames.of_study(study)
    assert seen.table["clip_id"].nunique() == 18 and len(seen.table) == 36
    for number, row in seen.table.iterrows():
        alone = face_tracks.track(Clip("x", same_names / f"{row['clip_id']}.mp4", 0, "p", "q", "test"), study.faces)
        at = alone.frames.tolist().index(row["frame"])
        assert np.array_equal(seen.crops[number], alone.crops[at]), "each clip's own frames"
        assert row["label"] == (not row["clip_id"].startswith("real")) and row["clip_id"].endswith(row["pair"])
        own = seen.points[2 * (number // 2) : 2 * (number // 2) + 2]
        assert np.array_equal(frames.smoothed(seen)[number], np.median(own, axis=0)), "smoothed within a clip alone"
    scores = seen.scored(np.linspace(0, 1, 36))
    assert len(metrics.to_videos(scores)) == 18
    assert len(scores.merge(scores, on=["clip_id", "frame"])) == 36, "no score meets another clip's"

    prepare.prepare_folder(same_names, tmp_path / "out", study.faces)
    assert len(list((tmp_path / "out").rglob("*.npz"))) == 18
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path / "out"))
    again = frames.of_study(study)
    pd.testing.assert_frame_equal(again.table, seen.table)
    assert np.array_equal(again.crops, seen.crops)


def _clip_and_track(clip_id: str, label: int, person: str, seen: list[int]) -> tuple[Clip, FaceTrack]:
    count = len(seen)
    clip = Clip(clip_id, None, label, person, person, "test", split="test")
    crops = np.full((count, 4, 4, 3), sum(seen), np.uint8)
    corners, scale = np.zeros((count, 2), np.float32), np.ones(count, np.float32)
    return clip, FaceTrack(clip_id, np.array(seen), np.zeros((count, 68, 2)), crops, corners, scale, (64, 48), 5)


MADE = [
    _clip_and_track("r", 0, "anna", [0, 3, 7]),
    _clip_and_track("f", 1, "anna", [2]),
    _clip_and_track("alone", 0, "bela", [0]),
]


def test_rows_crops_and_sizes_stay_side_by_side() -> None:
    found = frames.stack(*zip(*MADE, strict=True))
    assert found.table[["clip_id", "frame"]].to_numpy().tolist() == [
        ["r", 0],
        ["r", 3],
        ["r", 7],
        ["f", 2],
        ["alone", 0],
    ]
    assert found.crops[:, 0, 0, 0].tolist() == [10, 10, 10, 2, 0] and found.sizes[3].tolist() == [64, 48]
    doubled = found.with_crops(2 * found.crops)
    assert doubled.crops[:, 0, 0, 0].tolist() == [20, 20, 20, 4, 0] and doubled.table is found.table
    assert found.scored(np.arange(5) / 4)["p_fake"].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_a_pair_is_shown_by_the_middle_frames_of_its_clips() -> None:
    shown = frames.one_pair_each(frames.stack(*zip(*MADE, strict=True)), 4)
    # bela has no fake clip and is left out; of anna's real frames 0, 3 and 7 the middle one is row 1.
    assert shown[["person", "pair", "real", "fake"]].to_numpy().tolist() == [["anna", "anna", 1, 3]]


def test_tracks_of_other_clips_are_refused() -> None:
    clips, tracks = zip(*MADE, strict=True)
    with pytest.raises(DfdError, match="not of the same clips in the same order"):
        frames.stack(clips, tracks[::-1])
