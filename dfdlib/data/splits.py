"""Leakage-safe splits: a pair, or a person, is never on both sides; a split that breaks this raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from dfdlib.core import repro
from dfdlib.core.errors import DfdError
from dfdlib.data.catalogue import Clip

Split = Callable[[Sequence[Clip], int], list[Clip]]  # clips and a seed -> the clips with their parts
SHARES = {"train": 0.6, "val": 0.12, "test": 0.28}  # of the people, where a data set has no split of its own


def by_person(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Each person, with all of that person's pairs, in one part; shares as in SHARES.

    From six people on, each part gets two at least, without whom there is no interval over people.
    """
    people = {clip.person for clip in clips}
    part = _parts(people, seed, least=2 if len(people) >= 6 else 1)
    return [replace(clip, split=part[clip.person]) for clip in clips]


def split(clips: Sequence[Clip], seed: int, otherwise: Split = by_person) -> list[Clip]:
    """The parts that the clips name where every clip names one, else the split `otherwise`; checked by pair.

    Where the clips name the test part alone, the rest is split by person.
    """
    named = {clip.split for clip in clips}
    if "" not in named:
        done = list(clips)
    else:
        done = around_test(clips, seed) if named == {"", "test"} else otherwise(clips, seed)
    check(done, "pair")
    return done


def by_person_and_donor(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """By person, without the fakes whose donor is in another part than the person seen: nobody's face is on both sides.

    Fakes whose donor is never seen are left out too. People in fakes and people in none are split separately, so that
    every part has both.
    """
    people = {clip.person for clip in clips}
    swapped = {name for clip in clips if clip.donor in people for name in (clip.person, clip.donor)}
    alone = people - swapped
    part = _parts(swapped, seed, least=2) | (_parts(alone, seed) if len(alone) > 2 else dict.fromkeys(alone, "train"))
    return [replace(c, split=part[c.person]) for c in clips if not c.donor or part.get(c.donor) == part[c.person]]


def around_test(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """The given test part, and the other clips split by person into train and val, in the proportion of SHARES."""
    swapped = {clip.person for clip in clips if not clip.split and clip.label}
    alone = {clip.person for clip in clips if not clip.split} - swapped
    val: set[str] = set()
    for group in (swapped, alone):
        people = repro.rng(seed).permutation(sorted(group))
        val |= set(people[: max(1, round(SHARES["val"] / (SHARES["train"] + SHARES["val"]) * len(people)))])
    return [replace(c, split=c.split or ("val" if c.person in val else "train")) for c in clips]


def _parts(names: Iterable[str], seed: int, least: int = 1) -> dict[str, str]:
    """The part of each person; test and val get at least `least` people each."""
    people = repro.rng(seed).permutation(sorted(names))
    if len(people) < 3 * least:
        raise DfdError(f"A split by person needs at least {3 * least} people and there are {len(people)}; add clips.")
    n_test, n_val = (max(least, round(SHARES[part] * len(people))) for part in ("test", "val"))
    test, val = set(people[:n_test]), set(people[n_test : n_test + n_val])
    return {person: "test" if person in test else "val" if person in val else "train" for person in people}


def shared(clips: Sequence[Clip], unit: str) -> list[str]:
    """The pairs or people (`unit` is "pair" or "person") that are in more than one part, sorted."""
    parts: dict[str, set[str]] = {}
    for clip in clips:
        parts.setdefault(getattr(clip, unit), set()).add(clip.split)
    return sorted(name for name, found in parts.items() if len(found) > 1)


def check(clips: Sequence[Clip], unit: str) -> None:
    """DfdError where a pair or person is in two parts, or where a part lacks a class."""
    leaks = shared(clips, unit)
    if leaks:
        raise DfdError(f"The split leaks: {unit} {leaks[0]} is in more than one part; split by {unit}.")
    for part in ("train", "val", "test"):
        labels = {clip.label for clip in clips if clip.split == part}
        if labels != {0, 1}:
            raise DfdError(f"The {part} part has clips of label {sorted(labels)} only; it needs real and fake ones.")
