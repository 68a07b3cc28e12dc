"""FaceForensics++ and Celeb-DF in the folders in which they are published: names say label, pair, person and donor.

No video is opened here. Files that the study cannot place are left out with a warning as long as they are few.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dfdlib.core import disk, paths
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import METHODS, CelebDFParams, FFPPParams
from dfdlib.data import catalogue
from dfdlib.data.catalogue import Clip

REENACTED = ("Face2Face", "NeuralTextures")  # the face that is there moves otherwise; no other is put in
PARTS = ("train", "val", "test")
TEST_LIST = "List_of_testing_videos.txt"
LISTED_AS = {"Celeb-real": "1", "YouTube-real": "1", "Celeb-synthesis": "0"}  # the list's 1 is real: not our label
MOST_BYTES = 2**22  # of a list of videos
FFPP_FAKE = r"([0-9]{3})_([0-9]{3})"
Group = tuple[str, str]  # a pair of videos such as "000-003", and its part of the official split or ""


def ffpp(params: FFPPParams) -> list[Clip]:
    """FaceForensics++ from `DFD_FFPP`: originals AAA.mp4 and, of each method, AAA_BBB.mp4, in which AAA is seen.

    BBB gives its face, or for the methods in REENACTED its expressions alone, and is then no donor. Fakes of both were
    made with both, so `person` is the two of them, "AAA-BBB"; `pair` is AAA with its fakes. The official split is
    kept where its files are in `splits/` or beside the videos' folders. DfdError where something is missing.
    """
    folder = paths.ffpp()
    originals = _videos(_ffpp_folder(folder / "original_sequences" / "youtube", params), r"([0-9]{3})")
    fakes = [
        (method, names, path)
        for method in _methods(folder, params)
        for names, path in _videos(_ffpp_folder(folder / "manipulated_sequences" / method, params), FFPP_FAKE)
    ]
    official = _official(folder)
    groups = _groups(official or [(names, "") for names in {names for _, names, _ in fakes}], folder)
    if not official:  # an original of which there is no fake stands alone
        groups = {name: (name, "") for (name,), _ in originals} | groups
    clips = [_ffpp_clip(name, path, groups, name) for (name,), path in originals if name in groups]
    strange = [path for (name,), path in originals if name not in groups]
    made = [
        _ffpp_clip(f"{method}_{a}_{b}", path, groups, a, None if method in REENACTED else b, label=1)
        for method, (a, b), path in fakes
        if groups.get(a, a) == groups.get(b, b)
    ]
    strange += [path for _, (a, b), path in fakes if groups.get(a, a) != groups.get(b, b)]
    catalogue.leave_out(
        strange, len(originals) + len(fakes), "videos are in no official pair", "copy the split's files again"
    )
    return clips + _with_original(made, clips)


def _ffpp_folder(folder: Path, params: FFPPParams) -> Path:
    found = folder / params.compression / "videos"
    if not found.is_dir():
        raise DfdError(f"There is no folder {found}; copy it, or name another compression or method in the study.")
    return found


def _methods(folder: Path, params: FFPPParams) -> tuple[str, ...]:
    """Those that the study names, or all that are there."""
    made = folder / "manipulated_sequences"
    there = tuple(name for name in METHODS if (made / name / params.compression / "videos").is_dir())
    if not (params.methods or there):
        what = f"none of {', '.join(METHODS)} with videos in {params.compression}/"
        raise DfdError(f"{made} holds {what}; copy one, or name another compression in the study.")
    return params.methods or there


def _ffpp_clip(clip_id: str, path: Path, groups: dict, name: str, donor: str | None = None, label: int = 0) -> Clip:
    group, part = groups[name]
    return Clip(clip_id, path, label, name, group, "ffpp", donor, part)


def _official(folder: Path) -> list[tuple[tuple[str, str], str]]:
    """The official pairs with their parts; none where no file of the split is there, DfdError for a part of them."""
    place = folder / "splits" if (folder / "splits").is_dir() else folder
    there = [part for part in PARTS if (place / f"{part}.json").is_file()]
    missing = [part for part in PARTS if part not in there]
    if there and missing:
        raise DfdError(f"{place} lacks {missing[0]}.json of the official split; copy it, or take the others away too.")
    return [(pair, part) for part in there for pair in _pairs(place / f"{part}.json")]


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        found = json.loads(disk.read_bytes(path, MOST_BYTES))
        pairs = [(str(a), str(b)) for a, b in found if re.fullmatch(FFPP_FAKE, f"{a}_{b}")]
        if not pairs or len(pairs) < len(found):
            raise ValueError("an entry is no pair of numbers")
    except disk.DAMAGED as error:
        what = 'not the official list of pairs such as ["000", "003"]'
        raise DfdError(f"{path} is {what} ({disk.why(error)}); copy it again.") from None
    return pairs


def _groups(pairs: Iterable[tuple[tuple[str, str], str]], folder: Path) -> dict[str, Group]:
    """The group of each video, from pairs with their parts; DfdError where a video stands in two groups or parts."""
    groups: dict[str, Group] = {}
    for pair, part in sorted(pairs):
        group = "-".join(sorted(pair)), part
        for name in pair:
            if groups.setdefault(name, group) != group:
                both = " and ".join(" ".join(found).strip() for found in (groups[name], group))
                raise DfdError(f"{folder}: video {name} is in two pairs or parts ({both}); copy names or splits again.")
    return groups


def celebdf(params: CelebDFParams) -> list[Clip]:
    """Celeb-DF (v1 or v2) from `DFD_CELEBDF`: idX_NNNN.mp4 and NNNNN.mp4 are real, idX_idY_NNNN.mp4 is a fake.

    A fake is video NNNN of idX with the face of idY. Nothing says who is in YouTube-real: each of its videos counts as
    a person of its own. `split` "person" leaves the split to `splits.by_person_and_donor`; "published" makes the
    published list the test part and leaves out what shares a pair with it, because the list parts fakes from their
    originals. People are still on both sides of it. DfdError where something is missing.
    """
    folder = paths.celebdf()
    clips = [
        Clip(path.stem, path, 0, path.stem, person, "celebdf")
        for (person, _), path in _videos(folder / "Celeb-real", r"(id[0-9]+)_([0-9]+)")
    ]
    clips += [
        Clip(path.stem, path, 0, path.stem, f"youtube{number}", "celebdf")
        for (number,), path in _videos(folder / "YouTube-real", r"([0-9]+)")
    ]
    fakes = [
        Clip(path.stem, path, 1, f"{person}_{number}", person, "celebdf", donor)
        for (person, donor, number), path in _videos(folder / "Celeb-synthesis", r"(id[0-9]+)_(id[0-9]+)_([0-9]+)")
    ]
    clips += _with_original(fakes, clips)
    if params.split == "person":
        return clips
    listed = _test_list(folder / TEST_LIST, {_name(clip) for clip in clips})
    pairs = {clip.pair for clip in clips if _name(clip) in listed}
    tested = [replace(clip, split="test") for clip in clips if _name(clip) in listed]
    return tested + [clip for clip in clips if clip.pair not in pairs]


def _name(clip: Clip) -> str:
    return f"{clip.path.parent.name}/{clip.path.name}"


def _test_list(path: Path, known: set[str]) -> set[str]:
    """The names, such as "YouTube-real/00170.mp4", of the published test videos; each line is checked."""
    try:
        lines = disk.read_bytes(path, MOST_BYTES).decode("utf-8-sig").splitlines()
    except disk.DAMAGED as error:
        raise DfdError(f"{path} is missing or no text ({disk.why(error)}); copy the published list there.") from None
    listed = {}
    for number, line in enumerate(lines, 1):
        label, _, name = line.strip().replace("\\", "/").partition(" ")
        if label and LISTED_AS.get(name.partition("/")[0]) != label:
            what = f'"{line.strip()[:80]}", not 1 and a real video or 0 and a fake one'
            raise DfdError(f"{path}: line {number} is {what}; copy the published list again.")
        listed[name] = None
    listed.pop("", None)
    if not listed:
        raise DfdError(f"{path} names no video; copy the published list again.")
    catalogue.leave_out(
        [name for name in listed if name not in known], len(listed), f"videos of {path} are not there", "copy them"
    )
    return set(listed) & known


def _videos(folder: Path, pattern: str) -> list[tuple[tuple[str, ...], Path]]:
    """The .mp4 files of a folder, sorted, each with what the groups of the pattern found in its name."""
    if not folder.is_dir():
        raise DfdError(f"There is no folder {folder}; data/README.md says how the data set must be laid out.")
    files = sorted(p for p in folder.iterdir() if p.suffix == ".mp4" and not p.name.startswith("."))
    if not files:
        raise DfdError(f"{folder} holds no .mp4 file; copy the data set's videos there.")
    found = [(re.fullmatch(pattern, path.stem), path) for path in files]
    strange = [path for match, path in found if not match]
    catalogue.leave_out(
        strange, len(files), "videos have another name than the data set's", "move them out of the folder"
    )
    return [(match.groups(), path) for match, path in found if match]


def _with_original(fakes: list[Clip], originals: list[Clip]) -> list[Clip]:
    """The fakes whose original is there."""
    there = {clip.pair for clip in originals}
    missing = [clip.path for clip in fakes if clip.pair not in there]
    catalogue.leave_out(missing, len(fakes), "fakes have no original video beside them", "copy the originals too")
    return [clip for clip in fakes if clip.pair in there]
