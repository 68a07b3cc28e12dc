"""No file makes a reader crash, hang, take memory without bound or end in anything but one sentence that names it."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dfdlib.core import paths
from tests import hostile

RUN = 300  # seconds for all files of a reader, also on a busy machine; a hang ends here


@functools.cache
def _outcomes(reader: str, folder: Path) -> dict[str, dict]:
    """What came of each file of a reader; the files after one that killed the process are missing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DFD_")}
    command = [sys.executable, "-m", "tests.hostile", reader, str(folder)]
    folder.mkdir()
    done = subprocess.run(command, cwd=paths.root(), env=clean, capture_output=True, text=True, timeout=RUN)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["name"]: line for line in lines} | {"": {"rc": done.returncode, "stderr": done.stderr[-2000:]}}


@pytest.mark.parametrize("case", hostile.CASES, ids=lambda case: ascii(f"{case.reader}-{case.name[:40]}")[1:-1])
def test_a_hostile_file_is_read_right_or_refused_in_one_sentence(
    case: hostile.Case, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcomes = _outcomes(case.reader, tmp_path_factory.getbasetemp() / f"hostile-{case.reader}")
    assert case.name in outcomes, f"the process ended before or at this file: {outcomes['']}"
    outcome = outcomes[case.name]
    if callable(case.says):
        assert outcome["right"], outcome
        return
    if case.either and not outcome["error"]:
        return
    assert outcome["error"] == "DfdError", outcome
    text = outcome["text"]
    assert re.search(case.says, text), text
    assert text.isprintable() and text.endswith(".") and outcome["named"], text


def test_nothing_was_written_beside_the_files(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile-tar"
    _outcomes("tar", folder)
    names = [case.name for case in hostile.CASES if case.reader == "tar" and case.name != "missing.tar"]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == sorted(names)


def test_the_corpus_is_large_and_no_name_comes_twice() -> None:
    keys = [(case.reader, case.name) for case in hostile.CASES]
    assert len(set(keys)) == len(keys) >= 60
