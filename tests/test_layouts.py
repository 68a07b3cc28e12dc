"""FaceForensics++ and Celeb-DF on tiny folders of the same layout: labels, who is seen, whose face, and no leak."""

from __future__ import annotations

import itertools
import json
import shutil
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import CelebDFParams, FaceParams, FFPPParams, Study
from dfdlib.data import sources, splits
from dfdlib.data.catalogue import Clip
from dfdlib.faces import frames

DONOR = splits.by_person_and_donor
PAIRS = {"train": [("000", "003"), ("011", "010")], "val": [("720", "672")], "test": [("953", "974")]}
EVERYBODY = [name for pairs in PAIRS.values() for pair in pairs for name in pair]
PEOPLE = ("id0", "id1", "id2", "id16", "id20", "id21", "id23")
PUBLISHED = (
    "1 YouTube-real/00170.mp4\n"
    "1 Celeb-real/id1_0000.mp4\n"
    "0 Celeb-synthesis/id1_id0_0000.mp4\n"
    "0 Celeb-synthesis/id2_id16_0000.mp4\n"  # its original is not listed
)


def _touch(files: Iterable[Path]) -> None:
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no video")


def _originals(folder: Path, compression: str = "c23") -> Path:
    return folder / "original_sequences" / "youtube" / compression / "videos"


def _made(folder: Path, method: str, compression: str = "c23") -> Path:
    return folder / "manipulated_sequences" / method / compression / "videos"


def _write_splits(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for part, pairs in PAIRS.items():
        (folder / f"{part}.json").write_text(json.dumps(pairs))


@pytest.fixture
def ffpp(tmp_path, monkeypatch) -> Path:
    """Four official pairs, with fakes in both directions by two methods."""
    folder = tmp_path / "ff"
    _touch(_originals(folder) / f"{name}.mp4" for name in EVERYBODY)
    for method in ("Deepfakes", "NeuralTextures"):
        for a, b in itertools.chain(*PAIRS.values()):
            _touch(_made(folder, method) / f"{target}_{donor}.mp4" for target, donor in ((a, b), (b, a)))
    _write_splits(folder / "splits")
    monkeypatch.setenv("DFD_FFPP", str(folder))
    return folder


@pytest.fixture
def celebdf(tmp_path, monkeypatch) -> Path:
    """Seven people with a video each, swapped with each other, and four videos of other people."""
    folder = tmp_path / "celeb"
    _touch(folder / "Celeb-real" / f"{name}_0000.mp4" for name in PEOPLE)
    _touch(folder / "YouTube-real" / f"{number:05d}.mp4" for number in (0, 1, 2, 170))
    _touch(folder / "Celeb-synthesis" / f"{a}_{b}_0000.mp4" for a, b in itertools.permutations(PEOPLE, 2))
    (folder / "List_of_testing_videos.txt").write_text(PUBLISHED)
    monkeypatch.setenv("DFD_CELEBDF", str(folder))
    return folder


def _ffpp(**params: object) -> list[Clip]:
    return sources.clips(Study("mine", "ffpp", ffpp=FFPPParams(**params)))


def _celebdf(**params: object) -> list[Clip]:
    return sources.clips(Study("mine", "celebdf", celebdf=CelebDFParams(**params)))


def _by_id(clips: list[Clip]) -> dict[str, Clip]:
    found = {clip.clip_id: clip for clip in clips}
    assert len(found) == len(clips), "an id is there twice"
    return found


def test_ffpp_names_say_who_is_seen_and_whose_face_is_put_in(ffpp) -> None:
    clips = _by_id(_ffpp())
    assert len(clips) == 8 + 2 * 8
    real, fake, moved = (clips[name] for name in ("000", "Deepfakes_000_003", "NeuralTextures_000_003"))
    assert (real.label, real.pair, real.person, real.donor, real.split) == (0, "000", "000-003", None, "train")
    assert (fake.label, fake.pair, fake.person, fake.donor, fake.split) == (1, "000", "000-003", "003", "train")
    assert (moved.label, moved.pair, moved.donor) == (1, "000", None), "reenactment puts no other face in"
    assert fake.path == _made(ffpp, "Deepfakes") / "000_003.mp4" and fake.dataset == "ffpp"
    assert clips["Deepfakes_003_000"].pair == "003", "the other direction is made from the other video"
    assert clips["011"].person == clips["010"].person == "010-011", "a pair listed in another order is the same"


def test_ffpp_keeps_the_official_split_and_no_pair_or_group_is_parted(ffpp) -> None:
    clips = splits.split(_ffpp(), seed=1)
    assert splits.shared(clips, "pair") == splits.shared(clips, "person") == []
    for part, pairs in PAIRS.items():
        assert {clip.pair for clip in clips if clip.split == part} == set(itertools.chain(*pairs))


def test_ffpp_splits_are_found_beside_the_folders_too(ffpp) -> None:
    shutil.rmtree(ffpp / "splits")
    _write_splits(ffpp)
    assert {clip.split for clip in _ffpp()} == set(PAIRS)


def test_ffpp_without_its_split_is_split_by_group(ffpp) -> None:
    shutil.rmtree(ffpp / "splits")
    _touch([_originals(ffpp) / "500.mp4"])  # no fake of it is there
    clips = _ffpp()
    assert {clip.split for clip in clips} == {""} and _by_id(clips)["500"].person == "500"
    for seed in range(5):
        done = splits.by_person(clips, seed)
        parts = {clip.clip_id: clip.split for clip in done}
        assert parts["000"] == parts["003"] == parts["Deepfakes_000_003"] == parts["Deepfakes_003_000"]
        assert splits.shared(done, "person") == splits.shared(done, "pair") == []


def test_ffpp_takes_the_compression_and_the_methods_that_the_study_names(ffpp) -> None:
    assert {c.clip_id.split("_")[0] for c in _ffpp(methods=("Deepfakes",)) if c.label} == {"Deepfakes"}
    with pytest.raises(
        DfdError, match="no folder .*FaceSwap/c23/videos; copy it, or name another compression or method"
    ):
        _ffpp(methods=("FaceSwap",))
    with pytest.raises(DfdError, match="no folder .*youtube/c40/videos"):
        _ffpp(compression="c40")
    _touch(_originals(ffpp, "c40") / f"{name}.mp4" for name in EVERYBODY)
    with pytest.raises(DfdError, match="manipulated_sequences holds none of Deepfakes.* with videos in c40/; copy one"):
        _ffpp(compression="c40")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("val.json", '[["720", "672"]', "val.json is not the official list of pairs"),
        ("val.json", "", "val.json is not the official list of pairs"),
        ("val.json", "[]", "val.json is not the official list"),
        ("val.json", "7", "val.json is not the official list"),
        ("val.json", "[" * 100_000, "val.json is not the official list"),
        ("val.json", '{"720": "672"}', "val.json is not the official list"),
        ("val.json", "[[720, 6]]", "val.json is not the official list"),
        ("val.json", '[["000", "720"]]', "video 000 is in two pairs or parts"),
        ("val.json", '[["000", "003"]]', "video 000 is in two pairs or parts"),
        ("val.json", None, "splits lacks val.json of the official split"),
    ],
)
def test_a_broken_official_split_is_one_sentence(ffpp, name: str, text: str | None, words: str) -> None:
    path = ffpp / "splits" / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DfdError, match=words):
        _ffpp()


def test_fakes_of_other_pairs_are_left_out_with_a_warning(ffpp) -> None:
    _touch([_made(ffpp, "Deepfakes") / "000_953.mp4"])  # a face of the test part in a video of the training part
    with pytest.warns(
        UserWarning, match=r"1 of 25 videos are in no official pair .the first: .*000_953.mp4.; they are"
    ):
        clips = _ffpp()
    assert len(clips) == 24
    shutil.rmtree(ffpp / "splits")
    with pytest.raises(DfdError, match="video 953 is in two pairs or parts|video 000 is in two pairs or parts"):
        _ffpp()


def test_a_fake_of_a_video_with_itself_is_left_out(ffpp) -> None:
    _touch([_made(ffpp, "Deepfakes") / "500_500.mp4"])  # neither is in an official pair
    with pytest.warns(UserWarning, match="1 of 25 videos are in no official pair .the first: .*500_500.mp4"):
        assert len(_ffpp()) == 24


def test_missing_originals_are_counted_and_many_stop_the_run(ffpp) -> None:
    (_originals(ffpp) / "000.mp4").unlink()
    with pytest.raises(DfdError, match="2 of 16 fakes have no original video .*000_003.mp4.; copy the originals too"):
        _ffpp()
    with pytest.warns(UserWarning, match="1 of 8 fakes have no original video"):
        clips = _by_id(_ffpp(methods=("Deepfakes",)))
    assert "Deepfakes_000_003" not in clips and "Deepfakes_003_000" in clips


def test_videos_of_other_names_are_counted_and_other_files_do_not_matter(ffpp) -> None:
    _touch(_originals(ffpp) / name for name in ("._000.mp4", ".DS_Store", "notes.txt"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(_ffpp()) == 24
    _touch([_originals(ffpp) / "holiday.mp4"])
    with pytest.warns(
        UserWarning, match="1 of 9 videos are not named as in the data set .*holiday.mp4.; they are left out"
    ):
        assert len(_ffpp()) == 24
    _touch([_originals(ffpp) / "٠٠١.mp4"])  # digits, but not those of the data set
    with pytest.raises(DfdError, match="2 of 10 videos are not named .*; move them out of the folder"):
        _ffpp()


def test_a_video_with_another_ending_is_named_and_other_files_are_not(ffpp) -> None:
    folder = _originals(ffpp)
    for name in ("953.MOV", "readme.txt", ".DS_Store", "sha256sums"):
        (folder / name).write_text("text")
    with pytest.warns(
        UserWarning, match="1 of 9 videos are not named as in the data set .*953.MOV.; they are left out"
    ) as said:
        _ffpp()
    assert len(said) == 1


@pytest.mark.parametrize(("variable", "load"), [("DFD_FFPP", "ffpp"), ("DFD_CELEBDF", "celebdf")])
def test_a_missing_folder_is_one_sentence(tmp_path, monkeypatch, variable: str, load: str) -> None:
    monkeypatch.delenv(variable, raising=False)
    study = Study("mine", load)
    with pytest.raises(DfdError, match=f"^{variable} is not set; set it to the folder with"):
        sources.clips(study)
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    with pytest.raises(DfdError, match=f"^{variable} names .*nowhere, which is not a folder"):
        sources.clips(study)
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(DfdError, match="^There is no folder "):
        sources.clips(study)


def test_celebdf_names_say_who_is_seen_and_whose_face_is_put_in(celebdf) -> None:
    clips = _by_id(_celebdf())
    assert len(clips) == 7 + 4 + 42 and {clip.split for clip in clips.values()} == {""}
    real, fake, other = (clips[name] for name in ("id0_0000", "id0_id16_0000", "00170"))
    assert (real.label, real.pair, real.person, real.donor) == (0, "id0_0000", "id0", None)
    assert (fake.label, fake.pair, fake.person, fake.donor) == (1, "id0_0000", "id0", "id16")
    assert (other.label, other.pair, other.person, other.donor) == (0, "00170", "youtube00170", None)
    assert {clip.dataset for clip in clips.values()} == {"celebdf"}


@pytest.mark.parametrize("seed", range(5))
def test_celebdf_by_person_has_nobody_seen_or_worn_in_two_parts(celebdf, seed: int) -> None:
    clips = _celebdf()
    done = splits.split(clips, seed, DONOR)
    parts: dict[str, set[str]] = {}
    for clip in done:
        for name in {clip.person, clip.donor} - {None}:
            parts.setdefault(name, set()).add(clip.split)
    assert all(len(found) == 1 for found in parts.values())
    assert set(parts) == {clip.person for clip in clips}
    crossing = [c for c in clips if c.donor and parts[c.donor] != parts[c.person]]
    assert crossing and len(done) == len(clips) - len(crossing), "only fakes across the parts are left out"
    assert splits.split(clips[::-1], seed, DONOR) == done[::-1], "the order of the files does not matter"


def test_celebdf_with_too_few_people_is_refused(celebdf) -> None:
    clips = [clip for clip in _celebdf() if clip.person in PEOPLE[:5]]
    with pytest.raises(DfdError, match="needs at least 6 people and there are 5"):
        splits.split(clips, 1, DONOR)


def test_the_published_list_says_1_for_real(celebdf) -> None:
    clips = _celebdf(split="published")
    tested = {clip.clip_id: clip.label for clip in clips if clip.split == "test"}
    assert tested == {"00170": 0, "id1_0000": 0, "id1_id0_0000": 1, "id2_id16_0000": 1}
    path = celebdf / "List_of_testing_videos.txt"
    path.write_text(PUBLISHED.replace("0 Celeb-synthesis/id1", "1 Celeb-synthesis/id1"))  # our label, not theirs
    with pytest.raises(
        DfdError, match='line 3 is "1 Celeb-synthesis/id1_id0_0000.mp4", neither 1 with a real video nor 0 with'
    ):
        _celebdf(split="published")


def test_the_published_test_part_stays_whole_and_no_pair_is_parted(celebdf) -> None:
    everything = _celebdf()
    clips = _celebdf(split="published")
    done = splits.split(clips, seed=3)
    assert splits.shared(done, "pair") == [] and {clip.split for clip in done} == {"train", "val", "test"}
    left_out = {clip.clip_id for clip in everything} - {clip.clip_id for clip in done}
    assert {name for name in left_out if "_id" not in name} == {"id2_0000"}, "its fake is tested"
    assert left_out - {"id2_0000"} == {
        f"{target}_{donor}_0000"
        for target, donor in itertools.permutations(PEOPLE, 2)
        if target in ("id1", "id2") and (target, donor) not in (("id1", "id0"), ("id2", "id16"))
    }
    train_and_val = [clip for clip in done if clip.split != "test"]
    assert splits.shared(train_and_val, "person") == []
    parted = [replace(clip, split="test" if clip.clip_id == "id2_id16_0000" else "train") for clip in everything]
    with pytest.raises(DfdError, match="The split leaks: pair id2_0000 is in more than one part"):
        splits.check(parted, "pair")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no video; copy the published list again"),
        ("\n\n", "names no video"),
        ("YouTube-real/00170.mp4\n", "line 1 is"),
        ("2 YouTube-real/00170.mp4\n", 'line 1 is "2 YouTube-real/00170.mp4"'),
        ("1 Elsewhere/00170.mp4\n", "line 1 is"),
        (
            PUBLISHED + "1 YouTube-real/99999.mp4\n1 Celeb-real/id1_7777.mp4\n",
            "2 of 6 videos listed in .* are missing .the",
        ),
        (None, "List_of_testing_videos.txt is missing or not text .*; copy the published list there"),
    ],
)
def test_a_wrong_list_is_one_sentence(celebdf, text: str | None, words: str) -> None:
    path = celebdf / "List_of_testing_videos.txt"
    path.unlink() if text is None else path.write_text(text)
    assert _celebdf(), "a split by person does not need the list"
    with pytest.raises(DfdError, match=words):
        _celebdf(split="published")


def test_a_listed_video_that_is_not_there_is_named(celebdf) -> None:
    (celebdf / "List_of_testing_videos.txt").write_text(PUBLISHED + "1 YouTube-real/99999.mp4\n")
    with pytest.warns(UserWarning, match="1 of 5 videos listed in .* are missing .the first: YouTube-real/99999.mp4"):
        clips = _celebdf(split="published")
    assert sum(clip.split == "test" for clip in clips) == 4


def test_celebdf_without_a_folder_or_an_original(celebdf) -> None:
    (celebdf / "Celeb-real" / "id0_0000.mp4").unlink()
    with pytest.raises(DfdError, match="6 of 42 fakes have no original video .the first: .*id0_id16_0000"):
        _celebdf()
    shutil.rmtree(celebdf / "YouTube-real")
    with pytest.raises(DfdError, match="no folder .*YouTube-real; data/README.md says how"):
        _celebdf()
    (celebdf / "YouTube-real").mkdir()
    with pytest.raises(DfdError, match="YouTube-real holds no .mp4 file; copy"):
        _celebdf()


def test_the_first_people_of_celebdf_are_those_with_fakes(celebdf) -> None:
    clips = sources.clips(Study("mine", "celebdf", people=6))
    assert {clip.person for clip in clips} == set(sorted(PEOPLE)[:6])
    assert {clip.donor for clip in splits.split(clips, 1, DONOR)} <= {None, *sorted(PEOPLE)[:6]}


def test_real_faces_of_these_studies_stay_out_of_the_repository(monkeypatch) -> None:
    for variable in ("DFD_FIGURES", "DFD_RESULTS"):
        monkeypatch.delenv(variable, raising=False)
    for name in ("ffpp", "celebdf"):
        study = studies.load(name)
        assert study.dataset == name
        for folder in (paths.figures(name), paths.results(name)):
            assert folder.is_relative_to(paths.build() / name)


def _copy(numbers: Iterable[int], kind: str, files: Iterable[Path]) -> None:
    for number, path in zip(numbers, files, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.embedded() / "clips" / f"p{number:02d}_{kind}.mp4", path)


def test_videos_in_the_layout_of_ffpp_become_frames(tmp_path, monkeypatch) -> None:
    """The embedded clips (synthetic) under the names of three official pairs, one a part."""
    pairs = {part: pairs[-1] for part, pairs in PAIRS.items()}
    names = [name for pair in pairs.values() for name in pair]
    _copy(range(6), "real", (_originals(tmp_path / "ff") / f"{name}.mp4" for name in names))
    made = [f"{a}_{b}" for first, second in pairs.values() for a, b in ((first, second), (second, first))]
    _copy(range(6), "fake", (_made(tmp_path / "ff", "Deepfakes") / f"{name}.mp4" for name in made))
    _write_splits(tmp_path / "ff" / "splits")
    monkeypatch.setenv("DFD_FFPP", str(tmp_path / "ff"))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    study = Study("mine", "ffpp", jobs=2, faces=FaceParams(max_frames=2, size=32))
    found = frames.of_study(study)
    assert len(found.table) == 24 and (found.sizes == 256).all()
    assert {(row.split, row.person) for row in found.table.itertuples()} == {
        (part, "-".join(sorted(pair))) for part, pair in pairs.items()
    }
    assert frames.image(study, found.part("test").table.iloc[0]).shape == (256, 256, 3)
    assert len(frames.one_pair_each(found, 3)) == 3


def test_videos_in_the_layout_of_celebdf_become_frames(tmp_path, monkeypatch) -> None:
    """The embedded clips (synthetic) as six people, each with the face of each other, and one more video."""
    people = PEOPLE[:6]
    folder = tmp_path / "celeb"
    _copy(range(6), "real", (folder / "Celeb-real" / f"{name}_0000.mp4" for name in people))
    _copy([6], "real", [folder / "YouTube-real" / "00000.mp4"])
    for number, name in enumerate(people):
        others = [other for other in people if other != name]
        _copy([number] * 5, "fake", (folder / "Celeb-synthesis" / f"{name}_{other}_0000.mp4" for other in others))
    monkeypatch.setenv("DFD_CELEBDF", str(folder))
    monkeypatch.setenv("DFD_CACHE", str(tmp_path / "cache"))
    study = Study("mine", "celebdf", jobs=2, faces=FaceParams(max_frames=2, size=32))
    found = frames.of_study(study)
    assert found.table["clip_id"].nunique() == 6 + 1 + 6, "of 30 fakes the 6 within the three parts of two people"
    counts = frames.counts(frames.clips(study))
    assert [counts.loc[(part, 1), "clips"] for part in ("train", "val", "test")] == [2, 2, 2]
    assert counts["pairs"].sum() == counts["clips"].sum()
