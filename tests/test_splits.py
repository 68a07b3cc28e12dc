"""Properties that hold for any number of people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfdlib.core.errors import DfdError
from dfdlib.data import sources, splits
from dfdlib.data.catalogue import Clip

EASY = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def _clips(people: int, pairs: int) -> list[Clip]:
    return [
        Clip(f"{person}.{pair}.{label}", Path(), label, f"{person}.{pair}", f"person{person:02d}", "mine")
        for person in range(people)
        for pair in range(pairs)
        for label in (0, 1)
    ]


@EASY
@given(people=st.integers(3, 60), pairs=st.integers(1, 3), seed=st.integers(0, 99))
def test_any_three_people_or_more_are_split_without_a_leak(people: int, pairs: int, seed: int) -> None:
    clips = _clips(people, pairs)
    done = splits.split(clips, seed)  # checks each part for both labels, so that none is empty
    assert splits.shared(done, "person") == [] and splits.shared(done, "pair") == []
    assert [replace(clip, split="") for clip in done] == clips
    test = {clip.person for clip in done if clip.split == "test"}
    assert abs(len(test) - splits.SHARES["test"] * people) <= 0.5 or len(test) == 1


@EASY
@given(people=st.integers(1, 2), seed=st.integers(0, 99))
def test_fewer_people_cannot_be_split(people: int, seed: int) -> None:
    with pytest.raises(DfdError, match=f"at least 3 people and there are {people}"):
        splits.split(_clips(people, 2), seed)


def test_the_order_of_the_clips_does_not_change_the_split() -> None:
    clips = _clips(12, 2)
    forwards = {clip.clip_id: clip.split for clip in splits.by_person(clips, 5)}
    assert forwards == {clip.clip_id: clip.split for clip in splits.by_person(clips[::-1], 5)}


def test_a_split_of_the_data_set_is_kept() -> None:
    parts = {"person00": "test", "person01": "val", "person02": "train"}
    clips = [replace(clip, split=parts[clip.person]) for clip in _clips(3, 1)]
    assert splits.split(clips, 1) == clips


def test_the_first_people_are_those_of_each_part() -> None:
    clips = _clips(6, 1)
    assert {clip.person for clip in sources._first_people(clips, 2)} == {"person00", "person01"}
    parts = [replace(clip, split="test" if clip.person < "person03" else "train") for clip in clips]
    assert {clip.person for clip in sources._first_people(parts, 1)} == {"person00", "person03"}
