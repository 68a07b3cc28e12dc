"""FaceForensics++ in the folders in which it is published. No video is opened: the names and lists say everything."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from dfdlib.core import disk
from dfdlib.core.errors import DfdError
from dfdlib.core.studies import FFPPParams, Method, Study
from dfdlib.data import catalogue
from dfdlib.data.catalogue import Clip

METHODS = typing.get_args(Method)
REENACTED = ("Face2Face", "NeuralTextures")  # they change how the face moves, and put no other face in
PARTS = ("train", "val", "test")
MOST_BYTES = 2**22  # of a list of pairs
ThreeDigits = Annotated[str, Field(pattern="^[0-9]{3}$")]
PAIR_LIST = TypeAdapter(Annotated[list[tuple[ThreeDigits, ThreeDigits]], Field(min_length=1)])
FAKE = "([0-9]{3})_([0-9]{3})"
Pair = tuple[str, str]
Group = tuple[str, str]  # the name of a pair such as "000-003", and its part of the official split or ""


def clips(folder: Path, study: Study) -> list[Clip]:
    """Originals AAA.mp4 and, for each method, fakes AAA_BBB.mp4, in which AAA is seen.

    BBB gives the face, or for the methods in REENACTED the expressions alone, and is then not a donor. AAA and BBB were
    used to make fakes of each other, so `person` is both, "AAA-BBB"; `pair` is AAA with its fakes. The official split
    is used where its files are in `splits/` or next to the videos' folders. DfdError where something is missing.
    """
    params, youtube = study.ffpp, folder / "original_sequences" / "youtube"
    found = [
        Clip(name, path, 0, name, "", "ffpp")
        for (name,), path in catalogue.videos(_folder(youtube, params), "([0-9]{3})")
    ]
    found += [
        Clip(f"{method}_{a}_{b}", path, 1, a, "", "ffpp", b)
        for method in _methods(folder, params)
        for (a, b), path in catalogue.videos(_folder(folder / "manipulated_sequences" / method, params), FAKE)
    ]
    groups = _groups(_official(folder), folder)
    if not groups:  # then group by the fakes; an original without fakes is a group by itself
        groups = {clip.pair: (clip.pair, "") for clip in found if not clip.donor}
        groups |= _groups({((clip.pair, clip.donor), "") for clip in found if clip.donor}, folder)
    strange = [c.path for c in found if c.pair not in groups or groups[c.pair] != groups.get(c.donor or c.pair)]
    catalogue.leave_out(strange, len(found), "videos are in no official pair", "copy the split's files again")
    return catalogue.with_original([_placed(clip, *groups[clip.pair]) for clip in found if clip.path not in strange])


def _placed(clip: Clip, group: str, part: str) -> Clip:
    donor = None if clip.clip_id.startswith(REENACTED) else clip.donor
    return replace(clip, person=group, split=part, donor=donor)


def _folder(folder: Path, params: FFPPParams) -> Path:
    found = folder / params.compression / "videos"
    if not found.is_dir():
        raise DfdError(f"There is no folder {found}; copy it, or name another compression or method in the study.")
    return found


def _methods(folder: Path, params: FFPPParams) -> tuple[str, ...]:
    """The methods that the study names, or all that are found."""
    made = folder / "manipulated_sequences"
    there = tuple(name for name in METHODS if (made / name / params.compression / "videos").is_dir())
    if not (params.methods or there):
        what = f"none of {', '.join(METHODS)} with videos in {params.compression}/"
        raise DfdError(f"{made} holds {what}; copy one, or name another compression in the study.")
    return params.methods or there


def _official(folder: Path) -> list[tuple[Pair, str]]:
    """The official pairs with their parts; none without the split's files; DfdError where some are missing."""
    place = folder / "splits" if (folder / "splits").is_dir() else folder
    there = [part for part in PARTS if (place / f"{part}.json").is_file()]
    missing = [part for part in PARTS if part not in there]
    if there and missing:
        raise DfdError(f"{place} lacks {missing[0]}.json of the official split; copy it, or take the others away too.")
    return [(pair, part) for part in there for pair in _pairs(place / f"{part}.json")]


def _pairs(path: Path) -> list[Pair]:
    try:
        return PAIR_LIST.validate_json(disk.read_bytes(path, MOST_BYTES))
    except disk.DAMAGED:
        raise DfdError(f'{path} is not the official list of pairs such as ["000", "003"]; copy it again.') from None


def _groups(pairs: Iterable[tuple[Pair, str]], folder: Path) -> dict[str, Group]:
    """The group of each video, from pairs with their parts; DfdError where a video is in two groups or parts."""
    groups: dict[str, Group] = {}
    for pair, part in sorted(pairs):
        group = "-".join(sorted(pair)), part
        for name in pair:
            if groups.setdefault(name, group) != group:
                both = " and ".join(" ".join(found).strip() for found in (groups[name], group))
                raise DfdError(
                    f"{folder}: video {name} is in two pairs or parts ({both}); restore the published lists."
                )
    return groups
