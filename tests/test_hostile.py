"""No file makes a reader crash, hang, take memory without bound or end in anything but one sentence that names it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dfdlib.core import paths
from tests import hostile

RUN = 900  # seconds for all files, also on a busy machine; a hang ends here
Outcomes = dict[tuple[str, str], dict]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> Outcomes:
    """What came of each file by reader and name; those after a file that killed the reader's process are missing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
    command = [sys.executable, "-m", "tests.hostile", str(folder)]
    done = subprocess.run(command, cwd=paths.root(), env=clean, capture_output=True, text=True, timeout=RUN)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {(line["reader"], line["name"]): line for line in lines} | {("", ""): {"stderr": done.stderr[-4000:]}}


@pytest.mark.parametrize("case", hostile.CASES, ids=lambda case: ascii(f"{case.reader}-{case.name[:40]}")[1:-1])
def test_a_hostile_file_is_read_right_or_refused_in_one_sentence(case: hostile.Case, outcomes: Outcomes) -> None:
    key = (case.reader, case.name)
    assert key in outcomes, f"the process ended before or at this file: {outcomes['', '']}"
    outcome = outcomes[key]
    if callable(case.says):
        assert outcome["right"], outcome
        return
    if case.either and not outcome["error"]:
        return
    assert outcome["error"] == "DfdError", outcome
    text = outcome["text"]
    assert re.search(case.says, text), text
    assert text.isprintable() and text.endswith(".") and outcome["named"], text


def test_nothing_was_written_beside_the_files(folder: Path, outcomes: Outcomes) -> None:
    names = [case.name for case in hostile.CASES if case.reader == "tar" and case.name != "missing.tar"]
    assert sorted(path.name for path in (folder / "tar").rglob("*") if path.is_file()) == sorted(names)


def test_the_corpus_is_large_and_no_name_comes_twice() -> None:
    keys = [(case.reader, case.name) for case in hostile.CASES]
    assert len(set(keys)) == len(keys) >= 60
