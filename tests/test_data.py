"""Clips from every form of data, and what is said where data are wrong."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import shutil
import types
import warnings

import cv2
import numpy as np
import pytest

from dfdlib.command import check
from dfdlib.core import disk, paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import Study
from dfdlib.data import catalogue, sources, splits, status, uadfv
from dfdlib.data.catalogue import Clip
from dfdlib.faces import frames, prepare

UADFV, OWN = Study("x", "uadfv"), Study("x", "folder")


def _uadfv(folder, suffix=".mp4"):
    for number in range(uadfv.PAIRS):
        for kind, name in (("real", f"{number:04d}"), ("fake", f"{number:04d}_fake")):
            path = folder / kind / (name + suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode()) if suffix else path.mkdir()
    return folder


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """A manifest of the tiny files that _uadfv writes, in place of that of the real videos."""
    monkeypatch.setattr(paths, "assets", lambda: tmp_path / "assets")
    names = [f"real/{n:04d}" for n in range(49)] + [f"fake/{n:04d}_fake" for n in range(49)]
    lines = [f"{n}.mp4 {hashlib.sha256(n[5:].encode()).hexdigest()} {len(n[5:])}" for n in names]
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "uadfv_manifest.txt").write_text("\n".join(lines))


def test_the_committed_manifest_lists_the_98_videos() -> None:
    lines = (paths.assets() / "uadfv_manifest.txt").read_text().splitlines()
    assert len(lines) == 98
    assert all(len(line.split()[1]) == 64 and int(line.split()[2]) > 10_000 for line in lines)


def test_uadfv_videos_are_verified(tmp_path, monkeypatch, manifest) -> None:
    monkeypatch.setenv("DFD_UADFV", str(_uadfv(tmp_path / "set")))
    clips = sources.clips(UADFV)
    assert len(clips) == 98 and sum(c.label for c in clips) == 49
    fake = next(c for c in clips if c.clip_id == "0041_fake")
    assert (fake.pair, fake.person, fake.label) == ("0041", "person00", 1)


def test_a_changed_and_a_missing_video_are_listed(tmp_path, monkeypatch, manifest) -> None:
    folder = _uadfv(tmp_path / "set")
    (folder / "real" / "0003.mp4").write_bytes(b"0004")
    (folder / "fake" / "0007_fake.mp4").unlink()
    (folder / "fake" / "0008_fake.mp4").write_bytes(b"longer than it was")
    problems = uadfv.verify(folder)
    assert problems == [
        "real/0003.mp4 has a different sha256 from the one in the manifest",
        "fake/0007_fake.mp4 is missing",
        "fake/0008_fake.mp4 has a different sha256 from the one in the manifest",
    ]
    monkeypatch.setenv("DFD_UADFV", str(folder))
    with pytest.raises(DfdError, match="is not the UADFV of the manifest: real/0003.mp4"):
        sources.clips(UADFV)


def test_uadfv_as_folders_of_face_crops(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_UADFV", str(_uadfv(tmp_path, suffix="")))
    assert len(sources.clips(UADFV)) == 98
    (tmp_path / "real" / "0005").rmdir()
    with pytest.raises(DfdError, match="lacks 1 of 98 UADFV clips .the first: .*0005"):
        sources.clips(UADFV)


def test_a_missing_data_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("DFD_UADFV", raising=False)
    with pytest.raises(DfdError, match="DFD_UADFV is not set"):
        sources.clips(UADFV)
    monkeypatch.setenv("DFD_UADFV", str(tmp_path / "nowhere"))
    with pytest.raises(DfdError, match="nowhere, which is not a folder"):
        sources.clips(UADFV)


def _video_folder(folder, rows: str, files=("a.mp4", "b.mp4")):
    (folder / "clips.csv").write_text("file,label,pair,person\n" + rows)
    for name in files:
        (folder / name).write_bytes(name.encode())


def test_a_folder_of_videos_with_a_table(tmp_path, monkeypatch) -> None:
    _video_folder(tmp_path, "a.mp4,0,p1,anna\nb.mp4,1,p1,anna\n")
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    assert [(c.clip_id, c.label, c.pair, c.person) for c in sources.clips(OWN)] == [
        ("a", 0, "p1", "anna"),
        ("b", 1, "p1", "anna"),
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a.mp4,2,p1,anna\n", "label of a.mp4 is '2'; 0 is real, 1 is fake"),
        ("c.mp4,0,p1,anna\n", "names c.mp4, which is not in"),
        ("a.mp4,0,p1,\n", "a.mp4 has no pair or no person; fill in both"),
        ("a.mp4,0\n", "a.mp4 has no pair or no person; fill in both"),
        ("a.mp4,0,p1,anna\na.mp4,1,p1,anna\n", "lists a.mp4 more than once; keep the row"),
        ("", "no row below its header; add a row"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, monkeypatch, rows: str, words: str) -> None:
    _video_folder(tmp_path, rows)
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    with pytest.raises(DfdError, match=words):
        sources.clips(OWN)


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path) -> None:
    (tmp_path / "clips.csv").write_text("file,label\na.mp4,0\n", encoding="utf-8-sig")
    assert disk.read_table(tmp_path / "clips.csv", {"file"}) == [{"file": "a.mp4", "label": "0"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_read_whichever_delimiter_and_encoding_a_spreadsheet_wrote(
    tmp_path, mark: str, encoding: str
) -> None:
    rows = [["label", "file"], ["0", '"Käse, klein; alt.mp4"'], ["1", "b.mp4"]]
    (tmp_path / "clips.csv").write_bytes("\r\n".join(mark.join(row) for row in rows).encode(encoding))
    read = disk.read_table(tmp_path / "clips.csv", {"file", "label"})
    assert read == [{"label": "0", "file": "Käse, klein; alt.mp4"}, {"label": "1", "file": "b.mp4"}]


def test_a_table_without_its_columns_is_told_so_whatever_its_delimiter(tmp_path) -> None:
    (tmp_path / "clips.csv").write_text("file;label;pair\na.mp4;0;a\n")
    with pytest.raises(DfdError, match="has no column 'person'; it needs: file, label, pair, person"):
        disk.read_table(tmp_path / "clips.csv", {"file", "label", "pair", "person"})


def test_a_table_in_another_encoding_is_named(tmp_path) -> None:
    (tmp_path / "clips.csv").write_text("file,label\na.mp4,0\n", encoding="utf-16")
    with pytest.raises(DfdError, match="clips.csv is not UTF-8 text; save it"):
        disk.read_table(tmp_path / "clips.csv", {"file"})


def test_the_same_video_twice_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    _video_folder(tmp_path, "a.mp4,0,a,a\nb.mp4,1,a,a\nc.mp4,0,c,c\n", ("a.mp4", "b.mp4"))
    shutil.copy(tmp_path / "a.mp4", tmp_path / "c.mp4")
    with pytest.raises(DfdError, match="clips.csv lists a.mp4 and c.mp4, which are the same video; keep one row"):
        sources.clips(OWN)
    for again in ("./a.mp4", "sub/../a.mp4", str(tmp_path / "a.mp4"), f"../{tmp_path.name}/a.mp4"):
        _video_folder(tmp_path, f"a.mp4,0,a,a\n{again},1,a,a\n")
        with pytest.raises(DfdError, match="clips.csv lists a.mp4 more than once; keep the row with the right label"):
            sources.clips(OWN)


def test_a_clip_is_its_path_and_not_the_stem_of_its_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    files = ["real/a.mp4", "fake/a.mp4", "b.mp4", "c.mp4", "c.mov", "d", "d.mp4", "e.mp4", "e.mp4.mkv", "f.old.mp4"]
    for kind in ("real", "fake"):
        (tmp_path / kind).mkdir()
    rows = "".join(f"./{file},0,a,a\n" for file in files)
    _video_folder(tmp_path, rows, files)
    found = {clip.path.relative_to(tmp_path).as_posix(): clip.clip_id for clip in sources.clips(OWN)}
    own = {"real/a.mp4": "real/a", "fake/a.mp4": "fake/a", "b.mp4": "b", "f.old.mp4": "f.old"}
    assert found == {file: file for file in files} | own | {"e.mp4": "e"}


def test_two_clips_with_one_id_are_refused_on_every_way_in(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    rows = "clip_id,file,label,pair,person\nb,a.mp4,0,a,a\n,b.mp4,1,a,a\n"
    _video_folder(tmp_path, "")
    (tmp_path / "clips.csv").write_text(rows)
    for way in (
        lambda: sources.clips(OWN),
        lambda: prepare.find_videos(tmp_path),
        lambda: status._clips("folder", OWN),
    ):
        with pytest.raises(DfdError, match="a.mp4 and b.mp4 have the same clip_id, b; .* in a column clip_id"):
            way()
    (tmp_path / "clips.csv").write_text(rows.replace("b,a", "r,a"))
    assert [clip.clip_id for clip in sources.clips(OWN)] == ["r", "b"]
    own = [Clip("x", None, label, "p", "q", "mine") for label in (0, 1)]
    mine = sources.DATA_SETS["folder"]
    monkeypatch.setitem(sources.DATA_SETS, "folder", dataclasses.replace(mine, clips=lambda *_: own))
    with pytest.raises(DfdError, match="have the same clip_id, x"):
        sources.clips(OWN)
    tracks = [types.SimpleNamespace(clip_id="x")] * 2
    with pytest.raises(DfdError, match="have the same clip_id, x"):
        frames.stack(own, tracks)


def test_a_missing_column_is_named(tmp_path, monkeypatch) -> None:
    (tmp_path / "clips.csv").write_text("file,label\na.mp4,0\n")
    monkeypatch.setenv("DFD_VIDEOS", str(tmp_path))
    with pytest.raises(DfdError, match="no column 'pair'"):
        sources.clips(OWN)


def test_labels_outside_0_and_1() -> None:
    catalogue.check_labels([0, 1, 1])
    for label in (3, -1, 0.5, float("nan")):
        with pytest.raises(DfdError, match=f"The label {label} is neither"):
            catalogue.check_labels([0, label])


def _clips(*rows) -> list[Clip]:
    return [
        Clip(f"c{i}", None, label, pair, person, "test", split=s) for i, (label, pair, person, s) in enumerate(rows)
    ]


def test_a_split_with_a_pair_on_both_sides_is_refused() -> None:
    leaky = _clips((0, "p1", "a", "train"), (1, "p1", "a", "test"))
    with pytest.raises(DfdError, match="The split leaks: pair p1 is in more than one part"):
        splits.check(leaky, "pair")
    assert splits.shared(leaky, "person") == ["a"]


def test_a_part_without_a_class_is_refused() -> None:
    rows = [(label, f"p{s}", s, s) for s in ("train", "val") for label in (0, 1)] + [(0, "ptest", "t", "test")]
    with pytest.raises(DfdError, match=r"The test part has clips of label \[0\] only"):
        splits.check(_clips(*rows), "pair")


def test_a_split_by_person_keeps_people_whole_and_is_seeded() -> None:
    clips = _clips(*[(label, f"p{i}", f"person{i // 2}", "") for i in range(40) for label in (0, 1)])
    first, again, other = (splits.by_person(clips, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert splits.shared(first, "person") == []
    assert {c.split for c in first} == {"train", "val", "test"}


def test_the_published_uadfv_split(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("DFD_UADFV", str(_uadfv(tmp_path, suffix="")))
    done = sources.split(UADFV, sources.clips(UADFV))
    pairs = {part: {int(c.pair) for c in done if c.split == part} for part in ("train", "val", "test")}
    assert pairs["test"] == set(uadfv.TEST) and len(pairs["test"]) == 14
    assert len(pairs["train"]) + len(pairs["val"]) == 35 and len(pairs["val"]) >= 7
    assert splits.shared(done, "pair") == []
    assert splits.shared([c for c in done if c.split != "test"], "person") == []


@pytest.fixture
def my_set(tmp_path, monkeypatch) -> Study:
    """A data set added by the very lines of docs/your-own-data.md, with six people's videos in its folder."""
    guide = (paths.root() / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    adapter, entry, *_ = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    assert len([line for line in (adapter + entry).splitlines() if line]) <= 12
    monkeypatch.setattr(sources, "DATA_SETS", dict(sources.DATA_SETS))
    exec(adapter + entry, {})
    for kind, name in itertools.product(("real", "fake"), ("anna", "bert", "cora", "dora", "elsa", "fritz")):
        path = tmp_path / "set" / kind / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.setenv("DFD_MINE", str(tmp_path / "set"))
    (tmp_path / "mine.yaml").write_text("dataset: mine\n")
    monkeypatch.setattr(paths, "studies", lambda: tmp_path)
    return studies.load("mine")


def test_a_data_set_is_added_by_an_adapter_and_an_entry(my_set, tmp_path, monkeypatch) -> None:
    found = sources.clips(my_set)
    assert [(c.clip_id, c.label, c.pair, c.person) for c in found[:2]] == [
        ("anna_real", 0, "anna", "anna"),
        ("bert_real", 0, "bert", "bert"),
    ]
    done = sources.split(my_set, found)
    assert len(done) == 12 and splits.shared(done, "person") == [] and {c.split for c in done} == {*splits.SHARES}
    rows = {row.name: row for row in status.status(my_set)}
    assert rows["My set"].ready and rows["My set"].needed and rows["My set"].found["people"] == 6
    assert not rows["UADFV"].needed and check.refusal(my_set, list(rows.values())) == ""
    assert len(sources.stills(my_set)) > 100, "without stills of its own it takes the embedded ones"
    shutil.rmtree(tmp_path / "set" / "fake")
    assert "no folder" in check.refusal(my_set, status.status(my_set))
    monkeypatch.delenv("DFD_MINE")
    with pytest.raises(DfdError, match=r"DFD_MINE is not set; set it to the folder with My set \(real/ and fake/\)"):
        sources.clips(my_set)


def test_a_study_that_names_no_data_set_is_one_sentence(my_set, tmp_path) -> None:
    (tmp_path / "other.yaml").write_text("dataset: dfdc\n")
    for use in (sources.clips, sources.stills, status.status):
        with pytest.raises(DfdError, match=r"other.yaml: dataset is 'dfdc'; choose one of: embedded, .*, mine\.$"):
            use(studies.load("other"))


def test_the_name_of_a_folder_does_not_choose_its_split(tmp_path, monkeypatch) -> None:
    folder = tmp_path / "uadfv"
    folder.mkdir()
    pairs = [f"{label}{name}.mp4" for name in "abcd" for label in (0, 1)]
    _video_folder(folder, "".join(f"{file},{file[0]},{file[1]},{file[1]}\n" for file in pairs), pairs)
    monkeypatch.setenv("DFD_VIDEOS", str(folder))
    assert {c.split for c in sources.split(OWN, sources.clips(OWN))} == {"train", "val", "test"}


def _images(folder, count: int, truncated: tuple[int, ...]) -> list:
    rng = np.random.default_rng(0)
    files = [folder / f"{number:03d}.jpg" for number in range(count)]
    for number, path in enumerate(files):
        content = cv2.imencode(".jpg", rng.integers(0, 255, (40, 40, 3)).astype(np.uint8))[1].tobytes()
        path.write_bytes(content[: len(content) // 2] if number in truncated else content)
    return files


def test_a_few_damaged_images_are_named_counted_and_left_out(tmp_path) -> None:
    files = _images(tmp_path, 60, truncated=(7, 30))
    with pytest.warns(UserWarning, match=r"2 of 60 images cannot be read .the first: .*007.jpg.; they are left out"):
        kept = sources.readable(files)
    assert kept == [path for path in files if path.name not in ("007.jpg", "030.jpg")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sources.readable(kept) == kept


def test_many_damaged_images_stop_the_run(tmp_path) -> None:
    with pytest.raises(DfdError, match=r"4 of 60 images cannot be read .the first: .*001.jpg.; copy the folder again"):
        sources.readable(_images(tmp_path, 60, truncated=(1, 2, 3, 4)))
    with pytest.raises(DfdError, match="1 of 1 images"):
        sources.readable(_images(tmp_path, 1, truncated=(0,)))


def test_celeba_goes_on_without_a_damaged_image(tmp_path, monkeypatch) -> None:
    _images(tmp_path, 40, truncated=(3,))
    monkeypatch.setenv("DFD_CELEBA", str(tmp_path))
    with pytest.warns(UserWarning, match="1 of 40 images"):
        table = sources.stills(Study("x", dataset="uadfv"))
    assert len(table) == 39 and (table["split"] == "train").sum() == 31
