"""`dfd data status` and `verify`: what is found, what is missing, whether a study can start; no video is opened."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import typing
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from dfdlib.command import check, cli, cli_data, run
from dfdlib.core import paths, studies
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import HeadPoseParams, ResNetParams, Study
from dfdlib.data import sources, status
from dfdlib.data.status import SourceStatus
from dfdlib.faces import video
from dfdlib.headpose import pnp
from dfdlib.resnet import architectures

VARIABLES = [source.variable for source in status.all_sources()]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch) -> None:
    """No variable of this machine counts, and no video may be opened."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for opener in ("index", "frames", "sample"):
        monkeypatch.setattr(video, opener, None)


def _touch(folder: Path, *names: str, content: bytes = b"") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content or name.encode())


def _row(study: Study, name: str) -> SourceStatus:
    return next(row for row in status.status(study) if row.name == name)


def _dfd(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["dfd", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


@pytest.fixture
def ffpp(tmp_path, monkeypatch) -> Path:
    """Six pairs of videos with their fakes, without the official split."""
    for a in range(0, 12, 2):
        for name, other in ((a, a + 1), (a + 1, a)):
            _touch(tmp_path / "ff", f"original_sequences/youtube/c23/videos/{name:03d}.mp4")
            _touch(tmp_path / "ff", f"manipulated_sequences/Deepfakes/c23/videos/{name:03d}_{other:03d}.mp4")
    monkeypatch.setenv("DFD_FFPP", str(tmp_path / "ff"))
    return tmp_path / "ff"


def test_every_source_is_of_a_variable_of_its_own_and_every_kind_of_study_needs_one() -> None:
    assert len(set(VARIABLES)) == len(VARIABLES)
    for dataset in sources.DATA_SETS:
        needed = [source.name for source in status.all_sources() if source.needed(Study("x", dataset))]
        assert "embedded" in needed and len(needed) == {"embedded": 1, "uadfv": 3}.get(dataset, 2)


def test_with_nothing_set_the_default_study_can_start_and_no_other(monkeypatch, capsys) -> None:
    assert _dfd("data", "status", monkeypatch=monkeypatch) == 0
    out, err = capsys.readouterr()
    assert "34 real, 34 fake, 34 pairs, 34 people" in out and out.count("not set") == 8
    assert out.endswith("The study embedded can start.\n") and err == ""
    for study, variable in (("uadfv", "UADFV"), ("ffpp", "FFPP"), ("celebdf", "CELEBDF"), ("yours", "VIDEOS")):
        assert _dfd("data", "status", study, monkeypatch=monkeypatch) == 2
        out, err = capsys.readouterr()
        assert err.startswith(f"dfd: The study {study} cannot start: DFD_{variable} is not set; data/README.md says")
        assert len(err.splitlines()) == 1 and "can start." not in out


def test_a_script_reads_the_same_as_json(ffpp, monkeypatch, capsys) -> None:
    assert _dfd("data", "status", "ffpp", "--json", monkeypatch=monkeypatch) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in told["data"]}
    assert told["study"] == "ffpp" and told["can_start"] is True
    assert [name for name, row in rows.items() if row["needed"]] == ["embedded", "FaceForensics++"]
    assert rows["FaceForensics++"]["folder"] == str(ffpp) and rows["Celeb-DF"]["folder"] == ""
    assert _dfd("data", "status", "celebdf", "--json", monkeypatch=monkeypatch) == 2
    assert json.loads(capsys.readouterr().out)["can_start"] is False


def test_ffpp_is_counted_and_its_parts_too(ffpp) -> None:
    row = _row(studies.load("ffpp"), "FaceForensics++")
    parts = [row.found.pop(part) for part in ("train", "val", "test")]
    assert row.found == {"real": 12, "fake": 12, "pairs": 12, "people": 6}
    assert sum(parts) == 24 and min(parts) == 8 and row.ready and row.missing == ""


def test_a_few_left_out_are_told_and_do_not_stop(ffpp) -> None:
    _touch(ffpp / "original_sequences/youtube/c23/videos", "holiday.mp4")
    row = _row(studies.load("ffpp"), "FaceForensics++")
    assert row.ready and row.missing.startswith("1 of 13 videos are not named") and row.found["real"] == 12


def test_empty_files_and_missing_ones_stop(ffpp) -> None:
    study = studies.load("ffpp")
    broken = ffpp / "original_sequences/youtube/c23/videos/003.mp4"
    broken.write_bytes(b"")
    row = _row(study, "FaceForensics++")
    assert not row.ready and row.missing.startswith(f"1 of 24 clips are empty (the first: {broken}); copy")
    shutil.rmtree(broken.parent)
    rows = status.status(study)
    assert check.refusal(study, rows).startswith("The study ffpp cannot start: There is no folder ")
    assert check.refusal(studies.load("embedded"), status.status(studies.load("embedded"))) == ""


def test_celebdf_says_what_its_split_leaves_out(tmp_path, monkeypatch) -> None:
    people = [f"id{number}" for number in range(6)]
    _touch(tmp_path, *(f"Celeb-real/{name}_0000.mp4" for name in people), "YouTube-real/00000.mp4")
    _touch(tmp_path, *(f"Celeb-synthesis/{a}_{b}_0000.mp4" for a in people for b in people if a != b))
    monkeypatch.setenv("DFD_CELEBDF", str(tmp_path))
    row = _row(studies.load("celebdf"), "Celeb-DF")
    assert row.ready and row.found == {
        "real": 7, "fake": 30, "pairs": 7, "people": 7, "train": 5, "val": 4, "test": 4, "left out by the split": 24
    }  # fmt: skip
    for path in (tmp_path / "Celeb-synthesis").glob("id5_*"):
        path.unlink()
    for path in (tmp_path / "Celeb-synthesis").glob("*_id5_*"):
        path.unlink()
    row = _row(studies.load("celebdf"), "Celeb-DF")
    assert not row.ready and "needs at least 6 people and there are 5" in row.missing


def test_uadfv_is_listed_without_reading_it(tmp_path, monkeypatch) -> None:
    names = [f"real/{number:04d}.mp4" for number in range(49)] + [f"fake/{n:04d}_fake.mp4" for n in range(49)]
    _touch(tmp_path, *names)
    monkeypatch.setenv("DFD_UADFV", str(tmp_path))
    row = _row(studies.load("uadfv"), "UADFV")
    assert row.ready and (row.found["real"], row.found["fake"], row.found["test"]) == (49, 49, 28)
    (tmp_path / names[3]).unlink()
    assert "lacks 1 of 98 UADFV clips" in _row(studies.load("uadfv"), "UADFV").missing


def test_images_files_and_videos_of_ones_own(tmp_path, monkeypatch) -> None:
    study = studies.load("uadfv")
    for name, variable in (("CelebA", "DFD_CELEBA"), ("T91 and Set5", "DFD_SR"), ("your videos", "DFD_VIDEOS")):
        monkeypatch.setenv(variable, str(tmp_path))
        assert not _row(study, name).ready
    for name, variable in (("Tiny-ImageNet", "DFD_TINY_IMAGENET"), ("world model", "DFD_WORLD_MODEL")):
        monkeypatch.setenv(variable, str(tmp_path / "file"))
        assert f"{variable} names {tmp_path / 'file'}, which is not a file" in _row(study, name).missing
    _touch(tmp_path, "file", content=b"x")
    _touch(tmp_path, "T91/a.png", "T91/b.png", "Set5/c.png", *(f"{n:06d}.jpg" for n in range(12)))
    assert _row(study, "CelebA").found == {"images": 12, "taken": 12}
    assert _row(study, "T91 and Set5").found == {"T91": 2, "Set5": 1}
    assert _row(study, "Tiny-ImageNet").found == _row(study, "world model").found == {"bytes": 1}
    table = [f"{name}{label}.mp4,{label},{name},{name}\n" for name in "abc" for label in (0, 1)]
    (tmp_path / "clips.csv").write_text("file,label,pair,person\n" + "".join(table))
    assert "names a0.mp4, which is not in" in _row(study, "your videos").missing
    _touch(tmp_path, *(f"{name}{label}.mp4" for name in "abc" for label in (0, 1)))
    assert _row(study, "your videos").found == {"real": 3, "fake": 3, "pairs": 3, "people": 3}, "no split is needed"


def _own(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: Iterable[str]) -> Study:
    """A study on videos with these rows of label, pair, person and part."""
    rows = [f"{number}.mp4,{row}" for number, row in enumerate(rows)]
    _touch(folder, *(row.partition(",")[0] for row in rows))
    (folder / "clips.csv").write_text("\n".join(["file,label,pair,person,split", *rows]) + "\n")
    monkeypatch.setenv("DFD_VIDEOS", str(folder))
    return Study("mine", "folder")


def _pairs(*people: str, parts: Sequence[str] = ("",)) -> list[str]:
    """The rows of a real and a fake video of each person in each part."""
    return [f"{label},{name}{part},{name},{part}" for name in people for part in parts for label in (0, 1)]


PARTS = ("train", "val", "test")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (_pairs("a", "b"), "needs at least 3 people and there are 2"),
        (
            _pairs("a", "b", "c"),
            "needs at least two people, six in all, and the train part has clips of [abc] on",
        ),
        (_pairs("a", parts=PARTS), "real and fake clips of at least two people each, and all real ones are of a; add"),
        (
            [f"1,{name}{part},a,{part}" for part in PARTS for name in "abc"]
            + [f"0,{name}{part},{name},{part}" for part in PARTS for name in "abc"],
            "all fake ones are of a",
        ),
        ([f"{label},{label}{n},{n},{PARTS[n % 3]}" for n in range(6) for label in (0, 1)], "No fake shares pair and"),
        (
            _pairs("a", "b", parts=["train"]) + _pairs("c", "d", parts=["val"]) + ["0,e,e,test"],
            r"The test part has clips of label \[0\] only; it needs real and fake ones",
        ),
        (_pairs(*"abcdef"), ""),
        (_pairs("a", "b", parts=PARTS), ""),
    ],
)
def test_too_few_people_or_labels_are_told_before_a_study_starts(tmp_path, monkeypatch, rows, words: str) -> None:
    study = _own(tmp_path, monkeypatch, rows)
    told = check.refusal(study, status.status(study))
    assert told.startswith("The study mine cannot start: ") and re.search(words, told) if words else not told
    if words:
        with pytest.raises(DfdError, match=words):
            check.check(study, whole=False)


@pytest.mark.parametrize(
    ("variable", "takes", "passes"),
    [
        ("DFD_WORLD_MODEL", Study("x"), None),
        ("DFD_VIDEOS", Study("x"), None),
        ("DFD_TINY_IMAGENET", Study("x", thorough=True), Study("x")),
        ("DFD_CELEBA", Study("x", "ffpp"), Study("x")),
        ("DFD_SR", Study("x", "uadfv"), Study("x")),
    ],
)
def test_what_is_set_and_broken_stops_a_study_that_would_take_it(
    tmp_path, monkeypatch, variable: str, takes: Study, passes: Study | None
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    assert f"{variable} names {tmp_path / 'nowhere'}, which is not a" in check.refusal(takes, status.status(takes))
    if passes:
        assert check.refusal(passes, status.status(passes)) == ""


def test_files_that_a_study_names_are_looked_at_first(tmp_path, monkeypatch) -> None:
    def told(**params: object) -> str:
        study = replace(Study("x"), **params)
        return check.refusal(study, status.status(study))

    assert "There is no world model 'head.csv'" in told(headpose=HeadPoseParams(world_model="head.csv"))
    assert "nowhere.pth, which is not a file; name one, or imagenet" in told(resnet=ResNetParams(weights="nowhere.pth"))
    _touch(tmp_path, "some.pth")
    weights = str(tmp_path / "some.pth")
    digest = hashlib.sha256(b"some.pth").hexdigest()
    for sha256, words in ((digest, ""), (digest[::-1], "some.pth has a different sha256 from resnet.weights_sha256")):
        found = told(resnet=ResNetParams(weights=weights, weights_sha256=sha256))
        assert words in found and bool(words) == bool(found)
    monkeypatch.setenv("DFD_WORLD_MODEL", weights)
    assert f"{weights} is not a world model" in told()


def test_a_study_can_name_exactly_the_networks_and_solvers_that_there_are() -> None:
    assert typing.get_args(studies.Arch) == tuple(architectures.ARCHITECTURES)
    assert typing.get_args(studies.Solver) == tuple(pnp.SOLVERS)


def test_a_run_is_refused_before_it_writes_anything(tmp_path, monkeypatch) -> None:
    _own(tmp_path, monkeypatch, _pairs("a", "b", "c"))
    (tmp_path / "mine.yaml").write_text("dataset: folder\n")
    monkeypatch.setattr(paths, "studies", lambda: tmp_path)
    monkeypatch.setattr(paths, "build", lambda: tmp_path / "build")
    for names in ((), ("01",)):
        with pytest.raises(DfdError, match="The study mine cannot start: Each of a study's three parts needs"):
            run.run_study("mine", Console(), names)
    assert not (tmp_path / "build").exists()


def test_a_folder_that_cannot_be_read_is_a_row_and_no_traceback(tmp_path, monkeypatch) -> None:
    def refused(_: Study) -> dict:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setenv("DFD_SR", str(tmp_path))
    monkeypatch.setattr(status, "OTHERS", (status.Source("here", "DFD_SR", "this test", refused),))
    assert "Permission denied" in status.status(Study("x"))[-1].missing


def test_a_name_with_markup_or_controls_is_shown_as_it_is() -> None:
    row = SourceStatus("mine", "DFD_X", "/a/[red]\x1b", {"real": 1234}, "/a/[bold]\x1b", True, True, "this test")
    console = Console(width=160, file=io.StringIO())
    console.print(cli_data._data_table([row], "mine"))
    shown = console.file.getvalue()
    assert "/a/[red]\\x1b" in shown and "/a/[bold]\\x1b" in shown and "\x1b" not in shown and "1,234 real" in shown


def test_the_embedded_data_are_verified(tmp_path, monkeypatch, capsys) -> None:
    assert status.verify_embedded() == []
    _touch(tmp_path / "embedded", "clips/a.mp4", "clips/b.mp4", content=b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    rows = f"clips/a.mp4,{digest}\nclips/b.mp4,{digest[::-1]}\n"
    (tmp_path / "embedded" / "clips.csv").write_text(f"file,sha256\n{rows}")
    _touch(tmp_path / "embedded" / "easy", "clips/a.mp4", content=b"x")
    (tmp_path / "embedded" / "easy" / "clips.csv").write_text(f"file,sha256\nclips/a.mp4,{digest}\n")
    (tmp_path / "embedded" / "stills.csv").write_text(f"file,sha256\nstills/c.jpg,{digest}\n")
    monkeypatch.setenv("DFD_DATA", str(tmp_path))
    assert paths.embedded() == tmp_path / "embedded"
    assert _dfd("data", "verify", monkeypatch=monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == "clips/b.mp4 has a different sha256 from the one in clips.csv\nstills/c.jpg is missing\n"
    assert (
        err
        == "dfd: 2 of the embedded files differ from their tables, as listed above; check out data/embedded again.\n"
    )
